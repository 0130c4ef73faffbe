// Threads of a task as the runtime starts and joins them.

import CTargetTests
import KernelABI
import UserRuntime

extension Checks {
    /// Lets the runtime make the test's threads, from `memory`.
    func takeThreads(
        from memory: Untyped? = nil, faultHandler: Slot = .none, listed: [2 of ListedThread]? = nil
    ) {
        if let listed {
            unsafe table[0] = 2
            for index in 0..<2 {
                for word in 0..<4 { unsafe table[1 + 5 * index + word] = listed[index].name[word] }
                unsafe table[5 + 5 * index] = listed[index].word
            }
        }
        let address = unsafe withUnsafePointer(to: &table) { UInt64(UInt(bitPattern: $0)) }
        Thread.setResources(
            ThreadResources(
                first: Thread(RootSlot.thread), table: RootSlot.table,
                addressSpace: RootSlot.addressSpace, faultHandler: faultHandler,
                memory: memory ?? self.memory, slots: Slot(2000), address: 0xa000_0000,
                locks: Slot(2064), locksAddress: Checks.locksPage,
                listed: listed == nil ? 0 : address, names: namesStart()))
    }
    func start(
        priority: UInt8 = 100, core: Int? = nil, stackSize: Int = 4096, context: UInt64 = 0,
        line: UInt = #line, _ body: @convention(c) (UInt64) -> UInt64
    ) throws(Failure) -> StartedThread {
        try succeed(line: line) { () throws(KernelError) in
            try Thread.start(
                "test", priority: priority, core: core, stackSize: stackSize, context: context,
                body)
        }
    }
    func thread(of started: StartedThread, line: UInt = #line) throws(Failure) -> Thread {
        try succeed(line: line) { () throws(KernelError) in try started.thread }
    }
    /// Answers a fault: the thread stays stopped.
    func stop(_ reply: Reply, line: UInt = #line) throws(Failure) {
        try succeed(line: line) { () throws(KernelError) in
            try reply.reply(RegisterMessage(FaultReply.stop.rawValue))
        }
    }
    func join(_ thread: StartedThread, line: UInt = #line) throws(Failure) -> UInt64 {
        try succeed(line: line) { () throws(KernelError) in
            try thread.join(deadline: Checks.patience)
        }
    }
    func join(number: Int, line: UInt = #line) throws(Failure) -> UInt64 {
        guard let thread = unsafe threads[number] else {
            throw Failure(line: line, text: "no thread", value: UInt64(number))
        }
        return try join(thread, line: line)
    }
}

/// The names of the threads in places.
nonisolated(unsafe) private var names = InlineArray<64, UInt64>(repeating: 0)
private func namesStart() -> UInt64 {
    unsafe withUnsafePointer(to: &names) { UInt64(UInt(bitPattern: $0)) }
}

/// The table of threads that a manifest would list.
nonisolated(unsafe) private var table = InlineArray<11, UInt64>(repeating: 0)
nonisolated(unsafe) private var threads = InlineArray<16, StartedThread?>(repeating: nil)
/// The thread that a body joins.
nonisolated(unsafe) private var other: StartedThread?

/// Joins `other`; the error as a result.
private let joinOther: @convention(c) (UInt64) -> UInt64 = { _ in
    guard let other = unsafe other else { return 99 }
    do throws(KernelError) { return try other.join() } catch { return UInt64(error.rawValue) }
}

func startedThreadTests(_ runner: inout Runner) {
    let cores = runner.coreCount.told
    runner.test("start.run-and-join") { c throws(Failure) in
        c.takeThreads()
        let thread = try c.start(context: 20) { $0 + 1 }
        try c.equal(try c.join(thread), 21)
        try c.refuse(.wrongState) { () throws(KernelError) in try thread.join() }
        let again = try c.start(context: 30) { $0 + 2 }
        try c.equal(try c.join(again), 32)
        try c.refuse(.wrongState) { () throws(KernelError) in try thread.join() }
    }
    runner.test("start.name-priority-core") { c throws(Failure) in
        c.takeThreads()
        for priority: UInt8 in [7, 200] {
            let thread = try c.start(priority: priority) { _ in
                unsafe setNote(0, UInt64(Thread.currentName.count))
                unsafe setNote(1, UInt64(Thread.currentName[0]))
                guard let own = try? Thread.current.information() else { return 0 }
                return UInt64(own.base) | UInt64(own.core) << 8 | UInt64(own.maximum) << 16
            }
            let result = try c.join(thread)
            try c.equal(result, UInt64(priority) | 255 << 16)
            try c.equal(note(0), 4)
            try c.equal(note(1), 116)
        }
        try c.equal(unsafe UInt64(Thread.currentName.count), 0)
    }
    runner.test("start.as-the-manifest-says") { c throws(Failure) in
        c.takeThreads(listed: [
            ListedThread(
                name: [0x7265_6461_6572, 0, 0, 0], priority: 70, core: UInt8(cores - 1),
                stackBytes: 8192),
            ListedThread(
                name: [0x7265_7469_7277, 0, 0, 0], priority: 60, core: 7, stackBytes: 4096),
        ])
        let own: @convention(c) (UInt64) -> UInt64 = { _ in
            guard let own = try? Thread.current.information() else { return 0 }
            return UInt64(own.base) | UInt64(own.core) << 8
        }
        func start(_ name: StaticString, priority: UInt8? = nil) throws(Failure) -> UInt64 {
            try c.join(
                try c.succeed { () throws(KernelError) in
                    try Thread.start(name, priority: priority, own)
                })
        }
        try c.equal(try start("reader"), 70 | (cores - 1) << 8)
        // A core that does not run is none; what the call says goes first.
        try c.equal(try start("writer"), 60 | (cores == 8 ? 7 << 8 : 0))
        try c.equal(try start("reader", priority: 50), 50 | (cores - 1) << 8)
        let unknown: [2 of StaticString] = ["read", "readers"]
        for index in 0..<2 {
            let name = unknown[index]
            try c.refuse(.invalidArgument) { () throws(KernelError) in try Thread.start(name, own) }
        }
        // The root task reads the name there, as long as the body runs.
        clearNotes()
        let thread = try c.succeed { () throws(KernelError) in
            try Thread.start("reader", priority: 10) { _ in
                while note(0) == 0 { yield() }
                return 0
            }
        }
        var count: UInt64 = 0
        let start = namesStart()
        for place: UInt64 in 0..<16 where peek(start + 32 * place) != 0 { count += 1 }
        try c.equal(count, 1, "names")
        setNote(0, 1)
        try c.equal(try c.join(thread), 0)
        for place: UInt64 in 0..<16 { try c.equal(peek(start + 32 * place), 0, "a name stays") }
    }
    runner.test("start.limits") { c throws(Failure) in
        c.takeThreads()
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try Thread.start("x", priority: 1, stackSize: Thread.maximumStack + 1) { $0 }
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try Thread.start("x", priority: 1, stackSize: 0) { $0 }
        }
        // A new place, and then the same one.
        for _ in 0..<2 {
            try c.refuse(.invalidArgument) { () throws(KernelError) in
                try Thread.start("x", priority: 1, core: 9) { $0 }
            }
        }
        let limited = try c.start(priority: 50) { _ in
            do throws(KernelError) {
                try Thread.current.setPriority(50, maximum: 60)
                let urgent = try Thread.start("x", priority: 60, context: 5) { $0 }
                if try urgent.join() != 5 { return 99 }
                _ = try Thread.start("x", priority: 61) { $0 }
            } catch { return UInt64(error.rawValue) }
            return 98
        }
        try c.equal(try c.join(limited), UInt64(KernelError.notPermitted.rawValue))
    }
    runner.test("start.too-little-memory") { c throws(Failure) in
        let small = Untyped(try c.make(.untyped, sizeBits: 15))
        c.takeThreads(from: small)
        let used = try c.succeed { () throws(KernelError) in try small.information() }
        try c.refuse(.insufficientMemory) { () throws(KernelError) in
            try Thread.start("large", priority: 1, stackSize: 8 * 4096) { $0 }
        }
        let left = try c.succeed { () throws(KernelError) in try small.information() }
        try c.equal(used.lowBytes + used.highBytes, left.lowBytes + left.highBytes, "taken")
        try c.equal(try c.join(try c.start(context: 3) { $0 }), 3)
    }
    runner.test("start.a-place-is-used-again") { c throws(Failure) in
        c.takeThreads()
        // Each start and join is some 3,000 instructions.
        _ = try c.join(try c.start(stackSize: 8192) { $0 })
        let before = try c.succeed { [m = c.memory] () throws(KernelError) in
            try m.information()
        }
        for number: UInt64 in 0..<10_000 {
            let size = number % 2 == 0 ? 4096 : 8192
            try c.equal(try c.join(try c.start(stackSize: size, context: number) { $0 }), number)
        }
        let after = try c.succeed { [m = c.memory] () throws(KernelError) in try m.information() }
        try c.equal(after.lowBytes, before.lowBytes)
        try c.equal(after.highBytes, before.highBytes)
    }
    runner.test("start.a-body-leaves-nothing-behind") { c throws(Failure) in
        c.takeThreads()
        clearNotes()
        let bell = try c.notification()
        let thread = try c.start(context: UInt64(bell.slot.index)) { slot in
            do throws(KernelError) {
                try Thread.current.bindNotification(Notification(Slot(UInt32(slot))))
                try Thread.current.setSlice(.milliseconds(1))
            } catch { return UInt64(error.rawValue) }
            return 100
        }
        try c.equal(try c.join(thread), 100)
        // The bits are still there, and the notification is free for another thread.
        try c.succeed { () throws(KernelError) in
            try bell.signal(5)
            try Thread(RootSlot.thread).bindNotification(bell)
        }
        try c.equal(try c.succeed { () throws(KernelError) in try bell.poll() }, 5)
    }
    runner.test("start.as-many-as-there-are-places") { c throws(Failure) in
        c.takeThreads()
        for round: UInt64 in 0..<3 {
            for number in 0..<Thread.maximumCount {
                // The sizes differ, so that places must fit.
                unsafe threads[number] = try c.start(
                    priority: UInt8(number + 1), stackSize: 4096 * (number % 3 + 1),
                    context: UInt64(number) + round
                ) { $0 * $0 }
            }
            try c.refuse(.exhausted) { () throws(KernelError) in
                try Thread.start("x", priority: 1) { $0 }
            }
            for number in 0..<Thread.maximumCount {
                let expected = UInt64(number) + round
                try c.equal(try c.join(number: number), expected * expected)
            }
        }
    }
    runner.test("start.each-stack-is-its-own") { c throws(Failure) in
        c.takeThreads()
        for number in 0..<4 {
            unsafe threads[number] = try c.start(
                priority: 20, stackSize: 8192, context: UInt64(number)
            ) { number in
                var words = InlineArray<700, UInt64>(repeating: number)
                for round in 0..<20 {
                    words[Int(number) + round] += 1
                    yield()
                }
                var sum: UInt64 = 0
                for index in 0..<700 { sum += words[index] }
                return sum
            }
        }
        for number in 0..<4 {
            try c.equal(try c.join(number: number), 700 * UInt64(number) + 20)
        }
    }
    runner.test("start.thread-local-values-start-anew") { c throws(Failure) in
        c.takeThreads()
        ThreadLocal(3).value = 77
        defer { ThreadLocal(3).value = 0 }
        for _ in 0..<2 {
            let thread = try c.start(context: 5) { value in
                let given = unsafe givenLocal().pointee
                let first = ThreadLocal(3).value << 32 | given << 16
                ThreadLocal(3).value = value
                unsafe givenLocal().pointee = 99
                return first | ThreadLocal(3).value
            }
            try c.equal(try c.join(thread), 7 << 16 | 5)
        }
        try c.equal(ThreadLocal(3).value, 77)
    }
    runner.test("start.errno-is-each-threads-own") { c throws(Failure) in
        c.takeThreads()
        clearErrorNumber()
        let thread = try c.start { _ in
            numberTooLarge() == Int.max ? UInt64(errorNumber()) : 0
        }
        try c.equal(try c.join(thread), UInt64(outOfRange()))
        try c.equal(UInt64(errorNumber()), 0)
    }
    runner.test("start.no-slot-is-open-for-capabilities") { c throws(Failure) in
        c.takeThreads()
        let (endpoint, reply) = (try c.endpoint(), try c.reply())
        let target = c.slot()
        // A new place, and one whose last thread had opened a slot.
        for isOpened in [false, true] {
            if isOpened {
                _ = try c.join(
                    try c.start(context: UInt64(target.index)) { slot in
                        IPCBufferAccess().setReceiveSlots(Slot(UInt32(slot)))
                        return 0
                    })
            }
            let thread = try c.start(context: UInt64(endpoint.slot.index)) { slot in
                let reply = try? Endpoint(Slot(UInt32(slot))).call(RegisterMessage(1))
                return UInt64(reply?.capabilityCount ?? 99)
            }
            try c.succeed { () throws(KernelError) in
                _ = try endpoint.receive(reply: reply, deadline: Checks.patience)
                try reply.reply(RegisterMessage(2), Attachment(endpoint.slot))
            }
            try c.equal(try c.join(thread), 0, "a capability arrived")
        }
    }
    runner.test("start.a-stopped-thread-does-not-hold-its-starter") { c throws(Failure) in
        c.takeThreads()
        let first = try c.start { $0 }
        let thread = try c.thread(of: first)
        try c.equal(try c.join(first), 0)
        try c.succeed { () throws(KernelError) in try thread.suspend() }
        for priority: UInt8 in [10, 255] {
            let again = try c.start(priority: priority, context: 4) { $0 }
            try c.equal(try c.join(again), 4)
        }
    }
    runner.test("start.a-thread-is-known-until-it-is-joined") { c throws(Failure) in
        c.takeThreads()
        let first = try c.start(context: 1) { $0 }
        _ = try c.thread(of: first)
        try c.equal(try c.join(first), 1)
        try c.refuse(.wrongState) { () throws(KernelError) in try first.thread }
        let second = try c.start(context: 2) { $0 }
        try c.refuse(.wrongState) { () throws(KernelError) in try first.thread }
        _ = try c.thread(of: second)
        try c.equal(try c.join(second), 2)
    }
    runner.test("start.a-refused-start-leaves-no-page") { c throws(Failure) in
        // The kernel refuses the handler when the stack is mapped already.
        let (handler, weak) = (try c.endpoint(), c.slot())
        try c.succeed { () throws(KernelError) in
            try CapabilityTable.own.copy(handler.slot, to: weak, rights: .read)
        }
        c.takeThreads(faultHandler: weak)
        for _ in 0..<3 {
            try c.refuse(.missingRights) { () throws(KernelError) in
                try Thread.start("x", priority: 1, stackSize: 8192) { $0 }
            }
        }
        try c.succeed { () throws(KernelError) in
            try CapabilityTable.own.delete(weak)
            try CapabilityTable.own.copy(handler.slot, to: weak)
        }
        try c.equal(try c.join(try c.start(stackSize: 8192, context: 3) { $0 }), 3)
    }
    runner.test("start.a-place-without-objects-ends-the-task") { c throws(Failure) in
        let (handler, reply) = (try c.endpoint(), try c.reply())
        c.takeThreads(faultHandler: handler.slot)
        _ = try c.start { _ in
            // The endpoint at which it waits for its next start.
            try? CapabilityTable.own.delete(Slot(2001))
            return 0
        }
        let fault = try c.succeed { () throws(KernelError) in
            try handler.receive(reply: reply, deadline: Checks.patience)
        }
        try c.kind(fault, .breakpoint)
        try c.equal(fault[Fault.syndrome] & 0xffff, UInt64(TrapCode.fatalError.rawValue))
        try c.stop(reply)
    }
    runner.test("start.a-thread-local-value-has-a-number") { c throws(Failure) in
        let (handler, reply) = (try c.endpoint(), try c.reply())
        c.takeThreads(faultHandler: handler.slot)
        for number in [8, -1] {
            let context = UInt64(bitPattern: Int64(number))
            _ = try c.start(context: context) { number in
                ThreadLocal(Int(bitPattern: UInt(number))).value
            }
            let fault = try c.succeed { () throws(KernelError) in
                try handler.receive(reply: reply, deadline: Checks.patience)
            }
            try c.kind(fault, .breakpoint)
            try c.stop(reply)
        }
    }
    runner.test("start.exit-from-depth") { c throws(Failure) in
        c.takeThreads()
        for _ in 0..<3 {
            let thread = try c.start(context: 40) { descend($0) }
            try c.equal(try c.join(thread), 41)
        }
    }
    runner.test("start.by-several-threads-at-once") { c throws(Failure) in
        c.takeThreads()
        clearNotes()
        let count = Int(cores)
        // Each starts and joins threads of its own, here and on the next core; some find no place.
        for number in 0..<8 {
            unsafe threads[number] = try c.start(
                priority: UInt8(30 + number % 3), core: number % count,
                context: UInt64(number) << 8 | UInt64(count)
            ) { context in
                let (number, count) = (context >> 8, context & 0xff)
                var sum: UInt64 = 0
                for round: UInt64 in 0..<100 {
                    let core = Int((number + round) % count)
                    do throws(KernelError) {
                        let child = try Thread.start(
                            "child", priority: UInt8(20 + round % 20), core: core, context: round
                        ) { value in
                            yield()
                            return 2 * value
                        }
                        sum += try child.join()
                    } catch {
                        if error != .exhausted { return ~UInt64(error.rawValue) }
                        sum += 2 * round
                    }
                }
                return sum
            }
        }
        for number in 0..<8 { try c.equal(try c.join(number: number), 9900) }
    }
    joinTests(&runner)
    threadFaultTests(&runner)
    taskLockTests(&runner)
}

@inline(never) private func descend(_ depth: UInt64) -> UInt64 {
    if depth == 0 { Thread.exit(41) }
    return descend(depth - 1) + 1
}

private func joinTests(_ runner: inout Runner) {
    runner.test("join.inherits") { c throws(Failure) in
        c.takeThreads()
        clearNotes()
        // It is less urgent than one that never waits, and more urgent while it is joined.
        _ = try c.spawn(priority: 50, { _ in while true { addNote(1) } })
        let thread = try c.start(priority: 10) { _ in
            UInt64((try? Thread.current.information())?.effective ?? 0)
        }
        try c.equal(try c.join(thread), 254)
    }
    runner.test("join.deadline") { c throws(Failure) in
        c.takeThreads()
        clearNotes()
        let thread = try c.start(priority: 10) { _ in
            while note(0) == 0 { yield() }
            return note(0)
        }
        for milliseconds: UInt64 in [0, 1, 2] {
            try c.refuse(.timedOut) { () throws(KernelError) in
                try thread.join(deadline: .after(milliseconds: milliseconds))
            }
        }
        let state = try c.information(try c.thread(of: thread))
        try c.equal(UInt64(state.effective), 10, "no longer lifted")
        setNote(0, 6)
        try c.equal(try c.join(thread), 6)
    }
    runner.test("join.deadline-at-the-end", clock: .instructions) { c throws(Failure) in
        c.takeThreads()
        // The deadline passes at each instant of the thread's end.
        for ticks: UInt64 in 0..<200 {
            clearNotes()
            let thread = try c.start(priority: 10, context: ticks) { $0 }
            var result = try? thread.join(deadline: .now + Duration(ticks: ticks))
            if result == nil { result = try c.join(thread) } else { addNote(0) }
            try c.equal(result ?? ~0, ticks)
        }
    }
    runner.test("join.one-that-has-ended") { c throws(Failure) in
        c.takeThreads()
        let thread = try c.start(priority: 255, context: 8) { $0 }
        try c.equal(try c.join(thread), 8)
        let other = try c.start(priority: 10, context: 9) { $0 }
        try c.settle()
        try c.equal(try c.join(other), 9)
    }
    runner.test("join.itself-and-one-another") { c throws(Failure) in
        c.takeThreads()
        unsafe other = nil
        let itself = try c.start(priority: 10, joinOther)
        unsafe other = itself
        try c.equal(
            try c.join(itself), UInt64(KernelError.wrongState.rawValue), "is joined already")
        // The second waits for the first, which then waits for the second.
        clearNotes()
        let first = try c.start(priority: 10) { argument in
            while note(0) == 0 { yield() }
            return joinOther(argument)
        }
        unsafe other = first
        let second = try c.start(priority: 20, joinOther)
        let waiting = try c.thread(of: second)
        try c.pause(until: { (try? waiting.information())?.state == .calling })
        unsafe other = second
        setNote(0, 1)
        try c.settle()
        try c.equal(try c.join(second), UInt64(KernelError.deadlock.rawValue))
    }
}

private func threadFaultTests(_ runner: inout Runner) {
    runner.test("start.a-fault-is-told") { c throws(Failure) in
        let (handler, reply) = (try c.endpoint(), try c.reply())
        c.takeThreads(faultHandler: handler.slot)
        let thread = try c.start(priority: 100) { _ in peek(8) }
        let fault = try c.succeed { () throws(KernelError) in
            try handler.receive(reply: reply, deadline: Checks.patience)
        }
        try c.kind(fault, .pageRead)
        try c.equal(fault[Fault.address], 8)
        // It waits for its handler's answer, so its handler cannot wait for it.
        try c.refuse(.deadlock) { () throws(KernelError) in try thread.join() }
        try c.stop(reply)
        try c.refuse(.timedOut) { () throws(KernelError) in
            try thread.join(deadline: .after(milliseconds: 1))
        }
    }
    runner.test("start.a-stack-that-is-too-small") { c throws(Failure) in
        let (handler, reply) = (try c.endpoint(), try c.reply())
        c.takeThreads(faultHandler: handler.slot)
        // The place above is in use, and stays as it is.
        let neighbour = try c.start(priority: 10, stackSize: 8192) { _ in
            var words = InlineArray<300, UInt64>(repeating: 4)
            while note(0) == 0 { yield() }
            words[1] += note(0)
            return words[1] + words[299]
        }
        clearNotes()
        for size in [4096, 8192, Thread.maximumStack] {
            _ = try c.start(stackSize: size, context: 1) { endlessly($0) }
            let fault = try c.succeed { () throws(KernelError) in
                try handler.receive(reply: reply, deadline: Checks.patience)
            }
            try c.stop(reply)
            try c.kind(fault, .pageWrite)
            // It is in the page below the stack, which ends below the IPC buffer of its place.
            let end = (fault[Fault.address] / Thread.stride + 1) * Thread.stride - 4096
            let start = end - UInt64(size)
            try c.expect(
                fault[Fault.address] < start && fault[Fault.address] >= start - 4096,
                "not in the page below the stack", fault[Fault.address])
        }
        setNote(0, 1)
        try c.equal(try c.join(neighbour), 9)
    }
}

@inline(never) private func endlessly(_ depth: UInt64) -> UInt64 {
    var words = InlineArray<32, UInt64>(repeating: depth)
    if depth == .max { return 0 }
    words[Int(depth % 32)] = endlessly(depth + 1)
    return words[Int(depth % 31)] + words[3]
}
