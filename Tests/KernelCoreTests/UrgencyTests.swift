// Deadlines by urgency: the queue against an array, and what a thread notices of deadlines that are
// less urgent than itself.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct UrgencyTests {
    @Test(arguments: [1, 2, 3]) func theQueueAnswersAsAnArrayDoes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let memory = UnsafeMutablePointer<DeadlineNode>.allocate(capacity: 60)
        let owner = UnsafeMutablePointer<ObjectHeader>.allocate(capacity: 1)
        defer {
            memory.deallocate()
            owner.deallocate()
        }
        owner.initialize(to: ObjectHeader(.thread, size: 1))
        for index in 0..<60 {
            (memory + index).initialize(to: DeadlineNode())
            (memory + index).pointee.owner = Ref(owner)
            // Neighbours differ in the last bit, so that the tree grows as deep as it can.
            (memory + index).pointee.place = UInt32(seed == 1 ? index : 0xfff - index * 68)
            (memory + index).pointee.hasNumber = true
        }
        var queue = DeadlineQueue()
        // In the order of service among equals in urgency.
        var order: [(index: Int, at: UInt64, urgency: UInt8)] = []
        for _ in 0..<3000 {
            let index = Int.random(in: 0..<60, using: &random)
            let urgency = UInt8.random(in: 0..<6, using: &random) * (seed == 3 ? 51 : 1)
            let node = Ref(memory + index)
            if let at = order.firstIndex(where: { $0.index == index }) {
                queue.remove(node)
                order.remove(at: at)
            } else {
                let instant = UInt64.random(in: 0..<40, using: &random)
                queue.insert(node, at: Instant(ticks: instant), level: UInt32(urgency))
                order.append((index, instant, urgency))
                order.sort { $0.at < $1.at }
            }
            var inspection = Inspection()
            inspection.kinds[UInt(bitPattern: owner)] = .thread
            let nodes = inspection.inspect(queue, "queue")
            #expect(inspection.violations == [] && nodes.count == order.count)
            let limit = UInt64.random(in: 0..<42, using: &random)
            let due = order.filter { $0.at <= limit }
            let greatest = due.map(\.urgency).max()
            // Which of several at one instant comes first is the queue's own affair.
            let expected = due.first { $0.urgency == greatest }
            let found = queue.mostUrgent(dueAt: Instant(ticks: limit))
            #expect(
                found?.pointee.level == expected.map { UInt32($0.urgency) }
                    && found?.pointee.instant.ticks == expected?.at)
            let early = queue.earliest(atLeast: UInt32(urgency))
            #expect(early.ticks == order.first { $0.urgency >= urgency }?.at ?? ~0)
        }
    }

    /// The numbers are a limit, a quarter of which only the urgent may use up; one that is given
    /// back is free again.
    @Test func numbersAreLimited() {
        let memory = UnsafeMutablePointer<DeadlineNumbers>.allocate(capacity: 1)
        UnsafeMutableRawPointer(memory).initializeMemory(
            as: UInt8.self, repeating: 0, count: MemoryLayout<DeadlineNumbers>.size)
        defer { memory.deallocate() }
        var seen: Set<UInt32> = []
        for _ in 0..<3072 {
            if let number = memory.pointee.take(maximum: 127) { seen.insert(number) }
        }
        #expect(seen.count == 3072)
        #expect(memory.pointee.take(maximum: 127) == nil)
        for _ in 0..<1024 {
            if let number = memory.pointee.take(maximum: 128) { seen.insert(number) }
        }
        #expect(seen.count == 4096 && seen.max() == 4095)
        #expect(memory.pointee.take(maximum: 255) == nil)
        memory.pointee.give(back: 77)
        #expect(memory.pointee.take(maximum: 10) == 77)
        memory.pointee.give(back: 4000)
        #expect(memory.pointee.take(maximum: 127) == nil)
        #expect(memory.pointee.take(maximum: 200) == 4000)
    }

    /// A timer that a less urgent thread armed does not interrupt; it is served as soon as a less
    /// urgent thread runs, though that comes by the fast path of a reply.
    @Test(arguments: [true, false]) func aLessUrgentTimerWaitsForItsTurn(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 50)
        let client = s.makeThread(priority: 10)
        let waiter = s.makeThread(priority: 12)
        let (endpoint, reply) = s.serve(server)
        let notification = s.make(.notification)
        let timer = s.make(.timer)
        s.perform(.bindTimer, timer, UInt64(notification), 4)
        s.perform(.setPriority, waiter.slot, 12, 12)
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.start(waiter)
        s.invoke(waiter, .arm, timer, s.hardware.now + 500)
        s.wait(waiter, notification)
        s.start(client)
        s.call(client, endpoint)
        #expect(s.isRunning(server))
        s.advance(by: 1000)
        #expect(s.isRunning(server) && s.state(waiter) == .waiting && s.hardware.deadline == ~0)
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(waiter) && s.results(waiter).badge == 4)
    }

    /// A time-out is as urgent as its thread is, also where that changes while it waits.
    @Test func aTimeOutFollowsItsThreadsPriority() {
        let s = TestSystem()
        let notification = s.make(.notification)
        let (waiter, server) = s.run(10, 9)
        let (endpoint, _) = s.serve(server)
        s.wait(waiter, notification, deadline: 1500)
        s.call(server, s.make(.endpoint), deadline: 1600)
        let busy = s.makeThread(priority: 30)
        s.start(busy)
        #expect(s.isRunning(busy) && s.hardware.deadline == ~0)
        s.perform(.setPriority, waiter.slot, 40, 200)
        #expect(s.hardware.deadline == 1500)
        s.perform(.setPriority, waiter.slot, 20, 200)
        #expect(s.hardware.deadline == ~0)
        // The same by inheritance: the server is called by somebody urgent.
        let client = s.makeThread(priority: 50)
        s.start(client)
        s.call(client, endpoint)
        #expect(s.isRunning(busy) && s.hardware.deadline == 1600)
        s.advance(by: 1600 - s.hardware.now)
        #expect(
            s.isRunning(server) && s.results(server).error == .timedOut
                && s.state(waiter) == .waiting)
    }

    /// Who may become urgent may have urgent timers.
    @Test func aTimerIsAsUrgentAsItsArmerMayBecome() {
        let s = TestSystem()
        let (notification, timer) = (s.make(.notification), s.make(.timer))
        s.perform(.bindTimer, timer, UInt64(notification), 1)
        let busy = s.makeThread(priority: 30)
        let armer = s.run(10)
        for (maximum, deadline) in [(40, 1500), (20, ~0)] as [(UInt64, UInt64)] {
            s.perform(.setPriority, armer.slot, 10, maximum)
            s.invoke(armer, .arm, timer, 1500)
            s.start(busy)
            #expect(s.isRunning(busy) && s.hardware.deadline == deadline)
            s.perform(.suspend, busy.slot)
        }
    }

    /// A timer of the thread's own urgency does not interrupt it. A yield serves the timer once it
    /// is due, and the woken equal runs.
    @Test(arguments: [true, false]) func aYieldServesAnEquallyUrgentTimer(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (bell, timer) = (s.make(.notification), s.make(.timer))
        s.perform(.bindTimer, timer, UInt64(bell), 4)
        let (waiter, armer) = s.run(10, 10)
        s.perform(.setPriority, armer.slot, 10, 10)
        s.wait(waiter, bell)
        s.invoke(armer, .arm, timer, s.hardware.now + 500)
        #expect(s.hardware.deadline == ~0)
        s.yield(armer)
        #expect(s.isRunning(armer) && s.state(waiter) == .waiting)
        s.advance(by: 499)
        s.yield(armer)
        #expect(s.isRunning(armer) && s.state(waiter) == .waiting)
        s.advance(by: 1)
        #expect(s.isRunning(armer) && s.state(waiter) == .waiting)
        s.yield(armer)
        #expect(s.isRunning(waiter) && s.results(waiter).badge == 4)
    }

    /// However many timers others arm for the same instant: the urgent one is served first, and
    /// undisturbed.
    @Test func manyTimersOfOthersDelayNobodyMoreUrgent() {
        let s = TestSystem()
        let low = s.makeThread(priority: 10)
        let waiter = s.makeThread(priority: 20)
        let high = s.makeThread(priority: 60)
        let (theirs, mine) = (s.make(.notification), s.make(.notification))
        let timers = (0..<12).map { _ in s.make(.timer) }
        for timer in timers { s.perform(.bindTimer, timer, UInt64(theirs), 1) }
        let urgent = s.make(.timer)
        s.perform(.bindTimer, urgent, UInt64(mine), 1)
        s.perform(.setPriority, low.slot, 10, 12)
        s.perform(.setPriority, high.slot, 60, 60)
        s.start(low)
        s.go()
        for timer in timers { s.invoke(low, .arm, timer, 5000, 700) }
        s.start(waiter)
        s.wait(waiter, theirs)
        s.start(high)
        s.invoke(high, .arm, urgent, 5000)
        s.wait(high, mine)
        let before = s.steps
        s.advance(by: 4000)
        #expect(s.isRunning(high) && s.steps == before + 1)
        // None of them interrupts it, whatever time it takes.
        s.advance(by: 100_000)
        #expect(s.isRunning(high) && s.steps == before + 1)
        s.wait(high, mine)
        #expect(s.isRunning(waiter) && s.results(waiter).badge == 1)
    }

    /// A deadline that was set for a less urgent thread comes when another runs: it serves nobody,
    /// whoever waits for it.
    @Test(arguments: [true, false]) func aLessUrgentDeadlineComesToNothing(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (bell, wake, timer) = (s.make(.notification), s.make(.notification), s.make(.timer))
        s.perform(.bindTimer, timer, UInt64(bell), 1)
        let (waiter, high, low) = s.run(60, 50, 10)
        s.perform(.setPriority, low.slot, 10, 12)
        s.wait(waiter, bell)
        s.wait(high, wake)
        s.invoke(low, .arm, timer, 1500)
        s.signal(low, wake, bits: 1)
        s.advance(by: 1000)
        #expect(s.isRunning(high) && s.state(waiter) == .waiting)
        s.wait(high, wake)
        #expect(s.isRunning(waiter) && s.results(waiter).badge == 1)
    }

    /// What may happen to a deadline that is due, but waits for its turn.
    enum End: CaseIterable { case timer, capability, notification, armer, cancel, sleeper }

    /// A deadline that is due may go before it is served: nobody is signalled in its name, what
    /// else is due is served when its turn comes, and what comes later as well. The end itself is
    /// interrupted at every step, or not at all.
    @Test(arguments: End.allCases, [nil, 0]) func whatIsDueMayGo(end: End, period: Int?) {
        let s = TestSystem()
        let deferred = Deferred(s)
        s.advance(by: 1000)
        #expect(s.isRunning(deferred.high) && s.hardware.deadline == ~0)
        s.hardware.queriesLeft = period
        s.hardware.ghostPeriod = period
        deferred.end(end)
        s.hardware.queriesLeft = nil
        #expect(s.isRunning(deferred.high) && s.hardware.deadline == ~0)
        s.inspectTables()
        s.wait(deferred.high, deferred.never)
        #expect(s.isRunning(deferred.low))
        let isSilenced = end != .armer && end != .sleeper
        s.poll(deferred.low, deferred.kept)
        #expect(s.results(deferred.low).badge == 2)
        s.poll(deferred.low, deferred.bell)
        if end == .notification {
            #expect(s.results(deferred.low).error == .invalidCapability)
        } else {
            #expect(s.results(deferred.low).badge == (isSilenced ? 0 : 1))
        }
        // A thread that yields serves what is due of its own urgency.
        s.yield(deferred.low)
        if end != .sleeper {
            #expect(s.isRunning(deferred.sleeper) && s.results(deferred.sleeper).error == .timedOut)
            s.perform(.suspend, deferred.sleeper.slot)
        }
        #expect(s.hardware.deadline == (isSilenced && end != .notification ? 5000 : 2200))
        s.advance(by: 5000 - s.hardware.now)
        s.poll(deferred.low, deferred.kept)
        #expect(s.results(deferred.low).badge == 4)
    }
}

/// An urgent thread that runs, and what less urgent ones are waiting for, all due at 1500: a doomed
/// periodic timer, a doomed sleeper's time-out, and a timer that stays; and one timer for 5000.
private struct Deferred {
    let s: TestSystem
    let high: TestThread
    let low: TestThread
    let sleeper: TestThread
    /// Rung by the doomed timer; rung by those that stay; never rung.
    let bell, kept, never: UInt32
    private let memory: [UrgencyTests.End: UInt32]
    private let timer: UInt32

    init(_ s: TestSystem) {
        self.s = s
        var memory: [UrgencyTests.End: UInt32] = [:]
        for end in UrgencyTests.End.allCases { memory[end] = s.make(.untyped, sizeBits: 14) }
        self.memory = memory
        func region(_ end: UrgencyTests.End) -> UInt32 { memory[end] ?? TestSystem.ram }
        high = s.makeThread(priority: 60)
        low = s.makeThread(priority: 10)
        let armer = s.makeThread(priority: 12, from: region(.armer))
        sleeper = s.makeThread(priority: 10, from: region(.sleeper), hasBuffer: false)
        bell = s.make(.notification, from: region(.notification))
        (kept, never) = (s.make(.notification), s.make(.notification))
        timer = s.make(.timer, from: region(.timer))
        let staying = [s.make(.timer), s.make(.timer)]
        s.perform(.bindTimer, timer, UInt64(bell), 1)
        s.perform(.bindTimer, staying[0], UInt64(kept), 2)
        s.perform(.bindTimer, staying[1], UInt64(kept), 4)
        for thread in [armer, sleeper] {
            s.perform(.setPriority, thread.slot, UInt64(thread.ref.effective), 12)
        }
        s.start(armer)
        s.go()
        s.invoke(armer, .arm, timer, 1500, 700)
        s.invoke(armer, .arm, staying[0], 1500)
        s.invoke(armer, .arm, staying[1], 5000)
        s.perform(.suspend, armer.slot)
        s.start(sleeper)
        s.wait(sleeper, never, deadline: 1500)
        s.start(low, high)
    }

    func end(_ end: UrgencyTests.End) {
        switch end {
        case .timer, .notification, .armer, .sleeper: s.perform(.reclaim, memory[end] ?? 0)
        case .capability: #expect(s.delete(timer).error == nil)
        case .cancel: s.perform(.cancelTimer, timer)
        }
    }
}
