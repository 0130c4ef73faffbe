// A long operation ends although each thread that it wakes tries at once to wait again, and runs
// before the next step. And it shares its time with an equal that it wakes.

import KernelABI
import TestSupport
import Testing

@testable import KernelCore

@Suite struct LongOperationEndTests {
    enum Operation: CaseIterable { case revoke, delete, deleteLast, close, reclaim }

    /// Clients call again whenever their call fails.
    @Test(arguments: Operation.allCases) func callersThatComeAgainDoNotKeepItFromEnding(
        operation: Operation
    ) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let endpoint = s.make(.endpoint, from: arena)
        let door = operation == .deleteLast ? endpoint : s.copy(endpoint, badge: 7)
        let idle = s.make(.notification)
        let worker = s.makeThread(priority: 10)
        let clients = s.run([32, 31, 30])
        for client in clients { s.call(client, door) }
        s.start(worker)
        switch operation {
        case .revoke: s.invoke(worker, .revoke, Slot.ownTable.index, UInt64(endpoint))
        case .delete, .deleteLast:
            s.invoke(worker, .delete, Slot.ownTable.index, UInt64(door))
        case .close: s.invoke(worker, .close, endpoint)
        case .reclaim: s.invoke(worker, .reclaim, arena)
        }
        comeAgain(s, clients, worker, idle) { s.call($0, door) }
        #expect(s.isEmpty(door) == (operation != .close))
    }

    /// A client that loses its copy makes another from the capability that the copy came from.
    @Test(arguments: [Method.revoke, .delete]) func clientsThatCopyAgainDoNotKeepItFromEnding(
        method: Method
    ) {
        let s = TestSystem()
        let door = s.copy(s.make(.endpoint), badge: 7)
        let session = s.copy(door)
        let copy = s.copy(session)
        let idle = s.make(.notification)
        let worker = s.makeThread(priority: 10)
        let client = s.run(30)
        s.call(client, copy)
        s.start(worker)
        s.invoke(worker, method, Slot.ownTable.index, UInt64(door))
        comeAgain(s, [client], worker, idle) { client in
            s.invoke(client, .delete, Slot.ownTable.index, UInt64(copy))
            s.invoke(
                client, .copy, Slot.ownTable.index, UInt64(session), s.own,
                UInt64(copy), UInt64(Rights.all.raw), 0)
            s.call(client, copy)
        }
        #expect(s.isEmpty(session) && s.isEmpty(copy))
    }

    /// The last caller opens the endpoint again, with another server, and calls.
    @Test func anEndpointThatOpensAgainStaysOpen() {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let backup = s.makeThread(priority: 5)
        let worker = s.makeThread(priority: 10)
        let client = s.run(30)
        s.call(client, endpoint)
        s.start(worker)
        s.invoke(worker, .close, endpoint)
        #expect(s.isRunning(client) && s.results(client).error == .peerDied)
        s.invoke(client, .bindServer, endpoint, UInt64(backup.slot))
        s.call(client, endpoint)
        #expect(s.isRunning(worker) && s.results(worker).error == nil)
        #expect(s.state(client) == .calling)
    }

    /// Servers receive again, with the reply object or at the endpoint that goes.
    @Test(arguments: [false, true]) func receiversThatComeAgainDoNotKeepItFromEnding(
        isReply: Bool
    ) {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let replies = [s.make(.reply), s.make(.reply)]
        let idle = s.make(.notification)
        let worker = s.makeThread(priority: 10)
        let servers = s.run([31, 30])
        for (server, reply) in zip(servers, replies) { s.receive(server, endpoint, reply: reply) }
        s.start(worker)
        let target = isReply ? replies[0] : endpoint
        s.invoke(worker, .delete, Slot.ownTable.index, UInt64(target))
        comeAgain(s, servers, worker, idle) {
            s.receive($0, endpoint, reply: replies[$0 == servers[0] ? 0 : 1])
        }
        #expect(s.isEmpty(target))
    }

    /// Nobody would perform the call again of a thread that stopped itself: its last caller would
    /// wait for ever.
    @Test func aThreadThatDestroysItselfGoesOnToTheEnd() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let worker = s.makeThread(priority: 10, from: arena)
        let (endpoint, _) = s.serve(worker)
        let idle = s.make(.notification)
        let clients = s.run([31, 30])
        for client in clients { s.call(client, endpoint) }
        s.start(worker)
        s.setRegisters(worker, ControlWord(invoke: .reclaim, Slot(arena)).raw)
        s.trap(worker.ref)
        for client in clients {
            #expect(s.isRunning(client) && s.results(client).error == .peerDied)
            s.wait(client, idle)
        }
    }

    /// An equal with which the worker shares its time, woken in the middle, runs when the slice is
    /// over and not when the operation is.
    @Test func aSliceBeginsBesideAnEqualThatTheOperationWoke() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let bell = s.make(.notification, from: arena)
        let others = (0..<20).map { _ in s.make(.notification, from: arena) }
        let worker = s.makeThread(priority: 30)
        s.perform(.setSlice, worker.slot, 1_000_000)
        let client = s.run(30)
        s.wait(client, bell)
        s.start(worker)
        s.setRegisters(worker, ControlWord(invoke: .reclaim, Slot(arena)).raw)
        s.enterOnce(worker)
        #expect(s.isRunning(worker) && worker.ref.programCounter == TestSystem.callPlace)
        #expect(s.kernel.pointee.core.sliceEnd != .never && s.state(client) == .ready)
        s.trap(worker.ref)
        #expect(s.results(worker).error == nil && others.allSatisfy { s.isEmpty($0) })
    }

    /// The same beside an update as urgent: the wait of a client ends in two steps.
    @Test func aSliceBeginsBesideAnUpdateThatTheOperationLeft() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let server = s.makeThread(priority: 5)
        let (endpoint, _) = s.serve(server, from: arena)
        let others = (0..<20).map { _ in s.make(.notification, from: arena) }
        let worker = s.makeThread(priority: 30)
        s.perform(.setSlice, worker.slot, 1_000_000)
        let client = s.run(30)
        s.call(client, endpoint)
        s.start(worker)
        s.setRegisters(worker, ControlWord(invoke: .reclaim, Slot(arena)).raw)
        s.enterOnce(worker)
        #expect(s.isRunning(worker) && worker.ref.programCounter == TestSystem.callPlace)
        #expect(s.kernel.pointee.core.sliceEnd != .never)
        #expect(s.kernel.pointee.core.ready.updatesTop == 30)
        s.trap(worker.ref)
        #expect(s.results(worker).error == nil && others.allSatisfy { s.isEmpty($0) })
    }

    /// Lets each thread come again that runs before the worker's operation is over.
    private func comeAgain(
        _ s: TestSystem, _ threads: [TestThread], _ worker: TestThread, _ idle: UInt32,
        again: (TestThread) -> Void, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var rounds = 0
        while let thread = threads.first(where: { s.isRunning($0) }) {
            rounds += 1
            guard rounds < 100 else {
                Issue.record("the operation does not end", sourceLocation: sourceLocation)
                return
            }
            let turns = worker.ref.pointee.switches
            again(thread)
            // It sleeps once it is refused without a turn of the worker.
            if worker.ref.pointee.switches == turns { s.wait(thread, idle) }
        }
        #expect(s.isRunning(worker), sourceLocation: sourceLocation)
        #expect(s.results(worker).error == nil, sourceLocation: sourceLocation)
        s.inspectTables()
    }
}
