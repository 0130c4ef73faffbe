// Where one instruction leads, decoded from its word (Arm ARM C4.1.89, branches).

/// The place, or the places, that the processor executes after an instruction.
public enum InstructionFlow: Equatable {
    case next
    /// `bl`: the target, and on behind it.
    case call(UInt64)
    /// `b`: the target only.
    case jump(UInt64)
    /// A conditional branch: the target, or on.
    case branch(UInt64)
    /// `br`: a place of a table, or any place.
    case indirectJump
    /// `blr`: any function, and on behind it.
    case indirectCall
    case `return`
    /// `eret`.
    case exceptionReturn
    /// `wfi`: on, after an interrupt.
    case wait
    /// `brk`: a panic.
    case trap
    /// ISR_EL1 is read: the kernel looks for pending interrupts, and goes on.
    case look

    public init(_ word: UInt32, at address: UInt64) {
        func target(_ shift: UInt32, _ bits: UInt32) -> UInt64 {
            let field = (word >> shift) & (1 << bits - 1)
            let offset = Int64(Int32(bitPattern: field << (32 - bits)) >> Int32(32 - bits)) * 4
            return address &+ UInt64(bitPattern: offset)
        }
        switch word >> 24 {
        case 0x94...0x97: self = .call(target(0, 26))
        case 0x14...0x17: self = .jump(target(0, 26))
        // b.cond; cbz and cbnz; tbz and tbnz.
        case 0x54, 0x34, 0x35, 0xb4, 0xb5: self = .branch(target(5, 19))
        case 0x36, 0x37, 0xb6, 0xb7: self = .branch(target(5, 14))
        default:
            switch word {
            case let word where word & 0xffff_fc1f == 0xd61f_0000: self = .indirectJump
            case let word where word & 0xffff_fc1f == 0xd63f_0000: self = .indirectCall
            case let word where word & 0xffff_fc1f == 0xd65f_0000: self = .return
            case 0xd69f_03e0: self = .exceptionReturn
            case 0xd503_207f: self = .wait
            case let word where word & 0xffe0_001f == 0xd420_0000: self = .trap
            // mrs xN, isr_el1
            case let word where word & ~31 == 0xd538_c100: self = .look
            default: self = .next
            }
        }
    }

    /// Whether the word reads PMCCNTR_EL0 or CNTVCT_EL0.
    static func readsCounter(_ word: UInt32) -> Bool {
        [0xd53b_9d00, 0xd53b_e040].contains(word & ~31)
    }

    /// Whether the next instruction follows in any case, and no other.
    var isStraight: Bool { self == .next || self == .wait || self == .look }
}
