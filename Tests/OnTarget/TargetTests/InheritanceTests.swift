// Priority inheritance on the target, seen through `threadInformation`, and the inversion that
// it prevents.

import KernelABI
import UserRuntime

/// Serves endpoint note(20) with reply note(21): notes that it received, then waits for
/// notification note(22) and answers.
private let holdingServer: @convention(c) (UInt64) -> Void = { _ in
    let endpoint = doorEndpoint
    let reply = doorReply
    while (try? endpoint.receive(reply: reply)) != nil {
        addNote(0)
        _ = try? doorRelease.wait()
        try? reply.reply(RegisterMessage(1))
    }
    endThread()
}

/// Calls endpoint note(20), with the deadline in note(23) where that is not 0; the error goes
/// to note(1).
private let caller: @convention(c) (UInt64) -> Void = { _ in
    let deadline = note(23) == 0 ? Instant.never : Instant(ticks: note(23))
    do throws(KernelError) {
        _ = try doorEndpoint.call(RegisterMessage(), deadline: deadline)
        addNote(2)
    } catch { setNote(1, UInt64(error.rawValue)) }
    endThread()
}

extension Checks {
    /// A server of `priority` that holds its callers until it is told; notes 20–22 are set.
    mutating func holder(priority: UInt8, line: UInt = #line) throws(Failure) -> Thread {
        let (endpoint, _) = try door(line: line)
        let release = try notification(line: line)
        setNote(22, UInt64(release.slot.index))
        let server = try spawn(priority: priority, holdingServer, line: line)
        try succeed(line: line) { () throws(KernelError) in try endpoint.bindServer(server) }
        try settle(line: line)
        return server
    }
    /// Sleeps first: an update of a less urgent thread waits while the test's own thread runs.
    func effective(_ thread: Thread, _ expected: UInt64, line: UInt = #line) throws(Failure) {
        try settle(line: line)
        try equal(
            UInt64(try information(thread, line: line).effective), expected, "effective priority",
            line: line)
    }
}

func inheritanceTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("inheritance.received-caller") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        _ = try c.spawn(priority: 80, caller)
        try c.settle()
        try c.equal(note(0), 1)
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try doorRelease.signal(1) }
        try c.settle()
        try c.effective(server, 10)
        try c.equal(note(2), 1)
    }
    runner.test("inheritance.queued-caller") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        _ = try c.spawn(priority: 50, caller)
        try c.settle()
        _ = try c.spawn(priority: 90, caller)
        try c.settle()
        try c.equal(note(0), 1, "one received, one queued")
        try c.effective(server, 90)
    }
    runner.test("inheritance.nested") { c throws(Failure) in
        let last = try c.holder(priority: 10)
        let front = try c.endpoint()
        let reply = try c.reply()
        setNote(24, UInt64(front.slot.index))
        setNote(25, UInt64(reply.slot.index))
        let middle = try c.spawn(
            priority: 20,
            { _ in
                let endpoint = Endpoint(Slot(UInt32(note(24))))
                let reply = Reply(Slot(UInt32(note(25))))
                if (try? endpoint.receive(reply: reply)) != nil {
                    _ = try? doorEndpoint.call(RegisterMessage())
                    try? reply.reply(RegisterMessage())
                }
                endThread()
            })
        try c.succeed { () throws(KernelError) in try front.bindServer(middle) }
        _ = try c.spawn(
            priority: 100,
            { _ in
                _ = try? Endpoint(Slot(UInt32(note(24)))).call(RegisterMessage())
                addNote(5)
                endThread()
            })
        try c.settle()
        try c.effective(middle, 100)
        try c.effective(last, 100)
        try c.succeed { () throws(KernelError) in try doorRelease.signal(1) }
        try c.settle()
        try c.effective(last, 10)
        try c.equal(note(5), 1)
    }
    runner.test("inheritance.time-out") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        setNote(23, Instant.after(milliseconds: 300).ticks)
        _ = try c.spawn(priority: 80, caller)
        try c.settle()
        try c.effective(server, 80)
        try c.pause(until: { note(1) != 0 })
        try c.effective(server, 10)
        try c.equal(note(1), UInt64(KernelError.timedOut.rawValue))
    }
    runner.test("inheritance.cancellation") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        let thread = try c.spawn(priority: 80, caller)
        try c.settle()
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try thread.suspend() }
        try c.effective(server, 10)
        try c.succeed { () throws(KernelError) in try thread.resume() }
        try c.settle()
        try c.equal(note(1), UInt64(KernelError.cancelled.rawValue))
    }
    runner.test("inheritance.death-of-the-caller") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        let arena = Untyped(try c.make(.untyped, sizeBits: 14))
        try c.succeed { () throws(KernelError) in try arena.retype(.thread, index: Slot(1000)) }
        let thread = Thread(Slot(1000))
        let start = unsafe UInt64(
            UInt(bitPattern: unsafeBitCast(caller, to: UnsafeRawPointer.self)))
        try c.succeed { () throws(KernelError) in
            try thread.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
            try thread.setPriority(80, maximum: 80)
            try thread.setEntry(
                programCounter: start, stackPointer: stackTop(30), argument: 0, threadPointer: 0)
            try thread.resume()
        }
        try c.settle()
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try arena.reclaim() }
        try c.effective(server, 10)
    }
    runner.test("inheritance.reply-deletion") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        _ = try c.spawn(priority: 80, caller)
        try c.settle()
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try own.delete(Slot(UInt32(note(21)))) }
        try c.effective(server, 10)
        try c.settle()
        try c.equal(note(1), UInt64(KernelError.peerDied.rawValue))
    }
    runner.test("inheritance.base-change-while-boosted") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        _ = try c.spawn(priority: 80, caller)
        try c.settle()
        try c.succeed { () throws(KernelError) in try server.setPriority(30, maximum: 30) }
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try server.setPriority(90, maximum: 90) }
        try c.effective(server, 90)
        try c.succeed { () throws(KernelError) in try server.setPriority(20, maximum: 90) }
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try doorRelease.signal(1) }
        try c.settle()
        try c.effective(server, 20)
    }
    runner.test("inheritance.caller-base-change") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        let thread = try c.spawn(priority: 80, caller)
        try c.settle()
        try c.succeed { () throws(KernelError) in try thread.setPriority(40, maximum: 40) }
        try c.effective(server, 40)
        try c.succeed { () throws(KernelError) in try thread.setPriority(120, maximum: 120) }
        try c.effective(server, 120)
    }
    runner.test("inheritance.bounds-inversion") { c throws(Failure) in
        // A hog between client and server must not run until the client has its answer.
        let (endpoint, _) = try c.door()
        let start = try c.notification()
        setNote(22, UInt64(start.slot.index))
        let server = try c.spawn(
            priority: 10,
            { _ in
                let endpoint = doorEndpoint
                let reply = doorReply
                while (try? endpoint.receive(reply: reply)) != nil {
                    // Let the hog become ready while the server works for the client.
                    try? doorRelease.signal(1)
                    for _ in 0..<1000 { addNote(6) }
                    try? reply.reply(RegisterMessage())
                }
                endThread()
            })
        try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
        _ = try c.spawn(
            priority: 50,
            { _ in
                _ = try? doorRelease.wait()
                while note(3) < 1_000_000 { addNote(3) }
                endThread()
            })
        try c.settle()
        _ = try c.spawn(
            priority: 90,
            { _ in
                _ = try? doorEndpoint.call(RegisterMessage())
                setNote(4, note(3))
                setNote(5, 1)
                endThread()
            })
        try c.pause(until: { note(5) == 1 })
        try c.equal(note(4), 0, "the hog ran before the client had its answer")
        try c.equal(note(6), 1000)
    }
}
