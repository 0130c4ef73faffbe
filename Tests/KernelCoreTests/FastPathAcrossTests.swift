// The fast paths of a call to a core that sleeps, and of its answer: when they are taken, and that
// they leave the same as the general path.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct FastPathAcrossTests {
    /// A client of core 0 and a ready server of core 1, which sleeps.
    private struct Pair {
        let s: TestSystem
        let other: OtherCore
        let server: TestThread
        let client: TestThread
        let endpoint: UInt32
        let reply: UInt32

        init(fast: Bool = true, server priority: UInt64 = 20, client clientPriority: UInt64 = 10) {
            s = TestSystem(fast: fast)
            other = s.addCore()
            s.go()
            (endpoint, reply) = (s.make(.endpoint), s.make(.reply))
            server = Pair.thread(s, priority, on: 1)
            s.perform(.bindServer, endpoint, UInt64(server.slot))
            s.receive(server, endpoint, reply: reply)
            client = Pair.thread(s, clientPriority, on: 0)
        }

        static func thread(_ s: TestSystem, _ priority: UInt64, on core: UInt64) -> TestThread {
            let thread = s.makeThread(priority: priority)
            s.perform(.setCore, thread.slot, core)
            s.start(thread)
            return thread
        }

        /// Makes a call and answers it; returns how many of the two took a fast path.
        func roundTrip() -> Int {
            let before = s.fastEntries
            s.call(client, endpoint, [1, 2, 3, 4, 5, 6, 7, 8])
            #expect(s.results(server).words.prefix(8) == [1, 2, 3, 4, 5, 6, 7, 8])
            s.replyAndReceive(server, endpoint, reply: reply, [9])
            #expect(s.results(client).words[0] == 9)
            return s.fastEntries - before
        }
    }

    @Test(arguments: [5, 10, 20] as [UInt64]) func aCallAndItsAnswer(priority: UInt64) {
        let p = Pair(server: priority)
        let wakes = p.other.wakes
        p.s.call(p.client, p.endpoint)
        #expect(p.other.running == p.server.ref && p.s.running == nil)
        #expect(p.s.effective(p.server) == UInt8(max(priority, 10)))
        #expect(p.other.wakes == wakes + 1)
        p.s.replyAndReceive(p.server, p.endpoint, reply: p.reply)
        #expect(p.other.running == nil && p.s.running == p.client.ref)
        #expect(p.s.effective(p.server) == UInt8(priority))
        #expect(p.roundTrip() == 2)
    }

    @Test func theGeneralPathComesToTheSame() {
        let (fast, general) = (Pair(), Pair(fast: false))
        #expect(fast.roundTrip() == 2 && general.roundTrip() == 0)
        for pair in [fast, general] {
            pair.s.hardware.now += 50
            #expect(pair.roundTrip() == (pair.s.usesFastPath ? 2 : 0))
        }
        for thread in [\Pair.server, \Pair.client] {
            let (a, b) = (fast[keyPath: thread].ref, general[keyPath: thread].ref)
            #expect(a.pointee.scheduling.raw == b.pointee.scheduling.raw)
            #expect(a.pointee.switches == b.pointee.switches)
            #expect(a.pointee.processorTime == b.pointee.processorTime)
        }
        let idle = [fast, general].map { $0.other.kernel.pointee.core.statistics[.idleTicks] }
        #expect(idle[0] == idle[1] && idle[0] > 0)
    }

    @Test func theNextThreadOfTheCallersCoreRuns() {
        let p = Pair()
        let below = Pair.thread(p.s, 5, on: 0)
        p.s.call(p.client, p.endpoint)
        #expect(p.s.running == below.ref && p.other.running == p.server.ref)
        p.s.replyAndReceive(p.server, p.endpoint, reply: p.reply)
        #expect(p.s.running == p.client.ref, "the answer interrupts it")
    }

    @Test(arguments: [true, false]) func aSignalWakesAThreadOfACoreThatSleeps(fast: Bool) {
        let p = Pair(fast: fast)
        let notification = p.s.make(.notification)
        let waiter = Pair.thread(p.s, 30, on: 1)
        for _ in 0..<2 {
            p.s.wait(waiter, notification)
            #expect(p.other.running == nil)
            let before = p.s.fastEntries
            p.s.signal(p.client, notification, bits: 5)
            #expect(p.s.fastEntries == before + (fast ? 1 : 0))
            #expect(p.s.running == p.client.ref && p.other.running == waiter.ref)
            #expect(p.s.results(waiter).badge == 5)
        }
    }

    @Test(arguments: [true, false]) func aUnitWakesAThreadOfACoreThatSleeps(fast: Bool) {
        let p = Pair(fast: fast)
        let m = TestMutexes(p.s)
        m.setWord(1, CountingWord(units: 0).raw)
        let sleeper = Pair.thread(p.s, 30, on: 1)
        for _ in 0..<2 {
            m.take(sleeper, 1)
            #expect(p.other.running == nil)
            let before = p.s.fastEntries
            m.give(p.client, 1)
            #expect(p.s.fastEntries == before + (fast ? 1 : 0))
            #expect(p.s.running == p.client.ref && p.other.running == sleeper.ref)
            #expect(p.s.results(sleeper).error == nil)
        }
    }

    /// The server that waits for callers is woken by its bound notification.
    @Test func aSignalWakesAServerOfACoreThatSleeps() {
        let p = Pair()
        let notification = p.s.make(.notification)
        p.s.perform(.bindNotification, p.server.slot, UInt64(notification))
        #expect(p.roundTrip() == 2)
        let before = p.s.fastEntries
        p.s.signal(p.client, notification, bits: 6)
        #expect(p.s.fastEntries == before + 1 && p.other.running == p.server.ref)
        #expect(p.s.results(p.server).badge == 6)
        p.s.receive(p.server, p.endpoint, reply: p.reply)
        #expect(p.roundTrip() == 2)
    }

    @Test func aCoreThatRunsAThreadTakesTheGeneralPath() {
        for priority: UInt64 in [1, 100] {
            let p = Pair()
            let hog = Pair.thread(p.s, priority, on: 1)
            let before = p.s.fastEntries
            p.s.call(p.client, p.endpoint)
            #expect(p.s.fastEntries == before)
            #expect(p.other.running == (priority == 1 ? p.server : hog).ref)
        }
    }

    @Test func aBudgetTakesTheGeneralPath() {
        let p = Pair()
        p.s.bind(p.s.makeBudget(), to: Pair.thread(p.s, 3, on: 0))
        #expect(p.roundTrip() == 0)
    }

    @Test func aSliceOfTheServerTakesTheGeneralPathOnItsCore() {
        let p = Pair()
        p.s.perform(.setSlice, p.server.slot, 1000)
        let wakes = p.other.wakes
        p.s.call(p.client, p.endpoint)
        #expect(p.other.running == p.server.ref && p.other.wakes == wakes)
    }

    @Test(arguments: [true, false]) func floatingPointTakesTheGeneralPath(ofClient: Bool) {
        let p = Pair()
        let thread = ofClient ? p.client : p.server
        if !ofClient {
            // The server uses it on core 0, and then goes back to wait on core 1.
            p.s.call(p.client, p.endpoint)
            p.s.perform(.setCore, p.server.slot, 0)
        }
        p.s.useFloatingPoint(thread)
        if !ofClient {
            p.s.perform(.setCore, p.server.slot, 1)
            p.s.replyAndReceive(p.server, p.endpoint, reply: p.reply)
        }
        let before = p.s.fastEntries
        p.s.call(p.client, p.endpoint)
        #expect(p.s.fastEntries == before && p.other.running == p.server.ref)
    }

    /// A deadline of the caller's core that was left out beside the caller interrupts whoever runs
    /// next, or nobody.
    @Test func aDeadlineOfAnEqualTimerIsNotForgotten() {
        let p = Pair()
        let (notification, timer) = (p.s.make(.notification), p.s.make(.timer))
        p.s.perform(.bindTimer, timer, UInt64(notification), 1)
        p.s.perform(.arm, timer, p.s.hardware.now + 100, 0)
        p.s.call(p.client, p.endpoint)
        let waiter = Pair.thread(p.s, 3, on: 0)
        p.s.wait(waiter, notification)
        p.s.advance(by: 200)
        #expect(p.s.running == waiter.ref)
    }
}
