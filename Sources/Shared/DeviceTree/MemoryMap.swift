// Sets of physical memory: what is RAM, what of it is free, and where devices are.
//
// Ranges come from a device tree, which may describe memory twice or in any order: a set holds every byte once.

/// A set of physical pages: up to 64 ranges that do not overlap.
public struct MemoryMap {
    private var ranges: InlineArray<64, RegisterRange>
    public private(set) var count = 0
    /// Bytes that were left out because the set is full.
    public private(set) var lost: UInt64 = 0

    public init() { ranges = InlineArray(repeating: RegisterRange(base: 0, size: 0)) }
    /// - Precondition: `index` is below `count`.
    public subscript(index: Int) -> RegisterRange { mutating get { ranges[index] } }

    // Members that only read are `mutating` as well: otherwise each use would copy the whole set to the stack.

    public var bytes: UInt64 {
        mutating get {
            var sum: UInt64 = 0
            for index in 0..<count { sum &+= ranges[index].size }
            return sum
        }
    }

    /// Add the whole pages within a range.
    public mutating func add(pagesWithin base: UInt64, _ size: UInt64) {
        let end = MemoryMap.end(base, size) & ~4095
        let start = base > ~4095 ? end : (base + 4095) & ~4095
        if start < end { add(start, end) }
    }
    /// Add every page that a range touches.
    public mutating func add(pagesAround base: UInt64, _ size: UInt64) {
        if size == 0 { return }
        let end = min(MemoryMap.end(base, size), ~4095)
        add(base & ~4095, (end + 4095) & ~4095)
    }
    private mutating func add(_ start: UInt64, _ end: UInt64) {
        remove(start, end)
        append(start, end)
    }

    /// Take out every page that a range touches.
    public mutating func remove(pagesAround base: UInt64, _ size: UInt64) {
        if size == 0 { return }
        let end = min(MemoryMap.end(base, size), ~4095)
        remove(base & ~4095, (end + 4095) & ~4095)
    }
    private mutating func remove(_ start: UInt64, _ end: UInt64) {
        var index = 0
        while index < count {  // each range once; a split appends one that no longer overlaps
            let range = ranges[index]
            let rangeEnd = range.base + range.size
            if rangeEnd <= start || range.base >= end {
                index += 1
                continue
            }
            count -= 1
            ranges[index] = ranges[count]
            if range.base < start { append(range.base, start) }
            if rangeEnd > end { append(end, rangeEnd) }
        }
    }

    /// Add all RAM below `limit` that the tree names, however often.
    public mutating func add(memoryOf machine: MachineDescription, below limit: UInt64) {
        for index in 0..<machine.memory.count {
            let range = machine.memory[index]
            if range.base < limit { add(pagesWithin: range.base, min(range.size, limit - range.base)) }
        }
    }
    /// Take out what must not be handed out.
    public mutating func remove(reservationsOf machine: MachineDescription) {
        for index in 0..<machine.reserved.count {
            remove(pagesAround: machine.reserved[index].base, machine.reserved[index].size)
        }
    }

    /// Join ranges that are at most `gap` bytes apart, where nothing of `keep` lies between them.
    public mutating func join(gap: UInt64, avoiding keep: inout MemoryMap) {
        sort()
        var kept = 0
        for index in 1..<max(count, 1) {
            let end = ranges[kept].base + ranges[kept].size
            let next = ranges[index]
            let isBlocked = keep.overlaps(end, next.base)
            if next.base - end <= gap && !isBlocked {
                ranges[kept].size = next.base + next.size - ranges[kept].base
            } else {
                kept += 1
                ranges[kept] = next
            }
        }
        if count > 0 { count = kept + 1 }
    }

    /// Ascending by address.
    public mutating func sort() {
        for index in 1..<max(count, 1) {
            let range = ranges[index]
            var place = index
            while place > 0 && ranges[place - 1].base > range.base {
                ranges[place] = ranges[place - 1]
                place -= 1
            }
            ranges[place] = range
        }
    }

    public mutating func overlaps(_ start: UInt64, _ end: UInt64) -> Bool {
        for index in 0..<count where ranges[index].base < end && ranges[index].base + ranges[index].size > start {
            return true
        }
        return false
    }

    /// Whether one range of this set holds all bytes from `start` up to `end`.
    public mutating func contains(_ start: UInt64, _ end: UInt64) -> Bool {
        for index in 0..<count where ranges[index].base <= start && ranges[index].base + ranges[index].size >= end {
            return true
        }
        return false
    }

    private mutating func append(_ start: UInt64, _ end: UInt64) {
        if count == 64 {
            lost &+= end - start
            return
        }
        ranges[count] = RegisterRange(base: start, size: end - start)
        count += 1
    }
    private static func end(_ base: UInt64, _ size: UInt64) -> UInt64 {
        let (sum, overflow) = base.addingReportingOverflow(size)
        return overflow ? .max : sum
    }
}
