// Deadlines: time-outs of blocked threads, and timers.
//
// **Urgency.** A time-out is as urgent as its thread. A timer is as urgent as the thread that armed
// it may make itself: that thread's maximum priority is its authority to disturb others. The kernel
// serves the most urgent due deadline first. The timer is set for no deadline of a less urgent
// thread than the one that runs, and for no timer of one that is as urgent (`DeadlineLevel`). A
// thread that a fast path chose finds the timer as it was: less urgent deadlines then interrupt it
// once, and delay it no more, however many fall due together.
//
// **Exceptions.** Timers of its own urgency do interrupt a thread with a slice, since the slice
// ends only while an equal is ready. A thread that polls in vain or yields has one due deadline of
// its own urgency served.
//
// **Steps.** A timer interrupt and `yield` set `dueLevel`. The next step of the scheduler then
// serves one deadline of at least that level, or ends a slice. An expiry beside other deadlines
// takes further steps: the removal of the deadline, and the next deadline of a periodic timer.
// Those that the woken thread preempts follow when a less urgent thread could run.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Makes the next step serve the most urgent due deadline of at least this level. If there is
    /// none, the step ends the running thread's slice, if that is over.
    ///
    /// If more deadlines are due, the timer interrupts again at once, so that other interrupts are
    /// taken between them.
    mutating func requestService(atLeast least: UInt32) {
        // The hardware's deadline has passed. It is silent until `updateDeadline` sets it anew.
        core.armed = .never
        hardware.setDeadline(.never)
        core.isStale = true
        core.dueLevel = least
    }

    /// Makes the next step serve a due deadline that is as urgent as this running thread, which
    /// offers the processor to its equals.
    ///
    /// - Returns: false if no such deadline is due.
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

    /// Serves one deadline of at least `dueLevel`, or else ends a slice that is over.
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

    /// Serves a due deadline: a timer's, a budget's, a time-out, or the stale one of a thread that
    /// was woken before.
    private mutating func serve(_ node: Ref<DeadlineNode>, now: Instant) {
        guard let owner = node.pointee.owner else { return }
        if owner.pointee.kind == .timer {
            expire(owner.rebound(to: Timer.self), now: now)
        } else if core.hasBudgets && owner.pointee.kind == .budget {
            serveReturn(owner.rebound(to: Budget.self))
        } else if owner.rebound(to: Thread.self).pointee.scheduling.hasDeadline {
            let thread = owner.rebound(to: Thread.self)
            if thread.dueAt <= now { return requestTimeOut(thread) }
            // It stood in the queue for an earlier wait. A step queues it anew.
            core.deadlines.remove(node)
            queueUpdate(thread)
        } else {
            core.deadlines.remove(node)
        }
    }

    // Queues

    /// Inserts a deadline into the queue of a core.
    @inline(__always) mutating func insert(
        _ node: Ref<DeadlineNode>, at instant: Instant, level: UInt32, in home: Ref<Core>
    ) {
        home.pointee.isStale = true
        node.pointee.home = home.pointee.number
        startChange(of: home)
        home.pointee.deadlines.insert(node, at: instant, level: level)
        endChange(of: home)
    }

    /// Removes a queued deadline.
    @inline(__always) mutating func remove(_ node: Ref<DeadlineNode>) {
        let home = home(of: node)
        home.pointee.isStale = true
        startChange(of: home)
        home.pointee.deadlines.remove(node)
        endChange(of: home)
    }

    /// Counts a change of another core's queue, which that core may be searching meanwhile
    /// (`DeadlineSearch`).
    @inline(__always) private func startChange(of home: Ref<Core>) {
        if home == own { return }
        home.pointee.deadlineChanges &+= 1
        hardware.orderStores()
    }
    @inline(__always) private func endChange(of home: Ref<Core>) {
        if home == own { return }
        hardware.orderStores()
        home.pointee.deadlineChanges &+= 1
    }

    /// Expires a timer: signals, removes its deadline, sets the next one. If the queue holds other
    /// deadlines, each of these is a step.
    private mutating func expire(_ timer: Ref<Timer>, now: Instant) {
        if timer.pointee.hasSignalled {
            timer.pointee.hasSignalled = false
            core.deadlines.remove(timer.node)
            if timer.pointee.period != 0 { core.unarmed = timer.rebound(to: ObjectHeader.self) }
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

    /// Sets the next deadline of a periodic timer or a budget whose last one was removed.
    @inline(never) mutating func rearm(_ owner: Ref<ObjectHeader>) {
        core.unarmed = nil
        if core.hasBudgets && owner.pointee.kind == .budget {
            return rearm(owner.rebound(to: Budget.self))
        }
        let timer = owner.rebound(to: Timer.self)
        guard let next = nextDeadline(of: timer, now: hardware.now) else { return }
        core.isStale = true
        core.deadlines.insert(timer.node, at: next, level: timer.node.pointee.level)
    }

    /// Advances a periodic timer's deadline by a period and returns it; returns nil for a timer
    /// that expires once.
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

    /// Performs `arm`: replaces the deadline of the timer. Restartable: the removal of the old
    /// deadline is a step.
    ///
    /// - Parameter urgency: the maximum priority of the thread that arms the timer.
    /// - Returns: false if an interrupt is pending after the removal.
    /// - Throws: `wrongState` if the timer is not connected to a notification, `invalidArgument`,
    ///   or `exhausted` if no number is left for the deadline.
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
        insert(timer.node, at: deadline, level: DeadlineLevel.timer(urgency), in: own)
        return true
    }

    /// Removes the timer's deadline, if it is armed.
    mutating func cancel(_ timer: Ref<Timer>) {
        if !timer.node.pointee.isQueued { return }
        timer.pointee.hasSignalled = false
        remove(timer.node)
    }

    // Time-outs of blocked threads
    //
    // A woken thread leaves its deadline in the queue: the removal is as much work as the rest of
    // the wake-up. If its next wait ends no earlier, the deadline stays where it is and stands for
    // the new one, and the timer goes off too early once. A step then queues the thread's deadline
    // anew. So the frequent call with a deadline changes no queue. In other cases a step removes
    // the deadline: before the next wait with an earlier one, or when it is due and nobody waits.

    /// Returns whether the deadline in the queue can stand for that of the thread's next wait: it
    /// is not later, as urgent as the thread, and on the thread's core.
    @inline(__always) func standsIn(
        _ node: Ref<DeadlineNode>, for thread: Ref<Thread>, _ deadline: Instant
    ) -> Bool {
        node.pointee.isQueued && node.pointee.instant <= deadline
            && node.pointee.level == DeadlineLevel.timeOut(thread.effective)
            && (!core.isShared || node.pointee.home == core.number)
    }

    /// Prepares a wait with a deadline: gives the thread a number, and removes its stale deadline,
    /// unless that can stand for the new one. None can where the thread receives: before it waits,
    /// its answer or a step may change its priority.
    ///
    /// - Returns: nil if the thread may wait; else `exhausted`, or `restart` if an interrupt is
    ///   pending after the removal.
    @inline(never) mutating func prepareDeadline(
        _ thread: Ref<Thread>, _ call: SystemCall
    ) -> Outcome? {
        let node = thread.deadlineNode
        if !number(node, maximum: thread.pointee.maximum) { return .failed(.exhausted) }
        if !node.pointee.isQueued { return nil }
        let receives = call == .receive || call == .replyAndReceive
        if !receives && standsIn(node, for: thread, thread.dueAt) { return nil }
        remove(node)
        return isInterrupted() ? .restart : nil
    }

    /// Starts the time-out of a blocked thread: at `deadline` its wait ends with `timedOut`.
    /// Nothing happens if that is `.never`. If an interrupt is pending, a step inserts the deadline
    /// into the queue.
    ///
    /// - Precondition: `prepareDeadline` returned nil in this call.
    @inline(never) mutating func startDeadline(_ thread: Ref<Thread>, _ deadline: Instant) {
        if deadline == .never { return }
        let node = thread.deadlineNode
        thread.pointee.scheduling.hasDeadline = true
        core.isStale = true
        if node.pointee.isQueued { return }
        if isInterrupted() { return queueUpdate(thread) }
        insert(node, at: deadline, level: DeadlineLevel.timeOut(thread.effective), in: own)
    }

    /// Cancels the time-out of a thread. Its deadline stays in the queue.
    @inline(__always) func cancelDeadline(_ thread: Ref<Thread>) {
        thread.pointee.scheduling.hasDeadline = false
    }

    /// Requests the end of a wait whose deadline has passed: a step that goes before everything
    /// less urgent.
    private mutating func requestTimeOut(_ thread: Ref<Thread>) {
        cancelDeadline(thread)
        let node = thread.deadlineNode
        if core.deadlines.isAlone(node) { core.deadlines.removeOnly(node) }
        thread.pointee.scheduling.isTimedOut = true
        queueUpdate(thread)
    }

    /// Returns whether the deadline has passed. A call with such a deadline must not block.
    func hasPassed(_ deadline: Instant) -> Bool { deadline != .never && deadline <= hardware.now }
}

extension Ref where Object == Thread {
    /// When the wait of this thread ends, which has a deadline: x2 of its system call.
    @inline(__always) var dueAt: Instant { Instant(ticks: pointee.context.x.2) }
}

extension Kernel where H: ~Copyable {
    // Numbers

    /// Gives a deadline its number, unless it has one.
    ///
    /// - Parameter maximum: the maximum priority of the thread that sets the deadline.
    /// - Returns: false if no number is left for that thread.
    func number(_ node: Ref<DeadlineNode>, maximum: UInt8) -> Bool {
        if node.pointee.hasNumber { return true }
        guard let number = shared.pointee.deadlineNumbers.take(maximum: maximum) else {
            return false
        }
        node.pointee.place = number
        node.pointee.hasNumber = true
        return true
    }

    /// Frees the number of a deadline whose thread or timer is destroyed.
    func dropNumber(_ node: Ref<DeadlineNode>) {
        if !node.pointee.hasNumber { return }
        node.pointee.hasNumber = false
        shared.pointee.deadlineNumbers.give(back: node.pointee.number)
    }
}
