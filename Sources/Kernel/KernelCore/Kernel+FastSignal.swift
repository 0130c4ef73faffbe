// The fast paths of `signal` and `poll`: the calling thread mostly goes on itself, so that nothing of it was saved yet.
//
// As the fast paths of IPC, each changes nothing before it is sure, and leaves everything else to the general path.

import HardwareInterface
import KernelABI

/// How a fast path ended that had saved nothing.
public enum QuickOutcome {
    /// The caller goes on, with success.
    case done
    /// Nothing changed: the general path decides.
    case declined
    /// The caller's results are in its context, and this thread goes on.
    case switched(Ref<Thread>)
}

extension Kernel where H: ~Copyable {
    /// `signal` to a notification that is bound to no thread and has at most one waiter, who waits without deadline.
    @inline(__always) public mutating func fastSignal(
        _ thread: Ref<Thread>, _ raw: UInt64, _ bits: UInt64
    ) -> QuickOutcome {
        let index = UInt(raw & 0xffff_ffff)
        if index >= thread.pointee.tableCount { return .declined }
        let slot = fastSlot(thread, index)
        if !slot.pointee.uses.contains(.signal) { return .declined }
        let notification: Ref<Notification> = slot.fastObject()
        if notification.pointee.boundThread != nil { return .declined }
        let badge = slot.pointee.badge
        let value = badge != 0 ? badge : bits
        guard let node = notification.pointee.waiters.root else {
            notification.pointee.bits |= value
            return .done
        }
        guard node.pointee.height == 0, let waiter = node.thread else { return .declined }
        let word = waiter.pointee.scheduling.raw
        if word & SchedulingWord.attentionMask != 0 || value == 0 || thread.pointee.slice != 0 || isTracing {
            return .declined
        }
        notification.pointee.waiters.root = nil
        notification.pointee.waiters.first = nil
        waiter.pointee.notification = nil
        complete(waiter, ResultWord(.notification), value)
        if word & 0xff <= thread.pointee.scheduling.raw & 0xff {
            core.ready.insert(waiter)
            return .done
        }
        complete(thread, .success)
        core.ready.insert(thread, atHead: true)
        account(from: thread, to: waiter)
        return .switched(waiter)
    }

    /// `poll` of a notification that is bound to no thread and has bits; they are returned.
    @inline(__always) public func fastPoll(_ thread: Ref<Thread>, _ raw: UInt64) -> UInt64? {
        let index = UInt(raw & 0xffff_ffff)
        if index >= thread.pointee.tableCount { return nil }
        let slot = fastSlot(thread, index)
        if !slot.pointee.uses.contains(.wait) { return nil }
        let notification: Ref<Notification> = slot.fastObject()
        let bits = notification.pointee.bits
        if notification.pointee.boundThread != nil || bits == 0 { return nil }
        notification.pointee.bits = 0
        return bits
    }
}
