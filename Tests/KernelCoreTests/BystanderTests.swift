// Events must not disturb threads that they do not concern: a less urgent driver does not preempt,
// the lowest priority runs, and the kernel's accounts name the thread that runs.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct BystanderTests {
    /// The interrupt of a less urgent driver lets the running thread go on, on either path; so does
    /// one that is as urgent.
    @Test(arguments: [true, false], [5, 20] as [UInt64]) func aDriverThatIsNoMoreUrgentWaits(
        fast: Bool, priority: UInt64
    ) {
        let s = TestSystem(fast: fast)
        let driver = s.makeThread(priority: priority)
        let other = s.makeThread(priority: 20)
        let notification = s.make(.notification)
        _ = s.makeInterrupt(line: 40, trigger: .level, signalling: notification, bits: 4)
        s.start(driver)
        s.go()
        s.wait(driver, notification)
        s.start(other)
        #expect(s.isRunning(other))
        s.raise(line: 40)
        #expect(s.isRunning(other) && s.state(driver) == .ready)
        s.invoke(other, .suspend, other.slot)
        #expect(s.isRunning(driver) && s.results(driver).badge == 4)
    }

    /// A timer that a thread of a high maximum armed does the same.
    @Test(arguments: [true, false], [5, 20] as [UInt64]) func aTimersWaiterThatIsNoMoreUrgentWaits(
        fast: Bool, priority: UInt64
    ) {
        let s = TestSystem(fast: fast)
        let waiter = s.makeThread(priority: priority)
        let other = s.makeThread(priority: 20)
        let notification = s.make(.notification)
        let timer = s.makeTimer(signalling: notification, bits: 2)
        s.start(waiter)
        s.go()
        s.wait(waiter, notification)
        s.start(other)
        s.invoke(other, .arm, timer, s.hardware.now + 100)
        s.advance(by: 100)
        #expect(s.isRunning(other) && s.state(waiter) == .ready)
        s.invoke(other, .suspend, other.slot)
        #expect(s.isRunning(waiter) && s.results(waiter).badge == 2)
    }

    /// Priority 0 is a priority.
    @Test func theLeastUrgentThreadRuns() {
        let s = TestSystem()
        let (a, b) = s.run(0, 0)
        #expect(s.isRunning(a))
        s.yield(a)
        #expect(s.isRunning(b))
        s.invoke(b, .suspend, b.slot)
        #expect(s.isRunning(a))
        s.invoke(a, .suspend, a.slot)
        #expect(s.running == nil)
        s.start(b)
        #expect(s.isRunning(b))
    }

    /// Makes three threads of one priority. The first preempted the second before it became its
    /// equal.
    ///
    /// - Parameter third: whether the third is ready too.
    private func makeEquals(_ s: TestSystem, third: Bool) -> [TestThread] {
        let notification = s.make(.notification)
        let threads = [20, 10, 10].map { s.makeThread(priority: $0) }
        s.start(threads[0])
        s.go()
        s.wait(threads[0], notification)
        s.start(threads[1])
        if third { s.start(threads[2]) }
        s.signal(threads[1], notification, bits: 1)
        #expect(s.isRunning(threads[0]))
        #expect(s.invoke(threads[0], .setPriority, threads[0].slot, 10, 20).error == nil)
        #expect(s.isRunning(threads[0]))
        return threads
    }

    /// A thread that yields goes behind all its equals, on either path.
    @Test(arguments: [true, false]) func aThreadThatYieldsGoesBehindAllItsEquals(fast: Bool) {
        let s = TestSystem(fast: fast)
        let threads = makeEquals(s, third: true)
        for index in [0, 1, 2, 0, 1, 2] {
            #expect(s.isRunning(threads[index]))
            s.yield(threads[index])
        }
    }

    /// Two equals take turns on the fast path.
    @Test func twoEqualsTakeTurnsOnTheFastPath() {
        let s = TestSystem()
        let threads = makeEquals(s, third: false)
        let before = s.fastEntries
        for index in [0, 1, 0, 1] {
            #expect(s.isRunning(threads[index]))
            s.yield(threads[index])
        }
        #expect(s.fastEntries == before + 4)
    }

    /// On the general path every switch is counted, and a thread's time runs while it does.
    @Test func aThreadsBooksTellHowOftenAndHowLongItRan() {
        let s = TestSystem(fast: false)
        let (a, b) = s.run(10, 10)
        a.ref.pointee.processorTime = 0
        for thread in [a, b, a] {
            s.hardware.now += 7
            s.yield(thread)
        }
        let books = [a, b].map { Array(s.perform(.threadInformation, $0.slot).x[4...7]) }
        // The root task, which asks, interrupts b once between both.
        #expect(books[0][3] == 2 && books[1][3] == 3)
        #expect(books[0][0] == 14)
        #expect(books[0][1] == TestSystem.callPlace + 4)
    }

    /// A fast call does not record the switch; the next exception does.
    @Test func aTrapAfterAFastCallIsTheServers() {
        let s = TestSystem()
        let (server, client, endpoint, _) = s.makePair()
        s.call(client, endpoint)
        #expect(s.isRunning(server))
        s.useFloatingPoint(server)
        #expect(s.isRunning(server) && s.kernel.pointee.core.current == server.ref)
    }

    /// A receiver without IPC buffer gets the words and no capability.
    @Test func whoHasNoBufferGetsNoCapabilities() {
        let s = TestSystem()
        let server = s.makeThread(priority: 5, hasBuffer: false)
        let (endpoint, reply) = s.serve(server)
        let client = s.makeThread(priority: 20)
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.start(client)
        s.buffer(client)[IPCBuffer.sendSlots / 8] = UInt64(s.make(.notification))
        s.call(client, endpoint, [7], capabilities: 1)
        let results = s.results(server)
        #expect(s.isRunning(server) && results.words[0] == 7 && results.word.capabilityCount == 0)
    }

    /// A copy of a mapped frame's capability is not mapped, and has no badge that says so.
    @Test func aCopyOfAMappedFrameIsNotMapped() {
        let s = TestSystem()
        let frame = s.make(.frame, sizeBits: 12)
        let space = RootSlot.addressSpace.index
        s.attachTables(to: space, at: 0x7000_0000, levels: 1)
        #expect(s.perform(.map, space, UInt64(frame), 0x7000_0000, 1).error == nil)
        let other = s.copy(frame)
        #expect(s.perform(.describe, Slot.ownTable.index, UInt64(frame)).x[5] == 0x7000_0000)
        #expect(s.perform(.describe, Slot.ownTable.index, UInt64(other)).x[5] == 0)
        #expect(s.perform(.frameInformation, other).x[5] == 0)
    }

    /// Two events come with each reading, the same that come one by one.
    @Test func theTraceIsReadInPairs() {
        let s = TestSystem()
        let control = RootSlot.systemControl.index
        s.perform(.trace, control, 1)
        for _ in 0..<5 {
            s.hardware.now += 3
            s.perform(.describe, Slot.ownTable.index, 0)
        }
        s.perform(.trace, control, 0)
        let count = s.perform(.trace, control, 2, 0).x[3]
        #expect(count >= 6)
        for index in 0..<count {
            let here = s.perform(.trace, control, 2, index).x
            let next = s.perform(.trace, control, 2, index + 1).x
            #expect(here[3] == count && here[4] != 0 && here[6] == UInt64(s.root.ref.bits))
            let isLast = index + 1 == count
            #expect(Array(here[7...9]) == (isLast ? [0, 0, 0] : Array(next[4...6])))
            #expect(isLast || next[4] >= here[4])
        }
        #expect(Array(s.perform(.trace, control, 2, count).x[4...9]) == [0, 0, 0, 0, 0, 0])
    }
}
