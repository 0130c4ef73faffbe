// The saved registers of a thread: the layout that the entry and exit code in CAArch64 reads and writes.

/// Registers of a thread that is not running. Offsets are fixed: `Sources/Kernel/CAArch64/include/CAArch64.h` states them for
/// the assembly, and a start-up check compares both.
///
/// After a system call only x0–x10 (the arguments), x19–x30, SP, PC and TPIDR_EL0 are current; after an interrupt or a fault all are.
@frozen public struct UserContext {
    /// x0–x30 at bytes 0–247.
    public var x:
        (
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64,
            UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
            UInt64,
            UInt64, UInt64, UInt64
        )
    /// SP_EL0, byte 248.
    public var stackPointer: UInt64
    /// ELR_EL1, byte 256.
    public var programCounter: UInt64
    /// SPSR_EL1, byte 264: condition flags; the rest is 0 (EL0, AArch64, nothing masked).
    public var flags: UInt64
    /// TPIDR_EL0, byte 272.
    public var threadPointer: UInt64
    /// Byte 280: 1 when every register is current (interrupt, fault, never run), 0 after a system call.
    public var isFull: UInt64

    @inlinable public init() {
        x = (
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        )
        stackPointer = 0
        programCounter = 0
        flags = 0
        threadPointer = 0
        isFull = 1
    }
}
