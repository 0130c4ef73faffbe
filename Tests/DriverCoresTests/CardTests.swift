// The card's logic with both controllers, against models of card and controllers: what works, and each thing that can go wrong.

import Testing

@testable import DriverCores

/// A card in one of the controllers.
struct Slot<Device: ModelController, Host: CardHost> {
    let clock = ModelClock()
    let model = ModelCard()
    let device: Device
    var card: SDCard<Host>

    init(_ make: (ModelRegisters<Device>, ModelPace) -> Host) {
        device = Device(card: model, clock: clock)
        card = SDCard(host: make(ModelRegisters(device: device), ModelPace(clock: clock)))
    }
    var deadline: UInt64 { clock.microseconds + 2_000_000 }

    mutating func information() throws(CardError) -> (blocks: UInt64, isReadOnly: Bool) {
        try card.information(deadline: deadline)
    }
    mutating func read(_ first: UInt64, _ count: Int = 1) throws(CardError) -> [UInt32] {
        var words = [UInt32](repeating: 0, count: count * 128)
        var span = words.mutableSpan
        try card.read(first, into: &span, deadline: deadline)
        return words
    }
    mutating func write(_ first: UInt64, _ words: [UInt32]) throws(CardError) {
        try card.write(first, from: words.span, deadline: deadline)
    }
    /// The error that something throws; nil for none.
    mutating func error(_ body: (inout Self) throws(CardError) -> Void) -> CardError? {
        do throws(CardError) {
            try body(&self)
            return nil
        } catch { return error }
    }
    func content(_ first: UInt64, _ count: Int) -> [UInt32] {
        (first..<first + UInt64(count)).flatMap { model.words(of: $0) }
    }
}

/// One body for both controllers.
enum Controller: CaseIterable { case sdhost, sdhci }

protocol SlotTest { func run<Device: ModelController, Host: CardHost>(_ slot: inout Slot<Device, Host>) throws }

private func inBoth(_ controller: Controller, _ test: some SlotTest) throws {
    switch controller {
    case .sdhost:
        var slot = Slot<ModelSDHost, SDHost<ModelRegisters<ModelSDHost>, ModelPace>> {
            SDHost(registers: $0, pace: $1)
        }
        try test.run(&slot)
    case .sdhci:
        var slot = Slot<ModelSDHCI, SDHCI<ModelRegisters<ModelSDHCI>, ModelPace>> { SDHCI(registers: $0, pace: $1) }
        try test.run(&slot)
    }
}

@Suite struct CardTests {
    @Test(arguments: Controller.allCases) func aCardIsIdentifiedOnce(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                let (blocks, isReadOnly) = try slot.information()
                #expect(blocks == 4096 && !isReadOnly)
                #expect(
                    slot.model.commands == [0, 8, 55, 41, 55, 41, 55, 41, 2, 3, 9, 7, 55, 51, 55, 6])
                _ = try slot.information()
                _ = try slot.read(0)
                #expect(slot.model.commands.suffix(2) == [13, 17] && slot.model.commands.count == 18)
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func anOldCardCountsInBytes(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                slot.model.isVersion2 = false
                slot.model.isHighCapacity = false
                #expect(try slot.information().blocks == 4096)
                #expect(slot.model.commands.contains(16))
                #expect(try slot.read(3) == slot.content(3, 1))
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func blocksAreReadAndWritten(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
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
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func blocksThatTheCardLacksAreRefusedWithoutACommand(
        _ controller: Controller
    ) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                _ = try slot.information()
                let count = slot.model.commands.count
                for (first, blocks) in [(4096, 1), (4095, 2), (UInt64.max, 1), (UInt64.max, 8), (0, 0)] {
                    #expect(slot.error { s throws(CardError) in _ = try s.read(first, blocks) } == .outOfRange)
                }
                #expect(slot.model.commands.count == count)
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func anEmptySlotSaysSo(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                slot.model.isPresent = false
                #expect(slot.error { s throws(CardError) in _ = try s.information() } == .noCard)
                slot.model.isPresent = true
                #expect(try slot.information().blocks == 4096)
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func anotherCardIsNoticed(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                _ = try slot.information()
                slot.model.isPresent = false
                #expect(slot.error { s throws(CardError) in _ = try s.information() } == .noCard)
                slot.model.insert(blocks: 1024)
                #expect(try slot.information().blocks == 1024)
                slot.model.insert(blocks: 2048)
                #expect(try slot.information().blocks == 2048)
                slot.model.insert(blocks: 4096)
                #expect(slot.error { s throws(CardError) in _ = try s.read(0) } == .noCard)
                #expect(try slot.read(3) == slot.content(3, 1))
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func whatIsNoMemoryCardIsUnsupported(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                // A multimedia card knows CMD55 and not ACMD41.
                slot.model.silent = [41]
                #expect(slot.error { s throws(CardError) in _ = try s.information() } == .unsupported)
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func aCardThatIsNeverReadyIsGivenUpAtTheDeadline(
        _ controller: Controller
    ) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                slot.model.pollsUntilReady = .max
                let deadline = slot.deadline
                #expect(slot.error { s throws(CardError) in _ = try s.information() } == .timeOut)
                #expect(slot.clock.microseconds <= deadline)
                #expect(slot.model.commands.count < 500)
            }
        }
        try inBoth(controller, Test())
    }
}

@Suite struct CardFailureTests {
    @Test(arguments: Controller.allCases) func aBadSectorIsNamedAndTheNextOneRead(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                slot.model.bad = [100]
                #expect(slot.error { s throws(CardError) in _ = try s.read(100) } == .cardFailed)
                #expect(slot.error { s throws(CardError) in _ = try s.read(98, 8) } == .cardFailed)
                #expect(try slot.read(101, 2) == slot.content(101, 2))
                #expect(slot.model.commands.filter { $0 == 0 }.count == 1)
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func aSectorThatCannotBeWrittenIsReported(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                slot.model.bad = [9]
                let block = [UInt32](repeating: 5, count: 128)
                #expect(slot.error { s throws(CardError) in try s.write(9, block) } == .cardFailed)
                #expect(slot.error { s throws(CardError) in try s.write(8, block + block) } == .cardFailed)
                try slot.write(10, block)
                #expect(slot.content(10, 1) == block)
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func aWrongChecksumIsReportedAndTheBlockReadAnew(
        _ controller: Controller
    ) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                _ = try slot.information()
                slot.device.spoilsChecksum = true
                #expect(slot.error { s throws(CardError) in _ = try s.read(5) } == .checksum)
                #expect(try slot.read(5) == slot.content(5, 1))
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases, [0, 1, 127, 128, 200, 1023]) func aCardPulledOutInMidReadIsGone(
        _ controller: Controller, _ words: Int
    ) throws {
        struct Test: SlotTest {
            let words: Int
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                _ = try slot.information()
                slot.model.wordsUntilRemoval = words
                let deadline = slot.deadline
                #expect(slot.error { s throws(CardError) in _ = try s.read(0, 8) } == .noCard)
                #expect(slot.clock.microseconds <= deadline)
                #expect(slot.error { s throws(CardError) in _ = try s.read(0) } == .noCard)
                // Another card, put in its place.
                slot.model.isPresent = true
                slot.model.wordsUntilRemoval = nil
                slot.model.blocks = 8192
                slot.model.content[0] = [UInt32](repeating: 77, count: 128)
                #expect(try slot.information().blocks == 8192)
                #expect(try slot.read(0)[0] == 77)
            }
        }
        try inBoth(controller, Test(words: words))
    }

    @Test(arguments: Controller.allCases) func aCardPulledOutInMidWriteIsGone(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                _ = try slot.information()
                slot.model.wordsUntilRemoval = 130
                let blocks = [UInt32](repeating: 5, count: 512)
                #expect(slot.error { s throws(CardError) in try s.write(0, blocks) } == .noCard)
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases) func aProtectedCardIsNotWritten(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                slot.model.isProtected = true
                #expect(try slot.information().isReadOnly)
                let block = [UInt32](repeating: 5, count: 128)
                #expect(slot.error { s throws(CardError) in try s.write(0, block) } == .readOnly)
                #expect(!slot.model.commands.contains(24))
            }
        }
        try inBoth(controller, Test())
    }

    @Test(arguments: Controller.allCases, [2, 3, 7, 9, 51] as [UInt8]) func aCardThatFallsSilentIsIdentifiedAnew(
        _ controller: Controller, _ index: UInt8
    ) throws {
        struct Test: SlotTest {
            let index: UInt8
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                slot.model.silent = [index]
                #expect(slot.error { s throws(CardError) in _ = try s.information() } == .timeOut)
                slot.model.silent = []
                #expect(try slot.read(1) == slot.content(1, 1))
            }
        }
        try inBoth(controller, Test(index: index))
    }
}

@Suite struct ControllerTests {
    @Test func aSlowCommandIsSleptOver() throws {
        var slot = Slot<ModelSDHost, SDHost<ModelRegisters<ModelSDHost>, ModelPace>> {
            SDHost(registers: $0, pace: $1)
        }
        _ = try slot.information()
        slot.device.looksPerCommand = 60
        let sleeps = slot.clock.sleeps
        _ = try slot.read(0)
        // Twenty looks at a microsecond each, then one for each sleep.
        #expect(slot.clock.sleeps - sleeps >= 40)
    }

    @Test func aCommandThatNeverEndsIsGivenUp() throws {
        var slot = Slot<ModelSDHost, SDHost<ModelRegisters<ModelSDHost>, ModelPace>> {
            SDHost(registers: $0, pace: $1)
        }
        _ = try slot.information()
        for hanging: Set<UInt8> in [[17], [12, 13], [12, 13, 17]] {
            slot.device.hanging = hanging
            slot.model.bad = [1]
            let deadline = slot.deadline
            #expect(slot.error { s throws(CardError) in _ = try s.read(1) } == .noCard)
            #expect(slot.clock.microseconds <= deadline)
            #expect(!slot.device.mayInterrupt)
            slot.device.hanging = []
        }
        #expect(try slot.read(0) == slot.content(0, 1))
    }

    @Test func aControllerOfVersion2IsRefused() throws {
        var slot = Slot<ModelSDHCI, SDHCI<ModelRegisters<ModelSDHCI>, ModelPace>> { SDHCI(registers: $0, pace: $1) }
        slot.device.store(SDHCIRegister.version, 1 << 16)
        #expect(slot.error { s throws(CardError) in _ = try s.information() } == .unsupported)
        #expect(slot.model.commands.isEmpty)
    }

    @Test(arguments: Controller.allCases) func betweenRequestsTheLineIsQuiet(_ controller: Controller) throws {
        struct Test: SlotTest {
            func run<D: ModelController, H: CardHost>(_ slot: inout Slot<D, H>) throws {
                slot.model.bad = [20]
                _ = try slot.read(0)
                #expect(!slot.device.mayInterrupt)
                _ = try slot.read(0, 4)
                #expect(!slot.device.mayInterrupt)
                try slot.write(0, [UInt32](repeating: 1, count: 256))
                #expect(!slot.device.mayInterrupt)
                #expect(slot.error { s throws(CardError) in _ = try s.read(18, 8) } == .cardFailed)
                #expect(!slot.device.mayInterrupt)
                slot.model.isPresent = false
                #expect(slot.error { s throws(CardError) in _ = try s.read(0) } == .noCard)
                #expect(!slot.device.mayInterrupt)
            }
        }
        try inBoth(controller, Test())
    }

    @Test func theClockIsNeverFasterThanAsked() throws {
        var slot = Slot<ModelSDHCI, SDHCI<ModelRegisters<ModelSDHCI>, ModelPace>> { SDHCI(registers: $0, pace: $1) }
        for hertz: UInt32 in [400_000, 25_000_000] {
            try slot.card.host.configure(hertz: hertz, isWide: false, deadline: slot.deadline)
            let clock = slot.device.value(SDHCIRegister.clockControl)
            let divider = clock >> 8 & 0xff | (clock >> 6 & 3) << 8
            #expect(divider > 0 && 250_000_000 / (2 * divider) <= hertz && 250_000_000 / (2 * divider) > hertz / 2)
        }
    }

    @Test func cardRegistersAreRead() throws {
        let large = try CardSpecificData([0, 0xffff << 16, 0x3f, 1 << 30])
        #expect(large.blocks == 1 << 32 && !large.isReadOnly)
        #expect(throws: CardError.unsupported) { try CardSpecificData([0, 0, 0, 2 << 30]) }
        #expect(throws: CardError.unsupported) { try CardSpecificData([0, 0, 15 << 16, 0]) }
    }
}
