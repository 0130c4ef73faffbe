// Destruction, in steps: deleting and revoking capabilities, and reclaiming untyped memory with
// every object in it.
//
// A step of `delete` or `revoke` removes one leaf of the derivation tree, or ends one wait that
// depends on it. `reclaim` walks the descriptors of a region from its low end. Each of its steps
// removes one capability or mapping, ends one wait, or looks through some slots. The objects
// themselves keep the progress. So after each step interrupts are taken and threads run that the
// step woke, and a restarted call continues from there.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Removes all capabilities that derive from a capability; with `andDelete` also the capability
    /// itself.
    ///
    /// - Returns: false if the operation gives way: call again.
    mutating func revoke(_ slot: Ref<Capability>, andDelete: Bool) -> Bool {
        while slot.hasChildren {
            let leaf = leaf(below: slot)
            if isInterrupted() { return false }
            _ = removeStep(leaf)
            if isInterruptedAfterStep() { return false }
        }
        return !andDelete || delete(slot)
    }

    /// Empties a slot from which nothing derives.
    ///
    /// - Returns: false if the operation gives way: call again.
    private mutating func delete(_ slot: Ref<Capability>) -> Bool {
        while true {  // one wait a round
            if removeStep(slot) { return true }
            if isInterruptedAfterStep() { return false }
        }
    }

    /// Performs one step of the removal of a capability from which nothing derives: ends one wait
    /// that depends on it, or the last use of its object, or empties the slot.
    ///
    /// The capability loses its rights first. So no thread waits with it again, and the removal
    /// ends even if each thread runs at once whose wait a step has ended.
    ///
    /// - Returns: whether the slot is empty.
    private mutating func removeStep(_ slot: Ref<Capability>) -> Bool {
        slot.dropRights()
        if let thread = waiter(with: slot) {
            endWait(of: thread, with: slot)
            return false
        }
        if slot.pointee.previous == nil && slot.pointee.next == nil,
            let object = slot.pointee.object, isInUse(object)
        {
            loseLast(object)
            return false
        }
        remove(slot)
        return true
    }

    /// Ends all waits that depend on a capability from which nothing derives.
    ///
    /// - Returns: false if the operation gives way: call again.
    mutating func endWaits(with slot: Ref<Capability>) -> Bool {
        while let thread = waiter(with: slot) {  // one wait a round
            endWait(of: thread, with: slot)
            if isInterruptedAfterStep() { return false }
        }
        return true
    }

    /// Returns a thread whose wait must end before this capability to an endpoint goes; nil if
    /// there is none.
    ///
    /// This is a thread that is queued with the capability, since its badge may belong to another
    /// client when the message arrives. For the last capability it is any waiting thread, since no
    /// other thread can come to the endpoint any more. The endpoint closes then.
    private mutating func waiter(with slot: Ref<Capability>) -> Ref<Thread>? {
        guard let endpoint = slot.endpoint else { return nil }
        if slot.pointee.previous != nil || slot.pointee.next != nil {
            return slot.pointee.firstSender
        }
        close(endpoint)
        return endpoint.pointee.waiters.first?.waiter
    }

    /// Ends the wait of a thread that `waiter(with:)` returned.
    private mutating func endWait(of thread: Ref<Thread>, with slot: Ref<Capability>) {
        let isLast = slot.pointee.previous == nil && slot.pointee.next == nil
        let isDying = slot.pointee.object?.pointee.isDying ?? true
        end(thread, isLast || isDying ? .peerDied : .invalidCapability)
    }

    /// Empties a slot from which nothing derives, and updates the objects that used its capability.
    ///
    /// - Precondition: no wait depends on the capability.
    /// - Complexity: constant.
    @inline(never) mutating func remove(_ slot: Ref<Capability>) {
        if slot.pointee.object == nil { return }
        if slot.pointee.place != .table {
            if core.isShared && slot.pointee.place != .mutexPage { requestReload(slot.thread) }
            return removePart(slot)
        }
        if slot.pointee.kind == .frame {
            unmap(slot)
            return slot.unlink()
        }
        slot.unlink()
    }

    /// Empties a slot of a thread control block or of a mutex set.
    ///
    /// Objects of the kinds that stand there have no use that must end with their last capability
    /// (`isInUse`), and these slots map no frame.
    ///
    /// - Precondition: no wait depends on the capability. Another core that runs the thread was
    ///   asked to reload.
    mutating func removePart(_ slot: Ref<Capability>) {
        if slot.pointee.object == nil { return }
        detachPart(slot)
        slot.unlink()
    }

    /// Returns whether the object has a use that must end before its last capability goes.
    private func isInUse(_ object: Ref<ObjectHeader>) -> Bool {
        switch object.pointee.kind {
        case .reply:
            let reply = object.rebound(to: Reply.self)
            return reply.pointee.caller != nil || reply.pointee.holder != nil
        case .interrupt: return object.rebound(to: Interrupt.self).pointee.isListed
        case .timer: return object.rebound(to: Timer.self).node.pointee.isQueued
        default: return false
        }
    }

    /// Ends the use of an object that is about to lose its last capability. Its memory stays until
    /// the untyped memory is reclaimed.
    private mutating func loseLast(_ object: Ref<ObjectHeader>) {
        switch object.pointee.kind {
        case .reply: cancel(object.rebound(to: Reply.self))
        case .interrupt: unbind(object.rebound(to: Interrupt.self))
        default: cancel(object.rebound(to: Timer.self))
        }
    }

    /// Ends the waits that depend on a reply object: of its caller, or of a receiver that holds it.
    private mutating func cancel(_ reply: Ref<Reply>) {
        if let caller = reply.pointee.caller {
            end(caller, .peerDied)
        } else if let holder = reply.pointee.holder {
            end(holder, .invalidCapability)
        }
    }

    /// Takes from a thread what a slot of its control block named, or from a mutex set its page.
    private mutating func detachPart(_ slot: Ref<Capability>) {
        if slot.pointee.place == .mutexPage {
            slot.mutexSet.pointee.page = nil
            return
        }
        let thread = slot.thread
        switch slot.pointee.place {
        case .table, .mutexPage: break
        case .threadTable:
            thread.pointee.tableBase = 0
            thread.pointee.tableCount = 0
        case .threadSpace: setTranslationBase(thread, emptyTranslationBase)
        case .threadBuffer:
            dropFloatingPoint(of: thread)
            thread.pointee.buffer = nil
        case .threadFault: break
        }
    }

    // Reclaiming

    /// Destroys all objects of a region.
    ///
    /// - Returns: false if the operation gives way: call again.
    mutating func reclaim(_ untyped: Ref<Untyped>) -> Bool {
        if untyped.pointee.reclaimCursor < 0 { untyped.pointee.reclaimCursor = 0 }
        while true {  // one step a round: a level down, a reference, or a level up
            let region = untyped.pointee.innermost ?? untyped
            if region.pointee.reclaimCursor < 0
                || region.pointee.reclaimCursor >= region.pointee.low
            {
                // The cursor of the region around it stands at this region, and destroys it as an
                // object.
                finishReclaim(region)
                if region == untyped { return true }
                region.pointee.header.isDying = true
                untyped.pointee.innermost =
                    region.pointee.outer == untyped ? nil : region.pointee.outer
            } else if let inner = innerRegion(region) {
                inner.pointee.outer = region
                untyped.pointee.innermost = inner
            } else {
                let object = unsafe reference(
                    memory(region, region.pointee.reclaimCursor), as: ObjectHeader.self)
                object.pointee.isDying = true
                let capability = nextCapability(object)
                if isInterrupted() { return false }
                if let capability {
                    _ = removeStep(capability)
                } else if destroyStep(object) {
                    region.pointee.reclaimCursor &+= Int(object.pointee.size)
                }
                if core.isShared && isAwaitingCore() { return false }
            }
            if isInterruptedAfterStep() { return false }
        }
    }

    /// Returns the object at the cursor if it is untyped memory that still holds objects.
    ///
    /// - Precondition: the cursor stands at an object.
    private func innerRegion(_ region: Ref<Untyped>) -> Ref<Untyped>? {
        let object = unsafe reference(
            memory(region, region.pointee.reclaimCursor), as: ObjectHeader.self)
        if object.pointee.kind != .untyped { return nil }
        let inner = object.rebound(to: Untyped.self)
        if inner.pointee.isDevice || inner.pointee.low == 0 { return nil }
        // No task can fill it again, even if another call has reclaimed it in between.
        inner.pointee.header.isDying = true
        if inner.pointee.reclaimCursor < 0 { inner.pointee.reclaimCursor = 0 }
        return inner
    }

    /// Marks a region as empty.
    private func finishReclaim(_ untyped: Ref<Untyped>) {
        untyped.pointee.low = 0
        untyped.pointee.high = 1 << untyped.pointee.sizeBits
        untyped.pointee.lowCleared = 0
        untyped.pointee.highCleared = untyped.pointee.high
        untyped.pointee.reclaimCursor = -1
        untyped.pointee.innermost = nil
    }

    /// Returns the capability that goes next in an object's destruction: one of the object's own,
    /// or, in a table, a leaf below the first slot in use. Returns nil if none is found.
    private func nextCapability(_ object: Ref<ObjectHeader>) -> Ref<Capability>? {
        // All of the object's own go, so the order among them does not matter.
        if let first = object.pointee.firstCapability { return first }
        if object.pointee.kind != .capabilityTable { return nil }
        let table = object.rebound(to: CapabilityTable.self)
        if table.pointee.cursor >= table.pointee.count { return nil }
        let slot = table.slot(table.pointee.cursor)
        return slot.pointee.object == nil ? nil : leaf(below: slot)
    }

    /// Performs one step of the destruction of an object without capabilities.
    ///
    /// - Returns: true if nothing refers to the object any more.
    private mutating func destroyStep(_ object: Ref<ObjectHeader>) -> Bool {
        switch object.pointee.kind {
        case .endpoint: return destroyStep(object.rebound(to: Endpoint.self))
        case .reply:
            cancel(object.rebound(to: Reply.self))
            connect(object.rebound(to: Reply.self).source, to: nil, bits: 0)
            return true
        case .notification: return destroyStep(object.rebound(to: Notification.self))
        case .thread: return destroyStep(object.rebound(to: Thread.self))
        case .capabilityTable: return destroyStep(object.rebound(to: CapabilityTable.self))
        case .addressSpace: return destroyStep(object.rebound(to: AddressSpace.self))
        case .pageTable:
            detach(object.rebound(to: PageTable.self))
            return true
        case .interrupt:
            unbind(object.rebound(to: Interrupt.self))
            return true
        case .timer:
            cancel(object.rebound(to: Timer.self))
            connect(object.rebound(to: Timer.self).source, to: nil, bits: 0)
            dropNumber(object.rebound(to: Timer.self).node)
            return true
        case .asidPool: return destroyStep(object.rebound(to: ASIDPool.self))
        case .budget: return destroyStep(object.rebound(to: Budget.self))
        case .mutexSet: return destroyStep(object.rebound(to: MutexSet.self))
        case .frame, .untyped, .null, .interruptControl, .systemControl, .registers, .asidControl:
            return true
        }
    }

    /// Closes an endpoint: it refuses calls from now on. Its ready server moves into the queue.
    private mutating func close(_ endpoint: Ref<Endpoint>) {
        endpoint.pointee.isClosed = true
        endpoint.noteOccupation()
        queueReadyServer(endpoint)
    }

    /// Performs `close`: ends the wait of every sender.
    ///
    /// - Returns: false if the operation gives way: call again.
    mutating func refuseSenders(_ endpoint: Ref<Endpoint>) -> Bool {
        close(endpoint)
        while let sender = endpoint.waitingSender {  // one sender a round
            end(sender, .peerDied)
            // After the last one the endpoint may get a server again: this call must not restart.
            // The scheduling loop then takes what this look finds, since a thread became ready.
            let isOver = endpoint.waitingSender == nil
            if isInterruptedAfterStep() && !isOver { return false }
        }
        return true
    }

    private mutating func destroyStep(_ endpoint: Ref<Endpoint>) -> Bool {
        close(endpoint)
        if let waiter = endpoint.pointee.waiters.first?.waiter {
            end(waiter, .peerDied)
            return false
        }
        unbindServer(endpoint)
        return true
    }

    private mutating func destroyStep(_ notification: Ref<Notification>) -> Bool {
        if let waiter = notification.pointee.waiters.first?.waiter {
            end(waiter, .invalidCapability)
            return false
        }
        if let source = notification.pointee.sources {
            connect(source, to: nil, bits: 0)
            return false
        }
        notification.pointee.boundThread?.pointee.scheduling.isSignalled = false
        notification.pointee.boundThread?.pointee.boundNotification = nil
        notification.pointee.boundThread = nil
        return true
    }

    private mutating func destroyStep(_ thread: Ref<Thread>) -> Bool {
        if thread.state != .stopped {
            if isRunningElsewhere(thread) {
                requestStop(thread)
            } else {
                _ = stop(thread)
            }
            return false
        }
        if let participant = thread.pointee.participations {
            _ = leaveStep(participant)
            return false
        }
        // Its endpoints close first, so that no new caller comes to wait for it.
        if let endpoint = thread.pointee.ownedEndpoints {
            close(endpoint)
            if let sender = endpoint.waitingSender {
                end(sender, .peerDied)
            } else {
                unbindServer(endpoint)
            }
            return false
        }
        if let caller = thread.firstCaller {
            if caller.isEnding {
                finish(caller)
            } else if caller.state == .locking {
                relink(caller)
            } else {
                end(caller, .peerDied)
            }
            return false
        }
        if thread.deadlineNode.pointee.isQueued {
            remove(thread.deadlineNode)
            return false
        }
        if let sender = waiter(with: thread.faultSlot) {
            endWait(of: sender, with: thread.faultSlot)
            return false
        }
        _ = bind(thread, nil)
        if core.hasBudgets { leaveBudget(thread) }
        removePart(thread.tableSlot)
        removePart(thread.spaceSlot)
        removePart(thread.bufferSlot)
        removePart(thread.faultSlot)
        dropNumber(thread.deadlineNode)
        home(of: thread).pointee.statistics[.threads] &-= 1
        return true
    }

    /// Performs one step of a table's destruction: looks through `slotStep` slots for the next
    /// capability.
    ///
    /// - Precondition: the slot at the table's cursor is empty.
    private func destroyStep(_ table: Ref<CapabilityTable>) -> Bool {
        let count = table.pointee.count
        if table.pointee.cursor >= count { return true }
        for _ in 0..<KernelLimits.slotStep {
            if table.pointee.cursor >= count
                || table.slot(table.pointee.cursor).pointee.object != nil
            {
                break
            }
            table.pointee.cursor &+= 1
        }
        return false
    }

    /// Returns a leaf of the derivation tree below a capability: one that derives from it, and from
    /// which nothing derives. If nothing derives from the capability, returns the capability.
    ///
    /// Those on the way lose their rights, since they go as well. So whoever loses the leaf makes
    /// no useful copy of the one that it came from.
    ///
    /// - Complexity: `Limits.derivationDepth` rounds, since each goes one level deeper.
    @inline(__always) private func leaf(below slot: Ref<Capability>) -> Ref<Capability> {
        var leaf = slot
        var levels = LoopBound(Limits.derivationDepth)
        while leaf.hasChildren, let next = leaf.pointee.next {
            levels.count()
            leaf = next
            leaf.dropRights()
        }
        return leaf
    }

    /// Performs one step of an address space's destruction: ends a mapping, detaches a page table,
    /// or gives the ASID back.
    mutating func destroyStep(_ space: Ref<AddressSpace>) -> Bool {
        if let mapping = space.pointee.mappings {
            forgetMapping(mapping)
            return false
        }
        if let table = space.pointee.tables {
            detach(table)
            return false
        }
        if core.isShared && awaitReload(space.pointee.translationBase) { return false }
        releaseASID(of: space)
        return true
    }

    // Servers of endpoints

    /// Performs `bindServer`: from now on the thread inherits from the callers that queue at the
    /// endpoint. A closed endpoint opens.
    ///
    /// - Returns: `wrongState` if senders wait at the endpoint; else nil.
    mutating func bindServer(_ endpoint: Ref<Endpoint>, _ thread: Ref<Thread>) -> KernelError? {
        if endpoint.waitingSender != nil { return .wrongState }
        unbindServer(endpoint)
        endpoint.pointee.server = thread
        endpoint.pointee.isClosed = false
        endpoint.noteOccupation()
        endpoint.pointee.nextOwned = thread.pointee.ownedEndpoints
        thread.pointee.ownedEndpoints?.pointee.previousOwned = endpoint
        thread.pointee.ownedEndpoints = endpoint
        return nil
    }

    /// Removes an endpoint from the list of its server, if it has one.
    private func unbindServer(_ endpoint: Ref<Endpoint>) {
        guard let server = endpoint.pointee.server else { return }
        if let previous = endpoint.pointee.previousOwned {
            previous.pointee.nextOwned = endpoint.pointee.nextOwned
        } else {
            server.pointee.ownedEndpoints = endpoint.pointee.nextOwned
        }
        endpoint.pointee.nextOwned?.pointee.previousOwned = endpoint.pointee.previousOwned
        endpoint.pointee.nextOwned = nil
        endpoint.pointee.previousOwned = nil
        endpoint.pointee.server = nil
    }
}
