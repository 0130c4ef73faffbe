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
    /// Nothing changed: the same again, after `settle`.
    case unsettled
    /// The caller succeeded; this thread, woken with its results in its context, is to be made ready by `makeReadyBelow`.
    case woken(Ref<Thread>)
    /// The caller succeeded; this thread was woken by a signal and goes on instead.
    case signalled(Wakeup)
    /// The caller succeeded; this thread goes on instead, after a switch of the floating-point registers or without.
    case switched(Ref<Thread>, usesFloatingPoint: Bool)
}

/// A thread that waited in a system call and goes on with a notification's bits. Its results are not in its context.
public struct Wakeup {
    public let thread: Ref<Thread>
    public let bits: UInt64
    /// Whether it or the thread that it preempts uses floating point: then the registers are to be switched.
    public let usesFloatingPoint: Bool
}

/// An interrupt that a fast path has taken: the thread that it wakes, still where it waits, and the bits for it.
private struct Claim {
    let thread: Ref<Thread>
    let notification: Ref<Notification>
    let bits: UInt64
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
        if notification.pointee.boundThread == nil && notification.pointee.waiters.first == nil {
            notification.pointee.bits |= value
            return .done
        }
        let word = thread.pointee.scheduling.raw
        guard value != 0, word & SchedulingWord.guardedBit == 0,
            let waiter = plainWaiter(notification)
        else {
            return .declined
        }
        if UInt32(waiter.effective) <= word & 0xff {
            if thread.pointee.slice != 0 { return .declined }
            detach(waiter, notification)
            complete(waiter, ResultWord(.notification), value)
            return .woken(waiter)
        }
        if core.sliceEnd != .never { return .declined }
        if !isSettled { return .unsettled }
        return .signalled(preempt(thread, by: waiter, notification, value))
    }

    /// Is there room for who is preempted next?
    @inline(__always) public var isSettled: Bool { core.ready.behind == nil }
    /// Make that room.
    @inline(__always) public mutating func settle() { core.ready.settle() }

    /// Makes a woken thread ready that is to run later: at its place among its equals.
    @inline(__always) public mutating func makeReadyBelow(_ thread: Ref<Thread>) {
        core.ready.insert(thread, atHead: passesEquals(thread))
    }

    /// `yield`, where the next thread has no slice.
    @inline(__always) public mutating func fastYield(_ thread: Ref<Thread>) -> QuickOutcome {
        if core.ready.watch != 0, let first = core.deadlines.first,
            first.pointee.instant <= hardware.now
        {
            return .declined
        }
        if core.ready.top != Int(thread.effective) { return .done }
        guard core.sliceEnd == .never, !isTracing, let next = core.ready.front,
            next.pointee.slice == 0,
            (core.ready.behind.map { Int($0.effective) } ?? core.ready.listTop) < core.ready.top
        else { return .declined }
        core.ready.front = thread
        return .switched(next, usesFloatingPoint: handOver(from: thread, to: next))
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

    /// A timer interrupt whose one deadline is a timer's that expires for good, more urgent than the running thread, and wakes a more
    /// urgent one.
    ///
    @inline(__always) public mutating func fastExpire(_ thread: Ref<Thread>) -> Wakeup? {
        guard isSettled, let node = core.deadlines.first, node.pointee.isLeaf,
            node.pointee.instant <= hardware.now,
            node.pointee.isTimer(above: Int(thread.effective)), let timer = node.timer,
            timer.pointee.period == 0, thread.isUndisturbed,
            let notification = timer.pointee.source.notification,
            let waiter = urgentWaiter(notification, above: Int(thread.effective))
        else { return nil }
        core.deadlines.removeOnly(node)
        core.ready.watch = 0
        core.armed = .never
        hardware.setDeadline(.never)
        return preempt(thread, by: waiter, notification, timer.pointee.source.bits)
    }

    /// The same where there are more deadlines, and the most urgent of those that are due is a timer's; or where a slice of the
    /// running thread runs.
    @inline(__always) public mutating func expireFirst(_ thread: Ref<Thread>) -> Wakeup? {
        guard let wake = claimTimer(above: Int(thread.effective)) else { return nil }
        return preemptSlice(of: thread, by: wake)
    }

    /// An interrupt of a line with one binding, which wakes a thread more urgent than the running one.
    @inline(__always) public mutating func fastDeliver(
        _ thread: Ref<Thread>, line: Int
    ) -> Wakeup? {
        if !isSettled || !thread.isUndisturbed { return nil }
        guard let wake = claimLine(line, above: Int(thread.effective)) else { return nil }
        return preempt(thread, by: wake.thread, wake.notification, wake.bits)
    }

    /// The same where a slice of the running thread runs, or an update as urgent as it is pending.
    @inline(__always) public mutating func deliverFirst(
        _ thread: Ref<Thread>, line: Int
    ) -> Wakeup? {
        if isTracing { return nil }
        guard let wake = claimLine(line, above: Int(thread.effective)) else { return nil }
        return preemptSlice(of: thread, by: wake)
    }

    /// Wakes a thread that is more urgent than all others, for an interrupt of a line that was taken between two steps.
    ///
    /// - Returns: the thread, which is in no queue, with its results; nil where nothing changed.
    @inline(never) mutating func wakeAtOnce(
        line: Int, beside thread: Ref<Thread>?
    ) -> Ref<Thread>? {
        if isTracing || core.unarmed != nil { return nil }
        return wake(claimLine(line, above: topPriority(with: thread)))
    }

    /// The same for the timer.
    @inline(never) mutating func expireAtOnce(beside thread: Ref<Thread>?) -> Ref<Thread>? {
        if core.unarmed != nil { return nil }
        return wake(claimTimer(above: topPriority(with: thread)))
    }

    /// The largest priority of a thread that could run, or of a pending update.
    @inline(__always) private func topPriority(with thread: Ref<Thread>?) -> Int {
        guard let thread, thread.state == .running else { return core.ready.top }
        return max(core.ready.top, Int(thread.effective))
    }

    @inline(__always) private func wake(_ claim: Claim?) -> Ref<Thread>? {
        guard let claim else { return nil }
        detach(claim.thread, claim.notification)
        complete(claim.thread, ResultWord(.notification), claim.bits)
        return claim.thread
    }

    // Parts

    @inline(__always) private func urgentWaiter(
        _ notification: Ref<Notification>, above priority: Int
    ) -> Ref<Thread>? {
        guard let waiter = plainWaiter(notification), Int(waiter.effective) > priority else {
            return nil
        }
        return waiter
    }

    /// Takes the delivery of a line to its one binding, where that wakes a thread above this priority.
    @inline(__always) private mutating func claimLine(_ line: Int, above priority: Int) -> Claim? {
        if line < 0 || line >= Limits.interruptLines { return nil }
        guard let interrupt = tables.pointee.lines[line].first, interrupt.pointee.nextOnLine == nil,
            !interrupt.pointee.isOutstanding,
            let notification = interrupt.pointee.source.notification,
            let waiter = urgentWaiter(notification, above: priority)
        else { return nil }
        statistics.interrupts &+= 1
        interrupt.pointee.count &+= 1
        interrupt.pointee.isOutstanding = true
        tables.pointee.lines[line].outstanding = 1
        return Claim(
            thread: waiter, notification: notification, bits: interrupt.pointee.source.bits)
    }

    /// Takes the expiry of the most urgent deadline that is due, where it is a timer's and wakes a thread above this priority.
    @inline(__always) private mutating func claimTimer(above priority: Int) -> Claim? {
        let now = hardware.now
        guard let node = core.deadlines.mostUrgent(dueAt: now), let timer = node.timer,
            !timer.pointee.hasSignalled, node.pointee.isTimer(above: priority),
            !isTracing, let notification = timer.pointee.source.notification,
            let waiter = urgentWaiter(notification, above: priority)
        else { return nil }
        if core.deadlines.isAlone(node) {
            core.deadlines.removeOnly(node)
            if let next = nextDeadline(of: timer, now: now) {
                core.deadlines.insertOnly(node, at: next)
            }
        } else {
            timer.pointee.hasSignalled = true
        }
        core.armed = Instant(ticks: 0)
        return Claim(thread: waiter, notification: notification, bits: timer.pointee.source.bits)
    }

    /// Preempts a thread whose slice may run; what is left of it is kept.
    @inline(__always) private mutating func preemptSlice(
        of thread: Ref<Thread>, by claim: Claim
    ) -> Wakeup {
        settle()
        keepSlice(thread)
        core.sliceEnd = .never
        let wakeup = preempt(thread, by: claim.thread, claim.notification, claim.bits)
        updateDeadline(leastLevel(beside: claim.thread))
        return wakeup
    }

    /// The thread that a signal wakes, where nothing about it needs thought: the ready server of an endpoint that the
    /// notification is bound to, or the only waiter, without deadline.
    @inline(__always) private func plainWaiter(_ notification: Ref<Notification>) -> Ref<Thread>? {
        if let thread = notification.pointee.boundThread {
            guard let endpoint = thread.pointee.endpoint,
                endpoint.pointee.readyServer.isSame(as: thread)
            else {
                return nil
            }
            return thread
        }
        guard let thread = notification.pointee.waiters.first?.waiter,
            notification.pointee.waiters.root == nil,
            thread.pointee.scheduling.raw & SchedulingWord.seriousMask == 0
        else { return nil }
        return thread
    }

    /// Take what `plainWaiter` found out of where it waits.
    @inline(__always) private func detach(
        _ thread: Ref<Thread>, _ notification: Ref<Notification>
    ) {
        if let endpoint = thread.pointee.endpoint {
            endpoint.pointee.readyServer = nil
            endpoint.pointee.occupation = 0
            thread.pointee.reply?.pointee.holder = nil
            thread.pointee.endpoint = nil
            thread.pointee.reply = nil
        } else {
            notification.pointee.waiters.first = nil
            thread.pointee.notification = nil
        }
    }

    /// Let a woken thread run instead of a less urgent one. No slice begins: nobody of its priority is ready.
    ///
    /// - Precondition: nobody is behind the front of the ready queue.
    @inline(__always) private mutating func preempt(
        _ thread: Ref<Thread>, by waiter: Ref<Thread>, _ notification: Ref<Notification>,
        _ bits: UInt64
    ) -> Wakeup {
        detach(waiter, notification)
        core.ready.pushFront(thread, Int(thread.effective))
        return Wakeup(
            thread: waiter, bits: bits, usesFloatingPoint: handOver(from: thread, to: waiter))
    }
}

extension Ref where Object == Thread {
    /// No slice of the running thread runs, no update as urgent is pending, and no trace is recorded (`settleOn`).
    @inline(__always) fileprivate var isUndisturbed: Bool {
        pointee.scheduling.raw & SchedulingWord.guardedBit == 0
    }
}
