// The fast paths of signals: `signal` and `poll`, timers and interrupt lines, where one thread waits plainly, or nobody;
// and that of `yield`.
//
// As the fast paths of IPC, each changes nothing before it is sure, and leaves everything else to the general path.

import HardwareInterface
import KernelABI

/// How a fast path ended that had saved nothing of its caller.
public enum QuickOutcome {
    /// The caller goes on, with success.
    case done
    /// Nothing changed: the general path decides.
    case declined
    /// The caller's results are in its context, and this thread goes on.
    case switched(Ref<Thread>)
}

extension Kernel where H: ~Copyable {
    /// `signal`.
    @inline(__always) public mutating func fastSignal(
        _ thread: Ref<Thread>, _ raw: UInt64, _ bits: UInt64
    ) -> QuickOutcome {
        let index = UInt(raw & 0xffff_ffff)
        if index >= thread.pointee.tableCount { return .declined }
        let slot = fastSlot(thread, index)
        if !slot.pointee.uses.contains(.signal) { return .declined }
        let notification: Ref<Notification> = slot.fastObject()
        let badge = slot.pointee.badge
        let value = badge != 0 ? badge : bits
        if notification.pointee.boundThread == nil && notification.pointee.waiters.root == nil {
            notification.pointee.bits |= value
            return .done
        }
        guard value != 0, thread.pointee.slice == 0, !isTracing, let waiter = plainWaiter(notification) else {
            return .declined
        }
        if waiter.effective <= thread.effective {
            wakePlainWaiter(waiter, notification, value)
            makeReadyBelow(waiter)
            return .done
        }
        complete(thread, .success)
        return .switched(preempt(thread, by: waiter, notification, value))
    }

    /// Behind those of its priority; nobody is to be switched to.
    @inline(__always) private mutating func makeReadyBelow(_ thread: Ref<Thread>) {
        if core.ready.front == nil && Int(thread.effective) > core.ready.top {
            core.ready.insertFront(thread)
        } else {
            insertReadyBelow(thread)
        }
    }
    @inline(never) private mutating func insertReadyBelow(_ thread: Ref<Thread>) { core.ready.insert(thread) }

    /// `yield`, where the next thread has no slice.
    @inline(__always) public mutating func fastYield(_ thread: Ref<Thread>) -> QuickOutcome {
        if core.ready.top != Int(thread.effective) { return .done }
        guard core.sliceEnd == .never, !isTracing, let next = core.ready.front, next.pointee.slice == 0,
            core.ready.listTop < core.ready.top
        else { return .declined }
        complete(thread, .success)
        core.ready.front = thread
        thread.state = .ready
        account(from: thread, to: next)
        return .switched(next)
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

    /// A timer interrupt whose first deadline is a timer's, as urgent as any, and wakes a thread more urgent than the running one.
    @inline(__always) public mutating func fastExpire(_ thread: Ref<Thread>) -> Ref<Thread>? {
        let now = hardware.now.ticks
        guard let node = core.deadlines.first, ~node.pointee.key <= now, let owner = node.pointee.owner,
            owner.pointee.kind == .timer, let root = core.deadlines.root,
            node.pointee.urgency == root.pointee.greatest, node.pointee.urgency >= thread.effective
        else { return nil }
        let timer = owner.rebound(to: Timer.self)
        guard let notification = timer.pointee.source.notification,
            let waiter = urgentWaiter(notification, instead: thread)
        else { return nil }
        advance(timer, now: now)
        core.armed = Instant(ticks: 0)
        let next = preempt(thread, by: waiter, notification, timer.pointee.source.bits)
        updateDeadline(waiter)
        return next
    }

    /// An interrupt of a line with one binding, which wakes a thread more urgent than the running one.
    @inline(__always) public mutating func fastDeliver(_ thread: Ref<Thread>, line: Int) -> Ref<Thread>? {
        if line < 0 || line >= Limits.interruptLines { return nil }
        guard let interrupt = tables.pointee.lines[line].first, interrupt.pointee.nextOnLine == nil,
            !interrupt.pointee.isOutstanding, let notification = interrupt.pointee.source.notification,
            let waiter = urgentWaiter(notification, instead: thread)
        else { return nil }
        statistics.interrupts &+= 1
        interrupt.pointee.count &+= 1
        interrupt.pointee.isOutstanding = true
        tables.pointee.lines[line].outstanding = 1
        return preempt(thread, by: waiter, notification, interrupt.pointee.source.bits)
    }

    // Parts

    @inline(__always) private func urgentWaiter(
        _ notification: Ref<Notification>, instead thread: Ref<Thread>
    ) -> Ref<Thread>? {
        if core.sliceEnd != .never || isTracing { return nil }
        guard let waiter = plainWaiter(notification), waiter.effective > thread.effective else { return nil }
        return waiter
    }

    /// The thread that a signal wakes, where nothing about it needs thought: the ready server of an endpoint that the
    /// notification is bound to, or the only waiter, without deadline.
    @inline(__always) private func plainWaiter(_ notification: Ref<Notification>) -> Ref<Thread>? {
        if let thread = notification.pointee.boundThread {
            guard let endpoint = thread.pointee.endpoint, endpoint.pointee.readyServer.isSame(as: thread) else {
                return nil
            }
            return thread
        }
        guard let node = notification.pointee.waiters.root, node.pointee.height == 0, let thread = node.thread,
            thread.pointee.scheduling.raw & SchedulingWord.attentionMask == 0
        else { return nil }
        return thread
    }

    /// Take what `plainWaiter` found out of where it waits, with its results.
    @inline(__always) private func wakePlainWaiter(
        _ thread: Ref<Thread>, _ notification: Ref<Notification>, _ bits: UInt64
    ) {
        if let endpoint = thread.pointee.endpoint {
            endpoint.pointee.readyServer = nil
            endpoint.pointee.occupation = 0
            thread.pointee.reply?.pointee.holder = nil
            thread.pointee.endpoint = nil
            thread.pointee.reply = nil
        } else {
            notification.pointee.waiters.root = nil
            notification.pointee.waiters.first = nil
            thread.pointee.notification = nil
        }
        complete(thread, ResultWord(.notification), bits)
    }

    /// Let a woken thread run instead of a less urgent one. No slice begins: nobody of its priority is ready.
    @inline(__always) private mutating func preempt(
        _ thread: Ref<Thread>, by waiter: Ref<Thread>, _ notification: Ref<Notification>, _ bits: UInt64
    ) -> Ref<Thread> {
        wakePlainWaiter(waiter, notification, bits)
        if core.ready.front != nil { return preemptBeforeFront(thread, by: waiter) }
        core.ready.insertFront(thread)
        account(from: thread, to: waiter)
        return waiter
    }

    @inline(never) private mutating func preemptBeforeFront(
        _ thread: Ref<Thread>, by waiter: Ref<Thread>
    ) -> Ref<Thread> {
        core.ready.settleFront()
        core.ready.insertFront(thread)
        account(from: thread, to: waiter)
        return waiter
    }
}
