// Life and death: what happens to others when threads and tasks end, and system control.

import CTargetTests
import KernelABI
import UserRuntime

func lifeCycleTests(_ runner: inout Runner) {
    runner.test("life.server-death-frees-callers") { c throws(Failure) in
        let (endpoint, _) = try c.door()
        let arena = Untyped(try c.make(.untyped, sizeBits: 15))
        try c.succeed { () throws(KernelError) in
            try arena.retype(.thread, index: Slot(1000))
            try arena.retype(.reply, index: Slot(1001))
        }
        let server = Thread(Slot(1000))
        let serve: @convention(c) (UInt64) -> Void = { _ in
            _ = try? doorEndpoint.receive(reply: Reply(Slot(1001)))
            while true {
                addNote(9)
                yield()
            }
        }
        let start = unsafe UInt64(UInt(bitPattern: unsafeBitCast(serve, to: UnsafeRawPointer.self)))
        try c.succeed { () throws(KernelError) in
            try server.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
            try server.setPriority(10, maximum: 10)
            try server.setEntry(
                programCounter: start, stackPointer: stackTop(30), argument: 0, threadPointer: 0)
            try endpoint.bindServer(server)
            try server.resume()
        }
        try c.callers(3, priority: 50)
        // The server yields to the callers, which are its equals then.
        try c.pause(until: { note(9) > 8 })
        try c.succeed { () throws(KernelError) in try arena.reclaim() }
        try c.settle()
        for index in 0..<3 { try c.equal(note(index), UInt64(KernelError.peerDied.rawValue)) }
        try c.refuse(.peerDied) { () throws(KernelError) in try endpoint.call(RegisterMessage()) }
    }
    runner.test("life.reclaim-waits-for-nobody") { c throws(Failure) in
        // 100 threads, in every state that a thread can wait in, die at once.
        clearNotes()
        let arena = Untyped(try c.make(.untyped, sizeBits: 20))
        let endpoint = try c.endpoint()
        let notification = try c.notification()
        try c.succeed { () throws(KernelError) in
            try arena.retype(.thread, count: 100, index: Slot(1000))
        }
        setNote(20, UInt64(endpoint.slot.index))
        setNote(21, UInt64(notification.slot.index))
        let wait: @convention(c) (UInt64) -> Void = { number in
            switch number % 3 {
            case 0: _ = try? doorEndpoint.call(RegisterMessage())
            case 1: _ = try? Notification(Slot(UInt32(note(21)))).wait()
            default:
                _ = try? doorEndpoint.send(RegisterMessage(), deadline: .after(milliseconds: 5000))
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
                    programCounter: start,
                    stackPointer: stackTop(index % 30) - UInt64(index / 30) * 512,
                    argument: UInt64(index), threadPointer: 0)
                try thread.resume()
            }
        }
        try c.succeed { () throws(KernelError) in try arena.reclaim() }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(), deadline: .immediately)
        }
    }
    runner.test("life.second-address-space") { c throws(Failure) in
        // A thread in an address space of its own can touch nothing of this one.
        let (endpoint, reply) = try c.door()
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
            try endpoint.receive(reply: reply, deadline: Checks.patience)
        }
        try c.kind(received, .pageExecute)
        try c.equal(note(0), 0)
    }
    runner.test("life.long-reclaim-is-preempted") { c throws(Failure) in
        // While a low thread destroys many objects, a timer's waiter runs in time.
        clearNotes()
        let arena = Untyped(try c.make(.untyped, sizeBits: 19))
        try c.succeed { () throws(KernelError) in
            try arena.retype(.endpoint, count: 1024, index: Slot(1000))
        }
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
        let kind = try c.succeed { () throws(KernelError) in
            try CapabilityTable.own.describe(Slot(1500))
        }.kind
        try c.equal(UInt64(kind.rawValue), 0)
    }
    for hasServer in [false, true] {
        runner.test(
            hasServer
                ? "life.reclaim-lets-a-freed-client-go-first"
                : "life.reclaim-lets-a-freed-caller-go-first"
        ) { c throws(Failure) in try freedCaller(&c, hasServer: hasServer) }
    }
}

/// The caller of an endpoint at note(20), whose memory a less urgent thread destroys together with
/// many notifications, goes on before that is over. No interrupt comes in between.
private func freedCaller(_ c: inout Checks, hasServer: Bool) throws(Failure) {
    clearNotes()
    let arena = Untyped(try c.make(.untyped, sizeBits: 17))
    try c.succeed { () throws(KernelError) in
        try arena.retype(.endpoint, index: Slot(1000))
        try arena.retype(.notification, count: 200, index: Slot(1001))
    }
    setNote(20, 1000)
    setNote(24, UInt64(arena.slot.index))
    if hasServer {
        // It outlives its endpoint, so that the client leaves its chain by a step of an update.
        let server = try c.thread(priority: 5, { _ in endThread() })
        try c.succeed { () throws(KernelError) in try doorEndpoint.bindServer(server) }
    }
    _ = try c.spawn(
        priority: 100,
        { _ in
            do throws(KernelError) { _ = try doorEndpoint.call(RegisterMessage()) } catch {
                setNote(0, UInt64(error.rawValue))
            }
            let isLeft = (try? Notification(Slot(1200)).signal(1)) != nil
            setNote(1, isLeft ? 1 : 2)
            endThread()
        })
    try c.settle()
    try c.equal(note(1), 0, "the caller waits")
    _ = try c.spawn(
        priority: 10,
        { _ in
            try? Untyped(Slot(UInt32(note(24)))).reclaim()
            setNote(2, 1)
            endThread()
        })
    try c.settle()
    try c.equal(note(0), UInt64(KernelError.peerDied.rawValue))
    try c.equal(note(1), 1, "1: it ran before the last object was destroyed")
    try c.equal(note(2), 1)
    try c.refuse(.invalidCapability) { () throws(KernelError) in
        try Notification(Slot(1200)).signal(1)
    }
}

func systemTests(_ runner: inout Runner) {
    let system = SystemControl(RootSlot.systemControl)
    // The machine has as many cores as the command line asks for.
    let cores = runner.coreCount
    runner.test("system.number-of-cores") { c throws(Failure) in
        try c.expect(cores.told == cores.wanted, "another number of cores", cores.told)
    }
    runner.test("system.statistics") { c throws(Failure) in
        let before = try c.succeed { () throws(KernelError) in try system.statistic(.systemCalls) }
        for _ in 0..<10 { _ = try? CapabilityTable.own.describe(Slot(1500)) }
        let after = try c.succeed { () throws(KernelError) in try system.statistic(.systemCalls) }
        try c.expect(after >= before + 10, "system calls are not counted", after)
        try c.expect(
            try c.succeed { () throws(KernelError) in try system.statistic(.kernelTextBytes) }
                > 4096, "no size")
    }
    // On a Raspberry Pi 3 the mailbox's registers are in the page of the peripherals' controller.
    runner.test("system.controllers-pages-are-not-given") { c throws(Failure) in
        let pages: InlineArray<6, UInt64> = [
            0x0800_0000, 0x0801_0000, 0x3f00_b000, 0x4000_0000, 0xff84_1000, 0xff84_2000,
        ]
        let isPi3 = deviceRegion(holding: 0x3f20_1000) != nil
        for index in 0..<6 where isPi3 || index != 2 && index != 3 {
            try c.expect(
                deviceRegion(holding: pages[index]) == nil, "it is given away", pages[index])
        }
        var count = 0
        for index in 0..<UInt32(truncatingIfNeeded: c.boot.untypedCount) {
            let window = RegisterWindow(Slot(RootSlot.firstUntyped.index + index))
            // Linux' tree has another device in that page, with fewer registers than the mailbox.
            guard (try? window.read(0x3c)) != nil, let status = try? window.read(0x18) else {
                continue
            }
            count += 1
            try c.expect(status & 1 << 30 != 0, "the mailbox is not empty", UInt64(status))
            try c.succeed { () throws(KernelError) in try window.write(0x1c, 0) }
            try c.refuse(.invalidArgument) { () throws(KernelError) in try window.read(0x40) }
            try c.refuse(.invalidArgument) { () throws(KernelError) in
                try window.write(0 &- 0x680, 0)
            }
            try c.refuse(.invalidArgument) { () throws(KernelError) in try window.read(2) }
        }
        try c.equal(UInt64(count), isPi3 ? 1 : 0, "windows")
    }
    // Below a firmware that makes each `wfi` of user code raise a system error, three come here
    // (Tests/OnTarget/firmware).
    runner.test("system.errors-stop-nobody") { c throws(Failure) in
        let beat = try c.notification()
        let timer = Timer(try c.make(.timer))
        let before = try c.succeed { () throws(KernelError) in
            try timer.bind(beat, bits: 1)
            try timer.arm(.after(milliseconds: 1), period: .milliseconds(1))
            return try system.statistic(.systemErrors)
        }
        for _ in 0..<3 { waitForInterrupt() }
        let after = try c.succeed { () throws(KernelError) in
            try timer.cancel()
            return try system.statistic(.systemErrors)
        }
        try c.expect(after == before || after == before + 3, "not all are counted", after - before)
        if before == 1 && after == 4 { system.write("system errors are counted\n") }
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
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try SystemControl(endpoint).statistic(.systemCalls)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in try system.trace(9) }
        let weak = c.slot()
        try c.succeed { () throws(KernelError) in
            try CapabilityTable.own.copy(RootSlot.systemControl, to: weak, rights: .read)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in try SystemControl(weak).reboot() }
    }
}
