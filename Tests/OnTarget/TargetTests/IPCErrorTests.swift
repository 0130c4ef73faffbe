// Messages that are refused, and calls that end with an error.

import KernelABI
import UserRuntime

func ipcErrorTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("ipc.error.invalid-capability") { c throws(Failure) in
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try Endpoint(Slot(639)).call(RegisterMessage())
        }
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try Endpoint(Slot(1 << 30)).call(RegisterMessage())
        }
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try Endpoint(.none).send(RegisterMessage())
        }
    }
    runner.test("ipc.error.wrong-kind") { c throws(Failure) in
        let notification = try c.make(.notification)
        let endpoint = try c.endpoint()
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Endpoint(notification).call(RegisterMessage())
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Endpoint(notification).receive(reply: Reply(notification))
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try endpoint.receive(reply: Reply(notification))
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Reply(notification).reply(RegisterMessage())
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Notification(endpoint.slot).signal(1)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Notification(endpoint.slot).wait()
        }
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
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Endpoint(receiveOnly).call(RegisterMessage())
        }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Endpoint(sendOnly).receive(reply: reply)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Endpoint(sendOnly).call(RegisterMessage(), Attachment(reply.slot))
        }
        try c.refuse(.missingRights) { () throws(KernelError) in try Endpoint(sendOnly).close() }
    }
    runner.test("ipc.error.too-long") { c throws(Failure) in
        let endpoint = try c.echo(priority: 255)
        var words = RegisterMessage().words
        let control = ControlWord(.call, endpoint.slot, length: 129)
        try c.equal(
            rawSystemCall(control.raw, 0, ~0, &words).result & 0xff,
            UInt64(KernelError.invalidArgument.rawValue), "129 words")
        let result = rawSystemCall(UInt64(endpoint.slot.index) | 9 << 32, 0, ~0, &words)
        try c.equal(
            result.result & 0xff, UInt64(KernelError.invalidArgument.rawValue),
            "9 words without extended bit")
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
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), deadline: .immediately)
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
        let (endpoint, reply) = try c.door()
        _ = try c.spawn(
            priority: 255,
            { _ in
                _ = try? doorEndpoint.receive(reply: doorReply)
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
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), deadline: deadline)
        }
        try c.expect(Instant.now >= deadline, "woken before the deadline")
    }
    runner.test("ipc.error.a-stale-deadline-ends-nothing") { c throws(Failure) in
        let (endpoint, _) = try c.door()
        // It answers the first call, and never the second.
        _ = try c.spawn(
            priority: 255,
            { _ in
                _ = try? doorEndpoint.receive(reply: doorReply)
                _ = try? doorEndpoint.replyAndReceive(RegisterMessage(), reply: doorReply)
                endThread()
            })
        _ = try c.succeed { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), deadline: .after(milliseconds: 2))
        }
        let deadline = Instant.after(milliseconds: 5)
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), deadline: deadline)
        }
        try c.expect(Instant.now >= deadline, "the deadline of the call before ended this one")
    }
    runner.test("ipc.error.no-caller") { c throws(Failure) in
        let reply = try c.reply()
        try c.refuse(.noCaller) { () throws(KernelError) in try reply.reply(RegisterMessage()) }
    }
    runner.test("ipc.error.reply-object-in-use") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        _ = try c.spawn(
            priority: 30,
            { _ in
                _ = try? doorEndpoint.call(RegisterMessage())
                endThread()
            })
        _ = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.refuse(.noCaller) { () throws(KernelError) in
            try endpoint.receive(reply: reply, deadline: .immediately)
        }
    }
    runner.test("ipc.error.peer-died-by-close") { c throws(Failure) in
        let (endpoint, _) = try c.door()
        try c.callers(5, priority: 30)
        try c.settle()
        try c.succeed { () throws(KernelError) in try endpoint.close() }
        try c.settle()
        for index in 0..<5 { try c.equal(note(index), UInt64(KernelError.peerDied.rawValue)) }
        try c.refuse(.peerDied) { () throws(KernelError) in try endpoint.call(RegisterMessage()) }
        let server = try c.thread(priority: 30, { _ in endThread() })
        try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), deadline: .immediately)
        }
    }
    runner.test("ipc.error.peer-died-by-reply-deletion") { c throws(Failure) in
        let (endpoint, reply) = try c.door()
        try c.callers(1, priority: 30)
        _ = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.succeed { () throws(KernelError) in try own.delete(reply.slot) }
        try c.settle()
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
        // Thread n calls endpoint n, which thread n + 1 serves; the last calls first, and thread 0
        // would wait for 16 others.
        let memory = c.memory
        try c.succeed { () throws(KernelError) in
            try memory.retype(.endpoint, count: 17, index: Slot(1000))
        }
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
                try c.succeed { () throws(KernelError) in
                    try Endpoint(Slot(999 + UInt32(index))).bindServer(thread)
                }
            }
        }
        for index in (0..<16).reversed() {
            try c.succeed { () throws(KernelError) in
                try Thread(Slot(UInt32(note(8 + index)))).resume()
            }
            try c.settle()
        }
        try c.equal(note(0), UInt64(KernelError.chainTooLong.rawValue))
        try c.equal(note(1), 0)
        try c.equal(note(2), 1)
    }
}
