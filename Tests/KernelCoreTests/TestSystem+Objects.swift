// Objects that tests make from the root task's memory, and the state of threads.

import KernelABI
import Testing

@testable import KernelCore

extension TestSystem {
    func allocateSlot() -> UInt32 {
        nextSlot += 1
        return nextSlot - 1
    }
    /// A thread that is at home on a core, started.
    func thread(_ priority: UInt64, on core: Int, starts: Bool = true) -> TestThread {
        let thread = makeThread(priority: priority)
        #expect(perform(.setCore, thread.slot, UInt64(core)).error == nil)
        if starts { start(thread) }
        return thread
    }
    /// An object of the root task.
    func make(
        _ kind: ObjectKind, sizeBits: UInt64 = 0, from untyped: UInt32 = TestSystem.ram,
        pool: UInt32 = RootSlot.asidPool.index, sourceLocation: SourceLocation = #_sourceLocation
    ) -> UInt32 {
        let slot = allocateSlot()
        let result = perform(
            .retype, untyped, UInt64(kind.rawValue) | sizeBits << 8, 1, own, UInt64(slot),
            kind == .addressSpace ? UInt64(pool) : none,
            sourceLocation: sourceLocation)
        #expect(result.error == nil, "making \(kind)", sourceLocation: sourceLocation)
        return slot
    }
    /// A pool of address-space numbers.
    func makePool(
        from untyped: UInt32 = TestSystem.ram, sourceLocation: SourceLocation = #_sourceLocation
    ) -> UInt32 {
        let slot = allocateSlot()
        let result = createPool(from: untyped, at: UInt64(slot))
        #expect(result.error == nil, sourceLocation: sourceLocation)
        return slot
    }
    func createPool(from untyped: UInt32, at slot: UInt64) -> Results {
        perform(.createASIDPool, RootSlot.asidControl.index, 0, 0, UInt64(untyped), own, slot)
    }
    /// An interrupt object of a line, bound to a notification where there is one.
    func makeInterrupt(
        line: Int, trigger: Trigger = .edge, from untyped: UInt32 = TestSystem.ram,
        signalling notification: UInt32? = nil, bits: UInt64 = 1,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> UInt32 {
        let slot = allocateSlot()
        let result = perform(
            .createInterrupt, RootSlot.interruptControl.index, UInt64(line), trigger.rawValue,
            UInt64(untyped), own, UInt64(slot))
        #expect(result.error == nil, sourceLocation: sourceLocation)
        if let notification {
            let bound = perform(.bindInterrupt, slot, UInt64(notification), bits)
            #expect(bound.error == nil, sourceLocation: sourceLocation)
        }
        return slot
    }
    /// A timer that is bound to a notification.
    func makeTimer(
        from untyped: UInt32 = TestSystem.ram, signalling notification: UInt32, bits: UInt64 = 1,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> UInt32 {
        let slot = make(.timer, from: untyped, sourceLocation: sourceLocation)
        let bound = perform(.bindTimer, slot, UInt64(notification), bits)
        #expect(bound.error == nil, sourceLocation: sourceLocation)
        return slot
    }
    /// Gives an address space the tables of these levels for the 2 MiB around `place`. The root
    /// task's space has the upper one.
    func attachTables(
        to space: UInt32, at place: UInt64, levels: Int = 2,
        from untyped: UInt32 = TestSystem.ram, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for _ in 0..<levels {
            let table = UInt64(make(.pageTable, from: untyped, sourceLocation: sourceLocation))
            let attached = perform(.attachTable, space, table, place)
            #expect(attached.error == nil, sourceLocation: sourceLocation)
        }
    }
    func object<Object: ~Copyable>(_ slot: UInt32, as: Object.Type) -> Ref<Object>? {
        rootTable.slot(Int(slot)).pointee.object?.rebound(to: Object.self)
    }
    func capability(_ slot: UInt32) -> Ref<Capability> { rootTable.slot(Int(slot)) }

    func isEmpty(_ slot: UInt32) -> Bool { capability(slot).pointee.object == nil }

    /// A stopped thread with the root task's table and address space, and an IPC buffer of its own.
    func makeThread(
        priority: UInt64, from untyped: UInt32 = TestSystem.ram, hasBuffer: Bool = true,
        faultHandler: UInt32? = nil
    ) -> TestThread {
        asRoot {
            let slot = make(.thread, from: untyped)
            let buffer = hasBuffer ? UInt64(make(.frame, sizeBits: 12, from: untyped)) : none
            let configured = perform(
                .configure, slot, UInt64(RootSlot.table.index), UInt64(RootSlot.addressSpace.index),
                buffer,
                faultHandler.map { UInt64($0) } ?? none)
            #expect(configured.error == nil)
            #expect(perform(.setPriority, slot, priority, max(priority, 200)).error == nil)
            #expect(perform(.setEntry, slot, 0x2000).error == nil)
            guard let ref = object(slot, as: KernelThread.self) else {
                preconditionFailure("no thread was made")
            }
            return TestThread(slot: slot, ref: ref)
        }
    }
    func start(_ threads: TestThread...) {
        asRoot { for thread in threads { #expect(perform(.resume, thread.slot).error == nil) } }
    }
    func buffer(_ thread: TestThread) -> UnsafeMutablePointer<UInt64> {
        guard let buffer = thread.ref.pointee.buffer else {
            preconditionFailure("the thread has no buffer")
        }
        return buffer.raw.assumingMemoryBound(to: UInt64.self)
    }

    /// Writes a loan into the thread's IPC buffer, for its next call.
    func offerLoan(_ thread: TestThread, _ address: UInt64, _ length: UInt64, _ rights: Rights) {
        let words = buffer(thread)
        words[IPCBuffer.loanAddress / 8] = address
        words[IPCBuffer.loanLength / 8] = length
        words[IPCBuffer.loanRights / 8] = UInt64(rights.raw)
    }

    // The state of a thread

    func state(_ thread: TestThread) -> ThreadState { thread.ref.state.reported }
    func effective(_ thread: TestThread) -> Int { Int(thread.ref.effective) }
    func isRunning(_ thread: TestThread) -> Bool { running == thread.ref }
}
