// Ending a wait early: time-out, suspension, cancellation, and the death of either side.
//
// A wait for a server ends in two steps. First the thread leaves the endpoint or the reply object where
// it waits, and gets its result: from then on it is *ending*. A pending update takes it out of its
// inheritance chain and makes it ready. A wait for no server ends at once.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Ends a thread's wait with an error.
    ///
    /// - Precondition: the thread waits, and is not ending.
    /// - Complexity: constant.
    @inline(never) mutating func end(_ thread: Ref<Thread>, _ error: KernelError) {
        leave(thread)
        if thread.state != .faulted { complete(thread, ResultWord(error: error)) }
        unblock(thread)
    }

    /// Lets a thread go on that has left where it waited, and has its result: at once where it waits for no server and no
    /// update of it is pending, else by a step.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func unblock(_ thread: Ref<Thread>, atHead: Bool = false) {
        if thread.pointee.blockedOn != nil || thread.pointee.scheduling.isPending {
            return queueUpdate(thread, urgency: thread.effective)
        }
        if thread.state != .faulted { makeReady(thread, atHead: atHead) }
    }

    /// Takes an ending thread out of its inheritance chain, and lets it run.
    ///
    /// - Complexity: constant; the update of the next link is left behind.
    ///
    /// - Precondition: its update is pending.
    @inline(never) mutating func finish(_ thread: Ref<Thread>) {
        removeCaller(thread)
        cancelUpdate(thread)
        // A faulted thread stays faulted: no handler answers for its fault.
        if thread.state != .faulted { makeReady(thread) }
    }

    /// Takes a thread out of the endpoint, notification or reply object where it waits.
    @inline(never) private mutating func leave(_ thread: Ref<Thread>) {
        if let notification = thread.pointee.notification {
            notification.pointee.waiters.remove(thread.waitNode)
            thread.pointee.notification = nil
        } else if thread.state == .receiving {
            leaveReceive(thread)
        } else if let reply = thread.pointee.reply {
            release(reply)
        } else {
            thread.pointee.endpoint?.removeSender(thread)
        }
        endLoan(thread)
        thread.pointee.scheduling.isFaulting = false
        thread.pointee.scheduling.isTimedOut = false
    }

    /// Takes a receiver out of its endpoint's queue; the reply object that it holds ready is free again.
    @inline(never) mutating func leaveReceive(_ thread: Ref<Thread>) {
        thread.pointee.endpoint?.removeReceiver(thread)
        if let reply = thread.pointee.reply { release(reply) }
    }

    /// Makes a reply object free again. The wait of its caller, if there is one, is for the caller of this function to end.
    func release(_ reply: Ref<Reply>) {
        if let thread = reply.pointee.caller { thread.pointee.reply = nil }
        if let holder = reply.pointee.holder, holder.pointee.reply == reply {
            holder.pointee.reply = nil
        }
        reply.pointee.caller = nil
        reply.pointee.holder = nil
    }

    /// Sets the results of a system call that carries no message.
    ///
    /// The zero is loaded, not a constant: the compiler would make one `memset` of nine stores, which is a loop.
    @inline(__always) func complete(
        _ thread: Ref<Thread>, _ result: ResultWord, _ value: UInt64 = 0
    ) {
        let zero = thread.pointee.zeros.0
        thread.pointee.context.x.0 = result.raw
        thread.pointee.context.x.1 = value
        thread.pointee.context.x.2 = zero
        thread.pointee.context.x.3 = zero
        thread.pointee.context.x.4 = zero
        thread.pointee.context.x.5 = zero
        thread.pointee.context.x.6 = zero
        thread.pointee.context.x.7 = zero
        thread.pointee.context.x.8 = zero
        thread.pointee.context.x.9 = zero
        thread.pointee.context.x.10 = zero
    }

    /// Stops a thread, wherever it is. A blocked operation ends with `cancelled`.
    ///
    /// - Returns: false where an interrupt came between: call again.
    mutating func suspend(_ thread: Ref<Thread>) -> Bool {
        if thread.state == .faulted {
            thread.pointee.scheduling.isSuspended = true
            return true
        }
        return stop(thread)
    }

    /// Takes a thread out of all queues, and stops it.
    ///
    /// - Returns: false where an interrupt came between: call again.
    @inline(never) mutating func stop(_ thread: Ref<Thread>) -> Bool {
        let state = thread.state
        if thread.pointee.blockedOn != nil && !thread.isEnding {
            // Where its step comes first, it stops the thread.
            thread.pointee.scheduling.isSuspended = true
            end(thread, .cancelled)
            if isInterrupted() { return false }
        }
        if thread.pointee.blockedOn != nil {
            removeCaller(thread)
        } else if state == .ready {
            core.ready.remove(thread)
        } else if state != .running && state != .stopped && !thread.isEnding {
            leave(thread)
            if state != .faulted { complete(thread, ResultWord(error: .cancelled)) }
        }
        cancelDeadline(thread)
        if thread.pointee.scheduling.isPending { cancelUpdate(thread) }
        thread.pointee.scheduling.isGuarded = false
        thread.pointee.scheduling.isSuspended = false
        thread.state = .stopped
        return true
    }

    /// Lets a stopped thread run.
    mutating func resume(_ thread: Ref<Thread>) -> KernelError? {
        if thread.state == .faulted {
            if thread.pointee.endpoint != nil || thread.pointee.reply != nil {
                thread.pointee.scheduling.isSuspended = false
                return nil
            }
            // A fault that nobody answers any more; the instruction is tried again.
            thread.pointee.scheduling.isFaulting = false
        } else if thread.state != .stopped {
            return .wrongState
        }
        thread.pointee.scheduling.isSuspended = false
        insertReady(thread)
        return nil
    }
}

extension Ref where Object == Thread {
    /// Has its wait ended, but for the step that takes it out of its inheritance chain and lets it run?
    @inline(__always) var isEnding: Bool {
        pointee.scheduling.isPending && pointee.endpoint == nil && pointee.reply == nil
            && pointee.notification == nil
    }
}
