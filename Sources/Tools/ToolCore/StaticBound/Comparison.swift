// The operands of the last instruction that set the flags, and the conditions that they allow.
//
// A comparison may allow a condition that no run of the code meets. It never refuses one that some
// run meets.

/// The operands of the last instruction that set the flags.
struct Comparison: Hashable {
    enum Kind: Hashable { case subtract, and }
    var kind: Kind
    var left: AbstractValue
    var right: AbstractValue
    var is64: Bool
    /// The register that still holds `left`.
    var register: Int?
}

extension Comparison {
    /// Returns whether the condition holds for two numbers.
    private func holds(_ condition: Condition, _ a: UInt64, _ b: UInt64) -> Bool {
        let sign: UInt64 = is64 ? 1 << 63 : 1 << 31
        if kind == .and {
            let result = a & b
            switch condition {
            case .eq: return result == 0
            case .ne: return result != 0
            case .mi: return result & sign != 0
            case .pl: return result & sign == 0
            case .vs: return false
            case .vc: return true
            // A logical instruction clears the carry.
            case .hs, .hi: return false
            case .lo, .ls: return true
            case .ge: return result & sign == 0
            case .lt: return result & sign != 0
            case .gt: return result != 0 && result & sign == 0
            case .le: return result == 0 || result & sign != 0
            }
        }
        func signed(_ value: UInt64) -> Int64 {
            is64 ? Int64(bitPattern: value) : Int64(Int32(truncatingIfNeeded: value))
        }
        let difference = (a &- b) & (is64 ? ~0 : 0xffff_ffff)
        switch condition {
        case .eq: return a == b
        case .ne: return a != b
        case .hs: return a >= b
        case .lo: return a < b
        case .hi: return a > b
        case .ls: return a <= b
        case .ge: return signed(a) >= signed(b)
        case .lt: return signed(a) < signed(b)
        case .gt: return signed(a) > signed(b)
        case .le: return signed(a) <= signed(b)
        case .mi: return difference & sign != 0
        case .pl: return difference & sign == 0
        case .vs: return (signed(a) >= signed(b)) != (difference & sign == 0)
        case .vc: return (signed(a) >= signed(b)) == (difference & sign == 0)
        }
    }

    /// Returns whether some values of the operands meet the condition.
    func isPossible(_ condition: Condition) -> Bool {
        if case .place = left { return true }
        if case .place = right { return true }
        if let a = left.candidates(256), let b = right.candidates(16) {
            return a.contains { x in b.contains { holds(condition, x, $0) } }
        }
        let (low, high) = (left.smallest, left.largest)
        if kind == .and {
            guard let mask = right.single else { return true }
            let (known, value) = left.knownBits
            switch condition {
            case .eq: return value & mask == 0
            case .ne: return known & mask != mask || value & mask != 0
            default: return true
            }
        }
        switch condition {
        case .eq:
            let (a, b) = (left.knownBits, right.knownBits)
            return (a.value ^ b.value) & a.known & b.known == 0 && low <= right.largest
                && high >= right.smallest
        case .hs: return high >= right.smallest
        case .lo: return low < right.largest
        case .hi: return high > right.smallest
        case .ls: return low <= right.largest
        default: return true
        }
    }

    /// Returns the values of the left operand for which the condition holds; nil where the
    /// condition tells nothing new.
    func left(where condition: Condition) -> AbstractValue? {
        guard let b = right.single else { return nil }
        if let a = left.candidates(256) { return .oneOf(a.filter { holds(condition, $0, b) }) }
        if case .place = left { return nil }
        let bits = left.knownBits
        if kind == .and {
            if condition == .eq { return .fromBits(bits.known | b, bits.value & ~b) }
            return b.nonzeroBitCount == 1 && condition == .ne
                ? .fromBits(bits.known | b, bits.value | b) : nil
        }
        let end: UInt64
        switch condition {
        case .eq: return .constant(b)
        case .lo: end = b
        case .ls: end = b &+ 1
        default: return nil
        }
        if end == 0 || end > UInt64(AbstractValue.limit) { return nil }
        return .oneOf((0..<end).filter { $0 & bits.known == bits.value })
    }
}
