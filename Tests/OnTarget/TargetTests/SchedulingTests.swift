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
    runner.test("schedule.timers-of-others-take-no-time") { c throws(Failure) in
        // 64 timers at the shortest period would be more than the processor can serve: they are the armer's own trouble.
        let (urgent, armer) = try c.saturate()
        let alone = try c.rounds(of: urgent)
        try c.succeed { () throws(KernelError) in try armer.resume() }
        try c.pause()
        try c.equal(note(1), 64, "timers that were armed")
        let disturbed = try c.rounds(of: urgent)
        try c.expect(alone > 1000 && disturbed + alone / 100 >= alone, "the urgent thread lost time", disturbed)
        try c.expect((try? doorRelease.poll()) == 1, "the timers signal")
    }
}

extension Checks {
    /// Two stopped threads: one of priority 100 that counts in note 0, and one of priority 20 that arms 64 timers, from slot 1000
    /// on, at the shortest period, and counts them in note 1.
    fileprivate mutating func saturate() throws(Failure) -> (urgent: Thread, armer: Thread) {
        clearNotes()
        let (memory, bell) = (memory, try notification())
        setNote(22, UInt64(bell.slot.index))
        try succeed { () throws(KernelError) in
            try memory.retype(.timer, count: 64, index: Slot(1000))
            for index in 0..<64 { try Timer(Slot(1000 + UInt32(index))).bind(bell, bits: 1) }
        }
        let urgent = try thread(priority: 100, { _ in while true { addNote(0) } })
        let armer = try thread(
            priority: 20,
            { _ in
                let period = Duration.nanoseconds(1_000_000_000 / Limits.expiriesPerSecond)
                let start = Instant.after(milliseconds: 1)
                for index in 0..<64 where (try? Timer(Slot(1000 + UInt32(index))).arm(start, period: period)) != nil {
                    addNote(1)
                }
                endThread()
            })
        return (urgent, armer)
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
