// Ranges of addresses, sorted and joined. A tree may name any number of them. Ranges beyond the
// places cost memory: the boot goes on, and reserved memory stays reserved.

/// Ranges in ascending order that neither overlap nor touch.
public struct RangeList {
    /// What becomes of ranges beyond `capacity`.
    public enum Overflow: Sendable {
        /// The smallest range is left out: for memory, which is not used then.
        case leaveOut
        /// The two closest ranges become one, with what lies between them: for memory that no task
        /// may get.
        case widen
    }
    /// The ranges that have places. Boot holds five lists on its stack. More places would help
    /// little: 48 page tables map the ends of ranges, and the root task's list of memory and
    /// devices is one page of some 240 entries.
    public static let capacity = 64
    private var ranges: InlineArray<64, RegisterRange>
    public private(set) var count = 0
    /// Bytes that were left out.
    public private(set) var lost: UInt64 = 0
    private let overflow: Overflow

    public init(whenFull overflow: Overflow) {
        ranges = InlineArray(repeating: RegisterRange(base: 0, size: 0))
        self.overflow = overflow
    }

    /// - Precondition: `index` is below `count`.
    public internal(set) subscript(index: Int) -> RegisterRange {
        get { ranges[index] }
        set { ranges[index] = newValue }
    }

    /// Adds a range; one that has no bytes changes nothing.
    public mutating func insert(_ range: RegisterRange) {
        if range.size > 0 { insert(range.base, range.end) }
    }

    /// Adds the addresses from `start` up to `end`.
    ///
    /// - Complexity: O(`capacity`).
    mutating func insert(_ start: UInt64, _ end: UInt64) {
        var place = 0
        while place < count && ranges[place].end < start { place += 1 }  // at most `count` rounds
        if place == count || ranges[place].base > end { return add(start, end, at: place) }
        ranges[place] = RegisterRange(
            base: min(start, ranges[place].base), end: max(end, ranges[place].end))
        // Those that the range reaches now.
        while place + 1 < count && ranges[place + 1].base <= ranges[place].end {  // at most `count`
            ranges[place] = RegisterRange(
                base: ranges[place].base, end: max(ranges[place].end, ranges[place + 1].end))
            remove(at: place + 1)
        }
    }

    /// Adds a range that touches no other.
    private mutating func add(_ start: UInt64, _ end: UInt64, at place: Int) {
        if count == RangeList.capacity { return makeRoom(start, end) }
        var index = count
        while index > place {  // at most `count` rounds
            ranges[index] = ranges[index - 1]
            index -= 1
        }
        ranges[place] = RegisterRange(base: start, end: end)
        count += 1
    }

    private mutating func makeRoom(_ start: UInt64, _ end: UInt64) {
        switch overflow {
        case .leaveOut:
            var smallest = 0
            for index in 1..<count where ranges[index].size < ranges[smallest].size {
                smallest = index
            }
            if end - start <= ranges[smallest].size {
                lost &+= end - start
                return
            }
            lost &+= ranges[smallest].size
            remove(at: smallest)
            insert(start, end)
        case .widen:
            var closest = 0
            for index in 1..<(count - 1) where gap(behind: index) < gap(behind: closest) {
                closest = index
            }
            ranges[closest] = RegisterRange(
                base: ranges[closest].base, end: ranges[closest + 1].end)
            remove(at: closest + 1)
            insert(start, end)
        }
    }
    private func gap(behind index: Int) -> UInt64 { ranges[index + 1].base - ranges[index].end }

    mutating func remove(at place: Int) {
        count -= 1
        for index in place..<count { ranges[index] = ranges[index + 1] }
    }
    /// Drops the ranges from `length` on.
    mutating func truncate(to length: Int) { count = length }

    func overlaps(_ range: RegisterRange) -> Bool {
        for index in 0..<count where ranges[index].overlaps(range) { return true }
        return false
    }
    /// Bytes from `limit` on.
    public func bytes(above limit: UInt64) -> UInt64 {
        var sum: UInt64 = 0
        for index in 0..<count where ranges[index].end > limit {
            sum &+= ranges[index].end - max(ranges[index].base, limit)
        }
        return sum
    }
}

extension RegisterRange {
    /// - Precondition: `end` is above `base`.
    init(base: UInt64, end: UInt64) { self.init(base: base, size: end - base) }

    /// The address behind the range; all ones where that is beyond 64 bits.
    public var end: UInt64 {
        let (sum, overflow) = base.addingReportingOverflow(size)
        return overflow ? .max : sum
    }
    /// Addresses of the pages that the range touches.
    var pages: Range<UInt64> {
        let last = min(end, ~4095)
        let start = min(base & ~4095, last)
        return start..<((last + 4095) & ~4095)
    }
}
