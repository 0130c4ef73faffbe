// The GICv2 driver against recorded registers: start-up, one interrupt's way, masks and triggers.

import HardwareInterface
import KernelABI
import PlatformDrivers
import Testing

@Suite struct GICv2Tests {
    let record = Record()

    /// - Parameter lines: a multiple of 32, as TYPER says it.
    func start(lines: Int = 96) -> GICv2<TraceRegisters> {
        record[.distributor, 0x004] = UInt64(lines / 32 - 1)
        return GICv2(
            distributor: TraceRegisters(record: record, window: .distributor),
            interface: TraceRegisters(record: record, window: .interface))
    }
    /// The driver at work, with an empty record.
    func started() -> GICv2<TraceRegisters> {
        let controller = start()
        record.accesses = []
        return controller
    }

    @Test func startingGoesFromTheDistributorOffToTheInterfaceOn() throws {
        _ = start()
        let stores = record.stores
        #expect(stores.first == .store(.distributor, 0x000, 0))
        let distributorOn = try #require(record.index(.store(.distributor, 0x000, 3)))
        let lastLine = try #require(
            record.accesses.lastIndex {
                if case .store(.distributor, 0x080..., _) = $0 { true } else { false }
            })
        #expect(lastLine < distributorOn, "a line was set up while the distributor forwarded")
        // Priority mask before the interface opens; EOImode 1 in each view, both groups,
        // nothing as FIQ.
        #expect(
            stores.suffix(2) == [.store(.interface, 0x004, 0xf0), .store(.interface, 0x000, 0x603)])
    }

    @Test(arguments: [32, 96, 1024]) func everyLineIsMaskedQuietAndInGroupZero(lines: Int) {
        let controller = start(lines: lines)
        #expect(controller.lineCount == min(lines, 1020))
        for word in 0..<(lines / 32) {
            for (base, value) in [
                (0x080, 0), (0x180, 0xffff_ffff), (0x280, 0xffff_ffff), (0x380, 0xffff_ffff),
            ] {
                #expect(
                    record.stores(.distributor, base + 4 * word) == [UInt64(value)],
                    "word \(word) at \(base)")
            }
        }
        for base in [0x080, 0x180, 0x280, 0x380] where lines < 1024 {
            #expect(record.stores(.distributor, base + lines / 8).isEmpty, "behind the last line")
        }
        #expect(record.stores(.distributor, 0x100).isEmpty, "nothing is unmasked")
    }

    @Test(arguments: [32, 96, 1024]) func everyLineHasThePriorityThatTheMaskLetsPass(lines: Int) {
        _ = start(lines: lines)
        let words = min(lines, 1020) / 4
        for word in 0..<words {
            // The timer and software interrupts are private lines, and come first.
            let expected: UInt64 = word < 8 ? 0 : 0x8080_8080
            #expect(record.stores(.distributor, 0x400 + 4 * word) == [expected])
        }
        #expect(record.stores(.distributor, 0x400 + 4 * words).isEmpty)
    }

    @Test(
        arguments: [(0x0404_0404, 0x0404_0404), (0x0000_0002, 0x0202_0202), (0, 0x0101_0101)]
            as [(UInt64, UInt64)])
    func sharedLinesGoToTheCoreThatStartsTheController(banked: UInt64, expected: UInt64) {
        // Reading a private line's target gives the reader's own bit; one core only reads as zero.
        record[.distributor, 0x808] = banked
        _ = start()
        for word in 8..<24 { #expect(record.stores(.distributor, 0x800 + 4 * word) == [expected]) }
        for word in 0..<8 { #expect(record.stores(.distributor, 0x800 + 4 * word).isEmpty) }
    }

    @Test func anInterruptIsAcknowledgedEndedAndDeactivatedByOneAccessEach() {
        let controller = started()
        record[.interface, 0x00c] = 34
        #expect(controller.acknowledge() == 34)
        controller.end(line: 34)
        controller.open(line: 34)
        #expect(
            record.accesses == [
                .load(.interface, 0x00c), .store(.interface, 0x010, 34),
                .store(.distributor, 0x384, 1 << 2),
            ])
    }

    /// The driver that acknowledges may run on another core than the one that took the interrupt.
    @Test func aSharedLineIsDeactivatedForEveryCoreAndAPrivateOneForItsOwn() {
        let controller = started()
        for line in [31, 32, 63, 95, 1019] { controller.open(line: line) }
        controller.open(line: 5 << 10 | 3)
        let expected: [Access] = [
            .store(.interface, 0x1000, 31), .store(.distributor, 0x384, 1),
            .store(.distributor, 0x384, 1 << 31), .store(.distributor, 0x388, 1 << 31),
            .store(.distributor, 0x3fc, 1 << 27), .store(.interface, 0x1000, 5 << 10 | 3),
        ]
        #expect(record.accesses == expected)
    }

    @Test(arguments: 1020...1023 as ClosedRange<UInt64>) func aSpuriousInterruptIsNone(
        value: UInt64
    ) {
        let controller = started()
        record[.interface, 0x00c] = value
        #expect(controller.acknowledge() == nil)
        #expect(
            record.accesses == [.load(.interface, 0x00c)], "a spurious interrupt must not be ended")
        record[.interface, 0x00c] = 1019
        #expect(controller.acknowledge() == 1019)
    }

    @Test func aSoftwareInterruptEndsWithTheCoreThatSentIt() throws {
        let controller = started()
        record[.interface, 0x00c] = 5 << 10 | 3
        let line = try #require(controller.acknowledge())
        #expect(line >= controller.lineCount, "it is no line of a device")
        controller.end(line: line)
        #expect(record.accesses.last == .store(.interface, 0x010, 5 << 10 | 3))
    }

    @Test func unmaskingSetsTheTriggerFirst() {
        let controller = started()
        record[.distributor, 0xc08] = 0xaaaa_aaaa
        controller.enable(line: 34, trigger: .level)
        #expect(
            record.accesses == [
                .load(.distributor, 0xc08), .store(.distributor, 0xc08, 0xaaaa_aa8a),
                .store(.distributor, 0x104, 1 << 2),
            ])
        record[.distributor, 0xc0c] = 0
        controller.enable(line: 63, trigger: .edge)
        #expect(record.stores(.distributor, 0xc0c) == [1 << 31])
        #expect(record.stores(.distributor, 0x104) == [1 << 2, 1 << 31])
    }

    @Test func privateLinesAreConfiguredFromTheSixteenthOn() {
        let controller = started()
        controller.enable(line: 27, trigger: .edge)
        #expect(
            record.stores == [
                .store(.distributor, 0xc04, 1 << 23), .store(.distributor, 0x100, 1 << 27),
            ])
        record.accesses = []
        controller.enable(line: 15, trigger: .edge)
        #expect(record.accesses == [.store(.distributor, 0x100, 1 << 15)])
    }

    @Test func anotherCoreSetsUpItsOwnLinesAndInterface() {
        var controller = started()
        record[.distributor, 0x800] = 0x0404_0404
        controller.initializeCore()
        #expect(controller.target == CoreTarget(4))
        var expected: [Access] = [
            .store(.distributor, 0x180, 0xffff_ffff), .store(.distributor, 0x280, 0xffff_ffff),
            .store(.distributor, 0x380, 0xffff_ffff), .store(.distributor, 0x080, 0),
        ]
        for word in 0..<8 { expected.append(.store(.distributor, 0x400 + 4 * word, 0)) }
        expected += [.store(.interface, 0x004, 0xf0), .store(.interface, 0x000, 0x603)]
        #expect(
            record.stores == expected, "the distributor and the shared lines are the first core's")
    }

    @Test func aSoftwareInterruptNamesItsCores() {
        let controller = started()
        controller.send(softwareInterrupt: 1, to: CoreTarget(1 << 7))
        controller.send(softwareInterrupt: 0, to: CoreTarget(1 << 1))
        #expect(
            record.stores == [
                .store(.distributor, 0xf00, 0x80_0001), .store(.distributor, 0xf00, 0x02_0000),
            ])
        #expect(SoftwareInterrupt(line: 5 << 10 | 1) == .stop, "sent by core 5")
        #expect(SoftwareInterrupt(line: 1024) == .look)
        #expect(SoftwareInterrupt(line: 2) == nil && SoftwareInterrupt(line: 33) == nil)
    }

    @Test func aLineGoesToTheCoreThatIsNamed() {
        record[.distributor, 0x800] = 0x0101_0101
        let controller = started()
        controller.route(line: 34, to: CoreTarget(8))
        #expect(record.accesses == [.store(.distributor, 0x822, 8)])
        record.accesses = []
        controller.route(line: 31, to: CoreTarget(1))
        controller.route(line: 31, to: CoreTarget(2))
        #expect(record.accesses.isEmpty)
    }

    @Test func aMoreUrgentThreadGivesItsLineASmallerNumber() {
        let controller = started()
        var before = -1
        for priority in (0...255).reversed() {
            record.accesses = []
            controller.setUrgency(UInt8(priority), ofLine: 35)
            guard case .store(.distributor, 0x423, let value)? = record.accesses.last else {
                Issue.record("no store")
                return
            }
            let number = Int(value)
            // Each its own in the real-time band, and no less urgent line before it.
            #expect(priority >= 127 ? number == 0x10 + 255 - priority : number >= before)
            #expect(number < 0xf0, "the mask lets it pass")
            before = number
        }
        #expect(before == 0xef)
        #expect(record.accesses.count == 1)
    }

    @Test func maskingTouchesOneBitOfOneRegister() {
        let controller = started()
        controller.disable(line: 33)
        controller.disable(line: 95)
        #expect(
            record.accesses == [
                .store(.distributor, 0x184, 1 << 1), .store(.distributor, 0x188, 1 << 31),
            ])
    }
}
