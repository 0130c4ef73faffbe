// One task as the supervisor sees it.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

struct Watched {
    let number: UInt64
    let name: Name
    var state: RestartState
    var heartbeat: Heartbeat

    /// It stood in a fault that nobody handles any more when this supervisor started.
    let wasFaulted: Bool

    /// Asks the factory about task `number`; nil when it was never started.
    init?(number: UInt64, now: UInt64, isPlanned: Bool) {
        let factory = Endpoint(StartSlot.factory)
        guard let policy = try? factory.call(RegisterMessage(UInt64(FactoryOperation.policy.rawValue), number)),
            policy[0] == 0, let phase = TaskPhase(rawValue: UInt8(truncatingIfNeeded: policy[5])),
            phase != .waiting,
            let record = try? factory.call(RegisterMessage(UInt64(FactoryOperation.task.rawValue), number)),
            record[0] == 0
        else { return nil }
        self.number = number
        name = Name(record.word(7), record.word(8), record.word(9), record.word(10))
        let restart = RestartPolicy(
            maximumRestarts: UInt16(truncatingIfNeeded: policy[2]),
            initialBackOff: UInt32(truncatingIfNeeded: policy[2] >> 16),
            maximumBackOff: UInt32(truncatingIfNeeded: policy[3]), stableRun: UInt32(truncatingIfNeeded: policy[4]))
        state = RestartState(policy: restart, now: now, generation: UInt32(truncatingIfNeeded: policy[5] >> 8))
        heartbeat = Heartbeat(period: UInt32(truncatingIfNeeded: policy[1]), now: now)
        wasFaulted = phase == .running && record[1] >> 8 & 0xff == UInt64(ThreadState.faulted.rawValue)
        if phase == .dead && isPlanned {
            // All deaths before this supervisor's own count as one.
            _ = state.died(at: now)
        } else if phase == .dead {
            state.stopped()
        }
    }

    var isRunning: Bool {
        if case .running = state.phase { return true }
        return false
    }
}
