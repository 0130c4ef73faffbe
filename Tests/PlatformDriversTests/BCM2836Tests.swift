// The driver of a Raspberry Pi 3's two controllers against recorded registers: start-up, one
// interrupt's way, masks.

import HardwareInterface
import KernelABI
import PlatformDrivers
import Testing

/// What a peripheral's pending bit shows in the first register: its bank's own bit, or one
/// for itself.
private struct Peripheral: Sendable {
    let line: Int
    let basic: UInt64
    let word: Int
    let bits: UInt64
}

@Suite struct BCM2836Tests {
    let record = Record()

    func start() -> BCM2836<TraceRegisters> {
        BCM2836(
            local: TraceRegisters(record: record, window: .local),
            peripherals: TraceRegisters(record: record, window: .peripherals))
    }
    /// The driver at work, with an empty record.
    func started() -> BCM2836<TraceRegisters> {
        let controller = start()
        record.accesses = []
        return controller
    }

    @Test func startingMasksEveryLine() {
        record[.local, 0x40] = 0xff
        record[.local, 0x50] = 0xff
        let controller = start()
        #expect(controller.lineCount == 104)
        for offset in [0x1c, 0x20, 0x24] {
            #expect(record.stores(.peripherals, offset) == [0xffff_ffff])
        }
        #expect(record.stores(.peripherals, 0x0c) == [0], "nothing comes as FIQ")
        for offset in [0x0c, 0x30, 0x34, 0x40, 0x50] {
            #expect(record.stores(.local, offset) == [0])
        }
        #expect(record.stores(.local, 0x14) == [0x11], "core 0's counters, as IRQ and as FIQ")
        #expect(record.accesses == record.stores)
        for offset in [0x10, 0x14, 0x18] {
            #expect(record.stores(.peripherals, offset).isEmpty, "nothing is unmasked")
        }
        #expect(record.stores(.local, 0x10).isEmpty)
    }

    @Test(arguments: [
        Peripheral(line: 32 + 0, basic: 1 << 8, word: 1, bits: 1),
        Peripheral(line: 32 + 29, basic: 1 << 8, word: 1, bits: 1 << 29),
        Peripheral(line: 32 + 31, basic: 1 << 8, word: 1, bits: 1 << 31),
        Peripheral(line: 64 + 17, basic: 1 << 9, word: 2, bits: 1 << 17),
        Peripheral(line: 64 + 31, basic: 1 << 9, word: 2, bits: 1 << 31),
        // With bits of their own: 7, 9, 10, 18 and 19 of bank 1, 21 to 25 and 30 of bank 2.
        Peripheral(line: 32 + 7, basic: 1 << 10, word: 1, bits: 1 << 7),
        Peripheral(line: 32 + 9, basic: 1 << 11, word: 1, bits: 1 << 9),
        Peripheral(line: 32 + 10, basic: 1 << 12, word: 1, bits: 1 << 10),
        Peripheral(line: 32 + 18, basic: 1 << 13, word: 1, bits: 1 << 18),
        Peripheral(line: 32 + 19, basic: 1 << 14, word: 1, bits: 1 << 19),
        Peripheral(line: 64 + 21, basic: 1 << 15, word: 2, bits: 1 << 21),
        Peripheral(line: 64 + 22, basic: 1 << 16, word: 2, bits: 1 << 22),
        Peripheral(line: 64 + 23, basic: 1 << 17, word: 2, bits: 1 << 23),
        Peripheral(line: 64 + 24, basic: 1 << 18, word: 2, bits: 1 << 24),
        Peripheral(line: 64 + 25, basic: 1 << 19, word: 2, bits: 1 << 25),
        Peripheral(line: 64 + 30, basic: 1 << 20, word: 2, bits: 1 << 30),
    ]) private func aPeripheralsLineIsFoundAndMasked(_ peripheral: Peripheral) {
        let controller = started()
        record[.local, 0x60] = 1 << 8
        record[.peripherals, 0x00] = peripheral.basic
        record[.peripherals, 4 * peripheral.word] = peripheral.bits
        #expect(controller.acknowledge() == peripheral.line)
        controller.end(line: peripheral.line)
        let bank = peripheral.word - 1
        #expect(
            record.accesses == [
                .load(.local, 0x60), .load(.peripherals, 0x00),
                .load(.peripherals, 4 * peripheral.word),
                .store(.peripherals, 0x1c + 4 * bank, peripheral.bits),
            ])
        record.accesses = []
        controller.open(line: peripheral.line)
        #expect(record.accesses == [.store(.peripherals, 0x10 + 4 * bank, peripheral.bits)])
    }

    @Test(arguments: 0..<8) func aLineOfBankZeroNeedsNoSecondLook(number: Int) {
        let controller = started()
        record[.local, 0x60] = 1 << 8
        record[.peripherals, 0x00] = 1 << UInt64(number)
        #expect(controller.acknowledge() == 96 + number)
        #expect(
            record.accesses == [
                .load(.local, 0x60), .load(.peripherals, 0x00),
                .store(.peripherals, 0x24, 1 << UInt64(number)),
            ])
        record.accesses = []
        controller.open(line: 96 + number)
        #expect(record.accesses == [.store(.peripherals, 0x18, 1 << UInt64(number))])
    }

    @Test func ofSeveralOneIsTakenAtATime() {
        let controller = started()
        record[.local, 0x60] = 1 << 8 | 1 << 9
        record[.peripherals, 0x00] = 1 << 8 | 1 << 9 | 1 << 1
        record[.peripherals, 0x04] = 1 << 29 | 1 << 3
        record[.peripherals, 0x08] = 1 << 25
        #expect(controller.acknowledge() == 35)
        record[.peripherals, 0x04] = 1 << 29
        #expect(controller.acknowledge() == 61)
        record[.peripherals, 0x00] = 1 << 9 | 1 << 1
        #expect(controller.acknowledge() == 89)
        record[.peripherals, 0x00] = 1 << 1
        #expect(controller.acknowledge() == 97)
        record[.local, 0x60] = 1 << 9
        #expect(controller.acknowledge() == 25)
        #expect(
            record.stores == [
                .store(.peripherals, 0x1c, 1 << 3), .store(.peripherals, 0x1c, 1 << 29),
                .store(.peripherals, 0x20, 1 << 25), .store(.peripherals, 0x24, 1 << 1),
                .store(.local, 0x14, 1),
            ], "the others stay open")
    }

    /// Moving the deadline quiets it: the least work on the way of the most urgent task.
    @Test func theVirtualTimerComesFirstAndIsNotMasked() {
        let controller = started()
        record[.local, 0x60] = 1 << 8 | 1 << 3 | 1 << 1
        #expect(controller.acknowledge() == 19)
        controller.end(line: 19)
        #expect(record.accesses == [.load(.local, 0x60)])
    }

    @Test(arguments: [0, 1, 2]) func theOtherTimersAreMaskedAlone(number: Int) {
        let controller = started()
        record[.local, 0x40] = 0xf
        record[.local, 0x60] = 1 << UInt64(number)
        #expect(controller.acknowledge() == 16 + number)
        #expect(record.stores == [.store(.local, 0x40, 0xf & ~(1 << UInt64(number)))])
        controller.open(line: 16 + number)
        #expect(record.stores.last == .store(.local, 0x40, 0xf))
    }

    @Test func theCountersHaveTwoRegisters() {
        let controller = started()
        record[.local, 0x60] = 1 << 9
        #expect(controller.acknowledge() == 25)
        controller.open(line: 25)
        #expect(record.stores == [.store(.local, 0x14, 1), .store(.local, 0x10, 1)])
    }

    /// The controller as core 2 uses it, with an empty record: `own` are the words from there on.
    func second() -> BCM2836<TraceRegisters> {
        var controller = started()
        let isThere = controller.initializeCore(
            2, own: TraceRegisters(record: record, window: .own))
        #expect(isThere)
        var expected: [Access] = [
            .store(.local, 0x14, 0x44), .store(.own, 0x40, 0), .store(.own, 0x50, 0),
        ]
        for mailbox in 0..<4 { expected.append(.store(.local, 0xe0 + 4 * mailbox, 0xffff_ffff)) }
        #expect(record.stores == expected)
        #expect(controller.target == CoreTarget(2))
        record.accesses = []
        return controller
    }

    @Test func anotherCoreHasWordsOfItsOwn() {
        let controller = second()
        record[.own, 0x60] = 1 << 3
        #expect(controller.acknowledge() == 19)
        controller.enable(line: 19, trigger: .level)
        #expect(
            record.accesses == [.load(.own, 0x60), .load(.own, 0x40), .store(.own, 0x40, 1 << 3)])
        record.accesses = []
        controller.enable(line: 25, trigger: .level)
        #expect(record.stores == [.store(.local, 0x10, 1 << 2)])
        var fifth = controller
        let isThere = fifth.initializeCore(4, own: TraceRegisters(record: record, window: .own))
        #expect(!isThere)
    }

    @Test func aSoftwareInterruptIsABitOfAMailbox() {
        let controller = second()
        controller.enable(line: 0, trigger: .edge)
        controller.enable(line: 1, trigger: .edge)
        #expect(record.stores == [.store(.own, 0x50, 1), .store(.own, 0x50, 3)])
        record.accesses = []
        controller.send(softwareInterrupt: 0, to: CoreTarget(0))
        controller.send(softwareInterrupt: 1, to: CoreTarget(3))
        #expect(record.accesses == [.store(.local, 0x80, 1), .store(.local, 0xb4, 1)])
        record.accesses = []
        record[.own, 0x60] = 1 << 4 | 1 << 5
        #expect(controller.acknowledge() == 0)
        record[.own, 0x60] = 1 << 5
        #expect(controller.acknowledge() == 1)
        #expect(
            record.stores == [
                .store(.local, 0xe0, 0xffff_ffff), .store(.local, 0xe4, 0xffff_ffff),
            ],
            "the mailbox is empty, and takes the next one")
        record[.own, 0x60] = 1 << 6
        #expect(controller.acknowledge() == 22, "nobody opens the other mailboxes")
    }

    @Test func aCoreStartsThroughItsLastMailbox() {
        started().startCore(CoreTarget(3), entry: 0x20_0060)
        #expect(record.accesses == [.store(.local, 0xbc, 0x20_0060)])
    }

    @Test func aLookTakesNothing() {
        let controller = started()
        #expect(controller.peek() == nil)
        record[.local, 0x60] = 1 << 8
        #expect(controller.peek() == nil)
        record[.peripherals, 0x00] = 1 << 3
        #expect(controller.peek() == 96 + 3)
        record[.peripherals, 0x00] = 1 << 9
        record[.peripherals, 0x08] = 1 << 25
        #expect(controller.peek() == 64 + 25)
        record[.local, 0x60] = 1 << 5 | 1 << 9
        #expect(controller.peek() == 1)
        record[.local, 0x60] = 1 << 9
        #expect(controller.peek() == 16 + 9)
        record[.local, 0x60] = 1 << 8 | 1 << 3
        #expect(controller.peek() == 16 + 3)
        #expect(!record.accesses.contains { if case .store = $0 { true } else { false } })
    }

    @Test func whatWentAwayIsNone() {
        let controller = started()
        #expect(controller.acknowledge() == nil)
        record[.local, 0x60] = 1 << 8
        #expect(controller.acknowledge() == nil)
        record[.peripherals, 0x00] = 1 << 9
        #expect(controller.acknowledge() == nil)
        #expect(record.stores.isEmpty)
    }

    @Test func enablingAndDisablingTouchOneBit() {
        let controller = started()
        controller.enable(line: 19, trigger: .level)
        #expect(record.stores == [.store(.local, 0x40, 1 << 3)])
        record.accesses = []
        controller.enable(line: 89, trigger: .level)
        controller.disable(line: 61)
        controller.disable(line: 103)
        #expect(
            record.accesses == [
                .store(.peripherals, 0x14, 1 << 25), .store(.peripherals, 0x1c, 1 << 29),
                .store(.peripherals, 0x24, 1 << 7),
            ])
        record.accesses = []
        controller.disable(line: 19)
        controller.disable(line: 25)
        #expect(record.stores == [.store(.local, 0x40, 0), .store(.local, 0x14, 1)])
    }

    @Test(arguments: [2, 15, 20, 23, 24, 26, 31]) func linesWithoutAMaskAreLeftAlone(line: Int) {
        let controller = started()
        controller.enable(line: line, trigger: .level)
        controller.disable(line: line)
        controller.open(line: line)
        #expect(record.accesses.isEmpty)
    }
}
