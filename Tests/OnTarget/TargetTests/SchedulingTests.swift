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
}
