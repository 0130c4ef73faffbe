// Priority inheritance: effective = max(base, effective of every thread that is blocked on this one).
//
// A caller is blocked on the endpoint's server while it is queued, and on the holder of the reply object after it was
// received. The links form a forest, since every thread is blocked on at most one other and a call that would close a cycle is
// refused. Links change at once. Priorities follow one link a step, so no path in the kernel is as long as a chain.
//
// **Updates.** A blocked thread whose base priority or callers changed has a pending update: it stands in the ready
// queue under the urgency that the update carries, which is the larger of its present effective priority and what that becomes;
// a second change before the step keeps the maximum. A step sets the effective priority, moves the thread in its wait
// queue and among its server's callers, and leaves the server's update behind. Whatever takes a thread out of a chain (reply,
// time-out, death, a move to another server) leaves the update of the next link behind as well. A thread that runs, is
// ready or stands in no queue is brought up to date at once, since that takes constant time and its chain ends there.
//
// The end of a wait whose deadline has passed is a step of the same queue.
//
// **Order.** The scheduler (Kernel+Schedule) lets no thread run that is less urgent than a pending update. Among equals
// the update goes first, since the thread may be the very one whose priority is stale: a server of base 10 that was lifted to
// 100 must not keep a thread of 60 waiting when its client has gone. A thread whose base alone reaches what the update
// carries is not stale, and goes before it: a caller that timed out does not wait for the lowering of the chain that it left.
//
// **Bounds.** A step is constant, whatever the queues hold. A chain has no bound at its running end; what a caller itself
// comes to wait for is bounded by `Limits.chain`, so its own urgency arrives at the running end after at most that many steps.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    // Links

    /// Returns why `caller` may not come to wait for `server`; nil where it may. Nothing changes.
    ///
    /// Counts what the caller itself would wait for, from the server to the thread at the end of its chain: who waits for
    /// the caller does not count.
    ///
    /// - Complexity: `Limits.chain` rounds.
    func checkChain(_ caller: Ref<Thread>, _ server: Ref<Thread>) -> KernelError? {
        var length = 1
        var at = server
        var rounds = LoopBound(Limits.chain)
        while true {
            rounds.count()
            if at == caller { return .deadlock }
            length = length &+ 1
            if length > Limits.chain { return .chainTooLong }
            guard let next = at.pointee.blockedOn, !at.isEnding else { return nil }
            at = next
        }
    }

    /// Makes `caller` wait for `server`.
    ///
    /// - Precondition: `checkChain` found nothing, and the caller waits for no thread.
    /// - Complexity: constant.
    @inline(never) mutating func addCaller(_ caller: Ref<Thread>, to server: Ref<Thread>) {
        caller.pointee.blockedOn = server
        if let endpoint = server.pointee.endpoint, endpoint.pointee.readyServer == server {
            queueReadyServer(endpoint)
        }
        queueSoleCaller(of: server)
        server.pointee.callers.insert(caller.callerNode, key: caller.effective)
        requestUpdate(server)
    }

    /// Makes `caller` wait for a receiver, which stands in no queue: its priority follows at once.
    ///
    /// - Precondition: the caller waits for no thread.
    /// - Complexity: constant.
    mutating func adoptCaller(_ caller: Ref<Thread>, by receiver: Ref<Thread>) {
        caller.pointee.blockedOn = receiver
        queueSoleCaller(of: receiver)
        receiver.pointee.callers.insert(caller.callerNode, key: caller.effective)
        receiver.pointee.scheduling.effective = inheritedPriority(receiver)
        core.isStale = true
    }

    /// Ends the caller's wait for the running thread, whose priority follows at once.
    ///
    /// - Complexity: constant.
    mutating func dropCaller(_ caller: Ref<Thread>, of running: Ref<Thread>) {
        caller.pointee.blockedOn = nil
        if running.pointee.soleCaller == caller {
            running.pointee.soleCaller = nil
        } else {
            running.pointee.callers.remove(caller.callerNode)
        }
        running.pointee.scheduling.effective = inheritedPriority(running)
        core.isStale = true
    }

    /// Ends the caller's wait for its server, if it has one.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func removeCaller(_ caller: Ref<Thread>) {
        guard let server = caller.pointee.blockedOn else { return }
        caller.pointee.blockedOn = nil
        if server.pointee.soleCaller == caller {
            server.pointee.soleCaller = nil
        } else {
            server.pointee.callers.remove(caller.callerNode)
        }
        requestUpdate(server)
    }

    /// Moves the caller that a fast path brought into the queue of callers, which is empty.
    @inline(__always) func queueSoleCaller(of server: Ref<Thread>) {
        guard let caller = server.pointee.soleCaller else { return }
        server.pointee.soleCaller = nil
        server.pointee.callers.insertFirst(caller.callerNode, key: caller.effective)
    }

    /// Returns the effective priority that the inheritance invariant requires: the keys of the callers count, since a caller
    /// whose own update is pending has not passed it on yet.
    func inheritedPriority(_ thread: Ref<Thread>) -> UInt8 {
        let base = thread.pointee.base
        if let caller = thread.pointee.soleCaller { return max(base, caller.effective) }
        guard let first = thread.pointee.callers.first else { return base }
        return max(base, first.pointee.key)
    }

    // Updates

    /// Restores the invariant for a thread whose base priority or callers changed: at once, or by a pending update.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func requestUpdate(_ thread: Ref<Thread>) {
        let priority = inheritedPriority(thread)
        let old = thread.effective
        let isPending = thread.pointee.scheduling.isPending
        if !isPending && priority == old { return }
        core.isStale = true
        if thread.state == .ready {
            core.ready.remove(thread)
            thread.pointee.scheduling.effective = priority
            return insertReady(thread)
        }
        if !thread.isQueued && !thread.isEnding {
            if isPending {
                cancelUpdate(thread)
            } else {
                thread.pointee.scheduling.effective = priority
            }
            return
        }
        queueUpdate(thread, urgency: priority > old ? priority : old)
    }

    /// Makes the thread's update pending; one that is pending keeps the larger urgency.
    @inline(never) mutating func queueUpdate(_ thread: Ref<Thread>, urgency: UInt8) {
        core.isStale = true
        if thread.pointee.scheduling.isPending {
            if urgency <= thread.pointee.pendingUrgency { return }
            core.ready.removeUpdate(thread)
        } else {
            thread.pointee.scheduling.isPending = true
        }
        thread.pointee.pendingUrgency = urgency
        core.ready.insertUpdate(thread)
    }

    /// Performs one step of a pending update: the thread's own priority, and one move in one queue. The last step ends the
    /// update. Where the deadline of the thread has passed, the step ends its wait instead.
    ///
    /// The keys of its places tell which moves are left, so the steps need no state of their own.
    ///
    /// - Precondition: the thread's update is pending.
    /// - Complexity: constant.
    @inline(never) mutating func performUpdate(_ thread: Ref<Thread>) {
        if thread.isEnding { return finish(thread) }
        if thread.pointee.scheduling.isTimedOut { return end(thread, .timedOut) }
        if let server = thread.pointee.blockedOn { queueSoleCaller(of: server) }
        thread.pointee.scheduling.effective = inheritedPriority(thread)
        move(thread)
        if nextMove(of: thread) == nil { endUpdate(thread) }
    }

    /// Returns the move that brings one of the thread's places in line with its priority; nil where all are.
    @inline(__always) private func nextMove(of thread: Ref<Thread>) -> Move? {
        let priority = thread.effective
        if thread.waitingPlace != nil && thread.waitNode.pointee.key != priority { return .wait }
        if thread.pointee.blockedOn != nil && thread.callerNode.pointee.key != priority {
            return .caller
        }
        if !thread.pointee.scheduling.hasDeadline { return nil }
        let node = thread.deadlineNode
        if !node.pointee.isQueued { return .deadlineIn }
        return node.pointee.level == DeadlineLevel.timeOut(priority) ? nil : .deadlineOut
    }

    /// Makes the next move, if there is one; the update of the next link is left behind.
    @inline(__always) private mutating func move(_ thread: Ref<Thread>) {
        let priority = thread.effective
        switch nextMove(of: thread) {
        case .wait: thread.waitingPlace?.pointee.rekey(thread.waitNode, key: priority)
        case .caller:
            guard let server = thread.pointee.blockedOn else { return }
            server.pointee.callers.rekey(thread.callerNode, key: priority)
            requestUpdate(server)
        case .deadlineOut:
            core.isStale = true
            core.deadlines.remove(thread.deadlineNode)
        case .deadlineIn:
            let node = thread.deadlineNode
            core.isStale = true
            core.deadlines.insert(
                node, at: node.pointee.instant, level: DeadlineLevel.timeOut(priority))
        case nil: break
        }
    }

    private mutating func endUpdate(_ thread: Ref<Thread>) {
        core.ready.removeUpdate(thread)
        thread.pointee.scheduling.isPending = false
    }

    /// Ends the pending update of a thread that left its queues: its priority is what it inherits.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func cancelUpdate(_ thread: Ref<Thread>) {
        core.ready.removeUpdate(thread)
        thread.pointee.scheduling.isPending = false
        thread.pointee.scheduling.isTimedOut = false
        thread.pointee.scheduling.effective = inheritedPriority(thread)
    }
}

/// What a step of an update moves.
private enum Move {
    /// The thread in the queue of its endpoint or notification.
    case wait
    /// The thread among the callers of its server.
    case caller
    /// Its deadline out of the deadline queue, and back under its new urgency.
    case deadlineOut
    case deadlineIn
}

extension Ref where Object == Thread {
    /// Does the thread stand in a queue by its priority, so that a change of it takes a step?
    var isQueued: Bool { pointee.blockedOn != nil || waitingPlace != nil }

    /// The queue of the endpoint or notification where the thread waits; nil for a ready server, which stands in none.
    @inline(__always) fileprivate var waitingPlace: Ref<WaitQueue>? {
        if let endpoint = pointee.endpoint {
            return endpoint.pointee.readyServer == self ? nil : endpoint.waiters
        }
        return pointee.notification?.waiters
    }
}
