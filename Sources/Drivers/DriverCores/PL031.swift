// The PL031 real-time clock's logic (Arm DDI 0224C): a counter of seconds, and a match that
// interrupts.

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

/// The clock and its one alarm.
///
/// Invariant: while `alarm` is set, the match register holds it, its interrupt is unmasked, and the
/// clock had not reached it when that was checked last, after the match was written: the clock
/// cannot have passed it unseen.
public struct PL031<Registers: RegisterAccess> {
    private let registers: Registers
    /// The second of the alarm that is set and has not rung.
    public private(set) var alarm: UInt32?

    /// Starts the clock, with no alarm set.
    public init(registers: Registers) {
        self.registers = registers
        registers.write32(PL031Register.interruptMask, 0)
        registers.write32(PL031Register.interruptClear, 1)
        if registers.read32(PL031Register.control) & 1 == 0 {
            registers.write32(PL031Register.control, 1)
        }
    }

    /// Seconds since 1970.
    public var seconds: UInt32 { registers.read32(PL031Register.data) }

    /// Sets the clock.
    /// - Returns: whether the alarm rings by that: no match comes any more for a second that was
    ///   stepped over.
    public mutating func set(seconds: UInt32) -> Bool {
        registers.write32(PL031Register.load, seconds)
        // The new time shows at the counter's next edge (DDI 0224C, 3.3.3), so what was written
        // counts as well.
        return ringIfReached(by: max(seconds, self.seconds))
    }

    /// Interrupts when the clock shows `seconds`. It replaces an earlier alarm.
    /// - Returns: whether it rings at once: the clock had reached that second by the time the match
    ///   was written, or had started again at 0.
    public mutating func setAlarm(_ seconds: UInt32) -> Bool {
        let before = self.seconds
        alarm = seconds
        registers.write32(PL031Register.match, seconds)
        registers.write32(PL031Register.interruptMask, 1)
        let now = self.seconds
        return ringIfReached(by: now < before ? .max : now)
    }

    /// Whether a second is so near that its match may be missed, if it was written just now: the
    /// clock takes over what is written at its own edge of the second, and compares the counter
    /// then. Who waits for that second looks at the clock when it has begun: a second from now at
    /// most.
    public func mayMiss(_ second: UInt32) -> Bool {
        let now = seconds
        return second <= now || second - now == 1
    }

    /// Ends the interrupt; whether the alarm rang.
    public mutating func handleInterrupt() -> Bool {
        if registers.read32(PL031Register.rawInterrupt) & 1 == 0 {
            return ringIfReached(by: seconds)
        }
        end()
        return true
    }

    private mutating func ringIfReached(by second: UInt32) -> Bool {
        guard let alarm, second >= alarm else { return false }
        end()
        return true
    }

    private mutating func end() {
        alarm = nil
        registers.write32(PL031Register.interruptMask, 0)
        registers.write32(PL031Register.interruptClear, 1)
    }
}
