// The two card controllers' own manners, against models: how long the driver waits, sleeps and
// spins, and what it does to its line.

import Testing

@testable import DriverCores

@Suite struct ControllerTests {
    private let clock = ModelClock()
    private let sdhci: ModelSDHCI
    private let sdhost: ModelSDHost
    private let sdhostClock = ModelClock()
    init() {
        sdhci = ModelSDHCI(card: ModelCard(), clock: clock)
        sdhost = ModelSDHost(card: ModelCard(), clock: sdhostClock)
    }

    @Test func aSlowCommandIsSleptOver() throws {
        let slot = Slot(sdhost: sdhostClock, sdhost)
        _ = try slot.information()
        sdhost.looksPerCommand = 60
        let sleeps = slot.clock.sleeps
        _ = try slot.read(0)
        // Twenty looks at a microsecond each, then one for each sleep.
        #expect(slot.clock.sleeps - sleeps >= 40)
    }

    // For 0.6 seconds after the look of each number, in which the device goes on: longer than it
    // may take for anything.
    @Test(arguments: Controller.allCases, 0..<400) func aDriverThatIsKeptFromRunningBlamesNobody(
        _ controller: Controller, _ number: Int
    ) throws {
        let slot: Slot
        switch controller {
        case .sdhost:
            sdhost.looksPerCommand = 2
            slot = Slot(sdhost: sdhostClock, sdhost)
        case .sdhci:
            sdhci.isSlow = true
            slot = Slot(sdhci: clock, sdhci)
        }
        var looks = 0
        slot.device.behindLoad = {
            looks += 1
            if looks != number { return }
            _ = slot.clock.device()
            slot.clock.nanoseconds += 600_000_000
        }
        _ = try slot.information()
        #expect(try slot.read(0, 2) == slot.content(0, 2))
    }

    @Test(
        arguments: [[17], [12, 13], [12, 13, 17]] as [Set<UInt8>], [1_000, 2_000_000] as [UInt64])
    func aCommandThatNeverEndsIsGivenUp(_ hanging: Set<UInt8>, _ time: UInt64) throws {
        let slot = Slot(sdhost: sdhostClock, sdhost)
        _ = try slot.information()
        sdhost.hanging = hanging
        slot.model.bad = [1]
        let bound = slot.bound(time)
        #expect(slot.readError(1, within: time) == .noCard)
        #expect(slot.clock.microseconds <= bound)
        #expect(!sdhost.mayInterrupt)
        sdhost.hanging = []
        #expect(try slot.read(0) == slot.content(0, 1))
    }

    @Test(arguments: [1_000, 2_000_000] as [UInt64]) func aControllerThatHangsIsGivenUp(
        _ time: UInt64
    ) throws {
        let slot = Slot(sdhci: clock, sdhci)
        _ = try slot.information()
        sdhci.isStuck = true
        let bound = slot.bound(time)
        #expect(slot.readError(1, within: time) == .noCard)
        #expect(slot.clock.microseconds <= bound)
        #expect(!sdhci.mayInterrupt)
        sdhci.isStuck = false
        #expect(try slot.read(0) == slot.content(0, 1))
    }

    @Test func anErrorThatComesWithTheLastWordIsSeen() throws {
        let slot = Slot(sdhost: sdhostClock, sdhost)
        _ = try slot.information()
        sdhost.spoilsLastWord = true
        #expect(slot.readError(0, 4) == .checksum)
    }

    @Test func whatNobodyWaitsForDoesNotWakeTheDriver() throws {
        let slot = Slot(sdhci: clock, sdhci)
        _ = try slot.information()
        sdhci.endsEarly = true
        let sleeps = clock.sleeps
        #expect(slot.readError(0, 8) == .timeOut)
        #expect(clock.sleeps - sleeps < 10)
    }

    @Test func aControllerOfVersion2IsRefused() throws {
        let slot = Slot(sdhci: clock, sdhci)
        sdhci.store(SDHCIRegister.version, 1 << 16)
        #expect(slot.informationError == .unsupported)
        #expect(slot.model.commands.isEmpty)
    }

    @Test(arguments: Controller.allCases) func betweenRequestsTheLineIsQuiet(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        slot.model.bad = [20]
        _ = try slot.read(0)
        #expect(!slot.device.mayInterrupt)
        _ = try slot.read(0, 4)
        #expect(!slot.device.mayInterrupt)
        try slot.write(0, [UInt32](repeating: 1, count: 256))
        #expect(!slot.device.mayInterrupt)
        #expect(slot.readError(18, 8) == .cardFailed)
        #expect(!slot.device.mayInterrupt)
        slot.model.isPresent = false
        #expect(slot.readError(0) == .noCard)
        #expect(!slot.device.mayInterrupt)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func noStoreComesTooSoonForTheController(
        _ lateness: UInt64
    ) throws {
        clock.look = 70
        clock.lateness = lateness * 50
        sdhci.isSlow = true
        let slot = Slot(sdhci: clock, sdhci)
        slot.model.bad = [20]
        _ = try slot.read(0, 2)
        try slot.write(0, [UInt32](repeating: 1, count: 256))
        #expect(slot.readError(18, 8) == .cardFailed)
        slot.model.isPresent = false
        #expect(slot.readError(0) == .noCard)
        #expect(slot.informationError == .noCard)
        #expect(sdhci.lostStores == 0)
    }

    @Test func whatIsCompleteHasNotTimedOut() throws {
        let slot = Slot(sdhci: clock, sdhci)
        sdhci.timesOutAtTheEnd = true
        #expect(try slot.read(1) == slot.content(1, 1))
        #expect(try slot.read(1, 4) == slot.content(1, 4))
        let words = (0..<256).map { UInt32($0) * 7 }
        try slot.write(3, words)
        #expect(slot.content(3, 2) == words)
    }

    /// Ten stores of 1 µs and their looks, as docs/reference/block-service.md says.
    @Test func theDriverSpinsNoLongerThanItsPageSays() throws {
        clock.look = 90
        sdhci.isSlow = true
        let slot = Slot(sdhci: clock, sdhci)
        _ = try slot.information()
        // A command that fails, and the next one.
        slot.model.insert(blocks: 1024)
        slot.model.isVersion2 = false
        slot.model.isHighCapacity = false
        slot.model.silent = [16]
        #expect(slot.informationError != nil)
        slot.model.silent = []
        _ = try slot.information()
        slot.model.isPresent = false
        #expect(slot.readError(0) == .noCard)
        #expect(slot.informationError == .noCard)
        #expect(12_000...14_000 ~= clock.longestStretch)
    }

    @Test func anotherDeviceOnTheLineIsNotKeptWaiting() {
        // It interrupts whenever it is let in.
        var isIn = 0
        clock.device = {
            isIn += 1
            return true
        }
        var pace = ModelPace(clock: clock)
        let end = clock.microseconds + 10_000
        pace.sleep(until: end)
        #expect(clock.microseconds >= end && clock.microseconds <= end + 10)
        // Each time 10 µs and a pause, in which nothing is let in.
        #expect(80...200 ~= isIn)
    }

    @Test func theClockIsNeverFasterThanAsked() throws {
        var host = SDHCI(registers: ModelRegisters(device: sdhci), pace: ModelPace(clock: clock))
        for hertz: UInt32 in [400_000, 25_000_000] {
            try host.configure(
                hertz: hertz, isWide: false, deadline: clock.microseconds + 1_000_000)
            let value = sdhci.value(SDHCIRegister.clockControl)
            let divider = value >> 8 & 0xff | (value >> 6 & 3) << 8
            #expect(
                divider > 0 && 250_000_000 / (2 * divider) <= hertz
                    && 250_000_000 / (2 * divider) > hertz / 2)
        }
    }

    @Test func cardRegistersAreRead() throws {
        let large = try CardSpecificData([0, 0xffff << 16, 0x3f, 1 << 30])
        #expect(large.blocks == 1 << 32 && !large.isReadOnly)
        #expect(throws: CardError.unsupported) { try CardSpecificData([0, 0, 0, 2 << 30]) }
        #expect(throws: CardError.unsupported) { try CardSpecificData([0, 0, 15 << 16, 0]) }
    }
}
