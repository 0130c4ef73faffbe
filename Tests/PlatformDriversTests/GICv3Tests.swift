// The GICv3 driver against recorded registers: finding its redistributor, start-up, one interrupt's
// way, masks and triggers.

import HardwareInterface
import KernelABI
import PlatformDrivers
import Testing

/// Last of its region; GICv4 with two pages more.
private let last: UInt64 = 16
private let isGICv4: UInt64 = 2

@Suite struct GICv3Tests {
    let record = Record()

    /// - Parameter types: TYPER of the redistributor at each offset.
    func start(
        lines: Int = 96, affinity: UInt64 = 0x8000_0000, size: UInt64 = 0x40000,
        types: [Int: UInt64] = [0: last]
    ) -> GICv3<TraceRegisters, TraceCore>? {
        record[.distributor, 0x004] = UInt64(lines / 32 - 1)
        for (offset, type) in types { record[.redistributors, offset + 0x008] = type }
        return GICv3(
            distributor: TraceRegisters(record: record, window: .distributor),
            redistributors: TraceRegisters(record: record, window: .redistributors), size: size,
            affinity: affinity, core: TraceCore(record: record))
    }
    /// The driver at work, with an empty record.
    func started() throws -> GICv3<TraceRegisters, TraceCore> {
        let controller = try #require(start())
        record.accesses = []
        return controller
    }

    @Test func startingGoesFromTheDistributorOffToTheInterfaceOn() throws {
        _ = try #require(start())
        let off = try #require(record.index(.store(.distributor, 0x0000, 0)))
        let mask = try #require(record.index(.store(.distributor, 0x0184, 0xffff_ffff)))
        let on = try #require(record.index(.store(.distributor, 0x0000, 0x12)))
        let route = try #require(record.index(.store(.distributor, 0x6000 + 8 * 32, 0)))
        let wake = try #require(record.index(.store(.redistributors, 0x0014, 0)))
        let privateMask = try #require(record.index(.store(.redistributors, 0x10180, 0xffff_ffff)))
        #expect(off < mask && mask < on, "lines are set up while the distributor is off")
        #expect(on < route, "routes mean nothing before affinity routing is on")
        #expect(wake < privateMask, "a sleeping redistributor's lines cannot be set up")
        #expect(
            record.stores.suffix(6) == [
                .system(.systemAccess, 7), .synchronize, .system(.priorityMask, 0xf0),
                .system(.control, 2), .system(.groupEnable, 1), .synchronize,
            ])
    }

    @Test(arguments: [32, 96, 1024]) func everyLineIsMaskedQuietAndInGroupOne(lines: Int) throws {
        let controller = try #require(start(lines: lines))
        #expect(controller.lineCount == min(lines, 1020))
        for base in [0x080, 0x180, 0x280, 0x380] {
            #expect(record.stores(.redistributors, 0x10000 + base) == [0xffff_ffff])
            #expect(
                record.stores(.distributor, base).isEmpty, "private lines are the redistributor's")
            for word in 1..<max(lines / 32, 1) {
                #expect(
                    record.stores(.distributor, base + 4 * word) == [0xffff_ffff],
                    "word \(word) at \(base)")
            }
            #expect(record.stores(.distributor, base + lines / 8).isEmpty, "behind the last line")
        }
        #expect(record.stores(.redistributors, 0x10100).isEmpty, "nothing is unmasked")
    }

    @Test(arguments: [32, 96, 1024])
    func everyLineHasThePriorityThatTheMaskLetsPass(lines: Int) throws {
        _ = try #require(start(lines: lines))
        for word in 0..<8 {
            #expect(record.stores(.redistributors, 0x10400 + 4 * word) == [0])
        }
        let words = min(lines, 1020) / 4
        for word in 8..<words {
            #expect(record.stores(.distributor, 0x400 + 4 * word) == [0x8080_8080])
        }
        #expect(record.stores(.distributor, 0x400 + 4 * words).isEmpty)
    }

    @Test(arguments: [96, 1024])
    func sharedLinesGoToTheCoreThatStartsTheController(lines: Int) throws {
        // Affinity 3.2.1.0; bits 24 to 31 of MPIDR are flags.
        _ = try #require(
            start(lines: lines, affinity: 0x3_8102_0100, types: [0: 0x0302_0100 << 32 | last]))
        for line in 32..<min(lines, 1020) {
            #expect(record.stores(.distributor, 0x6000 + 8 * line) == [0x3_0002_0100])
        }
        #expect(record.stores(.distributor, 0x6000 + 8 * min(lines, 1020)).isEmpty)
    }

    @Test func writesToTheControlRegisterAreWaitedForButNotForEver() throws {
        record.queue[Place(window: .distributor, offset: 0)] = [1 << 31, 1 << 31, 0]
        _ = try #require(start())
        let off = try #require(record.index(.store(.distributor, 0x0000, 0)))
        #expect(
            Array(record.accesses[(off + 1)...(off + 3)])
                == Array(repeating: .load(.distributor, 0), count: 3))
        let stuck = Record()
        stuck.keepsLoads = false
        stuck[.redistributors, 0x0008] = last
        stuck[.redistributors, 0x0014] = 6
        stuck.stuck = [
            Place(window: .distributor, offset: 0): 1 << 31,
            Place(window: .redistributors, offset: 0x14): 4,
        ]
        _ = GICv3(
            distributor: TraceRegisters(record: stuck, window: .distributor),
            redistributors: TraceRegisters(record: stuck, window: .redistributors), size: 0x20000,
            affinity: 0, core: TraceCore(record: stuck))
        #expect(stuck.loads > 300_000, "two writes of the one, one of the other")
        #expect(
            stuck.stores(.redistributors, 0x0014) == [4],
            "ProcessorSleep is cleared, and nothing else")
    }

    @Test func theRedistributorIsFoundByAffinity() throws {
        // The first is a GICv4's, twice as large.
        let types = [
            0: 0x0000_0000_0000_0000 | isGICv4, 0x40000: 0x0000_0001 << 32,
            0x60000: 0x0000_0002 << 32 | last,
        ]
        let controller = try #require(start(affinity: 0x8000_0002, size: 0x80000, types: types))
        #expect(record.stores(.redistributors, 0x70180) == [0xffff_ffff])
        controller.disable(line: 27)
        #expect(record.accesses.last == .store(.redistributors, 0x70180, 1 << 27))
    }

    @Test func aCoreWithoutRedistributorIsRefused() {
        #expect(start(affinity: 1, types: [0: last]) == nil)
        #expect(
            start(affinity: 1, size: 0x40000, types: [0: 0, 0x20000: 2 << 32]) == nil,
            "the region ends")
        #expect(
            start(affinity: 2, size: 0x3ffff, types: [0: 0, 0x20000: 2 << 32]) == nil,
            "half a redistributor")
        #expect(start(size: 0) == nil)
        #expect(record.stores.isEmpty, "nothing was touched")
    }

    @Test func anInterruptIsAcknowledgedEndedAndDeactivatedByOneAccessEach() throws {
        let controller = try started()
        record.taken = [34]
        #expect(controller.acknowledge() == 34)
        controller.end(line: 34)
        controller.open(line: 34)
        #expect(record.accesses == [.take, .system(.end, 34), .system(.deactivate, 34)])
    }

    @Test(arguments: [8192, 0xff_ffff] as [UInt64]) func aMessageInterruptIsEndedAndNone(
        value: UInt64
    ) throws {
        let controller = try started()
        record.taken = [value]
        #expect(controller.acknowledge() == nil)
        #expect(record.accesses == [.take, .system(.end, value)])
    }

    /// Two redistributors: the first without LPIs, the second as it is told.
    private func messageTables(
        control: UInt64, stuck: UInt64 = 0, type: UInt64 = 1
    ) throws -> [[UInt64]] {
        record.stuck[Place(window: .redistributors, offset: 0x20000)] = stuck
        record[.redistributors, 0x20000] = control
        record[.redistributors, 0x20070] = 0x10_0009_4000_018f
        record[.redistributors, 0x20078] = 0x4000_0009_5001_0080
        record[.redistributors, 0x0000] = 1
        let types: [Int: UInt64] = [0: 0, 0x20000: 0x100 << 32 | type | last]
        let controller = try #require(start(types: types))
        var tables: [[UInt64]] = []
        record.accesses = []
        controller.initializeMessages(size: 0x40000) { tables.append([$0, $1]) }
        return tables
    }

    @Test func messageInterruptsThatTheFirmwareLeftOnAreTurnedOffAtEveryCore() throws {
        #expect(try messageTables(control: 0x0400_0001).isEmpty)
        #expect(
            record.stores == [.store(.redistributors, 0x20000, 0x0400_0000)],
            "nothing but EnableLPIs changes")
    }
    @Test func theTablesOfMessageInterruptsThatStayOnAreKept() throws {
        record.keepsLoads = false
        let tables = try messageTables(control: 1, stuck: 1)
        #expect(tables == [[0x9_4000_0000, 0x1_0000], [0x9_5001_0000, 0x2000]])
    }
    @Test func aRedistributorThatIsNotDoneIsWaitedForButNotForEver() throws {
        record.keepsLoads = false
        #expect(try messageTables(control: 1, stuck: 8).isEmpty)
        #expect(record.loads > 100_000)
    }
    @Test func messageInterruptsThatAreOffOrAbsentAreLeftAlone() throws {
        #expect(try messageTables(control: 0).isEmpty && record.stores.isEmpty)
        #expect(try messageTables(control: 1, type: 0).isEmpty && record.stores.isEmpty)
    }

    @Test(arguments: [1020, 1021, 1022, 1023] as [UInt64])
    func aSpuriousInterruptIsNone(value: UInt64) throws {
        let controller = try started()
        record.taken = [value, 1019]
        #expect(controller.acknowledge() == nil)
        #expect(record.accesses == [.take], "a spurious interrupt must not be ended")
        #expect(controller.acknowledge() == 1019)
    }

    @Test func unmaskingSetsTheTriggerFirst() throws {
        let controller = try started()
        record[.distributor, 0xc08] = 0xaaaa_aaaa
        controller.enable(line: 34, trigger: .level)
        controller.enable(line: 63, trigger: .edge)
        #expect(
            record.stores == [
                .store(.distributor, 0xc08, 0xaaaa_aa8a), .store(.distributor, 0x104, 1 << 2),
                .store(.distributor, 0xc0c, 1 << 31), .store(.distributor, 0x104, 1 << 31),
            ])
    }

    @Test func privateLinesAreTheRedistributors() throws {
        let controller = try started()
        controller.enable(line: 27, trigger: .level)
        controller.enable(line: 15, trigger: .edge)
        controller.disable(line: 27)
        #expect(
            record.stores == [
                .store(.redistributors, 0x10c04, 0), .store(.redistributors, 0x10100, 1 << 27),
                .store(.redistributors, 0x10100, 1 << 15),
                .store(.redistributors, 0x10180, 1 << 27),
            ])
    }

    @Test func anotherCoreSetsUpItsOwnRedistributor() throws {
        let other: UInt64 = 0x0302_0100
        var controller = try #require(start(types: [0: 0, 0x20000: other << 32 | last]))
        record.accesses = []
        let isThere = controller.initializeCore(affinity: 0x3_8102_0100, size: 0x40000)
        #expect(isThere)
        #expect(controller.target == CoreTarget(0x3_0002_0100))
        #expect(
            record.stores.allSatisfy {
                if case .store(.distributor, _, _) = $0 { false } else { true }
            })
        #expect(record.stores.first == .store(.redistributors, 0x20014, 0), "it wakes up first")
        for base in [0x080, 0x180, 0x280, 0x380] {
            #expect(record.stores(.redistributors, 0x30000 + base) == [0xffff_ffff])
        }
        for word in 0..<8 {
            #expect(record.stores(.redistributors, 0x30400 + 4 * word) == [0])
        }
        #expect(
            record.stores.suffix(6) == [
                .system(.systemAccess, 7), .synchronize, .system(.priorityMask, 0xf0),
                .system(.control, 2), .system(.groupEnable, 1), .synchronize,
            ])
        record.accesses = []
        controller.enable(line: 27, trigger: .level)
        #expect(record.stores.last == .store(.redistributors, 0x30100, 1 << 27), "its own line")
        let isForeign = controller.initializeCore(affinity: 0x5, size: 0x40000)
        #expect(!isForeign, "it has no redistributor")
        let isOutside = controller.initializeCore(affinity: 0x3_8102_0100, size: 0x20000)
        #expect(!isOutside, "its redistributor lies outside the region")
    }

    @Test func aSoftwareInterruptNamesItsCoreByAffinity() throws {
        let controller = try started()
        controller.send(softwareInterrupt: 1, to: CoreTarget(0x5_0004_0312))
        // Levels 3 to 1: 5, 4, 3; level 0 is 18: bit 2 of the second list of 16.
        #expect(
            record.accesses == [.system(.softwareInterrupt, 0x0005_1004_0103_0004), .synchronize])
    }

    @Test func aLineGoesToTheCoreThatIsNamed() throws {
        let controller = try started()
        controller.route(line: 40, to: CoreTarget(0x3_0002_0100))
        #expect(record.accesses == [.store(.distributor, 0x6000 + 8 * 40, 0x3_0002_0100)])
        record.accesses = []
        controller.route(line: 27, to: CoreTarget(0))
        controller.route(line: 27, to: CoreTarget(1))
        #expect(record.accesses.isEmpty)
    }

    @Test func aLinesUrgencyIsAByteOfItsOwnRegisters() throws {
        let controller = try started()
        controller.setUrgency(255, ofLine: 42)
        #expect(record.accesses == [.store(.distributor, 0x42a, 0x10)])
        record.accesses = []
        controller.setUrgency(0, ofLine: 29)
        #expect(record.accesses == [.store(.redistributors, 0x1041d, 0xef)], "a private line")
    }

    @Test func maskingTouchesOneBitOfOneRegister() throws {
        let controller = try started()
        controller.disable(line: 33)
        controller.disable(line: 95)
        #expect(
            record.accesses == [
                .store(.distributor, 0x184, 1 << 1), .store(.distributor, 0x188, 1 << 31),
            ])
    }
}
