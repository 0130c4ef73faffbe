// Priority inheritance: effective = max(base, effective of every thread that waits for this one).
//
// A caller is blocked on the endpoint's server while it is queued, and on the holder of the reply object after it was
// received. The edges form a forest, since every thread waits for one other at most and a call that would close a cycle is
// refused. A change travels along one path towards the thread that can run, and stops where a maximum did not change.
//
// Bound: a path has at most `Limits.chain` edges. `depth` of a thread is the most threads that stood in line above it since
// it last had no caller at all; a call is refused when depth and the path below it exceed the limit. The depth may be
// larger than the line that stands there now, never smaller, so the limit always holds; and a system whose possible calls
// form no cycle and respect the limit never meets a refusal: each depth is then at most the longest path of possible calls.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// May `caller` come to wait for `server`? Nothing changes.
    ///
    /// - Complexity: `Limits.chain` steps.
    func checkChain(_ caller: Ref<Thread>, _ server: Ref<Thread>) -> KernelError? {
        var depth = caller.pointee.scheduling.depth
        var at = server
        // Bounded by the chain limit: each step adds 1 to depth.
        var rounds = LoopBound(Limits.chain)
        while true {
            rounds.count()
            if at == caller { return .deadlock }
            depth = depth &+ 1
            if depth >= Limits.chain { return .chainTooLong }
            guard let next = at.pointee.blockedOn else { return nil }
            at = next
        }
    }

    /// Let `caller` wait for `server`.
    ///
    /// - Precondition: `checkChain` found nothing, and the caller waits for nobody.
    @inline(never) mutating func addCaller(_ caller: Ref<Thread>, to server: Ref<Thread>) {
        caller.pointee.blockedOn = server
        if let endpoint = server.pointee.endpoint, endpoint.pointee.readyServer == server { queueReadyServer(endpoint) }
        settleCaller(of: server)
        server.pointee.callers.insert(caller.callerNode, key: UInt64(caller.effective))
        var depth = caller.pointee.scheduling.depth
        var at: Ref<Thread>? = server
        var rounds = LoopBound(Limits.chain)
        while let thread = at {
            rounds.count()
            depth = depth &+ 1
            if thread.pointee.scheduling.depth >= depth { break }
            thread.pointee.scheduling.depth = depth
            at = thread.pointee.blockedOn
        }
        updateEffective(server)
    }

    /// `caller` waits no longer.
    @inline(never) mutating func removeCaller(_ caller: Ref<Thread>) {
        guard let server = caller.pointee.blockedOn else { return }
        caller.pointee.blockedOn = nil
        if server.pointee.soleCaller == caller {
            server.pointee.soleCaller = nil
        } else {
            server.pointee.callers.remove(caller.callerNode)
        }
        if !server.hasCallers { server.pointee.scheduling.depth = 0 }
        updateEffective(server)
    }

    /// Put the caller that the fast path brought among the others.
    func settleCaller(of server: Ref<Thread>) {
        guard let caller = server.pointee.soleCaller else { return }
        server.pointee.soleCaller = nil
        server.pointee.callers.insert(caller.callerNode, key: UInt64(caller.effective))
    }

    /// What the invariant says a thread's effective priority is.
    func inheritedPriority(_ thread: Ref<Thread>) -> UInt8 {
        var priority = thread.pointee.base
        if let caller = thread.firstCaller, caller.effective > priority { priority = caller.effective }
        return priority
    }

    /// Restore the invariant for a thread whose base priority or callers changed, and for those that it waits for.
    ///
    /// - Complexity: `Limits.chain` steps of O(log n).
    @inline(never) mutating func updateEffective(_ start: Ref<Thread>) {
        var at: Ref<Thread>? = start
        var rounds = LoopBound(Limits.chain)
        while let thread = at {
            rounds.count()
            let priority = inheritedPriority(thread)
            if priority == thread.effective { return }
            requeue(thread, priority)
            at = thread.pointee.blockedOn
            if let server = at, server.pointee.soleCaller != thread {
                server.pointee.callers.rekey(thread.callerNode, key: UInt64(priority))
            }
        }
    }

    /// Change the effective priority of one thread, and its place wherever it is queued.
    private mutating func requeue(_ thread: Ref<Thread>, _ priority: UInt8) {
        let state = thread.state
        if state == .ready {
            core.ready.remove(thread)
            thread.pointee.scheduling.effective = priority
            insertReady(thread)
            return
        }
        core.isStale = true
        thread.pointee.scheduling.effective = priority
        if thread.pointee.scheduling.hasDeadline { core.deadlines.setUrgency(thread.deadlineNode, priority) }
        if let endpoint = thread.pointee.endpoint {
            if endpoint.pointee.readyServer != thread {
                endpoint.pointee.waiters.rekey(thread.waitNode, key: UInt64(priority))
            }
        } else if let notification = thread.pointee.notification {
            notification.pointee.waiters.rekey(thread.waitNode, key: UInt64(priority))
        }
    }
}
