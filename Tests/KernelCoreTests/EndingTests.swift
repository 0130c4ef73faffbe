// Nothing is left behind by what ends: callers of an endpoint that no thread can reach, faults that
// no thread can answer.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct EndingTests {
    /// Makes threads that wait at an endpoint without a server.
    private func makeCrowd(_ s: TestSystem, _ count: Int) -> (
        clients: [TestThread], endpoint: UInt32
    ) {
        let endpoint = s.make(.endpoint)
        let clients = s.run((0..<count).map { UInt64(30 - $0) })
        for client in clients { s.call(client, endpoint) }
        #expect(clients.allSatisfy { s.state($0) == .calling })
        return (clients, endpoint)
    }

    /// The last capability to an endpoint is deleted: the kernel releases its callers, one a step.
    @Test func nobodyWaitsAtAnEndpointWithoutCapability() {
        let s = TestSystem()
        let (clients, endpoint) = makeCrowd(s, 5)
        #expect(s.delete(endpoint).error == nil)
        for client in clients { #expect(s.results(client).error == .peerDied) }
        s.inspectTables()
    }

    /// The same with an interrupt at each step: the root task acts in between, and the call goes
    /// on.
    @Test func deletionOfTheLastCapabilityTakesInterrupts() {
        let s = TestSystem()
        let worker = s.makeThread(priority: 40)
        let (clients, endpoint) = makeCrowd(s, 4)
        s.start(worker)
        let wasBusy = s.interfere(after: 1) {
            s.invoke(worker, .delete, Slot.ownTable.index, UInt64(endpoint))
        } _: {
            #expect(!s.isEmpty(endpoint))
            #expect(clients.contains { s.state($0) == .calling })
        }
        #expect(wasBusy && s.isEmpty(endpoint))
        for client in clients { #expect(s.results(client).error == .peerDied) }
    }

    /// The last capability goes with the table that it stands in.
    @Test(arguments: [nil, 0, 1]) func nobodyWaitsAtAnEndpointWhoseTableGoes(period: Int?) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let table = s.make(.capabilityTable, sizeBits: 4, from: arena)
        let (clients, endpoint) = makeCrowd(s, 3)
        #expect(
            s.perform(.move, Slot.ownTable.index, UInt64(endpoint), UInt64(table), 5).error == nil)
        #expect(s.isEmpty(endpoint))
        s.hardware.queriesLeft = period
        s.hardware.ghostPeriod = period
        #expect(s.perform(.reclaim, arena).error == nil)
        s.hardware.queriesLeft = nil
        for client in clients { #expect(s.results(client).error == .peerDied) }
        s.inspectTables()
    }

    /// A receiver is released as well.
    @Test func aReceiverLeavesAnEndpointWithoutCapability() {
        let s = TestSystem()
        let (server, endpoint, _) = s.makeServer(20)
        #expect(s.delete(endpoint).error == nil)
        #expect(s.isRunning(server) && s.results(server).error == .peerDied)
    }

    /// The handler calls the thread that faults: its call ends, and the fault reaches it.
    @Test func aFaultReachesAHandlerThatWaitsForTheFaultingThread() {
        let s = TestSystem()
        let handler = s.makeThread(priority: 20)
        let (faults, faultReply) = s.serve(handler)
        let thread = s.makeThread(priority: 30, faultHandler: faults)
        let (endpoint, reply) = s.serve(thread)
        s.start(thread)
        s.start(handler)
        s.go()
        s.receive(thread, endpoint, reply: reply)
        s.call(handler, endpoint)
        #expect(s.isRunning(thread))
        s.fault(thread)
        #expect(s.isRunning(handler) && s.results(handler).error == .deadlock)
        s.receive(handler, faults, reply: faultReply)
        #expect(s.isRunning(handler) && s.results(handler).word.delivery == .fault)
        s.replyAndReceive(handler, faults, reply: faultReply, [FaultReply.retry.rawValue])
        #expect(s.isRunning(thread))
        s.inspectTables()
    }

    /// A thread whose call changes its own address space returns in the new one.
    @Test func aThreadThatChangesItsOwnAddressSpaceGoesOnInTheNewOne() {
        let s = TestSystem()
        let space = s.make(.addressSpace)
        let thread = s.run(20)
        let before = s.hardware.translationBase
        s.invoke(thread, .configure, thread.slot, s.none, UInt64(space), s.none, s.none)
        #expect(s.isRunning(thread) && s.hardware.translationBase != before)
        #expect(s.hardware.translationBase == thread.ref.translationBase)
        let other = s.hardware.translationBase
        s.invoke(thread, .delete, Slot.ownTable.index, UInt64(space))
        #expect(s.isRunning(thread) && s.hardware.translationBase != other)
        #expect(s.hardware.translationBase == thread.ref.translationBase)
    }

    @Test func periodsAndSlicesHaveALowerLimit() {
        let s = TestSystem()
        let timer = s.make(.timer)
        let notification = s.make(.notification)
        #expect(s.perform(.bindTimer, timer, UInt64(notification), 0).error == .invalidArgument)
        #expect(s.perform(.bindTimer, timer, UInt64(notification), 1).error == nil)
        let shortest = s.kernel.pointee.counterFrequency / Limits.expiriesPerSecond
        #expect(shortest > 1)
        #expect(s.perform(.arm, timer, 1 << 40, shortest - 1).error == .invalidArgument)
        #expect(s.perform(.arm, timer, 1 << 40, shortest).error == nil)
        let thread = s.makeThread(priority: 10)
        #expect(s.perform(.setSlice, thread.slot, shortest - 1).error == .invalidArgument)
        #expect(s.perform(.setSlice, thread.slot, shortest).error == nil)
        #expect(s.perform(.setSlice, thread.slot, 0).error == nil)
    }
}
