// Floating point: all registers, with FPCR and FPSR, follow their thread, and nobody sees those of
// another one.

import CTargetTests
import KernelABI
import UserRuntime

/// Two threads that use floating point call one another, and count in the notes 0 (rounds), 10 and
/// 11 (changed registers).
private let vectorServer: @convention(c) (UInt64) -> Void = { _ in
    let (endpoint, reply) = (doorEndpoint, doorReply)
    var message = LongMessage()
    guard (try? endpoint.receive(into: &message, reply: reply)) != nil else { endThread() }
    var value: UInt64 = 1 << 40
    while true {
        value &+= 0x101
        setFloatingPoint(value)
        guard (try? endpoint.replyAndReceive(&message, reply: reply)) != nil else { endThread() }
        addNote(10, changedFloatingPoint(value))
    }
}
private let vectorClient: @convention(c) (UInt64) -> Void = { _ in
    let endpoint = doorEndpoint
    var value: UInt64 = 1 << 50
    var message = LongMessage()
    while true {
        value &+= 0x10001
        setFloatingPoint(value)
        // In registers, and every other time with the IPC buffer.
        message.set(RegisterMessage())
        message[value & 1 == 0 ? 3 : 39] = value
        guard (try? endpoint.call(&message)) != nil else { endThread() }
        addNote(11, changedFloatingPoint(value))
        addNote(0)
    }
}
/// Woken again and again through the notification in its argument; notes 1 and 12.
private let vectorWaiter: @convention(c) (UInt64) -> Void = { slot in
    let notification = Notification(Slot(UInt32(slot)))
    var value: UInt64 = 1 << 60
    while true {
        value &+= 0x11
        setFloatingPoint(value)
        guard (try? notification.wait()) != nil else { endThread() }
        addNote(12, changedFloatingPoint(value))
        addNote(1)
    }
}
/// Spins with its registers; notes 2 and 3, 13.
private let vectorSpinner: @convention(c) (UInt64) -> Void = { number in
    let value = number << 32
    setFloatingPoint(value)
    while true {
        addNote(13, changedFloatingPoint(value))
        addNote(Int(number))
    }
}
/// Waits once through the notification in its argument; the changed registers, plus 1, go
/// to note 0.
private let vectorOnce: @convention(c) (UInt64) -> Void = { slot in
    setFloatingPoint(777)
    _ = try? Notification(Slot(UInt32(slot))).wait()
    setNote(0, changedFloatingPoint(777) + 1)
    endThread()
}

func floatingPointTests(_ runner: inout Runner) {
    runner.test("fp.calls-and-interrupts") { c throws(Failure) in
        let (endpoint, _) = try c.door()
        let timer = Timer(try c.make(.timer))
        let tick = try c.notification()
        let server = try c.spawn(priority: 30, vectorServer)
        try c.succeed { () throws(KernelError) in try endpoint.bindServer(server) }
        try c.settle()
        _ = try c.spawn(priority: 200, vectorWaiter, UInt64(tick.slot.index))
        _ = try c.spawn(priority: 30, vectorClient)
        try c.succeed { () throws(KernelError) in
            try timer.bind(tick, bits: 1)
            try timer.arm(.now, period: .microseconds(13))
        }
        try c.pause(milliseconds: 10, until: { note(0) > 100 && note(1) > 100 })
        try c.succeed { () throws(KernelError) in try timer.cancel() }
        try c.equal(note(10), 0, "the server's registers changed")
        try c.equal(note(11), 0, "the client's registers changed")
        try c.equal(note(12), 0, "the waiter's registers changed")
    }
    runner.test("fp.preserved-across-preemption") { c throws(Failure) in
        clearNotes()
        for number in 2..<4 as Range<UInt64> {
            let thread = try c.thread(priority: 20, vectorSpinner, number)
            try c.succeed { () throws(KernelError) in
                try thread.setSlice(.microseconds(200))
                try thread.resume()
            }
        }
        try c.pause(milliseconds: 10, until: { note(2) > 0 && note(3) > 0 })
        try c.equal(note(13), 0, "registers changed")
    }
    runner.test("fp.preserved-across-system-calls") { c throws(Failure) in
        let endpoint = try c.echo(priority: 255)
        setFloatingPoint(4242)
        for _ in 0..<10 { try c.exchange(endpoint, length: 4) }
        yield()
        try c.equal(changedFloatingPoint(4242), 0)
    }
    runner.test("fp.starts-clear") { c throws(Failure) in
        clearNotes()
        setFloatingPoint(~0 - 100)
        _ = try c.spawn(
            priority: 255,
            { _ in
                setNote(0, joinedFloatingPoint())
                setNote(1, 1)
                endThread()
            })
        try c.equal(note(1), 1)
        try c.equal(note(0), 0, "another thread's registers leaked")
        try c.equal(changedFloatingPoint(~0 - 100), 0)
    }
    runner.test("fp.moves-to-another-buffer") { c throws(Failure) in
        clearNotes()
        let notification = try c.notification()
        let frame = try c.make(.frame, sizeBits: 12)
        let thread = try c.spawn(priority: 255, vectorOnce, UInt64(notification.slot.index))
        try c.succeed { () throws(KernelError) in
            try thread.configure(ipcBuffer: frame)
            try notification.signal(1)
        }
        try c.equal(note(0), 1, "registers changed")
    }
    runner.test("fp.stays-with-another-buffer-of-its-own") { c throws(Failure) in
        clearNotes()
        let notification = try c.notification()
        setNote(22, UInt64(notification.slot.index))
        let thread = try c.thread(
            priority: 255,
            { frame in
                setFloatingPoint(888)
                try? Thread(Slot(UInt32(note(23)))).configure(ipcBuffer: Slot(UInt32(frame)))
                addNote(0, changedFloatingPoint(888))
                _ = try? doorRelease.wait()
                setNote(1, changedFloatingPoint(888) + 1)
                endThread()
            }, UInt64(try c.make(.frame, sizeBits: 12).index))
        setNote(23, UInt64(thread.slot.index))
        try c.succeed { () throws(KernelError) in
            try thread.resume()
            try notification.signal(1)
        }
        try c.equal(note(0), 0, "registers changed at once")
        try c.equal(note(1), 1, "registers changed later")
    }
    runner.test("fp.goes-with-its-buffer") { c throws(Failure) in
        clearNotes()
        let notification = try c.notification()
        let frame = try c.make(.frame, sizeBits: 12)
        let thread = try c.thread(priority: 255, vectorOnce, UInt64(notification.slot.index))
        try c.succeed { () throws(KernelError) in
            try thread.configure(ipcBuffer: frame)
            try thread.resume()
            try CapabilityTable.own.revoke(frame)
            try notification.signal(1)
        }
        try c.equal(
            UInt64(try c.information(thread).state.rawValue), UInt64(ThreadState.faulted.rawValue))
        try c.equal(note(0), 0)
    }
}
