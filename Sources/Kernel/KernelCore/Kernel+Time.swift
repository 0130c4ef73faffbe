// Deadlines: time-outs of blocked threads, and timers.
//
// A time-out is as urgent as its thread, a timer as the thread that armed it may make itself (its maximum priority, which is its
// authority to disturb others). Of what is due the most urgent is served first, and nothing interrupts a thread that is more
// urgent: however many deadlines of others come together, they do not delay it.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Serves the most urgent of the deadlines that are due, unless it is less urgent than `urgency`, and the end of a slice.
    ///
    /// The timer interrupts again at once while others are due, so that other interrupts get between.
    ///
    /// - Complexity: constant.
    mutating func serveDeadlines(atLeast urgency: UInt8) {
        // The hardware holds an instant of the past, so that `updateDeadline` sets it anew, or off.
        core.armed = Instant(ticks: 0)
        core.isStale = true
        let now = hardware.now
        endSlice(now: now)
        guard let node = core.deadlines.mostUrgent(dueAt: now), node.pointee.urgency >= urgency,
            let owner = node.pointee.owner
        else { return }
        if owner.pointee.kind == .thread {
            abort(owner.rebound(to: Thread.self), .timedOut)
        } else {
            expire(owner.rebound(to: Timer.self), now: now)
        }
    }

    private mutating func expire(_ timer: Ref<Timer>, now: Instant) {
        advance(timer, now: now.ticks)
        core.isStale = true
        if let notification = timer.pointee.source.notification { signal(notification, timer.pointee.source.bits) }
    }

    /// Takes an expired timer's deadline out, or puts the next one in where the timer is periodic.
    @inline(__always) mutating func advance(_ timer: Ref<Timer>, now: UInt64) {
        core.deadlines.remove(timer.node)
        let period = timer.pointee.period
        if period == 0 {
            timer.pointee.isArmed = false
            return
        }
        // Missed periods are skipped, not delivered in a burst.
        var next = timer.pointee.deadline.ticks &+ period
        if next <= now { next = now &+ period }
        timer.pointee.deadline = Instant(ticks: next)
        core.deadlines.insert(timer.node, at: Instant(ticks: next), urgency: timer.node.pointee.urgency)
    }

    // Timers

    /// `arm`: replaces what was armed before.
    ///
    /// - Parameter urgency: the maximum priority of the thread that arms it.
    mutating func arm(_ timer: Ref<Timer>, at deadline: Instant, period: UInt64, urgency: UInt8) -> KernelError? {
        if timer.pointee.source.notification == nil { return .wrongState }
        if deadline == .never || period >= 1 &<< 62 { return .invalidArgument }
        if period != 0 && period < shortestPeriod { return .invalidArgument }
        if !number(timer.node, maximum: urgency) { return .exhausted }
        cancel(timer)
        timer.pointee.deadline = deadline
        timer.pointee.period = period
        timer.pointee.isArmed = true
        core.isStale = true
        core.deadlines.insert(timer.node, at: deadline, urgency: urgency)
        return nil
    }

    mutating func cancel(_ timer: Ref<Timer>) {
        if !timer.pointee.isArmed { return }
        timer.pointee.isArmed = false
        core.isStale = true
        core.deadlines.remove(timer.node)
    }

    // Time-outs of blocked threads

    /// Wakes the thread with `timedOut` at `deadline`, unless that is never.
    ///
    /// - Precondition: the thread's deadline has a number.
    @inline(never) mutating func startDeadline(_ thread: Ref<Thread>, _ deadline: Instant) {
        if deadline == .never { return }
        thread.pointee.scheduling.hasDeadline = true
        core.isStale = true
        core.deadlines.insert(thread.deadlineNode, at: deadline, urgency: thread.effective)
    }

    mutating func cancelDeadline(_ thread: Ref<Thread>) {
        if !thread.pointee.scheduling.hasDeadline { return }
        thread.pointee.scheduling.hasDeadline = false
        core.isStale = true
        core.deadlines.remove(thread.deadlineNode)
    }

    /// Makes the time-out of a blocked thread as urgent as the thread is.
    mutating func setUrgency(_ thread: Ref<Thread>) {
        let node = thread.deadlineNode
        if node.pointee.urgency == thread.effective { return }
        core.isStale = true
        core.deadlines.remove(node)
        core.deadlines.insert(node, at: node.pointee.instant, urgency: thread.effective)
    }

    /// Has the deadline passed already? Then the call must not block.
    func hasPassed(_ deadline: Instant) -> Bool { deadline != .never && deadline <= hardware.now }

    // Numbers

    /// Gives a deadline its number, which it keeps; false where the thread that asks may have none.
    func number(_ node: Ref<DeadlineNode>, maximum: UInt8) -> Bool {
        if node.pointee.hasNumber { return true }
        guard let number = tables.pointee.deadlineNumbers.take(maximum: maximum) else { return false }
        node.pointee.place = number
        node.pointee.hasNumber = true
        return true
    }

    /// May the thread wait with a deadline? It gets a number where it has none.
    @inline(never) func hasNumber(_ thread: Ref<Thread>) -> Bool {
        number(thread.deadlineNode, maximum: thread.pointee.maximum)
    }

    /// The thread or timer is destroyed: its number is free again.
    func dropNumber(_ node: Ref<DeadlineNode>) {
        if !node.pointee.hasNumber { return }
        node.pointee.hasNumber = false
        tables.pointee.deadlineNumbers.give(back: node.pointee.number)
    }
}
