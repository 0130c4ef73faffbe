// Several cores: threads that run at the same time, and what one core does to a thread of another.
// On a machine where one core runs, only the refusal is tested.

import CTargetTests
import KernelABI
import UserRuntime

func coresTests(_ runner: inout Runner) {
    let count = Int(runner.coreCount.told)
    runner.test("cores.no-such-core") { c throws(Failure) in
        let thread = try c.thread(priority: 12, { _ in endThread() })
        for number in [count, 8, 1 << 40] {
            try c.refuse(.invalidArgument) { () throws(KernelError) in
                try thread.setCore(number)
            }
        }
        try c.succeed { () throws(KernelError) in try thread.setCore(0) }
    }
    if count < 2 { return }
    runner.test("cores.a-thread-runs-beside-a-more-urgent-one") { c throws(Failure) in
        for number in 1..<count {
            clearNotes()
            _ = try c.spawn(on: number, priority: 1, { _ in while true { addNote(0) } })
            try c.meet { note(0) > 100 }
        }
    }
    runner.test("cores.information") { c throws(Failure) in
        let thread = try c.thread(priority: 12, { _ in endThread() })
        try c.succeed { () throws(KernelError) in try thread.setCore(count - 1) }
        try c.equal(UInt64(try c.information(thread).core), UInt64(count - 1))
        let main = try c.information(Thread(RootSlot.thread))
        try c.equal(UInt64(main.core), 0)
    }
    runner.test("cores.call") { c throws(Failure) in
        for number in 1..<count {
            let (endpoint, _) = try c.door()
            let server = try c.spawn(on: number, priority: 100, echoServer)
            try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
            for round in 0..<200 { try c.exchange(endpoint, length: round % 20) }
            try c.equal(note(19), 200)
        }
    }
    runner.test("cores.callers-of-every-core") { c throws(Failure) in
        let endpoint = try c.echo(priority: 150)
        for number in 1..<count {
            let caller: @convention(c) (UInt64) -> Void = { number in
                let message = RegisterMessage(length: 8)
                do throws(KernelError) {
                    while true {
                        _ = try doorEndpoint.call(message)
                        addNote(Int(number))
                    }
                } catch { setNote(10, UInt64(error.rawValue)) }
                endThread()
            }
            _ = try c.spawn(on: number, priority: UInt8(20 * number), caller, UInt64(number))
        }
        for _ in 0..<200 { try c.exchange(endpoint, length: 8) }
        try c.pause(milliseconds: 20, until: { (1..<count).allSatisfy { note($0) > 100 } })
        try c.equal(note(10), 0, "a call failed")
    }
    runner.test("cores.signal") { c throws(Failure) in
        clearNotes()
        let (there, back) = (try c.notification(), try c.notification())
        setNote(20, UInt64(there.slot.index))
        setNote(22, UInt64(back.slot.index))
        let answer: @convention(c) (UInt64) -> Void = { _ in
            while let bits = try? Notification(Slot(UInt32(note(20)))).wait() {
                try? doorRelease.signal(bits &+ 1)
            }
            endThread()
        }
        _ = try c.spawn(on: 1, priority: 30, answer)
        for bits in 1...100 as ClosedRange<UInt64> {
            try c.succeed { () throws(KernelError) in try there.signal(2 * bits) }
            let answer = try c.succeed { () throws(KernelError) in
                try back.wait(deadline: Checks.patience)
            }
            try c.equal(answer, 2 * bits + 1)
        }
    }
    runner.test("cores.a-timer-of-each-core") { c throws(Failure) in
        clearNotes()
        let tick: @convention(c) (UInt64) -> Void = { number in
            let never = Notification(Slot(UInt32(note(20))))
            while true {
                do throws(KernelError) {
                    _ = try never.wait(deadline: .after(milliseconds: 1))
                } catch {
                    if error != .timedOut { endThread() }
                    addNote(Int(number))
                }
            }
        }
        setNote(20, UInt64(try c.notification().slot.index))
        for number in 0..<count {
            _ = try c.spawn(on: number, priority: 255, tick, UInt64(number))
        }
        try c.meet { (0..<count).allSatisfy { note($0) >= 5 } }
    }
    runner.test("cores.a-running-thread-moves") { c throws(Failure) in
        clearNotes()
        let thread = try c.spawn(on: 1, priority: 30, { _ in while true { addNote(0) } })
        try c.setMain(priority: 20)
        for round in 0..<50 {
            let (number, before) = (1 + round % (count - 1), note(0))
            try c.succeed { () throws(KernelError) in try thread.setCore(number) }
            try c.equal(UInt64(try c.information(thread).core), UInt64(number))
            try c.meet { note(0) > before }
        }
    }
    runner.test("cores.the-calling-thread-moves") { c throws(Failure) in
        let main = Thread(RootSlot.thread)
        for round in 0..<50 {
            try c.succeed { () throws(KernelError) in try main.setCore(round % count) }
            try c.equal(UInt64(try c.information(main).core), UInt64(round % count))
        }
        try c.succeed { () throws(KernelError) in try main.setCore(0) }
    }
    runner.test("cores.suspend-and-resume") { c throws(Failure) in
        clearNotes()
        let thread = try c.spawn(on: 1, priority: 30, { _ in while true { addNote(0) } })
        for _ in 0..<20 {
            try c.meet { note(0) > 0 }
            try c.succeed { () throws(KernelError) in try thread.suspend() }
            let state = try c.information(thread).state
            try c.equal(UInt64(state.rawValue), UInt64(ThreadState.stopped.rawValue))
            clearNotes()
            try c.pause()
            try c.equal(note(0), 0, "it ran while suspended")
            try c.succeed { () throws(KernelError) in try thread.resume() }
        }
    }
    runner.test("cores.priorities-decide-on-each-core") { c throws(Failure) in
        clearNotes()
        let low = try c.spawn(on: 1, priority: 30, { _ in while true { addNote(0) } })
        try c.meet { note(0) > 0 }
        let high = try c.spawn(on: 1, priority: 40, { _ in while true { addNote(1) } })
        try c.meet { note(1) > 0 }
        let before = note(0)
        try c.pause()
        try c.expect(note(0) <= before + 1, "the lower one ran")
        try c.succeed { () throws(KernelError) in try low.setPriority(50, maximum: 50) }
        try c.meet { note(0) > before + 100 }
        try c.succeed { () throws(KernelError) in try high.suspend() }
    }
    runner.test("cores.a-caller-lifts-a-server-of-another-core") { c throws(Failure) in
        // The server of 10 stands behind a hog of 60 on its core, until a caller of 100 waits.
        let (endpoint, _) = try c.door()
        let server = try c.spawn(on: 1, priority: 10, echoServer)
        try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
        _ = try c.spawn(on: 1, priority: 60, { _ in while true { addNote(0) } })
        try c.meet { note(0) > 0 }
        try c.setMain(priority: 100)
        for _ in 0..<20 { try c.exchange(endpoint, length: 4) }
    }
    runner.test("cores.a-running-thread-is-destroyed") { c throws(Failure) in
        for round in 0..<20 {
            clearNotes()
            let arena = Untyped(try c.make(.untyped, sizeBits: 12))
            let thread = Thread(c.slot())
            try c.makeThread(thread, priority: 30, from: arena)
            try c.succeed { () throws(KernelError) in
                try thread.setCore(1 + round % (count - 1))
            }
            try c.restart(thread, { _ in while true { addNote(0) } }, number: 0)
            try c.meet { note(0) > 0 }
            try c.succeed { () throws(KernelError) in try arena.reclaim() }
            let after = note(0)
            try c.pause()
            try c.equal(note(0), after, "it runs on")
        }
    }
    runner.test("cores.a-fault-that-waits-for-the-lock") { c throws(Failure) in
        try c.faultBesideOthers(count)
    }
}

extension Checks {
    /// A thread of core 1 faults at one address after the other, while threads of all other cores
    /// are in the kernel without end, and wake a more urgent thread of core 1. So a fault often
    /// waits for the lock, and an interrupt goes before it. Each must be told once, in order.
    fileprivate mutating func faultBesideOthers(_ count: Int) throws(Failure) {
        let (endpoint, reply) = try door()
        setNote(22, UInt64(try notification().slot.index))
        let system = SystemControl(RootSlot.systemControl)
        let before = try succeed { () throws(KernelError) in
            try system.statistics(from: .spuriousInterrupts, ofCore: 1)
        }
        let faulting = try thread(
            priority: 30,
            { _ in
                for round in 0..<faultRounds {
                    poke(0xb000_0000 + 8 * round, round)
                    addNote(0)
                }
                endThread()
            }, fault: endpoint.slot)
        try move(faulting, to: 1)
        _ = try spawn(
            on: 1, priority: 50,
            { _ in
                while (try? doorRelease.wait()) != nil { addNote(1) }
                endThread()
            })
        for number in 0..<count where number != 1 {
            _ = try spawn(
                on: number, priority: 10,
                { _ in
                    while true {
                        // The woken thread must leave the faulting one some time.
                        for _ in 0..<16 {
                            _ = try? CapabilityTable.own.describe(doorEndpoint.slot)
                        }
                        try? doorRelease.signal(1)
                    }
                })
        }
        try succeed { () throws(KernelError) in try faulting.resume() }
        var answer: RegisterMessage?
        for round in 0..<faultRounds {
            let received = try succeed { () throws(KernelError) in
                if let answer { return try endpoint.replyAndReceive(answer, reply: reply) }
                return try endpoint.receive(reply: reply, deadline: Checks.patience)
            }
            try equal(received[Fault.kind], UInt64(FaultKind.pageWrite.rawValue), "kind")
            try equal(received[Fault.address], 0xb000_0000 + 8 * round, "address")
            answer = RegisterMessage(
                FaultReply.resumeAt.rawValue, received[Fault.programCounter] + 4)
        }
        if let answer { try succeed { () throws(KernelError) in try reply.reply(answer) } }
        try pause(until: { note(0) == faultRounds })
        try equal(note(0), faultRounds, "stores")
        try expect(note(1) > 0, "nothing went before a fault")
        let after = try succeed { () throws(KernelError) in
            try system.statistics(from: .spuriousInterrupts, ofCore: 1)
        }
        // Eight statistics; the last is `lockWaits`.
        try expect(after.w7 > before.w7, "core 1 never waited")
    }

    /// A running thread of this task on a core.
    mutating func spawn(
        on core: Int, priority: UInt8, _ entry: @convention(c) (UInt64) -> Void,
        _ argument: UInt64 = 0, line: UInt = #line
    ) throws(Failure) -> Thread {
        let thread = try thread(priority: priority, entry, argument, line: line)
        try succeed(line: line) { () throws(KernelError) in
            try thread.setCore(core)
            try thread.resume()
        }
        return thread
    }
    /// Computes until a thread of another core has made the condition true.
    func meet(line: UInt = #line, _ condition: () -> Bool) throws(Failure) {
        let end = Checks.patience
        while !condition() {
            addNote(31)  // the notes change, so that the compiler reads them in each round
            if Instant.now.ticks > end.ticks {
                throw Failure(line: line, text: "another core does not go on", value: 0)
            }
        }
    }
}

/// How often the thread faults that faults beside others.
private let faultRounds: UInt64 = 200
