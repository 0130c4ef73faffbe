// The sources of random numbers against recorded registers, and the check behind them.
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

@Suite struct RNG200Tests {
    let device = TraceDevice()

    @Test func aSourceThatIsOffThrowsItsFirstBitsAwayAndStarts() {
        _ = RNG200(registers: TraceRegisters(device: device))
        #expect(device.stores == [.store(0x10, 0x4_0000), .store(0x24, 0x200), .store(0, 0x7fff)])
    }

    @Test func aSourceThatRunsIsLeftAlone() {
        // Whichever bit of the switch is set: the firmware may have started it otherwise.
        device.values[0] = 0x0000_1000
        _ = RNG200(registers: TraceRegisters(device: device))
        #expect(device.stores.isEmpty)
        device.values[0] = 0xffff_e000
        _ = RNG200(registers: TraceRegisters(device: device))
        #expect(device.stores.count == 3)
    }

    @Test func aWordIsTakenOnlyWhenThereIsOne() {
        let source = RNG200(registers: TraceRegisters(device: device))
        device.values[0x20] = 0x1234_5678
        device.values[0x0c] = 16
        device.values[0x24] = 1
        #expect(source.next() == nil)
        device.values[0x0c] = 17
        // The threshold above the count is no word.
        device.values[0x24] = 0x200
        #expect(source.next() == nil)
        #expect(!device.accesses.contains(.load(0x20)))
        device.values[0x24] = 0x201
        #expect(source.next() == 0x1234_5678)
    }
}

/// Gives what a test says, and then nothing.
private final class Words: RandomSource {
    var words: [UInt32?]
    init(_ words: [UInt32?]) { self.words = words }
    func next() -> UInt32? { words.isEmpty ? nil : words.removeFirst() }
}

@Suite struct CheckedRandomTests {
    private func all(_ words: [UInt32?]) -> [UInt32?] {
        var source = CheckedRandom(Words(words))
        return words.map { _ in source.next() }
    }

    @Test func goodWordsComeThroughButTheFirst() { #expect(all([1, 2, 3, 2]) == [nil, 2, 3, 2]) }
    @Test func aStuckSourceGivesNothing() {
        #expect(all([0, 0, 0, 0]) == [nil, nil, nil, nil])
        #expect(all([7, 8, 8, 8, 9]) == [nil, 8, nil, nil, 9])
    }
    @Test func aHalfWordWaitsForItsOtherHalf() {
        var source = CheckedRandom(Words([1, 2, nil, nil, 3, 4, 5]))
        // The first word of all is only compared with.
        let words = (0..<5).map { _ in source.nextDouble() }
        #expect(words == [nil, nil, nil, 0x3_0000_0002, 0x5_0000_0004] as [UInt64?])
    }
    @Test func nothingIsNoWordToCompareWith() {
        #expect(all([nil, 5, nil, 5, 6]) == [nil, nil, nil, nil, 6])
    }
}
