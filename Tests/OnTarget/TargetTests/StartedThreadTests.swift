// Threads of a task as the runtime starts and joins them.

import CTargetTests
import KernelABI
@_spi(IPCBuffer) import UserRuntime

nonisolated(unsafe) private var threads = InlineArray<16, StartedThread?>(repeating: nil)

extension Checks {
    fileprivate func join(number: Int, line: UInt = #line) throws(Failure) -> UInt64 {
        guard let thread = unsafe threads[number] else {
            throw Failure(line: line, text: "no thread", value: UInt64(number))
        }
        return try join(thread, line: line)
    }
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
                        IPCBufferAccess().setReceiveSlot(Slot(UInt32(slot)))
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
    taskLockTests(&runner)
}

@inline(never) private func descend(_ depth: UInt64) -> UInt64 {
    if depth == 0 { Thread.exit(41) }
    return descend(depth - 1) + 1
}
