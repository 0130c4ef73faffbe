// The watchdog's core against recorded registers.
import Testing

@testable import DriverCores

@Suite struct BCM2835WatchdogTests {
    let device = TraceDevice()

    private func watchdog() -> BCM2835Watchdog<TraceRegisters> {
        device.values[0x1c] = 0x102
        device.values[0x20] = 0x1000
        return BCM2835Watchdog(registers: TraceRegisters(device: device))
    }

    @Test func openingTouchesNothing() {
        _ = watchdog()
        #expect(device.accesses.isEmpty)
    }

    @Test func everyStoreCarriesThePassword() {
        let watchdog = watchdog()
        watchdog.arm(seconds: 5)
        watchdog.feed(seconds: 5)
        watchdog.disarm()
        watchdog.reboot()
        watchdog.powerOff()
        #expect(device.stores.count == 10)
        for access in device.stores {
            guard case .store(_, let value) = access else { continue }
            #expect(value >> 24 == 0x5a)
        }
    }

    @Test func armingSetsTheTimeAndThenTheReset() {
        let watchdog = watchdog()
        watchdog.arm(seconds: 10)
        #expect(device.stores == [.store(0x24, 0x5a0a_0000), .store(0x1c, 0x5a00_0122)])
        #expect(watchdog.isArmed)
        watchdog.disarm()
        #expect(!watchdog.isArmed)
    }

    @Test func secondsAreCutToWhatTheCounterHolds() {
        let watchdog = watchdog()
        watchdog.feed(seconds: 0)
        watchdog.feed(seconds: 15)
        watchdog.feed(seconds: 16)
        watchdog.feed(seconds: 1)
        #expect(
            device.stores == [
                .store(0x24, 0x5a02_0000), .store(0x24, 0x5a0f_0000), .store(0x24, 0x5a0f_0000),
                .store(0x24, 0x5a02_0000),
            ])
    }

    @Test func aDriverThatStartsGoesOnFeedingWhatIsArmed() {
        let watchdog = watchdog()
        for kept in [0, 5] as [UInt64] { #expect(watchdog.seconds(kept: kept) == 0) }
        watchdog.arm(seconds: 5)
        #expect(watchdog.seconds(kept: 5) == 5 && watchdog.seconds(kept: 15) == 15)
        // By the firmware, or by a driver that ended while it switched it off.
        for kept in [0, 1, 16, ~0] as [UInt64] { #expect(watchdog.seconds(kept: kept) == 15) }
    }

    @Test func feedingAloneArmsNothing() {
        let watchdog = watchdog()
        watchdog.feed(seconds: 5)
        #expect(!watchdog.isArmed)
    }

    @Test func rebootAndPowerOffDifferInThePartition() {
        let watchdog = watchdog()
        watchdog.powerOff()
        #expect(
            device.stores == [
                .store(0x20, 0x5a00_1555), .store(0x24, 0x5a00_000a), .store(0x1c, 0x5a00_0122),
            ])
        device.accesses = []
        // A reboot takes the halt back, and keeps the other bits.
        device.values[0x20] = 0x1fff
        watchdog.reboot()
        #expect(device.stores.first == .store(0x20, 0x5a00_1aaa))
    }
}
