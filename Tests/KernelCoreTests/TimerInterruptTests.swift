// Timers and interrupt lines: when they signal, and who is waited for before a line opens again.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct TimerTests {
    @Test func onceAndPeriodically() {
        let s = TestSystem()
        let a = s.makeThread(priority: 10)
        let notification = s.make(.notification)
        let timer = s.make(.timer)
        #expect(s.perform(.arm, timer, 5000).error == .wrongState)
        s.perform(.bindTimer, timer, UInt64(notification), 2)
        #expect(s.perform(.arm, timer, ~0).error == .invalidArgument)
        #expect(s.perform(.arm, timer, 5000, 1 << 62).error == .invalidArgument)
        #expect(s.perform(.arm, timer, 5000).error == nil)
        s.start(a)
        s.go()
        s.wait(a, notification)
        #expect(s.hardware.deadline == 5000)
        s.advance(by: 3999)
        #expect(s.running == nil)
        s.advance(by: 1)
        #expect(s.isRunning(a) && s.results(a).badge == 2 && s.hardware.deadline == ~0)
        #expect(s.perform(.arm, timer, 6000, 1000).error == nil)
        for expected in [6000, 7000, 8000] as [UInt64] {
            s.wait(a, notification)
            #expect(s.hardware.deadline == expected)
            s.advance(by: expected - s.hardware.now)
            #expect(s.isRunning(a))
        }
        // Missed periods come once.
        s.advance(by: 10_500)
        s.poll(a, notification)
        #expect(s.results(a).badge == 2 && s.hardware.deadline == s.hardware.now + 1000)
        #expect(s.perform(.cancelTimer, timer).error == nil)
        #expect(s.hardware.deadline == ~0)
    }

    @Test func aTimerInThePastSignalsAtOnce() {
        let s = TestSystem()
        let a = s.makeThread(priority: 10)
        let notification = s.make(.notification)
        let timer = s.make(.timer)
        s.perform(.bindTimer, timer, UInt64(notification), 2)
        s.start(a)
        s.go()
        s.invoke(a, .arm, timer, 0)
        s.poll(a, notification)
        #expect(s.results(a).badge == 2)
        #expect(s.hardware.deadline == ~0)
    }

    @Test func rearmingReplacesAndTheTimersDeathCancels() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 12)
        let notification = s.make(.notification)
        let timers = (0..<3).map { _ in s.make(.timer, from: arena) }
        let a = s.makeThread(priority: 10)
        for timer in timers { s.perform(.bindTimer, timer, UInt64(notification), 1) }
        s.start(a)
        s.go()
        s.invoke(a, .arm, timers[0], 5000)
        s.invoke(a, .arm, timers[0], 8000)
        s.invoke(a, .arm, timers[1], 7000)
        s.invoke(a, .arm, timers[2], 9000)
        #expect(s.hardware.deadline == 7000)
        _ = s.delete(timers[1])
        #expect(s.hardware.deadline == 8000)
        s.perform(.reclaim, arena)
        #expect(s.hardware.deadline == ~0)
    }
}

@Suite struct InterruptTests {
    struct Driver {
        let thread: TestThread
        let notification: UInt32
        let interrupt: UInt32
    }

    func makeInterrupt(
        _ s: TestSystem, line: Int, trigger: Trigger = .level, from untyped: UInt32 = TestSystem.ram
    )
        -> UInt32
    {
        let slot = s.allocateSlot()
        let result = s.perform(
            .createInterrupt, RootSlot.interruptControl.index, UInt64(line), trigger.rawValue,
            UInt64(untyped), s.own,
            UInt64(slot))
        #expect(result.error == nil)
        return slot
    }
    func makeDriver(
        _ s: TestSystem, line: Int, priority: UInt64, bits: UInt64,
        from untyped: UInt32 = TestSystem.ram
    )
        -> Driver
    {
        let thread = s.makeThread(priority: priority)
        let notification = s.make(.notification, from: untyped)
        let interrupt = makeInterrupt(s, line: line, from: untyped)
        #expect(s.perform(.bindInterrupt, interrupt, UInt64(notification), bits).error == nil)
        return Driver(thread: thread, notification: notification, interrupt: interrupt)
    }

    @Test func aLineStaysQuietUntilItIsAcknowledged() {
        let s = TestSystem()
        let driver = makeDriver(s, line: 40, priority: 50, bits: 4)
        s.start(driver.thread)
        s.go()
        s.wait(driver.thread, driver.notification)
        s.hardware.asserted.insert(40)
        s.settle()
        #expect(s.isRunning(driver.thread) && s.results(driver.thread).badge == 4)
        #expect(s.hardware.quiet == [40])
        #expect(
            s.invoke(driver.thread, .interruptInformation, driver.interrupt).x[3...5] == [40, 1, 3])
        s.hardware.asserted.remove(40)
        #expect(s.invoke(driver.thread, .acknowledge, driver.interrupt).error == nil)
        #expect(s.hardware.quiet == [])
        #expect(s.invoke(driver.thread, .acknowledge, driver.interrupt).error == .wrongState)
        // A device that is not quiet interrupts again.
        s.hardware.asserted.insert(40)
        s.settle()
        s.poll(driver.thread, driver.notification)
        #expect(s.invoke(driver.thread, .acknowledge, driver.interrupt).error == nil)
        #expect(s.hardware.quiet == [40])
        s.poll(driver.thread, driver.notification)
        #expect(s.results(driver.thread).badge == 4)
    }

    @Test func aSharedLineWaitsForAll() {
        let s = TestSystem()
        let drivers = (0..<3).map { makeDriver(s, line: 41, priority: UInt64(50 - $0), bits: 1) }
        for driver in drivers { s.start(driver.thread) }
        s.go()
        for driver in drivers { s.wait(driver.thread, driver.notification) }
        s.raise(line: 41)
        for driver in drivers { #expect(s.results(driver.thread).badge == 1) }
        s.invoke(drivers[0].thread, .acknowledge, drivers[0].interrupt)
        s.invoke(drivers[0].thread, .acknowledge, drivers[2].interrupt)
        #expect(s.hardware.quiet == [41])
        s.invoke(drivers[0].thread, .acknowledge, drivers[1].interrupt)
        #expect(s.hardware.quiet == [])
    }

    /// The line is opened for each further step; it stays quiet until the last one has
    /// acknowledged.
    @Test func aLineOfManyIsDeliveredInSteps() {
        let s = TestSystem()
        let drivers = (0..<8).map { makeDriver(s, line: 41, priority: UInt64(50 - $0), bits: 1) }
        for driver in drivers { s.start(driver.thread) }
        s.go()
        for driver in drivers { s.wait(driver.thread, driver.notification) }
        s.hardware.asserted.insert(41)
        s.settle()
        for driver in drivers { #expect(s.results(driver.thread).badge == 1) }
        #expect(s.hardware.opened == [41, 41] && s.hardware.quiet == [41], "three, three and two")
        s.hardware.asserted.remove(41)
        for driver in drivers.dropLast() {
            s.invoke(drivers[0].thread, .acknowledge, driver.interrupt)
        }
        #expect(s.hardware.quiet == [41])
        s.invoke(drivers[0].thread, .acknowledge, drivers[7].interrupt)
        #expect(s.hardware.quiet == [])
    }

    /// The level went away before all had been signalled: what is open is not opened again, and the
    /// next time all are told.
    @Test func aDeliveryIsLeftUnfinished() {
        let s = TestSystem()
        let drivers = (0..<4).map { makeDriver(s, line: 41, priority: UInt64(50 - $0), bits: 1) }
        s.go()
        s.raise(line: 41)
        func acknowledgements() -> Int {
            drivers.count { s.perform(.acknowledge, $0.interrupt).error == nil }
        }
        #expect(s.hardware.opened == [41] && s.hardware.quiet == [])
        #expect(acknowledgements() == 3)
        #expect(s.hardware.opened.count { $0 == 41 } == 1 && s.hardware.quiet == [])
        s.hardware.asserted.insert(41)
        s.settle()
        #expect(s.hardware.quiet == [41])
        s.hardware.asserted.remove(41)
        #expect(acknowledgements() == 4)
        #expect(s.hardware.quiet == [])
    }

    /// An edge would not come again for the bindings that are left for another interrupt.
    @Test func aLineOfEdgesIsNotShared() {
        let s = TestSystem()
        let notification = UInt64(s.make(.notification))
        let first = makeInterrupt(s, line: 41, trigger: .edge)
        let second = makeInterrupt(s, line: 41, trigger: .edge)
        #expect(s.perform(.bindInterrupt, first, notification, 1).error == nil)
        #expect(s.perform(.bindInterrupt, second, notification, 1).error == .exhausted)
        s.go()
        s.raise(line: 41)
        #expect(s.hardware.opened == [] && s.hardware.quiet == [41])
        #expect(s.perform(.acknowledge, first).error == nil)
        #expect(s.hardware.quiet == [])
    }

    /// Where another interrupt is pending after a signal, the other bindings of a shared line wait
    /// for the next delivery.
    @Test func aSharedLineLetsOthersBetween() {
        let s = TestSystem()
        let drivers = (0..<3).map { makeDriver(s, line: 41, priority: UInt64(50 - $0), bits: 1) }
        s.go()
        s.hardware.queriesLeft = 0
        s.raise(line: 41)
        // One was signalled before the ghost, and the line opened for the others.
        #expect(s.hardware.opened == [41] && s.hardware.quiet == [])
        #expect(drivers.count { s.perform(.acknowledge, $0.interrupt).error == nil } == 1)
        s.hardware.asserted.insert(41)
        s.settle()
        s.hardware.asserted.remove(41)
        #expect(s.hardware.quiet == [41])
        #expect(drivers.count { s.perform(.acknowledge, $0.interrupt).error == nil } == 3)
        #expect(s.hardware.quiet == [])
    }

    @Test(arguments: [true, false]) func aDeadDriverKeepsNobodyWaiting(byDelete: Bool) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let living = makeDriver(s, line: 42, priority: 50, bits: 1)
        let dying = makeDriver(s, line: 42, priority: 49, bits: 1, from: arena)
        s.start(living.thread)
        s.go()
        s.wait(living.thread, living.notification)
        s.raise(line: 42)
        s.invoke(living.thread, .acknowledge, living.interrupt)
        #expect(s.hardware.quiet == [42])
        if byDelete { _ = s.delete(dying.interrupt) } else { s.perform(.reclaim, arena) }
        #expect(s.hardware.quiet == [] && s.hardware.enabled.contains(42))
        // The last one gone, the line is masked.
        s.raise(line: 42)
        _ = s.delete(living.interrupt)
        #expect(!s.hardware.enabled.contains(42) && s.hardware.quiet == [])
        // Bound anew after a restart.
        let next = makeDriver(s, line: 42, priority: 48, bits: 1)
        #expect(s.hardware.enabled.contains(42))
        s.raise(line: 42)
        #expect(s.perform(.acknowledge, next.interrupt).error == nil)
    }

    @Test func errors() {
        let s = TestSystem()
        let slot = UInt64(s.allocateSlot())
        func create(
            _ line: UInt64, _ trigger: UInt64 = 0, from: UInt32 = TestSystem.ram, at: UInt64? = nil
        )
            -> KernelError?
        {
            s.perform(
                .createInterrupt, RootSlot.interruptControl.index, line, trigger, UInt64(from),
                s.own, at ?? slot
            ).error
        }
        for line in [0, 27, 31, 64, 1024, ~0, 1 << 63] as [UInt64] {
            #expect(create(line) == .invalidArgument)
        }
        #expect(create(33, 2) == .invalidArgument)
        #expect(create(33, from: TestSystem.smallDevice) == .invalidArgument)
        #expect(create(33, at: 1) == .slotOccupied)
        #expect(create(33, at: 4096) == .invalidCapability)
        #expect(create(33, from: 1) == .wrongKind)
        #expect(create(33) == nil)
        let unbound = UInt32(slot)
        #expect(s.perform(.acknowledge, unbound).error == .wrongState)
        #expect(s.perform(.bindInterrupt, unbound, 1, 1).error == .wrongKind)
        // One line, one way of signalling; and eight bindings.
        let notification = UInt64(s.make(.notification))
        for _ in 0..<8 {
            #expect(
                s.perform(.bindInterrupt, makeInterrupt(s, line: 50), notification, 1).error == nil)
        }
        #expect(
            s.perform(.bindInterrupt, makeInterrupt(s, line: 50), notification, 1).error
                == .exhausted)
        #expect(
            s.perform(.bindInterrupt, makeInterrupt(s, line: 50, trigger: .edge), notification, 1)
                .error == .wrongState)
        s.inspectTables()
    }

    /// The first line and the last one are lines as all others are.
    @Test(arguments: [0, Limits.interruptLines - 1]) func everyUnboundLineIsMasked(line: Int) {
        let s = TestSystem()
        s.hardware.enabled.insert(line)
        s.raise(line: line)
        #expect(!s.hardware.enabled.contains(line) && s.hardware.quiet.isEmpty)
    }

    @Test func aLineThatNobodyWantsIsMasked() {
        let s = TestSystem()
        s.go()
        s.hardware.enabled.insert(45)
        s.raise(line: 45)
        #expect(!s.hardware.enabled.contains(45) && s.hardware.quiet == [])
        let result = s.perform(
            .statistics, RootSlot.systemControl.index, Statistic.spuriousInterrupts.rawValue)
        #expect(result.x[3] == 1)
    }
}
