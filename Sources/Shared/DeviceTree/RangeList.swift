// Ranges of addresses, sorted and joined, in memory that the caller provides. A tree may name any
// number of ranges, in any order. Ranges beyond the places cost memory: the boot goes on, and
// reserved memory stays reserved.

/// Ranges in ascending order that neither overlap nor touch.
///
/// `insert` only collects. `order` sorts and joins, and must come before the ranges are read.
@safe public struct RangeList: ~Copyable {
    public typealias Places = UnsafeMutableBufferPointer<RegisterRange>

    /// What becomes of ranges beyond the places.
    public enum Overflow: Sendable {
        /// The smallest range is left out: for memory, which is not used then.
        case leaveOut
        /// The two closest ranges become one, with what lies between them: for memory that no task
        /// may get.
        case widen
    }
    /// A tree of `DeviceTree.maximumBytes` names at most this many ranges: each takes 8 bytes.
    public static var maximum: Int { DeviceTree.maximumBytes / 8 }

    private let places: Places
    private let overflow: Overflow
    private var isOrdered = true
    public private(set) var count = 0
    /// How often a range with bytes was inserted: more places than that no list needs, but for one.
    public private(set) var inserted = 0
    /// Bytes that were left out.
    public private(set) var lost: UInt64 = 0
    /// Whether there were more ranges than places.
    public private(set) var isCut = false

    /// - Parameter places: at least 2. One stays free between two calls. The caller keeps them for
    ///   as long as the list is used.
    public init(_ places: Places, whenFull overflow: Overflow) {
        unsafe self.places = places
        self.overflow = overflow
    }

    /// - Precondition: `index` is below `count`, and the list is in order.
    public internal(set) subscript(index: Int) -> RegisterRange {
        // Safety: the caller of `init` keeps the places; an index below `count` is one of them.
        get { unsafe places[index] }
        nonmutating set { unsafe places[index] = newValue }
    }

    /// Adds a range; one that has no bytes changes nothing.
    ///
    /// - Complexity: O(1) while there are places; O(n log n) where the list must be joined for one.
    public mutating func insert(_ range: RegisterRange) {
        if range.size > 0 { insert(range.base, range.end) }
    }

    /// Adds the addresses from `start` up to `end`.
    mutating func insert(_ start: UInt64, _ end: UInt64) {
        inserted += 1
        if count > 0 {
            let last = self[count - 1]
            if start >= last.base && start <= last.end {
                self[count - 1] = RegisterRange(base: last.base, end: max(last.end, end))
                return
            }
            if start < last.base { isOrdered = false }
        }
        self[count] = RegisterRange(base: start, end: end)
        count += 1
        keepOnePlace()
    }

    /// Sorts the ranges, and joins those that overlap or touch.
    ///
    /// - Complexity: O(n log n); O(1) where the list is in order.
    public mutating func order() {
        if isOrdered { return }
        isOrdered = true
        sort { $0.base < $1.base }
        var last = 0
        for index in 1..<max(count, 1) {
            let next = self[index]
            if next.base <= self[last].end {
                let end = max(self[last].end, next.end)
                self[last] = RegisterRange(base: self[last].base, end: end)
            } else {
                last += 1
                self[last] = next
            }
        }
        count = min(count, last + 1)
    }

    /// Sorts the ranges by size. The list is only good for `removeLast` then.
    mutating func orderBySize() {
        sort { $0.size < $1.size || $0.size == $1.size && $0.base > $1.base }
    }

    /// Heap sort: it needs no memory, and its worst case is not far from its best.
    private func sort(_ precedes: (RegisterRange, RegisterRange) -> Bool) {
        func swap(_ place: Int, _ other: Int) {
            (self[place], self[other]) = (self[other], self[place])
        }
        func sink(_ first: Int, _ length: Int) {
            var place = first
            while 2 * place + 1 < length {  // at most log2(`length`) rounds
                var child = 2 * place + 1
                if child + 1 < length && precedes(self[child], self[child + 1]) { child += 1 }
                if !precedes(self[place], self[child]) { return }
                swap(place, child)
                place = child
            }
        }
        for place in (0..<(count / 2)).reversed() { sink(place, count) }
        for length in (1..<max(count, 1)).reversed() {
            swap(0, length)
            sink(0, length)
        }
    }

    /// Frees a place where none is left.
    private mutating func keepOnePlace() {
        if unsafe count < places.count { return }
        order()
        if unsafe count < places.count { return }
        isCut = true
        var best = 0
        switch overflow {
        case .leaveOut:
            for index in 1..<count where self[index].size < self[best].size { best = index }
            lost &+= self[best].size
            remove(at: best)
        case .widen:
            for index in 1..<(count - 1) where gap(behind: index) < gap(behind: best) {
                best = index
            }
            self[best] = RegisterRange(base: self[best].base, end: self[best + 1].end)
            remove(at: best + 1)
        }
    }
    private func gap(behind index: Int) -> UInt64 { self[index + 1].base - self[index].end }

    private mutating func remove(at place: Int, _ length: Int = 1) {
        if length == 0 { return }
        count -= length
        for index in place..<max(count, place) { self[index] = self[index + length] }
    }
    mutating func removeLast() -> RegisterRange {
        count -= 1
        return self[count]
    }
    /// Drops the ranges from `length` on.
    mutating func truncate(to length: Int) { count = length }

    /// Takes out the addresses from `start` up to `end`.
    ///
    /// - Returns: how many bytes of them were in the list.
    /// - Complexity: O(n), of which the search takes O(log n).
    mutating func remove(_ start: UInt64, _ end: UInt64) -> UInt64 {
        order()
        var place = firstIndex(endingAbove: start)
        if place == count || self[place].base >= end { return 0 }
        let range = self[place]
        if range.base < start {
            self[place] = RegisterRange(base: range.base, end: start)
            place += 1
            if range.end > end {
                var index = count
                while index > place {  // at most `count` rounds
                    self[index] = self[index - 1]
                    index -= 1
                }
                self[place] = RegisterRange(base: end, end: range.end)
                count += 1
                keepOnePlace()
                return end - start
            }
        }
        var removed = place > 0 && range.base < start ? range.end - start : 0
        var behind = place
        while behind < count && self[behind].end <= end {  // at most `count` rounds
            removed &+= self[behind].size
            behind += 1
        }
        if behind < count && self[behind].base < end {
            removed &+= end - self[behind].base
            self[behind] = RegisterRange(base: end, end: self[behind].end)
        }
        remove(at: place, behind - place)
        return removed
    }
    /// The first range that ends above an address; `count` if none does.
    func firstIndex(endingAbove address: UInt64) -> Int {
        var low = 0
        var high = count
        while low < high {  // at most log2(`count`) + 1 rounds
            let middle = (low + high) / 2
            if self[middle].end > address { high = middle } else { low = middle + 1 }
        }
        return low
    }

    public func overlaps(_ range: RegisterRange) -> Bool {
        for index in 0..<count where self[index].overlaps(range) { return true }
        return false
    }
    /// Bytes from `limit` on.
    public func bytes(above limit: UInt64) -> UInt64 {
        var sum: UInt64 = 0
        for index in 0..<count where self[index].end > limit {
            sum &+= self[index].end - max(self[index].base, limit)
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
