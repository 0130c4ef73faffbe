// The most urgent thread runs: in order of arrival among equals, with slices where a thread has
// one.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

@Suite struct SchedulingTests {
    @Test func theMostUrgentRuns() {
        let s = TestSystem()
        let (low, high, middle) = s.run(10, 30, 20)
        #expect(s.isRunning(high))
        let notification = s.asRoot { s.make(.notification) }
        #expect(s.isRunning(high))
        s.wait(high, notification)
        #expect(s.isRunning(middle))
        #expect(s.state(high) == .waiting && s.state(low) == .ready)
        s.signal(middle, notification, bits: 4)
        #expect(s.isRunning(high))
        #expect(s.results(high).badge == 4)
        #expect(s.state(middle) == .ready)
    }

    @Test func equalsRunInOrderOfArrivalAndAPreemptedThreadKeepsItsPlace() {
        let s = TestSystem()
        let threads = s.run([10, 10, 10])
        #expect(s.isRunning(threads[0]))
        // The root task preempts, and the preempted thread goes on.
        s.asRoot {}
        #expect(s.isRunning(threads[0]))
        s.yield(threads[0])
        #expect(s.isRunning(threads[1]))
        s.asRoot {}
        #expect(s.isRunning(threads[1]))
        s.yield(threads[1])
        #expect(s.isRunning(threads[2]))
        s.yield(threads[2])
        #expect(s.isRunning(threads[0]))
    }

    @Test func yieldIsNothingWithoutEquals() {
        let s = TestSystem()
        let (high, _) = s.run(20, 10)
        s.yield(high)
        #expect(s.isRunning(high))
        #expect(s.results(high).error == nil)
    }

    /// A thread that yields goes behind its equals also where a step of the call makes a more
    /// urgent thread ready: here a caller whose server does not answer in time.
    @Test(arguments: [true, false]) func yieldBesideAMoreUrgentThread(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, endpoint, _) = s.makeServer(3)
        let notification = s.make(.notification)
        let high = s.makeThread(priority: 20)
        s.start(high)
        s.call(high, endpoint, deadline: s.hardware.now + 100)
        #expect(s.isRunning(server))
        s.wait(server, notification)
        let low = s.makeThread(priority: 5)
        let equal = s.makeThread(priority: 5)
        s.start(low, equal)
        #expect(s.isRunning(low))
        s.hardware.now += 200
        s.yield(low)
        #expect(s.isRunning(high) && s.results(high).error == .timedOut)
        s.wait(high, notification)
        #expect(s.isRunning(equal))
        s.yield(equal)
        #expect(s.isRunning(low) && s.results(low).error == nil)
    }

    @Test func slicesRotateEqualsOnly() {
        let s = TestSystem()
        let a = s.makeThread(priority: 10)
        let b = s.makeThread(priority: 10)
        let low = s.makeThread(priority: 5)
        s.asRoot {
            s.perform(.setSlice, a.slot, 1000)
            s.perform(.setSlice, low.slot, 700)
        }
        s.start(a, b, low)
        s.go()
        #expect(s.isRunning(a))
        #expect(s.hardware.deadline == s.hardware.now + 1000)
        s.advance(by: 999)
        #expect(s.isRunning(a))
        s.advance(by: 1)
        #expect(s.isRunning(b))
        // b has no slice: the timer is silent.
        #expect(s.hardware.deadline == ~0)
        s.advance(by: 100_000)
        #expect(s.isRunning(b))
        s.yield(b)
        #expect(s.isRunning(a))
        // Alone at its priority: no timer for a either.
        s.perform(.suspend, b.slot)
        #expect(s.isRunning(a))
        #expect(s.hardware.deadline == ~0)
        s.advance(by: 1000)
        #expect(s.isRunning(a))
    }

    /// A preempting thread neither takes from a slice nor adds to it. Otherwise equals could wait
    /// for ever.
    @Test func aPreemptedThreadKeepsTheRestOfItsSlice() {
        let s = TestSystem()
        let a = s.makeThread(priority: 10)
        let b = s.makeThread(priority: 10)
        s.asRoot { for thread in [a, b] { s.perform(.setSlice, thread.slot, 1000) } }
        s.start(a, b)
        s.go()
        #expect(s.isRunning(a))
        s.advance(by: 600)
        s.asRoot { s.advance(by: 500) }
        #expect(s.isRunning(a) && s.hardware.deadline == s.hardware.now + 400)
        s.advance(by: 399)
        s.asRoot {}
        #expect(s.isRunning(a))
        s.advance(by: 1)
        #expect(s.isRunning(b) && s.hardware.deadline == s.hardware.now + 1000)
        // A slice that has ended is a whole one the next time.
        s.advance(by: 1000)
        #expect(s.isRunning(a) && s.hardware.deadline == s.hardware.now + 1000)
    }

    /// The same where a timer ends in a switch at once: alone, for good; and periodically.
    @Test(arguments: [0, 5000]) func whomATimerPreemptsKeepsTheRestOfItsSlice(period: UInt64) {
        let s = TestSystem()
        let a = s.makeThread(priority: 10)
        let b = s.makeThread(priority: 10)
        let urgent = s.makeThread(priority: 50)
        let notification = s.make(.notification)
        let timer = s.makeTimer(signalling: notification)
        s.asRoot { for thread in [a, b] { s.perform(.setSlice, thread.slot, 1000) } }
        s.start(urgent)
        s.go()
        s.wait(urgent, notification)
        s.start(a, b)
        s.perform(.arm, timer, s.hardware.now + 600, period)
        #expect(s.isRunning(a) && s.hardware.deadline == s.hardware.now + 600)
        s.advance(by: 600)
        #expect(s.isRunning(urgent) && s.results(urgent).badge == 1)
        #expect(s.hardware.deadline == (period == 0 ? ~0 : s.hardware.now + period))
        s.advance(by: 50)
        s.wait(urgent, notification)
        #expect(s.isRunning(a) && s.hardware.deadline == s.hardware.now + 400)
        s.advance(by: 399)
        #expect(s.isRunning(a))
        s.advance(by: 1)
        #expect(s.isRunning(b))
    }

    /// A slice that ends in the instant that preempts its thread does not begin again.
    @Test(arguments: [true, false]) func aSliceThatIsOverStaysOver(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (a, b) = (s.makeThread(priority: 10), s.makeThread(priority: 10))
        let urgent = s.makeThread(priority: 50)
        let notification = s.make(.notification)
        let timer = s.makeTimer(signalling: notification)
        s.asRoot { for thread in [a, b] { s.perform(.setSlice, thread.slot, 1000) } }
        s.start(urgent)
        s.go()
        s.wait(urgent, notification)
        s.start(a, b)
        s.perform(.arm, timer, s.hardware.now + 1000)
        s.advance(by: 1000)
        #expect(s.isRunning(urgent) && s.results(urgent).badge == 1)
        s.wait(urgent, notification)
        #expect(s.isRunning(a) && s.hardware.deadline == s.hardware.now + 1)
        s.advance(by: 1)
        #expect(s.isRunning(b))
    }

    /// More threads than the ready queue has room for in front, each preempted by the next.
    @Test func whoIsPreemptedInTurnGoesOnInTurn() {
        let s = TestSystem()
        let low = s.makeThread(priority: 5)
        let equal = s.makeThread(priority: 5)
        let threads = [20, 30, 40].map { s.makeThread(priority: $0) }
        let notifications = threads.map { _ in s.make(.notification) }
        s.start(threads[0], threads[1], threads[2])
        s.go()
        for index in [2, 1, 0] { s.wait(threads[index], notifications[index]) }
        s.start(low, equal)
        s.signal(low, notifications[0], bits: 1)
        s.signal(threads[0], notifications[1], bits: 1)
        s.signal(threads[1], notifications[2], bits: 1)
        for index in [2, 1, 0] {
            #expect(
                s.isRunning(threads[index])
                    && s.results(threads[index]).badge == (index == 2 ? 1 : 0))
            s.wait(threads[index], notifications[index])
        }
        #expect(s.isRunning(low) && s.results(low).error == nil)
        s.yield(low)
        #expect(s.isRunning(equal))
    }

    /// When a server gets its slice.
    enum SliceSetting: CaseIterable { case before, whileItWaits, whileItServes }

    /// A server that a plain call starts has its slice too. Otherwise its equals could wait for
    /// ever.
    @Test(arguments: SliceSetting.allCases) func aServerKeepsItsSlice(setting: SliceSetting) {
        let s = TestSystem()
        let server = s.makeThread(priority: 5)
        let client = s.makeThread(priority: 10)
        let other = s.makeThread(priority: 10)
        let (endpoint, reply) = s.serve(server)
        func setSlice(_ now: SliceSetting) {
            if now == setting { s.perform(.setSlice, server.slot, 1000) }
        }
        setSlice(.before)
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply)
        setSlice(.whileItWaits)
        s.start(client)
        s.call(client, endpoint)
        setSlice(.whileItServes)
        s.replyAndReceive(server, endpoint, reply: reply)
        s.start(other)
        #expect(s.isRunning(client))
        s.call(client, endpoint)
        #expect(s.isRunning(server) && s.hardware.deadline == s.hardware.now + 1000)
        s.advance(by: 1000)
        #expect(s.isRunning(other))
    }

    @Test func theTimerIsOffWhenNothingIsDue() {
        let s = TestSystem()
        let notification = s.make(.notification)
        let a = s.run(10)
        s.wait(a, notification, deadline: s.hardware.now + 50)
        #expect(s.running == nil)
        #expect(s.hardware.deadline == 1050)
        s.advance(by: 50)
        #expect(s.isRunning(a))
        #expect(s.results(a).error == .timedOut)
        // A timer that stayed armed in the past would interrupt for ever.
        #expect(s.hardware.deadline == ~0)
    }

    @Test func aDeadlineThatHasPassedDoesNotBlock() {
        let s = TestSystem()
        let notification = s.make(.notification)
        let endpoint = s.make(.endpoint)
        let reply = s.make(.reply)
        let a = s.run(10)
        s.wait(a, notification, deadline: s.hardware.now)
        #expect(s.isRunning(a) && s.results(a).error == .timedOut)
        s.receive(a, endpoint, reply: reply, deadline: 1)
        #expect(s.isRunning(a) && s.results(a).error == .timedOut)
        s.call(a, endpoint, deadline: 1)
        #expect(s.isRunning(a) && s.results(a).error == .timedOut)
        s.poll(a, notification)
        #expect(s.results(a).error == .wouldBlock)
    }

    @Test func deadlinesAreServedByUrgencyAndInterruptNobodyMoreUrgent() {
        let s = TestSystem()
        let notification = s.make(.notification)
        let threads = s.run((0..<9).map { UInt64(20 - $0) })
        for (index, thread) in threads.enumerated() {
            s.wait(thread, notification, deadline: 2000 + UInt64(index % 3) * 10)
        }
        #expect(s.running == nil)
        s.advance(by: 1005)
        // 0, 3 and 6 are due; the most urgent comes first, and nothing less urgent interrupts it.
        #expect(
            s.isRunning(threads[0]) && s.state(threads[3]) == .waiting
                && s.state(threads[6]) == .waiting)
        s.advance(by: 1000)
        #expect(s.isRunning(threads[0]) && s.hardware.deadline == ~0)
        var order: [Int] = []
        while let running = s.running,
            let index = threads.firstIndex(where: { $0.ref == running })
        {
            order.append(index)
            s.wait(threads[index], notification)
        }
        #expect(order == Array(0..<9))
    }

    @Test func aLowerBasePriorityLetsOthersRun() {
        let s = TestSystem()
        let (a, b) = s.run(30, 20)
        #expect(s.invoke(a, .setPriority, a.slot, 10, 100).error == nil)
        #expect(s.isRunning(b))
        #expect(s.invoke(b, .setPriority, a.slot, 25, 100).error == nil)
        #expect(s.isRunning(a))
    }

    @Test func nobodyGivesMorePriorityThanItsMaximum() {
        let s = TestSystem()
        let a = s.run(30)
        #expect(s.invoke(a, .setPriority, a.slot, 10, 201).error == .notPermitted)
        #expect(s.invoke(a, .setPriority, a.slot, 50, 40).error == .invalidArgument)
        #expect(s.invoke(a, .setPriority, a.slot, 256, 256).error == .invalidArgument)
        #expect(s.effective(a) == 30)
        #expect(s.invoke(a, .setPriority, a.slot, 200, 200).error == nil)
        #expect(s.effective(a) == 200)
    }

    @Test func suspendAndResume() {
        let s = TestSystem()
        let notification = s.make(.notification)
        let (a, b) = s.run(30, 20)
        #expect(s.perform(.resume, a.slot).error == .wrongState)
        // By itself, while it runs.
        s.invoke(a, .suspend, a.slot)
        #expect(s.state(a) == .stopped && s.isRunning(b))
        s.start(a)
        #expect(s.isRunning(a) && s.results(a).error == nil)
        // While it waits.
        s.wait(a, notification, deadline: 5000)
        s.perform(.suspend, a.slot)
        #expect(s.state(a) == .stopped)
        #expect(!a.ref.pointee.scheduling.hasDeadline)
        s.start(a)
        #expect(s.isRunning(a) && s.results(a).error == .cancelled)
        // While it is ready.
        s.perform(.suspend, b.slot)
        #expect(s.state(b) == .stopped)
        s.perform(.suspend, b.slot)
        #expect(s.state(b) == .stopped)
    }

    @Test func informationTellsStateAndPriorities() {
        let s = TestSystem()
        let a = s.run(30)
        s.advance(by: 500)
        let result = s.perform(.threadInformation, a.slot)
        #expect(result.x[3] == UInt64(ThreadState.ready.rawValue) | 30 << 8 | 30 << 16 | 200 << 24)
        #expect(result.x[4] == 500)
    }

    @Test func registersAreReadAndWrittenOfStoppedThreadsOnly() {
        let s = TestSystem()
        let a = s.makeThread(priority: 30)
        let b = s.makeThread(priority: 20)
        s.start(b)
        s.go()
        #expect(s.isRunning(b))
        #expect(s.invoke(b, .readRegisters, b.slot).error == .wrongState)
        #expect(s.invoke(b, .setEntry, a.slot, 0x2000, 0x8000, 7, 9).error == nil)
        #expect(s.invoke(b, .readRegisters, a.slot).error == nil)
        let words = s.buffer(b) + 8
        #expect(words[0] == 7 && words[31] == 0x8000 && words[32] == 0x2000 && words[34] == 9)
        for index in 0..<35 { words[index] = UInt64(index) | 0xf_ffff_0000_0000 }
        #expect(s.invoke(b, .writeRegisters, a.slot).error == nil)
        #expect(a.ref.registers[30] == 30 | 0xf_ffff_0000_0000)
        #expect(a.ref.pointee.context.isFull)
    }

    /// PSTATE takes the bits that EL0 may set: the condition flags, TCO, DIT and SSBS. Only fast
    /// interrupts are masked, and the kernel's own bit does not show.
    @Test(arguments: [0, ~0, 0x9300_1000, 0x3c5, 1 << 63] as [UInt64])
    func onlyTheThreadsOwnPartOfPSTATEIsWritten(flags: UInt64) {
        let s = TestSystem()
        let a = s.makeThread(priority: 30)
        let b = s.makeThread(priority: 20)
        s.start(b)
        s.go()
        let words = s.buffer(b) + 8
        words[33] = 0xdead
        #expect(s.invoke(b, .readRegisters, a.slot).error == nil)
        #expect(words[33] == 0 && a.ref.pointee.context.flags == UserContext.full | 1 << 6)
        words[33] = flags
        #expect(s.invoke(b, .writeRegisters, a.slot).error == nil)
        #expect(a.ref.pointee.context.flags == flags & 0xf300_1000 | 1 << 6 | UserContext.full)
        #expect(s.invoke(b, .readRegisters, a.slot).error == nil)
        #expect(words[33] == flags & 0xf300_1000)
        #expect(s.invoke(b, .setEntry, a.slot, 0x2000, 0x8000, 7, 9).error == nil)
        #expect(a.ref.pointee.context.flags == UserContext.full | 1 << 6)
    }
}
