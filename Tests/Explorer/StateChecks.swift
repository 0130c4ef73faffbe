// What must hold in every state, apart from the kernel's own invariants (`Kernel.inspect`): the definition of effective
// priorities, computed anew from the links between blocked threads, and that no thread waits in vain.

import Foundation
import KernelABI

@testable import KernelCore

extension System {
    /// Everything that is wrong with the present state.
    func violations() -> [String] {
        var found = machine.kernel.pointee.inspect(
            boot: machine.boot, running: machine.running, scanTables: false
        )
        .violations
        let hardware = machine.hardware.pointee
        let armed = machine.kernel.pointee.core.armed.ticks
        if hardware.deadline != armed && armed != 0 {
            found.append("the timer is set to another instant than it seems")
        }
        if let running = machine.running, hardware.translationBase != running.translationBase {
            found.append("another address space is active than the running thread's")
        }
        if hardware.isFloatingPointEnabled
            != (machine.running?.pointee.scheduling.hasFloatingPoint ?? false)
        {
            found.append("floating point is enabled for the wrong thread")
        }
        for index in threads.indices {
            checkPriority(index, &found)
            checkWait(index, &found)
        }
        return found.map(named)
    }

    /// The kernel's invariants name objects by their addresses; a reader knows them by their numbers.
    private func named(_ violation: String) -> String {
        var objects = threads.indices.map { (threads[$0].ref.bits, "t\($0)") }
        objects += endpointRefs.indices.map { (endpointRefs[$0].bits, "e\($0)") }
        objects += replyRefs.indices.map { (replyRefs[$0].bits, "r\($0)") }
        objects += notificationRefs.indices.map { (notificationRefs[$0].bits, "n\($0)") }
        return objects.reduce(violation) { text, object in
            text.replacingOccurrences(of: String(object.0, radix: 16), with: object.1)
        }
    }

    /// effective = max(base, effective of each thread that is blocked on it).
    private func checkPriority(_ index: Int, _ found: inout [String]) {
        let thread = threads[index].ref
        var expected = thread.pointee.base
        for other in threads where other.ref.pointee.blockedOn == thread {
            expected = max(expected, other.ref.effective)
        }
        if thread.effective != expected {
            found.append(
                "t\(index) has effective priority \(thread.effective) instead of \(expected)")
        }
        if thread.state == .ready, let running = machine.running, running.effective < expected {
            found.append("t\(index) is ready and more urgent than the running thread")
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
        if state == .ready || state == .running, thread.pointee.scheduling.hasDeadline {
            found.append("t\(index) does not wait, and can time out")
        }
    }

    /// Whether some thread has to perform a long call again.
    private var isSomethingUnfinished: Bool { threads.contains { $0.ref.isRestarting } }
}
