// Deadlines: time-outs of blocked threads, and timers.
//
// A time-out is as urgent as its thread, a timer as the thread that armed it may make itself (its maximum priority, which is its
// authority to disturb others). Of what is due the most urgent is served first, and nothing interrupts a more urgent thread,
// nor a timer one that is as urgent (`DeadlineLevel`): however many of them come together, they do not delay it. So what an
// expiry leaves to be done comes when the woken thread waits again. A thread with a slice is interrupted by timers of its own
// urgency, since its slice ends only while an equal is ready; a thread that polls or yields serves what is due of its own urgency.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Has the next step serve the most urgent of the deadlines that are due, unless it is less urgent than `least`; or else the
    /// end of a slice.
    ///
    /// The timer interrupts again at once while others are due, so that other interrupts get between.
    mutating func requestService(atLeast least: UInt32) {
        // The hardware holds an instant of the past: it is silent until `updateDeadline` sets it anew.
        core.armed = .never
        hardware.setDeadline(.never)
        core.isStale = true
        core.dueLevel = least
    }

    /// The same for a running thread that offers the processor to its equals: a deadline that is as urgent is served.
    ///
    /// - Returns: false where none is due.
    @discardableResult mutating func requestService(of thread: Ref<Thread>) -> Bool {
        let level = DeadlineLevel.timer(thread.effective)
        guard let node = core.deadlines.mostUrgent(dueAt: hardware.now), node.pointee.level >= level
        else {
            return false
        }
        core.isStale = true
        core.dueLevel = level
        return true
    }

    /// Serves what was requested.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func serveDeadlines() {
        let least = core.dueLevel
        core.dueLevel = .max
        let now = hardware.now
        if let node = core.deadlines.mostUrgent(dueAt: now), node.pointee.level >= least {
            serve(node, now: now)
        } else {
            endSlice(now: now)
        }
    }

    /// Returns the lowest level of a deadline that interrupts this thread.
    @inline(__always) func leastLevel(beside thread: Ref<Thread>) -> UInt32 {
        DeadlineLevel.timer(thread.effective) &+ (thread.pointee.slice == 0 ? 1 : 0)
    }

    private mutating func serve(_ node: Ref<DeadlineNode>, now: Instant) {
        guard let owner = node.pointee.owner else { return }
        if owner.pointee.kind == .timer {
            expire(owner.rebound(to: Timer.self), now: now)
        } else if owner.rebound(to: Thread.self).pointee.scheduling.hasDeadline {
            requestTimeOut(owner.rebound(to: Thread.self))
        } else {
            core.deadlines.remove(node)
        }
    }

    /// Signals, takes the deadline out and sets the next one. Where others are queued these are three steps.
    private mutating func expire(_ timer: Ref<Timer>, now: Instant) {
        if timer.pointee.hasSignalled {
            timer.pointee.hasSignalled = false
            core.deadlines.remove(timer.node)
            if timer.pointee.period != 0 { core.unarmed = timer }
            return
        }
        if core.deadlines.isAlone(timer.node) {
            core.deadlines.removeOnly(timer.node)
            if let next = nextDeadline(of: timer, now: now) {
                core.deadlines.insertOnly(timer.node, at: next)
            }
        } else {
            timer.pointee.hasSignalled = true
        }
        if let notification = timer.pointee.source.notification {
            signal(notification, timer.pointee.source.bits)
        }
    }

    /// Sets the next deadline of a periodic timer whose last one was taken out.
    @inline(never) mutating func rearm(_ timer: Ref<Timer>) {
        core.unarmed = nil
        guard let next = nextDeadline(of: timer, now: hardware.now) else { return }
        core.isStale = true
        core.deadlines.insert(timer.node, at: next, level: timer.node.pointee.level)
    }

    /// Sets a periodic timer's deadline to the next period; nil for another.
    @inline(__always) func nextDeadline(of timer: Ref<Timer>, now: Instant) -> Instant? {
        let period = timer.pointee.period
        if period == 0 { return nil }
        // Missed periods are skipped, not delivered in a burst.
        var next = timer.pointee.deadline.ticks &+ period
        if next <= now.ticks { next = now.ticks &+ period }
        timer.pointee.deadline = Instant(ticks: next)
        return timer.pointee.deadline
    }

    // Timers

    /// `arm`: replaces what was armed before. Restartable: taking the old deadline out is a step.
    ///
    /// - Parameter urgency: the maximum priority of the thread that arms it.
    mutating func arm(
        _ timer: Ref<Timer>, at deadline: Instant, period: UInt64, urgency: UInt8
    ) throws(KernelError) -> Bool {
        if timer.pointee.source.notification == nil { throw .wrongState }
        if deadline == .never || period >= 1 &<< 62 { throw .invalidArgument }
        if period != 0 && period < shortestPeriod { throw .invalidArgument }
        if !number(timer.node, maximum: urgency) { throw .exhausted }
        if timer.node.pointee.isQueued {
            cancel(timer)
            if isInterrupted() { return false }
        }
        timer.pointee.deadline = deadline
        timer.pointee.period = period
        core.isStale = true
        core.deadlines.insert(timer.node, at: deadline, level: DeadlineLevel.timer(urgency))
        return true
    }

    mutating func cancel(_ timer: Ref<Timer>) {
        if !timer.node.pointee.isQueued { return }
        timer.pointee.hasSignalled = false
        core.isStale = true
        core.deadlines.remove(timer.node)
    }

    // Time-outs of blocked threads
    //
    // A thread that is woken leaves its deadline in the queue, unless it is the only one: taking it out is as much work as all
    // the rest of the wake-up. It goes before the thread's next wait with a deadline, or when it is due, as a step of its own.

    /// Makes the thread ready for a wait with a deadline: it gets a number, and its last deadline leaves the queue.
    ///
    /// - Returns: why it cannot wait so, or that an interrupt came between; nil where it can.
    @inline(never) mutating func prepareDeadline(_ thread: Ref<Thread>) -> Outcome? {
        let node = thread.deadlineNode
        if !number(node, maximum: thread.pointee.maximum) { return .failed(.exhausted) }
        if !node.pointee.isQueued { return nil }
        core.isStale = true
        core.deadlines.remove(node)
        return isInterrupted() ? .restart : nil
    }

    /// Wakes the thread, which is blocked, with `timedOut` at `deadline`, unless that is never. Where an interrupt is pending,
    /// the deadline enters the queue by a step.
    ///
    /// - Precondition: `prepareDeadline` returned nil in this call.
    @inline(never) mutating func startDeadline(_ thread: Ref<Thread>, _ deadline: Instant) {
        if deadline == .never { return }
        let node = thread.deadlineNode
        thread.pointee.scheduling.hasDeadline = true
        node.pointee.instant = deadline
        core.isStale = true
        if isInterrupted() { return queueUpdate(thread, urgency: thread.effective) }
        core.deadlines.insert(node, at: deadline, level: DeadlineLevel.timeOut(thread.effective))
    }

    @inline(__always) mutating func cancelDeadline(_ thread: Ref<Thread>) {
        if !thread.pointee.scheduling.hasDeadline { return }
        thread.pointee.scheduling.hasDeadline = false
        if !core.deadlines.isAlone(thread.deadlineNode) { return }
        core.isStale = true
        core.deadlines.removeOnly(thread.deadlineNode)
    }

    /// The thread's deadline has passed: ending its wait is a step, which goes before whatever is less urgent.
    private mutating func requestTimeOut(_ thread: Ref<Thread>) {
        cancelDeadline(thread)
        thread.pointee.scheduling.isTimedOut = true
        queueUpdate(thread, urgency: thread.effective)
    }

    /// Has the deadline passed already? Then the call must not block.
    func hasPassed(_ deadline: Instant) -> Bool { deadline != .never && deadline <= hardware.now }

    // Numbers

    /// Gives a deadline its number, which it keeps; false where the thread that asks may have none.
    func number(_ node: Ref<DeadlineNode>, maximum: UInt8) -> Bool {
        if node.pointee.hasNumber { return true }
        guard let number = tables.pointee.deadlineNumbers.take(maximum: maximum) else {
            return false
        }
        node.pointee.place = number
        node.pointee.hasNumber = true
        return true
    }

    /// The thread or timer is destroyed: its number is free again.
    func dropNumber(_ node: Ref<DeadlineNode>) {
        if !node.pointee.hasNumber { return }
        node.pointee.hasNumber = false
        tables.pointee.deadlineNumbers.give(back: node.pointee.number)
    }
}
