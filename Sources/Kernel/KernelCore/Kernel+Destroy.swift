// Destruction, in steps: deleting and revoking capabilities, and reclaiming untyped memory with every object in it.
//
// `delete` and `revoke` remove one leaf of the derivation tree a step, or cancel one thread that is
// queued with it. `reclaim` walks the descriptors of a region from its low end; each step removes one
// capability, one mapping, one waiter or one slot. The progress stands in the objects themselves, so an
// interrupt is taken after every step, and a call that restarts goes on where the objects say.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Remove everything that was derived from a capability; then, for `delete`, the capability itself.
    mutating func revoke(_ slot: Ref<Capability>, andDelete: Bool) -> Bool {
        while slot.hasChildren {
            // Down to a leaf: bounded by `Limits.derivationDepth`, since each step goes one level deeper.
            var leaf = slot
            var levels = LoopBound(Limits.derivationDepth)
            while leaf.hasChildren, let next = leaf.pointee.next {
                levels.count()
                leaf = next
            }
            if drain(leaf) { remove(leaf) }
            if isInterrupted() { return false }
        }
        return !andDelete || delete(slot)
    }

    /// Empty a slot from which nothing derives. False: an interrupt came between; call again.
    mutating func delete(_ slot: Ref<Capability>) -> Bool {
        while !drain(slot) {  // one waiter a round
            if isInterrupted() { return false }
        }
        remove(slot)
        return true
    }

    /// Before a capability to an endpoint goes: nobody must be left queued with it, for its badge may be another's by the time
    /// that a message arrives; and before the last one goes, nobody must be left waiting where nobody can come any more. Ends
    /// one wait; true when none is left to end.
    private mutating func drain(_ slot: Ref<Capability>) -> Bool {
        guard let endpoint = slot.endpoint else { return true }
        if slot.pointee.previous == nil && slot.pointee.next == nil { return closeStep(endpoint, forGood: true) }
        guard let sender = slot.pointee.firstSender else { return true }
        abort(sender, endpoint.pointee.header.isDying ? .peerDied : .invalidCapability)
        return false
    }

    /// Empty a slot from which nothing derives, with what follows for the object.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func remove(_ slot: Ref<Capability>) {
        guard let object = slot.pointee.object else { return }
        if slot.pointee.place != .table { detachPart(slot) }
        unmap(slot)
        slot.unlink()
        if object.pointee.firstCapability == nil { orphan(object) }
    }

    /// Nobody can reach the object any more; its memory stays until its untyped memory is reclaimed.
    private mutating func orphan(_ object: Ref<ObjectHeader>) {
        switch object.pointee.kind {
        case .reply: abandon(object.rebound(to: Reply.self))
        case .interrupt: unbind(object.rebound(to: Interrupt.self))
        case .timer:
            cancel(object.rebound(to: Timer.self))
        case .null, .endpoint, .notification, .thread, .capabilityTable, .addressSpace, .pageTable, .frame, .untyped,
            .interruptControl, .systemControl, .registers, .asidControl, .asidPool:
            break
        }
    }

    /// The reply object goes: its caller gets an error, a receiver that holds it ready too.
    private mutating func abandon(_ reply: Ref<Reply>) {
        if let caller = reply.pointee.caller {
            refuse(caller)
        } else if let holder = reply.pointee.holder {
            abort(holder, .invalidCapability)
        }
    }

    /// A slot of a thread control block is emptied: the thread loses what it named.
    private mutating func detachPart(_ slot: Ref<Capability>) {
        let thread = slot.thread
        switch slot.pointee.place {
        case .table: break
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

    /// Destroy all objects of a region. False: an interrupt came between; call again.
    mutating func reclaim(_ untyped: Ref<Untyped>) -> Bool {
        if untyped.pointee.reclaimCursor < 0 { untyped.pointee.reclaimCursor = 0 }
        while true {  // one reference a round, an interrupt is taken between rounds
            // The innermost region that still has objects: each is at most half of the one around it, from 38 bits to 12.
            var region = untyped
            var levels = LoopBound(KernelLimits.nestedRegions)
            while let inner = innerRegion(region) {
                levels.count()
                region = inner
            }
            if region.pointee.reclaimCursor >= region.pointee.low {
                if region == untyped {
                    finishReclaim(untyped)
                    return true
                }
                // An inner region is empty: its parent's cursor stands at it and finishes it as an object.
                finishReclaim(region)
                region.pointee.header.isDying = true
            } else {
                let object = unsafe reference(memory(region, region.pointee.reclaimCursor), as: ObjectHeader.self)
                object.pointee.isDying = true
                if destroyStep(object) { region.pointee.reclaimCursor &+= Int(object.pointee.size) }
            }
            if isInterrupted() { return false }
        }
    }

    /// The object at the cursor, if it is untyped memory that still holds objects.
    private func innerRegion(_ region: Ref<Untyped>) -> Ref<Untyped>? {
        if region.pointee.reclaimCursor >= region.pointee.low { return nil }
        let object = unsafe reference(memory(region, region.pointee.reclaimCursor), as: ObjectHeader.self)
        if object.pointee.kind != .untyped { return nil }
        let inner = object.rebound(to: Untyped.self)
        if inner.pointee.isDevice || inner.pointee.low == 0 { return nil }
        // Nobody fills it again meanwhile, even after another has reclaimed it in between.
        inner.pointee.header.isDying = true
        if inner.pointee.reclaimCursor < 0 { inner.pointee.reclaimCursor = 0 }
        return inner
    }

    private func finishReclaim(_ untyped: Ref<Untyped>) {
        untyped.pointee.low = 0
        untyped.pointee.high = 1 << untyped.pointee.sizeBits
        untyped.pointee.lowCleared = 0
        untyped.pointee.highCleared = untyped.pointee.high
        untyped.pointee.reclaimCursor = -1
    }

    /// One step of an object's end; true when nothing refers to it any more.
    private mutating func destroyStep(_ object: Ref<ObjectHeader>) -> Bool {
        if let first = object.pointee.firstCapability {
            // All of the object's capabilities go, so the order among them does not matter.
            if drain(first) { remove(first) }
            return false
        }
        switch object.pointee.kind {
        case .endpoint: return closeStep(object.rebound(to: Endpoint.self), forGood: true)
        case .reply:
            abandon(object.rebound(to: Reply.self))
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
        case .frame, .untyped, .null, .interruptControl, .systemControl, .registers, .asidControl:
            return true
        }
    }

    /// Refuse one queued caller, or one receiver where the endpoint goes for good. True when none is left.
    @inline(never) mutating func closeStep(_ endpoint: Ref<Endpoint>, forGood: Bool) -> Bool {
        endpoint.pointee.isClosed = true
        endpoint.noteOccupation()
        queueReadyServer(endpoint)
        if let sender = endpoint.waitingSender {
            refuse(sender)
            return false
        }
        if forGood {
            if let receiver = endpoint.waitingReceiver {
                abort(receiver, .peerDied)
                return false
            }
            disown(endpoint)
        }
        return true
    }

    /// `close`. False: an interrupt came between; call again.
    mutating func close(_ endpoint: Ref<Endpoint>) -> Bool {
        while !closeStep(endpoint, forGood: false) {  // one caller a round
            if isInterrupted() { return false }
        }
        return true
    }

    private mutating func destroyStep(_ notification: Ref<Notification>) -> Bool {
        if let waiter = notification.pointee.waiters.first?.waiter {
            abort(waiter, .invalidCapability)
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
            withdraw(thread)
            thread.state = .stopped
            return false
        }
        // Its endpoints close first, so that nobody new comes to wait for it.
        if let endpoint = thread.pointee.ownedEndpoints {
            if closeStep(endpoint, forGood: false) { disown(endpoint) }
            return false
        }
        if let caller = thread.firstCaller {
            refuse(caller)
            return false
        }
        if thread.deadlineNode.pointee.isQueued {
            core.isStale = true
            core.deadlines.remove(thread.deadlineNode)
            return false
        }
        if !drain(thread.faultSlot) { return false }
        _ = bind(thread, nil)
        remove(thread.tableSlot)
        remove(thread.spaceSlot)
        remove(thread.bufferSlot)
        remove(thread.faultSlot)
        if core.current == thread { core.current = nil }
        dropNumber(thread.deadlineNode)
        return true
    }

    /// Empty the table, at most `slotStep` slots a step and one capability of a tree.
    private mutating func destroyStep(_ table: Ref<CapabilityTable>) -> Bool {
        for _ in 0..<KernelLimits.slotStep {
            if table.pointee.cursor >= table.pointee.count { return true }
            let slot = table.slot(table.pointee.cursor)
            if slot.pointee.object != nil {
                var leaf = slot
                var levels = LoopBound(Limits.derivationDepth)
                while leaf.hasChildren, let next = leaf.pointee.next {
                    levels.count()
                    leaf = next
                }
                if drain(leaf) { remove(leaf) }
                return false
            }
            table.pointee.cursor &+= 1
        }
        return false
    }

    mutating func destroyStep(_ space: Ref<AddressSpace>) -> Bool {
        if let mapping = space.pointee.mappings {
            forgetMapping(mapping)
            return false
        }
        if let table = space.pointee.tables {
            detach(table)
            return false
        }
        releaseASID(of: space)
        return true
    }

    // Servers of endpoints

    /// `bindServer`: the thread inherits from those that queue at the endpoint from now on; a closed endpoint opens.
    mutating func bindServer(_ endpoint: Ref<Endpoint>, _ thread: Ref<Thread>) -> KernelError? {
        if endpoint.waitingSender != nil { return .wrongState }
        disown(endpoint)
        endpoint.pointee.server = thread
        endpoint.pointee.isClosed = false
        endpoint.noteOccupation()
        endpoint.pointee.nextOwned = thread.pointee.ownedEndpoints
        thread.pointee.ownedEndpoints?.pointee.previousOwned = endpoint
        thread.pointee.ownedEndpoints = endpoint
        return nil
    }

    private func disown(_ endpoint: Ref<Endpoint>) {
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
