// The system timer's core against recorded registers.
import Testing

@testable import DriverCores

@Suite struct BCM2835SystemTimerTests {
    typealias Timer = BCM2835SystemTimer<TraceRegisters>

    @Test func openingClearsTheTwoChannelsThatAreNotTheFirmwares() {
        let device = TraceDevice()
        _ = Timer(registers: TraceRegisters(device: device))
        #expect(device.stores == [.store(0, 0b1010)])
        #expect(Timer.channels[0] == 1 && Timer.channels[1] == 3)
    }

    @Test func theCountersHalvesBelongTogether() {
        let device = TraceDevice()
        let timer = Timer(registers: TraceRegisters(device: device))
        device.queue[0x08] = [4, 5, 5]
        device.queue[0x04] = [0xffff_ffff, 2]
        #expect(timer.counter == 5 << 32 | 2)
    }

    @Test func anAlarmAheadIsSet() {
        let device = TraceDevice()
        let timer = Timer(registers: TraceRegisters(device: device))
        device.accesses = []
        device.values[0x04] = 999
        #expect(timer.arm(3, at: 7 << 32 | 1000))
        // A match of what the comparator held before is cleared behind the store that ends it.
        #expect(device.accesses == [.store(0x18, 1000), .store(0, 8), .load(0x04)])
        #expect(timer.arm(1, at: 999 + Timer.maximumDelay))
    }

    @Test func anAlarmAcrossTheWrapIsAhead() {
        let device = TraceDevice()
        let timer = Timer(registers: TraceRegisters(device: device))
        device.values[0x04] = 0xffff_fff0
        #expect(timer.arm(1, at: 0x1_0000_0010))
        #expect(device.values[0x10] == 0x10)
    }

    @Test func anAlarmThatPassedWhileItWasSetCountsAsRung() {
        for counter in [1000, 1001, 0x7000_0000] as [UInt32] {
            let device = TraceDevice()
            let timer = Timer(registers: TraceRegisters(device: device))
            device.values[0x04] = counter
            device.accesses = []
            #expect(!timer.arm(1, at: 1000))
            #expect(device.stores == [.store(0x10, 1000), .store(0, 2)])
        }
    }

    @Test func anInterruptEndsOnlyItsOwnChannel() {
        let device = TraceDevice()
        let timer = Timer(registers: TraceRegisters(device: device))
        device.values[0] = 0b0101
        device.accesses = []
        #expect(!timer.handleInterrupt(1) && !timer.handleInterrupt(3))
        #expect(device.stores.isEmpty)
        device.values[0] = 0b1101
        #expect(timer.handleInterrupt(3))
        #expect(device.stores == [.store(0, 8)])
    }
}
