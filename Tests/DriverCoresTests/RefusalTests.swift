// Calls that a driver cannot do without, and a kernel that refuses them: the driver ends with
// words, instead of going on deaf.

import BlockService
import CUserEntry
import DriverCores
import Foundation
import KernelABI
import PinService
import SerialService
import Testing

@testable import UserRuntime

/// A kernel that refuses one kind of call, and performs the others.
private final class RefusingKernel {
    private let refused: Method
    private let error: KernelError
    private let buffer = UnsafeMutablePointer<UInt64>.allocate(capacity: 512)

    /// From here on this thread's calls go to the kernel, for good.
    init(_ refused: Method, _ error: KernelError = .exhausted) {
        self.refused = refused
        self.error = error
        buffer.initialize(repeating: 0, count: 512)
        swiftlet_model_kernel(
            { context, registers in
                let kernel = Unmanaged<RefusingKernel>.fromOpaque(context).takeUnretainedValue()
                let isRefused = ControlWord(raw: registers[0]).method == kernel.refused
                registers[0] = isRefused ? UInt64(kernel.error.rawValue) : 0
            }, Unmanaged.passRetained(self).toOpaque(),
            IPCBuffer.threadPointer(UInt64(UInt(bitPattern: buffer))))
    }
}

private struct NoPins: PinBank {
    let pinCount = 0
    let levels: UInt64 = 0
    let outputs: UInt64 = 0
    let watched: UInt64 = 0
    let edges: UInt64 = 0
    func clear(_ pins: UInt64) {}
    func function(_ pin: Int) -> PinFunction { .input }
    func configure(_ pin: Int, _ function: PinFunction, _ pull: PinPull?) -> Bool { false }
    func write(_ pin: Int, high: Bool) {}
    mutating func watch(_ pin: Int, rising: Bool, falling: Bool) {}
    mutating func stopWatching(_ pin: Int) {}
}

/// A driver with one line, of which signs of life are expected.
private func information() -> StartInformation {
    var information = StartInformation()
    information.interrupts = 1
    information.heartbeatTicks = 4_000_000
    return information
}

private func startPins() {
    let keys = KeyPins(memory: .allocate(capacity: KeyPins.wordCount))
    _ = PinService(information(), bank: NoPins(), keys: keys)
}

private struct NoPort: SerialPort {
    func clearInterrupts() {}
    mutating func receive() -> SerialInput? { nil }
    mutating func hasRoom() -> Bool { false }
    func send(_ byte: UInt8) {}
    func listen(receive: Bool, transmit: Bool) {}
}
private func startLine() {
    func ring() -> ByteRing { ByteRing(memory: .allocate(capacity: ByteRing.wordCount)) }
    _ = SerialService(SerialLine(port: NoPort(), received: ring(), pending: ring()), waiting: 4)
}

@Suite struct RefusalTests {
    /// Whether a process ended with these words, and named the file.
    private func expect(_ result: ExitTest.Result?, _ file: String, _ text: String) {
        let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(words.contains(file) && words.contains(text), "\(words)")
    }

    @Test func nothingIsRefused() async {
        await #expect(processExitsWith: .success) {
            _ = RefusingKernel(.powerOff)
            _ = TaskPace()
            startPins()
            startLine()
            Interrupt(StartSlot.interrupt).reopen()
        }
    }

    @Test func aCardsDriverWithoutItsInterrupt() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = RefusingKernel(.bindInterrupt)
            _ = TaskPace()
        }
        expect(result, "BlockService/TaskPace.swift", "the interrupt cannot be bound")
    }

    @Test func aBankOfPinsWithoutItsInterrupt() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = RefusingKernel(.bindInterrupt)
            startPins()
        }
        expect(result, "PinService/PinService.swift", "an interrupt cannot be bound")
    }

    @Test func aLineWithoutItsInterrupt() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = RefusingKernel(.bindInterrupt)
            startLine()
        }
        expect(result, "SerialService/SerialService.swift", "the interrupt cannot be bound")
    }

    @Test func aServerWithoutItsNotification() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = RefusingKernel(.bindNotification)
            _ = Server(information())
        }
        expect(result, "UserRuntime/Server.swift", "the notification cannot be bound")
    }

    @Test func aServerWhoseTimerIsNotBound() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = RefusingKernel(.bindTimer)
            _ = Server(information())
        }
        expect(result, "UserRuntime/Server.swift", "the heartbeat's timer cannot be bound")
    }

    @Test func aServerWhoseTimerIsNotArmed() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = RefusingKernel(.arm)
            _ = Server(information())
        }
        expect(result, "UserRuntime/Server.swift", "the heartbeat's timer cannot be armed")
    }

    /// A line that waits for nothing is open.
    @Test func aLineThatIsOpenStaysOpen() async {
        await #expect(processExitsWith: .success) {
            _ = RefusingKernel(.acknowledge, .wrongState)
            Interrupt(StartSlot.interrupt).reopen()
        }
    }

    @Test func aLineThatStaysClosed() async {
        let result = await #expect(
            processExitsWith: .failure, observing: [\.standardErrorContent]
        ) {
            _ = RefusingKernel(.acknowledge, .invalidCapability)
            Interrupt(StartSlot.interrupt).reopen()
        }
        expect(result, "UserRuntime/ObjectHandles.swift", "the interrupt cannot be acknowledged")
    }
}
