// Notifications, timers and interrupts.

import KernelABI
import UserRuntime

func notificationTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("notification.signal-then-poll") { c throws(Failure) in
        let notification = try c.notification()
        try c.succeed { () throws(KernelError) in
            try notification.signal(1)
            try notification.signal(4)
        }
        try c.equal(try c.succeed { () throws(KernelError) in try notification.poll() }, 5)
        try c.refuse(.wouldBlock) { () throws(KernelError) in try notification.poll() }
    }
    runner.test("notification.badge") { c throws(Failure) in
        let notification = try c.notification()
        let badged = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.mint(notification.slot, to: badged, badge: 0x100)
            try Notification(badged).signal(1)
        }
        try c.equal(try c.succeed { () throws(KernelError) in try notification.poll() }, 0x100)
    }
    runner.test("notification.wait-wakes") { c throws(Failure) in
        clearNotes()
        let notification = try c.notification()
        _ = try c.spawn(
            priority: 255,
            { slot in
                if let bits = try? Notification(Slot(UInt32(slot))).wait() { setNote(0, bits) }
                endThread()
            }, UInt64(notification.slot.index))
        try c.equal(note(0), 0)
        try c.succeed { () throws(KernelError) in try notification.signal(6) }
        try c.equal(note(0), 6)
        try c.refuse(.wouldBlock) { () throws(KernelError) in try notification.poll() }
    }
    runner.test("notification.waiters-by-priority") { c throws(Failure) in
        clearNotes()
        let notification = try c.notification()
        setNote(20, UInt64(notification.slot.index))
        let priorities: InlineArray<3, UInt8> = [20, 60, 40]
        for index in priorities.indices {
            _ = try c.spawn(
                priority: priorities[index],
                { value in
                    _ = try? Notification(Slot(UInt32(note(20)))).wait()
                    setNote(1, note(1) << 8 | value)
                    endThread()
                }, UInt64(priorities[index]))
        }
        try c.pause()
        for _ in 0..<3 {
            try c.succeed { () throws(KernelError) in try notification.signal(1) }
            try c.pause()
        }
        try c.equal(note(1), 60 << 16 | 40 << 8 | 20)
    }
    runner.test("notification.timed-out") { c throws(Failure) in
        let notification = try c.notification()
        let deadline = Instant.after(milliseconds: 2)
        try c.refuse(.timedOut) { () throws(KernelError) in try notification.wait(deadline: deadline) }
        try c.expect(Instant.now >= deadline, "early")
        try c.refuse(.timedOut) { () throws(KernelError) in try notification.wait(deadline: .immediately) }
    }
    runner.test("notification.rights") { c throws(Failure) in
        let notification = try c.notification()
        let waitOnly = c.slot()
        let signalOnly = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.copy(notification.slot, to: waitOnly, rights: .read)
            try own.copy(notification.slot, to: signalOnly, rights: .write)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in try Notification(waitOnly).signal(1) }
        try c.refuse(.missingRights) { () throws(KernelError) in try Notification(signalOnly).poll() }
        try c.refuse(.missingRights) { () throws(KernelError) in try Notification(signalOnly).wait() }
    }
    runner.test("notification.bind-twice") { c throws(Failure) in
        let notification = try c.notification()
        let other = try c.thread(priority: 1, { _ in endThread() })
        try c.succeed { () throws(KernelError) in try other.bindNotification(notification) }
        try c.refuse(.wrongState) { () throws(KernelError) in try Thread(RootSlot.thread).bindNotification(notification)
        }
        try c.succeed { () throws(KernelError) in
            try other.bindNotification(nil)
            try Thread(RootSlot.thread).bindNotification(notification)
        }
    }
    runner.test("notification.destroyed-while-waiting") { c throws(Failure) in
        clearNotes()
        let arena = Untyped(try c.make(.untyped, sizeBits: 14))
        try c.succeed { () throws(KernelError) in try arena.retype(.notification, index: Slot(1000)) }
        _ = try c.spawn(
            priority: 255,
            { _ in
                do throws(KernelError) { _ = try Notification(Slot(1000)).wait() } catch {
                    setNote(0, UInt64(error.rawValue))
                }
                endThread()
            })
        try c.succeed { () throws(KernelError) in try arena.reclaim() }
        try c.equal(note(0), UInt64(KernelError.invalidCapability.rawValue))
    }
}

func timerTests(_ runner: inout Runner) {
    runner.test("timer.once") { c throws(Failure) in
        let notification = try c.notification()
        let timer = Timer(try c.make(.timer))
        let deadline = Instant.after(milliseconds: 1)
        try c.succeed { () throws(KernelError) in
            try timer.bind(notification, bits: 8)
            try timer.arm(deadline)
        }
        try c.equal(
            try c.succeed { () throws(KernelError) in try notification.wait(deadline: .after(milliseconds: 100)) }, 8)
        try c.expect(Instant.now >= deadline, "early")
        try c.refuse(.timedOut) { () throws(KernelError) in try notification.wait(deadline: .after(milliseconds: 3)) }
    }
    runner.test("timer.periodic") { c throws(Failure) in
        let notification = try c.notification()
        let timer = Timer(try c.make(.timer))
        let start = Instant.now
        try c.succeed { () throws(KernelError) in
            try timer.bind(notification, bits: 1)
            try timer.arm(.after(milliseconds: 1), period: .milliseconds(1))
        }
        for _ in 0..<5 {
            _ = try c.succeed { () throws(KernelError) in try notification.wait(deadline: .after(milliseconds: 100)) }
        }
        try c.expect(Instant.now >= start + .milliseconds(5), "five periods took less than five milliseconds")
        try c.succeed { () throws(KernelError) in try timer.cancel() }
        _ = try? notification.poll()
        try c.refuse(.timedOut) { () throws(KernelError) in try notification.wait(deadline: .after(milliseconds: 5)) }
    }
    runner.test("timer.cancel") { c throws(Failure) in
        let notification = try c.notification()
        let timer = Timer(try c.make(.timer))
        try c.succeed { () throws(KernelError) in
            try timer.bind(notification, bits: 1)
            try timer.arm(.after(milliseconds: 1))
            try timer.cancel()
            try timer.cancel()
        }
        try c.refuse(.timedOut) { () throws(KernelError) in try notification.wait(deadline: .after(milliseconds: 3)) }
    }
    runner.test("timer.past-deadline-is-due") { c throws(Failure) in
        let notification = try c.notification()
        let timer = Timer(try c.make(.timer))
        try c.succeed { () throws(KernelError) in
            try timer.bind(notification, bits: 1)
            try timer.arm(Instant(ticks: 1))
        }
        try c.equal(
            try c.succeed { () throws(KernelError) in try notification.wait(deadline: .after(milliseconds: 50)) }, 1)
    }
    runner.test("timer.many-in-order") { c throws(Failure) in
        let notification = try c.notification()
        let memory = c.memory
        try c.succeed { () throws(KernelError) in try memory.retype(.timer, count: 20, index: Slot(1000)) }
        let start = Instant.now
        for index in 0..<20 {
            // Armed in an order that is not the order of time.
            let number = index * 7 % 20
            try c.succeed { () throws(KernelError) in
                let timer = Timer(Slot(1000 + UInt32(number)))
                try timer.bind(notification, bits: 1 << UInt64(number))
                try timer.arm(start + .milliseconds(UInt64(number) + 2))
            }
        }
        var seen: UInt64 = 0
        while seen != (1 << 20) - 1 {
            let bits = try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: .after(milliseconds: 100))
            }
            try c.expect(bits > seen, "out of order", bits)
            seen |= bits
        }
    }
    runner.test("timer.errors") { c throws(Failure) in
        let timer = Timer(try c.make(.timer))
        let notification = try c.notification()
        try c.refuse(.wrongState) { () throws(KernelError) in try timer.arm(.after(milliseconds: 1)) }
        try c.succeed { () throws(KernelError) in try timer.bind(notification, bits: 1) }
        try c.refuse(.invalidArgument) { () throws(KernelError) in try timer.arm(.never) }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try timer.arm(.now, period: Duration(ticks: 1 << 62))
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in try Timer(notification.slot).arm(.now) }
        try c.refuse(.wrongKind) { () throws(KernelError) in try timer.bind(Notification(timer.slot), bits: 1) }
    }
}

/// The PL031's registers: mapped at 0xa010_0000 when `mapClock` was called.
private func clockRegister(_ offset: Int) -> UnsafeMutablePointer<UInt32> {
    unsafe UnsafeMutablePointer(bitPattern: UInt(0xa010_0000 + offset)).unsafelyUnwrapped
}

extension Checks {
    /// Map the real-time clock's registers.
    mutating func mapClock(line: UInt = #line) throws(Failure) {
        guard let region = deviceRegion() else { throw Failure(line: line, text: "no clock", value: 0) }
        let frame = slot()
        let memory = memory
        let information = try succeed(line: line) { () throws(KernelError) in try region.information() }
        try succeed(line: line) { () throws(KernelError) in
            try region.retype(
                .frame, sizeBits: 12, index: frame, descriptors: memory.slot,
                offset: 0x0901_0000 - information.physicalBase)
        }
        try mapFrame(frame, at: 0xa010_0000, .read | .write, line: line)
    }
    /// Have the clock signal now: its match register is set to what it shows.
    func ringClock() {
        unsafe clockRegister(0x10).pointee = 1  // interrupt mask: on
        unsafe clockRegister(0x04).pointee = unsafe clockRegister(0x00).pointee
    }
    /// Raise the clock's interrupt within a second of counting, then quiet it.
    func quietClock() {
        unsafe clockRegister(0x10).pointee = 0
        unsafe clockRegister(0x1c).pointee = 1
    }
}

func interruptTests(_ runner: inout Runner) {
    let control = InterruptControl(RootSlot.interruptControl)
    let clockLine = 34
    runner.test("interrupt.delivery-and-acknowledge") { c throws(Failure) in
        let memory = c.memory
        let notification = try c.notification()
        let interrupt = Interrupt(c.slot())
        try c.mapClock()
        try c.succeed { () throws(KernelError) in
            try control.create(line: clockLine, .level, from: memory, index: interrupt.slot)
            try interrupt.bind(notification, bits: 2)
        }
        for _ in 0..<2 {
            c.ringClock()
            let bits = try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: .after(milliseconds: 3000))
            }
            try c.equal(bits, 2)
            try c.refuse(.wouldBlock) { () throws(KernelError) in try notification.poll() }
            c.quietClock()
            try c.succeed { () throws(KernelError) in try interrupt.acknowledge() }
        }
        let information = try c.succeed { () throws(KernelError) in try interrupt.information() }
        try c.equal(information.count, 2)
        try c.equal(UInt64(information.line), 34)
    }
    runner.test("interrupt.shared-line") { c throws(Failure) in
        let memory = c.memory
        let notification = try c.notification()
        let first = Interrupt(c.slot())
        let second = Interrupt(c.slot())
        try c.mapClock()
        try c.succeed { () throws(KernelError) in
            try control.create(line: clockLine, .level, from: memory, index: first.slot)
            try control.create(line: clockLine, .level, from: memory, index: second.slot)
            try first.bind(notification, bits: 1)
            try second.bind(notification, bits: 2)
        }
        c.ringClock()
        var bits: UInt64 = 0
        while bits != 3 {
            bits |= try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: .after(milliseconds: 3000))
            }
        }
        c.quietClock()
        try c.succeed { () throws(KernelError) in try first.acknowledge() }
        try c.expect(
            try c.succeed { () throws(KernelError) in try second.information() }.isOutstanding, "second is open")
        try c.succeed { () throws(KernelError) in try second.acknowledge() }
    }
    runner.test("interrupt.dead-driver-frees-the-line") { c throws(Failure) in
        let notification = try c.notification()
        let arena = Untyped(try c.make(.untyped, sizeBits: 14))
        let memory = c.memory
        let survivor = Interrupt(c.slot())
        let victim = Interrupt(c.slot())
        try c.mapClock()
        try c.succeed { () throws(KernelError) in
            try control.create(line: clockLine, .level, from: memory, index: survivor.slot)
            try control.create(line: clockLine, .level, from: arena, index: victim.slot)
            try survivor.bind(notification, bits: 1)
            try victim.bind(notification, bits: 2)
        }
        c.ringClock()
        var bits: UInt64 = 0
        while bits != 3 {
            bits |= try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: .after(milliseconds: 3000))
            }
        }
        c.quietClock()
        try c.succeed { () throws(KernelError) in
            try survivor.acknowledge()
            try arena.reclaim()
        }
        c.ringClock()
        let again = try c.succeed { () throws(KernelError) in
            try notification.wait(deadline: .after(milliseconds: 3000))
        }
        try c.equal(again, 1)
        c.quietClock()
    }
    runner.test("interrupt.errors") { c throws(Failure) in
        let memory = c.memory
        let notification = try c.notification()
        let slot = c.slot()
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try control.create(line: 5000, .level, from: memory, index: slot)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try control.create(line: 27, .level, from: memory, index: slot)
        }
        try c.succeed { () throws(KernelError) in try control.create(line: clockLine, .level, from: memory, index: slot)
        }
        try c.refuse(.wrongState) { () throws(KernelError) in try Interrupt(slot).acknowledge() }
        try c.refuse(.slotOccupied) { () throws(KernelError) in
            try control.create(line: clockLine, .level, from: memory, index: slot)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try InterruptControl(notification.slot).create(line: clockLine, .level, from: memory, index: Slot(1000))
        }
        let edge = c.slot()
        try c.succeed { () throws(KernelError) in
            try Interrupt(slot).bind(notification, bits: 1)
            try control.create(line: clockLine, .edge, from: memory, index: edge)
        }
        try c.refuse(.wrongState) { () throws(KernelError) in try Interrupt(edge).bind(notification, bits: 1) }
    }
    runner.test("interrupt.too-many-share") { c throws(Failure) in
        let memory = c.memory
        let notification = try c.notification()
        for index in 0..<9 {
            try c.succeed { () throws(KernelError) in
                try control.create(line: clockLine, .level, from: memory, index: Slot(1000 + UInt32(index)))
            }
        }
        for index in 0..<8 {
            try c.succeed { () throws(KernelError) in
                try Interrupt(Slot(1000 + UInt32(index))).bind(notification, bits: 1)
            }
        }
        try c.refuse(.exhausted) { () throws(KernelError) in try Interrupt(Slot(1008)).bind(notification, bits: 1) }
    }
}
