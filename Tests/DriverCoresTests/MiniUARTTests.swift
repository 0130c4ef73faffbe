// The mini-UART's core against recorded registers.
import Testing

@testable import DriverCores

private func serial(_ device: TraceDevice, _ memory: (Memory, Memory)) -> SerialLine<
    MiniUART<TraceRegisters>
> {
    SerialLine(
        port: MiniUART(registers: TraceRegisters(device: device)),
        received: ByteRing(memory: memory.0.words), pending: ByteRing(memory: memory.1.words))
}
private let ready: UInt32 = 1
private let room: UInt32 = 1 << 5

@Suite struct MiniUARTTests {
    let memory = (Memory(), Memory())

    @Test func openingSetsEightBitsAndAsksForReceiveInterrupts() {
        let device = TraceDevice()
        _ = serial(device, memory)
        #expect(device.stores == [.store(0x0c, 3), .store(0x20, 3), .store(0x04, 0xd)])
    }

    @Test func whatTheFirmwareSetStaysAndTheFifosAreNotEmptied() {
        let device = TraceDevice()
        device.values[0x0c] = 3
        device.values[0x20] = 0x40
        _ = serial(device, memory)
        #expect(device.stores == [.store(0x20, 0x43), .store(0x04, 0xd)])
        #expect(!device.stores.contains { if case .store(0x08, _) = $0 { true } else { false } })
    }

    @Test(arguments: [0x83, 0x43] as [UInt32])
    func aDivisorLatchOrABreakThatWasLeftEnds(lineControl: UInt32) {
        let device = TraceDevice()
        device.values[0x0c] = lineControl
        _ = serial(device, memory)
        #expect(device.values[0x0c] == 3)
    }

    @Test func receivedBytesAreTakenUntilTheFifoIsEmpty() {
        let device = TraceDevice()
        device.queue[0x14] = [ready, ready | room, 0]
        device.queue[0x00] = [0x41, 0x42]
        let uart = serial(device, memory)
        #expect(uart.received.count == 2 && uart.received[0] == 0x41 && uart.received[1] == 0x42)
    }

    /// Reading the line status ends an overrun: also one that a look for room to send found is
    /// counted, once.
    @Test func anOverrunIsCountedWhoeverSeesIt() {
        let device = TraceDevice()
        let overrun: UInt32 = 1 << 1
        var uart = serial(device, memory)
        uart.pending.add(0x61)
        device.queue[0x14] = [0, room | overrun | ready]
        uart.service()
        #expect(uart.faults.overruns == 0)
        device.queue[0x14] = [ready, ready, 0]
        device.queue[0x00] = [0x41, 0x42]
        uart.service()
        #expect(uart.faults == SerialFaults(overruns: 1) && uart.received.count == 2)
        device.queue[0x14] = [ready | overrun, 0]
        uart.service()
        #expect(uart.faults.overruns == 2)
    }

    @Test func aFullRingLeavesBytesInTheFifoAndMasksReceive() {
        let device = TraceDevice()
        device.values[0x14] = ready
        var uart = serial(device, memory)
        #expect(uart.received.isFull && device.values[0x04] == 0)
        device.values[0x14] = 0
        _ = uart.received.take(upTo: 1)
        uart.service()
        #expect(device.values[0x04] == 0xd)
    }

    @Test func bytesAreSentWhileThereIsRoomAndTheRestWaitsForTheInterrupt() {
        let device = TraceDevice()
        var uart = serial(device, memory)
        for byte in [0x61, 0x62, 0x63] as [UInt8] { uart.pending.add(byte) }
        device.accesses = []
        // The first load asks for received bytes.
        device.queue[0x14] = [room, room, room, 0]
        uart.service()
        #expect(device.stores == [.store(0, 0x61), .store(0, 0x62), .store(0x04, 0xf)])
        device.values[0x14] = room
        device.accesses = []
        uart.service()
        #expect(device.stores == [.store(0, 0x63), .store(0x04, 0xd)])
    }
}
