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

    /// Asks the factory about task `number`; nil when it does not run.
    init?(number: UInt64, now: UInt64) {
        let factory = Endpoint(StartSlot.factory)
        guard let policy = try? factory.call(RegisterMessage(UInt64(FactoryOperation.policy.rawValue), number)),
            policy[0] == 0, UInt8(truncatingIfNeeded: policy[5]) == TaskPhase.running.rawValue,
            let record = try? factory.call(RegisterMessage(UInt64(FactoryOperation.task.rawValue), number)),
            record[0] == 0
        else { return nil }
        self.number = number
        name = Name(record.word(7), record.word(8), record.word(9), record.word(10))
        let restart = RestartPolicy(
            maximumRestarts: UInt16(truncatingIfNeeded: policy[2]),
            initialBackOff: UInt32(truncatingIfNeeded: policy[2] >> 16),
            maximumBackOff: UInt32(truncatingIfNeeded: policy[3]), stableRun: UInt32(truncatingIfNeeded: policy[4]))
        state = RestartState(policy: restart, now: now)
        heartbeat = Heartbeat(period: UInt32(truncatingIfNeeded: policy[1]), now: now)
    }

    var isRunning: Bool {
        if case .running = state.phase { return true }
        return false
    }
}

/// What a fault was, in words.
func describe(_ kind: UInt64) -> StaticString {
    switch FaultKind(rawValue: UInt8(truncatingIfNeeded: kind)) {
    case .pageRead: "read of memory that is not its own"
    case .pageWrite: "write to memory that is not its own"
    case .pageExecute: "jump to memory that is not its code"
    case .alignment: "unaligned access"
    case .illegalInstruction: "illegal instruction"
    case .breakpoint: "breakpoint or failed check"
    case .unknownSystemCall: "unknown system call"
    case .noFloatingPoint: "floating point without an IPC buffer"
    case .other, nil: "unexpected exception"
    }
}
