// A core that passed the lock in its scheduling loop, and has it again. What it asked for so
// urgently may be a deadline or a request that no thread and no update shows yet.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct PassingTests {
    let s = TestSystem()
    let other: OtherCore

    init() {
        other = s.addCore()
        s.go()
    }

    private var isPassing: Bool { other.kernel.pointee.core.isPassing }

    private func sleeper(_ priority: UInt64, until deadline: UInt64) -> TestThread {
        let sleeper = s.thread(priority, on: 1)
        s.wait(sleeper, s.make(.notification), deadline: deadline)
        return sleeper
    }
    /// What core 1 runs while it takes no interrupt.
    @discardableResult private func hold() -> TestThread {
        let running = s.thread(140, on: 1)
        #expect(other.running == running.ref)
        other.isHeld = true
        return running
    }

    /// Core 1 acts, while a core waits for the lock that is more urgent than what core 1 runs.
    private func actBesideAnother() {
        other.isHeld = false
        other.hardware.waiting = 200
        #expect(other.act())
    }

    /// The less urgent deadline is due as well, and stays queued before the other.
    @Test(arguments: [130, 240]) func aDueDeadlineIsServedBeforeTheLockIsPassedAgain(
        earlier: UInt64
    ) {
        _ = sleeper(earlier, until: 4000)
        let urgent = sleeper(250, until: 4001)
        hold()
        s.hardware.now = 4001
        actBesideAnother()
        #expect(isPassing, "it knows of nothing as urgent")
        actBesideAnother()
        #expect(!isPassing && other.running == urgent.ref)
    }

    @Test func aRequestIsAnsweredBeforeTheLockIsPassedAgain() {
        let running = hold()
        let asking = s.thread(250, on: 0)
        s.setRegisters(asking, ControlWord(invoke: .suspend, Slot(running.slot)).raw)
        s.enterOnce(asking)
        #expect(asking.ref.state == .awaitingCore && other.asked == 250)
        actBesideAnother()
        #expect(isPassing && asking.ref.state == .awaitingCore)
        actBesideAnother()
        #expect(running.ref.state == .stopped && asking.ref.state != .awaitingCore)
    }

    /// Another core asks for the lock at any look of the answering core.
    @Test(arguments: 0...6) func aRequestKeepsItsUrgencyUntilItIsAnswered(look: Int) {
        let running = hold()
        let asking = s.thread(250, on: 0)
        s.setRegisters(asking, ControlWord(invoke: .suspend, Slot(running.slot)).raw)
        s.enterOnce(asking)
        #expect(asking.ref.state == .awaitingCore && other.asked == 250)
        other.isHeld = false
        other.hardware.letWait(priority: 200, after: look)
        #expect(other.act())
        if isPassing {
            let isAnswered = asking.ref.state != .awaitingCore
            #expect(isAnswered || other.kernel.pointee.requestPriority == 250)
            actBesideAnother()
        }
        #expect(running.ref.state == .stopped && asking.ref.state != .awaitingCore)
    }

    /// Its caller waits for that core, and another thread makes it more urgent.
    @Test func aRequestRisesWithItsCaller() {
        let running = hold()
        let raising = s.thread(145, on: 0)
        let asking = s.thread(150, on: 0)
        s.invoke(asking, .suspend, running.slot)
        #expect(s.running == raising.ref && asking.ref.state == .awaitingCore && other.asked == 150)
        #expect(s.invoke(raising, .setPriority, asking.slot, 190, 190).error == nil)
        #expect(asking.ref.effective == 190 && other.asked == 190)
    }

    /// The same of the first core.
    @Test func aRequestToTheFirstCoreRisesToo() {
        let running = s.thread(140, on: 0)
        let raising = s.thread(145, on: 1)
        let asking = s.thread(150, on: 1)
        #expect(s.running == running.ref && other.running == asking.ref)
        s.setRegisters(asking, ControlWord(invoke: .suspend, Slot(running.slot)).raw)
        other.enter(asking.ref)
        #expect(other.running == raising.ref && asking.ref.state == .awaitingCore)
        #expect(s.kernel.pointee.core.asked == 150)
        s.setRegisters(
            raising, ControlWord(invoke: .setPriority, Slot(asking.slot)).raw, 190, 190)
        other.enter(raising.ref)
        #expect(asking.ref.effective == 190 && s.kernel.pointee.core.asked == 190)
    }

    /// More urgent cores come between, as often as they like.
    @Test func aRequestOutlastsMoreUrgentCores() {
        let running = hold()
        let asking = s.thread(250, on: 0)
        s.setRegisters(asking, ControlWord(invoke: .suspend, Slot(running.slot)).raw)
        s.enterOnce(asking)
        other.isHeld = false
        for look in [1, 0, 1] {
            other.hardware.letWait(priority: 252, after: look)
            #expect(other.act())
            if !isPassing || asking.ref.state != .awaitingCore { continue }
            #expect(other.kernel.pointee.requestPriority == 250)
        }
        other.isHeld = true
        while isPassing { actBesideAnother() }
        #expect(asking.ref.state != .awaitingCore)
    }

    @Test func aCoreThatAskedLessUrgentlyPassesTheLockAgain() {
        hold()
        let ready = s.thread(141, on: 1)
        actBesideAnother()
        #expect(isPassing)
        actBesideAnother()
        #expect(isPassing && ready.ref.state == .ready, "it asked at 141")
    }
}
