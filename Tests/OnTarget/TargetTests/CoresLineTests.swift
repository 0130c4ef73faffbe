// Interrupt lines of several cores: drivers that run on other cores than those that take their
// interrupts, and lines that move while they are active and pending.

import KernelABI
import UserRuntime

func coresLineTests(_ runner: inout Runner) {
    let count = Int(runner.coreCount.told)
    if count < 2 { return }
    runner.test("lines.a-line-whose-driver-is-elsewhere") { c throws(Failure) in
        try c.driveOnEveryCore(count, isBound: false)
    }
    runner.test("lines.a-line-follows-its-driver") { c throws(Failure) in
        try c.driveOnEveryCore(count, isBound: true)
    }
    runner.test("lines.a-line-without-a-driver-of-its-own-under-fire") { c throws(Failure) in
        try c.driveUnderFire(isBound: false)
    }
    runner.test("lines.a-line-moves-under-fire") { c throws(Failure) in
        try c.driveUnderFire(isBound: true)
    }
    runner.test("lines.an-active-line-is-acknowledged-elsewhere") { c throws(Failure) in
        try c.acknowledgeElsewhere(count, .unbound)
    }
    runner.test("lines.an-active-line-moves") { c throws(Failure) in
        try c.acknowledgeElsewhere(count, .bound)
    }
    runner.test("lines.an-active-line-gets-a-driver") { c throws(Failure) in
        try c.acknowledgeElsewhere(count, .boundLater)
    }
    runner.test("lines.a-driver-dies-with-an-active-line") { c throws(Failure) in
        let main = Thread(RootSlot.thread)
        let arena = Untyped(try c.make(.untyped, sizeBits: 12))
        let notification = try c.notification()
        let alarm = try c.alarm()
        try alarm.map(&c)
        for round in 0..<4 * count {
            // The device goes on signalling, and the next driver takes that.
            try c.move(main, to: round % count)
            _ = try c.connect(alarm, notification, from: arena)
            if round == 0 { alarm.ring() }
            try c.take(notification)
            try c.move(main, to: (round + 1) % count)
            try c.succeed { () throws(KernelError) in try arena.reclaim() }
        }
        alarm.quiet()
    }
}

/// What the notification of a line is bound to.
private enum Binding {
    case unbound, bound, boundLater
}

extension Checks {
    /// Moves the alarm's driver between its interrupts.
    fileprivate mutating func driveOnEveryCore(_ count: Int, isBound: Bool) throws(Failure) {
        let (alarm, driver, served) = try startDriver(isBound: isBound)
        for round in 0..<8 * count {
            try move(driver, to: round % count)
            alarm.ring()
            try take(served)
        }
        try equal(note(1), 0, "the driver was refused")
    }
    /// Moves the alarm's driver at any moment of an interrupt's way.
    fileprivate mutating func driveUnderFire(isBound: Bool) throws(Failure) {
        let (_, driver, _) = try startDriver(isBound: isBound)
        let done = try notification()
        setNote(23, UInt64(driver.slot.index))
        setNote(24, UInt64(done.slot.index))
        _ = try spawn(on: 1, priority: 200, moveAndRing)
        try take(done)
        try equal(note(1), 0, "the driver was refused")
        try equal(note(2), 0, "the driver did not move, or did not serve")
    }
    /// - Returns: the device, its driver, and what the driver signals for each interrupt.
    private mutating func startDriver(
        isBound: Bool
    ) throws(Failure) -> (Alarm, Thread, Notification) {
        clearNotes()
        let (alarm, notification, served) = (try alarm(), try notification(), try notification())
        try alarm.map(&self)
        let interrupt = try connect(alarm, notification, from: memory)
        setNote(20, UInt64(notification.slot.index))
        setNote(21, UInt64(interrupt.slot.index))
        setNote(22, UInt64(served.slot.index))
        let driver = try spawn(on: 1, priority: 255, driveAlarm)
        if isBound {
            try succeed { () throws(KernelError) in try driver.bindNotification(notification) }
        }
        return (alarm, driver, served)
    }

    /// Takes interrupts on each core and acknowledges them on each. The device still signals then.
    fileprivate mutating func acknowledgeElsewhere(
        _ count: Int, _ binding: Binding
    ) throws(Failure) {
        let main = Thread(RootSlot.thread)
        let (alarm, notification) = (try alarm(), try notification())
        try alarm.map(&self)
        let interrupt = try connect(alarm, notification, from: memory)
        func bind(_ notification: Notification?) throws(Failure) {
            try succeed { () throws(KernelError) in try main.bindNotification(notification) }
        }
        if binding == .bound { try bind(notification) }
        for round in 0..<2 * count * count {
            try move(main, to: round % count)
            alarm.ring()
            try take(notification)
            try move(main, to: (round / count) % count)
            if binding == .boundLater { try bind(notification) }
            try succeed { () throws(KernelError) in try interrupt.acknowledge() }
            try take(notification)
            alarm.quiet()
            try succeed { () throws(KernelError) in try interrupt.acknowledge() }
            try refuse(.wouldBlock) { () throws(KernelError) in try notification.poll() }
            if binding == .boundLater { try bind(nil) }
        }
    }

    /// The alarm's line, which signals the notification.
    fileprivate mutating func connect(
        _ alarm: Alarm, _ notification: Notification, from memory: Untyped
    ) throws(Failure) -> Interrupt {
        let interrupt = Interrupt(slot())
        try succeed { () throws(KernelError) in
            try InterruptControl(RootSlot.interruptControl).create(
                line: alarm.line, .level, from: memory, index: interrupt.slot)
            try interrupt.bind(notification, bits: 1)
        }
        return interrupt
    }
    func move(_ thread: Thread, to core: Int) throws(Failure) {
        try succeed { () throws(KernelError) in try thread.setCore(core) }
    }
    fileprivate func take(_ notification: Notification, line: UInt = #line) throws(Failure) {
        let bits = try succeed(line: line) { () throws(KernelError) in
            try notification.wait(deadline: Checks.patience)
        }
        try equal(bits, 1, line: line)
    }
}

private func noted(_ index: Int) -> Slot { Slot(UInt32(note(index))) }

/// The alarm's driver. It signals each interrupt that it has served.
private let driveAlarm: @convention(c) (UInt64) -> Void = { _ in
    guard let alarm = Alarm.find() else { endThread() }
    do throws(KernelError) {
        while true {
            _ = try Notification(noted(20)).wait()
            alarm.quiet()
            try Interrupt(noted(21)).acknowledge()
            try Notification(noted(22)).signal(1)
        }
    } catch { setNote(1, UInt64(error.rawValue)) }
    endThread()
}

/// Rings 200 times, and moves the driver between two cores meanwhile.
private let moveAndRing: @convention(c) (UInt64) -> Void = { _ in
    guard let alarm = Alarm.find() else { endThread() }
    do throws(KernelError) {
        for round in 0..<200 {
            for step in 0..<6 {
                if step == round % 6 { alarm.ring() }
                try Thread(noted(23)).setCore((round + step) & 1)
            }
            _ = try Notification(noted(22)).wait(deadline: Checks.patience)
        }
    } catch { setNote(2, UInt64(error.rawValue)) }
    try? Notification(noted(24)).signal(1)
    endThread()
}
