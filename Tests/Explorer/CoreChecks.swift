// What must hold of several cores. In every state: whatever concerns a core, that core will act on
// it. It acts if an inter-processor interrupt is on its way to it, or if it waits for the lock to
// go on. Of every step: a core that chooses again answers all, and a move replaces an earlier one.

import KernelABI

@testable import KernelCore

extension System {
    func checkCores(_ found: inout [String]) {
        let acting = machine.acting
        for number in machine.cores.indices {
            machine.turn(to: number)
            if !willAct { checkUntold("core \(number)", &found) }
            checkUnfinished("core \(number)", &found)
            let core = machine.kernel.pointee.own
            if let first = core.pointee.answers.waiters.first,
                core.pointee.asked < first.pointee.key
            {
                found.append("core \(number) is asked less urgently than what waits for its answer")
            }
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
        for index in threads.indices where threads[index].ref.isRestarting {
            if !calls[index].contains(threads[index].ref.registers[0]) {
                found.append("t\(index) is to perform a call again that it has not made")
            }
        }
        if plan.hasSpace, isArenaFree {
            for (number, core) in machine.cores.enumerated()
            where core.hardware.pointee.translationBase == spaceBase {
                found.append("core \(number) uses an address space that is gone")
            }
        }
    }

    /// Whether the memory of what may be destroyed is free again.
    var isArenaFree: Bool {
        let region: Ref<Untyped> = machine.object(arena)
        return region.pointee.low == 0
    }

    /// What is wrong with a step of the acting core; nil: nothing.
    ///
    /// - Parameter isUndisturbed: nothing came between the core's own doings.
    func coreViolation(
        of action: Action, after before: Before, isUndisturbed: Bool
    ) -> String? {
        let core = machine.kernel.pointee.own
        if core.pointee.isPassing || !isUndisturbed { return nil }
        if action == .request, !core.pointee.answers.waiters.isEmpty {
            return "core \(machine.acting) has chosen again, and not all have their answers"
        }
        guard let index = before.running else { return nil }
        let caller = threads[index].ref
        if let target = action.target, let home = coreThatRuns(target) {
            let core = machine.cores[home]
            if isRequested(threads[target].ref), !core.hardware.pointee.isAsked, !core.isPassing {
                return "core \(home) is not told of the request to t\(target)"
            }
        }
        if caller.isRestarting || caller.state == .awaitingCore { return nil }
        if case .setCore(let thread, let number) = action,
            ResultWord(raw: caller.registers[0]).error == nil,
            Int(threads[thread].ref.pointee.destination) != number
        {
            return "t\(thread) does not move to where it was told to"
        }
        if action == .yield, let running = machine.running,
            threads.contains(where: {
                $0.ref.state == .ready && $0.ref.home == machine.acting
                    && $0.ref.effective > running.effective
            })
        {
            return "after a yield a thread runs that is not the most urgent"
        }
        return nil
    }

    /// Whether the acting core will take the lock and choose again.
    private var willAct: Bool {
        machine.hardware.pointee.isAsked || machine.kernel.pointee.core.isPassing
    }

    /// Whether the thread is to stop or to move.
    private func isRequested(_ thread: Ref<KernelThread>) -> Bool {
        thread.pointee.scheduling.isSuspended || Int(thread.pointee.destination) != thread.home
    }

    /// The core besides the acting one that executes a thread; nil: none does.
    private func coreThatRuns(_ thread: Int) -> Int? {
        let ref = threads[thread].ref
        return ref.state == .running && ref.home != machine.acting ? ref.home : nil
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
            let hasEqual = core.pointee.ready.top == Int(running.effective)
            if running.pointee.slice != 0, hasEqual, core.pointee.sliceEnd == .never {
                found.append("\(name)'s thread has an equal, and its slice does not run")
            }
            // If the thread was preempted or blocked before the core answered, who asked will ask
            // again.
            if isRequested(running), !isSomethingUnfinished {
                found.append("\(name) does not know of the request to its thread")
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

extension Action {
    /// The thread that it stops or moves.
    fileprivate var target: Int? {
        switch self {
        case .suspend(let thread), .setCore(let thread, _): thread
        default: nil
        }
    }
}
