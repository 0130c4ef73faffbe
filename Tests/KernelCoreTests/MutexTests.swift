// Mutexes: who gets one, whom its waiters lift, which waits are refused, and what forged words do.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct MutexTests {
    @Test func theHolderInheritsAndHandsOver() {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = makeHeld()
        s.wakeUp(wakeMiddle)
        m.lock(middle)
        #expect(s.isRunning(low) && s.effective(low) == 20)
        s.wakeUp(wakeHigh)
        m.lock(high)
        #expect(s.isRunning(low) && s.effective(low) == 30)
        m.unlock(low)
        #expect(s.isRunning(high) && m.isHeld(0, by: high) && s.results(high).x[1] == 0)
        m.unlock(high)
        #expect(s.isRunning(high))
        #expect(m.isHeld(0, by: middle) && m.word(0).raw & MutexWord.contendedBit == 0)
        _ = s.sleep(high)
        #expect(s.isRunning(middle) && s.results(middle).error == nil && s.effective(low) == 10)
        m.unlock(middle)
        #expect(m.word(0) == .free && m.set.mutex(0).pointee.holder == 0)
    }

    /// A hog between holder and waiter does not run before the waiter has the mutex.
    @Test func inversionIsBounded() {
        let s = TestSystem()
        let (high, hog, low) = s.run(30, 20, 10)
        let m = TestMutexes(s)
        m.join(high, low)
        let wakeHigh = s.sleep(high)
        let wakeHog = s.sleep(hog)
        m.lock(low)
        s.wakeUp(wakeHigh)
        m.lock(high)
        s.wakeUp(wakeHog)
        #expect(s.isRunning(low) && s.effective(low) == 30)
        m.unlock(low)
        #expect(s.isRunning(high))
    }

    @Test func equalsComeInTheOrderOfArrival() {
        let s = TestSystem()
        let threads = s.run([20, 20, 20, 10])
        let m = TestMutexes(s)
        for thread in threads { m.join(thread) }
        let wakes = threads.prefix(3).map { s.sleep($0) }
        m.lock(threads[3])
        s.asRoot { for wake in wakes { s.wakeUp(wake) } }
        for thread in threads.prefix(3) { m.lock(thread) }
        for thread in [threads[3]] + threads.prefix(2) {
            #expect(s.isRunning(thread))
            m.unlock(thread)
            if thread != threads[3] { _ = s.sleep(thread) }
        }
        #expect(s.isRunning(threads[2]) && m.isHeld(0, by: threads[2]))
    }

    /// The holder of one mutex waits for another: the chain lifts its end.
    @Test func chainsLiftTheirEnd() {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = makeHeld()
        s.wakeUp(wakeMiddle)
        m.lock(middle, 1)
        m.lock(middle, 0)
        #expect(s.isRunning(low) && s.effective(low) == 20)
        s.wakeUp(wakeHigh)
        m.lock(high, 1)
        #expect(s.isRunning(low) && s.effective(low) == 30 && s.effective(middle) == 30)
        m.unlock(low)
        #expect(s.isRunning(middle) && s.effective(low) == 10)
        m.unlock(middle, 1)
        #expect(s.isRunning(high) && s.effective(middle) == 20)
    }

    /// A server that holds a mutex is lifted by callers and waiters together.
    @Test func callersAndWaitersLiftTogether() {
        let s = TestSystem()
        let (high, client) = s.run(30, 20)
        let wakeHigh = s.sleep(high)
        let server = s.makeThread(priority: 5)
        let (endpoint, reply) = s.serve(server)
        s.start(server)
        let m = TestMutexes(s)
        m.join(high, server)
        let wakeClient = s.sleep(client)
        s.receive(server, endpoint, reply: reply)
        s.wakeUp(wakeClient)
        s.call(client, endpoint)
        #expect(s.isRunning(server) && s.effective(server) == 20)
        m.lock(server)
        s.wakeUp(wakeHigh)
        m.lock(high)
        #expect(s.isRunning(server) && s.effective(server) == 30)
        m.unlock(server)
        #expect(s.isRunning(high) && s.effective(server) == 20)
        _ = s.sleep(high)
        #expect(s.isRunning(server))
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(client) && s.effective(server) == 5)
    }

    /// A ready server that holds a mutex leaves the fast path while it is lifted.
    @Test func aReadyServerIsLifted() {
        let s = TestSystem()
        let (high, client) = s.run(30, 20)
        let wakeHigh = s.sleep(high)
        let server = s.makeThread(priority: 5)
        let (endpoint, reply) = s.serve(server)
        s.start(server)
        let m = TestMutexes(s)
        m.join(high, server)
        let wakeClient = s.sleep(client)
        m.lock(server)
        s.receive(server, endpoint, reply: reply)
        s.wakeUp(wakeHigh)
        m.lock(high)
        #expect(s.effective(server) == 30)
        s.wakeUp(wakeClient)
        s.call(client, endpoint)
        #expect(s.isRunning(server) && s.effective(server) == 30)
        m.unlock(server)
        #expect(s.isRunning(high) && s.effective(server) == 20)
    }

    // The end of a wait

    @Test func aWaitEndsWithItsDeadline() {
        let (s, m, high, _, low, wakeHigh, _) = makeHeld()
        s.wakeUp(wakeHigh)
        m.lock(high, deadline: s.hardware.now + 100)
        #expect(s.isRunning(low) && s.effective(low) == 30)
        s.advance(by: 100)
        #expect(s.isRunning(high) && s.results(high).error == .timedOut && s.effective(low) == 10)
        // A deadline that has passed does not wait; a free mutex is taken all the same.
        m.callLock(high, deadline: s.hardware.now)
        #expect(s.results(high).error == .timedOut)
        _ = s.sleep(high)
        m.callUnlock(low)
        #expect(m.word(0) == .free)
        m.callLock(low, deadline: s.hardware.now)
        #expect(s.results(low).error == nil && m.isHeld(0, by: low))
    }

    /// The second waiter becomes the first, and lifts the holder, when the first one's wait ends.
    @Test(arguments: [true, false]) func theNextWaiterTakesOver(timesOut: Bool) {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = makeHeld()
        s.wakeUp(wakeMiddle)
        m.lock(middle)
        s.wakeUp(wakeHigh)
        m.lock(high, deadline: timesOut ? s.hardware.now + 100 : TestSystem.never)
        #expect(s.effective(low) == 30)
        if timesOut {
            s.advance(by: 100)
            _ = s.sleep(high)
        } else {
            s.perform(.suspend, high.slot)
        }
        #expect(s.isRunning(low) && s.effective(low) == 20)
        #expect(middle.ref.pointee.blockedOn == low.ref)
        m.unlock(low)
        #expect(s.isRunning(middle) && m.isHeld(0, by: middle))
    }

    /// A change of priority moves a waiter, and the link goes with the place.
    @Test func aWaitersPriorityChanges() {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = makeHeld()
        s.wakeUp(wakeMiddle)
        m.lock(middle)
        s.wakeUp(wakeHigh)
        m.lock(high)
        s.perform(.setPriority, middle.slot, 40, 200)
        #expect(s.effective(low) == 40 && middle.ref.pointee.blockedOn == low.ref)
        s.perform(.setPriority, middle.slot, 15, 200)
        #expect(s.effective(low) == 30 && high.ref.pointee.blockedOn == low.ref)
        s.perform(.setPriority, high.slot, 12, 200)
        #expect(s.effective(low) == 15)
        m.unlock(low)
        #expect(s.isRunning(middle))
    }

    // Deadlock

    @Test func aCycleIsRefused() {
        let (s, m, high, _, low, wakeHigh, _) = makeHeld()
        m.callLock(low)
        #expect(s.isRunning(low) && s.results(low).error == .deadlock)
        s.wakeUp(wakeHigh)
        m.lock(high, 1)
        m.lock(high, 0)
        m.lock(low, 1)
        #expect(s.isRunning(low) && s.results(low).error == .deadlock)
        m.unlock(low)
        #expect(s.isRunning(high))
    }

    /// A cycle through a thread that waits behind another is refused as well.
    @Test func aCycleBehindAnotherWaiterIsRefused() {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = makeHeld()
        s.wakeUp(wakeMiddle)
        m.lock(middle, 1)
        s.wakeUp(wakeHigh)
        m.lock(high, 0)
        #expect(s.isRunning(low))
        s.perform(.setPriority, middle.slot, 30, 200)
        #expect(s.isRunning(low))
        // `low` is as urgent as `middle` now.
        s.yield(low)
        #expect(s.isRunning(middle))
        m.lock(middle, 0)
        #expect(s.isRunning(low) && middle.ref.pointee.blockedOn == nil)
        m.lock(low, 1)
        #expect(s.isRunning(low) && s.results(low).error == .deadlock)
    }

    /// A call that closes a cycle behind a waiter that is not the first is refused.
    @Test func aCallThatClosesACycleIsRefused() {
        let s = TestSystem()
        let (high, middle) = s.run(30, 20)
        let wakeHigh = s.sleep(high)
        let low = s.makeThread(priority: 10)
        s.start(low)
        let endpoint = s.asRoot { s.make(.endpoint) }
        s.perform(.bindServer, endpoint, UInt64(middle.slot))
        let m = TestMutexes(s)
        m.join(high, middle, low)
        let wakeMiddle = s.sleep(middle)
        m.lock(low)
        s.wakeUp(wakeHigh)
        m.lock(high)
        s.wakeUp(wakeMiddle)
        s.perform(.setPriority, middle.slot, 30, 200)
        s.yield(low)
        m.lock(middle)
        #expect(s.isRunning(low) && middle.ref.pointee.blockedOn == nil)
        s.call(low, endpoint)
        #expect(s.isRunning(low) && s.results(low).error == .deadlock)
    }

    // Forged words

    @Test func aForgedWordLiftsNobodyElse() {
        let s = TestSystem()
        let (high, stranger, low) = s.run(30, 20, 10)
        let m = TestMutexes(s)
        m.join(high, low)
        let wakeHigh = s.sleep(high)
        _ = s.sleep(stranger)
        s.wakeUp(wakeHigh)
        // What stands behind the set's eight cells is no participant.
        m.set.participant(8).pointee.thread = stranger.ref
        defer { m.set.participant(8).pointee.thread = nil }
        for forged: UInt32 in [3, 8, 9, 0xffff, 0x8000_0003, 0xdfff_ffff] {
            m.setWord(0, forged)
            m.callLock(high)
            #expect(s.isRunning(high) && s.results(high).error == nil)
            #expect(s.results(high).x[1] == 1 && m.isHeld(0, by: high))
            m.unlock(high)
        }
        #expect(s.effective(stranger) == 20)
        // Once a thread waits, the kernel believes nothing else.
        m.setWord(0, MutexWord(holder: 1, isContended: false).raw)
        m.callLock(high)
        #expect(s.isRunning(low) && s.effective(low) == 30)
        m.setWord(0, MutexWord(holder: 0, isContended: true).raw)
        m.callUnlock(low)
        #expect(s.isRunning(high) && m.isHeld(0, by: high))
    }

    @Test func onlyTheHolderGivesBack() {
        let (s, m, high, _, low, wakeHigh, _) = makeHeld()
        s.wakeUp(wakeHigh)
        m.callUnlock(high)
        #expect(s.results(high).error == .notPermitted && m.isHeld(0, by: low))
        m.callUnlock(high, 1)
        #expect(s.results(high).error == .notPermitted && m.word(1) == .free)
    }

    @Test func argumentsAreChecked() {
        let (s, m, high, _, _, wakeHigh, _) = makeHeld()
        s.wakeUp(wakeHigh)
        m.callLock(high, 8)
        #expect(s.results(high).error == .invalidArgument)
        m.callLock(high, 0, as: 8)
        #expect(s.results(high).error == .invalidArgument)
        m.callLock(high, 0, as: 1)
        #expect(s.results(high).error == .notPermitted)
        m.callLock(high, 0, as: 5)
        #expect(s.results(high).error == .notPermitted)
        let slot = UInt64(high.slot)
        #expect(s.perform(.join, m.slot, 8, slot).error == .invalidArgument)
        #expect(s.perform(.join, m.slot, 1, slot).error == .slotOccupied)
        #expect(s.perform(.leave, m.slot, 8).error == .invalidArgument)
        #expect(s.perform(.bindPage, m.slot, UInt64(m.page)).error == .wrongState)
        let other = s.make(.mutexSet, sizeBits: 2)
        let large = UInt64(s.make(.untyped, sizeBits: 12))
        #expect(s.perform(.bindPage, other, large).error == .wrongKind)
        m.callLock(high, 0)
        for bits: UInt64 in [0, 1, 9] {
            let made = s.perform(
                .retype, TestSystem.ram, UInt64(ObjectKind.mutexSet.rawValue) | bits << 8, 1, s.own,
                UInt64(s.allocateSlot()), s.none)
            #expect(made.error == .invalidArgument)
        }
    }

    /// Another core changes the word between look and exchange: the call starts anew.
    @Test func anExchangeThatFailsIsRepeated() {
        let (s, m, high, _, low, wakeHigh, _) = makeHeld()
        s.wakeUp(wakeHigh)
        s.hardware.refusedExchanges = 3
        m.callLock(high)
        #expect(s.isRunning(low) && s.effective(low) == 30 && s.hardware.refusedExchanges == 0)
        m.unlock(low)
        #expect(s.isRunning(high))
        s.hardware.refusedExchanges = 3
        m.callUnlock(high)
        #expect(s.results(high).error == nil && m.word(0) == .free)
        #expect(s.hardware.refusedExchanges == 0)
        s.hardware.refusedExchanges = 3
        m.callLock(high)
        #expect(m.isHeld(0, by: high) && s.hardware.refusedExchanges == 0)
    }
}
