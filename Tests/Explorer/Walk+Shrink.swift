// Shortens a walk that found a difference: leaves out steps as long as the last one still makes the
// difference.

import KernelABI

@testable import KernelCore

extension Walk {
    /// The shortest walk that leaving out single steps leads to, as a host test writes it.
    func shrink() -> String {
        var best = steps
        var isShorter = true
        while isShorter {
            isShorter = false
            for index in best.indices.dropLast().reversed() {
                var shorter = best
                shorter.remove(at: index)
                if let done = replay(shorter), done.count < best.count {
                    best = done
                    isShorter = true
                    break
                }
            }
        }
        return story(best) + "  // differs"
    }

    /// Steps as a host test writes them.
    func story(_ steps: [WalkStep]) -> String {
        let lines = steps.map { step in
            let hasOnePath = step.action == .tick || step.action == .interrupt
            let path = step.isFast || hasOnePath ? "" : "  // by the general path"
            return system.words(step.action, of: step.thread) + path
        }
        return ([system.setUp] + lines).joined(separator: "\n")
    }

    /// Performs steps again, as far as they can be; nil: none makes a difference.
    ///
    /// - Returns: the steps that were performed.
    private func replay(_ wanted: [WalkStep]) -> [WalkStep]? {
        begin()
        for step in wanted {
            while system.machine.isInterruptPending && step.action != .take {
                _ = compare(
                    WalkStep(action: .take, thread: system.runningIndex, isFast: true),
                    inspects: true)
                if difference != nil { return steps }
                finish(fast: true)
            }
            if step.action == .take && !system.machine.isInterruptPending {
                continue
            }
            let isRestarting = system.machine.running?.isRestarting == true
            if isRestarting != (step.action == .restart) && !step.action.isHardware { continue }
            if !step.action.isHardware && step.thread != system.runningIndex { continue }
            if step.action == .tick && !system.isTimeAwaited { continue }
            _ = compare(
                WalkStep(action: step.action, thread: system.runningIndex, isFast: step.isFast),
                inspects: true)
            if difference != nil { return steps }
            finish(fast: step.isFast)
        }
        return nil
    }
}
