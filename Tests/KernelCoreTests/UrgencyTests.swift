// Deadlines by urgency: the queue against an array, and what a thread notices of deadlines that are less urgent than itself.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct UrgencyTests {
    @Test(arguments: [1, 2, 3]) func theQueueAnswersAsAnArrayDoes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let memory = UnsafeMutablePointer<QueueNode>.allocate(capacity: 60)
        let owner = UnsafeMutablePointer<ObjectHeader>.allocate(capacity: 1)
        defer {
            memory.deallocate()
            owner.deallocate()
        }
        owner.initialize(to: ObjectHeader(.thread, size: 1))
        for index in 0..<60 {
            (memory + index).initialize(to: QueueNode())
            (memory + index).pointee.owner = Ref(owner)
        }
        var queue = OrderedQueue()
        // In the order of service.
        var order: [(index: Int, key: UInt64, urgency: UInt8)] = []
        for _ in 0..<3000 {
            let index = Int.random(in: 0..<60, using: &random)
            let urgency = UInt8.random(in: 0..<6, using: &random)
            let node = Ref(memory + index)
            if let at = order.firstIndex(where: { $0.index == index }) {
                if Bool.random(using: &random) {
                    queue.removeUrgent(node)
                    order.remove(at: at)
                } else {
                    queue.setUrgency(node, urgency)
                    order[at].urgency = urgency
                }
            } else {
                let key = UInt64.random(in: 0..<40, using: &random)
                queue.insert(node, key: key, urgency: urgency)
                order.insert((index, key, urgency), at: order.firstIndex { $0.key < key } ?? order.count)
            }
            var inspection = Inspection()
            inspection.kinds[UInt(bitPattern: owner)] = .thread
            _ = inspection.inspect(queue, "queue")
            #expect(inspection.violations == [])
            let limit = UInt64.random(in: 0..<42, using: &random)
            let due = order.filter { $0.key >= limit }
            let greatest = due.map(\.urgency).max()
            let expected = due.first { $0.urgency == greatest }
            #expect(queue.mostUrgent(from: limit) == expected.map { Ref(memory + $0.index) })
            let early = order.first { $0.urgency >= urgency }
            #expect(queue.first(atLeast: urgency) == early.map { Ref(memory + $0.index) })
        }
    }

    /// A timer that a less urgent thread armed does not interrupt; it is served as soon as a less urgent thread runs, though
    /// that comes by the fast path of a reply.
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

    /// However many timers others arm for the same instant: the urgent one is served first, and undisturbed.
    @Test func manyTimersOfOthersDelayNobodyMoreUrgent() {
        let s = TestSystem()
        let low = s.makeThread(priority: 10)
        let high = s.makeThread(priority: 60)
        let (theirs, mine) = (s.make(.notification), s.make(.notification))
        let timers = (0..<12).map { _ in s.make(.timer) }
        for timer in timers { s.perform(.bindTimer, timer, UInt64(theirs), 1) }
        let urgent = s.make(.timer)
        s.perform(.bindTimer, urgent, UInt64(mine), 1)
        s.perform(.setPriority, low.slot, 10, 10)
        s.start(low)
        s.go()
        for timer in timers { s.invoke(low, .arm, timer, 5000, 700) }
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
        #expect(s.isRunning(low))
        s.poll(low, theirs)
        #expect(s.results(low).badge == 1)
    }
}
