// Scheduling: the next thread to run, the steps before it, and the timer's next interrupt.
//
// **Rule.** The running thread's effective priority is at least that of every ready thread, and no
// pending update of priority inheritance is more urgent. Each operation that may break the rule, or
// that changes the earliest deadline, marks the core as stale. It ends in `reschedule`, which
// chooses anew if the core is stale or the thread stopped running. Threads of one priority run
// first come, first served. A preempted thread keeps its place at the head, and the rest of its
// slice.
//
// **Steps.** The kernel performs one step at a time: it serves one deadline, sets the next deadline
// of a periodic timer, or performs one step of an update. It takes pending interrupts before and
// after each step, here in the kernel, since no thread may run yet. If an interrupt wakes a thread
// that is more urgent than every other thread and every update, `switchAtOnce` lets that thread
// run. The remaining steps wait until a less urgent thread could run.
//
// **Slices.** A slice is the longest time that its thread runs while an equal is ready, or an
// update as urgent is pending. It begins when the thread runs beside such an equal. It stands still
// while the thread is preempted. It ends when it is used up, when the thread yields or blocks, and
// when no equal is left. A thread that used up its slice goes after its equals. A call blocks: the
// server's time does not count, and the server does not run on the caller's slice. `sliceEnd` is
// `.never` while no slice runs, so the timer stays silent. A fast path that would end or begin a
// slice declines.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Returns the thread to resume after an operation of `thread`; nil if none is ready.
    ///
    /// - Parameter thread: the running thread; nil if the processor was idle.
    /// - Complexity: constant between two looks at the pending interrupts.
    @inline(__always) mutating func reschedule(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        if let thread, thread.state == .running, !core.isStale { return thread }
        return choose(thread)
    }

    /// Chooses the thread to resume, after the steps that go before it.
    @inline(never) private mutating func choose(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        if core.isShared { return chooseShared(thread, granted: -1) }
        let hasSteps =
            core.unarmed != nil || core.dueLevel != .max || core.isYielding || core.hasBudgets
        if isInterruptedInLoop() || core.ready.updatesTop >= 0 || hasSteps {
            return performSteps(thread, granted: -1)
        }
        return chooseNext(thread)
    }

    /// Chooses the thread to resume, on one of several cores.
    ///
    /// - Parameter granted: see `goOn`; else -1.
    @inline(never) mutating func chooseShared(
        _ thread: Ref<Thread>?, granted: Int
    ) -> Ref<Thread>? {
        core.isUntold = true
        if core.mustReload, let thread, !thread.pointee.scheduling.usesFloatingPoint {
            // It may have lost its registers' place, and the next thread must not see them.
            hardware.setFloatingPoint(enabled: false)
        }
        let next = performSteps(thread, granted: granted)
        if core.isPassing { return next }
        // An interrupt made a thread run at once, before the rest.
        if core.isUntold || !own.answers.pointee.waiters.isEmpty {
            core.isStale = true
            if core.asked < shared.pointee.updates.top {
                core.asked = shared.pointee.updates.top
            }
            hardware.interrupt(core: Int(core.number))
        }
        return next
    }

    /// Switches to a thread that an interrupt woke and that is more urgent than all others. No
    /// slice begins, since no ready thread has its priority. A `yield` that was in progress
    /// restarts later.
    ///
    /// - Precondition: `woken` is in no queue, and its results are in its context.
    @inline(never) private mutating func switchAtOnce(
        to woken: Ref<Thread>, from thread: Ref<Thread>?
    ) -> Ref<Thread> {
        core.isUpdatesTurn = false
        core.isStale = false
        // A due deadline waits until a less urgent thread runs: the timer then interrupts that
        // thread.
        core.dueLevel = .max
        if let thread, thread.state == .running {
            // Its turn is not over: it performs the call again.
            if core.isYielding { restart(thread) }
            keepSlice(thread)
            core.ready.insert(thread, atHead: true)
        }
        core.isYielding = false
        core.sliceEnd = .never
        account(from: thread, to: woken)
        updateDeadline(leastLevel(beside: woken))
        return woken
    }

    /// Chooses the thread to resume after all steps that go before it.
    @inline(never) private mutating func chooseNext(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        core.isUpdatesTurn = false
        core.isStale = false
        guard let thread, thread.state == .running else {
            return switchTo(core.ready.removeFirst(), from: thread)
        }
        if stays(thread) {
            if thread.pointee.slice != 0 || core.sliceEnd != .never { refreshSlice(thread) }
            return settleOn(thread)
        }
        keepSlice(thread)
        let next = core.ready.removeFirst()
        core.ready.insert(thread, atHead: true)
        return switchTo(next, from: thread)
    }

    /// Returns whether the running thread goes on: no ready thread goes before it.
    @inline(__always) mutating func stays(_ thread: Ref<Thread>) -> Bool {
        core.ready.top < Int(thread.effective)
            || (core.ready.top == Int(thread.effective) && !mustYield(thread))
    }

    // Steps

    /// Performs the steps that go before every thread, and chooses the thread to resume.
    ///
    /// In this order: a due deadline (`dueLevel`), the next deadline of a periodic timer or of a
    /// budget (`unarmed`), the most urgent update, the end of a `yield`, the demotion of the thread
    /// on whose used-up budget the next one would run.
    ///
    /// - Complexity: constant between two looks at the pending interrupts, which come before and
    ///   after each step.
    @inline(never) private mutating func performSteps(
        _ thread: Ref<Thread>?, granted: Int
    ) -> Ref<Thread>? {
        var granted = granted
        var hasAnswered = false
        // The urgency of the updates of which another core was told.
        var told = -1
        while true {
            if core.isShared && core.unarmed == nil
                && hardware.isWanted(above: max(topPriority(with: thread), granted))
            {
                return preparePassing(thread)
            }
            var taken = takePending()
            if taken == .nothing {
                if core.isShared {
                    if !hasAnswered {
                        hasAnswered = true
                        answerRequests(thread)
                        granted = max(granted, core.asked)
                        continue
                    }
                    if !own.answers.pointee.waiters.isEmpty {
                        answerOne()
                        continue
                    }
                }
                if core.dueLevel != .max {
                    serveDeadlines()
                    continue
                }
                if core.isShared {
                    granted = -1
                    if followUpdates() { continue }
                }
                let update = core.unarmed == nil ? dueUpdate(thread) : nil
                if core.unarmed == nil && update == nil {
                    if core.isShared {
                        if shared.pointee.updates.top > told {
                            told = shared.pointee.updates.top
                            tellOfUpdates()
                            continue
                        }
                        core.isUntold = core.isYielding
                    }
                    if core.isYielding {
                        endYield(thread)
                        continue
                    }
                    guard core.hasBudgets, let payer = overdrawn(beside: thread) else {
                        return chooseNext(thread)
                    }
                    taken = takePending()
                    if taken == .nothing {
                        demoteStep(payer)
                        continue
                    }
                } else {
                    // The timer may still be set for a more urgent thread that has blocked since.
                    updateDeadline(leastLevel(between: thread))
                    taken = takePending()
                    if taken == .nothing {
                        performStep(update)
                        continue
                    }
                }
            }
            if case .line(let line) = taken {
                if let woken = wakeAtOnce(line: line, beside: thread) {
                    return switchAtOnce(to: woken, from: thread)
                }
                core.isUpdatesTurn = false
                deliverInterrupt(line: line)
            } else {
                if let woken = expireAtOnce(beside: thread) {
                    return switchAtOnce(to: woken, from: thread)
                }
                handleTimer(beside: thread)
            }
        }
    }

    /// Performs one step of an update, or sets the next deadline of a periodic timer.
    private mutating func performStep(_ update: Ref<Thread>?) {
        if let update {
            performUpdate(update)
        } else if let owner = core.unarmed {
            rearm(owner)
        }
    }

    /// Takes a pending interrupt from the controller; returns `.nothing` if none is pending.
    @inline(never) private mutating func takePending() -> TakenInterrupt {
        isInterruptedInLoop() ? hardware.takeInterrupt() : .nothing
    }

    /// Handles a timer interrupt that was taken between two steps: the next step serves a deadline.
    /// If a periodic timer has no deadline yet, its next one is set first, since it may be due
    /// already.
    private mutating func handleTimer(beside thread: Ref<Thread>?) {
        if let owner = core.unarmed { return rearm(owner) }
        core.isUpdatesTurn = false
        requestService(atLeast: leastLevel(between: thread))
    }

    /// Returns the lowest level of a deadline to serve between two steps: it is as urgent as the
    /// next update and interrupts the running thread.
    private mutating func leastLevel(between thread: Ref<Thread>?) -> UInt32 {
        var least: UInt32 = 0
        if let thread, thread.state == .running { least = leastLevel(beside: thread) }
        if let update = shared.pointee.updates.first {
            let level = DeadlineLevel.timeOut(update.pointee.pendingUrgency)
            if level > least { least = level }
        }
        return least
    }

    /// Returns the update that goes before every thread; nil if a thread goes first.
    private mutating func dueUpdate(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        guard let update = shared.pointee.updates.first else { return nil }
        let urgency = core.ready.updatesTop
        if let thread, thread.state == .running, goesFirst(thread, urgency) { return nil }
        if let first = core.ready.first, goesFirst(first, urgency) { return nil }
        return update
    }

    /// Returns whether the thread goes before an update of this urgency.
    @inline(__always) private mutating func goesFirst(
        _ thread: Ref<Thread>, _ urgency: Int
    ) -> Bool {
        let effective = Int(thread.effective)
        return effective > urgency
            || (effective == urgency && Int(thread.pointee.base) == urgency && !core.isUpdatesTurn)
    }

    /// Returns whether the running thread gives way to a ready thread of the same priority, since
    /// its own priority may be stale.
    private mutating func mustYield(_ thread: Ref<Thread>) -> Bool {
        core.ready.updatesTop == Int(thread.effective) && thread.pointee.base < thread.effective
    }

    /// Makes `next`, which is in no queue, the running thread; nil makes the processor idle.
    @inline(never) mutating func switchTo(
        _ next: Ref<Thread>?, from previous: Ref<Thread>?
    ) -> Ref<Thread>? {
        core.sliceEnd = .never
        account(from: previous, to: next)
        if let next {
            next.pointee.switches &+= 1
            if core.isTracing { trace(.switched, next) }
            if next.pointee.slice != 0 { refreshSlice(next) }
        }
        guard let next else {
            updateDeadline(0)
            return nil
        }
        return settleOn(next)
    }

    /// Sets the timer for the thread that runs next, and its guarded bit: whether its calls take
    /// the general path.
    @inline(__always) private mutating func settleOn(_ thread: Ref<Thread>) -> Ref<Thread> {
        if core.hasBudgets { settlePayment(thread) }
        thread.pointee.scheduling.isGuarded =
            core.ready.updatesTop == Int(thread.effective) || core.sliceEnd != .never
            || core.isTracing || core.paying != nil
        updateDeadline(leastLevel(beside: thread))
        return thread
    }

    /// Records a switch: processor time, floating-point registers, the running thread.
    @inline(__always) mutating func account(from previous: Ref<Thread>?, to next: Ref<Thread>?) {
        let now = hardware.now.ticks
        if let previous {
            previous.pointee.processorTime &+= now &- core.lastSwitch
            previous.pointee.scheduling.isGuarded = false
        } else {
            core.statistics[.idleTicks] &+= now &- core.lastSwitch
        }
        if core.hasBudgets { changePayment(to: next, now: now) }
        switchFloatingPoint(from: previous, to: next)
        core.lastSwitch = now
        core.current = next
        next?.state = .running
    }

    /// Records a switch from a thread that stays ready. The floating-point registers are not
    /// switched.
    ///
    /// - Returns: whether one of the two threads uses floating point. The exit must then switch the
    ///   registers.
    @inline(__always) mutating func handOver(
        from previous: Ref<Thread>, to next: Ref<Thread>
    ) -> Bool {
        let now = hardware.now.ticks
        let left = previous.pointee.scheduling.raw
        let taken = next.pointee.scheduling.raw
        previous.pointee.scheduling.raw = left | RunState.ready.raw &<< SchedulingWord.stateShift
        previous.pointee.processorTime &+= now &- core.lastSwitch
        core.lastSwitch = now
        core.current = next
        next.pointee.scheduling.raw = taken & ~(15 << SchedulingWord.stateShift)
        return (left | taken) & SchedulingWord.floatingPointBit != 0
    }

    /// Starts or ends the thread's slice: a slice runs only while an equal is ready, or an update
    /// as urgent is pending.
    @inline(never) private mutating func refreshSlice(_ thread: Ref<Thread>) {
        if thread.pointee.slice == 0 || core.ready.top != Int(thread.effective) {
            core.sliceEnd = .never
        } else if core.sliceEnd == .never {
            let rest = thread.pointee.sliceRest
            thread.pointee.sliceRest = 0
            core.sliceEnd = Instant(
                ticks: hardware.now.ticks &+ (rest != 0 ? rest : thread.pointee.slice))
        }
    }

    /// Keeps the rest of a preempted thread's slice. With whole slices its equals could wait for
    /// ever.
    @inline(__always) func keepSlice(_ thread: Ref<Thread>) {
        if core.sliceEnd == .never || thread.pointee.slice == 0 { return }
        let now = hardware.now
        thread.pointee.sliceRest = core.sliceEnd > now ? core.sliceEnd.ticks &- now.ticks : 1
    }

    /// Sets the hardware's deadline to the earliest of slice end, time-outs and timers, except
    /// deadlines below the level `least`.
    ///
    /// If a deadline is left out, a less urgent thread must not miss it. `watch` then makes the
    /// fast paths to such threads decline, since they do not look at deadlines.
    @inline(__always) mutating func updateDeadline(_ least: UInt32) {
        var earliest = core.sliceEnd
        core.ready.watch = 0
        if core.paying != nil && core.budgetEnd < earliest { earliest = core.budgetEnd }
        if let first = core.deadlines.first {
            var deadline = first.pointee.instant
            if first.pointee.level < least { deadline = leaveOut(below: least) }
            if deadline < earliest { earliest = deadline }
        }
        if earliest != core.armed {
            core.armed = earliest
            hardware.setDeadline(earliest)
        }
    }

    /// Returns the earliest deadline of at least this level, and records that others are left out.
    @inline(never) private mutating func leaveOut(below least: UInt32) -> Instant {
        core.ready.leaveOut(below: least)
        return core.deadlines.earliest(atLeast: least)
    }

    /// Performs `yield`: the running thread goes after the ready threads of its priority. One due
    /// deadline and all pending updates of that urgency go first, as steps; `endYield` then ends
    /// the call.
    mutating func yield(_ thread: Ref<Thread>) -> Outcome {
        requestService(of: thread)
        core.isYielding = true
        core.isUpdatesTurn = true
        core.isStale = true
        return .blocked
    }

    /// Ends `yield`: the thread becomes the last of its equals, and the next equal the first. It
    /// also goes behind its equals if a step before made a more urgent thread ready.
    @inline(never) private mutating func endYield(_ thread: Ref<Thread>?) {
        core.isYielding = false
        core.isUpdatesTurn = false
        guard let thread else { return }
        complete(thread, .success)
        guard thread.state == .running, let next = core.ready.first,
            next.effective >= thread.effective
        else { return }
        core.ready.remove(next)
        insertReady(thread)
        insertReady(next, atHead: true)
    }

    /// Ends the running thread's slice if it is over. The updates that are as urgent go next, then
    /// the thread's equals. The end of its budget is noted: the scheduler looks at what is left.
    mutating func endSlice(now: Instant) {
        if core.budgetEnd <= now { core.budgetEnd = .never }
        if core.sliceEnd > now { return }
        core.sliceEnd = .never
        core.isStale = true
        guard let thread = core.current, thread.state == .running,
            core.ready.top == Int(thread.effective)
        else {
            return
        }
        core.isUpdatesTurn = true
        insertReady(thread)
        if !core.isYielding { return }
        core.isYielding = false
        complete(thread, .success)
    }

    /// Makes a blocked thread ready, or stops it if it was suspended. Its results are already in
    /// its context.
    ///
    /// - Precondition: no update of the thread is pending.
    /// - Postcondition: the caller's `reschedule` decides which thread runs.
    @inline(never) mutating func makeReady(_ thread: Ref<Thread>, atHead: Bool = false) {
        cancelDeadline(thread)
        if thread.pointee.scheduling.isSuspended {
            thread.pointee.scheduling.isSuspended = false
            thread.state = .stopped
        } else {
            let home = home(of: thread)
            let goesFirst = atHead || passesEquals(thread, isShared: true)
            insertReady(thread, at: home, atHead: goesFirst)
            if core.isTracing { trace(.readied, thread) }
        }
    }

    /// Removes a thread from the ready queue of its home core, where the slice of an equal may end.
    mutating func removeReady(_ thread: Ref<Thread>) {
        let home = home(of: thread)
        home.pointee.isStale = true
        home.pointee.ready.remove(thread)
    }
    /// Inserts a thread into the ready queue of its home core.
    @inline(__always) mutating func insertReady(_ thread: Ref<Thread>, atHead: Bool = false) {
        insertReady(thread, at: home(of: thread), atHead: atHead)
    }
    /// - Parameter home: the thread's home core.
    @inline(__always) mutating func insertReady(
        _ thread: Ref<Thread>, at home: Ref<Core>, atHead: Bool = false
    ) {
        home.pointee.isStale = true
        home.pointee.ready.insert(thread, atHead: atHead)
        if home != own { tell(home, of: thread) }
    }

    /// Returns whether a woken thread goes before its equals: its base alone gives its priority,
    /// and an update as urgent is pending. Otherwise it might wait for a thread whose priority is
    /// stale.
    ///
    /// - Parameter isShared: whether several cores may run; a constant.
    @inline(__always) func passesEquals(_ thread: Ref<Thread>, isShared: Bool) -> Bool {
        let urgency = isShared ? shared.pointee.updates.top : core.ready.updatesTop
        return urgency == Int(thread.effective) && thread.pointee.base == thread.effective
    }
}
