// The early end of a wait: time-out, suspension, cancellation, and the death of either side.
//
// A wait for a server ends in two steps. First the thread leaves the endpoint or the reply object
// where it waits, and gets its result. From then on it is *ending*: its update is pending. A step
// of that update then takes the thread out of its inheritance chain and makes it ready. If the
// thread waits for no server and no update of it is pending, its wait ends at once.

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
        unblock(thread, atHead: false)
    }

    /// Lets a thread continue that left the place of its wait and has its result. It becomes ready
    /// at once, unless it waits for a server or an update of it is pending: then a step makes it
    /// ready.
    ///
    /// - Precondition: an update that is pending is as urgent as the thread.
    /// - Complexity: constant.
    @inline(never) mutating func unblock(_ thread: Ref<Thread>, atHead: Bool) {
        if thread.pointee.blockedOn != nil || thread.pointee.scheduling.isPending {
            return queueUpdate(thread)
        }
        if thread.state != .faulted { makeReady(thread, atHead: atHead) }
    }

    /// Takes an ending thread out of its inheritance chain, and makes it ready. The update of its
    /// server becomes pending. If an interrupt is pending in between, the thread stays ending, and
    /// the next step of its update makes it ready.
    ///
    /// - Precondition: the thread's update is pending.
    /// - Complexity: constant.
    @inline(never) mutating func finish(_ thread: Ref<Thread>) {
        if thread.pointee.blockedOn != nil {
            removeCaller(thread)
            if isInterrupted() { return }
        }
        cancelUpdate(thread)
        // A faulted thread stays faulted: no handler answers its fault.
        if thread.state != .faulted { makeReady(thread) }
    }

    /// Takes a thread out of the endpoint, notification or reply object where it waits.
    @inline(never) private mutating func leave(_ thread: Ref<Thread>) {
        if let notification = thread.pointee.notification {
            if thread.state == .locking {
                leaveMutex(thread)
            } else {
                leaveQueue(of: notification, thread)
            }
            thread.pointee.notification = nil
        } else if thread.state == .receiving {
            leaveReceive(thread)
        } else if let reply = thread.pointee.reply {
            release(reply)
            if let notification = reply.pointee.source.notification {
                post(notification, reply.pointee.source.bits)
            }
        } else {
            thread.pointee.endpoint?.removeSender(thread)
        }
        endLoan(thread)
        thread.pointee.scheduling.isFaulting = false
        thread.pointee.scheduling.isTimedOut = false
    }

    /// Takes a receiver out of its endpoint, and frees the reply object that it holds.
    @inline(never) mutating func leaveReceive(_ thread: Ref<Thread>) {
        thread.pointee.endpoint?.removeReceiver(thread)
        if let reply = thread.pointee.reply { release(reply) }
    }

    /// Frees a reply object. The caller of this function ends the wait of the object's caller, if
    /// there is one.
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
    /// The zero is loaded: for a constant the compiler would emit a `memset` of nine stores, which
    /// is a loop.
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

    /// Suspends a thread in any state. A blocked operation ends with `cancelled`; a faulted thread
    /// stops when its fault is answered.
    ///
    /// - Returns: false if an interrupt is pending: call again.
    mutating func suspend(_ thread: Ref<Thread>) -> Bool {
        if thread.state == .faulted {
            thread.pointee.scheduling.isSuspended = true
            return true
        }
        return stop(thread)
    }

    /// Stops a thread: takes it out of all queues but that of the deadlines.
    ///
    /// - Returns: false if an interrupt is pending: call again.
    @inline(never) mutating func stop(_ thread: Ref<Thread>) -> Bool {
        let state = thread.state
        if thread.pointee.blockedOn != nil && !thread.isEnding {
            // If a step of its update comes first, that step stops the thread.
            thread.pointee.scheduling.isSuspended = true
            end(thread, .cancelled)
            if isInterrupted() { return false }
        }
        if thread.pointee.blockedOn != nil {
            removeCaller(thread)
            // It is still ending: if a step of its update comes first, that step stops the thread.
            if isInterrupted() { return false }
        } else if state == .ready {
            removeReady(thread)
        } else if state != .running && state != .stopped && !thread.isEnding {
            leave(thread)
            if state != .faulted && state != .awaitingCore {
                complete(thread, ResultWord(error: .cancelled))
            }
        }
        cancelDeadline(thread)
        if thread.pointee.scheduling.isPending { cancelUpdate(thread) }
        thread.pointee.scheduling.isGuarded = false
        thread.pointee.scheduling.isSuspended = false
        thread.state = .stopped
        return true
    }

    /// Resumes a stopped thread, or takes back the suspension of a faulted one.
    ///
    /// - Returns: `wrongState` if the thread is neither; else nil.
    mutating func resume(_ thread: Ref<Thread>) -> KernelError? {
        if thread.state == .faulted {
            if thread.pointee.endpoint != nil || thread.pointee.reply != nil {
                thread.pointee.scheduling.isSuspended = false
                return nil
            }
            // No handler will answer this fault: the instruction is tried again.
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
    /// Whether its wait has ended, except for the step that takes it out of its inheritance chain
    /// and makes it ready.
    @inline(__always) var isEnding: Bool {
        pointee.scheduling.isPending && pointee.endpoint == nil && pointee.reply == nil
            && pointee.notification == nil
    }
}
