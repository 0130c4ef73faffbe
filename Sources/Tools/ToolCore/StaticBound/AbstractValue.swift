// The knowledge about a register without running the code: a few constants, some bits, or a place
// in the thread or on the stack.

/// A set of 64-bit values. Every operation may return a larger set than the exact one, never a
/// smaller one.
enum AbstractValue: Hashable {
    case unknown
    /// One of these, in order; at most `AbstractValue.limit`.
    case constants([UInt64])
    /// The bits of `known` are those of `value`.
    case bits(known: UInt64, value: UInt64)
    /// So many bytes above a place that is known by name only.
    case place(Place, UInt64)

    /// A place that no other name reaches.
    enum Place: Hashable { case runningThread, stack }

    static let limit = 64
    static func constant(_ value: UInt64) -> AbstractValue { .constants([value]) }

    /// - Returns: nil where the candidates are too many.
    static func oneOf(_ candidates: some Sequence<UInt64>) -> AbstractValue? {
        let sorted = Set(candidates).sorted()
        return sorted.count <= limit ? .constants(sorted) : nil
    }

    var single: UInt64? {
        if case .constants(let list) = self, list.count == 1 { return list[0] }
        return nil
    }
    /// The bits that all values agree on.
    var knownBits: (known: UInt64, value: UInt64) {
        switch self {
        case .unknown, .place: return (0, 0)
        case .bits(let known, let value): return (known, value)
        case .constants(let list):
            var differing: UInt64 = 0
            for value in list { differing |= value ^ list[0] }
            return (~differing, list[0] & ~differing)
        }
    }
    static func fromBits(_ known: UInt64, _ value: UInt64) -> AbstractValue {
        if known == 0 { return .unknown }
        return known == ~0 ? .constant(value) : .bits(known: known, value: value & known)
    }
    var smallest: UInt64 {
        if case .constants(let list) = self { return list[0] }
        return knownBits.value
    }
    var largest: UInt64 {
        if case .constants(let list) = self { return list[list.count - 1] }
        return knownBits.value | ~knownBits.known
    }
    /// All values, where they are at most `limit`.
    func candidates(_ limit: Int = AbstractValue.limit) -> [UInt64]? {
        switch self {
        case .constants(let list): return list
        case .unknown, .place: return nil
        case .bits(let known, let value):
            let free = ~known
            if free.nonzeroBitCount > 16 || 1 << free.nonzeroBitCount > limit { return nil }
            var list: [UInt64] = []
            var subset: UInt64 = 0
            repeat {
                list.append(value | subset)
                subset = (subset &- free) & free
            } while subset != 0
            return list.sorted()
        }
    }

    func joined(_ other: AbstractValue) -> AbstractValue {
        if self == other { return self }
        if case .constants(let a) = self, case .constants(let b) = other,
            let all = AbstractValue.oneOf(a + b)
        {
            return all
        }
        if case .place = self { return .unknown }
        if case .place = other { return .unknown }
        let (a, b) = (knownBits, other.knownBits)
        let known = a.known & b.known & ~(a.value ^ b.value)
        return .fromBits(known, a.value & known)
    }

    func mapped(_ operation: (UInt64) -> UInt64) -> AbstractValue? {
        guard case .constants(let list) = self else { return nil }
        return .oneOf(list.map(operation))
    }
    static func combined(
        _ a: AbstractValue, _ b: AbstractValue, _ operation: (UInt64, UInt64) -> UInt64
    ) -> AbstractValue? {
        guard case .constants(let left) = a, case .constants(let right) = b,
            left.count * right.count <= 1024
        else {
            return nil
        }
        return .oneOf(left.flatMap { x in right.map { operation(x, $0) } })
    }

    func and(_ other: AbstractValue) -> AbstractValue {
        if let exact = AbstractValue.combined(self, other, &) { return exact }
        let (a, b) = (knownBits, other.knownBits)
        let ones = a.value & b.value
        let zeros = (a.known & ~a.value) | (b.known & ~b.value)
        return .fromBits(ones | zeros, ones)
    }
    func or(_ other: AbstractValue) -> AbstractValue {
        if let exact = AbstractValue.combined(self, other, |) { return exact }
        let (a, b) = (knownBits, other.knownBits)
        let ones = a.value | b.value
        return .fromBits(ones | (a.known & ~a.value & b.known & ~b.value), ones)
    }
    func exclusiveOr(_ other: AbstractValue) -> AbstractValue {
        if let exact = AbstractValue.combined(self, other, ^) { return exact }
        let (a, b) = (knownBits, other.knownBits)
        return .fromBits(a.known & b.known, a.value ^ b.value)
    }
    var inverted: AbstractValue {
        if let exact = mapped(~) { return exact }
        let a = knownBits
        return .fromBits(a.known, ~a.value)
    }
    func shiftedLeft(_ amount: Int) -> AbstractValue {
        if let exact = mapped({ $0 << UInt64(amount) }) { return exact }
        let a = knownBits
        return .fromBits(
            a.known << UInt64(amount) | (1 << UInt64(amount) &- 1), a.value << UInt64(amount))
    }
    func shiftedRight(_ amount: Int) -> AbstractValue {
        if let exact = mapped({ $0 >> UInt64(amount) }) { return exact }
        let a = knownBits
        return .fromBits(
            a.known >> UInt64(amount) | ~(~0 >> UInt64(amount)), a.value >> UInt64(amount))
    }
    /// The low bits of each, the others 0.
    func low(_ bits: Int) -> AbstractValue {
        if bits >= 64 { return self }
        return and(.constant(1 << UInt64(bits) &- 1))
    }
    /// The low bits of each, the highest of them repeated above.
    func signExtended(_ bits: Int) -> AbstractValue {
        if bits >= 64 { return self }
        let up = UInt64(64 - bits)
        if let exact = mapped({ UInt64(bitPattern: Int64(bitPattern: $0 << up) >> Int64(up)) }) {
            return exact
        }
        let a = low(bits).knownBits
        let sign: UInt64 = 1 << UInt64(bits - 1)
        let above = ~(sign &* 2 &- 1)
        if a.known & sign == 0 { return .fromBits(a.known & ~above, a.value & ~above) }
        return a.value & sign == 0 ? low(bits) : .fromBits(a.known | above, a.value | above)
    }
    func adding(_ other: AbstractValue) -> AbstractValue {
        if let exact = AbstractValue.combined(self, other, &+) { return exact }
        if case .place(let place, let offset) = self, let more = other.single {
            return .place(place, offset &+ more)
        }
        if case .place(let place, let offset) = other, let more = single {
            return .place(place, offset &+ more)
        }
        var (known, value) = AbstractValue.sum(knownBits, other.knownBits, carry: 0)
        // Without wrapping, the values lie between the smallest and the largest sum: they agree on
        // their common prefix.
        let (low, overflowLow) = smallest.addingReportingOverflow(other.smallest)
        let (high, overflowHigh) = largest.addingReportingOverflow(other.largest)
        if !overflowLow && !overflowHigh {
            let prefix = AbstractValue.commonPrefix(low, high)
            known |= prefix
            value |= low & prefix
        }
        return .fromBits(known, value & known)
    }
    func subtracting(_ other: AbstractValue) -> AbstractValue {
        if let exact = AbstractValue.combined(self, other, &-) { return exact }
        if case .place(let place, let offset) = self, let less = other.single {
            return .place(place, offset &- less)
        }
        let b = other.knownBits
        var (known, value) = AbstractValue.sum(knownBits, (b.known, ~b.value & b.known), carry: 1)
        if smallest >= other.largest {
            let (low, high) = (smallest &- other.largest, largest &- other.smallest)
            let prefix = AbstractValue.commonPrefix(low, high)
            known |= prefix
            value |= low & prefix
        }
        return .fromBits(known, value & known)
    }
    /// Returns the bits that the sums of all values of both sides agree on.
    ///
    /// Larger operands carry wherever smaller ones do. So a carry that the largest operands lack is
    /// in no sum, and one that the smallest operands have is in every sum.
    private static func sum(
        _ a: (known: UInt64, value: UInt64), _ b: (known: UInt64, value: UInt64), carry: UInt64
    ) -> (known: UInt64, value: UInt64) {
        let (largestA, largestB) = (a.value | ~a.known, b.value | ~b.known)
        let largest = largestA &+ largestB &+ carry
        let smallest = a.value &+ b.value &+ carry
        let possibleCarries = largest ^ largestA ^ largestB
        let certainCarries = smallest ^ a.value ^ b.value
        let known = a.known & b.known & (~possibleCarries | certainCarries)
        return (known, smallest & known)
    }
    /// The high bits in which two numbers, and so all between them, agree.
    static func commonPrefix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let differing = a ^ b
        if differing == 0 { return ~0 }
        let length = differing.leadingZeroBitCount
        return length == 0 ? 0 : ~(~0 >> UInt64(length))
    }
}
