// Scheduling: which thread runs next, what comes before it, and when the timer must interrupt.
//
// The rule: the running thread's effective priority is at least that of every ready thread, and no pending update of priority
// inheritance is more urgent. Every operation that can break it ends in `reschedule`, which restores it. Between threads of one
// priority the order is first come, first served; a preempted thread keeps its place at the head and the rest of its slice.
// Whatever may have broken the rule, or changed the earliest deadline, marks the core as stale, and only then is anything
// chosen anew.
//
// Updates are performed one at a time, and pending interrupts are taken before each of them right here: never by resuming
// a thread that may not run. A more urgent thread that an interrupt wakes is chosen next, and the rest of the updates waits.
//
// A slice is the longest time that its thread runs while an equal is ready, or an update as urgent waits. It begins when the
// thread runs and there is one, stands still while the thread is preempted, and is over when it is used up (the thread goes
// behind its equals), when the thread yields or blocks, or when there is no equal any more. A call blocks: neither the time of
// the server counts, nor does the server run on the caller's slice. `sliceEnd` is `.never` while no slice runs, so the timer is
// silent; a fast path that would end or begin a slice declines.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Returns the thread to resume after an operation of `thread` (nil: the processor was idle).
    ///
    /// - Complexity: constant between two looks at the pending interrupts.
    @inline(__always) mutating func reschedule(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        if let thread, thread.state == .running, !core.isStale { return thread }
        return choose(thread)
    }

    @inline(never) private mutating func choose(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        let hasSteps = core.unarmed != nil || core.dueLevel != .max || core.isYielding
        if isInterrupted() || core.ready.updates.top >= 0 || hasSteps {
            return performSteps(thread)
        }
        return chooseNext(thread)
    }

    /// Lets a thread run that an interrupt woke and that goes before all others. No slice of it begins: no ready thread has its
    /// priority.
    @inline(never) private mutating func switchAtOnce(
        to woken: Ref<Thread>, from thread: Ref<Thread>?
    ) -> Ref<Thread> {
        core.isUpdatesTurn = false
        core.isStale = false
        // What is due waits until a less urgent thread runs: the timer interrupts that one.
        core.dueLevel = .max
        if let thread, thread.state == .running {
            if core.isYielding { restart(thread) }
            core.isYielding = false
            keepSlice(thread)
            core.ready.insert(thread, atHead: true)
        }
        core.sliceEnd = .never
        account(from: thread, to: woken)
        updateDeadline(leastLevel(beside: woken))
        return woken
    }

    @inline(never) private mutating func chooseNext(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        core.isUpdatesTurn = false
        core.isStale = false
        guard let thread, thread.state == .running else {
            return switchTo(core.ready.removeFirst(), from: thread)
        }
        if core.ready.top < Int(thread.effective)
            || (core.ready.top == Int(thread.effective) && !mustYield(thread))
        {
            if thread.pointee.slice != 0 || core.sliceEnd != .never { refreshSlice(thread) }
            return settleOn(thread)
        }
        keepSlice(thread)
        let next = core.ready.removeFirst()
        core.ready.insert(thread, atHead: true)
        return switchTo(next, from: thread)
    }

    // Steps

    /// Performs what goes before every thread: the next deadline of a periodic timer, and pending updates.
    ///
    /// - Returns: the thread to resume.
    /// - Complexity: as many steps as there are; pending interrupts are taken before and after each.
    @inline(never) private mutating func performSteps(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        while true {
            var taken = takePending()
            if taken == .nothing {
                if core.dueLevel != .max {
                    serveDeadlines()
                    continue
                }
                let update = core.unarmed == nil ? dueUpdate(thread) : nil
                if core.unarmed == nil && update == nil {
                    if !core.isYielding { return chooseNext(thread) }
                    endYield(thread)
                    continue
                }
                // The timer may still be set for a more urgent thread, which has left.
                updateDeadline(leastLevel(between: thread))
                taken = takePending()
                if taken == .nothing {
                    performStep(update)
                    continue
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

    private mutating func performStep(_ update: Ref<Thread>?) {
        if let update {
            performUpdate(update)
        } else if let timer = core.unarmed {
            rearm(timer)
        }
    }

    /// Takes an interrupt from the controller where one is pending.
    @inline(never) private mutating func takePending() -> TakenInterrupt {
        isInterrupted() ? hardware.takeInterrupt() : .nothing
    }

    /// Handles an interrupt of the timer's between two steps. Of a timer without deadline the next one is set first: it may be
    /// due.
    private mutating func handleTimer(beside thread: Ref<Thread>?) {
        if let timer = core.unarmed { return rearm(timer) }
        core.isUpdatesTurn = false
        requestService(atLeast: leastLevel(between: thread))
    }

    /// Returns the lowest level of a deadline that is served between two steps: that of the next update, or of the thread that
    /// may run still.
    private mutating func leastLevel(between thread: Ref<Thread>?) -> UInt32 {
        var least: UInt32 = 0
        if let thread, thread.state == .running { least = leastLevel(beside: thread) }
        if let update = core.ready.updates.first {
            let level = DeadlineLevel.timeOut(update.pointee.pendingUrgency)
            if level > least { least = level }
        }
        return least
    }

    /// Returns the update that goes before every thread; nil where a thread goes first.
    private mutating func dueUpdate(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        guard let update = core.ready.updates.first else { return nil }
        let urgency = core.ready.updates.top
        if let thread, thread.state == .running, goesFirst(thread, urgency) { return nil }
        if let first = core.ready.first, goesFirst(first, urgency) { return nil }
        return update
    }

    /// Does the thread go before an update that carries this urgency?
    @inline(__always) private mutating func goesFirst(
        _ thread: Ref<Thread>, _ urgency: Int
    ) -> Bool {
        let effective = Int(thread.effective)
        return effective > urgency
            || (effective == urgency && Int(thread.pointee.base) == urgency && !core.isUpdatesTurn)
    }

    /// Must the running thread give way to a ready one of the same priority, since its own may be stale?
    private mutating func mustYield(_ thread: Ref<Thread>) -> Bool {
        core.ready.updates.top == Int(thread.effective) && thread.pointee.base < thread.effective
    }

    /// Makes `next`, which is in no queue, the running thread.
    @inline(never) mutating func switchTo(
        _ next: Ref<Thread>?, from previous: Ref<Thread>?
    ) -> Ref<Thread>? {
        core.sliceEnd = .never
        account(from: previous, to: next)
        if let next {
            next.pointee.switches &+= 1
            if isTracing { trace(.switched, next) }
            if next.pointee.slice != 0 { refreshSlice(next) }
        }
        guard let next else {
            updateDeadline(0)
            return nil
        }
        return settleOn(next)
    }

    /// Prepares what is left for the thread that goes on: the deadline, and whether a call must look at more.
    @inline(__always) private mutating func settleOn(_ thread: Ref<Thread>) -> Ref<Thread> {
        thread.pointee.scheduling.isGuarded =
            core.ready.updates.top == Int(thread.effective) || core.sliceEnd != .never || isTracing
        updateDeadline(leastLevel(beside: thread))
        return thread
    }

    /// The books of a switch: processor time, floating point, who runs.
    @inline(__always) mutating func account(from previous: Ref<Thread>?, to next: Ref<Thread>?) {
        let now = hardware.now.ticks
        if let previous {
            previous.pointee.processorTime &+= now &- core.lastSwitch
            previous.pointee.scheduling.isGuarded = false
        }
        switchFloatingPoint(from: previous, to: next)
        core.lastSwitch = now
        core.current = next
        next?.state = .running
    }

    /// The same where the running thread is ready still, and another goes on.
    ///
    /// - Returns: whether one of the two uses floating point. Then whoever resumes the next one switches the registers.
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

    /// A slice runs only while a thread of the same priority is ready.
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

    /// A preempted thread goes on with the rest of its slice: else its equals could wait for ever.
    @inline(__always) func keepSlice(_ thread: Ref<Thread>) {
        if core.sliceEnd == .never || thread.pointee.slice == 0 { return }
        let now = hardware.now
        thread.pointee.sliceRest = core.sliceEnd > now ? core.sliceEnd.ticks &- now.ticks : 1
    }

    /// Sets the hardware's deadline to the earliest of slice end, time-outs and timers; but to none that is less urgent than
    /// `least`.
    ///
    /// What is left out must be looked for when a less urgent thread runs: until then the fast paths, which do not look, decline.
    @inline(__always) mutating func updateDeadline(_ least: UInt32) {
        var earliest = core.sliceEnd
        core.ready.watch = 0
        if let first = core.deadlines.first {
            var deadline = first.pointee.instant
            if first.pointee.level < least {
                deadline = deferredDeadline(least)
                core.ready.watch = Limits.priorities
            }
            if deadline < earliest { earliest = deadline }
        }
        if earliest != core.armed {
            core.armed = earliest
            hardware.setDeadline(earliest)
        }
    }

    /// Returns the earliest deadline that is at least so urgent.
    @inline(never) private mutating func deferredDeadline(_ least: UInt32) -> Instant {
        core.deadlines.earliest(atLeast: least)
    }

    /// Puts the running thread at the end of the ready threads of its priority. A deadline that is due and pending updates that are
    /// as urgent go first: `endYield` ends the call.
    mutating func yield(_ thread: Ref<Thread>) -> Outcome {
        requestService(of: thread)
        core.isYielding = true
        core.isUpdatesTurn = true
        core.isStale = true
        return .blocked
    }

    /// Ends `yield`: the next of the equals is the first, and the thread the last.
    @inline(never) private mutating func endYield(_ thread: Ref<Thread>?) {
        core.isYielding = false
        core.isUpdatesTurn = false
        guard let thread else { return }
        complete(thread, .success)
        guard thread.state == .running, core.ready.top == Int(thread.effective),
            let next = core.ready.first,
            next.effective == thread.effective
        else { return }
        core.ready.remove(next)
        insertReady(thread)
        insertReady(next, atHead: true)
    }

    /// Ends the slice of the running thread, where that is over: its equals go first, and before them the updates that are as
    /// urgent.
    mutating func endSlice(now: Instant) {
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
    }

    /// Makes a thread that was blocked runnable, with its results already in its context.
    ///
    /// - Precondition: no update of it is pending.
    /// - Postcondition: it is ready; the caller's `reschedule` decides which thread runs.
    @inline(never) mutating func makeReady(_ thread: Ref<Thread>, atHead: Bool = false) {
        cancelDeadline(thread)
        if thread.pointee.scheduling.isSuspended {
            thread.pointee.scheduling.isSuspended = false
            thread.state = .stopped
        } else {
            insertReady(thread, atHead: atHead || passesEquals(thread))
            if isTracing { trace(.readied, thread) }
        }
    }

    /// Does a woken thread go before its equals? A thread whose base alone gives its priority does while updates as urgent are
    /// pending: else it would wait behind a thread whose priority is stale.
    @inline(__always) func passesEquals(_ thread: Ref<Thread>) -> Bool {
        core.ready.updates.top == Int(thread.effective) && thread.pointee.base == thread.effective
    }

    @inline(__always) mutating func insertReady(_ thread: Ref<Thread>, atHead: Bool = false) {
        core.isStale = true
        core.ready.insert(thread, atHead: atHead)
    }
}
