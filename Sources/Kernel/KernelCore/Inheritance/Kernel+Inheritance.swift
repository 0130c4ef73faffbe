// Priority inheritance: effective = max(base, effective of every thread that is blocked on this
// one).
//
// **Links.** A queued caller is blocked on the endpoint's server. After its call was received, it
// is blocked on the holder of the reply object. The first of those that wait for a mutex is blocked
// on its holder (Kernel+Mutexes). The links form a forest: each thread is blocked on
// at most one other thread, and a call that would close a cycle is refused. Links change at once.
// Priorities follow in steps, so no path in the kernel is as long as a chain.
//
// **Updates.** If the base priority or the callers of a blocked thread change, an update of that
// thread becomes pending. The update stands in the ready queue under its urgency: the larger of the
// thread's present effective priority and the new one. A second change before the next step keeps
// the maximum. A thread that runs, is ready or stands in no queue is updated at once, since its
// chain ends there.
//
// **Steps.** A step sets the thread's effective priority and makes one move in one queue: the
// thread in its wait queue, then among its server's callers, then its deadline out of the deadline
// queue and back in. The move among the callers makes the server's update pending. The keys of the
// thread's nodes tell which moves are left, so a step keeps no state of its own. The same queue
// also ends waits: those whose deadline has passed, and those of ending threads (Kernel+Blocking).
// A thread that leaves a chain makes the update of its server pending.
//
// **Order.** The scheduler (Kernel+Schedule) runs no thread that is less urgent than a pending
// update. At equality the update goes first, since the thread's own priority may be stale: a server
// of base 10 that a client lifted to 100 must not keep a thread of 60 waiting after the client has
// gone. A thread whose base alone reaches the update's urgency is not stale, and goes before the
// update. So a caller that timed out does not wait until the chain that it left is lowered.
//
// **Bounds.** A step is constant, whatever the queues hold. The length of a chain has no bound at
// its running end. `Limits.chain` bounds the threads that a caller itself waits for, so the
// caller's urgency passes at most that many links to the running end.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    // Links

    /// Returns why `caller` must not wait for `server`; nil if it may. Nothing changes.
    ///
    /// Counts the threads that the caller itself would wait for, from the server to the end of the
    /// chain. Threads that wait for the caller do not count.
    ///
    /// - Complexity: at most `Limits.chain` rounds.
    func checkChain(_ caller: Ref<Thread>, _ server: Ref<Thread>) -> KernelError? {
        var length = 1
        var at = server
        var rounds = LoopBound(Limits.chain)
        while true {
            rounds.count()
            if at == caller { return .deadlock }
            length = length &+ 1
            if length > Limits.chain { return .chainTooLong }
            guard let next = at.waitsFor else { return nil }
            at = next
        }
    }

    /// Makes `caller` wait for `server`.
    ///
    /// - Precondition: `checkChain` returned nil, and the caller waits for no thread.
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

    /// Makes `caller` wait for a receiver that stands in no queue. The receiver's priority follows
    /// at once.
    ///
    /// - Precondition: the caller waits for no thread.
    /// - Complexity: constant.
    mutating func adoptCaller(_ caller: Ref<Thread>, by receiver: Ref<Thread>) {
        caller.pointee.blockedOn = receiver
        queueSoleCaller(of: receiver)
        receiver.pointee.callers.insert(caller.callerNode, key: caller.effective)
        inheritPriority(receiver)
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
        inheritPriority(running)
        core.isStale = true
    }

    /// Ends the caller's wait for its server, if it has one. The server's priority follows at once
    /// or by an update.
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

    /// Moves the `soleCaller` of a server into its queue of callers, which is empty.
    @inline(__always) func queueSoleCaller(of server: Ref<Thread>) {
        guard let caller = server.pointee.soleCaller else { return }
        server.pointee.soleCaller = nil
        server.pointee.callers.insertFirst(caller.callerNode, key: caller.effective)
    }

    /// Returns the effective priority that the inheritance invariant requires. The keys of the
    /// callers count: a caller whose own update is pending has not passed its new priority on yet.
    func inheritedPriority(_ thread: Ref<Thread>) -> UInt8 {
        let base = thread.pointee.base
        if let caller = thread.pointee.soleCaller { return max(base, caller.effective) }
        guard let first = thread.pointee.callers.first else { return base }
        return max(base, first.pointee.key)
    }

    /// Sets the priority and the payer that the invariant requires.
    @inline(__always) private mutating func inheritPriority(_ thread: Ref<Thread>) {
        thread.pointee.scheduling.effective = inheritedPriority(thread)
        if core.hasBudgets { refreshPayer(thread) }
    }

    // Updates
    //
    // The ready queue keeps the largest urgency of an update beside the threads. With one core it
    // follows at once; with several, where any core changes the updates, the scheduling loop looks
    // before it chooses.

    /// Restores the invariant after a change of the thread's base priority or callers: at once, or
    /// by a pending update.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func requestUpdate(_ thread: Ref<Thread>) {
        let priority = inheritedPriority(thread)
        let old = thread.effective
        let isPending = thread.pointee.scheduling.isPending
        if !isPending && priority == old && !(core.hasBudgets && isPayerStale(thread)) { return }
        core.isStale = true
        if thread.state == .ready {
            if priority == old { return refreshPayer(thread) }
            let home = home(of: thread)
            home.pointee.ready.remove(thread)
            inheritPriority(thread)
            return insertReady(thread, at: home)
        }
        if !thread.isQueued && !thread.isEnding {
            if isPending {
                cancelUpdate(thread)
            } else {
                inheritPriority(thread)
            }
            return tellOfChange(thread)
        }
        queueUpdate(thread, urgency: priority > old ? priority : old)
    }

    /// Makes the thread's update pending. An update that is pending already keeps the larger
    /// urgency.
    @inline(never) mutating func queueUpdate(_ thread: Ref<Thread>, urgency: UInt8) {
        core.isStale = true
        if thread.pointee.scheduling.isPending {
            if urgency <= thread.pointee.pendingUrgency { return }
            removeUpdate(thread)
        } else {
            thread.pointee.scheduling.isPending = true
        }
        thread.pointee.pendingUrgency = urgency
        insertUpdate(thread)
    }

    /// Makes the update of a blocked thread pending whose priority has not changed. An update that
    /// is pending already is at least as urgent.
    @inline(never) mutating func queueUpdate(_ thread: Ref<Thread>) {
        core.isStale = true
        if thread.pointee.scheduling.isPending { return }
        thread.pointee.scheduling.isPending = true
        thread.pointee.pendingUrgency = thread.effective
        insertUpdate(thread)
    }

    /// Inserts the update of a blocked thread after those that are as urgent.
    ///
    /// - Precondition: the thread's `pendingUrgency` is set, and its update is not queued.
    private mutating func insertUpdate(_ thread: Ref<Thread>) {
        shared.pointee.updates.append(thread, thread.pointee.pendingUrgency, atHead: false)
        if core.isShared { return }
        core.ready.raiseUpdates(to: Int(thread.pointee.pendingUrgency))
    }

    /// Removes the update of a thread.
    ///
    /// - Precondition: the update is queued.
    private mutating func removeUpdate(_ thread: Ref<Thread>) {
        shared.pointee.updates.remove(thread, thread.pointee.pendingUrgency)
        if core.isShared { return }
        core.ready.lowerUpdates(to: shared.pointee.updates.top)
    }

    /// Performs one step of a pending update: sets the thread's priority and makes one move in one
    /// queue. The last move ends the update. If the thread is ending, or its deadline has passed,
    /// the step ends its wait instead.
    ///
    /// - Precondition: the thread's update is pending.
    /// - Complexity: constant.
    @inline(never) mutating func performUpdate(_ thread: Ref<Thread>) {
        if thread.isEnding { return finish(thread) }
        if let notification = thread.postedNotification { return signal(notification, 0) }
        if thread.pointee.scheduling.isTimedOut { return end(thread, .timedOut) }
        if let server = thread.pointee.blockedOn { queueSoleCaller(of: server) }
        inheritPriority(thread)
        // After a move an interrupt comes first; the next step then goes on.
        if move(thread) && isInterrupted() { return }
        if nextMove(of: thread) == nil { endUpdate(thread) }
    }

    /// Returns the next move: of the first node whose key differs from the thread's priority.
    /// Returns nil if none differs.
    @inline(__always) private func nextMove(of thread: Ref<Thread>) -> Move? {
        let priority = thread.effective
        if thread.waitingPlace != nil && thread.waitNode.pointee.key != priority { return .wait }
        if isMislinked(thread) { return .link }
        if thread.pointee.blockedOn != nil
            && (thread.callerNode.pointee.key != priority
                || thread.pointee.passedPayer != thread.pointee.payer)
        {
            return .caller
        }
        if !thread.pointee.scheduling.hasDeadline { return nil }
        let node = thread.deadlineNode
        if !node.pointee.isQueued { return .deadlineIn }
        let isInPlace =
            node.pointee.level == DeadlineLevel.timeOut(priority)
            && Int(node.pointee.home) == thread.home
        return isInPlace ? nil : .deadlineOut
    }

    /// Makes the next move. A move among the callers makes the server's update pending.
    ///
    /// - Returns: false if no move is left.
    @inline(__always) private mutating func move(_ thread: Ref<Thread>) -> Bool {
        let priority = thread.effective
        switch nextMove(of: thread) {
        case .wait:
            switch thread.state {
            case .locking: rekeyAtMutex(thread)
            case .awaitingCore: rekeyAtCore(thread)
            default: thread.waitingPlace?.pointee.rekey(thread.waitNode, key: priority)
            }
        case .link: relink(thread)
        case .caller:
            guard let server = thread.pointee.blockedOn else { return false }
            server.pointee.callers.rekey(thread.callerNode, key: priority)
            thread.pointee.passedPayer = thread.pointee.payer
            requestUpdate(server)
        case .deadlineOut: remove(thread.deadlineNode)
        case .deadlineIn:
            let node = thread.deadlineNode
            let home = home(of: thread)
            insert(node, at: thread.dueAt, level: DeadlineLevel.timeOut(priority), in: home)
            if home != own { tellOfDeadline(node, at: home) }
        case nil: return false
        }
        return true
    }

    /// Ends the pending update of a thread whose nodes all have its priority.
    private mutating func endUpdate(_ thread: Ref<Thread>) {
        removeUpdate(thread)
        thread.pointee.scheduling.isPending = false
    }

    /// Cancels the pending update of a thread that left its queues, and sets its effective
    /// priority.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func cancelUpdate(_ thread: Ref<Thread>) {
        removeUpdate(thread)
        thread.pointee.scheduling.isPending = false
        thread.pointee.scheduling.isTimedOut = false
        inheritPriority(thread)
    }
}

/// One move of an update: a node in one queue.
private enum Move {
    /// The thread in the queue of its endpoint or notification.
    case wait
    /// The thread out of the callers of a mutex's former holder, or among those of the present one.
    case link
    /// The thread among the callers of its server.
    case caller
    /// Its deadline, out of the deadline queue.
    case deadlineOut
    /// Its deadline, back into that queue under its new level.
    case deadlineIn
}

extension Ref where Object == Thread {
    /// The thread for which this one waits: for a mutex also where it waits behind others. A thread
    /// that is blocked, and waits nowhere any more, is ending and leaves the chain.
    @inline(__always) var waitsFor: Ref<Thread>? {
        if state == .locking { return awaitedMutex?.holderThread }
        return pointee.endpoint != nil || pointee.reply != nil ? pointee.blockedOn : nil
    }

    /// Whether the thread stands in a queue by its priority, so that a change of priority takes a
    /// step.
    var isQueued: Bool { pointee.blockedOn != nil || waitingPlace != nil }

    /// The queue of the endpoint or notification where the thread waits; nil for a ready server,
    /// which stands in no queue.
    @inline(__always) fileprivate var waitingPlace: Ref<WaitQueue>? {
        if let endpoint = pointee.endpoint {
            return endpoint.pointee.readyServer == self ? nil : endpoint.waiters
        }
        return pointee.notification?.waiters
    }
}
