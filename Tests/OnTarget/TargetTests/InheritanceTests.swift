// Priority inheritance on the target, seen through `threadInformation`, and the inversion that it prevents.

import KernelABI
import UserRuntime

/// Serves endpoint note(20) with reply note(21): notes that it received, then waits for notification note(22) and answers.
private let holdingServer: @convention(c) (UInt64) -> Void = { _ in
    let endpoint = Endpoint(Slot(UInt32(note(20))))
    let reply = Reply(Slot(UInt32(note(21))))
    while (try? endpoint.receive(reply: reply)) != nil {
        addNote(0)
        _ = try? Notification(Slot(UInt32(note(22)))).wait()
        try? reply.reply(RegisterMessage(1))
    }
    endThread()
}

/// Calls endpoint note(20), with the deadline in note(23) where that is not 0; the error goes to note(1).
private let caller: @convention(c) (UInt64) -> Void = { _ in
    let deadline = note(23) == 0 ? Instant.never : Instant(ticks: note(23))
    do throws(KernelError) {
        _ = try Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage(), deadline: deadline)
        addNote(2)
    } catch { setNote(1, UInt64(error.rawValue)) }
    endThread()
}

extension Checks {
    /// A server of `priority` that holds its callers until it is told; notes 20–22 are set.
    mutating func holder(priority: UInt8, line: UInt = #line) throws(Failure) -> Thread {
        clearNotes()
        let endpoint = try endpoint(line: line)
        let reply = try reply(line: line)
        let release = try notification(line: line)
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(reply.slot.index))
        setNote(22, UInt64(release.slot.index))
        let server = try spawn(priority: priority, holdingServer, line: line)
        try succeed(line: line) { () throws(KernelError) in try endpoint.bindServer(server) }
        try pause(line: line)
        return server
    }
    func effective(_ thread: Thread, _ expected: UInt64, line: UInt = #line) throws(Failure) {
        try equal(UInt64(try information(thread, line: line).effective), expected, "effective priority", line: line)
    }
}

func inheritanceTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("inheritance.received-caller") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        _ = try c.spawn(priority: 80, caller)
        try c.pause()
        try c.equal(note(0), 1)
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try Notification(Slot(UInt32(note(22)))).signal(1) }
        try c.pause()
        try c.effective(server, 10)
        try c.equal(note(2), 1)
    }
    runner.test("inheritance.queued-caller") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        _ = try c.spawn(priority: 50, caller)
        try c.pause()
        _ = try c.spawn(priority: 90, caller)
        try c.pause()
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
                if (try? Endpoint(Slot(UInt32(note(24)))).receive(reply: Reply(Slot(UInt32(note(25)))))) != nil {
                    _ = try? Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage())
                    try? Reply(Slot(UInt32(note(25)))).reply(RegisterMessage())
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
        try c.pause()
        try c.effective(middle, 100)
        try c.effective(last, 100)
        try c.succeed { () throws(KernelError) in try Notification(Slot(UInt32(note(22)))).signal(1) }
        try c.pause()
        try c.effective(last, 10)
        try c.equal(note(5), 1)
    }
    runner.test("inheritance.time-out") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        setNote(23, Instant.after(milliseconds: 10).ticks)
        _ = try c.spawn(priority: 80, caller)
        try c.pause()
        try c.effective(server, 80)
        try c.pause(milliseconds: 12)
        try c.effective(server, 10)
        try c.equal(note(1), UInt64(KernelError.timedOut.rawValue))
    }
    runner.test("inheritance.cancellation") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        let thread = try c.spawn(priority: 80, caller)
        try c.pause()
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try thread.suspend() }
        try c.effective(server, 10)
        try c.succeed { () throws(KernelError) in try thread.resume() }
        try c.pause()
        try c.equal(note(1), UInt64(KernelError.cancelled.rawValue))
    }
    runner.test("inheritance.death-of-the-caller") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        let arena = Untyped(try c.make(.untyped, sizeBits: 14))
        try c.succeed { () throws(KernelError) in try arena.retype(.thread, index: Slot(1000)) }
        let thread = Thread(Slot(1000))
        let start = unsafe UInt64(UInt(bitPattern: unsafeBitCast(caller, to: UnsafeRawPointer.self)))
        try c.succeed { () throws(KernelError) in
            try thread.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
            try thread.setPriority(80, maximum: 80)
            try thread.setEntry(programCounter: start, stackPointer: stackTop(30), argument: 0, threadPointer: 0)
            try thread.resume()
        }
        try c.pause()
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try arena.reclaim() }
        try c.effective(server, 10)
    }
    runner.test("inheritance.reply-deletion") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        _ = try c.spawn(priority: 80, caller)
        try c.pause()
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try own.delete(Slot(UInt32(note(21)))) }
        try c.effective(server, 10)
        try c.pause()
        try c.equal(note(1), UInt64(KernelError.peerDied.rawValue))
    }
    runner.test("inheritance.base-change-while-boosted") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        _ = try c.spawn(priority: 80, caller)
        try c.pause()
        try c.succeed { () throws(KernelError) in try server.setPriority(30, maximum: 30) }
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try server.setPriority(90, maximum: 90) }
        try c.effective(server, 90)
        try c.succeed { () throws(KernelError) in try server.setPriority(20, maximum: 90) }
        try c.effective(server, 80)
        try c.succeed { () throws(KernelError) in try Notification(Slot(UInt32(note(22)))).signal(1) }
        try c.pause()
        try c.effective(server, 20)
    }
    runner.test("inheritance.caller-base-change") { c throws(Failure) in
        let server = try c.holder(priority: 10)
        let thread = try c.spawn(priority: 80, caller)
        try c.pause()
        try c.succeed { () throws(KernelError) in try thread.setPriority(40, maximum: 40) }
        try c.effective(server, 40)
        try c.succeed { () throws(KernelError) in try thread.setPriority(120, maximum: 120) }
        try c.effective(server, 120)
    }
    runner.test("inheritance.bounds-inversion") { c throws(Failure) in
        // A hog between client and server must not run until the client has its answer.
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        let start = try c.notification()
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(reply.slot.index))
        setNote(22, UInt64(start.slot.index))
        let server = try c.spawn(
            priority: 10,
            { _ in
                let endpoint = Endpoint(Slot(UInt32(note(20))))
                let reply = Reply(Slot(UInt32(note(21))))
                while (try? endpoint.receive(reply: reply)) != nil {
                    // Let the hog become ready while the server works for the client.
                    try? Notification(Slot(UInt32(note(22)))).signal(1)
                    for _ in 0..<1000 { addNote(6) }
                    try? reply.reply(RegisterMessage())
                }
                endThread()
            })
        try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
        _ = try c.spawn(
            priority: 50,
            { _ in
                _ = try? Notification(Slot(UInt32(note(22)))).wait()
                while note(3) < 1_000_000 { addNote(3) }
                endThread()
            })
        try c.pause()
        _ = try c.spawn(
            priority: 90,
            { _ in
                _ = try? Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage())
                setNote(4, note(3))
                setNote(5, 1)
                endThread()
            })
        try c.pause(milliseconds: 50)
        try c.equal(note(5), 1, "the client has no answer")
        try c.equal(note(4), 0, "the hog ran before the client had its answer")
        try c.equal(note(6), 1000)
    }
}

func schedulingTests(_ runner: inout Runner) {
    runner.test("schedule.preemption-at-once") { c throws(Failure) in
        clearNotes()
        let notification = try c.notification()
        _ = try c.spawn(
            priority: 255,
            { slot in
                _ = try? Notification(Slot(UInt32(slot))).wait()
                setNote(0, 1)
                endThread()
            }, UInt64(notification.slot.index))
        try c.succeed { () throws(KernelError) in try notification.signal(1) }
        try c.equal(note(0), 1)
    }
    runner.test("schedule.lower-waits") { c throws(Failure) in
        clearNotes()
        _ = try c.spawn(priority: 20, { _ in while true { addNote(0) } })
        _ = try c.spawn(priority: 21, { _ in while true { addNote(1) } })
        try c.pause(milliseconds: 5)
        try c.equal(note(0), 0, "the lower one ran")
        try c.expect(note(1) > 0, "the higher one did not run")
    }
    runner.test("schedule.fifo-does-not-share") { c throws(Failure) in
        clearNotes()
        for index in 0..<2 {
            _ = try c.spawn(priority: 20, { index in while true { addNote(Int(index)) } }, UInt64(index))
        }
        try c.pause(milliseconds: 5)
        try c.expect(note(0) > 0 && note(1) == 0, "FIFO threads shared the processor")
    }
    runner.test("schedule.round-robin-shares") { c throws(Failure) in
        clearNotes()
        for index in 0..<3 {
            let thread = try c.thread(priority: 20, { index in while true { addNote(Int(index)) } }, UInt64(index))
            try c.succeed { () throws(KernelError) in
                try thread.setSlice(.milliseconds(1))
                try thread.resume()
            }
        }
        try c.pause(milliseconds: 12)
        for index in 0..<3 { try c.expect(note(index) > 0, "one of the equals did not run", UInt64(index)) }
    }
    runner.test("schedule.timer-preempts-a-loop") { c throws(Failure) in
        clearNotes()
        let thread = try c.spawn(priority: 20, { _ in while true { addNote(0) } })
        _ = thread
        try c.pause(milliseconds: 3)
        try c.expect(note(0) > 0, "the loop did not run")
    }
    runner.test("schedule.raised-priority-runs") { c throws(Failure) in
        clearNotes()
        let thread = try c.thread(
            priority: 20,
            { _ in
                setNote(0, 1)
                endThread()
            })
        try c.succeed { () throws(KernelError) in
            try thread.resume()
            try thread.setPriority(255, maximum: 255)
        }
        try c.equal(note(0), 1)
    }
}
