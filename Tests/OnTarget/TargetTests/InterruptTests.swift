// Interrupts: delivery, shared lines, drivers that die, with a timer of the board as the source.

import KernelABI
import UserRuntime

extension Checks {
    /// The alarm's line with two bindings, the second one's memory from `memory`, when both were
    /// told of an interrupt that neither has acknowledged; the device is quiet again.
    mutating func sharedAlarm(
        memory: Untyped, line: UInt = #line
    ) throws(Failure) -> (Interrupt, Interrupt, Notification) {
        let notification = try notification(line: line)
        let (first, second) = (Interrupt(slot()), Interrupt(slot()))
        let (control, own) = (InterruptControl(RootSlot.interruptControl), self.memory)
        let alarm = try alarm(line: line)
        try alarm.map(&self, line: line)
        try succeed(line: line) { () throws(KernelError) in
            try control.create(line: alarm.line, .level, from: own, index: first.slot)
            try control.create(line: alarm.line, .level, from: memory, index: second.slot)
            try first.bind(notification, bits: 1)
            try second.bind(notification, bits: 2)
        }
        alarm.ring()
        var bits: UInt64 = 0
        while bits != 3 {
            bits |= try succeed(line: line) { () throws(KernelError) in
                try notification.wait(deadline: Checks.patience)
            }
        }
        alarm.quiet()
        return (first, second, notification)
    }
}

func interruptTests(_ runner: inout Runner) {
    let control = InterruptControl(RootSlot.interruptControl)
    runner.test("interrupt.delivery-and-acknowledge") { c throws(Failure) in
        let memory = c.memory
        let notification = try c.notification()
        let interrupt = Interrupt(c.slot())
        let alarm = try c.alarm()
        try alarm.map(&c)
        try c.succeed { () throws(KernelError) in
            try control.create(line: alarm.line, .level, from: memory, index: interrupt.slot)
            try interrupt.bind(notification, bits: 2)
        }
        for _ in 0..<2 {
            alarm.ring()
            let bits = try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: Checks.patience)
            }
            try c.equal(bits, 2)
            try c.refuse(.wouldBlock) { () throws(KernelError) in try notification.poll() }
            alarm.quiet()
            try c.succeed { () throws(KernelError) in try interrupt.acknowledge() }
        }
        let information = try c.succeed { () throws(KernelError) in try interrupt.information() }
        try c.equal(information.count, 2)
        try c.equal(UInt64(information.line), UInt64(alarm.line))
    }
    runner.test("interrupt.shared-line") { c throws(Failure) in
        let (first, second, _) = try c.sharedAlarm(memory: c.memory)
        try c.succeed { () throws(KernelError) in try first.acknowledge() }
        try c.expect(
            try c.succeed { () throws(KernelError) in try second.information() }.isOutstanding,
            "second is open")
        try c.succeed { () throws(KernelError) in try second.acknowledge() }
    }
    runner.test("interrupt.dead-driver-frees-the-line") { c throws(Failure) in
        let arena = Untyped(try c.make(.untyped, sizeBits: 14))
        let (survivor, _, notification) = try c.sharedAlarm(memory: arena)
        let alarm = try c.alarm()
        try c.succeed { () throws(KernelError) in
            try survivor.acknowledge()
            try arena.reclaim()
        }
        alarm.ring()
        let again = try c.succeed { () throws(KernelError) in
            try notification.wait(deadline: Checks.patience)
        }
        try c.equal(again, 1)
        alarm.quiet()
    }
    runner.test("interrupt.line-without-driver-stays-quiet") { c throws(Failure) in
        let alarm = try c.alarm()
        try alarm.map(&c)
        let arena = Untyped(try c.make(.untyped, sizeBits: 14))
        let notification = try c.notification()
        let memory = c.memory
        let interrupt = Interrupt(c.slot())
        // Its driver dies before it has acknowledged, and the device goes on signalling.
        try c.succeed { () throws(KernelError) in
            try control.create(line: alarm.line, .level, from: arena, index: interrupt.slot)
            try interrupt.bind(notification, bits: 1)
        }
        alarm.ring()
        try c.equal(
            try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: Checks.patience)
            }, 1)
        try c.succeed { () throws(KernelError) in try arena.reclaim() }
        try c.refuse(.timedOut) { () throws(KernelError) in
            try notification.wait(deadline: .after(milliseconds: 5))
        }
        // The next driver finds the interrupt pending.
        try c.succeed { () throws(KernelError) in
            try control.create(line: alarm.line, .level, from: memory, index: interrupt.slot)
            try interrupt.bind(notification, bits: 2)
        }
        try c.equal(
            try c.succeed { () throws(KernelError) in
                try notification.wait(deadline: Checks.patience)
            }, 2)
        alarm.quiet()
        try c.succeed { () throws(KernelError) in try interrupt.acknowledge() }
    }
    runner.test("interrupt.errors") { c throws(Failure) in
        let memory = c.memory
        let alarm = try c.alarm()
        let notification = try c.notification()
        let slot = c.slot()
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try control.create(line: 5000, .level, from: memory, index: slot)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try control.create(line: alarm.kernelsLine, .level, from: memory, index: slot)
        }
        try c.succeed { () throws(KernelError) in
            try control.create(line: alarm.line, .level, from: memory, index: slot)
        }
        try c.refuse(.wrongState) { () throws(KernelError) in try Interrupt(slot).acknowledge() }
        try c.refuse(.slotOccupied) { () throws(KernelError) in
            try control.create(line: alarm.line, .level, from: memory, index: slot)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try InterruptControl(notification.slot).create(
                line: alarm.line, .level, from: memory, index: Slot(1000))
        }
        let edge = c.slot()
        try c.succeed { () throws(KernelError) in
            try Interrupt(slot).bind(notification, bits: 1)
            try control.create(line: alarm.line, .edge, from: memory, index: edge)
        }
        try c.refuse(.wrongState) { () throws(KernelError) in
            try Interrupt(edge).bind(notification, bits: 1)
        }
    }
    runner.test("interrupt.too-many-share") { c throws(Failure) in
        let memory = c.memory
        let alarm = try c.alarm()
        let notification = try c.notification()
        for index in 0..<9 {
            try c.succeed { () throws(KernelError) in
                try control.create(
                    line: alarm.line, .level, from: memory, index: Slot(1000 + UInt32(index)))
            }
        }
        for index in 0..<8 {
            try c.succeed { () throws(KernelError) in
                try Interrupt(Slot(1000 + UInt32(index))).bind(notification, bits: 1)
            }
        }
        try c.refuse(.exhausted) { () throws(KernelError) in
            try Interrupt(Slot(1008)).bind(notification, bits: 1)
        }
    }
}
