// The card's logic with both controllers, against models of card and controllers: what works, and
// each thing that can go wrong.

import Testing

@testable import DriverCores

/// One body for both controllers.
enum Controller: CaseIterable { case sdhost, sdhci }

/// A card in one of the controllers.
struct Slot {
    let clock: ModelClock
    let model: ModelCard
    let device: ModelController
    /// The card's logic with its controller, whose type the tests need not name.
    private let size: (UInt64) throws(CardError) -> (blocks: UInt64, isReadOnly: Bool)
    private let load: (UInt64, Int, UInt64) throws(CardError) -> [UInt32]
    private let store: (UInt64, [UInt32], UInt64) throws(CardError) -> Void
    /// The number of the card that is known.
    let medium: () -> UInt64?

    private init(_ device: ModelController, _ clock: ModelClock, _ host: some CardHost) {
        self.clock = clock
        self.device = device
        model = device.card
        var card = SDCard(host: host)
        size = { deadline throws(CardError) in try card.information(deadline: deadline) }
        load = { first, count, deadline throws(CardError) in
            var words = [UInt32](repeating: 0, count: count * 128)
            var span = words.mutableSpan
            try card.read(first, into: &span, deadline: deadline)
            return words
        }
        store = { first, words, deadline throws(CardError) in
            try card.write(first, from: words.span, deadline: deadline)
        }
        medium = { card.medium }
    }
    init(sdhost clock: ModelClock, _ device: ModelSDHost) {
        self.init(
            device, clock,
            SDHost(registers: ModelRegisters(device: device), pace: ModelPace(clock: clock)))
    }
    init(sdhci clock: ModelClock, _ device: ModelSDHCI) {
        self.init(
            device, clock,
            SDHCI(registers: ModelRegisters(device: device), pace: ModelPace(clock: clock)))
    }
    init(_ controller: Controller) {
        let clock = ModelClock()
        switch controller {
        case .sdhost: self.init(sdhost: clock, ModelSDHost(card: ModelCard(), clock: clock))
        case .sdhci: self.init(sdhci: clock, ModelSDHCI(card: ModelCard(), clock: clock))
        }
    }
    var deadline: UInt64 { clock.microseconds + 2_000_000 }
    /// When a request that begins now is over, whatever goes wrong: some looks and stores after the
    /// time to tidy up.
    func bound(_ time: UInt64) -> UInt64 {
        clock.microseconds + time + SDCard<SDHost<ModelRegisters, ModelPace>>.tidyTime + 200
    }

    func information() throws(CardError) -> (blocks: UInt64, isReadOnly: Bool) {
        try size(deadline)
    }
    func read(_ first: UInt64, _ count: Int = 1) throws(CardError) -> [UInt32] {
        try load(first, count, deadline)
    }
    func write(_ first: UInt64, _ words: [UInt32]) throws(CardError) {
        try store(first, words, deadline)
    }

    /// The errors that these throw; nil for none.
    var informationError: CardError? { error { () throws(CardError) in _ = try information() } }
    func readError(
        _ first: UInt64, _ count: Int = 1, within time: UInt64 = 2_000_000
    ) -> CardError? {
        error { () throws(CardError) in _ = try load(first, count, clock.microseconds + time) }
    }
    func writeError(_ first: UInt64, _ words: [UInt32]) -> CardError? {
        error { () throws(CardError) in try write(first, words) }
    }
    private func error(_ body: () throws(CardError) -> Void) -> CardError? {
        do throws(CardError) {
            try body()
            return nil
        } catch { return error }
    }
    func content(_ first: UInt64, _ count: Int) -> [UInt32] {
        (first..<first + UInt64(count)).flatMap { model.words(of: $0) }
    }
}

@Suite struct CardTests {
    @Test(arguments: Controller.allCases) func aCardIsIdentifiedOnce(_ controller: Controller)
        throws
    {
        let slot = Slot(controller)
        let (blocks, isReadOnly) = try slot.information()
        #expect(blocks == 4096 && !isReadOnly)
        #expect(
            slot.model.commands == [0, 8, 55, 41, 55, 41, 55, 41, 2, 3, 9, 7, 55, 51, 55, 6])
        _ = try slot.information()
        _ = try slot.read(0)
        #expect(slot.model.commands.suffix(2) == [13, 17] && slot.model.commands.count == 18)
    }

    @Test(arguments: Controller.allCases) func anOldCardCountsInBytes(_ controller: Controller)
        throws
    {
        let slot = Slot(controller)
        slot.model.isVersion2 = false
        slot.model.isHighCapacity = false
        #expect(try slot.information().blocks == 4096)
        #expect(slot.model.commands.contains(16))
        #expect(try slot.read(3) == slot.content(3, 1))
    }

    @Test(arguments: Controller.allCases) func blocksAreReadAndWritten(_ controller: Controller)
        throws
    {
        let slot = Slot(controller)
        #expect(try slot.read(7) == slot.content(7, 1))
        #expect(try slot.read(4088, 8) == slot.content(4088, 8))
        #expect(slot.model.commands.suffix(2) == [18, 12])
        let words = (0..<256).map { UInt32($0) * 3 }
        try slot.write(4094, words)
        #expect(slot.content(4094, 2) == words)
        try slot.write(0, Array(words[0..<128]))
        #expect(try slot.read(0) == Array(words[0..<128]))
        #expect(slot.clock.sleeps > 0)
    }

    @Test(arguments: Controller.allCases) func blocksThatTheCardLacksAreRefusedWithoutACommand(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        _ = try slot.information()
        let count = slot.model.commands.count
        for (first, blocks) in [(4096, 1), (4095, 2), (UInt64.max, 1), (UInt64.max, 8), (0, 0)] {
            #expect(slot.readError(first, blocks) == .outOfRange)
        }
        #expect(slot.model.commands.count == count)
    }

    @Test(arguments: Controller.allCases) func anEmptySlotSaysSo(_ controller: Controller) throws {
        let slot = Slot(controller)
        slot.model.isPresent = false
        #expect(slot.informationError == .noCard)
        slot.model.isPresent = true
        #expect(try slot.information().blocks == 4096)
    }

    @Test(arguments: Controller.allCases)
    func anotherCardIsNoticed(_ controller: Controller) throws {
        let slot = Slot(controller)
        _ = try slot.information()
        slot.model.isPresent = false
        #expect(slot.informationError == .noCard)
        slot.model.insert(blocks: 1024)
        #expect(try slot.information().blocks == 1024)
        slot.model.insert(blocks: 2048)
        #expect(try slot.information().blocks == 2048)
        slot.model.insert(blocks: 4096)
        #expect(slot.readError(0) == .noCard)
        #expect(try slot.read(3) == slot.content(3, 1))
    }

    @Test(arguments: Controller.allCases) func noTwoCardsHaveTheSameNumber(_ controller: Controller)
        throws
    {
        let slot = Slot(controller)
        #expect(slot.medium() == nil)
        var numbers: Set<UInt64> = [0]
        for _ in 0..<3 {
            _ = try slot.information()
            let number = try #require(slot.medium())
            #expect(numbers.insert(number).inserted)
            _ = try slot.information()
            _ = try slot.read(3, 8)
            slot.model.bad = [100]
            #expect(slot.readError(98, 8) == .cardFailed)
            #expect(slot.medium() == number)
            slot.model.insert(blocks: 4096)
            #expect(slot.readError(0) == .noCard)
            #expect(slot.medium() == nil)
        }
    }

    @Test(arguments: Controller.allCases) func whatIsNoMemoryCardIsUnsupported(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        // A multimedia card knows CMD55 and not ACMD41.
        slot.model.silent = [41]
        #expect(slot.informationError == .unsupported)
    }

    @Test(arguments: Controller.allCases) func aCardThatIsNeverReadyIsGivenUpAtTheDeadline(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        slot.model.pollsUntilReady = .max
        let deadline = slot.deadline
        #expect(slot.informationError == .timeOut)
        #expect(slot.clock.microseconds <= deadline)
        #expect(slot.model.commands.count < 500)
    }
}

@Suite struct CardFailureTests {
    @Test(arguments: Controller.allCases) func aBadSectorIsNamedAndTheNextOneRead(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        slot.model.bad = [100]
        #expect(slot.readError(100) == .cardFailed)
        #expect(slot.readError(98, 8) == .cardFailed)
        #expect(try slot.read(101, 2) == slot.content(101, 2))
        #expect(slot.model.commands.filter { $0 == 0 }.count == 1)
    }

    @Test(arguments: Controller.allCases) func aSectorThatCannotBeWrittenIsReported(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        slot.model.bad = [9]
        let block = [UInt32](repeating: 5, count: 128)
        #expect(slot.writeError(9, block) == .cardFailed)
        #expect(slot.writeError(8, block + block) == .cardFailed)
        try slot.write(10, block)
        #expect(slot.content(10, 1) == block)
    }

    @Test(arguments: Controller.allCases) func aWriteEndsWhenTheCardHasStoredIt(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        let block = [UInt32](repeating: 5, count: 128)
        slot.model.looksUntilStored = 3
        try slot.write(7, block)
        #expect(slot.model.commands.suffix(5) == [24, 13, 13, 13, 13])
        slot.model.looksUntilStored = 3
        slot.model.failsWhileStoring = true
        #expect(slot.writeError(7, block) == .cardFailed)
        slot.model.looksUntilStored = .max
        #expect(slot.writeError(7, block) == .timeOut)
    }

    @Test(arguments: Controller.allCases) func aCardThatStaysInAnotherStateIsIdentifiedAnew(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        _ = try slot.information()
        slot.model.isStuckReceiving = true
        #expect(slot.writeError(0, [UInt32](repeating: 5, count: 512)) == .timeOut)
        #expect(try slot.read(7) == slot.content(7, 1))
    }

    @Test(arguments: Controller.allCases) func aLockedCardIsUnsupported(_ controller: Controller)
        throws
    {
        let slot = Slot(controller)
        slot.model.isLocked = true
        #expect(slot.informationError == .unsupported)
    }

    @Test(arguments: Controller.allCases) func aWrongChecksumIsReportedAndTheBlockReadAnew(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        _ = try slot.information()
        slot.device.spoilsChecksum = true
        #expect(slot.readError(5) == .checksum)
        #expect(try slot.read(5) == slot.content(5, 1))
    }

    @Test(arguments: Controller.allCases, [0, 1, 127, 128, 200, 1023])
    func aCardPulledOutInMidReadIsGone(
        _ controller: Controller, _ words: Int
    ) throws {
        let slot = Slot(controller)
        _ = try slot.information()
        slot.model.wordsUntilRemoval = words
        let deadline = slot.deadline
        #expect(slot.readError(0, 8) == .noCard)
        #expect(slot.clock.microseconds <= deadline)
        #expect(slot.readError(0) == .noCard)
        // Another card, put in its place.
        slot.model.isPresent = true
        slot.model.wordsUntilRemoval = nil
        slot.model.blocks = 8192
        slot.model.content[0] = [UInt32](repeating: 77, count: 128)
        #expect(try slot.information().blocks == 8192)
        #expect(try slot.read(0)[0] == 77)
    }

    @Test(arguments: Controller.allCases) func aCardPulledOutInMidWriteIsGone(
        _ controller: Controller
    ) throws {
        let slot = Slot(controller)
        _ = try slot.information()
        slot.model.wordsUntilRemoval = 130
        let blocks = [UInt32](repeating: 5, count: 512)
        #expect(slot.writeError(0, blocks) == .noCard)
    }

    @Test(arguments: Controller.allCases) func aProtectedCardIsNotWritten(_ controller: Controller)
        throws
    {
        let slot = Slot(controller)
        slot.model.isProtected = true
        #expect(try slot.information().isReadOnly)
        let block = [UInt32](repeating: 5, count: 128)
        #expect(slot.writeError(0, block) == .readOnly)
        #expect(!slot.model.commands.contains(24))
    }

    @Test(arguments: Controller.allCases, [2, 3, 7, 9, 51] as [UInt8])
    func aCardThatFallsSilentIsIdentifiedAnew(
        _ controller: Controller, _ index: UInt8
    ) throws {
        let slot = Slot(controller)
        slot.model.silent = [index]
        #expect(slot.informationError == .timeOut)
        slot.model.silent = []
        #expect(try slot.read(1) == slot.content(1, 1))
    }
}
