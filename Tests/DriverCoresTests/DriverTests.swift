// The three drivers' cores against recorded registers: which loads and stores they make, in
// which order.
import Testing

@testable import DriverCores

private func serial(_ device: TraceDevice, _ memory: (Memory, Memory)) -> SerialLine<
    PL011<TraceRegisters>
> {
    SerialLine(
        port: PL011(registers: TraceRegisters(device: device)),
        received: ByteRing(memory: memory.0.words), pending: ByteRing(memory: memory.1.words))
}
private let receiveEmpty: UInt32 = 1 << 4
private let transmitFull: UInt32 = 1 << 5

@Suite struct PL011Tests {
    let memory = (Memory(), Memory())

    @Test func openingEnablesTheUartAndAsksForReceiveInterrupts() {
        let device = TraceDevice()
        device.values[0x18] = receiveEmpty
        _ = serial(device, memory)
        #expect(
            device.stores == [
                .store(0x30, 0), .store(0x2c, 0x70), .store(0x30, 0x301), .store(0x44, 0x70),
                .store(0x38, 0x50),
            ])
    }

    @Test func theLineControlIsWrittenWhenAllIsSentAndTheUartIsOff() {
        let device = TraceDevice()
        device.values[0x30] = 0xc301
        device.queue[0x18] = [1 << 3, 1 << 3, receiveEmpty]
        device.values[0x18] = receiveEmpty
        _ = serial(device, memory)
        #expect(
            device.accesses.prefix(8) == [
                .load(0x30), .load(0x2c), .load(0x18), .load(0x18), .load(0x18),
                .store(0x30, 0xc300), .store(0x2c, 0x70), .store(0x30, 0xc301),
            ])
        // One that never gets done does not hold its driver.
        let stuck = TraceDevice()
        stuck.values[0x18] = 1 << 3 | receiveEmpty
        _ = serial(stuck, memory)
        #expect(stuck.values[0x2c] == 0x70)
    }

    @Test func aLineControlThatIsRightIsNotWrittenSinceThatWouldEmptyTheFifo() {
        let device = TraceDevice()
        device.values[0x18] = receiveEmpty
        device.values[0x2c] = 0x70
        device.values[0x30] = 0x4000
        _ = serial(device, memory)
        #expect(!device.stores.contains(.store(0x2c, 0x70)))
        #expect(device.stores.contains(.store(0x30, 0x4301)))
    }

    @Test func receivedBytesAreTakenUntilTheFifoIsEmpty() {
        let device = TraceDevice()
        device.values[0x2c] = 0x70
        device.queue[0x18] = [0, 0, receiveEmpty]
        device.queue[0x00] = [0x41, 0x42]
        let uart = serial(device, memory)
        #expect(uart.received.count == 2)
        #expect(uart.received[0] == 0x41 && uart.received[1] == 0x42)
        #expect(uart.faults == SerialFaults())
    }

    @Test func whatIsNoByteIsCountedAndNotRead() {
        let device = TraceDevice()
        device.values[0x2c] = 0x70
        device.queue[0x18] = [UInt32](repeating: 0, count: 6) + [receiveEmpty]
        // Sound; framing; parity; a break, which has a framing error too; sound behind an overrun;
        // damaged behind one.
        device.queue[0x00] = [0x41, 0x142, 0x243, 0x500, 0x844, 0x945]
        let uart = serial(device, memory)
        #expect(uart.received.count == 2 && uart.received[0] == 0x41 && uart.received[1] == 0x44)
        #expect(uart.faults == SerialFaults(overruns: 2, damaged: 3, breaks: 1))
    }

    @Test func aLineThatOnlyMakesNoiseDoesNotHoldTheDriver() {
        let device = TraceDevice()
        device.values[0x18] = 0
        device.values[0x00] = 0x100
        let uart = serial(device, memory)
        #expect(uart.faults.damaged == ByteRing.capacity && device.values[0x38] == 0x50)
    }

    @Test func aFullRingLeavesBytesInTheFifoAndMasksReceive() {
        let device = TraceDevice()
        device.values[0x18] = 0
        var uart = serial(device, memory)
        #expect(uart.received.isFull)
        #expect(device.values[0x38] == 0)
        let loads = device.accesses.filter { $0 == .load(0) }.count
        #expect(loads == Int(ByteRing.capacity))
        _ = uart.received.take(upTo: 1)
        device.queue[0x18] = [0, receiveEmpty]
        device.values[0x18] = receiveEmpty
        _ = uart.received.take(upTo: 2)
        uart.service()
        #expect(device.values[0x38] == 0x50)
    }

    @Test func bytesAreSentWhileThereIsRoomAndTheRestWaitsForTheInterrupt() {
        let device = TraceDevice()
        device.values[0x18] = receiveEmpty
        var uart = serial(device, memory)
        for byte in [0x61, 0x62, 0x63] as [UInt8] { uart.pending.add(byte) }
        device.accesses = []
        device.queue[0x18] = [
            receiveEmpty, receiveEmpty, receiveEmpty, receiveEmpty | transmitFull,
        ]
        uart.service()
        #expect(
            device.stores == [
                .store(0x44, 0x70), .store(0, 0x61), .store(0, 0x62), .store(0x38, 0x70),
            ])
        #expect(uart.pending.count == 1)
        device.accesses = []
        uart.service()
        #expect(device.stores == [.store(0x44, 0x70), .store(0, 0x63), .store(0x38, 0x50)])
    }
}

@Suite struct PL031Tests {
    @Test func openingMasksAndStartsTheClock() {
        let device = TraceDevice()
        _ = PL031(registers: TraceRegisters(device: device))
        #expect(device.stores == [.store(0x10, 0), .store(0x1c, 1), .store(0x0c, 1)])
        let running = TraceDevice()
        running.values[0x0c] = 1
        _ = PL031(registers: TraceRegisters(device: running))
        #expect(running.stores == [.store(0x10, 0), .store(0x1c, 1)])
    }

    @Test func timeIsReadAndSet() {
        let device = TraceDevice()
        device.values[0] = 1_700_000_000
        var clock = PL031(registers: TraceRegisters(device: device))
        #expect(clock.seconds == 1_700_000_000)
        let rang1 = clock.set(seconds: 5)
        #expect(!rang1)
        #expect(device.values[0x08] == 5)
    }

    @Test func anAlarmRingsOnceAndIsMasked() {
        let device = TraceDevice()
        var clock = PL031(registers: TraceRegisters(device: device))
        device.accesses = []
        let rang2 = clock.setAlarm(100)
        #expect(!rang2)
        #expect(device.stores == [.store(0x04, 100), .store(0x10, 1)])
        #expect(clock.alarm == 100)
        device.values[0x14] = 1
        let rang3 = clock.handleInterrupt()
        #expect(rang3)
        #expect(clock.alarm == nil)
        #expect(device.values[0x10] == 0 && device.values[0x1c] == 1)
        device.values[0x14] = 0
        let rang4 = clock.handleInterrupt()
        #expect(!rang4)
    }

    /// The match compares for equality only: a second that passed before it was written would not
    /// come for 136 years.
    @Test func anAlarmThatPassedWhileItWasSetRingsAtOnce() {
        let device = TraceDevice()
        var clock = PL031(registers: TraceRegisters(device: device))
        device.values[0] = 101
        let rang5 = clock.setAlarm(100)
        #expect(rang5)
        #expect(clock.alarm == nil && device.values[0x10] == 0 && device.values[0x1c] == 1)
        let rang6 = clock.setAlarm(101)
        #expect(rang6)
        // The clock is read after the match was written.
        device.accesses = []
        let rang7 = clock.setAlarm(102)
        #expect(!rang7)
        #expect(device.accesses == [.load(0), .store(0x04, 102), .store(0x10, 1), .load(0)])
    }

    /// Behind its 32 bits the clock starts again at 0, and the second that was waited for is over.
    @Test func anAlarmBeforeTheClockStartsAgainRings() {
        let device = TraceDevice()
        var clock = PL031(registers: TraceRegisters(device: device))
        device.queue[0] = [0xffff_fffe, 0]
        let isRung = clock.setAlarm(0xffff_ffff)
        #expect(isRung && clock.alarm == nil)
    }

    /// A real clock may miss the match for a second that is about to begin: the driver looks then.
    @Test func anAlarmOfTheNextSecondIsLookedAt() {
        let device = TraceDevice()
        let clock = PL031(registers: TraceRegisters(device: device))
        for (now, isNear) in [(0, false), (98, false), (99, true), (100, true), (.max, true)]
            as [(UInt32, Bool)]
        {
            device.values[0] = now
            #expect(clock.mayMiss(100) == isNear)
        }
    }

    @Test func settingTheClockPastAnAlarmRingsIt() {
        let device = TraceDevice()
        var clock = PL031(registers: TraceRegisters(device: device))
        device.values[0] = 50
        let rang8 = clock.setAlarm(100)
        #expect(!rang8)
        let rang9 = clock.set(seconds: 99)
        #expect(!rang9)
        #expect(clock.alarm == 100)
        // The counter still shows the old second.
        let rang10 = clock.set(seconds: 100)
        #expect(rang10)
        #expect(clock.alarm == nil)
    }

    @Test func anInterruptWithoutARingKeepsTheAlarm() {
        let device = TraceDevice()
        var clock = PL031(registers: TraceRegisters(device: device))
        let rang11 = clock.setAlarm(100)
        #expect(!rang11)
        let rang12 = clock.handleInterrupt()
        #expect(!rang12)
        #expect(clock.alarm == 100 && device.values[0x10] == 1)
        device.values[0] = 100
        let rang13 = clock.handleInterrupt()
        #expect(rang13)
    }
}

@Suite struct PL061Tests {
    let device = TraceDevice()

    private func pins(rising: UInt64 = 0, falling: UInt64 = 0) -> PL061<TraceRegisters> {
        let pins = PL061(
            registers: TraceRegisters(device: device), rising: rising, falling: falling)
        device.accesses = []
        return pins
    }

    @Test func watchedPinsAreInputsWithTheEdgesThatWereAskedFor() {
        var pins = pins()
        for register in [0x400, 0x404, 0x408] { device.values[register] = 0xff }
        device.values[0x40c] = 1
        pins.watch(3, rising: true, falling: false)
        #expect(
            device.values[0x400] == 0xf7 && device.values[0x404] == 0xf7
                && device.values[0x408] == 0xf7)
        #expect(device.values[0x40c] == 9 && device.values[0x410] == 8)
        pins.watch(0, rising: false, falling: true)
        #expect(device.values[0x408] == 0xf6 && device.values[0x40c] == 8)
        #expect(device.values[0x410] == 9 && pins.watched == 9)
        pins.watch(0, rising: true, falling: true)
        #expect(device.values[0x408] == 0xf7)
        // An event from before is none: it ends before the pin interrupts.
        #expect(device.stores.suffix(2) == [.store(0x41c, 1), .store(0x410, 9)])
    }

    @Test func aRestartWatchesTheSamePins() {
        device.values[0x40c] = 1
        let pins = PL061(registers: TraceRegisters(device: device), rising: 0x180, falling: 1)
        #expect(
            pins.watched == 0x81 && device.values[0x410] == 0x81 && device.values[0x40c] == 0x80)
        #expect(device.stores.first == .store(0x410, 0))
        // An edge that came while no driver ran is not thrown away.
        #expect(
            device.stores.filter { if case .store(0x41c, _) = $0 { true } else { false } } == [
                .store(0x41c, 0x7e)
            ])
    }

    /// Whose edges nobody wants any more may be an output by now: its direction is not touched.
    @Test func theEndOfEdgesLeavesTheDirectionAlone() {
        var pins = pins(rising: 9)
        pins.write(3, high: true)
        device.accesses = []
        pins.stopWatching(3)
        #expect(device.stores == [.store(0x410, 1), .store(0x41c, 8)])
        #expect(pins.watched == 1 && pins.function(3) == .output)
    }

    @Test func onePinIsWrittenThroughItsMaskedAddress() {
        let pins = pins()
        pins.write(2, high: true)
        #expect(device.stores == [.store(0x10, 4), .store(0x400, 4), .store(0x10, 4)])
        device.accesses = []
        pins.write(2, high: false)
        #expect(device.stores == [.store(0x10, 0), .store(0x400, 4), .store(0x10, 0)])
    }

    @Test func itHasInputsAndOutputsAndNothingElse() {
        let pins = pins()
        #expect(
            pins.configure(2, .output, nil) && pins.function(2) == .output
                && pins.function(1) == .input)
        #expect(pins.configure(2, .input, nil) && pins.function(2) == .input)
        device.accesses = []
        #expect(!pins.configure(2, .alternative0, nil) && !pins.configure(2, .output, PinPull.none))
        #expect(device.accesses.isEmpty)
    }

    @Test func pinsThatTheBankDoesNotHaveTouchNothing() {
        var pins = pins()
        for pin in [-1, 8, 1000] {
            pins.write(pin, high: true)
            pins.watch(pin, rising: true, falling: true)
            pins.stopWatching(pin)
            #expect(!pins.configure(pin, .output, nil) && pins.function(pin) == .input)
        }
        #expect(device.accesses.isEmpty)
    }

    @Test func edgesStayUntilTheyAreCleared() {
        let pins = pins(rising: 8)
        device.values[0x418] = 8
        #expect(pins.edges == 8)
        #expect(device.accesses == [.load(0x418)])
        pins.clear(8)
        #expect(device.accesses == [.load(0x418), .store(0x41c, 8)])
    }

    @Test func levelsComeFromAllEightPins() {
        device.values[0x3fc] = 0xa5
        device.values[0x400] = 0x0f
        let pins = PL061(registers: TraceRegisters(device: device), rising: 0, falling: 0)
        #expect(pins.levels == 0xa5 && pins.outputs == 0x0f)
    }
}
