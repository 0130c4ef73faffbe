// What a thread sees that joins a started one: inheritance, deadlines, and deadlocks.

import KernelABI
import UserRuntime

/// The thread that a body joins.
nonisolated(unsafe) private var other: StartedThread?

/// Joins `other`; the error as a result.
private let joinOther: @convention(c) (UInt64) -> UInt64 = { _ in
    guard let other = unsafe other else { return 99 }
    do throws(KernelError) { return try other.join() } catch { return UInt64(error.rawValue) }
}

func joinTests(_ runner: inout Runner) {
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
