// The lock of two cores. A core that passes it in the middle of its scheduling loop gets it back
// after one step of the core that waited.

import KernelABI
import TestSupport

@testable import KernelCore

/// Which steps the acting core may make.
enum Turn {
    /// The lock is free, so any.
    case any
    /// The core has waited and was granted the lock.
    case granted
    /// None: another core has the lock.
    case another
}

extension System {
    var turn: Turn {
        let others = machine.cores.indices.filter { $0 != machine.acting }
        if machine.kernel.pointee.core.isPassing {
            return machine.hardware.pointee.isGranted || others.allSatisfy(isAtRest)
                ? .granted : .another
        }
        guard let other = others.first(where: { machine.cores[$0].isPassing }) else { return .any }
        return machine.cores[other].hardware.pointee.isGranted ? .another : .granted
    }

    /// The acting core has made a step and gives up the lock. Who passed it before is the next.
    func passLock() {
        for number in machine.cores.indices {
            let core = machine.cores[number]
            core.hardware.pointee.isGranted = number != machine.acting && core.isPassing
        }
    }

    /// Whether nothing can happen on a core.
    private func isAtRest(_ number: Int) -> Bool {
        let core = machine.cores[number]
        return core.hardware.pointee.running == nil && !core.hardware.pointee.isAsked
            && !core.kernel.pointee.hardware.isInterruptPending && !core.isPassing
    }

    /// Whether the acting core may have something to do before the call of its thread.
    var hasSomethingFirst: Bool {
        let core = machine.kernel.pointee.own
        return core.pointee.isStale || machine.hardware.pointee.isAsked
            || machine.isInterruptPending || !core.pointee.answers.waiters.isEmpty
            || machine.kernel.pointee.shared.pointee.updates.top >= 0
    }

    /// How urgently a core besides the acting one would ask for the lock now; -1: none would.
    var rival: Int {
        var urgency = -1
        for number in machine.cores.indices where number != machine.acting {
            let core = machine.cores[number]
            if core.isPassing || core.hardware.pointee.running != nil {
                urgency = max(urgency, core.kernel.pointee.priority)
            }
            if core.hardware.pointee.isAsked {
                urgency = max(urgency, core.kernel.pointee.askedPriority)
            }
            if core.kernel.pointee.hardware.isTimerDue {
                urgency = max(urgency, core.kernel.pointee.duePriority)
            }
            if canInterrupt { urgency = Priorities.count }
        }
        return urgency
    }
}

extension Machine.Processor {
    var isPassing: Bool { kernel.pointee.core.isPassing }
}
