// Sets of physical memory: what is RAM, what of it is free, and where devices are.
//
// Ranges come from a device tree, which may describe memory twice or in any order: a set holds
// every byte once, and joins what touches.

/// A set of physical pages: ranges in ascending order that neither overlap nor touch.
public struct MemoryMap: ~Copyable {
    private var list: RangeList
    private var trimmed: UInt64 = 0

    /// - Parameters:
    ///   - places: as `RangeList` takes them. Each range that is taken out may need one more.
    ///   - overflow: what becomes of ranges beyond the places.
    public init(_ places: RangeList.Places, whenFull overflow: RangeList.Overflow) {
        list = unsafe RangeList(places, whenFull: overflow)
    }
    /// - Precondition: `index` is below `count`.
    public subscript(index: Int) -> RegisterRange {
        mutating get {
            list.order()
            return list[index]
        }
    }
    public var count: Int {
        mutating get {
            list.order()
            return list.count
        }
    }
    /// Bytes that were left out: for want of places, or by `leaveOut`.
    public var lost: UInt64 { list.lost &+ trimmed }
    /// Whether there were more ranges than places.
    public var isCut: Bool { list.isCut }

    // Members that only read are `mutating` as well: they put the ranges in order first.

    public var bytes: UInt64 {
        mutating get {
            list.order()
            return list.bytes(above: 0)
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
        if size > 0 { _ = list.remove(pages.lowerBound, pages.upperBound) }
    }

    /// Takes out the pages from `start` up to `end`, and counts them as lost.
    public mutating func leaveOut(_ start: UInt64, _ end: UInt64) {
        let pages = RegisterRange(base: start, size: end - start).pages
        trimmed &+= list.remove(pages.lowerBound, pages.upperBound)
    }

    /// Page tables that the ends of ranges need: an end inside a GiB, or inside 2 MiB, needs one,
    /// unless the end before needs the same.
    public var tables: UInt64 {
        mutating get { ends(inside: 1 << 30) + ends(inside: 2 << 20) }
    }
    private mutating func ends(inside block: UInt64) -> UInt64 {
        var tables: UInt64 = 0
        var covered = UInt64.max
        func add(_ end: UInt64) {
            let start = end & ~(block - 1)
            if end == start || covered == start { return }
            tables += 1
            covered = start
        }
        for index in 0..<count {
            add(list[index].base)
            add(list[index].end)
        }
        return tables
    }

    /// Leaves out the ends of ranges for which there are no page tables.
    public mutating func trim(toTables count: UInt64) {
        var tables = count
        trim(to: 1 << 30, &tables)
        trim(to: 2 << 20, &tables)
    }
    private mutating func trim(to block: UInt64, _ tables: inout UInt64) {
        var covered = UInt64.max
        func covers(_ end: UInt64) -> Bool {
            let start = end & ~(block - 1)
            if end == start || covered == start { return true }
            if tables == 0 { return false }
            tables -= 1
            covered = start
            return true
        }
        var index = 0
        while index < self.count {  // at most three times for each range
            let range = self[index]
            if !covers(range.base) {
                leaveOut(range.base, min(range.end, (range.base | (block - 1)) + 1))
            } else if !covers(range.end) {
                leaveOut(range.end & ~(block - 1), range.end)
            } else {
                index += 1
            }
        }
    }

    /// Calls `body` for each range, the largest first, and empties the set.
    ///
    /// - Complexity: O(n log n).
    public mutating func takeAll(_ body: (RegisterRange) -> Void) {
        list.order()
        list.orderBySize()
        while list.count > 0 { body(list.removeLast()) }
    }

    /// Adds all RAM below `limit` that the tree names, however often.
    public mutating func add(memoryOf machine: borrowing MachineDescription, below limit: UInt64) {
        for index in 0..<machine.memory.count {
            let range = machine.memory[index]
            if range.base < limit {
                add(pagesWithin: range.base, min(range.size, limit - range.base))
            }
        }
    }
    /// Takes out what must not be handed out.
    public mutating func remove(reservationsOf machine: borrowing MachineDescription) {
        for index in 0..<machine.reserved.count {
            remove(pagesAround: machine.reserved[index].base, machine.reserved[index].size)
        }
    }

    /// Joins ranges that are at most `gap` bytes apart, where nothing of `keep` lies between them.
    public mutating func join(gap: UInt64, avoiding keep: inout MemoryMap) {
        list.order()
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

    /// - Complexity: O(log n) of a set in order.
    public mutating func overlaps(_ start: UInt64, _ end: UInt64) -> Bool {
        list.order()
        let index = list.firstIndex(endingAbove: start)
        return index < list.count && list[index].base < end
    }

    /// Whether one range of this set holds all bytes from `start` up to `end`.
    ///
    /// - Complexity: O(log n) of a set in order.
    public mutating func contains(_ start: UInt64, _ end: UInt64) -> Bool {
        list.order()
        let index = list.firstIndex(endingAbove: start)
        return index < list.count && list[index].base <= start && list[index].end >= end
    }
}
