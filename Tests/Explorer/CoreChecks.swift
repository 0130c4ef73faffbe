// What must hold in every state of several cores: whatever concerns a core, that core will act on
// it. It acts if an inter-processor interrupt is on its way to it, or if it waits for the lock to
// go on.

import KernelABI

@testable import KernelCore

extension System {
    func checkCores(_ found: inout [String]) {
        let acting = machine.acting
        for number in machine.cores.indices {
            machine.turn(to: number)
            if !willAct { checkUntold("core \(number)", &found) }
            checkUnfinished("core \(number)", &found)
        }
        machine.turn(to: acting)
        let answers = machine.cores.map { $0.kernel.pointee.own.answers }
        for index in threads.indices {
            let thread = threads[index].ref
            if thread.state != .awaitingCore || thread.isEnding { continue }
            if !answers.contains(where: { $0 == thread.pointee.notification }) {
                found.append("t\(index) waits for a core, and for none's answer")
            }
        }
    }

    /// Whether the acting core will take the lock and choose again.
    private var willAct: Bool {
        machine.hardware.pointee.isAsked || machine.kernel.pointee.core.isPassing
    }

    /// What would be wrong if the acting core went on as it is.
    private func checkUntold(_ name: String, _ found: inout [String]) {
        let core = machine.kernel.pointee.own
        if core.pointee.asked >= 0 { found.append("\(name) is asked, and is not interrupted") }
        if !core.pointee.answers.waiters.isEmpty {
            found.append("a thread waits for an answer that \(name) will not give")
        }
        if core.pointee.mustReload { found.append("\(name) keeps what its thread has lost") }
        if let running = machine.running {
            if running.pointee.scheduling.isSuspended {
                found.append("\(name) does not know that its thread is to stop")
            }
            // If the thread blocked before the core answered, who asked will ask again.
            if Int(running.pointee.destination) != running.home, !isSomethingUnfinished {
                found.append("\(name) does not know that its thread is to move")
            }
        }
        if machine.hardware.pointee.deadline > latestInterrupt {
            found.append("\(name)'s timer interrupts too late")
        }
        let priority = machine.running.map { Int($0.effective) } ?? -1
        for index in threads.indices {
            let thread = threads[index].ref
            if thread.state == .ready, thread.home == machine.acting,
                Int(thread.effective) > priority
            {
                found.append("t\(index) is ready and more urgent than what \(name) runs")
            }
        }
    }

    /// A priority that lags on the acting core, of what runs or of what is ready, is that of a
    /// pending update.
    private func checkUnfinished(_ name: String, _ found: inout [String]) {
        let urgency = Int(machine.kernel.pointee.shared.pointee.updates.top)
        for index in threads.indices where threads[index].ref.home == machine.acting {
            let thread = threads[index].ref
            let final = finalPriority(thread)
            let isUp = thread.state == .running || thread.state == .ready
            if urgency < 0 || isUp, thread.effective != final,
                urgency < Int(max(final, thread.effective))
            {
                found.append(
                    "t\(index) on \(name) has \(thread.effective), the links give \(final)")
            }
        }
    }
}
