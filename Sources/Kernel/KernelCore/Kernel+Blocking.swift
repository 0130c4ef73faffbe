// Ending a wait early: time-out, suspension, cancellation, and the death of either side.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Takes a thread out of whatever it waits for. It is in no queue then, waits for nobody, and its state is `stopped`.
    ///
    /// - Complexity: constant; the update of the next link is left behind.
    @inline(never) mutating func withdraw(_ thread: Ref<Thread>) {
        leaveWait(thread)
        cancelDeadline(thread)
        if thread.pointee.scheduling.isPending { cancelUpdate(thread) }
    }

    /// The same, but for its deadline and its pending update: `makeReady` ends those.
    @inline(__always) private mutating func leaveWait(_ thread: Ref<Thread>) {
        let state = thread.state
        if state == .ready {
            core.ready.remove(thread)
        } else if state == .receiving {
            leaveReceive(thread)
        } else if let notification = thread.pointee.notification {
            notification.pointee.waiters.remove(thread.waitNode)
            thread.pointee.notification = nil
        } else {
            if let endpoint = thread.pointee.endpoint {
                endpoint.remove(thread)
            } else if let reply = thread.pointee.reply {
                release(reply)
            }
            removeCaller(thread)
        }
        endLoan(thread)
        thread.pointee.scheduling.isFaulting = false
        thread.pointee.scheduling.isGuarded = false
        thread.state = .stopped
    }

    /// Takes a receiver out of its endpoint's queue; the reply object that it holds ready is free again.
    @inline(never) mutating func leaveReceive(_ thread: Ref<Thread>) {
        thread.pointee.endpoint?.remove(thread)
        if let reply = thread.pointee.reply { release(reply) }
    }

    /// Make a reply object free again. Its caller, if there is one, must be taken care of by the caller of this function.
    func release(_ reply: Ref<Reply>) {
        if let thread = reply.pointee.caller { thread.pointee.reply = nil }
        if let holder = reply.pointee.holder, holder.pointee.reply == reply { holder.pointee.reply = nil }
        reply.pointee.caller = nil
        reply.pointee.holder = nil
    }

    /// End a thread's wait with an error, and let it run. A faulted thread stays stopped: nobody answers for its fault.
    @inline(never) mutating func abort(_ thread: Ref<Thread>, _ error: KernelError) {
        let isFaulted = thread.pointee.scheduling.isFaulting
        leaveWait(thread)
        if isFaulted {
            // A fault has no deadline.
            if thread.pointee.scheduling.isPending { cancelUpdate(thread) }
            thread.state = .faulted
            return
        }
        complete(thread, ResultWord(error: error))
        makeReady(thread)
    }

    /// Set the results of a system call that carries no message.
    ///
    /// The zero is loaded, not a constant: the compiler would make one `memset` of nine stores, which is a loop.
    @inline(__always) func complete(_ thread: Ref<Thread>, _ result: ResultWord, _ value: UInt64 = 0) {
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

    /// Stop a thread, wherever it is. A blocked operation ends with `cancelled`.
    mutating func suspend(_ thread: Ref<Thread>) {
        let state = thread.state
        if state == .stopped { return }
        if state == .faulted {
            thread.pointee.scheduling.isSuspended = true
            return
        }
        let wasWaiting = state != .ready && state != .running
        withdraw(thread)
        if wasWaiting { complete(thread, ResultWord(error: .cancelled)) }
    }

    /// Let a stopped thread run.
    mutating func resume(_ thread: Ref<Thread>) -> KernelError? {
        if thread.state == .faulted {
            // A fault that nobody answers any more; the instruction is tried again.
            if thread.pointee.endpoint != nil || thread.pointee.reply != nil {
                thread.pointee.scheduling.isSuspended = false
                return nil
            }
            thread.pointee.scheduling.isFaulting = false
        } else if thread.state != .stopped {
            return .wrongState
        }
        thread.pointee.scheduling.isSuspended = false
        insertReady(thread)
        return nil
    }
}
