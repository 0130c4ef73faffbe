// The saved registers of a thread, in the layout that the entry and exit code in CAArch64 reads and
// writes.

/// The registers of a thread that is not running. Their offsets are fixed:
/// `Sources/Kernel/CAArch64/include/CAArch64Layout.h` states them for the assembly, and a start-up
/// check compares both.
///
/// After a system call only x0–x10 (the arguments), x19–x30, SP, PC, PSTATE and TPIDR_EL0 are
/// current; after an interrupt or a fault all are.
@frozen public struct UserContext {
    /// x0–x30 at bytes 0–247.
    public var x:
        (
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
        )
    /// SP_EL0, byte 248.
    public var stackPointer: UInt64
    /// ELR_EL1, byte 256.
    public var programCounter: UInt64
    /// SPSR_EL1, byte 264: the bits that a thread may set (`settable`), and `fixed`. Bit 63, which
    /// PSTATE does not use, is set if every register is current: after an interrupt or a fault, and
    /// before the first run, but not after a system call.
    public var flags: UInt64
    /// TPIDR_EL0, byte 272.
    public var threadPointer: UInt64

    @inlinable public init() {
        x = (
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        )
        stackPointer = 0
        programCounter = 0
        flags = UserContext.full | UserContext.fixed
        threadPointer = 0
    }

    /// Bit 63 of `flags`.
    @inlinable public static var full: UInt64 { 1 << 63 }
    /// The PSTATE of every thread: EL0, AArch64, fast interrupts masked
    /// (docs/decisions/0013-strays.md).
    @inlinable public static var fixed: UInt64 { 1 << 6 }
    /// The bits of PSTATE that EL0 may set: the condition flags, TCO, DIT and SSBS (Arm ARM C5.2).
    /// A processor ignores those that it does not have.
    @inlinable public static var settable: UInt64 { 0xf000_0000 | 1 << 25 | 1 << 24 | 1 << 12 }

    /// Whether every register is current.
    @inlinable public var isFull: Bool {
        get { flags & UserContext.full != 0 }
        set { flags = newValue ? flags | UserContext.full : flags & ~UserContext.full }
    }

    /// Sets PSTATE from a user's value: only the bits that a thread may set.
    @inlinable public mutating func setFlags(_ value: UInt64) {
        flags = value & UserContext.settable | UserContext.fixed | UserContext.full
    }
}
