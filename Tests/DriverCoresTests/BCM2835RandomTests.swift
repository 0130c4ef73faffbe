// The random numbers' core against recorded registers.
import Testing

@testable import DriverCores

@Suite struct BCM2835RandomTests {
    @Test func aSourceThatIsOffWarmsUpAndStarts() {
        let device = TraceDevice()
        _ = BCM2835Random(registers: TraceRegisters(device: device))
        #expect(device.stores == [.store(0x10, 1), .store(0x04, 0x4_0000), .store(0, 1)])
    }

    @Test func aSourceThatRunsIsLeftAlone() {
        let device = TraceDevice()
        device.values[0] = 1
        _ = BCM2835Random(registers: TraceRegisters(device: device))
        #expect(device.stores == [.store(0x10, 1)])
    }

    @Test func aWordIsTakenOnlyWhenThereIsOne() {
        let device = TraceDevice()
        let source = BCM2835Random(registers: TraceRegisters(device: device))
        device.accesses = []
        // The warm-up's count is in the low bits, and no word.
        device.values[0x04] = 0x000f_ffff
        #expect(source.next() == nil)
        #expect(device.accesses == [.load(0x04)])
        device.values[0x04] = 1 << 24
        device.values[0x08] = 0x1234_5678
        #expect(source.next() == 0x1234_5678)
    }
}
