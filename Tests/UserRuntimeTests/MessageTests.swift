// Messages on a model of the kernel: what a message brought stays as it came, whatever the task
// calls meanwhile, and nothing behind its end can be read.

import CUserEntry
import KernelABI
import Testing

@_spi(IPCBuffer) @testable import UserRuntime

/// A kernel whose every call leaves other words, slots and registers behind.
private final class NoisyKernel {
    let buffer = UnsafeMutablePointer<UInt64>.allocate(capacity: 512)
    /// The words of the last call that was made.
    private(set) var sent: [UInt64] = []
    private(set) var slots: (send: UInt64, receive: UInt64) = (0, 0)
    private(set) var loan: UInt64 = 0
    /// Words of the next answers, and the error of the next call.
    var answers: [Int] = []
    var error: KernelError?
    /// What all words of the answers are, and what the first one is.
    var fill: UInt64?
    var first: UInt64?
    private var calls: UInt64 = 0

    init() {
        buffer.initialize(repeating: 7, count: 512)
        swiftlet_model_kernel(
            { context, registers in
                Unmanaged<NoisyKernel>.fromOpaque(context).takeUnretainedValue().call(registers)
            }, Unmanaged.passRetained(self).toOpaque(),
            IPCBuffer.threadPointer(UInt64(UInt(bitPattern: buffer))))
        // As `startInformation` does.
        IPCBufferAccess().setReceiveSlot(.none)
    }

    private func call(_ x: UnsafeMutablePointer<UInt64>) {
        let control = ControlWord(raw: x[0])
        sent = (0..<control.length).map { $0 < 8 ? x[3 + $0] : buffer[$0] }
        slots = (
            control.capabilityCount > 0 ? buffer[IPCBuffer.sendSlots / 8] : 0,
            buffer[IPCBuffer.receiveSlots / 8]
        )
        loan = control.hasLoan ? buffer[IPCBuffer.loanLength / 8] : 0
        calls += 1
        for index in 0..<8 { x[3 + index] = calls << 32 | UInt64(index) }
        for index in 8..<128 { buffer[index] = calls << 32 | UInt64(index) }
        if let fill { for index in 3..<11 { x[index] = fill } }
        if let first { x[3] = first }
        let length = answers.isEmpty ? 128 : answers.removeFirst()
        x[0] = error.map { UInt64($0.rawValue) } ?? UInt64(length) << 32
    }
    /// The words that call `number`, from 1 on, brought.
    func words(_ number: UInt64, _ length: Int) -> [UInt64] {
        (0..<UInt64(length)).map { number << 32 | $0 }
    }
}

private func words(_ message: inout LongMessage) -> [UInt64] {
    var words: [UInt64] = []
    for index in 0..<message.length { words.append(message[index]) }
    return words
}

@Suite struct MessageTests {
    private let endpoint = Endpoint(Slot(1))

    @Test(arguments: [0, 1, 7, 8, 9, 64, 128]) func longMessagesGoAndCome(length: Int) throws {
        let kernel = NoisyKernel()
        kernel.answers = [128 - length]
        var message = LongMessage()
        for index in 0..<length { message[index] = UInt64(100 + index) }
        let sent = words(&message)
        let reply = try endpoint.call(&message)
        #expect(kernel.sent == sent)
        let came = words(&message)
        #expect(came == kernel.words(1, 128 - length))
        #expect(reply.length == 128 - length)
    }

    @Test func aNestedCallChangesNoMessage() throws {
        let kernel = NoisyKernel()
        var message = LongMessage()
        let first = try endpoint.call(&message)
        let came = words(&message)
        var built = LongMessage(RegisterMessage(1, 2, 3))
        for index in 3..<40 { built[index] = 5 }
        var other = LongMessage()
        try endpoint.call(&other)
        _ = try endpoint.call(RegisterMessage(4), bytes: [UInt8](repeating: 1, count: 200).span)
        _ = try endpoint.receive(reply: Reply(Slot(2)))
        let (after, own) = (words(&message), words(&built))
        #expect(came == kernel.words(1, 128) && after == came)
        #expect((0..<8).map { first[$0] } == kernel.words(1, 8))
        #expect(own == [1, 2, 3] + [UInt64](repeating: 5, count: 37))
        kernel.answers = [0]
        try endpoint.call(&built)
        #expect(kernel.sent == [1, 2, 3] + [UInt64](repeating: 5, count: 37))
    }

    /// Behind the end stands nothing: not what the registers hold, nor the last message's words.
    @Test func nothingBehindTheEndCanBeRead() throws {
        let kernel = NoisyKernel()
        var message = LongMessage()
        try endpoint.call(&message)
        for length in [9, 8, 3, 0] {
            kernel.answers = [length]
            let reply = try endpoint.call(&message)
            for index in [-1, length, length + 1, 8, 127, 128, .max]
            where index >= length || index < 0 {
                let (word, register) = (message[index], reply[index])
                #expect(word == 0 && register == 0)
            }
            let bytes = (message.byte(0, at: length), message.byte(1016, at: 0))
            #expect(bytes == (0, 0))
            // A word behind a gap: the gap is empty.
            message[length + 3] = 1
            let gap = (message[length], message[length + 2])
            #expect(gap == (0, 0))
        }
        message[128] = 1
        message[-1] = 1
        let length = message.length
        #expect(length < 128)
        var short = RegisterMessage(length: 20)
        short.setWord(9, 1)
        #expect(short.length == 8 && short[9] == 0)
    }

    @Test func anErrorKeepsTheMessage() throws {
        let kernel = NoisyKernel()
        var message = LongMessage()
        for index in 0..<20 { message[index] = UInt64(index) }
        kernel.error = .timedOut
        let reply = try? endpoint.call(&message)
        let kept = words(&message)
        #expect(reply == nil && kept == (0..<20).map { UInt64($0) })
        kernel.error = nil
        try endpoint.call(&message)
        #expect(kernel.sent == (0..<20).map { UInt64($0) })
    }

    /// A slot is open for the call that names it, also where that fails, and for no other.
    @Test func slotsAreOpenForOneCall() throws {
        let kernel = NoisyKernel()
        let closed = UInt64(Slot.none.index)
        for error in [nil, KernelError.peerDied] {
            kernel.error = error
            _ = try? endpoint.call(RegisterMessage(1), receiving: Slot(9))
            #expect(kernel.slots.receive == 9)
            _ = try? endpoint.call(RegisterMessage(1))
            #expect(kernel.slots.receive == closed)
            var message = LongMessage()
            _ = try? endpoint.receive(into: &message, reply: Reply(Slot(2)), receiving: Slot(9))
            #expect(kernel.slots.receive == 9)
            _ = try? endpoint.receive(reply: Reply(Slot(2)))
            #expect(kernel.slots.receive == closed)
        }
    }

    /// What one message carries, the next does not.
    @Test func attachmentsGoWithOneMessage() throws {
        let kernel = NoisyKernel()
        _ = try endpoint.call(RegisterMessage(1), Attachment(Slot(5)))
        #expect(kernel.slots.send == 5 && kernel.loan == 0)
        let loan = Attachment(lending: 4096, length: 64, .read)
        _ = try endpoint.call(RegisterMessage(1), loan)
        #expect(kernel.slots.send == 0 && kernel.loan == 64)
        try endpoint.send(RegisterMessage(1))
        #expect(kernel.slots.send == 0 && kernel.loan == 0)
    }

    @Test(arguments: [0, 1, 8, 55, 56, 57, 1016, 1017, 5000]) func bytesFollowTheWords(
        count: Int
    ) throws {
        let kernel = NoisyKernel()
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
        _ = try endpoint.call(RegisterMessage(9), bytes: bytes.span)
        #expect(kernel.sent.count == min(1 + (count + 7) / 8, 128))
        #expect(kernel.sent.first == 9)
        let sent = (0..<min(count, 1016)).map {
            UInt8(truncatingIfNeeded: kernel.sent[1 + $0 / 8] >> UInt64($0 % 8 * 8))
        }
        #expect(sent == [UInt8](bytes.prefix(1016)))
    }

    /// Replies of any length and words, from a broken server: the client gets what fits.
    @Test func brokenRepliesEndNoClient() throws {
        let kernel = NoisyKernel()
        for length in [0, 1, 3, 8, 9, 128, 255] {
            for word: UInt64 in [0, 1, 63, 64, 65, UInt64(Int.max), 1 << 63, ~0] {
                kernel.fill = word
                for first in [0, word] {
                    kernel.first = first
                    kernel.answers = [length, length, length]
                    let line: [UInt8] = [1, 2]
                    let isShown = logAndWait(line.span, deadline: .never)
                    #expect(isShown == (length == 1 && first == 0))
                    var message = LongMessage()
                    try endpoint.call(&message)
                    let came = message.length
                    #expect(came == min(length, 128))
                }
            }
        }
    }

    /// A server's loop that asks others while it works on a request.
    @Test func aServerKeepsTheRequestItWorksOn() throws {
        let kernel = NoisyKernel()
        var server = Server(StartInformation(), receiving: Slot(9))
        var message = LongMessage()
        let request = server.next(into: &message)
        #expect(kernel.slots.receive == 9)
        let came = words(&message)
        _ = try endpoint.call(RegisterMessage(1))
        #expect(kernel.slots.receive == UInt64(Slot.none.index))
        let after = words(&message)
        #expect(after == came && came.count == 128)
        #expect((0..<8).map { request[$0] } == [UInt64](came.prefix(8)))
        message.set(RegisterMessage(0))
        for index in 1..<20 { message[index] = UInt64(index) }
        server.reply(&message)
        #expect(kernel.sent == (0..<20).map { UInt64($0) })
        // It was answered, and is not answered again.
        _ = server.next()
        #expect(kernel.sent == [])
    }
}
