// The deadline queue: time-outs of blocked threads and timers.
//
// A time-out is as urgent as its thread, a timer as the thread that armed it may make itself (its maximum priority, which is its
// authority to disturb others). Of what is due the most urgent is served first, and nothing interrupts a thread that is more
// urgent: however many deadlines of others come together, they do not delay it.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// The timer interrupted: serve what is due. What is left interrupts again at once, so that others get between.
    ///
    /// - Complexity: `KernelLimits.deadlineStep` times O(log n).
    mutating func serveDeadlines() {
        // The hardware holds an instant of the past, so that `updateDeadline` sets it anew, or off.
        core.armed = Instant(ticks: 0)
        core.isStale = true
        let now = hardware.now
        let running = core.current?.effective ?? 0
        endSlice(now: now)
        for _ in 0..<KernelLimits.deadlineStep {  // further ones interrupt again
            guard let node = core.deadlines.mostUrgent(from: ~now.ticks), node.pointee.urgency >= running,
                let owner = node.pointee.owner
            else { break }
            if owner.pointee.kind == .thread {
                timeOut(owner.rebound(to: Thread.self))
            } else {
                expire(owner.rebound(to: Timer.self), now: now)
            }
        }
    }

    private mutating func timeOut(_ thread: Ref<Thread>) { abort(thread, .timedOut) }

    private mutating func expire(_ timer: Ref<Timer>, now: Instant) {
        advance(timer, now: now.ticks)
        core.isStale = true
        if let notification = timer.pointee.source.notification { signal(notification, timer.pointee.source.bits) }
    }

    /// Take an expired timer's deadline out, or put the next one in where it is periodic.
    @inline(__always) mutating func advance(_ timer: Ref<Timer>, now: UInt64) {
        core.deadlines.removeUrgent(timer.node)
        let period = timer.pointee.period
        if period == 0 {
            timer.pointee.isArmed = false
            return
        }
        // Missed periods are skipped, not delivered in a burst.
        var next = timer.pointee.deadline.ticks &+ period
        if next <= now { next = now &+ period }
        timer.pointee.deadline = Instant(ticks: next)
        core.deadlines.insert(timer.node, key: ~next, urgency: timer.node.pointee.urgency)
    }

    /// `arm`: replaces what was armed before.
    ///
    /// - Parameter urgency: the maximum priority of the thread that arms it.
    mutating func arm(_ timer: Ref<Timer>, at deadline: Instant, period: UInt64, urgency: UInt8) -> KernelError? {
        if timer.pointee.source.notification == nil { return .wrongState }
        if deadline == .never || period >= 1 &<< 62 { return .invalidArgument }
        if period != 0 && period < shortestPeriod { return .invalidArgument }
        cancel(timer)
        timer.pointee.deadline = deadline
        timer.pointee.period = period
        timer.pointee.isArmed = true
        insertDeadline(timer.node, deadline, urgency: urgency)
        return nil
    }

    mutating func cancel(_ timer: Ref<Timer>) {
        if !timer.pointee.isArmed { return }
        timer.pointee.isArmed = false
        removeDeadline(timer.node)
    }
}
