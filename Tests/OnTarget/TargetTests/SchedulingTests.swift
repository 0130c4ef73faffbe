// Scheduling: who runs, in which order, and when another takes over.

import KernelABI
import UserRuntime

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
        try c.pause(milliseconds: 5, until: { note(1) > 0 })
        try c.equal(note(0), 0, "the lower one ran")
    }
    runner.test("schedule.fifo-does-not-share") { c throws(Failure) in
        clearNotes()
        for index in 0..<2 {
            _ = try c.spawn(
                priority: 20, { index in while true { addNote(Int(index)) } }, UInt64(index))
        }
        try c.pause(milliseconds: 5, until: { note(0) > 0 })
        try c.equal(note(1), 0, "FIFO threads shared the processor")
    }
    runner.test("schedule.round-robin-shares") { c throws(Failure) in
        clearNotes()
        for index in 0..<3 {
            let thread = try c.thread(
                priority: 20, { index in while true { addNote(Int(index)) } }, UInt64(index))
            try c.succeed { () throws(KernelError) in
                try thread.setSlice(.milliseconds(1))
                try thread.resume()
            }
        }
        try c.pause(milliseconds: 12, until: { note(0) > 0 && note(1) > 0 && note(2) > 0 })
    }
    runner.test("schedule.timer-preempts-a-loop") { c throws(Failure) in
        clearNotes()
        _ = try c.spawn(priority: 20, { _ in while true { addNote(0) } })
        try c.pause(milliseconds: 3, until: { note(0) > 0 })
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
    runner.test("schedule.timers-of-others-take-no-time", clock: .instructions) {
        c throws(Failure) in
        let urgent = try c.thread(priority: 100, { _ in while true { addNote(0) } })
        let alone = try c.rounds(of: urgent)
        try c.expect(alone > 1000, "rounds", alone)
        // 16 at the shortest period take most of the processor's time, 64 are more than it can
        // serve: their own trouble.
        for count in stride(from: 16 as UInt64, through: 64, by: 48) {
            try c.arm(timers: count)
            let disturbed = try c.rounds(of: urgent)
            try c.expect(disturbed + alone / 100 >= alone, "the urgent thread lost time", disturbed)
            try c.equal((try? doorRelease.poll()) ?? 0, 1, "the timers signal")
        }
    }
}

extension Checks {
    /// Let a thread of priority 20 arm timers at the shortest period, from slot 1000 on, which
    /// signal `doorRelease`; it ends.
    fileprivate mutating func arm(timers: UInt64) throws(Failure) {
        clearNotes()
        let (memory, bell) = (memory, try notification())
        setNote(22, UInt64(bell.slot.index))
        for index in 0..<UInt32(timers) {
            let timer = Timer(Slot(1000 + index))
            try? CapabilityTable.own.delete(timer.slot)
            try succeed { () throws(KernelError) in
                try memory.retype(.timer, index: timer.slot)
                try timer.bind(bell, bits: 1)
            }
        }
        _ = try spawn(
            priority: 20,
            { timers in
                let period = Duration.nanoseconds(1_000_000_000 / Limits.expiriesPerSecond)
                let start = Instant.after(milliseconds: 1)
                for index in 0..<UInt32(timers)
                where (try? Timer(Slot(1000 + index)).arm(start, period: period)) != nil {
                    addNote(1)
                }
                endThread()
            }, timers)
        try pause(until: { note(1) == timers })
    }
    /// How often the thread counts in a window of time.
    fileprivate func rounds(of thread: Thread) throws(Failure) -> UInt64 {
        setNote(0, 0)
        try succeed { () throws(KernelError) in try thread.resume() }
        try pause(milliseconds: 4)
        try succeed { () throws(KernelError) in try thread.suspend() }
        return note(0)
    }
}
