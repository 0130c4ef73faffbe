// Servers with workers: who inherits when one thread receives a call and another one answers it.
//
// A caller is blocked on the thread that received it, until the answer. The right to answer may
// travel, by a shared table, a copy or a move; the inheritance stays. These tests pin that, and
// the two forms in which the worker inherits.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct WorkerTests {
    /// How the worker comes by the reply object.
    enum Way: CaseIterable {
        case sharedTable, copied, moved
    }

    /// A front thread that receives a call of priority 40 and lets a worker answer it; a rival
    /// stands between the worker's priority and the client's.
    private struct Office {
        let s: TestSystem
        let front: TestThread
        let worker: TestThread
        let rival: TestThread
        let client: TestThread
        let endpoint: UInt32
        let reply: UInt32
        /// The reply object in the worker's table.
        var workersReply: UInt32
        let idle: UInt32
        let arena: UInt32

        init(_ way: Way, fast: Bool) {
            s = TestSystem(fast: fast)
            arena = s.make(.untyped, sizeBits: 14)
            front = s.makeThread(priority: 5, from: arena)
            worker = s.makeThread(priority: 10)
            rival = s.makeThread(priority: 20)
            client = s.makeThread(priority: 40)
            idle = s.make(.notification)
            (endpoint, reply) = s.serve(front)
            let spare = s.make(.reply)
            workersReply = reply
            s.start(front)
            s.go()
            s.receive(front, endpoint, reply: reply)
            s.start(worker, rival, client)
            s.call(client, endpoint, [7])
            // The front thread holds the call, and inherits.
            #expect(s.isRunning(front) && s.effective(front) == 40)
            if way != .sharedTable {
                let table = s.make(.capabilityTable, sizeBits: 4)
                let method = way == .copied ? Method.copy : .move
                #expect(
                    s.perform(
                        method, Slot.ownTable.index, UInt64(reply), UInt64(table), 3, 31
                    ).error == nil)
                s.perform(.configure, worker.slot, UInt64(table), s.none, s.none, s.none)
                workersReply = 3
            }
            // It leaves the work to the worker, and waits for the next call.
            s.receive(front, endpoint, reply: spare)
        }
    }

    @Test(arguments: Way.allCases, [true, false])
    func aWorkerThatOnlyAnswersInheritsNothing(way: Way, fast: Bool) {
        let office = Office(way, fast: fast)
        let s = office.s
        #expect(s.state(office.front) == .receiving && s.effective(office.front) == 40)
        #expect(s.effective(office.worker) == 10)
        // The client of priority 40 waits for a worker of 10, and a rival of 20 runs: an inversion.
        #expect(s.isRunning(office.rival))
        s.wait(office.rival, office.idle)
        #expect(s.isRunning(office.worker))
        s.reply(office.worker, office.workersReply, [8])
        #expect(s.isRunning(office.client) && s.results(office.client).words[0] == 8)
        // The front thread falls back before a thread that is less urgent than the client runs.
        s.wait(office.client, office.idle)
        #expect(s.effective(office.front) == 5 && s.effective(office.worker) == 10)
    }

    /// Who received a call answers for it with its life.
    @Test(arguments: Way.allCases) func theReceiversDeathEndsTheCall(way: Way) {
        let office = Office(way, fast: true)
        let s = office.s
        #expect(s.perform(.reclaim, office.arena).error == nil)
        #expect(s.isRunning(office.client) && s.results(office.client).error == .peerDied)
        s.wait(office.client, office.idle)
        s.wait(office.rival, office.idle)
        s.reply(office.worker, office.workersReply, [8])
        #expect(s.results(office.worker).error == .noCaller)
    }

    /// Workers that receive for themselves, each with a reply object of its own: the call's holder
    /// is the thread that does the work.
    @Test(arguments: [true, false]) func aWorkerThatReceivesInherits(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (first, second) = (s.makeThread(priority: 10), s.makeThread(priority: 10))
        let rival = s.makeThread(priority: 20)
        let clients = [s.makeThread(priority: 40), s.makeThread(priority: 50)]
        let (endpoint, reply) = s.serve(first)
        let secondReply = s.make(.reply)
        s.start(first, second)
        s.go()
        s.receive(first, endpoint, reply: reply)
        s.receive(second, endpoint, reply: secondReply)
        s.start(rival, clients[0])
        s.call(clients[0], endpoint)
        #expect(s.isRunning(first) && s.effective(first) == 40)
        s.start(clients[1])
        s.call(clients[1], endpoint)
        // Both work at once, each as urgent as the client that waits for it.
        #expect(s.isRunning(second) && s.effective(second) == 50 && s.effective(first) == 40)
        s.reply(second, secondReply)
        #expect(s.isRunning(clients[1]) && s.effective(second) == 10)
    }

    /// A front thread that calls the worker: the chain leads to the thread that does the work.
    @Test(arguments: [true, false]) func aWorkerThatIsCalledInherits(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (front, worker) = (s.makeThread(priority: 5), s.makeThread(priority: 10))
        let (rival, client) = (s.makeThread(priority: 20), s.makeThread(priority: 40))
        let (endpoint, reply) = s.serve(front)
        let (inner, innerReply) = s.serve(worker)
        s.start(front, worker)
        s.go()
        s.receive(worker, inner, reply: innerReply)
        s.receive(front, endpoint, reply: reply)
        s.start(rival, client)
        s.call(client, endpoint)
        s.call(front, inner)
        #expect(s.isRunning(worker) && s.effective(worker) == 40)
    }
}
