// Budgets: a thread gets no more than its time, and others get the rest.

import KernelABI
import UserRuntime

func budgetTests(_ runner: inout Runner) {
    runner.test("budget.shares-the-processor", clock: .instructions) { c throws(Failure) in
        clearNotes()
        let budget = try c.budget(.milliseconds(1), .milliseconds(5))
        let limited = try c.thread(priority: 20, { _ in while true { addNote(0) } })
        let start = Instant.now.ticks
        try c.succeed { () throws(KernelError) in
            try limited.bindBudget(budget)
            try limited.resume()
        }
        _ = try c.spawn(priority: 15, { _ in while true { addNote(1) } })
        try c.pause(milliseconds: 22, until: { note(0) > 0 && note(1) > 0 })
        let information = try c.succeed { () throws(KernelError) in try budget.information() }
        // What the kernel did late is a debt, and less than a tenth.
        let windows = (Instant.now.ticks - start) / Duration.milliseconds(5).ticks + 1
        try c.expect(
            information.used.ticks <= windows * Duration.milliseconds(1).ticks * 11 / 10, "used",
            information.used.ticks)
        try c.expect(information.overruns > 0, "it was never used up")
        try c.expect(note(1) > note(0), "the other ran less", note(1))
    }
    runner.test("budget.a-client-pays-for-its-server") { c throws(Failure) in
        clearNotes()
        let budget = try c.budget(.milliseconds(1), .milliseconds(500))
        let (endpoint, _) = try c.door()
        let server = try c.spawn(
            priority: 10,
            { _ in
                _ = try? doorEndpoint.receive(reply: doorReply)
                while true { addNote(0) }
            })
        try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
        let client = try c.thread(
            priority: 20,
            { _ in
                _ = try? doorEndpoint.call(RegisterMessage(length: 1))
                endThread()
            })
        try c.succeed { () throws(KernelError) in
            try client.bindBudget(budget)
            try client.resume()
        }
        _ = try c.spawn(priority: 15, { _ in while true { addNote(1) } })
        try c.pause(milliseconds: 5, until: { note(0) > 0 && note(1) > 0 })
        // On a busy host a look may come when there is time again.
        var effective: UInt8 = 0
        for _ in 0..<50 where effective != 10 {
            effective = try c.information(server).effective
            try c.pause(milliseconds: 1)
        }
        try c.equal(UInt64(effective), 10)
    }
    runner.test("budget.overrun-signals") { c throws(Failure) in
        clearNotes()
        let budget = try c.budget(.milliseconds(1), .milliseconds(5))
        let bell = try c.notification()
        let limited = try c.thread(priority: 20, { _ in while true { addNote(0) } })
        let bits = try c.succeed { () throws(KernelError) in
            try budget.bindOverrun(bell, bits: 4)
            try limited.bindBudget(budget)
            try limited.resume()
            return try bell.wait(deadline: Checks.patience)
        }
        try c.equal(bits, 4)
    }
    // Calls by the fast path do not look at the clock: their server's time counts for the client.
    // A budget of all the time limits nothing, and makes the books exact.
    runner.test("budget.makes-processor-time-exact", clock: .instructions) { c throws(Failure) in
        for isExact in [false, true] {
            let (endpoint, _) = try c.door()
            let server = try c.thread(priority: 30, busyServer)
            let client = try c.thread(
                priority: 20,
                { _ in
                    for _ in 0..<10 { _ = try? doorEndpoint.call(RegisterMessage(length: 1)) }
                    setNote(0, 1)
                    endThread()
                })
            if isExact {
                let budget = try c.budget(.milliseconds(10), .milliseconds(10))
                try c.succeed { () throws(KernelError) in try server.bindBudget(budget) }
            }
            try c.succeed { () throws(KernelError) in
                try server.resume()
                try endpoint.bindServer(server)
            }
            try c.settle()
            try c.succeed { () throws(KernelError) in try client.resume() }
            try c.pause(milliseconds: 5, until: { note(0) == 1 })
            let served = try c.information(server).processorTime
            let called = try c.information(client).processorTime
            try c.expect(
                isExact == (served >= .milliseconds(1)), "the server's time", served.microseconds)
            try c.expect(
                isExact == (called < .microseconds(100)), "the client's time", called.microseconds)
        }
    }
    runner.test("budget.refusals") { c throws(Failure) in
        let budget = try c.budget(.milliseconds(1), .milliseconds(5))
        let control = SystemControl(RootSlot.systemControl)
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try control.set(
                budget, limit: .milliseconds(6), period: .milliseconds(5), background: 1)
        }
        // A thread does not get rid of its budget.
        let thread = try c.thread(
            priority: 20,
            { _ in
                do throws(KernelError) {
                    try Thread(Slot(UInt32(note(20)))).bindBudget(nil)
                    setNote(0, 0)
                } catch { setNote(0, UInt64(error.rawValue)) }
                endThread()
            })
        setNote(20, UInt64(thread.slot.index))
        try c.succeed { () throws(KernelError) in
            try thread.bindBudget(budget)
            try thread.resume()
        }
        try c.pause(until: { note(0) == UInt64(KernelError.notPermitted.rawValue) })
    }
}

/// A server that works on each request for 100 µs.
private let busyServer: @convention(c) (UInt64) -> Void = { _ in
    guard (try? doorEndpoint.receive(reply: doorReply)) != nil else { endThread() }
    while true {
        let end = Instant.after(.microseconds(100))
        while Instant.now < end {}
        let answer = RegisterMessage()
        guard (try? doorEndpoint.replyAndReceive(answer, reply: doorReply)) != nil else {
            endThread()
        }
    }
}

extension Checks {
    /// A budget with the background priority 1.
    fileprivate mutating func budget(
        _ limit: Duration, _ period: Duration
    ) throws(Failure) -> Budget {
        let budget = Budget(try make(.budget))
        try succeed { () throws(KernelError) in
            try SystemControl(RootSlot.systemControl).set(
                budget, limit: limit, period: period, background: 1)
        }
        return budget
    }
}
