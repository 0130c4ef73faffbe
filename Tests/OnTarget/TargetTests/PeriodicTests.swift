// Periodic work: its instants, and the periods that it misses.

import CTargetTests
import KernelABI
import UserRuntime

extension Checks {
    fileprivate mutating func periods(
        every period: Duration, from start: Instant? = nil, line: UInt = #line
    ) throws(Failure) -> Periodic {
        let timer = Timer(try make(.timer, line: line))
        let notification = try notification(line: line)
        return try succeed(line: line) { () throws(KernelError) in
            try Periodic(every: period, timer: timer, notification: notification, from: start)
        }
    }
}

func periodicTests(_ runner: inout Runner) {
    runner.test("periodic.instants-do-not-drift") { c throws(Failure) in
        let start = Instant.after(milliseconds: 1)
        let period = Duration.milliseconds(1)
        var periods = try c.periods(every: period, from: start)
        var number: UInt64 = 0
        for _ in 0..<20 {
            guard let tick = periods.next() else {
                throw Failure(line: #line, text: "it ended", value: number)
            }
            // A slow machine may miss some.
            number += tick.missed
            try c.equal(tick.index, number)
            try c.equal((tick.due - start).ticks, number * period.ticks)
            try c.expect(tick.lateness < period, "late by a period", tick.lateness.ticks)
            try c.expect(Instant.now >= tick.due, "too early")
            number += 1
        }
    }
    runner.test("periodic.missed-periods-are-counted", clock: .instructions) { c throws(Failure) in
        let period = Duration.milliseconds(1)
        var periods = try c.periods(every: period)
        try c.equal(periods.next()?.missed ?? 9, 0)
        let late = Instant.now + Duration(ticks: 3 * period.ticks + period.ticks / 2)
        while Instant.now < late {}
        guard let tick = periods.next() else {
            throw Failure(line: #line, text: "it ended", value: 0)
        }
        // Two began and ended meanwhile; the third has begun.
        try c.equal(tick.missed, 2)
        try c.equal(tick.index, 3)
        try c.expect(tick.lateness.ticks >= period.ticks / 2, "not late", tick.lateness.ticks)
        // No work runs twice in a row.
        guard let following = periods.next() else {
            throw Failure(line: #line, text: "it ended", value: 0)
        }
        try c.equal(following.missed, 0)
        try c.equal(following.index, 4)
        try c.equal((following.due - tick.due).ticks, period.ticks)
    }
    runner.test("periodic.what-ends-it") { c throws(Failure) in
        let timer = Timer(try c.make(.timer))
        let notification = try c.notification()
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            _ = try Periodic(every: Duration(ticks: 0), timer: timer, notification: notification)
        }
        var periods = try c.succeed { () throws(KernelError) in
            try Periodic(every: .milliseconds(1), timer: timer, notification: notification)
        }
        try c.expect(periods.next() != nil, "it ended")
        try c.succeed { () throws(KernelError) in
            try periods.stop()
            try CapabilityTable.own.delete(notification.slot)
        }
        try c.expect(periods.next() == nil, "it goes on")
    }
}
