// The PL031 real-time clock's logic (Arm DDI 0224C): a counter of seconds, and a match that interrupts.

import MMIO

/// Registers, by byte offset (DDI 0224C, 3.2).
enum PL031Register {
    static var data: Int { 0x00 }
    static var match: Int { 0x04 }
    static var load: Int { 0x08 }
    static var control: Int { 0x0c }
    static var interruptMask: Int { 0x10 }
    static var rawInterrupt: Int { 0x14 }
    static var interruptClear: Int { 0x1c }
}

public struct PL031<Registers: RegisterAccess> {
    private let registers: Registers

    /// Starts the clock, with no alarm set.
    public init(registers: Registers) {
        self.registers = registers
        registers.write32(PL031Register.interruptMask, 0)
        registers.write32(PL031Register.interruptClear, 1)
        if registers.read32(PL031Register.control) & 1 == 0 { registers.write32(PL031Register.control, 1) }
    }

    /// Seconds since 1970.
    public var seconds: UInt32 { registers.read32(PL031Register.data) }

    public func set(seconds: UInt32) { registers.write32(PL031Register.load, seconds) }

    /// Interrupts when the clock shows `seconds`.
    public func setAlarm(_ seconds: UInt32) {
        registers.write32(PL031Register.match, seconds)
        registers.write32(PL031Register.interruptMask, 1)
    }

    /// Ends the interrupt; whether the alarm rang.
    public func handleInterrupt() -> Bool {
        let rang = registers.read32(PL031Register.rawInterrupt) & 1 != 0
        registers.write32(PL031Register.interruptMask, 0)
        registers.write32(PL031Register.interruptClear, 1)
        return rang
    }
}
