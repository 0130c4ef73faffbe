// What a message brought: it stays as it came, and nothing stands behind its end.

import KernelABI
import UserRuntime

/// Answers each call with its words, and calls another server meanwhile, with other words and a
/// capability. Slots in the notes 20 to 23.
private let busyServer: @convention(c) (UInt64) -> Void = { _ in
    var message = LongMessage()
    let other = Endpoint(Slot(UInt32(note(23))))
    while (try? doorEndpoint.receive(into: &message, reply: doorReply)) != nil {
        var question = LongMessage()
        for index in 0..<128 { question[index] = 7 }
        let attachment = Attachment(doorRelease.slot)
        if (try? other.call(&question, attachment, deadline: Checks.patience)) != nil {
            addNote(0)
        }
        if message[0] == 7 || question[127] != 8 { addNote(1) }
        try? doorReply.reply(&message)
    }
    endThread()
}

/// Answers with two words, and leaves others in all registers.
private let leakyServer: @convention(c) (UInt64) -> Void = { _ in
    guard (try? doorEndpoint.receive(reply: doorReply)) != nil else { endThread() }
    while true {
        var words = RegisterMessage().words
        (words.w2, words.w3, words.w4) = (99, 99, 99)
        (words.w5, words.w6, words.w7) = (99, 99, 99)
        let control = ControlWord(.replyAndReceive, doorEndpoint.slot, length: 2)
        let result = rawSystemCall(control.raw, UInt64(doorReply.slot.index), ~0, &words)
        if result.result & 0xff != 0 { endThread() }
    }
}

func messageTests(_ runner: inout Runner) {
    runner.test("message.a-nested-call-changes-nothing") { c throws(Failure) in
        let other = try c.echo(priority: 255)
        let (endpoint, reply) = (try c.endpoint(), try c.reply())
        let passing = try c.notification()
        // The echo server has read its slots already.
        setNote(23, UInt64(other.slot.index))
        setNote(22, UInt64(passing.slot.index))
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(reply.slot.index))
        let server = try c.spawn(priority: 250, busyServer)
        try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
        for length in [1, 8, 9, 60, 128] {
            var message = LongMessage()
            for index in 0..<length { message[index] = UInt64(1000 * length + index) }
            // What came stays while this thread makes another call.
            _ = try c.succeed { () throws(KernelError) in try endpoint.call(&message) }
            var question = LongMessage(RegisterMessage(1))
            question[100] = 1
            _ = try c.succeed { () throws(KernelError) in try other.call(&question) }
            try c.equal(UInt64(message.length), UInt64(length), "length")
            for index in 0..<length {
                try c.equal(message[index], UInt64(1000 * length + index), "word")
            }
        }
        try c.equal(note(0), 5, "nested calls")
        try c.equal(note(1), 0, "words of another message")
    }
    runner.test("message.nothing-behind-the-end") { c throws(Failure) in
        let echo = try c.echo(priority: 255)
        var message = LongMessage()
        for index in 0..<128 { message[index] = 77 }
        _ = try c.succeed { () throws(KernelError) in try echo.call(&message) }
        try c.equal(message[127], 78)
        let (endpoint, _) = try c.door()
        _ = try c.spawn(priority: 255, leakyServer)
        let reply = try c.succeed { () throws(KernelError) in try endpoint.call(&message) }
        try c.equal(UInt64(message.length), 2)
        for index in 2..<128 {
            try c.equal(message[index], 0, "a word behind the end")
            try c.equal(reply[index], 0, "a word behind the end, of the first eight")
        }
        try c.equal(UInt64(message.byte(0, at: 2)) + UInt64(reply.byte(0, at: 2)), 0)
    }
    runner.test("message.a-slot-is-open-for-one-call") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        let gift = try c.notification()
        let (silent, target) = (try c.endpoint(), c.slot())
        setNote(22, UInt64(gift.slot.index))
        _ = try c.spawn(
            priority: 30,
            { _ in
                for _ in 0..<2 {
                    _ = try? doorEndpoint.call(RegisterMessage(1), Attachment(doorRelease.slot))
                }
                endThread()
            })
        for brings: UInt64 in [0, 1] {
            // A call that fails leaves no slot open.
            try c.refuse(.timedOut) { () throws(KernelError) in
                try silent.call(RegisterMessage(), deadline: .immediately, receiving: target)
            }
            let received = try c.succeed { () throws(KernelError) in
                brings == 0
                    ? try endpoint.receive(reply: reply)
                    : try endpoint.receive(reply: reply, receiving: target)
            }
            try c.equal(UInt64(received.capabilityCount), brings)
            try c.succeed { () throws(KernelError) in try reply.reply(RegisterMessage()) }
        }
    }
    runner.test("message.cost", clock: .instructions) { c throws(Failure) in
        // A call with 100 words each way, beside one with 8: what the copies cost in both tasks.
        let endpoint = try c.echo(priority: 255)
        var spent: (UInt64, UInt64) = (0, 0)
        for length in [8, 108] {
            var message = LongMessage()
            for index in 0..<length { message[index] = 1 }
            for _ in 0..<2 {
                let start = readCycleCounter()
                _ = try c.succeed { () throws(KernelError) in try endpoint.call(&message) }
                spent.1 = readCycleCounter() - start
            }
            if length == 8 { spent.0 = spent.1 }
        }
        try c.expect(spent.1 - spent.0 <= 3000, "instructions for 100 words", spent.1 - spent.0)
        try c.expect(spent.1 - spent.0 >= 400, "instructions for 100 words", spent.1 - spent.0)
    }
}
