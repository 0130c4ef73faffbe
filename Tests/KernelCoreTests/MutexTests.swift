// Mutexes: who gets one, whom its waiters lift, and what is left when a holder dies.

import KernelABI
import Testing

@testable import KernelCore

/// A mutex set whose participants are a test's threads, by the numbers of `members`.
final class TestMutexes {
    let system: TestSystem
    let slot: UInt32
    let page: UInt32
    private(set) var members: [Int: TestThread] = [:]

    init(_ system: TestSystem, sizeBits: UInt64 = 3, from untyped: UInt32 = TestSystem.ram) {
        self.system = system
        slot = system.make(.mutexSet, sizeBits: sizeBits, from: untyped)
        page = system.make(.frame, sizeBits: 12)
        #expect(system.perform(.bindPage, slot, UInt64(page)).error == nil)
    }

    func join(_ threads: TestThread...) {
        for thread in threads { join(thread, as: members.count) }
    }
    func join(_ thread: TestThread, as number: Int) {
        let joined = system.perform(.join, slot, UInt64(number), UInt64(thread.slot))
        #expect(joined.error == nil)
        members[number] = thread
    }
    private func number(_ thread: TestThread) -> Int {
        members.first { $0.value == thread }?.key ?? 0
    }

    var set: Ref<MutexSet> {
        guard let set = system.object(slot, as: MutexSet.self) else { preconditionFailure() }
        return set
    }
    func word(_ mutex: Int) -> MutexWord { set.word(mutex)?.pointee ?? MutexWord(raw: ~0) }
    func setWord(_ mutex: Int, _ raw: UInt32) {
        set.word(mutex)?.pointee = MutexWord(raw: raw)
    }
    func isHeld(_ mutex: Int, by thread: TestThread) -> Bool {
        Int(word(mutex).holder) == number(thread) + 1
    }

    /// Takes a mutex as user code does: by the word, and by the kernel if that fails.
    func lock(_ thread: TestThread, _ mutex: Int = 0, deadline: UInt64 = TestSystem.never) {
        if word(mutex) == .free {
            setWord(mutex, MutexWord(holder: number(thread), isContended: false).raw)
        } else {
            callLock(thread, mutex, deadline: deadline)
        }
    }
    func callLock(
        _ thread: TestThread, _ mutex: Int = 0, as participant: Int? = nil,
        deadline: UInt64 = TestSystem.never
    ) {
        system.setRegisters(
            thread, ControlWord(.lock, Slot(slot)).by(Instant(ticks: deadline)).raw,
            MutexArgument(mutex: mutex, participant: participant ?? number(thread)).raw, deadline)
        system.trap(thread.ref)
    }
    func unlock(_ thread: TestThread, _ mutex: Int = 0) {
        if word(mutex) == MutexWord(holder: number(thread), isContended: false) {
            setWord(mutex, 0)
        } else {
            callUnlock(thread, mutex)
        }
    }
    func callUnlock(_ thread: TestThread, _ mutex: Int = 0) {
        system.setRegisters(
            thread, ControlWord(.unlock, Slot(slot)).raw,
            MutexArgument(mutex: mutex, participant: number(thread)).raw)
        system.trap(thread.ref)
    }
}

extension TestSystem {
    /// Lets a thread sleep on a notification of its own, until the returned one is signalled.
    func sleep(_ thread: TestThread) -> UInt32 {
        let notification = make(.notification)
        wait(thread, notification)
        return notification
    }
    func wakeUp(_ notification: UInt32) { asRoot { signal(root, notification, bits: 1) } }
}

@Suite struct MutexTests {
    /// Three threads of the priorities 30, 20 and 10; the last holds mutex 0 and runs.
    private func makeHeld() -> (
        s: TestSystem, m: TestMutexes, high: TestThread, middle: TestThread, low: TestThread,
        wakeHigh: UInt32, wakeMiddle: UInt32
    ) {
        let s = TestSystem()
        let (high, middle, low) = s.run(30, 20, 10)
        let m = TestMutexes(s)
        m.join(high, middle, low)
        let wakeHigh = s.sleep(high)
        let wakeMiddle = s.sleep(middle)
        m.lock(low)
        return (s, m, high, middle, low, wakeHigh, wakeMiddle)
    }

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

    // Death

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
        for forged: UInt32 in [3, 8, 9, 0xffff, 0x8000_0003, 0xffff_ffff] {
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
