// The fast paths of signals: `signal`, `poll`, timers and interrupt lines, if one thread waits
// plainly or none waits. And that of `yield`.
//
// As on the fast paths of messages, each changes nothing before all checks have passed. It leaves
// every other case to the general path.
//
// **The expiry of a timer has four forms**, the more general ones after the faster ones:
// | form | when | switches |
// |---|---|---|
// | `fastExpire` | it expires once, no other deadline, no slice runs | at the entry |
// | `expireFirst` | it is the most urgent due deadline | at the entry |
// | `expireAtOnce` | the same, in `performSteps` | between two steps |
// | `serveDeadlines` (Kernel+Time) | any deadline | at the end of the steps |
//
// The row `interrupt.timer.to-driver.spinning` (goal 150) pays for the first form. The wait of the
// top thread beside other deadlines and chains (goal 1,500) pays for the second and third
// (docs/realtime.md).

import HardwareInterface
import KernelABI

/// The outcome of a fast path that saved nothing of its caller.
public enum QuickOutcome {
    /// The caller continues, with success.
    case done
    /// Nothing changed: the general path decides.
    case declined
    /// Nothing changed. The fast path may be tried again after `settle`.
    case unsettled
    /// Nothing changed. The capability is no notification's: `fastWake` goes on.
    case otherObject(Ref<Capability>)
    /// Nothing changed. With several cores: all is plain, but the thread to wake with these bits is
    /// at home on another one (Kernel+FastPathAcross).
    case otherCore(Ref<Thread>, Ref<Notification>, bits: UInt64)
    /// The caller succeeded and continues. This woken thread has its results in its context, and
    /// `makeReadyBelow` must make it ready.
    case woken(Ref<Thread>)
    /// The caller succeeded, and this woken thread continues instead.
    case signalled(Wakeup)
    /// The caller succeeded, and this thread continues instead, if necessary after a switch of the
    /// floating-point registers.
    case switched(Ref<Thread>, usesFloatingPoint: Bool)
}

/// A thread that waited in a system call and continues with the bits of a notification. Its results
/// are not in its context.
public struct Wakeup {
    public let thread: Ref<Thread>
    public let bits: UInt64
    /// Whether it or the preempted thread uses floating point. Then the exit must switch the
    /// registers.
    public let usesFloatingPoint: Bool
}

/// The outcome of `fastExpire`.
public enum Expiry {
    case woken(Wakeup)
    /// Nothing changed: `expireFirst` may still wake a thread.
    case declined(isSingle: Bool)
}

/// A delivery that a fast path took over: the thread to wake, which still waits, and the bits for
/// it.
private struct Claim {
    let thread: Ref<Thread>
    let notification: Ref<Notification>
    let bits: UInt64
}

extension Kernel where H: ~Copyable {
    /// Performs `signal`.
    ///
    /// - Parameter isShared: whether the kernel runs on several cores; a constant.
    @inline(__always) public mutating func fastSignal(
        _ thread: Ref<Thread>, _ raw: UInt64, _ bits: UInt64, isShared: Bool
    ) -> QuickOutcome {
        let index = UInt(raw & 0xffff_ffff)
        if index >= thread.pointee.tableCount { return .declined }
        let slot = fastSlot(thread, index)
        if !slot.pointee.uses.contains(.signal) { return .otherObject(slot) }
        let notification: Ref<Notification> = slot.fastObject()
        let badge = slot.pointee.badge
        let value = badge != 0 ? badge : bits
        if notification.pointee.boundThread == nil && notification.pointee.waiters.first == nil {
            notification.pointee.bits |= value
            return .done
        }
        return fastSignal(thread, at: notification, value, isShared: isShared)
    }

    /// Performs `signal` of a mutex set, if one thread sleeps at the cell, without a deadline.
    ///
    /// - Parameter slot: the capability with which `fastSignal` ended in `otherObject`.
    @inline(__always) public mutating func fastWake(
        _ thread: Ref<Thread>, _ slot: Ref<Capability>, _ argument: UInt64, isShared: Bool
    ) -> QuickOutcome {
        if !slot.pointee.uses.contains(.wake) { return .declined }
        let set: Ref<MutexSet> = slot.fastObject()
        let number = CellArgument(raw: argument).cell
        if number >= set.pointee.count { return .declined }
        let cell = set.mutex(number)
        return cell.pointee.holder != 0
            ? .declined : fastSignal(thread, at: cell.place, 1, isShared: isShared)
    }

    /// Wakes the thread that waits plainly, if there is one.
    @inline(__always) private mutating func fastSignal(
        _ thread: Ref<Thread>, at place: Ref<Notification>, _ bits: UInt64, isShared: Bool
    ) -> QuickOutcome {
        let word = thread.pointee.scheduling.raw
        guard bits != 0, word & SchedulingWord.guardedBit == 0,
            let waiter = plainWaiter(place, isShared: false)
        else { return .declined }
        if isShared && !isHere(waiter) { return .otherCore(waiter, place, bits: bits) }
        if UInt32(waiter.effective) <= word & 0xff {
            if thread.pointee.slice != 0 { return .declined }
            detach(waiter, place)
            complete(waiter, ResultWord(.notification), bits)
            return .woken(waiter)
        }
        if core.sliceEnd != .never || isShared && core.isStale { return .declined }
        if !isSettled { return .unsettled }
        return .signalled(preempt(thread, by: waiter, place, bits))
    }

    /// Whether the ready queue has a free place for a thread that is preempted.
    @inline(__always) public var isSettled: Bool { core.ready.behind == nil }
    /// Frees that place.
    @inline(__always) public mutating func settle() { core.ready.settle() }

    /// Makes a woken thread ready that is no more urgent than the running one.
    @inline(__always) public mutating func makeReadyBelow(_ thread: Ref<Thread>, isShared: Bool) {
        core.ready.insert(thread, atHead: passesEquals(thread, isShared: isShared))
    }

    /// Performs `yield`, if the next thread has no slice.
    @inline(__always) public mutating func fastYield(
        _ thread: Ref<Thread>, isShared: Bool
    ) -> QuickOutcome {
        if isShared && (core.isStale || shared.pointee.updates.first != nil) { return .declined }
        if core.ready.watch != 0, let first = core.deadlines.first,
            first.pointee.instant <= hardware.now
        {
            return .declined
        }
        if core.ready.top != Int(thread.effective) { return .done }
        guard core.sliceEnd == .never, !core.isTracing, let next = core.ready.front,
            next.pointee.slice == 0,
            (thread.pointee.scheduling.raw | next.pointee.scheduling.raw)
                & SchedulingWord.limitedBit == 0,
            (core.ready.behind.map { Int($0.effective) } ?? core.ready.listTop) < core.ready.top
        else { return .declined }
        core.ready.front = thread
        return .switched(next, usesFloatingPoint: handOver(from: thread, to: next))
    }

    /// Performs `poll` of a notification that is bound to no thread and has bits.
    ///
    /// - Returns: the bits; nil if nothing changed.
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

    /// Expires a timer whose deadline is the only one, that expires once, and that wakes a thread
    /// more urgent than the running one. The timer itself is more urgent than the running thread,
    /// too.
    @inline(__always) public mutating func fastExpire(
        _ thread: Ref<Thread>, isShared: Bool
    ) -> Expiry {
        guard let node = core.deadlines.first else { return .declined(isSingle: true) }
        if !node.pointee.isLeaf { return .declined(isSingle: false) }
        if isShared && core.isStale { return .declined(isSingle: true) }
        guard isSettled, node.pointee.instant <= hardware.now,
            node.pointee.isTimer(above: Int(thread.effective)), let timer = node.timer,
            timer.pointee.period == 0, thread.isUndisturbed,
            let notification = timer.pointee.source.notification,
            let waiter = urgentWaiter(
                notification, above: Int(thread.effective), isShared: isShared)
        else { return .declined(isSingle: true) }
        core.deadlines.removeOnly(node)
        core.ready.watch = 0
        core.armed = .never
        hardware.setDeadline(.never)
        return .woken(preempt(thread, by: waiter, notification, timer.pointee.source.bits))
    }

    /// Expires the timer of the most urgent due deadline, if it wakes a thread more urgent than the
    /// running one. A slice of the running thread may run.
    ///
    /// - Parameter isSingle: as `fastExpire` returned it.
    /// - Returns: the woken thread; nil if nothing changed.
    @inline(__always) public mutating func expireFirst(
        _ thread: Ref<Thread>, isShared: Bool, isSingle: Bool
    ) -> Wakeup? {
        if isShared && core.isStale { return nil }
        guard
            let wake = claimTimer(
                above: Int(thread.effective), isShared: isShared, isSingle: isSingle)
        else { return nil }
        return preemptSlice(of: thread, by: wake)
    }

    /// Whether `fastDeliver` may be tried: the ready queue has a place for the preempted thread,
    /// and nothing disturbs that thread.
    @inline(__always) public func isQuiet(_ thread: Ref<Thread>) -> Bool {
        isSettled && thread.isUndisturbed
    }

    /// Delivers an interrupt of a line with one binding, if it wakes a thread more urgent than the
    /// running one.
    ///
    /// - Precondition: `isQuiet`.
    /// - Returns: the woken thread; nil if nothing changed. Then `deliverFirst` changes nothing
    ///   either.
    @inline(__always) public mutating func fastDeliver(
        _ thread: Ref<Thread>, line: Int, isShared: Bool
    ) -> Wakeup? {
        if isShared && core.isStale { return nil }
        guard let wake = claimLine(line, above: Int(thread.effective), isShared: isShared) else {
            return nil
        }
        return preempt(thread, by: wake.thread, wake.notification, wake.bits)
    }

    /// Delivers such an interrupt while a slice of the running thread runs, or an update as urgent
    /// is pending.
    @inline(__always) public mutating func deliverFirst(
        _ thread: Ref<Thread>, line: Int, isShared: Bool
    ) -> Wakeup? {
        if core.isTracing || isShared && core.isStale { return nil }
        guard let wake = claimLine(line, above: Int(thread.effective), isShared: isShared) else {
            return nil
        }
        return preemptSlice(of: thread, by: wake)
    }

    /// Wakes a thread for an interrupt of a line that was taken between two steps, if the thread is
    /// more urgent than all others and all updates.
    ///
    /// - Returns: the thread, which is in no queue and has its results; nil if nothing changed.
    @inline(never) mutating func wakeAtOnce(
        line: Int, beside thread: Ref<Thread>?
    ) -> Ref<Thread>? {
        if core.isTracing || core.unarmed != nil { return nil }
        return wake(claimLine(line, above: topPriority(with: thread), isShared: true))
    }

    /// Wakes such a thread for an interrupt of the timer.
    @inline(never) mutating func expireAtOnce(beside thread: Ref<Thread>?) -> Ref<Thread>? {
        if core.unarmed != nil { return nil }
        let top = topPriority(with: thread)
        return wake(
            core.deadlines.isSingle
                ? claimTimer(above: top, isShared: true, isSingle: true)
                : claimTimer(above: top, isShared: true, isSingle: false))
    }

    /// Returns the largest priority of a thread that could run, or of a pending update.
    @inline(__always) func topPriority(with thread: Ref<Thread>?) -> Int {
        let top = max(core.ready.top, shared.pointee.updates.top)
        guard let thread, thread.state == .running else { return top }
        return max(top, Int(thread.effective))
    }

    /// Wakes the thread of a claim, and sets its results.
    @inline(__always) private func wake(_ claim: Claim?) -> Ref<Thread>? {
        guard let claim else { return nil }
        detach(claim.thread, claim.notification)
        complete(claim.thread, ResultWord(.notification), claim.bits)
        return claim.thread
    }

    // Parts

    /// Returns the thread that a signal wakes plainly, if it is above this priority.
    @inline(__always) private func urgentWaiter(
        _ notification: Ref<Notification>, above priority: Int, isShared: Bool
    ) -> Ref<Thread>? {
        guard let waiter = plainWaiter(notification, isShared: isShared),
            Int(waiter.effective) > priority
        else {
            return nil
        }
        return waiter
    }

    /// Takes over the delivery of a line to its only binding, if that wakes a thread above this
    /// priority.
    @inline(__always) private mutating func claimLine(
        _ line: Int, above priority: Int, isShared: Bool
    ) -> Claim? {
        if line < 0 || line >= Limits.interruptLines { return nil }
        guard let interrupt = shared.pointee.lines[line].first, interrupt.pointee.nextOnLine == nil,
            !interrupt.pointee.isOutstanding,
            let notification = interrupt.pointee.source.notification,
            let waiter = urgentWaiter(notification, above: priority, isShared: isShared)
        else { return nil }
        core.statistics[.interrupts] &+= 1
        interrupt.pointee.count &+= 1
        interrupt.pointee.isOutstanding = true
        shared.pointee.lines[line].outstanding = 1
        return Claim(
            thread: waiter, notification: notification, bits: interrupt.pointee.source.bits)
    }

    /// Takes over the expiry of the most urgent due deadline, if it is a timer's and wakes a thread
    /// above this priority. Beside other deadlines, its removal is left to a step (`hasSignalled`).
    ///
    /// - Parameter isSingle: whether there is no other deadline; a constant, so that neither way is
    ///   as long as both.
    @inline(__always) private mutating func claimTimer(
        above priority: Int, isShared: Bool, isSingle: Bool
    ) -> Claim? {
        let now = hardware.now
        guard
            let node = isSingle
                ? core.deadlines.due(at: now) : core.deadlines.mostUrgent(dueAt: now),
            let timer = node.timer,
            !timer.pointee.hasSignalled, node.pointee.isTimer(above: priority),
            !core.isTracing, let notification = timer.pointee.source.notification,
            let waiter = urgentWaiter(notification, above: priority, isShared: isShared)
        else { return nil }
        if isSingle {
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

    /// Preempts a thread whose slice may run, and keeps the rest of the slice.
    @inline(__always) private mutating func preemptSlice(
        of thread: Ref<Thread>, by claim: Claim
    ) -> Wakeup {
        settle()
        keepSlice(thread)
        core.sliceEnd = .never
        if core.hasBudgets { endPayment() }
        let wakeup = preempt(thread, by: claim.thread, claim.notification, claim.bits)
        updateDeadline(leastLevel(beside: claim.thread))
        return wakeup
    }

    /// Returns the thread that a signal wakes, if nothing about it is unusual: the ready server of
    /// an endpoint, to which the notification is bound, or the only waiter, without a deadline.
    ///
    /// - Parameter isShared: whether it must be at home on this core.
    @inline(__always) private func plainWaiter(
        _ notification: Ref<Notification>, isShared: Bool
    ) -> Ref<Thread>? {
        if let thread = notification.pointee.boundThread {
            guard let endpoint = thread.pointee.endpoint,
                endpoint.pointee.readyServer.isSame(as: thread)
            else {
                return nil
            }
            return isShared && !isHere(thread) ? nil : thread
        }
        guard let thread = notification.pointee.waiters.first?.waiter,
            notification.pointee.waiters.root == nil,
            thread.pointee.scheduling.raw & SchedulingWord.plainWaitMask == 0
        else { return nil }
        return isShared && !isHere(thread) ? nil : thread
    }

    /// Detaches the thread that `plainWaiter` found from the place where it waits.
    @inline(__always) func detach(
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

    /// Lets a woken thread run instead of a less urgent one. No slice begins, since no thread of
    /// its priority is ready.
    ///
    /// - Precondition: `isSettled`.
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
    /// Whether no slice of the running thread runs, no update as urgent is pending, and no trace is
    /// recorded: its guarded bit is clear.
    @inline(__always) fileprivate var isUndisturbed: Bool {
        pointee.scheduling.raw & SchedulingWord.guardedBit == 0
    }
}
