// The logic of the BCM2835's system timer (BCM2835 ARM Peripherals, 12): a counter of microseconds
// that never stops, and four comparators. The firmware uses channels 0 and 2; 1 and 3 are ours.

import MMIO

/// Registers, by byte offset (12.1).
enum BCM2835SystemTimerRegister {
    static var status: Int { 0x00 }
    static var counterLow: Int { 0x04 }
    static var counterHigh: Int { 0x08 }
    static func compare(_ channel: Int) -> Int { 0x0c + 4 * channel }
}

public struct BCM2835SystemTimer<Registers: RegisterAccess> {
    private let registers: Registers

    /// The longest time to an alarm: half of what a comparator tells apart, 35 minutes.
    public static var maximumDelay: UInt64 { 1 << 31 }
    public static var channels: InlineArray<2, Int> { [1, 3] }

    /// Takes the two channels over; a match that is left from before is gone.
    public init(registers: Registers) {
        self.registers = registers
        registers.write32(BCM2835SystemTimerRegister.status, 0b1010)
    }

    /// Microseconds since the chip was reset.
    public var counter: UInt64 {
        var high = registers.read32(BCM2835SystemTimerRegister.counterHigh)
        while true {
            let low = registers.read32(BCM2835SystemTimerRegister.counterLow)
            let again = registers.read32(BCM2835SystemTimerRegister.counterHigh)
            // The low half wraps every 71 minutes: the second round is the last.
            if again == high { return UInt64(high) << 32 | UInt64(low) }
            high = again
        }
    }

    /// Sets channel 1 or 3 to match when the counter's low half is `instant`'s.
    /// - Returns: whether the match lies ahead. A comparator matches only the very instant:
    ///   what has passed while it was being set would ring 71 minutes later, so it is to be
    ///   taken as rung.
    ///
    /// The match is cleared behind the new instant's store, and the counter is read behind both:
    /// until that store the old instant may match, which would ring early; a new one that matched
    /// before it was cleared shows as passed.
    public func arm(_ channel: Int, at instant: UInt64) -> Bool {
        let low = UInt32(truncatingIfNeeded: instant)
        registers.write32(BCM2835SystemTimerRegister.compare(channel & 3), low)
        registers.write32(BCM2835SystemTimerRegister.status, 1 << UInt32(channel & 3))
        let ahead = low &- registers.read32(BCM2835SystemTimerRegister.counterLow)
        return ahead > 0 && ahead <= UInt32(truncatingIfNeeded: BCM2835SystemTimer.maximumDelay)
    }

    /// Ends the interrupt of channel 1 or 3; whether it had matched.
    public func handleInterrupt(_ channel: Int) -> Bool {
        let bit: UInt32 = 1 << UInt32(channel & 3)
        if registers.read32(BCM2835SystemTimerRegister.status) & bit == 0 { return false }
        registers.write32(BCM2835SystemTimerRegister.status, bit)
        return true
    }
}
