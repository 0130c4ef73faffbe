// The runtime writes to log and supervisor without the generated clients: both send the same words.

import CUserEntry
import Interfaces
import Testing

/// A kernel that keeps the words of messages, and answers each call with success.
private final class RecordingKernel {
    private(set) var sent: [[UInt64]] = []
    /// What the kernel answers instead of performing a call to the log.
    var logError: KernelError?
    private let buffer = UnsafeMutablePointer<UInt64>.allocate(capacity: 512)

    /// From here on this thread's calls go to the kernel, for good.
    init() {
        buffer.initialize(repeating: 0, count: 512)
        swiftlet_model_kernel(
            { context, registers in
                let kernel = Unmanaged<RecordingKernel>.fromOpaque(context).takeUnretainedValue()
                kernel.perform(registers)
            }, Unmanaged.passRetained(self).toOpaque(),
            IPCBuffer.threadPointer(UInt64(UInt(bitPattern: buffer))))
    }
    private func perform(_ x: UnsafeMutablePointer<UInt64>) {
        let control = ControlWord(raw: x[0])
        if let logError, control.slot == StartSlot.log {
            x[0] = ResultWord(error: logError).raw
            return
        }
        let length = control.length
        sent.append((0..<length).map { $0 < 8 ? x[3 + $0] : buffer[$0] })
        x[0] = ResultWord(.message, message: 1 << 32).raw
        x[3] = 0
    }
}

@Suite struct LogMessageTests {
    private let kernel = RecordingKernel()
    private let client = LogClient(Endpoint(StartSlot.log))

    @Test(arguments: [0, 1, 8, 9, 48, 49, 104, 231, 232, 233, 1000])
    func theRuntimeSendsTheInterfacesMessages(_ count: Int) throws {
        let text = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
        let isShown = logAndWait(text.span, .warning, deadline: .never)
        log(text.span, .error)
        #expect(isShown)
        let bytes = Bytes<232>(prefixOf: text.span)
        try client.appendAndWait(.warning, bytes)
        try client.append(.error, bytes)
        #expect(kernel.sent.count == 4)
        #expect(kernel.sent[0] == kernel.sent[2] && kernel.sent[1] == kernel.sent[3])
        #expect(kernel.sent[0].count == 3 + (min(count, Line.capacity) + 7) / 8)
    }

    @Test func theRuntimeTellsTheSupervisorByItsInterface() throws {
        let supervisor = SupervisorClient(Endpoint(StartSlot.supervisor))
        showSignOfLife()
        try supervisor.showLife()
        #expect(kernel.sent.count == 2 && kernel.sent[0] == kernel.sent[1])
        for (error, opensLog) in [
            (KernelError.timedOut, true), (.peerDied, true), (.invalidCapability, false),
        ] {
            kernel.logError = error
            log([UInt8]().span)
            let words = try #require(kernel.sent.last)
            try supervisor.loseLines(words[1], opensLog: opensLog)
            #expect(kernel.sent.last == words)
        }
        // The sum of all lost lines of this process, also of other tests.
        #expect(kernel.sent[6][1] >= kernel.sent[2][1] + 2)
    }
}
