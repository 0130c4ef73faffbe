// The logic of the BCM2835's reset and watchdog (Linux bindings, soc/bcm/brcm,bcm2835-pm.yaml; no
// manual names the registers): a counter that resets the chip when nobody sets it again, and the
// word in which the firmware finds what to start then.

import MMIO

/// Registers, by byte offset from the block's first.
enum BCM2835PowerRegister {
    static var resetControl: Int { 0x1c }
    static var resetStatus: Int { 0x20 }
    static var watchdog: Int { 0x24 }
}

public struct BCM2835Watchdog<Registers: RegisterAccess> {
    private let registers: Registers

    /// A store without it in its upper byte is ignored.
    static var password: UInt32 { 0x5a00_0000 }
    /// What the counter's end does, in bits 4 and 5 of the reset control: 2 resets everything.
    static var actionMask: UInt32 { 0x30 }
    static var fullReset: UInt32 { 0x20 }
    /// The reset control without an action, as it is after power came on.
    static var inaction: UInt32 { 0x102 }
    /// The partition to start, its six bits at the even places of the reset status. 63:
    /// none, stay off.
    static var partitionMask: UInt32 { 0x555 }
    static var halt: UInt32 { 0x555 }
    /// 1/65536 s each, 20 bits.
    static var ticksPerSecond: UInt32 { 1 << 16 }
    /// What it can be set to: signs of life come twice a second, and one may go amiss.
    public static var seconds: ClosedRange<UInt64> { 2...15 }

    public init(registers: Registers) { self.registers = registers }

    /// Whether the chip will be reset when nobody feeds the watchdog.
    public var isArmed: Bool {
        registers.read32(BCM2835PowerRegister.resetControl) & BCM2835Watchdog.actionMask
            == BCM2835Watchdog.fullReset
    }

    /// The seconds to feed it, for a driver that starts and remembers `kept` ones: 0 where it is
    /// off. One that somebody else armed, the firmware or a driver that died of it, gets all
    /// there are.
    public func seconds(kept: UInt64) -> UInt64 {
        let range = BCM2835Watchdog.seconds
        return isArmed ? (range.contains(kept) ? kept : range.upperBound) : 0
    }

    /// Lets the chip be reset `seconds` (2 to 15, others are cut) from now, unless it is fed or
    /// armed again before.
    public func arm(seconds: UInt64) {
        feed(seconds: seconds)
        start()
    }

    /// Gives the watchdog its `seconds` (2 to 15, others are cut) anew, armed or not.
    public func feed(seconds: UInt64) {
        let range = BCM2835Watchdog.seconds
        let time =
            UInt32(max(range.lowerBound, min(seconds, range.upperBound)))
            * BCM2835Watchdog.ticksPerSecond
        registers.write32(BCM2835PowerRegister.watchdog, BCM2835Watchdog.password | time)
    }

    public func disarm() {
        registers.write32(
            BCM2835PowerRegister.resetControl, BCM2835Watchdog.password | BCM2835Watchdog.inaction)
    }

    /// Resets the chip in 150 µs; the firmware then starts the system anew.
    public func reboot() { reset(partition: 0) }

    /// Resets the chip in 150 µs; the firmware then stays off until power goes and comes.
    public func powerOff() { reset(partition: BCM2835Watchdog.halt) }

    private func reset(partition: UInt32) {
        let status = registers.read32(BCM2835PowerRegister.resetStatus) & 0x00ff_ffff
        registers.write32(
            BCM2835PowerRegister.resetStatus,
            BCM2835Watchdog.password | status & ~BCM2835Watchdog.partitionMask | partition)
        registers.write32(BCM2835PowerRegister.watchdog, BCM2835Watchdog.password | 10)
        start()
    }

    private func start() {
        let kept = 0x00ff_ffff & ~BCM2835Watchdog.actionMask
        let control = registers.read32(BCM2835PowerRegister.resetControl) & kept
        registers.write32(
            BCM2835PowerRegister.resetControl,
            BCM2835Watchdog.password | control | BCM2835Watchdog.fullReset)
    }
}
