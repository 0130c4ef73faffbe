// The fast paths of `call` and `replyAndReceive`: the frequent case of both, with nothing to search and nothing to decide.
//
// Each checks that nothing unusual holds, without a change, and returns nil otherwise; the general path then does the same
// work in full. What makes them short is state that is kept elsewhere: `readyServer` says in one load that a receiver
// waits plainly, the scheduling word carries state, priority and depth together, and the message registers are never
// copied: the exit loads them from the sender's context.

import HardwareInterface
import KernelABI

/// Control words from here on announce more than fits the registers, or are malformed: the general path decides.
@inline(__always) private var fastControlEnd: UInt64 { UInt64(Message.registerWords &+ 1) &<< 40 }

extension Kernel where H: ~Copyable {
    /// `call` to a server that waits. The caller's words stay in its context, from where the exit loads them.
    @inline(__always) public mutating func fastCall(_ thread: Ref<Thread>, _ raw: UInt64, deadline: UInt64) -> Exit? {
        let index = UInt(raw & 0xffff_ffff)
        if index >= thread.pointee.tableCount || raw >= fastControlEnd { return nil }
        let slot = fastSlot(thread, index)
        if slot.pointee.kind != .endpoint || !slot.pointee.rights.contains(.write) || deadline != ~0 { return nil }
        let endpoint: Ref<Endpoint> = slot.fastObject()
        guard let server = endpoint.pointee.readyServer else { return nil }
        let word = thread.pointee.scheduling.raw
        // The server's word: the caller's, one deeper. A depth of `Limits.chain` carries into the attention bits.
        let deeper = word &+ 0x100
        if deeper & SchedulingWord.attentionMask != 0 { return nil }
        let base = UInt32(server.pointee.base)
        let reply = server.pointee.reply.fastValue
        endpoint.pointee.readyServer = nil
        server.pointee.endpoint = nil
        server.pointee.reply = nil
        server.pointee.scheduling.raw = base > word & 0xff ? deeper & ~0xff | base : deeper
        server.pointee.callers.root = thread.callerNode
        server.pointee.callers.first = thread.callerNode
        thread.pointee.callerNode.key = UInt64(word & 0xff)
        thread.pointee.blockedOn = server
        thread.pointee.reply = reply
        thread.pointee.scheduling.raw = word | RunState.awaitingReply.raw &<< SchedulingWord.stateShift
        reply.pointee.caller = thread
        return .message(
            thread: server, result: raw & ControlWord.messageMask, badge: slot.pointee.badge, source: thread)
    }

    /// `replyAndReceive` where the one caller can run at once and nobody waits at the endpoint.
    ///
    /// A caller that stands in this thread's `callers` waits for this thread and for no other, so the queue's root is the
    /// only thing to compare.
    @inline(__always) public mutating func fastReplyAndReceive(
        _ thread: Ref<Thread>, _ raw: UInt64, replySlot: UInt64, deadline: UInt64
    ) -> Exit? {
        let index = UInt(raw & 0xffff_ffff)
        let replyIndex = UInt(replySlot & 0xffff_ffff)
        let count = thread.pointee.tableCount
        if index >= count || replyIndex >= count || raw >= fastControlEnd { return nil }
        let slot = fastSlot(thread, index)
        let replyCapability = fastSlot(thread, replyIndex)
        if slot.pointee.kind != .endpoint || !slot.pointee.rights.contains(.read)
            || replyCapability.pointee.kind != .reply
            || !replyCapability.pointee.rights.contains(.write) || deadline != ~0
        {
            return nil
        }
        let endpoint: Ref<Endpoint> = slot.fastObject()
        let reply: Ref<Reply> = replyCapability.fastObject()
        guard let caller = reply.pointee.caller else { return nil }
        if endpoint.pointee.readyServer != nil || !endpoint.pointee.waiters.isEmpty || endpoint.pointee.isClosed
            || thread.pointee.callers.root != caller.callerNode || caller.pointee.callerNode.height != 0
        {
            return nil
        }
        if let notification = thread.pointee.boundNotification, notification.pointee.bits != 0 { return nil }
        let word = caller.pointee.scheduling.raw
        if (word | thread.pointee.scheduling.raw) & SchedulingWord.attentionMask != 0
            || Int(word & 0xff) <= core.ready.barrier
        {
            return nil
        }
        caller.pointee.blockedOn = nil
        caller.pointee.reply = nil
        caller.pointee.loanLength = 0
        caller.pointee.scheduling.raw = word & ~(15 << SchedulingWord.stateShift)
        reply.pointee.caller = nil
        reply.pointee.holder = thread
        thread.pointee.callers.root = nil
        thread.pointee.callers.first = nil
        thread.pointee.reply = reply
        thread.pointee.endpoint = endpoint
        thread.pointee.scheduling.raw =
            UInt32(thread.pointee.base) | RunState.receiving.raw &<< SchedulingWord.stateShift
        endpoint.pointee.readyServer = thread
        return .message(thread: caller, result: raw & ControlWord.messageMask, badge: 0, source: thread)
    }

    @inline(__always) private func fastSlot(_ thread: Ref<Thread>, _ index: UInt) -> Ref<Capability> {
        // Safety: the caller compared index with tableCount, which is set together with tableBase.
        unsafe Ref(UnsafeMutablePointer(bitPattern: thread.pointee.tableBase &+ index &<< 6).unsafelyUnwrapped)
    }
}

extension Ref where Object == Capability {
    /// The object of a capability whose kind was compared: only an empty slot has none, and its kind is `null`.
    @inline(__always) fileprivate func fastObject<T: ~Copyable>() -> Ref<T> {
        // Safety: kind is not null, so object is set.
        unsafe pointee.object.unsafelyUnwrapped.rebound(to: T.self)
    }
}

extension Optional where Wrapped == Ref<Reply> {
    /// The reply object of a `readyServer`, which always has one.
    @inline(__always) fileprivate var fastValue: Ref<Reply> {
        // Safety: an invariant of `Endpoint.readyServer`.
        unsafe unsafelyUnwrapped
    }
}
