// Notifications and timers.

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
        try c.settle()
        for _ in 0..<3 {
            try c.succeed { () throws(KernelError) in try notification.signal(1) }
            try c.settle()
        }
        try c.equal(note(1), 60 << 16 | 40 << 8 | 20)
    }
    runner.test("notification.timed-out") { c throws(Failure) in
        let notification = try c.notification()
        let deadline = Instant.after(milliseconds: 2)
        try c.refuse(.timedOut) { () throws(KernelError) in
            try notification.wait(deadline: deadline)
        }
        try c.expect(Instant.now >= deadline, "early")
        try c.refuse(.timedOut) { () throws(KernelError) in
            try notification.wait(deadline: .immediately)
        }
    }
    runner.test("notification.rights") { c throws(Failure) in
        let notification = try c.notification()
        let waitOnly = c.slot()
        let signalOnly = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.copy(notification.slot, to: waitOnly, rights: .read)
            try own.copy(notification.slot, to: signalOnly, rights: .write)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Notification(waitOnly).signal(1)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Notification(signalOnly).poll()
        }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Notification(signalOnly).wait()
        }
    }
    runner.test("notification.bind-twice") { c throws(Failure) in
        let notification = try c.notification()
        let other = try c.thread(priority: 1, { _ in endThread() })
        try c.succeed { () throws(KernelError) in try other.bindNotification(notification) }
        try c.refuse(.wrongState) { () throws(KernelError) in
            try Thread(RootSlot.thread).bindNotification(notification)
        }
        try c.succeed { () throws(KernelError) in
            try other.bindNotification(nil)
            try Thread(RootSlot.thread).bindNotification(notification)
        }
    }
    runner.test("notification.destroyed-while-waiting") { c throws(Failure) in
        clearNotes()
        let arena = Untyped(try c.make(.untyped, sizeBits: 14))
        try c.succeed { () throws(KernelError) in
            try arena.retype(.notification, index: Slot(1000))
        }
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
            try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: Checks.patience)
            }, 8)
        try c.expect(Instant.now >= deadline, "early")
        try c.refuse(.timedOut) { () throws(KernelError) in
            try notification.wait(deadline: .after(milliseconds: 3))
        }
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
            _ = try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: Checks.patience)
            }
        }
        try c.expect(
            Instant.now >= start + .milliseconds(5), "five periods took less than five milliseconds"
        )
        try c.succeed { () throws(KernelError) in try timer.cancel() }
        _ = try? notification.poll()
        try c.refuse(.timedOut) { () throws(KernelError) in
            try notification.wait(deadline: .after(milliseconds: 5))
        }
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
        try c.refuse(.timedOut) { () throws(KernelError) in
            try notification.wait(deadline: .after(milliseconds: 3))
        }
    }
    runner.test("timer.past-deadline-is-due") { c throws(Failure) in
        let notification = try c.notification()
        let timer = Timer(try c.make(.timer))
        try c.succeed { () throws(KernelError) in
            try timer.bind(notification, bits: 1)
            try timer.arm(Instant(ticks: 1))
        }
        try c.equal(
            try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: Checks.patience)
            }, 1)
    }
    runner.test("timer.many-in-order") { c throws(Failure) in
        let notification = try c.notification()
        let memory = c.memory
        try c.succeed { () throws(KernelError) in
            try memory.retype(.timer, count: 20, index: Slot(1000))
        }
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
                try notification.wait(deadline: Checks.patience)
            }
            try c.expect(bits > seen, "out of order", bits)
            seen |= bits
        }
    }
    runner.test("timer.errors") { c throws(Failure) in
        let timer = Timer(try c.make(.timer))
        let notification = try c.notification()
        try c.refuse(.wrongState) { () throws(KernelError) in
            try timer.arm(.after(milliseconds: 1))
        }
        try c.succeed { () throws(KernelError) in try timer.bind(notification, bits: 1) }
        try c.refuse(.invalidArgument) { () throws(KernelError) in try timer.arm(.never) }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try timer.arm(.now, period: Duration(ticks: 1 << 62))
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Timer(notification.slot).arm(.now)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try timer.bind(Notification(timer.slot), bits: 1)
        }
    }
}
