// Capabilities: the derivation tree through copy, mint, move, delete and revoke, with an interrupt
// at every step.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct CapabilityTests {
    /// kind, rights, badge, depth.
    func describe(_ s: TestSystem, _ slot: UInt32) -> [UInt64] {
        Array(s.perform(.describe, Slot.ownTable.index, UInt64(slot)).x[3...6])
    }
    /// The slots of an object's capabilities in the order of the derivation list.
    func order(_ s: TestSystem, _ first: UInt32) -> [UInt32] {
        var slots: [UInt32] = []
        var at: Ref<Capability>? = s.capability(first)
        while let slot = at {
            slots.append(UInt32((slot.bits - s.capability(0).bits) / 64))
            at = slot.pointee.next
        }
        return slots
    }

    @Test func copiesHaveFewerRightsAndTheirPlaceInTheTree() {
        let s = TestSystem()
        let first = s.make(.endpoint)
        let child = s.copy(first, rights: .read | .write)
        let grandchild = s.copy(child, rights: .all, badge: 5)
        let peer = s.copy(grandchild, rights: .write, placement: .peer)
        let peerOfFirst = s.copy(first, placement: .peer)
        let kind = UInt64(ObjectKind.endpoint.rawValue)
        #expect(describe(s, first) == [kind, 31, 0, 0])
        #expect(describe(s, child) == [kind, 3, 0, 1])
        #expect(describe(s, grandchild) == [kind, 3, 5, 2])
        #expect(describe(s, peer) == [kind, 2, 5, 2])
        #expect(describe(s, peerOfFirst) == [kind, 31, 0, 1])
        #expect(order(s, first) == [first, peerOfFirst, child, peer, grandchild])
        // A peer outlives its source, and goes with the source's parent.
        #expect(s.delete(grandchild).error == nil)
        #expect(!s.isEmpty(peer))
        #expect(s.delete(child).error == nil)
        #expect(s.isEmpty(peer) && !s.isEmpty(peerOfFirst))
        #expect(s.revoke(first).error == nil)
        #expect(order(s, first) == [first])
        #expect(describe(s, peerOfFirst) == [0, 0, 0, 0])
        s.inspectTables()
    }

    @Test func errors() {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let badged = s.copy(endpoint, badge: 1)
        let other = s.make(.capabilityTable, sizeBits: 4)
        let readOnly = s.copy(other, rights: .read)
        let own = Slot.ownTable.index
        let free = UInt64(s.allocateSlot())
        func copy(_ source: UInt64, _ table: UInt64, _ target: UInt64, _ placement: UInt64 = 0)
            -> KernelError?
        {
            s.perform(.copy, own, source, table, target, 31, placement).error
        }
        #expect(copy(free, s.own, free) == .invalidCapability)
        #expect(copy(4096, s.own, free) == .invalidCapability)
        #expect(copy(~0, s.own, free) == .invalidCapability)
        #expect(copy(UInt64(endpoint), s.own, UInt64(endpoint)) == .slotOccupied)
        #expect(copy(UInt64(endpoint), s.own, 4096) == .invalidCapability)
        #expect(copy(UInt64(endpoint), UInt64(endpoint), free) == .wrongKind)
        #expect(copy(UInt64(endpoint), UInt64(readOnly), 0) == .missingRights)
        #expect(copy(UInt64(endpoint), UInt64(other), 16) == .invalidCapability)
        #expect(copy(UInt64(endpoint), s.own, free, 2) == .invalidArgument)
        #expect(copy(UInt64(endpoint), UInt64(other), 15) == nil)
        #expect(s.perform(.copy, readOnly, 15, s.own, free, 31).error == .missingRights)
        #expect(s.perform(.describe, readOnly, 15).x[3] == UInt64(ObjectKind.endpoint.rawValue))
        #expect(
            s.perform(.mint, own, UInt64(badged), s.own, free, 31, 0, 2).error == .invalidArgument)
        #expect(s.perform(.delete, own, free).error == .invalidCapability)
        #expect(s.perform(.revoke, own, free).error == .invalidCapability)
        #expect(
            s.perform(.move, own, UInt64(endpoint), s.own, UInt64(badged)).error == .slotOccupied)
        #expect(s.perform(.copy, endpoint, 1, s.own, free, 31).error == .wrongKind)
        s.setRegisters(s.root, ControlWord(.invoke, Slot(endpoint)).raw | 255 << 32)
        s.trap(s.root.ref)
        #expect(s.results(s.root).error == .invalidArgument)
        s.inspectTables()
    }

    @Test func theTreeHasALimitOfDepth() {
        let s = TestSystem()
        var slot = s.make(.notification)
        for _ in 0..<Limits.derivationDepth { slot = s.copy(slot) }
        let free = UInt64(s.allocateSlot())
        #expect(
            s.perform(.copy, Slot.ownTable.index, UInt64(slot), s.own, free, 31, 0).error
                == .derivationTooDeep)
        #expect(
            s.perform(.copy, Slot.ownTable.index, UInt64(slot), s.own, free, 31, 1).error == nil)
        let thread = s.makeThread(priority: 1)
        var endpoint = s.make(.endpoint)
        for _ in 0..<Limits.derivationDepth { endpoint = s.copy(endpoint) }
        #expect(
            s.perform(.configure, thread.slot, s.none, s.none, s.none, UInt64(endpoint)).error
                == .derivationTooDeep)
    }

    @Test func moveKeepsThePlaceInTheTree() {
        let s = TestSystem()
        let first = s.make(.endpoint)
        let child = s.copy(first)
        let grandchild = s.copy(child)
        let target = s.allocateSlot()
        #expect(
            s.perform(.move, Slot.ownTable.index, UInt64(child), s.own, UInt64(target)).error == nil
        )
        #expect(s.isEmpty(child) && order(s, first) == [first, target, grandchild])
        #expect(
            s.perform(.move, Slot.ownTable.index, UInt64(first), s.own, UInt64(child)).error == nil)
        #expect(order(s, child) == [child, target, grandchild])
        #expect(s.delete(target).error == nil)
        #expect(order(s, child) == [child])
        s.inspectTables()
    }

    /// A tree of 40 ends the same with an interrupt at every query, or at every third. An interrupt
    /// waits for one removal at most.
    @Test(arguments: [0, 1, 3]) func revokeTakesInterruptsBetweenSteps(period: Int) {
        let s = TestSystem()
        let first = s.make(.endpoint)
        var slots = [first]
        for index in 0..<40 { slots.append(s.copy(slots[index / 3])) }
        s.hardware.queriesLeft = 0
        s.hardware.ghostPeriod = period
        let before = s.steps
        #expect(s.revoke(first).error == nil)
        s.hardware.queriesLeft = nil
        #expect(s.steps - before >= 40 / (period + 1))
        #expect(order(s, first) == [first])
        #expect(slots.dropFirst().allSatisfy { s.isEmpty($0) })
        s.inspectTables()
    }

    /// A more urgent thread runs in the middle of a long revocation, and may add to the revoked
    /// tree.
    @Test func aMoreUrgentThreadRunsInTheMiddle() {
        let s = TestSystem()
        let first = s.make(.endpoint)
        var slots = [first]
        for _ in 0..<20 { slots.append(s.copy(first)) }
        let worker = s.run(20)
        let isInterrupted = s.interfere(after: 11) {
            s.invoke(worker, .revoke, Slot.ownTable.index, UInt64(first))
        } _: {
            #expect(slots.dropFirst().filter { s.isEmpty($0) }.count == 6)
            #expect(s.state(worker) == .ready)
            slots.append(s.copy(first))
        }
        #expect(isInterrupted)
        #expect(s.isRunning(worker) && s.results(worker).error == nil)
        #expect(slots.dropFirst().allSatisfy { s.isEmpty($0) })
    }

    @Test func aThreadLosesWhatItsControlBlockNamed() {
        let s = TestSystem()
        let table = s.make(.capabilityTable, sizeBits: 4)
        let space = s.make(.addressSpace)
        let handler = s.make(.endpoint)
        let buffer = s.make(.frame, sizeBits: 12)
        let thread = s.make(.thread)
        #expect(
            s.perform(
                .configure, thread, UInt64(table), UInt64(space), UInt64(buffer), UInt64(handler)
            ).error == nil)
        guard let ref = s.object(thread, as: KernelThread.self) else { return }
        #expect(ref.pointee.tableCount == 16 && ref.pointee.buffer != nil)
        #expect(s.revoke(table).error == nil && ref.pointee.tableCount == 0)
        #expect(s.revoke(space).error == nil)
        #expect(ref.translationBase == s.kernel.pointee.emptyTranslationBase)
        #expect(s.revoke(buffer).error == nil && ref.pointee.buffer == nil)
        #expect(s.revoke(handler).error == nil)
        #expect(ref.faultSlot.endpoint == nil)
        #expect(
            s.perform(.configure, thread, UInt64(space), s.none, s.none, s.none).error == .wrongKind
        )
        #expect(
            s.perform(
                .configure, thread, s.none, s.none, UInt64(s.copy(buffer, rights: .read)), s.none
            ).error
                == .missingRights)
    }

    /// A thread without a table can name no object. Its other calls harm no thread.
    @Test func aThreadWithoutTable() {
        let s = TestSystem()
        let slot = s.make(.thread)
        guard let ref = s.object(slot, as: KernelThread.self) else { return }
        let thread = TestThread(slot: slot, ref: ref)
        s.perform(.setPriority, slot, 10, 10)
        s.start(thread)
        s.go()
        #expect(s.isRunning(thread))
        s.call(thread, 0)
        #expect(s.results(thread).error == .invalidCapability)
        #expect(s.invoke(thread, .delete, Slot.ownTable.index, 1).error == .invalidCapability)
        s.yield(thread)
        #expect(s.results(thread).error == nil)
        s.useFloatingPoint(thread)
        #expect(s.state(thread) == .faulted)
    }

    // Transfer with messages

    @Test func capabilitiesTravelAsPeers() {
        let s = TestSystem()
        let server = s.makeThread(priority: 10)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        let first = s.make(.notification)
        let child = s.copy(first, badge: 9)
        let targets = (0..<4).map { _ in s.allocateSlot() }
        s.start(server)
        s.go()
        for index in 0..<4 {
            s.buffer(server)[IPCBuffer.receiveSlots / 8 + index] = UInt64(targets[index])
        }
        s.receive(server, endpoint, reply: reply)
        s.start(client)
        s.buffer(client)[IPCBuffer.sendSlots / 8] = UInt64(first)
        s.buffer(client)[IPCBuffer.sendSlots / 8 + 1] = UInt64(child)
        s.call(client, endpoint, [1], capabilities: 2)
        #expect(s.isRunning(server) && s.results(server).word.capabilityCount == 2)
        #expect(describe(s, targets[0]) == [UInt64(ObjectKind.notification.rawValue), 31, 0, 1])
        #expect(describe(s, targets[1]) == [UInt64(ObjectKind.notification.rawValue), 31, 9, 1])
        #expect(s.isEmpty(targets[2]))
        // And back, with the reply; occupied slots end the list.
        s.buffer(server)[IPCBuffer.sendSlots / 8] = UInt64(targets[1])
        s.buffer(client)[IPCBuffer.receiveSlots / 8] = UInt64(targets[3])
        s.buffer(client)[IPCBuffer.receiveSlots / 8 + 1] = UInt64(first)
        s.buffer(server)[IPCBuffer.sendSlots / 8 + 1] = UInt64(targets[0])
        s.reply(server, reply, [], capabilities: 2)
        #expect(s.isRunning(client) && s.results(client).word.capabilityCount == 1)
        #expect(!s.isEmpty(targets[3]))
        s.inspectTables()
    }

    @Test func passingNeedsGrantAndCapabilitiesThatAreThere() {
        let s = TestSystem()
        let client = s.makeThread(priority: 20)
        let endpoint = s.make(.endpoint)
        let noGrant = s.copy(endpoint, rights: .read | .write)
        s.start(client)
        s.go()
        s.buffer(client)[IPCBuffer.sendSlots / 8] = UInt64(endpoint)
        s.call(client, noGrant, capabilities: 1)
        #expect(s.isRunning(client) && s.results(client).error == .missingRights)
        s.buffer(client)[IPCBuffer.sendSlots / 8] = 4095
        s.call(client, endpoint, capabilities: 1)
        #expect(s.isRunning(client) && s.results(client).error == .invalidCapability)
        s.call(client, endpoint, capabilities: 5)
        #expect(s.isRunning(client) && s.results(client).error == .invalidArgument)
    }

    @Test func theSenderMayTakeBackWhatItAnnounced() {
        let s = TestSystem()
        let server = s.makeThread(priority: 10)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        let first = s.make(.notification)
        let gone = s.make(.notification)
        let targets = (0..<2).map { _ in s.allocateSlot() }
        s.start(client, server)
        s.go()
        s.buffer(client)[IPCBuffer.sendSlots / 8] = UInt64(first)
        s.buffer(client)[IPCBuffer.sendSlots / 8 + 1] = UInt64(gone)
        s.call(client, endpoint, capabilities: 2)
        _ = s.delete(gone)
        for index in 0..<2 {
            s.buffer(server)[IPCBuffer.receiveSlots / 8 + index] = UInt64(targets[index])
        }
        s.receive(server, endpoint, reply: reply)
        #expect(s.results(server).error == nil && s.results(server).word.capabilityCount == 1)
        #expect(s.isEmpty(targets[1]))
    }
}
