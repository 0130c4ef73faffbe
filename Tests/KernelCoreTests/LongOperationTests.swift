// Threads that another thread's long operation wakes: each runs after the step that let it go, not
// at the end of the operation. The operation goes on afterwards.

import KernelABI
import TestSupport
import Testing

@testable import KernelCore

@Suite struct LongOperationTests {
    /// A worker of priority 10 or more, and objects whose end wakes a client of 30.
    private struct Desk {
        let s: TestSystem
        let arena: UInt32
        let worker: TestThread
        let client: TestThread
        let idle: UInt32

        init(worker priority: UInt64 = 10) {
            s = TestSystem()
            arena = s.make(.untyped, sizeBits: 16)
            worker = s.makeThread(priority: priority)
            client = s.makeThread(priority: 30)
            idle = s.make(.notification)
        }

        /// Objects that the operation destroys last.
        func makeOthers() -> [UInt32] {
            (0..<20).map { _ in s.make(.notification, from: arena) }
        }

        /// The worker's operation has woken the client and is not over; then it goes on to its end.
        func expectWoken(
            _ error: KernelError?, left others: [UInt32],
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(s.isRunning(client), sourceLocation: sourceLocation)
            #expect(s.results(client).error == error, sourceLocation: sourceLocation)
            #expect(others.contains { !s.isEmpty($0) }, sourceLocation: sourceLocation)
            s.wait(client, idle)
            #expect(s.isRunning(worker), sourceLocation: sourceLocation)
            #expect(s.results(worker).error == nil, sourceLocation: sourceLocation)
            #expect(others.allSatisfy { s.isEmpty($0) }, sourceLocation: sourceLocation)
            s.inspectTables()
        }
    }

    /// The memory of a server goes whose client is queued, or was received.
    @Test(arguments: [false, true]) func aDeadServersClientRunsAtOnce(isReceived: Bool) {
        let desk = Desk()
        let s = desk.s
        let server = s.makeThread(priority: 5, from: desk.arena)
        let (endpoint, reply) = s.serve(server, from: desk.arena)
        let others = desk.makeOthers()
        s.start(server)
        s.go()
        if isReceived { s.receive(server, endpoint, reply: reply) }
        s.start(desk.client)
        s.call(desk.client, endpoint)
        #expect(s.effective(server) == 30)
        if isReceived { #expect(s.state(desk.client) == .awaitingReply) }
        s.perform(.suspend, server.slot)
        s.start(desk.worker)
        s.invoke(desk.worker, .reclaim, desk.arena)
        desk.expectWoken(.peerDied, left: others)
    }

    /// Each of many clients runs after its own step, the most urgent first.
    @Test func manyClientsRunInTheMiddle() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let server = s.makeThread(priority: 5, from: arena)
        let (endpoint, _) = s.serve(server, from: arena)
        let worker = s.makeThread(priority: 10)
        let clients = s.run((20...29).map { UInt64($0) }.reversed())
        for client in clients { s.call(client, endpoint) }
        s.start(worker)
        s.setRegisters(worker, ControlWord(invoke: .reclaim, Slot(arena)).raw)
        s.trap(worker.ref)
        let idle = s.make(.notification)
        for client in clients {
            #expect(s.isRunning(client) && s.results(client).error == .peerDied)
            #expect(worker.ref.programCounter == TestSystem.callPlace)
            s.wait(client, idle)
        }
        #expect(s.isRunning(worker) && s.results(worker).error == nil && s.isEmpty(endpoint))
    }

    /// The memory of a notification goes for which the client waits.
    @Test func theWaiterOfADeadNotificationRunsAtOnce() {
        let desk = Desk()
        let s = desk.s
        let bell = s.make(.notification, from: desk.arena)
        let others = desk.makeOthers()
        s.start(desk.client, desk.worker)
        s.go()
        s.wait(desk.client, bell)
        s.invoke(desk.worker, .reclaim, desk.arena)
        desk.expectWoken(.invalidCapability, left: others)
    }

    /// The holder of a mutex is destroyed for which the client waits.
    @Test func theNextHolderOfADeadThreadsMutexRunsAtOnce() {
        let desk = Desk()
        let s = desk.s
        let holder = s.makeThread(priority: 20, from: desk.arena)
        let others = desk.makeOthers()
        let mutexes = TestMutexes(s, sizeBits: 6)
        mutexes.join(holder, desk.client)
        s.start(holder)
        s.go()
        mutexes.lock(holder)
        s.start(desk.client)
        mutexes.lock(desk.client)
        s.perform(.suspend, holder.slot)
        s.start(desk.worker)
        s.invoke(desk.worker, .reclaim, desk.arena)
        #expect(mutexes.isHeld(0, by: desk.client))
        desk.expectWoken(nil, left: others)
    }

    /// A participant with 64 mutexes leaves; the client waits for the first.
    @Test func theNextHolderRunsBeforeAParticipantHasLeft() {
        let desk = Desk()
        let s = desk.s
        let holder = s.makeThread(priority: 20)
        let mutexes = TestMutexes(s, sizeBits: 6)
        mutexes.join(holder, desk.client)
        s.start(holder)
        s.go()
        for mutex in 0..<64 { mutexes.lock(holder, mutex) }
        s.start(desk.client)
        mutexes.lock(desk.client)
        s.perform(.suspend, holder.slot)
        s.start(desk.worker)
        s.invoke(desk.worker, .leave, mutexes.slot, 0)
        #expect(s.isRunning(desk.client) && mutexes.isHeld(0, by: desk.client))
        #expect(mutexes.isHeld(63, by: holder))
        s.wait(desk.client, desk.idle)
        #expect(s.isRunning(desk.worker) && s.results(desk.worker).error == nil)
        #expect(!mutexes.isHeld(63, by: holder))
    }

    /// An endpoint with many callers closes.
    @Test func theFirstCallerOfAClosedEndpointRunsBeforeTheOthersAreRefused() {
        let desk = Desk()
        let s = desk.s
        let endpoint = s.make(.endpoint)
        let less = s.run((0..<10).map { _ in 20 })
        for thread in less { s.call(thread, endpoint) }
        s.start(desk.client)
        s.call(desk.client, endpoint)
        s.start(desk.worker)
        s.invoke(desk.worker, .close, endpoint)
        #expect(s.isRunning(desk.client) && s.results(desk.client).error == .peerDied)
        #expect(less.allSatisfy { s.state($0) == .calling })
        s.wait(desk.client, desk.idle)
        for thread in less {
            #expect(s.isRunning(thread) && s.results(thread).error == .peerDied)
            s.wait(thread, desk.idle)
        }
        #expect(s.isRunning(desk.worker) && s.results(desk.worker).error == nil)
    }

    /// A capability is revoked with which the client is queued, among many copies.
    @Test(arguments: [Method.revoke, .delete]) func aSenderThatLosesItsCapabilityRunsAtOnce(
        method: Method
    ) {
        let desk = Desk()
        let s = desk.s
        let endpoint = s.make(.endpoint)
        let first = s.copy(endpoint)
        let others = (0..<20).map { _ in s.copy(first) }
        // The last copy goes first.
        let door = s.copy(first, badge: 7)
        s.start(desk.client, desk.worker)
        s.go()
        s.call(desk.client, door)
        s.invoke(desk.worker, method, Slot.ownTable.index, UInt64(first))
        desk.expectWoken(.invalidCapability, left: others)
    }

    /// The worker is as urgent as the client, but only because the client waits for it.
    @Test func whoOwesItsUrgencyToTheClientGivesWay() {
        let desk = Desk(worker: 5)
        let s = desk.s
        let between = s.makeThread(priority: 20)
        let (endpoint, _) = s.serve(desk.worker, from: desk.arena)
        let others = desk.makeOthers()
        s.start(desk.worker)
        s.go()
        s.start(desk.client)
        s.call(desk.client, endpoint)
        s.start(between)
        #expect(s.isRunning(desk.worker) && s.effective(desk.worker) == 30)
        s.invoke(desk.worker, .reclaim, desk.arena)
        #expect(s.isRunning(desk.client) && s.results(desk.client).error == .peerDied)
        #expect(s.effective(desk.worker) == 5)
        s.wait(desk.client, desk.idle)
        #expect(s.isRunning(between))
        #expect(others.allSatisfy { !s.isEmpty($0) })
    }

    /// Less urgent clients do not interrupt the operation.
    @Test func aLessUrgentClientWaits() {
        let desk = Desk(worker: 40)
        let s = desk.s
        let bell = s.make(.notification, from: desk.arena)
        let others = desk.makeOthers()
        s.start(desk.client)
        s.go()
        s.wait(desk.client, bell)
        s.start(desk.worker)
        s.setRegisters(desk.worker, ControlWord(invoke: .reclaim, Slot(desk.arena)).raw)
        s.enterOnce(desk.worker)
        #expect(s.isRunning(desk.worker) && s.results(desk.worker).error == nil)
        #expect(others.allSatisfy { s.isEmpty($0) } && s.state(desk.client) == .ready)
    }

    // Two cores

    /// The client is at home on another core, which sleeps, and is less urgent than the worker.
    /// That core is told before the operation is over.
    @Test(arguments: [false, true]) func anotherCoreIsToldInTheMiddle(isCaller: Bool) {
        let desk = Desk(worker: 40)
        let s = desk.s
        let other = s.addCore()
        s.perform(.setCore, desk.client.slot, 1)
        // It stays, so that the client leaves its chain by an update.
        let server = s.makeThread(priority: 5)
        let bell = s.make(.notification, from: desk.arena)
        let (endpoint, _) = s.serve(server, from: desk.arena)
        let others = desk.makeOthers()
        s.start(desk.client)
        s.go()
        if isCaller { s.call(desk.client, endpoint) } else { s.wait(desk.client, bell) }
        s.start(desk.worker)
        #expect(other.running == nil && s.isRunning(desk.worker))
        // How many objects are left when the request is sent.
        var left: Int?
        let check = s.hardware.onQuery
        s.hardware.onQuery = {
            check()
            if left == nil && other.hardware.isAsked {
                left = others.filter { !s.isEmpty($0) }.count
            }
        }
        s.invoke(desk.worker, .reclaim, desk.arena)
        s.hardware.onQuery = check
        #expect(left == others.count)
        #expect(s.isRunning(desk.worker) && s.results(desk.worker).error == nil)
        #expect(other.running == desk.client.ref && others.allSatisfy { s.isEmpty($0) })
        s.inspectTables()
    }
}
