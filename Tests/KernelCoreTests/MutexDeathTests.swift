// Mutexes when a holder, a waiter, the page or the set goes, at any step.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct MutexDeathTests {
    @Test func theNextLearnsOfADeath() {
        let s = TestSystem()
        let memory = s.make(.untyped, sizeBits: 16)
        let high = s.makeThread(priority: 30)
        let low = s.makeThread(priority: 10, from: memory)
        let m = TestMutexes(s)
        m.join(high, low)
        s.start(high, low)
        s.go()
        let wakeHigh = s.sleep(high)
        for mutex in 0..<3 { m.lock(low, mutex) }
        s.wakeUp(wakeHigh)
        m.lock(high, 1)
        #expect(s.isRunning(low) && s.effective(low) == 30)
        s.perform(.reclaim, memory)
        #expect(s.isRunning(high) && s.results(high).error == nil && s.results(high).x[1] == 1)
        #expect(m.isHeld(1, by: high))
        // Nobody contended for these when it died.
        #expect(m.word(0) == .abandoned && m.word(2) == .abandoned)
        m.lock(high, 0)
        #expect(s.results(high).x[1] == 1 && m.isHeld(0, by: high))
        m.unlock(high, 0)
        m.lock(high, 0)
        #expect(m.isHeld(0, by: high) && m.word(0).raw & MutexWord.diedBit == 0)
        // Its number is free again.
        #expect(s.perform(.join, m.slot, 1, UInt64(high.slot)).error == nil)
    }

    /// A waiter that dies leaves the others as they are.
    @Test func aWaitersDeathIsNoDeathOfTheHolder() {
        let s = TestSystem()
        let memory = s.make(.untyped, sizeBits: 16)
        let high = s.makeThread(priority: 30, from: memory)
        let (middle, low) = (s.makeThread(priority: 20), s.makeThread(priority: 10))
        let m = TestMutexes(s)
        m.join(high, middle, low)
        s.start(high, middle, low)
        s.go()
        let wakeHigh = s.sleep(high)
        let wakeMiddle = s.sleep(middle)
        m.lock(low)
        s.wakeUp(wakeMiddle)
        m.lock(middle)
        s.wakeUp(wakeHigh)
        m.lock(high)
        s.perform(.reclaim, memory)
        #expect(s.isRunning(low) && s.effective(low) == 20)
        m.unlock(low)
        #expect(s.isRunning(middle) && s.results(middle).x[1] == 0)
    }

    @Test func leavingGivesEverythingAway() {
        let (s, m, high, _, low, wakeHigh, _) = makeHeld()
        m.lock(low, 2)
        s.wakeUp(wakeHigh)
        m.lock(high)
        #expect(s.perform(.leave, m.slot, 2).error == nil)
        #expect(s.isRunning(high) && s.results(high).x[1] == 1)
        #expect(m.word(2) == .abandoned)
        m.callLock(high, 2, as: 2)
        #expect(s.results(high).error == .notPermitted)
        #expect(s.perform(.leave, m.slot, 2).error == .wrongState)
        _ = s.sleep(high)
        m.callUnlock(low, 2)
        #expect(s.results(low).error == .notPermitted)
    }

    @Test func leavingEndsAWait() {
        let (s, m, high, _, low, wakeHigh, _) = makeHeld()
        s.wakeUp(wakeHigh)
        m.lock(high)
        #expect(s.perform(.leave, m.slot, 0).error == nil)
        #expect(s.isRunning(high) && s.results(high).error == .cancelled && s.effective(low) == 10)
    }

    @Test func destroyingTheSetEndsAllWaits() {
        let s = TestSystem()
        let memory = s.make(.untyped, sizeBits: 16)
        let (high, middle, low) = s.run(30, 20, 10)
        let m = TestMutexes(s, from: memory)
        m.join(high, middle, low)
        let (wakeHigh, wakeMiddle) = (s.sleep(high), s.sleep(middle))
        m.lock(low)
        s.wakeUp(wakeHigh)
        m.lock(high)
        #expect(s.isRunning(low))
        s.wakeUp(wakeMiddle)
        #expect(s.isRunning(low))
        s.perform(.setPriority, middle.slot, 35, 200)
        m.lock(middle)
        #expect(s.isRunning(low) && s.effective(low) == 35)
        s.perform(.reclaim, memory)
        #expect(s.isRunning(middle) && s.results(middle).error == .invalidCapability)
        _ = s.sleep(middle)
        #expect(s.isRunning(high) && s.results(high).error == .invalidCapability)
        _ = s.sleep(high)
        #expect(s.isRunning(low) && s.effective(low) == 10)
        #expect(low.ref.pointee.participations == nil)
    }

    /// A holder dies between any two steps of the set's destruction.
    @Test func aHolderDiesWhileTheSetIsDestroyed() {
        var isCut = true
        for queries in 0..<80 where isCut {
            let s = TestSystem()
            let memory = s.make(.untyped, sizeBits: 16)
            let place = s.make(.untyped, sizeBits: 16)
            let high = s.makeThread(priority: 30)
            let low = s.makeThread(priority: 10, from: place)
            let last = s.makeThread(priority: 5)
            let m = TestMutexes(s, sizeBits: 5, from: memory)
            m.join(low, high)
            s.start(high, low, last)
            s.go()
            let wakeHigh = s.sleep(high)
            for mutex in 17..<20 { m.lock(low, mutex) }
            s.wakeUp(wakeHigh)
            m.lock(high, 18)
            _ = s.sleep(low)
            #expect(s.isRunning(last))
            isCut = s.interfere(after: queries) {
                s.invoke(last, .reclaim, memory)
            } _: {
                #expect(s.perform(.reclaim, place).error == nil)
            }
            // Where the holder went first, the mutex was handed over.
            let wasGiven = s.results(high).error == nil && s.results(high).x[1] == 1
            #expect(s.isRunning(high))
            #expect(wasGiven || s.results(high).error == .invalidCapability)
        }
        #expect(!isCut)
    }

    /// The handler of a thread's faults waits behind others for a mutex that the thread holds. Its
    /// wait ends, and it gets the fault.
    @Test func aHandlerThatWaitsBehindOthersGetsTheFault() {
        let s = TestSystem()
        let handler = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(handler)
        let high = s.makeThread(priority: 30)
        let thread = s.makeThread(priority: 10, faultHandler: s.copy(endpoint, badge: 42))
        let m = TestMutexes(s)
        m.join(high, handler, thread)
        s.start(high, handler, thread)
        s.go()
        let (wakeHigh, wakeHandler) = (s.sleep(high), s.sleep(handler))
        m.lock(thread)
        s.wakeUp(wakeHandler)
        s.wakeUp(wakeHigh)
        m.lock(high)
        s.perform(.setPriority, handler.slot, 50, 200)
        m.lock(handler)
        // It is the second waiter from now on.
        s.perform(.setPriority, handler.slot, 20, 200)
        #expect(s.isRunning(thread) && handler.ref.pointee.blockedOn == nil)
        s.fault(thread)
        #expect(s.results(handler).error == .deadlock && s.isRunning(handler))
        s.receive(handler, endpoint, reply: reply)
        #expect(s.isRunning(handler) && s.results(handler).badge == 42)
    }

    /// A thread gives a mutex back on another core while it is made to leave: the look is repeated,
    /// and the word stays as the thread left it.
    @Test func aWordThatChangesMeanwhileIsLookedAtAgain() {
        let (s, m, high, _, low, wakeHigh, _) = makeHeld()
        s.hardware.refusedExchanges = 1
        s.hardware.onRefusal = { m.setWord(0, 0) }
        #expect(s.perform(.leave, m.slot, 2).error == nil)
        #expect(m.word(0) == .free && s.hardware.refusedExchanges == 0)
        s.wakeUp(wakeHigh)
        m.callLock(high)
        #expect(s.results(high).x[1] == 0 && low.ref.pointee.participations == nil)
    }

    /// A lost page: nobody takes a mutex any more, and one for which a thread waits is handed over.
    @Test func aSetWithoutItsPage() {
        let (s, m, high, _, low, wakeHigh, _) = makeHeld()
        s.wakeUp(wakeHigh)
        m.lock(high)
        _ = s.delete(m.page)
        #expect(m.set.pointee.page == nil)
        m.callLock(low, 1)
        #expect(s.results(low).error == .notMapped)
        m.callUnlock(low, 1)
        #expect(s.results(low).error == .notMapped)
        let other = UInt64(s.make(.frame, sizeBits: 12))
        #expect(s.perform(.bindPage, m.slot, other).error == .wrongState)
        m.callUnlock(low)
        #expect(s.isRunning(high) && s.results(high).error == nil)
    }
}
