// Scheduling: who is ready, who runs next, and when the timer must interrupt.
//
// The rule: the running thread's effective priority is at least that of every ready thread. Every operation that can break
// it ends in `reschedule`, which restores it. Between threads of one priority the order is first come, first served; a
// preempted thread keeps its place at the head and the rest of its slice. Whatever may have broken the rule, or changed
// the earliest deadline, marks the core as stale, and only then is anything chosen anew. A slice, where a thread has one, ends only while
// somebody of the same priority waits (so the timer is silent otherwise).

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// The thread to resume after an operation of `thread` (nil: the processor was idle).
    ///
    /// - Complexity: constant.
    @inline(__always) mutating func reschedule(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        if let thread, thread.state == .running, !core.isStale { return thread }
        return choose(thread)
    }

    @inline(never) private mutating func choose(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        core.isStale = false
        if let thread, thread.state == .running {
            if core.ready.top <= Int(thread.effective) {
                if thread.pointee.slice != 0 || core.sliceEnd != .never { refreshSlice(thread) }
                updateDeadline(thread)
                return thread
            }
            keepSlice(thread)
            let next = core.ready.removeFirst()
            core.ready.insert(thread, atHead: true)
            return switchTo(next, from: thread)
        }
        return switchTo(core.ready.removeFirst(), from: thread)
    }

    /// Make `next`, which is in no queue, the running thread.
    @inline(never) mutating func switchTo(_ next: Ref<Thread>?, from previous: Ref<Thread>?) -> Ref<Thread>? {
        core.sliceEnd = .never
        account(from: previous, to: next)
        if let next {
            next.pointee.switches &+= 1
            if isTracing { trace(.switched, next) }
            if next.pointee.slice != 0 { refreshSlice(next) }
        }
        updateDeadline(next)
        return next
    }

    /// The books of a switch: processor time, floating point, who runs.
    @inline(__always) mutating func account(from previous: Ref<Thread>?, to next: Ref<Thread>?) {
        let now = hardware.now.ticks
        if let previous { previous.pointee.processorTime &+= now &- core.lastSwitch }
        switchFloatingPoint(from: previous, to: next)
        core.lastSwitch = now
        core.current = next
        next?.state = .running
    }

    /// The same where the running thread is ready still, and another goes on.
    ///
    /// - Returns: whether one of the two uses floating point. Then whoever resumes the next one switches the registers.
    @inline(__always) mutating func handOver(from previous: Ref<Thread>, to next: Ref<Thread>) -> Bool {
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
            core.sliceEnd = Instant(ticks: hardware.now.ticks &+ (rest != 0 ? rest : thread.pointee.slice))
        }
    }

    /// A preempted thread goes on with the rest of its slice: else its equals could wait for ever.
    @inline(__always) func keepSlice(_ thread: Ref<Thread>) {
        if core.sliceEnd == .never || thread.pointee.slice == 0 { return }
        let now = hardware.now
        thread.pointee.sliceRest = core.sliceEnd > now ? core.sliceEnd.ticks &- now.ticks : 1
    }

    /// Set the hardware's deadline to the earliest of slice end, time-outs and timers; but to none that is less urgent than the
    /// thread that runs (nil: the processor is idle).
    ///
    /// What is left out must be looked for when a less urgent thread runs: until then the fast paths, which do not look, decline.
    @inline(__always) mutating func updateDeadline(_ running: Ref<Thread>?) {
        var earliest = core.sliceEnd
        core.ready.watch = isTracing ? Limits.priorities : 0
        if let first = core.deadlines.first {
            var deadline = Instant(ticks: ~first.pointee.key)
            if let running, first.pointee.urgency < running.effective {
                deadline = deferredDeadline(running)
                core.ready.watch = Limits.priorities
            }
            if deadline < earliest { earliest = deadline }
        }
        if earliest != core.armed {
            core.armed = earliest
            hardware.setDeadline(earliest)
        }
    }

    /// The earliest deadline that may interrupt this thread.
    @inline(never) private mutating func deferredDeadline(_ running: Ref<Thread>) -> Instant {
        guard let node = core.deadlines.first(atLeast: running.effective) else { return .never }
        return Instant(ticks: ~node.pointee.key)
    }

    /// Give the processor to the next ready thread of the same priority.
    mutating func yield(_ thread: Ref<Thread>) -> Ref<Thread>? {
        if core.isStale || core.ready.top != Int(thread.effective) { return reschedule(thread) }
        let next = core.ready.removeFirst()
        core.ready.insert(thread)
        return switchTo(next, from: thread)
    }

    /// The slice ended: the thread goes behind its equals.
    mutating func endSlice(now: Instant) {
        if core.sliceEnd > now { return }
        core.sliceEnd = .never
        core.isStale = true
        if let thread = core.current, thread.state == .running, core.ready.top == Int(thread.effective) {
            core.ready.insert(thread)
        }
    }

    /// Make a thread that was blocked runnable, with its results already in its context.
    ///
    /// - Postcondition: it is ready; the caller's `reschedule` decides who runs.
    @inline(never) mutating func makeReady(_ thread: Ref<Thread>, atHead: Bool = false) {
        cancelDeadline(thread)
        if thread.pointee.scheduling.isSuspended {
            thread.pointee.scheduling.isSuspended = false
            thread.state = .stopped
        } else {
            insertReady(thread, atHead: atHead)
            if isTracing { trace(.readied, thread) }
        }
    }

    @inline(__always) mutating func insertReady(_ thread: Ref<Thread>, atHead: Bool = false) {
        core.isStale = true
        core.ready.insert(thread, atHead: atHead)
    }

    // Deadlines of blocked threads

    /// Wake the thread with `timedOut` at `deadline`, unless that is never.
    @inline(never) mutating func startDeadline(_ thread: Ref<Thread>, _ deadline: Instant) {
        if deadline == .never { return }
        thread.pointee.scheduling.hasDeadline = true
        insertDeadline(thread.deadlineNode, deadline, urgency: thread.effective)
    }

    mutating func cancelDeadline(_ thread: Ref<Thread>) {
        if !thread.pointee.scheduling.hasDeadline { return }
        thread.pointee.scheduling.hasDeadline = false
        removeDeadline(thread.deadlineNode)
    }

    @inline(never) mutating func insertDeadline(_ node: Ref<QueueNode>, _ deadline: Instant, urgency: UInt8) {
        core.isStale = true
        core.deadlines.insert(node, key: ~deadline.ticks, urgency: urgency)
    }
    @inline(never) mutating func removeDeadline(_ node: Ref<QueueNode>) {
        core.isStale = true
        core.deadlines.removeUrgent(node)
    }

    /// Has the deadline passed already? Then the call must not block.
    func hasPassed(_ deadline: Instant) -> Bool { deadline != .never && deadline <= hardware.now }
}
