// Semaphores and conditions in the cells of a mutex set: who is woken, and that no wake-up is lost.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct SemaphoreTests {
    /// Three threads of the priorities 30, 20 and 10; the last runs. Cell 0 is a semaphore without
    /// units, cell 1 a condition.
    private func make() -> (
        s: TestSystem, m: TestMutexes, high: TestThread, middle: TestThread, low: TestThread,
        wakeHigh: UInt32, wakeMiddle: UInt32
    ) {
        let s = TestSystem()
        let (high, middle, low) = s.run(30, 20, 10)
        let m = TestMutexes(s)
        m.setWord(0, CountingWord(units: 0).raw)
        m.setWord(1, CountingWord.condition.raw)
        let wakeHigh = s.sleep(high)
        let wakeMiddle = s.sleep(middle)
        return (s, m, high, middle, low, wakeHigh, wakeMiddle)
    }

    // Semaphores

    @Test func aUnitGoesToTheMostUrgentThread() {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = make()
        s.wakeUp(wakeMiddle)
        m.take(middle)
        #expect(s.isRunning(low) && m.count(0).isContended)
        s.wakeUp(wakeHigh)
        m.take(high)
        #expect(s.isRunning(low) && s.effective(low) == 10)
        m.give(low)
        #expect(s.isRunning(high) && s.results(high).error == nil)
        #expect(s.results(low).error == nil && s.state(middle) == .waiting)
        _ = s.sleep(high)
        m.give(low)
        #expect(s.isRunning(middle) && s.results(middle).error == nil)
        _ = s.sleep(middle)
        // Nobody sleeps any more: the unit stays.
        m.give(low)
        #expect(m.count(0) == CountingWord(units: 1) && s.results(low).error == nil)
        m.give(low)
        #expect(m.count(0) == CountingWord(units: 2))
        m.callSleep(low)
        #expect(s.results(low).error == nil && m.count(0) == CountingWord(units: 1))
    }

    @Test func equalsComeInTheOrderOfArrival() {
        let s = TestSystem()
        let threads = s.run([20, 20, 20, 10])
        let m = TestMutexes(s)
        m.setWord(0, CountingWord(units: 0).raw)
        for thread in threads.prefix(3) { m.take(thread) }
        for thread in threads.prefix(3) {
            m.give(threads[3])
            #expect(s.isRunning(thread))
            _ = s.sleep(thread)
        }
    }

    /// A thread that is lifted while it sleeps moves forward.
    @Test func aSleeperThatIsLiftedComesFirst() {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = make()
        s.wakeUp(wakeMiddle)
        m.take(middle)
        s.wakeUp(wakeHigh)
        m.take(high)
        s.perform(.setPriority, middle.slot, 40, 200)
        m.give(low)
        #expect(s.isRunning(middle))
        #expect(s.state(high) == .waiting)
    }

    @Test(arguments: [true, false]) func aSleeperGivesUp(timesOut: Bool) {
        let (s, m, high, _, low, wakeHigh, _) = make()
        s.wakeUp(wakeHigh)
        m.take(high, deadline: s.hardware.now + 100)
        #expect(s.isRunning(low))
        if timesOut {
            s.advance(by: 100)
            #expect(s.isRunning(high) && s.results(high).error == .timedOut)
            _ = s.sleep(high)
        } else {
            s.perform(.suspend, high.slot)
            #expect(s.results(high).error == .cancelled)
        }
        // The unit is not lost with it.
        m.give(low)
        #expect(s.isRunning(low) && m.count(0) == CountingWord(units: 1))
    }

    @Test func aDeadlineThatHasPassedDoesNotSleep() {
        let (s, m, _, _, low, _, _) = make()
        m.callSleep(low, deadline: 0)
        #expect(s.isRunning(low) && s.results(low).error == .timedOut)
        #expect(m.count(0) == CountingWord(units: 0))
    }

    @Test func aSleepersDeathLeavesTheUnitToTheNext() {
        let s = TestSystem()
        let memory = s.make(.untyped, sizeBits: 16)
        let high = s.makeThread(priority: 30, from: memory)
        let (middle, low) = (s.makeThread(priority: 20), s.makeThread(priority: 10))
        let m = TestMutexes(s)
        m.setWord(0, CountingWord(units: 0).raw)
        s.start(high, middle, low)
        s.go()
        m.take(high)
        m.take(middle)
        s.perform(.reclaim, memory)
        m.give(low)
        #expect(s.isRunning(middle) && s.results(middle).error == nil)
    }

    @Test func aFullSemaphoreRefuses() {
        let (s, m, _, _, low, _, _) = make()
        m.setWord(0, CountingWord(units: CountingWord.maximum).withSleepers.raw)
        m.wake(low)
        #expect(s.results(low).error == .exhausted)
        #expect(m.count(0).count == CountingWord.maximum)
    }

    /// The fast path and the general one wake the same thread with the same results.
    @Test func bothPathsComeToTheSame() {
        let systems = [true, false].map { fast in
            let s = TestSystem(fast: fast)
            let (high, low) = s.run(30, 10)
            let m = TestMutexes(s)
            m.setWord(0, CountingWord(units: 0).raw)
            m.take(high)
            let before = s.fastEntries
            m.give(low)
            #expect(s.fastEntries == before + (fast ? 1 : 0))
            #expect(s.isRunning(high) && s.state(low) == .ready)
            return (high: high.ref, low: low.ref)
        }
        for (a, b) in [(systems[0].high, systems[1].high), (systems[0].low, systems[1].low)] {
            #expect(a.pointee.scheduling.raw == b.pointee.scheduling.raw)
            #expect(a.pointee.switches == b.pointee.switches)
            for index in 0...10 { #expect(a.registers[index] == b.registers[index]) }
        }
    }

    /// What the fast path leaves to the general one: a thread with a deadline, one of several, a
    /// holder, a number that is none, a capability without the right.
    @Test func theFastPathLeavesTheRest() {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = make()
        s.wakeUp(wakeMiddle)
        m.take(middle)
        s.wakeUp(wakeHigh)
        m.take(high)
        var before = s.fastEntries
        m.give(low)
        #expect(s.isRunning(high) && s.fastEntries == before)
        m.give(high)
        #expect(s.isRunning(high) && s.state(middle) == .ready && s.fastEntries == before + 1)
        before = s.fastEntries
        m.callSleep(high, 0, deadline: s.hardware.now + 100)
        #expect(s.isRunning(middle) && s.fastEntries == before)
        m.give(middle)
        #expect(s.isRunning(high) && s.fastEntries == before)
        m.wake(high, 8)
        #expect(s.results(high).error == .invalidArgument)
        #expect(s.fastEntries == before)
        let narrow = s.copy(m.slot, rights: .read)
        before = s.fastEntries
        s.signal(high, narrow, bits: CellArgument(cell: 0).raw)
        #expect(s.results(high).error == .missingRights && s.fastEntries == before)
    }

    /// A thread that finds nothing sleeps by the fast path as by the general one: beside a ready
    /// thread, beside none, beside one with a slice, at a semaphore, a condition, a notification.
    @Test(arguments: [0, 1, 2], ["next", "slice", "nobody"])
    func bothPathsSleepTheSame(place: Int, next: String) {
        let systems = [true, false].map { fast in
            let s = TestSystem(fast: fast)
            let (high, low) = s.run(30, 10)
            let m = TestMutexes(s)
            m.setWord(0, CountingWord(units: 0).raw)
            m.setWord(1, CountingWord.condition.counting(7).raw)
            let note = s.make(.notification)
            if next == "slice" { s.perform(.setPriority, low.slot, 10, 200, 5000) }
            if next == "nobody" { s.perform(.suspend, low.slot) }
            let before = s.fastEntries
            if place == 2 { s.wait(high, note) } else { m.callSleep(high, place, seen: 7 * place) }
            #expect(s.fastEntries == before + (fast ? 1 : 0))
            #expect(s.state(high) == .waiting && (next == "nobody" || s.isRunning(low)))
            #expect(place == 2 || m.count(place).isContended)
            if next == "nobody" { s.perform(.resume, low.slot) }
            if place == 2 { s.signal(low, note, bits: 3) } else { m.wake(low, place) }
            #expect(s.isRunning(high) && s.results(high).error == nil)
            return (high: high.ref, low: low.ref)
        }
        for (a, b) in [(systems[0].high, systems[1].high), (systems[0].low, systems[1].low)] {
            #expect(a.pointee.scheduling.raw == b.pointee.scheduling.raw)
            for index in 0...10 { #expect(a.registers[index] == b.registers[index]) }
        }
    }

    /// What a thread finds instead of nothing: units, signals since it looked, a word of another
    /// kind, another thread that sleeps, a mutex's holder, no right, bits.
    @Test func theFastSleepLeavesTheRest() {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = make()
        let narrow = s.copy(m.slot, rights: .write)
        let note = s.make(.notification)
        s.signal(low, note, bits: 5)
        var before = s.fastEntries
        m.setWord(2, CountingWord(units: 2).withSleepers.raw)
        m.callSleep(low, 2)
        #expect(s.isRunning(low) && m.count(2).count == 1)
        m.callSleep(low, 1, seen: 1)
        #expect(s.isRunning(low) && s.results(low).error == nil)
        for word in [MutexWord.free.raw, 1] {
            m.setWord(2, word)
            m.callSleep(low, 2)
            #expect(s.isRunning(low) && s.results(low).error == .wrongState)
        }
        m.callSleep(low, 8)
        #expect(s.results(low).error == .invalidArgument)
        s.setRegisters(low, ControlWord(.wait, Slot(narrow)).raw, CellArgument(cell: 0).raw)
        s.trap(low.ref)
        #expect(s.results(low).error == .missingRights)
        s.wait(low, note)
        #expect(s.isRunning(low) && s.results(low).badge == 5 && s.fastEntries == before)
        s.wakeUp(wakeMiddle)
        m.take(middle)
        s.wakeUp(wakeHigh)
        before = s.fastEntries
        m.take(high)
        #expect(s.state(high) == .waiting && s.fastEntries == before)
    }

    // Conditions

    @Test func aSignalWakesOne() {
        let (s, m, high, middle, low, wakeHigh, wakeMiddle) = make()
        s.wakeUp(wakeMiddle)
        m.callSleep(middle, 1)
        s.wakeUp(wakeHigh)
        m.callSleep(high, 1)
        m.signal(low, 1)
        #expect(s.isRunning(high) && s.results(high).error == nil)
        #expect(s.state(middle) == .waiting)
        _ = s.sleep(high)
        m.signal(low, 1)
        #expect(s.isRunning(middle))
        _ = s.sleep(middle)
        // Signals with nobody there are not kept.
        m.signal(low, 1)
        m.signal(low, 1)
        #expect(s.isRunning(low) && !m.count(1).isContended && m.count(1).count == 4)
        m.callSleep(low, 1, seen: 4)
        #expect(!s.isRunning(low) && s.state(low) == .waiting)
    }

    /// The condition is signalled between a thread's look and its sleep.
    @Test func aSignalAfterTheLookIsNotLost() {
        let (s, m, _, _, low, _, _) = make()
        m.signal(low, 1)
        m.callSleep(low, 1, seen: 0)
        #expect(s.isRunning(low) && s.results(low).error == nil)
        #expect(m.count(1).count == 1 && !m.count(1).isContended)
    }

    // What does not fit

    @Test func wordsOfOtherKindsAreRefused() {
        let (s, m, high, _, low, wakeHigh, _) = make()
        m.join(high, low)
        m.setWord(2, 0)
        m.callSleep(low, 2)
        #expect(s.results(low).error == .wrongState)
        m.wake(low, 2)
        #expect(s.results(low).error == .wrongState)
        for cell in 0...1 {
            m.callLock(low, cell)
            #expect(s.results(low).error == .wrongState)
            m.callUnlock(low, cell)
            #expect(s.results(low).error == .notPermitted)
        }
        // Threads wait for it as a mutex.
        m.lock(low, 3)
        s.wakeUp(wakeHigh)
        m.lock(high, 3)
        m.callSleep(low, 3)
        #expect(s.results(low).error == .wrongState)
        m.wake(low, 3)
        #expect(s.results(low).error == .wrongState)
    }

    /// A thread sleeps at a cell, and the word is forged to be a mutex's.
    @Test func aForgedWordMakesNoMutexOfASleepingPlace() {
        let (s, m, high, _, low, wakeHigh, _) = make()
        m.join(high, low)
        s.wakeUp(wakeHigh)
        m.take(high)
        for forged: UInt32 in [0, 1, 2, MutexWord.diedBit, 0x8000_0001] {
            m.setWord(0, forged)
            m.callLock(low)
            #expect(s.results(low).error == .wrongState && s.effective(low) == 10)
        }
        m.wake(low)
        #expect(s.isRunning(high) && s.results(high).error == nil)
    }

    /// A participant leaves whose number a count looks like.
    @Test func aCountIsNoHolder() {
        let (s, m, high, _, low, _, _) = make()
        m.join(high, low)
        m.setWord(2, CountingWord(units: 2).raw)
        #expect(s.perform(.leave, m.slot, 1).error == nil)
        #expect(m.count(2) == CountingWord(units: 2))
    }

    @Test func argumentsAreChecked() {
        let (s, m, _, _, low, _, _) = make()
        m.callSleep(low, 8)
        #expect(s.results(low).error == .invalidArgument)
        m.wake(low, 8)
        #expect(s.results(low).error == .invalidArgument)
        _ = s.delete(m.page)
        m.callSleep(low, 0)
        #expect(s.results(low).error == .notMapped)
        m.wake(low, 0)
        #expect(s.results(low).error == .notMapped)
    }

    /// The page is lost while a thread sleeps: it can still be woken.
    @Test func aLostPageStrandsNobody() {
        let (s, m, high, _, low, wakeHigh, _) = make()
        s.wakeUp(wakeHigh)
        m.take(high)
        _ = s.delete(m.page)
        m.wake(low)
        #expect(s.isRunning(high) && s.results(high).error == nil)
    }

    @Test func destroyingTheSetWakesAll() {
        let s = TestSystem()
        let memory = s.make(.untyped, sizeBits: 16)
        let (high, middle, low) = s.run(30, 20, 10)
        let m = TestMutexes(s, from: memory)
        m.setWord(0, CountingWord(units: 0).raw)
        m.take(high)
        m.take(middle)
        #expect(s.isRunning(low))
        s.perform(.reclaim, memory)
        for thread in [high, middle] {
            #expect(s.isRunning(thread) && s.results(thread).error == .invalidCapability)
            _ = s.sleep(thread)
        }
    }

    /// Another core changes the word between look and exchange: the call starts anew.
    @Test func anExchangeThatFailsIsRepeated() {
        let (s, m, _, _, low, _, _) = make()
        m.setWord(0, CountingWord(units: 1).raw)
        s.hardware.refusedExchanges = 3
        m.callSleep(low)
        #expect(s.results(low).error == nil && m.count(0) == CountingWord(units: 0))
        s.hardware.refusedExchanges = 3
        m.wake(low)
        #expect(m.count(0) == CountingWord(units: 1) && s.hardware.refusedExchanges == 0)
        m.setWord(0, CountingWord(units: 0).raw)
        s.hardware.refusedExchanges = 3
        m.callSleep(low)
        #expect(s.state(low) == .waiting && m.count(0).isContended)
    }
}
