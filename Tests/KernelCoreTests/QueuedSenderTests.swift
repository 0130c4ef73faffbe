// Senders that are queued with a capability leave with it. Otherwise a message could arrive under a
// badge that means another client by then.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct QueuedSenderTests {
    static let badge: UInt64 = 7

    /// Queues clients with one capability of badge 7, at an endpoint that the root task keeps.
    private func queue(
        _ s: TestSystem, _ count: Int, deadline: UInt64 = TestSystem.never
    ) -> (clients: [TestThread], endpoint: UInt32, minted: UInt32) {
        let endpoint = s.make(.endpoint)
        let minted = s.copy(endpoint, badge: QueuedSenderTests.badge)
        let clients = s.run((0..<count).map { UInt64(30 - $0) })
        for client in clients { s.call(client, minted, deadline: deadline) }
        #expect(clients.allSatisfy { s.state($0) == .calling })
        return (clients, endpoint, minted)
    }
    private func firstSender(_ s: TestSystem, _ slot: UInt32) -> Ref<KernelThread>? {
        s.capability(slot).pointee.firstSender
    }
    /// Returns the message that a server, more urgent than all, receives at the endpoint; nil where
    /// the server does not run.
    private func received(_ s: TestSystem, _ endpoint: UInt32) -> Results? {
        let server = s.makeThread(priority: 90)
        let reply = s.make(.reply)
        s.start(server)
        s.asRoot {}
        guard s.isRunning(server) else { return nil }
        s.receive(server, endpoint, reply: reply, deadline: 0)
        return s.results(server)
    }

    @Test(arguments: [true, false]) func aBadgeThatSomebodyElseGotComesFromNobodyElse(
        isRevoked: Bool
    ) {
        let s = TestSystem()
        let (clients, endpoint, minted) = queue(s, 3)
        let result = isRevoked ? s.revoke(endpoint) : s.delete(minted)
        #expect(result.error == nil && s.isEmpty(minted) && !s.isEmpty(endpoint))
        for client in clients { #expect(s.results(client).error == .invalidCapability) }
        for client in clients { #expect(s.state(client) != .calling) }
        _ = s.copy(endpoint, badge: QueuedSenderTests.badge)
        #expect(received(s, endpoint)?.error == .timedOut)
        s.inspectTables()
    }

    /// One-way messages leave too. Senders that used another capability, or the one whose copies
    /// are deleted, stay.
    @Test func whatIsQueuedWithAnotherCapabilityStays() {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let first = s.copy(endpoint, badge: 1)
        let second = s.copy(endpoint, badge: 2)
        let copy = s.copy(first)
        let clients = s.run([30, 29, 28, 27])
        s.send(clients[0], copy)
        s.call(clients[1], first)
        s.call(clients[2], second)
        s.call(clients[3], copy)
        #expect(s.revoke(first).error == nil)
        #expect(s.results(clients[0]).error == .invalidCapability)
        #expect(s.results(clients[3]).error == .invalidCapability)
        #expect(s.state(clients[1]) == .calling && s.state(clients[2]) == .calling)
        #expect(received(s, endpoint)?.badge == 1)
        s.inspectTables()
    }

    /// Senders that queue before and after a move are found by the new slot.
    @Test func aCapabilityThatMovesTakesThemAlong() {
        let s = TestSystem()
        let (clients, _, minted) = queue(s, 3)
        let target = s.allocateSlot()
        #expect(
            s.perform(.move, Slot.ownTable.index, UInt64(minted), s.own, UInt64(target)).error
                == nil)
        #expect(s.isEmpty(minted) && firstSender(s, minted) == nil && firstSender(s, target) != nil)
        let late = s.makeThread(priority: 26)
        s.start(late)
        s.call(late, target)
        #expect(s.delete(target).error == nil)
        for client in clients + [late] { #expect(s.results(client).error == .invalidCapability) }
        s.inspectTables()
    }

    /// An interrupt between two of many: some are cancelled, the others wait, and the call goes on.
    @Test(arguments: [true, false]) func interruptsAreTakenBetweenTwoOfMany(isRevoked: Bool) {
        let s = TestSystem()
        let worker = s.makeThread(priority: 40)
        let (clients, endpoint, minted) = queue(s, 5)
        s.start(worker)
        let wasBusy = s.interfere(after: 1) {
            s.invoke(
                worker, isRevoked ? .revoke : .delete, Slot.ownTable.index,
                UInt64(isRevoked ? endpoint : minted))
        } _: {
            #expect(!s.isEmpty(minted))
            let waiting = clients.filter { s.state($0) == .calling }.count
            #expect(waiting > 0 && waiting < clients.count)
        }
        #expect(wasBusy && s.isEmpty(minted) && s.results(worker).error == nil)
        for client in clients { #expect(s.results(client).error == .invalidCapability) }
        s.inspectTables()
    }

    /// A sender that leaves the queue for another reason leaves the list too: from its start,
    /// middle or end.
    @Test(arguments: [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 0, 3], [2, 0, 3, 1]])
    func whoLeavesTheQueueLeavesTheList(order: [Int]) {
        let s = TestSystem()
        let (clients, _, minted) = queue(s, 4)
        for (position, index) in order.enumerated() {
            #expect(firstSender(s, minted) != nil)
            #expect(s.perform(.suspend, clients[index].slot).error == nil)
            #expect(s.results(clients[index]).error == .cancelled)
            #expect((firstSender(s, minted) == nil) == (position == 3))
        }
        #expect(s.delete(minted).error == nil)
        s.inspectTables()
    }

    @Test func whoTimesOutOrIsReceivedLeavesTheList() {
        let s = TestSystem()
        let (clients, endpoint, minted) = queue(s, 1, deadline: s.hardware.now + 1_000_000)
        let other = s.makeThread(priority: 20)
        s.start(other)
        s.call(other, minted)
        s.advance(by: 2_000_000)
        for client in clients { #expect(s.results(client).error == .timedOut) }
        #expect(firstSender(s, minted) == other.ref)
        #expect(received(s, endpoint)?.badge == QueuedSenderTests.badge)
        #expect(firstSender(s, minted) == nil)
        // The server received the call. The caller waits for the reply, and the capability's end
        // does not cancel that.
        #expect(s.delete(minted).error == nil)
        #expect(s.state(other) == .awaitingReply)
        s.inspectTables()
    }

    @Test(arguments: [nil, 0, 1]) func aSenderThatDiesLeavesTheList(period: Int?) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let endpoint = s.make(.endpoint)
        let minted = s.copy(endpoint, badge: QueuedSenderTests.badge)
        let doomed = s.makeThread(priority: 25, from: arena)
        let other = s.makeThread(priority: 24)
        s.start(doomed, other)
        s.go()
        s.call(doomed, minted)
        s.call(other, minted)
        s.hardware.queriesLeft = period
        s.hardware.ghostPeriod = period
        #expect(s.perform(.reclaim, arena).error == nil)
        s.hardware.queriesLeft = nil
        #expect(firstSender(s, minted) == other.ref)
        #expect(s.delete(minted).error == nil)
        #expect(s.results(other).error == .invalidCapability)
        s.inspectTables()
    }

    /// No sender stays when the endpoint is destroyed, or the table that holds the capability.
    @Test(arguments: [nil, 0, 1], [true, false]) func memoryThatIsReclaimed(
        period: Int?, isEndpoint: Bool
    ) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let endpoint = isEndpoint ? s.make(.endpoint, from: arena) : s.make(.endpoint)
        let table = s.make(.capabilityTable, sizeBits: 4, from: arena)
        let minted = s.copy(endpoint, badge: QueuedSenderTests.badge)
        let clients = s.run([30, 29, 28])
        for client in clients { s.call(client, minted) }
        if !isEndpoint {
            #expect(
                s.perform(.move, Slot.ownTable.index, UInt64(minted), UInt64(table), 3).error == nil
            )
        }
        s.hardware.queriesLeft = period
        s.hardware.ghostPeriod = period
        #expect(s.perform(.reclaim, arena).error == nil)
        s.hardware.queriesLeft = nil
        for client in clients {
            #expect(s.results(client).error == (isEndpoint ? .peerDied : .invalidCapability))
        }
        s.inspectTables()
    }

    /// A fault is queued with the capability in the thread's slot for it. When that is deleted, no
    /// thread answers the fault.
    @Test(arguments: [true, false]) func aFaultThatIsQueued(isReplaced: Bool) {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let minted = s.copy(endpoint, badge: QueuedSenderTests.badge)
        let thread = s.makeThread(priority: 30, faultHandler: minted)
        s.start(thread)
        s.go()
        s.fault(thread)
        #expect(thread.ref.faultSlot.pointee.firstSender == thread.ref)
        if isReplaced {
            let other = UInt64(s.make(.endpoint))
            #expect(s.perform(.configure, thread.slot, s.none, s.none, s.none, other).error == nil)
        } else {
            #expect(s.delete(minted).error == nil)
        }
        #expect(s.state(thread) == .faulted && thread.ref.pointee.endpoint == nil)
        #expect(received(s, endpoint)?.error == .timedOut)
        #expect(s.perform(.resume, thread.slot).error == nil)
        #expect(s.state(thread) == .ready || s.isRunning(thread))
        s.inspectTables()
    }
}
