// Sets of physical memory: what is RAM, what of it is free, and where devices are.
//
// Ranges come from a device tree, which may describe memory twice or in any order: a set holds every byte once, and joins what touches.

/// A set of physical pages: ranges in ascending order that neither overlap nor touch.
public struct MemoryMap {
    private var list: RangeList
    private var trimmed: UInt64 = 0

    /// - Parameter overflow: what becomes of ranges beyond `RangeList.capacity`.
    public init(whenFull overflow: RangeList.Overflow) { list = RangeList(whenFull: overflow) }
    /// - Precondition: `index` is below `count`.
    public subscript(index: Int) -> RegisterRange { mutating get { list[index] } }
    public var count: Int { mutating get { list.count } }
    /// Bytes that were left out: since the set is full, or by `leaveOut`.
    public var lost: UInt64 { mutating get { list.lost &+ trimmed } }

    // Members that only read are `mutating` as well: otherwise each use would copy the whole set to the stack.

    public var bytes: UInt64 {
        mutating get {
            var sum: UInt64 = 0
            for index in 0..<list.count { sum &+= list[index].size }
            return sum
        }
    }

    /// Adds the whole pages within a range.
    public mutating func add(pagesWithin base: UInt64, _ size: UInt64) {
        let end = RegisterRange(base: base, size: size).end & ~4095
        let start = base > ~4095 ? end : (base + 4095) & ~4095
        if start < end { list.insert(start, end) }
    }
    /// Adds every page that a range touches.
    public mutating func add(pagesAround base: UInt64, _ size: UInt64) {
        let pages = RegisterRange(base: base, size: size).pages
        if size > 0 && !pages.isEmpty { list.insert(pages.lowerBound, pages.upperBound) }
    }

    /// Takes out every page that a range touches.
    public mutating func remove(pagesAround base: UInt64, _ size: UInt64) {
        let pages = RegisterRange(base: base, size: size).pages
        if size == 0 { return }
        var index = 0
        while index < list.count {  // each range once, and the two parts of one that is split
            let range = list[index]
            if range.end <= pages.lowerBound || range.base >= pages.upperBound {
                index += 1
                continue
            }
            list.remove(at: index)
            if range.base < pages.lowerBound { list.insert(range.base, pages.lowerBound) }
            if range.end > pages.upperBound { list.insert(pages.upperBound, range.end) }
        }
    }

    /// Takes out the pages from `start` up to `end`, and counts them as lost.
    public mutating func leaveOut(_ start: UInt64, _ end: UInt64) {
        let before = bytes
        remove(pagesAround: start, end - start)
        trimmed &+= before - bytes
    }

    /// Takes out the largest range and returns it; nil if none is left.
    public mutating func takeLargest() -> RegisterRange? {
        if list.count == 0 { return nil }
        var largest = 0
        for index in 1..<list.count where list[index].size > list[largest].size { largest = index }
        defer { list.remove(at: largest) }
        return list[largest]
    }

    /// Adds all RAM below `limit` that the tree names, however often.
    public mutating func add(memoryOf machine: MachineDescription, below limit: UInt64) {
        for index in 0..<machine.memory.count {
            let range = machine.memory[index]
            if range.base < limit { add(pagesWithin: range.base, min(range.size, limit - range.base)) }
        }
    }
    /// Takes out what must not be handed out.
    public mutating func remove(reservationsOf machine: MachineDescription) {
        for index in 0..<machine.reserved.count {
            remove(pagesAround: machine.reserved[index].base, machine.reserved[index].size)
        }
    }

    /// Joins ranges that are at most `gap` bytes apart, where nothing of `keep` lies between them.
    public mutating func join(gap: UInt64, avoiding keep: inout MemoryMap) {
        if list.count == 0 { return }
        var kept = 0
        for index in 1..<list.count {
            let end = list[kept].end
            let next = list[index]
            let isBlocked = keep.overlaps(end, next.base)
            if next.base - end <= gap && !isBlocked {
                list[kept] = RegisterRange(base: list[kept].base, end: next.end)
            } else {
                kept += 1
                list[kept] = next
            }
        }
        list.truncate(to: kept + 1)
    }

    public mutating func overlaps(_ start: UInt64, _ end: UInt64) -> Bool {
        for index in 0..<list.count where list[index].base < end && list[index].end > start { return true }
        return false
    }

    /// Whether one range of this set holds all bytes from `start` up to `end`.
    public mutating func contains(_ start: UInt64, _ end: UInt64) -> Bool {
        for index in 0..<list.count where list[index].base <= start && list[index].end >= end { return true }
        return false
    }
}
