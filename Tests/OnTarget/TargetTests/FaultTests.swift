// Faults: every kind reaches the handler with what it needs to know; floating point; life and death of threads.

import CTargetTests
import KernelABI
import UserRuntime

extension Checks {
    /// Run `entry` with a fault handler and return the fault; the thread stays stopped.
    mutating func fault(
        _ entry: @convention(c) (UInt64) -> Void, withBuffer: Bool = true, line: UInt = #line
    ) throws(Failure) -> Received {
        clearNotes()
        let endpoint = try endpoint(line: line)
        let reply = try reply(line: line)
        let badged = slot()
        try succeed(line: line) { () throws(KernelError) in
            try CapabilityTable.own.mint(endpoint.slot, to: badged, badge: 0x5eed)
        }
        _ = try spawn(priority: 100, entry, fault: badged, withBuffer: withBuffer, line: line)
        let received = try succeed(line: line) { () throws(KernelError) in
            try endpoint.receive(reply: reply, deadline: .after(milliseconds: 100))
        }
        try equal(UInt64(received.delivery.rawValue), UInt64(Delivery.fault.rawValue), "delivery", line: line)
        try equal(received.badge, 0x5eed, "badge", line: line)
        return received
    }
    func kind(_ received: Received, _ kind: FaultKind, line: UInt = #line) throws(Failure) {
        try equal(received[Fault.kind], UInt64(kind.rawValue), "fault kind", line: line)
    }
}

func faultTests(_ runner: inout Runner) {
    runner.test("fault.null-page") { c throws(Failure) in
        let received = try c.fault({ _ in
            setNote(0, peek(8))
            endThread()
        })
        try c.kind(received, .pageRead)
        try c.equal(received[Fault.address], 8)
        try c.equal(note(0), 0)
    }
    runner.test("fault.write-unmapped") { c throws(Failure) in
        let received = try c.fault({ _ in
            poke(0xb000_0000, 1)
            endThread()
        })
        try c.kind(received, .pageWrite)
        try c.equal(received[Fault.address], 0xb000_0000)
    }
    runner.test("fault.kernel-memory") { c throws(Failure) in
        let received = try c.fault({ _ in
            setNote(0, peek(0xffff_ffff_c000_0000))
            endThread()
        })
        try c.kind(received, .pageRead)
        try c.equal(received[Fault.address], 0xffff_ffff_c000_0000)
        try c.equal(note(0), 0)
    }
    runner.test("fault.execute-data") { c throws(Failure) in
        let received = try c.fault({ _ in
            let address = unsafe withUnsafePointer(to: &stacks) { UInt(bitPattern: $0) }
            unsafe unsafeBitCast(address, to: (@convention(c) () -> Void).self)()
        })
        try c.kind(received, .pageExecute)
    }
    runner.test("fault.write-own-code") { c throws(Failure) in
        let received = try c.fault({ _ in
            poke(0x400000, 1)
            endThread()
        })
        try c.kind(received, .pageWrite)
    }
    runner.test("fault.breakpoint-and-resume") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        let thread = try c.spawn(
            priority: 100,
            { _ in
                breakpoint()
                setNote(0, 5)
                endThread()
            }, fault: endpoint.slot)
        let received = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.kind(received, .breakpoint)
        try c.equal(UInt64(try c.information(thread).state.rawValue), UInt64(ThreadState.faulted.rawValue))
        try c.succeed { () throws(KernelError) in
            try reply.reply(RegisterMessage(FaultReply.resumeAt.rawValue, received[Fault.programCounter] + 4))
        }
        try c.pause()
        try c.equal(note(0), 5)
    }
    runner.test("fault.retry-after-mapping") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        _ = try c.spawn(
            priority: 100,
            { _ in
                poke(0xa000_0000, 77)
                setNote(0, peek(0xa000_0000))
                endThread()
            }, fault: endpoint.slot)
        let received = try c.succeed { () throws(KernelError) in try endpoint.receive(reply: reply) }
        try c.kind(received, .pageWrite)
        _ = try c.map(at: 0xa000_0000)
        try c.succeed { () throws(KernelError) in try reply.reply(RegisterMessage(FaultReply.retry.rawValue)) }
        try c.pause()
        try c.equal(note(0), 77)
    }
    runner.test("fault.reply-stop") { c throws(Failure) in
        let received = try c.fault({ _ in
            breakpoint()
            setNote(0, 5)
            endThread()
        })
        _ = received
        try c.pause()
        try c.equal(note(0), 0)
    }
    runner.test("fault.unknown-system-call") { c throws(Failure) in
        let received = try c.fault({ _ in
            var words = RegisterMessage().words
            _ = rawSystemCall(100 << 40, 0, 0, &words)
            endThread()
        })
        try c.kind(received, .unknownSystemCall)
        try c.equal(received[Fault.address], 100 << 40)
    }
    runner.test("fault.illegal-instruction") { c throws(Failure) in
        let received = try c.fault({ _ in
            illegalInstruction()
            endThread()
        })
        try c.kind(received, .illegalInstruction)
    }
    runner.test("fault.alignment") { c throws(Failure) in
        let received = try c.fault({ _ in
            misalignedExclusiveLoad(0x400001)
            endThread()
        })
        try c.kind(received, .alignment)
    }
    runner.test("fault.no-floating-point-without-buffer") { c throws(Failure) in
        let received = try c.fault(
            { _ in
                setFloatingPoint(3)
                endThread()
            }, withBuffer: false)
        try c.kind(received, .noFloatingPoint)
    }
    runner.test("fault.without-handler-stops") { c throws(Failure) in
        clearNotes()
        let thread = try c.spawn(
            priority: 255,
            { _ in
                breakpoint()
                setNote(0, 1)
                endThread()
            })
        try c.equal(UInt64(try c.information(thread).state.rawValue), UInt64(ThreadState.faulted.rawValue))
        try c.equal(note(0), 0)
    }
    runner.test("fault.handler-inherits") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        let release = try c.notification()
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(reply.slot.index))
        setNote(22, UInt64(release.slot.index))
        let handler = try c.spawn(
            priority: 10,
            { _ in
                _ = try? Endpoint(Slot(UInt32(note(20)))).receive(reply: Reply(Slot(UInt32(note(21)))))
                _ = try? Notification(Slot(UInt32(note(22)))).wait()
                try? Reply(Slot(UInt32(note(21)))).reply(RegisterMessage(FaultReply.stop.rawValue))
                endThread()
            })
        try c.pause()
        _ = try c.spawn(
            priority: 120,
            { _ in
                breakpoint()
                endThread()
            }, fault: endpoint.slot)
        try c.pause()
        try c.equal(UInt64(try c.information(handler).effective), 120)
        try c.succeed { () throws(KernelError) in try release.signal(1) }
        try c.pause()
        try c.equal(UInt64(try c.information(handler).effective), 10)
    }
}

func floatingPointTests(_ runner: inout Runner) {
    runner.test("fp.preserved-across-preemption") { c throws(Failure) in
        clearNotes()
        for index in 0..<2 {
            let thread = try c.thread(
                priority: 20,
                { index in
                    setFloatingPoint(100 + index)
                    while true {
                        if floatingPoint() != 100 + index { addNote(10) }
                        addNote(Int(index))
                    }
                }, UInt64(index))
            try c.succeed { () throws(KernelError) in
                try thread.setSlice(.microseconds(200))
                try thread.resume()
            }
        }
        try c.pause(milliseconds: 10)
        try c.expect(note(0) > 0 && note(1) > 0, "both must have run")
        try c.equal(note(10), 0, "registers changed")
    }
    runner.test("fp.preserved-across-system-calls") { c throws(Failure) in
        let endpoint = try c.echo(priority: 255)
        setFloatingPoint(4242)
        for _ in 0..<10 { try c.exchange(endpoint, length: 4) }
        yield()
        try c.equal(floatingPoint(), 4242)
    }
    runner.test("fp.starts-clear") { c throws(Failure) in
        clearNotes()
        setFloatingPoint(999)
        _ = try c.spawn(
            priority: 255,
            { _ in
                setNote(0, floatingPoint() + 1)
                endThread()
            })
        try c.equal(note(0), 1, "another thread's registers leaked")
    }
}

func lifeCycleTests(_ runner: inout Runner) {
    runner.test("life.server-death-frees-callers") { c throws(Failure) in
        clearNotes()
        let endpoint = try c.endpoint()
        let arena = Untyped(try c.make(.untyped, sizeBits: 15))
        setNote(20, UInt64(endpoint.slot.index))
        try c.succeed { () throws(KernelError) in
            try arena.retype(.thread, index: Slot(1000))
            try arena.retype(.reply, index: Slot(1001))
        }
        let server = Thread(Slot(1000))
        let serve: @convention(c) (UInt64) -> Void = { _ in
            _ = try? Endpoint(Slot(UInt32(note(20)))).receive(reply: Reply(Slot(1001)))
            while true { yield() }
        }
        let start = unsafe UInt64(UInt(bitPattern: unsafeBitCast(serve, to: UnsafeRawPointer.self)))
        try c.succeed { () throws(KernelError) in
            try server.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
            try server.setPriority(10, maximum: 10)
            try server.setEntry(programCounter: start, stackPointer: stackTop(30), argument: 0, threadPointer: 0)
            try endpoint.bindServer(server)
            try server.resume()
        }
        for index in 0..<3 {
            _ = try c.spawn(
                priority: 50,
                { index in
                    do throws(KernelError) { _ = try Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage()) } catch {
                        setNote(Int(index), UInt64(error.rawValue))
                    }
                    endThread()
                }, UInt64(index))
        }
        try c.pause()
        try c.succeed { () throws(KernelError) in try arena.reclaim() }
        try c.pause()
        for index in 0..<3 { try c.equal(note(index), UInt64(KernelError.peerDied.rawValue)) }
        try c.refuse(.peerDied) { () throws(KernelError) in try endpoint.call(RegisterMessage()) }
    }
    runner.test("life.reclaim-waits-for-nobody") { c throws(Failure) in
        // 100 threads, in every state that a thread can wait in, die at once.
        clearNotes()
        let arena = Untyped(try c.make(.untyped, sizeBits: 20))
        let endpoint = try c.endpoint()
        let notification = try c.notification()
        try c.succeed { () throws(KernelError) in try arena.retype(.thread, count: 100, index: Slot(1000)) }
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(notification.slot.index))
        let wait: @convention(c) (UInt64) -> Void = { number in
            switch number % 3 {
            case 0: _ = try? Endpoint(Slot(UInt32(note(20)))).call(RegisterMessage())
            case 1: _ = try? Notification(Slot(UInt32(note(21)))).wait()
            default:
                _ = try? Endpoint(Slot(UInt32(note(20)))).send(RegisterMessage(), deadline: .after(milliseconds: 5000))
            }
            endThread()
        }
        let start = unsafe UInt64(UInt(bitPattern: unsafeBitCast(wait, to: UnsafeRawPointer.self)))
        for index in 0..<100 {
            try c.succeed { () throws(KernelError) in
                let thread = Thread(Slot(1000 + UInt32(index)))
                try thread.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
                try thread.setPriority(255, maximum: 255)
                try thread.setEntry(
                    programCounter: start, stackPointer: stackTop(index % 30) - UInt64(index / 30) * 512,
                    argument: UInt64(index), threadPointer: 0)
                try thread.resume()
            }
        }
        try c.succeed { () throws(KernelError) in try arena.reclaim() }
        try c.refuse(.timedOut) { () throws(KernelError) in try endpoint.call(RegisterMessage(), deadline: .immediately)
        }
    }
    runner.test("life.second-address-space") { c throws(Failure) in
        // A thread in an address space of its own can touch nothing of this one.
        clearNotes()
        let endpoint = try c.endpoint()
        let reply = try c.reply()
        let space = try c.make(.addressSpace)
        let thread = try c.thread(
            priority: 100,
            { _ in
                setNote(0, 1)
                endThread()
            }, fault: endpoint.slot)
        try c.succeed { () throws(KernelError) in
            try thread.configure(addressSpace: space)
            try thread.resume()
        }
        let received = try c.succeed { () throws(KernelError) in
            try endpoint.receive(reply: reply, deadline: .after(milliseconds: 100))
        }
        try c.kind(received, .pageExecute)
        try c.equal(note(0), 0)
    }
    runner.test("life.long-reclaim-is-preempted") { c throws(Failure) in
        // While a low thread destroys many objects, a timer's waiter runs in time.
        clearNotes()
        let arena = Untyped(try c.make(.untyped, sizeBits: 19))
        try c.succeed { () throws(KernelError) in try arena.retype(.endpoint, count: 1024, index: Slot(1000)) }
        setNote(20, UInt64(arena.slot.index))
        _ = try c.spawn(
            priority: 10,
            { _ in
                setNote(0, Instant.now.ticks)
                try? Untyped(Slot(UInt32(note(20)))).reclaim()
                setNote(1, Instant.now.ticks)
                endThread()
            })
        var wakes: UInt64 = 0
        while note(1) == 0 {
            try c.pause(milliseconds: 1)
            wakes += 1
            try c.expect(wakes < 10_000, "it never ended")
        }
        try c.expect(note(1) > note(0), "time went backwards")
        let kind = try c.succeed { () throws(KernelError) in try CapabilityTable.own.describe(Slot(1500)) }.kind
        try c.equal(UInt64(kind.rawValue), 0)
    }
}

func systemTests(_ runner: inout Runner) {
    let system = SystemControl(RootSlot.systemControl)
    runner.test("system.statistics") { c throws(Failure) in
        let before = try c.succeed { () throws(KernelError) in try system.statistic(.systemCalls) }
        for _ in 0..<10 { _ = try? CapabilityTable.own.describe(Slot(1500)) }
        let after = try c.succeed { () throws(KernelError) in try system.statistic(.systemCalls) }
        try c.expect(after >= before + 10, "system calls are not counted", after)
        try c.expect(
            try c.succeed { () throws(KernelError) in try system.statistic(.kernelTextBytes) } > 4096, "no size")
    }
    runner.test("system.trace") { c throws(Failure) in
        try c.succeed { () throws(KernelError) in
            _ = try system.trace(1)
            yield()
            _ = try system.trace(0)
        }
        let events = try c.succeed { () throws(KernelError) in try system.trace(2) }
        try c.expect(events.w0 > 0, "no events")
        try c.equal(events.w2 & 0xff, 3, "the first event is a system call")
    }
    runner.test("system.trace-keeps-ipc-working") { c throws(Failure) in
        _ = try c.succeed { () throws(KernelError) in try system.trace(1) }
        try c.exchange(c.echo(priority: 255), length: 4)
        _ = try c.succeed { () throws(KernelError) in try system.trace(0) }
        try c.exchange(c.echo(priority: 255), length: 4)
    }
    runner.test("system.errors") { c throws(Failure) in
        let endpoint = try c.make(.endpoint)
        try c.refuse(.wrongKind) { () throws(KernelError) in try SystemControl(endpoint).statistic(.systemCalls) }
        try c.refuse(.invalidArgument) { () throws(KernelError) in try system.trace(9) }
        let weak = c.slot()
        try c.succeed { () throws(KernelError) in
            try CapabilityTable.own.copy(RootSlot.systemControl, to: weak, rights: .read)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in try SystemControl(weak).reboot() }
    }
    runner.test("system.random-calls-do-no-harm") { c throws(Failure) in
        // Any control word with any arguments ends in a result or a fault; the generator is a fixed xorshift.
        clearNotes()
        setNote(0, 0x9e37_79b9_7f4a_7c15)
        let table = try c.make(.capabilityTable, sizeBits: 4)
        let endpoint = try c.make(.endpoint)
        let notification = try c.make(.notification)
        let reply = try c.make(.reply)
        let frame = try c.make(.frame, sizeBits: 12)
        let inner = try c.make(.untyped, sizeBits: 16)
        try c.succeed { () throws(KernelError) in
            let into = CapabilityTable(table)
            try CapabilityTable.own.copy(endpoint, to: Slot(1), in: into)
            try CapabilityTable.own.copy(notification, to: Slot(2), in: into)
            try CapabilityTable.own.copy(reply, to: Slot(3), in: into)
            try CapabilityTable.own.copy(frame, to: Slot(4), in: into)
            try CapabilityTable.own.copy(inner, to: Slot(5), in: into)
        }
        let handler = try c.endpoint()
        let answer = try c.reply()
        let thread = try c.thread(
            priority: 100,
            { _ in
                while true {
                    var words = RegisterMessage(random(), random(), random(), random()).words
                    let control =
                        random() & 0x001f_ffff_0000_0000 | random() & 7
                        | (random() & 15 == 0 ? random() & 0xffff_ffff : 0)
                    _ = rawSystemCall(
                        control, random() & (random() & 1 == 0 ? 7 : ~0), random() & 1 == 0 ? 0 : random() & 31, &words)
                    addNote(1)
                }
            }, fault: handler.slot)
        try c.succeed { () throws(KernelError) in
            try thread.configure(table: table)
            try thread.resume()
        }
        var faults = 0
        let end = Instant.after(milliseconds: 60)
        while Instant.now < end {
            do throws(KernelError) {
                let received = try handler.receive(reply: answer, deadline: .after(milliseconds: 1))
                faults += 1
                try answer.reply(RegisterMessage(FaultReply.resumeAt.rawValue, received[Fault.programCounter]))
            } catch {
                // The thread may wait for something that never comes: get it out.
                _ = try? thread.suspend()
                _ = try? thread.resume()
            }
        }
        try c.expect(note(1) > 100, "too few calls were made", note(1))
    }
}

/// xorshift64 on note 0.
@inline(never) func random() -> UInt64 {
    var x = note(0)
    x ^= x << 13
    x ^= x >> 7
    x ^= x << 17
    setNote(0, x)
    return x
}
