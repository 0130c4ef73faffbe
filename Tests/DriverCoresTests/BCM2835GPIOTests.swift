// The Pi's pins against recorded registers: functions, pulls of both chips, levels, edges.
import Testing

@testable import DriverCores

@Suite struct BCM2835GPIOTests {
    let device = TraceDevice()

    private func pins(_ model: BCM2835GPIO<TraceRegisters>.Model = .bcm2835) -> BCM2835GPIO<
        TraceRegisters
    > {
        let pins = BCM2835GPIO(
            registers: TraceRegisters(device: device), model: model, rising: 0, falling: 0)
        device.accesses = []
        return pins
    }

    @Test func openingEndsAllDetectionAndChangesNoPin() {
        _ = BCM2835GPIO(
            registers: TraceRegisters(device: device), model: .bcm2835, rising: 0, falling: 0)
        var expected: [Access] = []
        for bank in 0..<2 {
            for kind in [0x4c, 0x58, 0x64, 0x70, 0x7c, 0x88] {
                expected.append(.store(kind + 4 * bank, 0))
            }
            expected.append(.store(0x40 + 4 * bank, ~0))
        }
        #expect(device.accesses == expected)
    }

    @Test func openingKeepsTheEdgesOfWatchedPins() {
        // Pins 5, 40 and 41 are keys; the chip has no pin 60.
        _ = BCM2835GPIO(
            registers: TraceRegisters(device: device), model: .bcm2711,
            rising: 1 << 5 | 1 << 40 | 1 << 60, falling: 1 << 41)
        #expect(device.values[0x4c] == 1 << 5 && device.values[0x50] == 1 << 8)
        #expect(device.values[0x58] == 0 && device.values[0x5c] == 1 << 9)
        // What came while no driver ran is still to be told.
        #expect(
            device.stores.filter { if case .store(0x40, _) = $0 { true } else { false } } == [
                .store(0x40, ~0x20)
            ])
        #expect(device.stores.last == .store(0x44, ~0x300))
        #expect(!device.stores.contains(.store(0x4c, 0)))
    }

    @Test func aFunctionIsSetAloneInItsRegister() {
        let pins = pins()
        device.values[0x10] = 0x3fff_ffff
        pins.setFunction(47, .input)
        #expect(device.values[0x10] == 0x3f1f_ffff)
        pins.setFunction(47, .alternative5)
        #expect(pins.function(47) == .alternative5 && pins.function(46) == .alternative3)
        pins.setFunction(9, .output)
        #expect(device.values[0] == 1 << 27)
    }

    @Test func allFunctionCodesAreTheManuals() {
        let codes: [PinFunction: UInt8] = [
            .input: 0, .output: 1, .alternative0: 4, .alternative1: 5, .alternative2: 6,
            .alternative3: 7, .alternative4: 3, .alternative5: 2,
        ]
        for (function, code) in codes { #expect(function.rawValue == code) }
        #expect(codes.count == 8)
    }

    @Test func anOutputGetsItsLevelBeforeItsFunction() {
        let pins = pins()
        pins.write(42, high: true)
        #expect(device.stores == [.store(0x20, 1 << 10), .store(0x10, 1 << 6)])
        device.accesses = []
        pins.write(42, high: false)
        #expect(device.stores == [.store(0x2c, 1 << 10)])
        pins.write(0, high: true)
        #expect(device.values[0x1c] == 1)
    }

    @Test func levelsAndOutputsCoverBothBanks() {
        let pins = pins()
        device.values[0x34] = 0x8000_0001
        device.values[0x38] = 0xffff_ffff
        #expect(pins.levels == 0x003f_ffff_8000_0001)
        device.values[0x04] = 1 << 3
        device.values[0x14] = 1 << 9
        #expect(pins.outputs == 1 << 11 | 1 << 53)
    }

    @Test(
        arguments: [(33, PinPull.up, 2), (33, .down, 1), (33, .none, 0), (4, .up, 2)]
            as [(Int, PinPull, UInt32)])
    func theOlderChipsPullIsClockedIn(pin: Int, pull: PinPull, code: UInt32) {
        let (clock, bit): (Int, UInt32) = pin < 32 ? (0x98, 16) : (0x9c, 2)
        pins().setPull(pin, pull)
        #expect(
            device.stores == [
                .store(0x94, code), .store(clock, bit), .store(0x94, 0), .store(clock, 0),
            ])
        // Time passes before and after the clock: at least 150 cycles each.
        let before = device.accesses.firstIndex(of: .store(clock, bit)) ?? 0
        #expect(before > 150 && device.accesses.count - before > 150)
    }

    @Test(
        arguments: [(PinPull.up, 0xffdf_ffff), (.down, 0xffef_ffff), (.none, 0xffcf_ffff)]
            as [(PinPull, UInt32)])
    func theNewerChipsPullStandsInARegister(pull: PinPull, register: UInt32) {
        let pins = pins(.bcm2711)
        device.values[0xec] = 0xffff_ffff
        pins.setPull(42, pull)
        #expect(device.accesses == [.load(0xec), .store(0xec, register)])
    }

    @Test func aWatchedPinIsAnInputWithTheEdgesThatWereAskedFor() {
        let pins = pins()
        device.values[0x0c] = 1 << 21
        device.values[0x50] = 1
        pins.watch(37, rising: true, falling: false)
        #expect(device.values[0x0c] == 0)
        #expect(device.values[0x50] == 1 | 1 << 5 && device.values[0x5c] == 0)
        // An event from before is none.
        #expect(device.stores.last == .store(0x44, 1 << 5))
        pins.watch(37, rising: false, falling: true)
        #expect(device.values[0x50] == 1 && device.values[0x5c] == 1 << 5)
        #expect(pins.watched == 1 << 32 | 1 << 37)
    }

    /// Whose edges nobody wants any more may be an output by now: its function is not touched.
    @Test func theEndOfEdgesLeavesTheFunctionAlone() {
        let pins = pins()
        pins.watch(17, rising: true, falling: true)
        pins.watch(18, rising: true, falling: true)
        pins.write(17, high: true)
        device.accesses = []
        pins.stopWatching(17)
        #expect(
            device.stores == [.store(0x4c, 1 << 18), .store(0x58, 1 << 18), .store(0x40, 1 << 17)])
        #expect(pins.function(17) == .output && pins.watched == 1 << 18)
    }

    @Test func aPinIsConfiguredWithItsPullOrWithout() {
        let pins = pins(.bcm2711)
        #expect(pins.configure(42, .alternative0, .up))
        #expect(device.stores == [.store(0xec, 1 << 20), .store(0x10, 4 << 6)])
        device.accesses = []
        #expect(pins.configure(42, .output, nil))
        #expect(device.stores == [.store(0x10, 1 << 6)])
    }

    @Test func edgesStayUntilTheyAreClearedAndOnlyThoseAre() {
        let pins = pins()
        device.values[0x40] = 0x10
        // Bits of pins that the chip does not have are none.
        device.values[0x44] = 0xffc0_0021
        #expect(pins.edges == 1 << 4 | 1 << 32 | 1 << 37)
        #expect(device.stores.isEmpty)
        pins.clear(1 << 4 | 1 << 37)
        #expect(device.stores == [.store(0x40, 0x10), .store(0x44, 0x20)])
        device.accesses = []
        pins.clear(0)
        #expect(device.accesses.isEmpty)
    }

    @Test func pinsThatTheChipDoesNotHaveTouchNothing() {
        let pins = pins()
        #expect(pins.pinCount == 54)
        for pin in [-1, 54, 58, 1000] {
            pins.setFunction(pin, .output)
            pins.write(pin, high: true)
            pins.setPull(pin, .up)
            pins.watch(pin, rising: true, falling: true)
            pins.stopWatching(pin)
            #expect(!pins.configure(pin, .output, .up))
        }
        #expect(device.accesses.isEmpty)
        let newer = self.pins(.bcm2711)
        #expect(newer.pinCount == 58)
        newer.write(57, high: true)
        #expect(device.stores.first == .store(0x20, 1 << 25))
    }
}
