// Two cores: requests to a core that executes the thread in question. A held core takes no
// interrupt, so that a test sees what happens meanwhile.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct CoreRequestTests {
    let s = TestSystem()
    let other: OtherCore

    init() {
        other = s.addCore()
        s.go()
    }

    @Test func suspendingAThreadThatRunsElsewhereWaitsForItsCore() {
        let there = s.thread(10, on: 1)
        let here = s.thread(20, on: 0)
        other.isHeld = true
        s.invoke(here, .suspend, there.slot)
        #expect(here.ref.state == .awaitingCore && there.ref.state == .running)
        #expect(s.running == nil)
        other.isHeld = false
        s.settle()
        #expect(s.running == here.ref && s.results(here).error == nil)
        #expect(there.ref.state == .stopped && other.running == nil)
        #expect(s.invoke(here, .resume, there.slot).error == nil)
        #expect(other.running == there.ref)
    }

    @Test func theRequestIsAsUrgentAsItsMaker() {
        let there = s.thread(10, on: 1)
        let here = s.thread(20, on: 0)
        other.isHeld = true
        s.invoke(here, .suspend, there.slot)
        #expect(other.asked == 20)
    }

    @Test func aRequesterThatDiesLeavesTheThreadStopped() {
        let there = s.thread(10, on: 1)
        let arena = s.make(.untyped, sizeBits: 14)
        let here = s.makeThread(priority: 20, from: arena)
        s.start(here)
        other.isHeld = true
        s.invoke(here, .suspend, there.slot)
        #expect(here.ref.state == .awaitingCore)
        #expect(s.perform(.reclaim, arena).error == nil)
        other.isHeld = false
        s.settle()
        #expect(there.ref.state == .stopped && other.running == nil)
        #expect(s.perform(.resume, there.slot).error == nil)
        #expect(other.running == there.ref)
    }

    @Test func anAskerIsAnsweredBesideAThreadThatAnInterruptWakes() {
        // The core stops the thread. Before it answers, its timer wakes one that is less urgent
        // than who asked.
        let notification = s.make(.notification)
        let timer = s.make(.timer)
        s.perform(.bindTimer, timer, UInt64(notification), 1)
        let waiter = s.thread(100, on: 1)
        s.invoke(waiter, .arm, timer, s.hardware.now + 50)
        s.wait(waiter, notification)
        let there = s.thread(10, on: 1)
        #expect(other.running == there.ref)
        let asker = s.thread(200, on: 0)
        other.isHeld = true
        s.invoke(asker, .suspend, there.slot)
        #expect(asker.ref.state == .awaitingCore)
        s.hardware.now += 100
        other.isHeld = false
        s.settle()
        #expect(s.running == asker.ref && s.results(asker).error == nil)
        #expect(other.running == waiter.ref && there.ref.state == .stopped)
    }

    @Test func aDeadlineThatInterruptsNobodyInterruptsNoOtherCore() {
        let notification = s.make(.notification)
        let urgent = s.thread(200, on: 1)
        let sleeper = s.thread(2, on: 0)
        s.wait(sleeper, notification, deadline: s.hardware.now + 500)
        let requests = other.hardware.requests
        s.perform(.setCore, sleeper.slot, 1)
        s.settle()
        #expect(other.hardware.requests == requests && other.running == urgent.ref)
        #expect(sleeper.ref.deadlineNode.pointee.home == 1)
        // It comes when nothing urgent runs there any more.
        s.hardware.now += 1000
        s.settle()
        #expect(sleeper.ref.state == .waiting)
        s.perform(.suspend, urgent.slot)
        s.settle()
        #expect(other.running == sleeper.ref && s.results(sleeper).error == .timedOut)
    }

    @Test func aYieldGoesBehindWhatAnotherCoreMadeReady() {
        let first = s.thread(10, on: 1)
        let second = s.thread(10, on: 1)
        #expect(other.running == first.ref)
        other.isHeld = true
        let urgent = s.thread(30, on: 1)
        s.yield(first)
        #expect(other.running == urgent.ref)
        #expect(first.ref.state == .ready && second.ref.state == .ready)
        other.isHeld = false
        s.settle()
        #expect(other.running == urgent.ref)
    }

    @Test func aTraceIsTurnedOnAndOffForAllCores() {
        _ = s.thread(10, on: 1)
        let control = RootSlot.systemControl.index
        s.perform(.trace, control, 1)
        #expect(other.kernel.pointee.core.isTracing && s.kernel.pointee.core.isTracing)
        s.perform(.trace, control, 0)
        #expect(!other.kernel.pointee.core.isTracing && !s.kernel.pointee.core.isTracing)
    }

    @Test func twoThreadsSuspendOneAnother() {
        let there = s.thread(10, on: 1)
        let here = s.thread(20, on: 0)
        other.isHeld = true
        s.invoke(here, .suspend, there.slot)
        #expect(here.ref.state == .awaitingCore)
        // Core 1 has not taken the interrupt yet: its thread calls first.
        s.setRegisters(there, ControlWord(invoke: .suspend, Slot(here.slot)).raw)
        other.enter(there.ref)
        other.isHeld = false
        s.settle()
        #expect(here.ref.state == .stopped && there.ref.state == .stopped)
        // The first request is performed again.
        #expect(s.perform(.resume, here.slot).error == nil)
        #expect(s.running == here.ref && s.results(here).error == nil)
        #expect(s.perform(.resume, there.slot).error == nil)
        #expect(other.running == there.ref && s.results(there).error == nil)
    }

    @Test func destroyingAThreadThatRunsElsewhere() {
        let arena = s.make(.untyped, sizeBits: 14)
        let there = s.makeThread(priority: 10, from: arena)
        s.perform(.setCore, there.slot, 1)
        s.start(there)
        #expect(other.running == there.ref)
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(other.running == nil && s.isEmpty(there.slot))
    }

    @Test func aMoveOfARunningThread() {
        let there = s.thread(10, on: 1)
        let here = s.thread(20, on: 0)
        // From another core.
        #expect(s.invoke(here, .setCore, there.slot, 0).error == nil)
        #expect(there.ref.home == 0 && there.ref.state == .ready && other.running == nil)
        // Itself.
        #expect(s.invoke(here, .setCore, here.slot, 1).error == nil)
        #expect(here.ref.home == 1 && other.running == here.ref && s.running == there.ref)
    }

    @Test func aMoveOfABlockedThreadTakesItsDeadlineAlong() {
        let notification = s.make(.notification)
        let waiter = s.thread(10, on: 0)
        s.wait(waiter, notification, deadline: s.hardware.now + 500)
        #expect(s.hardware.deadline == s.hardware.now + 500)
        #expect(s.perform(.setCore, waiter.slot, 1).error == nil)
        #expect(other.hardware.deadline == s.hardware.now + 500)
        s.advance(by: 500)
        #expect(other.running == waiter.ref && s.results(waiter).error == .timedOut)
    }

    @Test func aNewAddressSpaceOfAThreadThatRunsElsewhere() {
        let there = s.thread(10, on: 1)
        let space = s.make(.addressSpace)
        other.isHeld = true
        #expect(
            s.perform(.configure, there.slot, s.none, UInt64(space), s.none, s.none).error == nil)
        #expect(other.mustReload)
        other.isHeld = false
        s.settle()
        #expect(other.hardware.translationBase == there.ref.translationBase)
    }

    @Test func anAddressSpaceGoesOnlyAfterTheCoreHasLeftIt() {
        let arena = s.make(.untyped, sizeBits: 16)
        let space = s.make(.addressSpace, from: arena)
        let there = s.thread(10, on: 1)
        s.perform(.configure, there.slot, s.none, UInt64(space), s.none, s.none)
        let old = there.ref.translationBase
        let here = s.thread(20, on: 0)
        other.isHeld = true
        s.invoke(here, .reclaim, arena)
        #expect(here.ref.state == .awaitingCore && other.hardware.translationBase == old)
        other.isHeld = false
        s.settle()
        #expect(s.results(here).error == nil && s.running == here.ref)
        #expect(other.hardware.translationBase != old)
    }

    @Test func whoDestroysAnAddressSpaceWaitsForNoLaterChange() {
        // A thread that gets one address space after the other would else keep it waiting for ever.
        let arena = s.make(.untyped, sizeBits: 16)
        let spaces = [
            s.make(.addressSpace, from: arena), s.make(.addressSpace), s.make(.addressSpace),
        ]
        let there = s.thread(10, on: 1)
        for space in spaces {
            s.perform(.configure, there.slot, s.none, UInt64(space), s.none, s.none)
            if space == spaces[1] { other.isHeld = true }
        }
        #expect(other.mustReload, "it has left the first one, and not yet the second")
        let here = s.thread(20, on: 0)
        s.invoke(here, .reclaim, arena)
        #expect(s.results(here).error == nil && s.running == here.ref)
    }

    @Test func anAddressSpaceThatWasLostBeforeTheLastIsWaitedFor() {
        let arena = s.make(.untyped, sizeBits: 16)
        let spaces = [
            s.make(.addressSpace, from: arena), s.make(.addressSpace), s.make(.addressSpace),
        ]
        let there = s.thread(10, on: 1)
        for space in spaces {
            s.perform(.configure, there.slot, s.none, UInt64(space), s.none, s.none)
            other.isHeld = true
        }
        let here = s.thread(20, on: 0)
        s.invoke(here, .reclaim, arena)
        #expect(here.ref.state == .awaitingCore, "the core still uses the first one")
        other.isHeld = false
        s.settle()
        #expect(s.results(here).error == nil && s.running == here.ref)
        #expect(other.hardware.translationBase == there.ref.translationBase)
    }

    @Test func anAccessIsRepeatedOnceIfThePageIsThereNow() {
        let there = s.thread(10, on: 1).ref
        func mayRepeat(_ address: UInt64) -> Bool {
            other.kernel.pointee.mayRepeat(there, address)
        }
        #expect(!mayRepeat(0x5008), "there is no page")
        other.hardware.mappedPages = [0x5000, 0x6000]
        #expect(mayRepeat(0x5008))
        #expect(!mayRepeat(0x5008), "nothing has happened since")
        #expect(mayRepeat(0x6008), "another address")
        there.pointee.context.programCounter &+= 4
        #expect(mayRepeat(0x6008), "another place")
        other.kernel.pointee.core.statistics[.systemCalls] += 1
        #expect(mayRepeat(0x6008), "the thread went on in between")
        #expect(!mayRepeat(0x7000))
    }

    @Test func floatingPointFollowsAThreadThatMoves() {
        let there = s.thread(10, on: 0)
        s.useFloatingPoint(there)
        let value = s.floatingPointValues[there.ref.bits]
        s.perform(.setCore, there.slot, 1)
        #expect(other.running == there.ref && other.hardware.floatingPointRegister == value)
    }

    @Test func aLostBufferEndsFloatingPointElsewhere() {
        let there = s.thread(10, on: 0)
        s.useFloatingPoint(there)
        s.perform(.setCore, there.slot, 1)
        other.isHeld = true
        // The buffer's frame is the slot behind the thread's own.
        #expect(s.perform(.delete, RootSlot.table.index, UInt64(there.slot + 1)).error == nil)
        #expect(other.hardware.isFloatingPointEnabled)
        other.isHeld = false
        s.settle()
        #expect(!other.hardware.isFloatingPointEnabled)
    }

    /// The same, but the thread blocks and its core passes the lock before it answers.
    @Test func aLostBufferEndsFloatingPointBeforeAnotherThreadRuns() {
        let notification = s.make(.notification)
        let there = s.thread(10, on: 0)
        s.useFloatingPoint(there)
        s.perform(.setCore, there.slot, 1)
        let next = s.thread(5, on: 1)
        other.isHeld = true
        #expect(s.perform(.delete, RootSlot.table.index, UInt64(there.slot + 1)).error == nil)
        other.hardware.waiting = 200
        s.wait(there, notification)
        other.isHeld = false
        s.settle()
        #expect(other.running == next.ref && !other.hardware.isFloatingPointEnabled)
    }

    // The thread blocks, or an interrupt makes its core busy, before the core answers. The explorer
    // found these orders of steps.

    /// A call of a thread of the other core, which has not taken its interrupts yet.
    private func call(_ thread: TestThread, _ values: UInt64...) {
        for index in 0...10 {
            thread.ref.registers[index] = index < values.count ? values[index] : 0
        }
        other.enter(thread.ref)
    }

    /// A thread that has asked the other core for something and then was suspended.
    private func ask(_ method: Method, _ thread: TestThread, _ value: UInt64 = 0) {
        let asker = s.thread(20, on: 0)
        other.isHeld = true
        s.invoke(asker, method, thread.slot, value)
        #expect(asker.ref.state == .awaitingCore)
        #expect(s.perform(.suspend, asker.slot).error == nil)
        #expect(asker.ref.state == .stopped)
    }

    @Test func aLaterMoveReplacesOneThatAnotherThreadHasAskedFor() {
        let notification = s.make(.notification)
        let there = s.thread(10, on: 1)
        ask(.setCore, there, 0)
        call(there, ControlWord(.wait, Slot(notification)).by(.never).raw, 0, ~0)
        #expect(there.ref.state == .waiting && there.ref.home == 1)
        #expect(s.perform(.setCore, there.slot, 1).error == nil)
        other.isHeld = false
        s.settle()
        let here = s.thread(5, on: 0)
        s.signal(here, notification, bits: 1)
        s.perform(.setPriority, there.slot, 11, 20)
        #expect(there.ref.home == 1 && other.running == there.ref)
    }

    @Test func aServerThatIsToStopWaitsInTheQueueOfItsEndpoint() {
        let (endpoint, reply) = (s.make(.endpoint), s.make(.reply))
        let server = s.thread(10, on: 1)
        s.perform(.bindServer, endpoint, UInt64(server.slot))
        let client = s.thread(5, on: 1)
        ask(.suspend, server)
        call(server, ControlWord(.receive, Slot(endpoint)).by(.never).raw, UInt64(reply), ~0)
        #expect(server.ref.state == .receiving && other.running == client.ref)
        // A fast path would let the server run, and forget the request.
        call(client, ControlWord(.call, Slot(endpoint), length: 1).by(.never).raw)
        #expect(server.ref.state == .stopped && other.running == nil)
    }

    @Test func aRequestBesideAnInterruptThatWakesAThreadAtOnce() {
        let (notification, timer) = (s.make(.notification), s.make(.timer))
        s.perform(.bindTimer, timer, UInt64(notification), 1)
        let waiter = s.thread(100, on: 1)
        s.invoke(waiter, .arm, timer, s.hardware.now + 50)
        s.wait(waiter, notification)
        other.isHeld = true
        let second = s.thread(10, on: 1)
        s.hardware.now += 100
        other.isHeld = false
        s.settle()
        #expect(other.running == waiter.ref && second.ref.state == .ready && other.asked == -1)
        // The next request is as urgent as that one.
        #expect(s.perform(.setPriority, waiter.slot, 5, 200).error == nil)
        #expect(other.running == second.ref)
    }
}
