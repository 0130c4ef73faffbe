// What must hold in every state, apart from the kernel's own invariants (`Kernel.inspect`): the
// definition of effective priorities, computed anew from the links between blocked threads, and
// that no thread waits in vain.

import Foundation
import KernelABI

@testable import KernelCore

extension System {
    /// Everything that is wrong with the present state.
    func violations() -> [String] {
        var found = machine.kernel.pointee.inspect(
            boot: machine.boot, running: machine.allRunning, scanTables: false
        )
        .violations
        let acting = machine.acting
        for number in machine.cores.indices {
            machine.turn(to: number)
            checkHardware(&found)
        }
        machine.turn(to: acting)
        for index in threads.indices {
            checkPriority(index, &found)
            checkWait(index, &found)
        }
        if plan.cores == 1 { checkOrder(&found) } else { checkCores(&found) }
        if !plan.budgets.isEmpty { checkBudgets(&found) }
        return found.map(named)
    }

    /// The acting core's hardware is set as the kernel thinks, and as the running thread needs it.
    private func checkHardware(_ found: inout [String]) {
        let hardware = machine.hardware.pointee
        let core = machine.kernel.pointee.own
        if hardware.deadline != core.pointee.armed.ticks && core.pointee.armed.ticks != 0 {
            found.append("the timer is set to another instant than it seems")
        }
        if core.pointee.isPassing || core.pointee.mustReload { return }
        if let running = machine.running, hardware.translationBase != running.translationBase {
            found.append("another address space is active than the running thread's")
        }
        if hardware.isFloatingPointEnabled
            != (machine.running?.pointee.scheduling.usesFloatingPoint ?? false)
        {
            found.append("floating point is enabled for the wrong thread")
        }
    }

    /// The kernel's invariants name objects by their addresses; a reader knows them by
    /// their numbers.
    private func named(_ violation: String) -> String {
        var objects = threads.indices.map { (threads[$0].ref.bits, "t\($0)") }
        objects += endpointRefs.indices.map { (endpointRefs[$0].bits, "e\($0)") }
        objects += replyRefs.indices.map { (replyRefs[$0].bits, "r\($0)") }
        objects += notificationRefs.indices.map { (notificationRefs[$0].bits, "n\($0)") }
        objects += budgetRefs.indices.map { (budgetRefs[$0].bits, "b\($0)") }
        return objects.reduce(violation) { text, object in
            text.replacingOccurrences(of: String(object.0, radix: 16), with: object.1)
        }
    }

    /// effective = max(base, what each thread that is blocked on it has passed on), or an update is
    /// pending that carries both the old priority and the new one.
    private func checkPriority(_ index: Int, _ found: inout [String]) {
        let thread = threads[index].ref
        var expected = thread.pointee.base
        for other in threads where other.ref.pointee.blockedOn == thread {
            expected = max(expected, passedOn(other.ref, to: thread))
        }
        if thread.pointee.scheduling.isTimedOut, !thread.pointee.scheduling.isPending {
            found.append("t\(index)'s time-out has come, and no step will end its wait")
        }
        if thread.pointee.scheduling.isPending {
            if thread.pointee.pendingUrgency < max(expected, thread.effective) {
                found.append(
                    "t\(index)'s update carries \(thread.pointee.pendingUrgency): it has "
                        + "\(thread.effective), and is to get \(expected)")
            }
        } else if thread.effective != expected {
            found.append(
                "t\(index) has effective priority \(thread.effective) instead of \(expected)")
        }
    }

    /// A caller's effective priority; while its own update is pending, what the server knows of it.
    private func passedOn(_ caller: Ref<KernelThread>, to server: Ref<KernelThread>) -> UInt8 {
        let lags = caller.pointee.scheduling.isPending && server.pointee.soleCaller != caller
        return lags ? caller.callerNode.pointee.key : caller.effective
    }

    /// The largest base priority of the thread and of all that wait for it, however indirectly:
    /// what the links alone give.
    ///
    /// The link of a thread whose wait has ended goes with its next step. Until then it may close a
    /// circle: the new holder of a mutex is still linked to the former one, which waits for it.
    func finalPriority(_ thread: Ref<KernelThread>) -> UInt8 {
        var priority = thread.pointee.base
        for other in threads.map({ $0.ref }) where other.pointee.blockedOn == thread {
            priority = max(priority, other.isEnding ? other.effective : finalPriority(other))
        }
        return priority
    }

    /// What runs goes before all that waits for the processor, and has the priority that it ends up
    /// with: nobody runs on a priority that lags, nor before one whose lags.
    private func checkOrder(_ found: inout [String]) {
        let pending = threads.indices.filter { threads[$0].ref.pointee.scheduling.isPending }
        let ready = threads.indices.filter { threads[$0].ref.state == .ready }
        for index in threads.indices where pending.isEmpty {
            let (present, final) = (threads[index].ref.effective, finalPriority(threads[index].ref))
            if present != final {
                found.append("t\(index) has priority \(present), the links give \(final)")
            }
        }
        guard let running = machine.running else {
            for index in pending { found.append("idle, and t\(index)'s update is pending") }
            for index in ready { found.append("idle, and t\(index) is ready") }
            return
        }
        let priority = running.effective
        if priority != finalPriority(running) {
            found.append("a thread runs whose priority lags")
        }
        for index in ready {
            if max(threads[index].ref.effective, finalPriority(threads[index].ref)) > priority {
                found.append("t\(index) is ready and more urgent than the running thread")
            }
        }
        if !isGuardedEnough {
            found.append("the running thread's calls do not look at what they must")
        }
        for index in pending {
            let urgency = threads[index].ref.pointee.pendingUrgency
            if urgency > priority || (urgency == priority && running.pointee.base < priority) {
                found.append("t\(index)'s update goes before the running thread")
            }
        }
    }

    private func checkWait(_ index: Int, _ found: inout [String]) {
        let thread = threads[index].ref
        let state = thread.state
        let isQueued = state == .calling || state == .sending
        if isQueued, let endpoint = thread.pointee.endpoint, endpoint.pointee.isClosed,
            !isSomethingUnfinished
        {
            found.append("t\(index) waits at a closed endpoint")
        }
        if state == .receiving || isQueued, let endpoint = thread.pointee.endpoint {
            if endpoint.pointee.header.firstCapability == nil {
                found.append("t\(index) waits at an endpoint without a capability")
            }
        }
        if state == .receiving || state == .awaitingReply, let reply = thread.pointee.reply {
            if reply.pointee.header.firstCapability == nil {
                found.append("t\(index) waits with a reply without a capability")
            }
        }
        let isUp = state == .ready || state == .running || state == .stopped
        if isUp, thread.pointee.scheduling.hasDeadline {
            found.append("t\(index) does not wait, and can time out")
        }
    }

    /// Whether some thread has to perform a long call again.
    var isSomethingUnfinished: Bool { threads.contains { $0.ref.isRestarting } }
}
