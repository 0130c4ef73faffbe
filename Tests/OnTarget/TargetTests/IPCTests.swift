// Messages: every length, both directions, capabilities, badges, deadlines, and what each side sees.

import CTargetTests
import KernelABI
import UserRuntime

/// A server that answers each call with its words plus 1 and the same length; slots in notes 20 (endpoint) and 21 (reply).
let echoServer: @convention(c) (UInt64) -> Void = { _ in
    let endpoint = Endpoint(Slot(UInt32(note(20))))
    let reply = Reply(Slot(UInt32(note(21))))
    guard var received = try? endpoint.receive(reply: reply) else { endThread() }
    while true {
        addNote(19)
        setNote(18, received.badge)
        var answer = received.message
        for index in 0..<8 { answer[index] = received[index] &+ 1 }
        if answer.length > 8 {
            let buffer = IPCBufferAccess()
            for index in 8..<answer.length { buffer[index] = buffer[index] &+ 1 }
        }
        guard let next = try? endpoint.replyAndReceive(answer, reply: reply) else { endThread() }
        received = next
    }
}

extension Checks {
    /// An endpoint that an echo server of this priority serves.
    mutating func echo(priority: UInt8, line: UInt = #line) throws(Failure) -> Endpoint {
        clearNotes()
        let endpoint = try endpoint(line: line)
        let reply = try reply(line: line)
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(reply.slot.index))
        let server = try spawn(priority: priority, echoServer, line: line)
        try succeed(line: line) { () throws(KernelError) in try endpoint.bindServer(server) }
        return endpoint
    }
    /// Call with `length` words and check the answer.
    func exchange(_ endpoint: Endpoint, length: Int, line: UInt = #line) throws(Failure) {
        var message = RegisterMessage(length: length)
        let buffer = IPCBufferAccess()
        for index in 0..<length {
            if index < 8 { message[index] = UInt64(1000 + index) } else { buffer[index] = UInt64(1000 + index) }
        }
        let request = message
        let answer = try succeed(line: line) { () throws(KernelError) in try endpoint.call(request) }
        try equal(UInt64(answer.message.length), UInt64(length), "length", line: line)
        for index in 0..<length {
            try equal(index < 8 ? answer[index] : buffer[index], UInt64(1001 + index), "word", line: line)
        }
    }
}

func ipcTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("ipc.call-0-words") { c throws(Failure) in try c.exchange(c.echo(priority: 255), length: 0) }
    runner.test("ipc.call-1-word") { c throws(Failure) in try c.exchange(c.echo(priority: 255), length: 1) }
    runner.test("ipc.call-8-words") { c throws(Failure) in try c.exchange(c.echo(priority: 255), length: 8) }
    runner.test("ipc.call-9-words") { c throws(Failure) in try c.exchange(c.echo(priority: 255), length: 9) }
    runner.test("ipc.call-16-words") { c throws(Failure) in try c.exchange(c.echo(priority: 255), length: 16) }
    runner.test("ipc.call-64-words") { c throws(Failure) in try c.exchange(c.echo(priority: 255), length: 64) }
    runner.test("ipc.call-120-words") { c throws(Failure) in try c.exchange(c.echo(priority: 255), length: 120) }
    runner.test("ipc.call-128-words") { c throws(Failure) in try c.exchange(c.echo(priority: 255), length: 128) }
    runner.test("ipc.call-lower-server") { c throws(Failure) in
        let endpoint = try c.echo(priority: 5)
        try c.exchange(endpoint, length: 3)
        try c.exchange(endpoint, length: 8)
    }
    runner.test("ipc.call-equal-server") { c throws(Failure) in
        let endpoint = try c.echo(priority: 254)
        for _ in 0..<100 { try c.exchange(endpoint, length: 4) }
        try c.equal(note(19), 100)
    }
    runner.test("ipc.badge") { c throws(Failure) in
        let endpoint = try c.echo(priority: 255)
        let badged = c.slot()
        try c.succeed { () throws(KernelError) in try own.mint(endpoint.slot, to: badged, badge: 0xabcd) }
        try c.exchange(Endpoint(badged), length: 2)
        try c.equal(note(18), 0xabcd)
    }
    runner.test("ipc.send") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(reply.slot.index))
        _ = try c.spawn(
            priority: 255,
            { _ in
                for _ in 0..<2 {
                    guard
                        let received = try? Endpoint(Slot(UInt32(note(20)))).receive(
                            reply: Reply(Slot(UInt32(note(21)))))
                    else { break }
                    setNote(0, received[0])
                    setNote(1, UInt64(received.delivery.rawValue))
                }
                endThread()
            })
        try c.succeed { () throws(KernelError) in try endpoint.send(RegisterMessage(11)) }
        try c.equal(note(0), 11)
        try c.equal(note(1), UInt64(Delivery.oneWay.rawValue))
        try c.succeed { () throws(KernelError) in try endpoint.send(RegisterMessage(12)) }
        try c.equal(note(0), 12)
    }
    runner.test("ipc.queued-senders-by-priority") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        setNote(20, UInt64(endpoint.slot.index))
        let priorities: InlineArray<3, UInt8> = [20, 40, 30]
        for index in priorities.indices {
            _ = try c.spawn(
                priority: priorities[index],
                { value in
                    try? Endpoint(Slot(UInt32(note(20)))).send(RegisterMessage(value))
                    endThread()
                }, UInt64(priorities[index]))
        }
        try c.pause()
        let expected: InlineArray<3, UInt64> = [40, 30, 20]
        for index in expected.indices {
            let received = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
            try c.equal(received[0], expected[index])
        }
    }
    runner.test("ipc.queued-equals-in-order") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        setNote(20, UInt64(endpoint.slot.index))
        for index in 0..<4 {
            _ = try c.spawn(
                priority: 30,
                { value in
                    try? Endpoint(Slot(UInt32(note(20)))).send(RegisterMessage(value))
                    endThread()
                }, UInt64(index))
        }
        try c.pause()
        for index in 0..<4 {
            let received = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
            try c.equal(received[0], UInt64(index))
        }
    }
    runner.test("ipc.deferred-replies") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let first = try c.reply()
        let second = try c.reply()
        setNote(20, UInt64(endpoint.slot.index))
        for index in 0..<2 {
            _ = try c.spawn(
                priority: 30,
                { value in
                    if let answer = try? Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage(value)) {
                        setNote(Int(value), answer[0])
                    }
                    endThread()
                }, UInt64(index))
        }
        try c.pause()
        let a = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: first) }
        let b = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: second) }
        try c.succeed { () throws(KernelError) in
            try second.reply(RegisterMessage(b[0] + 100))
            try first.reply(RegisterMessage(a[0] + 100))
        }
        try c.pause()
        try c.equal(note(0), 100)
        try c.equal(note(1), 101)
    }
    runner.test("ipc.capability-transfer") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        let gift = try c.notification()
        let target = c.slot()
        setNote(20, UInt64(endpoint.slot.index))
        setNote(22, UInt64(gift.slot.index))
        _ = try c.spawn(
            priority: 30,
            { _ in
                _ = try? Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage(1), Attachment(Slot(UInt32(note(22)))))
                endThread()
            })
        IPCBufferAccess().setReceiveSlots(target)
        let received = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.equal(UInt64(received.capabilityCount), 1)
        try c.succeed { () throws(KernelError) in try Notification(target).signal(4) }
        try c.equal(try c.succeed { () throws(KernelError) in try gift.poll() }, 4)
        IPCBufferAccess().setReceiveSlots(.none)
    }
    runner.test("ipc.capability-transfer-without-slot") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        let gift = try c.notification()
        setNote(20, UInt64(endpoint.slot.index))
        setNote(22, UInt64(gift.slot.index))
        _ = try c.spawn(
            priority: 30,
            { _ in
                _ = try? Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage(1), Attachment(Slot(UInt32(note(22)))))
                endThread()
            })
        IPCBufferAccess().setReceiveSlots(.none)
        let received = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.equal(UInt64(received.capabilityCount), 0)
        try c.equal(received[0], 1)
    }
    runner.test("ipc.receiver-without-buffer") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(reply.slot.index))
        _ = try c.spawn(
            priority: 255,
            { _ in
                if let received = try? Endpoint(Slot(UInt32(note(20)))).receive(reply: Reply(Slot(UInt32(note(21))))) {
                    setNote(0, UInt64(received.message.length))
                    try? Reply(Slot(UInt32(note(21)))).reply(RegisterMessage(1))
                }
                endThread()
            }, withBuffer: false)
        _ = try c.succeed { () throws(KernelError) in try endpoint.call(RegisterMessage(length: 20)) }
        try c.equal(note(0), 8)
    }
    runner.test("ipc.bound-notification") { c throws(Failure) in
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        let notification = try c.notification()
        try c.succeed { () throws(KernelError) in
            try Thread(RootSlot.thread).bindNotification(notification)
            try notification.signal(0x30)
        }
        let received = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.equal(UInt64(received.delivery.rawValue), UInt64(Delivery.notification.rawValue))
        try c.equal(received.badge, 0x30)
        _ = try c.spawn(
            priority: 30,
            { slot in
                try? Notification(Slot(UInt32(slot))).signal(0x40)
                endThread()
            }, UInt64(notification.slot.index))
        let second = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.equal(second.badge, 0x40)
    }
}

func ipcErrorTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("ipc.error.invalid-capability") { c throws(Failure) in
        try c.refuse(.invalidCapability) { () throws(KernelError) in try Endpoint(Slot(639)).call(RegisterMessage()) }
        try c.refuse(.invalidCapability) { () throws(KernelError) in try Endpoint(Slot(1 << 30)).call(RegisterMessage())
        }
        try c.refuse(.invalidCapability) { () throws(KernelError) in try Endpoint(.none).send(RegisterMessage()) }
    }
    runner.test("ipc.error.wrong-kind") { c throws(Failure) in
        let notification = try c.make(.notification)
        let endpoint = try c.endpoint()
        try c.refuse(.wrongKind) { () throws(KernelError) in try Endpoint(notification).call(RegisterMessage()) }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Endpoint(notification).receive(reply: Reply(notification))
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in try endpoint.receive(reply: Reply(notification)) }
        try c.refuse(.wrongKind) { () throws(KernelError) in try Reply(notification).reply(RegisterMessage()) }
        try c.refuse(.wrongKind) { () throws(KernelError) in try Notification(endpoint.slot).signal(1) }
        try c.refuse(.wrongKind) { () throws(KernelError) in try Notification(endpoint.slot).wait() }
    }
    runner.test("ipc.error.missing-rights") { c throws(Failure) in
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        let receiveOnly = c.slot()
        let sendOnly = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.copy(endpoint.slot, to: receiveOnly, rights: .read)
            try own.copy(endpoint.slot, to: sendOnly, rights: .write)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in try Endpoint(receiveOnly).call(RegisterMessage()) }
        try c.refuse(.missingRights) { () throws(KernelError) in try Endpoint(sendOnly).receive(reply: reply) }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Endpoint(sendOnly).call(RegisterMessage(), Attachment(reply.slot))
        }
        try c.refuse(.missingRights) { () throws(KernelError) in try Endpoint(sendOnly).close() }
    }
    runner.test("ipc.error.too-long") { c throws(Failure) in
        let endpoint = try c.echo(priority: 255)
        try c.refuse(.invalidArgument) { () throws(KernelError) in try endpoint.call(RegisterMessage(length: 129)) }
        var words = RegisterMessage().words
        let result = rawSystemCall(UInt64(endpoint.slot.index) | 9 << 32, 0, ~0, &words)
        try c.equal(result.result & 0xff, UInt64(KernelError.invalidArgument.rawValue), "9 words without extended bit")
    }
    runner.test("ipc.error.no-buffer") { c throws(Failure) in
        let endpoint = try c.echo(priority: 255)
        setNote(20, UInt64(endpoint.slot.index))
        _ = try c.spawn(
            priority: 255,
            { _ in
                var words = RegisterMessage().words
                let control = ControlWord(.call, Slot(UInt32(note(20))), length: 20)
                setNote(0, rawSystemCall(control.raw, 0, ~0, &words).result & 0xff)
                endThread()
            }, withBuffer: false)
        try c.equal(note(0), UInt64(KernelError.noBuffer.rawValue))
    }
    runner.test("ipc.error.timed-out") { c throws(Failure) in
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        try c.refuse(.timedOut) { () throws(KernelError) in try endpoint.call(RegisterMessage(), deadline: .immediately)
        }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), deadline: .after(milliseconds: 1))
        }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.send(RegisterMessage(), deadline: .after(milliseconds: 1))
        }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.receive(reply: reply, deadline: .after(milliseconds: 1))
        }
    }
    runner.test("ipc.error.timed-out-awaiting-reply") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(reply.slot.index))
        _ = try c.spawn(
            priority: 255,
            { _ in
                _ = try? Endpoint(Slot(UInt32(note(20)))).receive(reply: Reply(Slot(UInt32(note(21)))))
                endThread()
            })
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), deadline: .after(milliseconds: 1))
        }
        try c.refuse(.noCaller) { () throws(KernelError) in try reply.reply(RegisterMessage()) }
    }
    runner.test("ipc.error.deadline-not-early") { c throws(Failure) in
        let endpoint = try c.endpoint()
        let deadline = Instant.after(milliseconds: 3)
        try c.refuse(.timedOut) { () throws(KernelError) in try endpoint.call(RegisterMessage(), deadline: deadline) }
        try c.expect(Instant.now >= deadline, "woken before the deadline")
    }
    runner.test("ipc.error.no-caller") { c throws(Failure) in
        let reply = try c.reply()
        try c.refuse(.noCaller) { () throws(KernelError) in try reply.reply(RegisterMessage()) }
    }
    runner.test("ipc.error.reply-object-in-use") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        setNote(20, UInt64(endpoint.slot.index))
        _ = try c.spawn(
            priority: 30,
            { _ in
                _ = try? Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage())
                endThread()
            })
        _ = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.refuse(.noCaller) { () throws(KernelError) in try endpoint.receive(reply: reply, deadline: .immediately) }
    }
    runner.test("ipc.error.peer-died-by-close") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        setNote(20, UInt64(endpoint.slot.index))
        for index in 0..<5 {
            _ = try c.spawn(
                priority: 30,
                { index in
                    do throws(KernelError) { _ = try Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage()) } catch {
                        setNote(Int(index), UInt64(error.rawValue))
                    }
                    endThread()
                }, UInt64(index))
        }
        try c.pause()
        try c.succeed { () throws(KernelError) in try endpoint.close() }
        try c.pause()
        for index in 0..<5 { try c.equal(note(index), UInt64(KernelError.peerDied.rawValue)) }
        try c.refuse(.peerDied) { () throws(KernelError) in try endpoint.call(RegisterMessage()) }
        let server = try c.thread(priority: 30, { _ in endThread() })
        try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
        try c.refuse(.timedOut) { () throws(KernelError) in try endpoint.call(RegisterMessage(), deadline: .immediately)
        }
    }
    runner.test("ipc.error.peer-died-by-reply-deletion") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        setNote(20, UInt64(endpoint.slot.index))
        _ = try c.spawn(
            priority: 30,
            { _ in
                do throws(KernelError) { _ = try Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage()) } catch {
                    setNote(0, UInt64(error.rawValue))
                }
                endThread()
            })
        _ = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.succeed { () throws(KernelError) in try own.delete(reply.slot) }
        try c.pause()
        try c.equal(note(0), UInt64(KernelError.peerDied.rawValue))
    }
    runner.test("ipc.error.deadlock") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let server = Thread(RootSlot.thread)
        try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
        try c.refuse(.deadlock) { () throws(KernelError) in try endpoint.call(RegisterMessage()) }
    }
    runner.test("ipc.error.chain-too-long") { c throws(Failure) in
        clearNotes()
        // Thread n calls endpoint n, which thread n + 1 serves; thread 15 would make it 17 in a row.
        let memory = c.memory
        try c.succeed { () throws(KernelError) in try memory.retype(.endpoint, count: 17, index: Slot(1000)) }
        for index in 0..<17 {
            let thread = try c.thread(
                priority: 30,
                { index in
                    do throws(KernelError) {
                        _ = try Endpoint(Slot(1000 + UInt32(index))).call(RegisterMessage())
                    } catch {
                        setNote(0, UInt64(error.rawValue))
                        setNote(1, index)
                        addNote(2)
                    }
                    endThread()
                }, UInt64(index))
            setNote(8 + index, UInt64(thread.slot.index))
            if index > 0 {
                try c.succeed { () throws(KernelError) in try Endpoint(Slot(999 + UInt32(index))).bindServer(thread) }
            }
        }
        for index in 0..<16 {
            try c.succeed { () throws(KernelError) in try Thread(Slot(UInt32(note(8 + index)))).resume() }
            try c.pause(milliseconds: 1)
        }
        try c.equal(note(0), UInt64(KernelError.chainTooLong.rawValue))
        try c.equal(note(1), 15)
        try c.equal(note(2), 1)
    }
}

func loanTests(_ runner: inout Runner) {
    runner.test("loan.read-and-write") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        _ = try c.map(at: 0xa000_0000)
        _ = try c.map(at: 0xa000_1000)
        _ = try c.map(at: 0xa000_4000)
        _ = try c.map(at: 0xa000_5000)
        setNote(20, UInt64(endpoint.slot.index))
        let lent = 0xa000_0000 as UInt64
        let mine = 0xa000_4000 as UInt64
        for index in 0..<1024 { poke(lent + 8 * UInt64(index), UInt64(index)) }
        _ = try c.spawn(
            priority: 30,
            { _ in
                let attachment = Attachment(lending: 0xa000_0000, length: 8192, .read | .write)
                if (try? Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage(1), attachment)) != nil { setNote(0, 1) }
                endThread()
            })
        let received = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.equal(received.loanLength, 8192)
        try c.succeed { () throws(KernelError) in try reply.loanRead(offset: 8, to: 0xa000_4000, length: 8000) }
        for index in 0..<1000 { try c.equal(peek(mine + 8 * UInt64(index)), UInt64(index + 1)) }
        poke(mine + 8 * UInt64(0), 0x7777)
        try c.succeed { () throws(KernelError) in try reply.loanWrite(offset: 4092 * 2, from: 0xa000_4000, length: 8) }
        try c.equal(peek(lent + 8 * UInt64(1023)), 0x7777)
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try reply.loanRead(offset: 8000, to: 0xa000_4000, length: 193)
        }
        try c.refuse(.memoryFault) { () throws(KernelError) in
            try reply.loanRead(offset: 0, to: 0xa100_0000, length: 8)
        }
        try c.refuse(.memoryFault) { () throws(KernelError) in
            try reply.loanRead(offset: 0, to: 0xffff_ffff_c000_0000, length: 8)
        }
        try c.succeed { () throws(KernelError) in try reply.reply(RegisterMessage(2)) }
        try c.pause()
        try c.equal(note(0), 1)
        try c.refuse(.noCaller) { () throws(KernelError) in try reply.loanRead(offset: 0, to: 0xa000_4000, length: 8) }
    }
    runner.test("loan.rights") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        _ = try c.map(at: 0xa000_0000)
        setNote(20, UInt64(endpoint.slot.index))
        _ = try c.spawn(
            priority: 30,
            { _ in
                let attachment = Attachment(lending: 0xa000_0000, length: 64, .read)
                _ = try? Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage(1), attachment)
                endThread()
            })
        _ = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try reply.loanWrite(offset: 0, from: 0xa000_0000, length: 8)
        }
    }
    runner.test("loan.kernel-addresses-are-refused") { c throws(Failure) in
        let endpoint = try c.echo(priority: 255)
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), Attachment(lending: 0xffff_ffff_c000_0000, length: 64, .read))
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), Attachment(lending: Limits.userEnd - 8, length: 64, .read))
        }
    }
    runner.test("loan.unmapped-memory-of-the-caller") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        _ = try c.map(at: 0xa000_0000)
        setNote(20, UInt64(endpoint.slot.index))
        _ = try c.spawn(
            priority: 30,
            { _ in
                _ = try? Endpoint(Slot(UInt32(note(20)))).call(
                    RegisterMessage(1), Attachment(lending: 0xb000_0000, length: 64, .read | .write))
                endThread()
            })
        _ = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.refuse(.memoryFault) { () throws(KernelError) in
            try reply.loanRead(offset: 0, to: 0xa000_0000, length: 8)
        }
    }
}
