// What must hold of every step: a thread whose base priority alone reaches what an update carries
// goes before the update. So a thread that goes on leaves the others' updates as they are, and one
// that timed out does not wait for the line that it left. And a server performs one step before it
// takes a caller that is less urgent than an update.

import KernelABI

@testable import KernelCore

/// Under which priorities a thread stands in its queues, and whether its wait has ended.
struct Place: Equatable {
    let wait, caller: UInt8
    let deadline: UInt32?
    let isEnding: Bool

    init(_ thread: Ref<KernelThread>) {
        wait = thread.waitNode.pointee.key
        caller = thread.callerNode.pointee.key
        deadline = thread.deadlineNode.pointee.isQueued ? thread.deadlineNode.pointee.level : nil
        isEnding = thread.isEnding
    }
}

/// What the checks need to know of the priorities before a step.
struct PrioritiesBefore {
    let pending: [UInt8?]
    let effective: [UInt8]
    let places: [Place]
    let states: [RunState]
    let servers: [Ref<KernelThread>?]
    /// The endpoints at which they wait.
    let endpoints: [Ref<Endpoint>?]
    let isSliceRunning: Bool
    /// The thread whose update comes first.
    let first: Int?

    init(_ system: System) {
        let threads = system.threads.map { $0.ref }
        pending = threads.map {
            $0.pointee.scheduling.isPending ? $0.pointee.pendingUrgency : nil
        }
        effective = threads.map { $0.effective }
        states = threads.map { $0.state }
        places = threads.map { Place($0) }
        endpoints = threads.map { $0.pointee.endpoint }
        servers = threads.map { $0.pointee.blockedOn }
        first = system.index(system.machine.kernel.pointee.shared.pointee.updates.first)
        isSliceRunning = system.machine.kernel.pointee.core.sliceEnd != .never
    }
}

extension System {
    /// What is wrong with the order of updates and threads in this step; nil: nothing.
    ///
    /// - Parameter running: the thread that ran before.
    func orderViolation(
        of action: Action, _ running: Int?, after before: PrioritiesBefore
    ) -> String? {
        if case .receive(let endpoint, _, _) = action {
            return receiveViolation(machine.object(endpoints[endpoint]), before)
        }
        guard let next = runningIndex, !before.isSliceRunning else { return nil }
        let thread = threads[next].ref
        if thread.pointee.base != thread.effective { return nil }
        if next == running, isPlain(action, for: thread) {
            return goingOnViolation(thread, before)
        }
        let isWoken = action == .tick || action == .take
        if isWoken, before.pending.allSatisfy({ $0 == nil }), let server = before.servers[next] {
            return wakeViolation(thread, server, before)
        }
        return nil
    }

    /// Whether the thread cannot block by this, nor offers the processor, nor makes others more
    /// urgent than itself.
    private func isPlain(_ action: Action, for thread: Ref<KernelThread>) -> Bool {
        switch action {
        case .signal, .poll, .acknowledge, .cancelTimer: return true
        case .setPriority(_, let priority): return priority <= UInt64(thread.pointee.base)
        default: return false
        }
    }

    private func goingOnViolation(
        _ thread: Ref<KernelThread>, _ before: PrioritiesBefore
    ) -> String? {
        let highest = before.effective.max() ?? 0
        if highest > thread.pointee.base { return nil }
        for index in threads.indices {
            guard let urgency = before.pending[index], urgency <= thread.pointee.base else {
                continue
            }
            let other = threads[index].ref
            if other.state == before.states[index], !other.pointee.scheduling.isPending {
                return "t\(index)'s update goes before a thread that is as urgent by itself"
            }
        }
        return nil
    }

    private func receiveViolation(
        _ endpoint: Ref<Endpoint>, _ before: PrioritiesBefore
    ) -> String? {
        guard let first = before.first, let urgency = before.pending[first] else { return nil }
        let thread = threads[first].ref
        let isUntouched =
            thread.pointee.pendingUrgency == urgency && thread.pointee.scheduling.isPending
            && thread.effective == before.effective[first] && thread.state == before.states[first]
            && Place(thread) == before.places[first]
        if !isUntouched { return nil }
        for index in threads.indices where before.endpoints[index] == endpoint {
            let other = threads[index].ref
            let isTaken = other.pointee.endpoint == nil && other.state == .awaitingReply
            if isTaken, before.effective[index] < urgency {
                return "t\(index) is received, and a more urgent update has not moved"
            }
        }
        return nil
    }

    private func wakeViolation(
        _ thread: Ref<KernelThread>, _ server: Ref<KernelThread>, _ before: PrioritiesBefore
    ) -> String? {
        guard let place = index(server), server.isQueued,
            server.state == before.states[place],
            ResultWord(raw: thread.registers[0]).error == .timedOut,
            before.effective[place] <= thread.pointee.base
        else { return nil }
        return server.effective == before.effective[place]
            ? nil : "a thread that timed out waits for the line that it left"
    }
}
