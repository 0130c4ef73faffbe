// Objects in the middle of their end: nobody gets a capability to one, and no memory of one becomes
// anything.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct DyingObjectTests {
    /// An object of `kind` with many capabilities, whose memory a thread reclaims; the root task
    /// interrupts, when a few of the capabilities are gone, with one that is left.
    private func inTheMiddle(_ kind: ObjectKind, _ body: (TestSystem, UInt32, UInt32) -> Void) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 13)
        let first = s.make(kind, from: arena)
        let copies = (0..<12).map { _ in s.copy(first) }
        let worker = s.run(20)
        let isInterrupted = s.interfere(after: 5) {
            s.invoke(worker, .reclaim, arena)
        } _: {
            guard let left = copies.first(where: { !s.isEmpty($0) }) else {
                Issue.record("no capability is left")
                return
            }
            #expect(copies.contains { s.isEmpty($0) } || s.isEmpty(first))
            body(s, arena, left)
        }
        #expect(isInterrupted)
        #expect(s.results(worker).error == nil && copies.allSatisfy { s.isEmpty($0) })
        s.inspectTables()
    }

    @Test(arguments: [Placement.child, .peer]) func itsCapabilitiesAreNotCopied(
        placement: Placement
    ) {
        inTheMiddle(.endpoint) { s, _, left in
            let target = s.allocateSlot()
            let result = s.perform(
                .copy, Slot.ownTable.index, UInt64(left), s.own, UInt64(target), 31,
                placement.rawValue)
            #expect(result.error == .invalidCapability && s.isEmpty(target))
        }
    }

    /// Nor with a message.
    @Test func itsCapabilitiesDoNotTravel() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 13)
        let first = s.make(.notification, from: arena)
        let copies = (0..<12).map { _ in s.copy(first) }
        let receiver = s.makeThread(priority: 30)
        let (endpoint, reply) = s.serve(receiver)
        let target = s.allocateSlot()
        s.start(receiver)
        s.go()
        s.buffer(receiver)[IPCBuffer.receiveSlots / 8] = UInt64(target)
        s.receive(receiver, endpoint, reply: reply)
        let worker = s.makeThread(priority: 20)
        s.start(worker)
        _ = s.interfere(after: 5) {
            s.invoke(worker, .reclaim, arena)
        } _: {
            guard let left = copies.first(where: { !s.isEmpty($0) }) else { return }
            s.buffer(worker)[0] = 0
            let root = s.root
            guard let buffer = root.ref.pointee.buffer else { return }
            buffer.raw.assumingMemoryBound(to: UInt64.self)[IPCBuffer.sendSlots / 8] = UInt64(left)
            s.send(root, endpoint, capabilities: 1)
            #expect(s.results(root).error == nil)
        }
        #expect(
            s.isRunning(receiver) && s.results(receiver).word.capabilityCount == 0
                && s.isEmpty(target))
    }

    /// The thread keeps the part that it had.
    @Test func noThreadIsConfiguredWithIt() {
        inTheMiddle(.endpoint) { s, _, left in
            let thread = s.makeThread(priority: 1, faultHandler: s.make(.endpoint))
            let before = thread.ref.faultSlot.pointee.object
            let result = s.perform(.configure, thread.slot, s.none, s.none, s.none, UInt64(left))
            #expect(result.error == .invalidCapability)
            #expect(before != nil && thread.ref.faultSlot.pointee.object == before)
        }
        inTheMiddle(.addressSpace) { s, _, left in
            let thread = s.makeThread(priority: 1)
            let before = thread.ref.spaceSlot.pointee.object
            let result = s.perform(.configure, thread.slot, s.none, UInt64(left), s.none, s.none)
            #expect(result.error == .invalidCapability)
            #expect(before != nil && thread.ref.spaceSlot.pointee.object == before)
        }
    }

    /// A device's frame has its descriptor in memory that lives on.
    @Test func memoryThatIsReclaimedTakesNoDescriptors() {
        inTheMiddle(.endpoint) { s, arena, _ in
            let target = s.allocateSlot()
            let result = s.perform(
                .retype, TestSystem.smallDevice, UInt64(ObjectKind.frame.rawValue) | 12 << 8, 1,
                s.own, UInt64(target),
                UInt64(arena))
            #expect(result.error == .wrongState && result.x[3] == 0 && s.isEmpty(target))
        }
    }

    /// Registers are no memory that the kernel could keep messages in.
    @Test func aDevicesFrameIsNoIPCBuffer() {
        let s = TestSystem()
        let frame = s.allocateSlot()
        let made = s.perform(
            .retype, TestSystem.smallDevice, UInt64(ObjectKind.frame.rawValue) | 12 << 8, 1, s.own,
            UInt64(frame),
            UInt64(TestSystem.ram))
        #expect(made.error == nil)
        let thread = s.makeThread(priority: 1)
        let before = thread.ref.bufferSlot.pointee.object
        #expect(
            s.perform(.configure, thread.slot, s.none, s.none, UInt64(frame), s.none).error
                == .invalidArgument)
        #expect(before != nil && thread.ref.bufferSlot.pointee.object == before)
    }

    /// A thread that another one's end concerns goes on as it was, and the processor knows who
    /// runs.
    @Test func whoReclaimsGoesOnRunning() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        _ = s.makeThread(priority: 3, from: arena)
        let worker = s.run(20)
        #expect(s.invoke(worker, .reclaim, arena).error == nil)
        #expect(s.isRunning(worker) && s.kernel.pointee.core.current == worker.ref)
    }
}
