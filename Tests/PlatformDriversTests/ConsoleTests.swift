// The early consoles against recorded registers, the choice between controllers, and how the power
// is switched.

import DeviceTree
import HardwareInterface
import PlatformDrivers
import Testing

/// Calls of the firmware, as they come.
private final class CallRecord: FirmwareCalls {
    var calls: [String] = []
    var result: Int64 = 0
    func hypervisorCall(_ function: UInt64, _ first: UInt64, _ second: UInt64) -> Int64 {
        note("hvc", function, first, second)
    }
    func secureMonitorCall(_ function: UInt64, _ first: UInt64, _ second: UInt64) -> Int64 {
        note("smc", function, first, second)
    }
    private func note(_ how: String, _ words: UInt64...) -> Int64 {
        calls.append("\(how) \(words.map { String($0, radix: 16) }.joined(separator: " "))")
        return result
    }
}

@Suite struct ConsoleTests {
    let record = Record()
    func console(_ kind: ConsoleKind) -> AnyEarlyConsole<TraceRegisters> {
        AnyEarlyConsole(kind, registers: TraceRegisters(record: record, window: .console))
    }

    @Test func thePL011WaitsWhileItsFifoIsFull() {
        record.queue[Place(window: .console, offset: 0x18)] = [1 << 5, 1 << 5, 0]
        console(.pl011).write(0x41)
        #expect(
            record.accesses == [
                .load(.console, 0x18), .load(.console, 0x18), .load(.console, 0x18),
                .store(.console, 0x00, 0x41),
            ])
    }

    /// Its node's first register is AUX_MU_IO, at 0x40 of the block that the manual describes.
    @Test func theMiniUARTWaitsUntilItsFifoTakesAByte() {
        record.queue[Place(window: .console, offset: 0x14)] = [0x40, 0x60]
        console(.miniUART).write(0x42)
        #expect(
            record.accesses == [
                .load(.console, 0x14), .load(.console, 0x14), .store(.console, 0x00, 0x42),
            ])
    }

    @Test func aConsoleThatDoesNotDrainIsNotWaitedForForEver() {
        record.keepsLoads = false
        record[.console, 0x18] = 1 << 5
        console(.pl011).write(0x41)
        #expect(record.loads == 100_000, "a byte at 9600 baud takes a millisecond")
        record[.console, 0x14] = 0
        console(.miniUART).write(0x42)
        #expect(record.loads == 200_000)
        #expect(record.stores == [.store(.console, 0x00, 0x41), .store(.console, 0x00, 0x42)])
    }

    @Test func noConsoleTouchesNothing() {
        console(.none).write(0x41)
        #expect(record.accesses.isEmpty)
    }

    @Test func thePowerIsSwitchedTheWayThatTheTreeNames() {
        let firmware = CallRecord()
        PowerMethod.hvc.switchOff(firmware)
        PowerMethod.hvc.reset(firmware)
        PowerMethod.smc.switchOff(firmware)
        PowerMethod.smc.reset(firmware)
        PowerMethod.none.switchOff(firmware)
        PowerMethod.none.reset(firmware)
        #expect(
            firmware.calls == [
                "hvc 84000008 0 0", "hvc 84000009 0 0", "smc 84000008 0 0", "smc 84000009 0 0",
            ])
    }

    @Test func aCoreIsStartedByTheFunctionThatTheTreeNames() {
        let firmware = CallRecord()
        #expect(
            PowerMethod.smc.startCore(
                0xc400_0003, affinity: 0x1_0000_0100, entry: 0x8_0060, firmware) == 0)
        #expect(firmware.calls == ["smc c4000003 100000100 80060"])
        firmware.result = -4
        #expect(
            PowerMethod.hvc.startCore(0xc400_0003, affinity: 1, entry: 0x8_0060, firmware) == -4)
        firmware.result = 0xffff_fffe
        #expect(
            PowerMethod.hvc.startCore(0x95c1_ba60, affinity: 1, entry: 0x8_0060, firmware) == -2)
        firmware.result = 0x1_0000_0000
        #expect(PowerMethod.hvc.startCore(0x95c1_ba60, affinity: 1, entry: 0x8_0060, firmware) == 0)
        #expect(PowerMethod.none.startCore(0xc400_0003, affinity: 1, entry: 0, firmware) == -1)
        #expect(firmware.calls.count == 4)
    }
}

@Suite struct ChoiceTests {
    let record = Record()

    typealias Controller = AnyInterruptController<TraceRegisters, TraceCore>
    func registers(_ window: Window) -> TraceRegisters {
        TraceRegisters(record: record, window: window)
    }

    /// `first` is what taking and opening line 40 must do; where the line is the timer's, taking
    /// it opens it.
    private func check(
        _ controller: Controller, lines: Int, timerLine: Int = 27, first: [Access], rest: [Access]
    ) {
        #expect(controller.lineCount == lines)
        record.accesses = []
        #expect(controller.take(timerLine: timerLine) == (timerLine == 40 ? .timer : .line(40)))
        if timerLine != 40 { controller.open(line: 40) }
        controller.enable(line: 40, trigger: .level)
        controller.disable(line: 40)
        #expect(record.accesses == first + rest)
        record.accesses = []
        #expect(controller.take(timerLine: timerLine) == .nothing)
        #expect(record.stores.filter { $0 != .take }.isEmpty, "nothing was taken: nothing is ended")
    }
    private let distributorsPart: [Access] = [
        .load(.distributor, 0xc08), .store(.distributor, 0xc08, 0),
        .store(.distributor, 0x104, 1 << 8), .store(.distributor, 0x184, 1 << 8),
    ]

    @Test(arguments: [27, 40]) func everyCallReachesAGICv2(timerLine: Int) {
        record[.distributor, 0x004] = 2
        let controller = Controller.gicv2(
            GICv2(distributor: registers(.distributor), interface: registers(.interface)))
        record[.interface, 0x00c] = 1023
        record.queue[Place(window: .interface, offset: 0x00c)] = [40]
        check(
            controller, lines: 96, timerLine: timerLine,
            first: [
                .load(.interface, 0x00c), .store(.interface, 0x010, 40),
                .store(.distributor, 0x384, 1 << 8),
            ],
            rest: distributorsPart)
    }

    @Test(arguments: [27, 40]) func everyCallReachesAGICv3(timerLine: Int) throws {
        record[.redistributors, 0x0008] = 16
        record[.distributor, 0x004] = 2
        let controller = Controller.gicv3(
            try #require(
                GICv3(
                    distributor: registers(.distributor),
                    redistributors: registers(.redistributors), size: 0x20000,
                    affinity: 0, core: TraceCore(record: record))))
        record.taken = [40]
        check(
            controller, lines: 96, timerLine: timerLine,
            first: [.take, .system(.end, 40), .system(.deactivate, 40)], rest: distributorsPart)
    }

    @Test func everyCallReachesABCM2836() {
        let controller = Controller.bcm2836(
            BCM2836(local: registers(.local), peripherals: registers(.peripherals)))
        record.queue[Place(window: .local, offset: 0x60)] = [1 << 8]
        record[.peripherals, 0x00] = 1 << 8
        record[.peripherals, 0x04] = 1 << 8
        check(
            controller, lines: 104,
            first: [
                .load(.local, 0x60), .load(.peripherals, 0x00), .load(.peripherals, 0x04),
                .store(.peripherals, 0x1c, 1 << 8), .store(.peripherals, 0x10, 1 << 8),
            ],
            rest: [.store(.peripherals, 0x10, 1 << 8), .store(.peripherals, 0x1c, 1 << 8)])
    }

    /// Its timer's line needs no opening: nothing was masked.
    @Test func aBCM2836sTimerIsTakenByOneLoad() {
        let controller = Controller.bcm2836(
            BCM2836(local: registers(.local), peripherals: registers(.peripherals)))
        record[.local, 0x60] = 1 << 3 | 1 << 8
        record.accesses = []
        #expect(controller.take(timerLine: 19) == .timer)
        #expect(record.accesses == [.load(.local, 0x60)])
    }
}
