// Interrupts: delivery, shared lines, drivers that die, with the real-time clock's line as the source.

import KernelABI
import UserRuntime

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
    /// The clock's line with two bindings, the second one's memory from `memory`, when both were told of an interrupt that
    /// neither has acknowledged; the device is quiet again.
    mutating func sharedClock(
        memory: Untyped, line: UInt = #line
    ) throws(Failure) -> (Interrupt, Interrupt, Notification) {
        let notification = try notification(line: line)
        let (first, second) = (Interrupt(slot()), Interrupt(slot()))
        let (control, own) = (InterruptControl(RootSlot.interruptControl), self.memory)
        try mapClock(line: line)
        try succeed(line: line) { () throws(KernelError) in
            try control.create(line: clockLine, .level, from: own, index: first.slot)
            try control.create(line: clockLine, .level, from: memory, index: second.slot)
            try first.bind(notification, bits: 1)
            try second.bind(notification, bits: 2)
        }
        ringClock()
        var bits: UInt64 = 0
        while bits != 3 {
            bits |= try succeed(line: line) { () throws(KernelError) in
                try notification.wait(deadline: .after(milliseconds: 3000))
            }
        }
        quietClock()
        return (first, second, notification)
    }
}

/// The line of the real-time clock.
private let clockLine = 34

func interruptTests(_ runner: inout Runner) {
    let control = InterruptControl(RootSlot.interruptControl)
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
        let (first, second, _) = try c.sharedClock(memory: c.memory)
        try c.succeed { () throws(KernelError) in try first.acknowledge() }
        try c.expect(
            try c.succeed { () throws(KernelError) in try second.information() }.isOutstanding, "second is open")
        try c.succeed { () throws(KernelError) in try second.acknowledge() }
    }
    runner.test("interrupt.dead-driver-frees-the-line") { c throws(Failure) in
        let arena = Untyped(try c.make(.untyped, sizeBits: 14))
        let (survivor, _, notification) = try c.sharedClock(memory: arena)
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
