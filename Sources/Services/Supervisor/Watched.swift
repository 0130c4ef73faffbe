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
    var processor: ProcessorWatch
    /// It has the root task's view: while it runs it has the machine for itself.
    let takesMachine: Bool
    var lost = LostLines()

    /// How this supervisor found it.
    let found: Sighting

    /// Asks the factory about task `number`; nil when it was never started.
    init?(number: UInt64, now: UInt64, isPlanned: Bool, isFirstLook: Bool) {
        let factory = Endpoint(StartSlot.factory)
        func ask(_ operation: FactoryOperation) -> RegisterMessage {
            RegisterMessage(UInt64(operation.rawValue), number)
        }
        var record = LongMessage(ask(.task))
        guard let policy = try? factory.call(ask(.policy)), policy[0] == 0,
            let phase = TaskPhase(rawValue: UInt8(truncatingIfNeeded: policy[5])),
            phase != .waiting, (try? factory.call(&record)) != nil, record[0] == 0
        else { return nil }
        self.number = number
        name = Name(record[7], record[8], record[9], record[10])
        let restart = RestartPolicy(
            maximumRestarts: UInt16(truncatingIfNeeded: policy[2]),
            initialBackOff: UInt32(truncatingIfNeeded: policy[2] >> 16),
            maximumBackOff: UInt32(truncatingIfNeeded: policy[3]),
            stableRun: UInt32(truncatingIfNeeded: policy[4]),
            onGiveUp: GiveUp(rawValue: UInt8(truncatingIfNeeded: policy[3] >> 32)) ?? .stayDead)
        found = Sighting(
            isDead: phase == .dead,
            isFaulted: record[1] >> 8 & 0xff == UInt64(ThreadState.faulted.rawValue),
            isPlanned: isPlanned || StartProgress(word: policy[7]) == .underWay,
            isFirstLook: isFirstLook)
        state = RestartState(
            policy: restart, now: now, generation: UInt32(truncatingIfNeeded: policy[5] >> 8),
            found: found)
        heartbeat = Heartbeat(period: UInt32(truncatingIfNeeded: policy[1]), now: now)
        processor = ProcessorWatch(now: now, used: Duration(ticks: record[3]).milliseconds)
        takesMachine = Privileges(raw: UInt32(truncatingIfNeeded: policy[6])).contains(.rootView)
        // The supervisor before this one asked for its start, or the root task meanwhile.
        if found == .planned && StartProgress(word: policy[7]) == .underWay { state.starting() }
    }

    /// It runs anew.
    mutating func restarted(at now: UInt64) {
        heartbeat.seen(at: now)
        processor = ProcessorWatch(now: now, used: 0)
        lost = LostLines()
    }

    /// It is dead, or waits for its restart.
    var hasEnded: Bool {
        switch state.phase {
        case .dead, .waiting: true
        case .running, .starting: false
        }
    }
    var isRunning: Bool {
        if case .running = state.phase { return true }
        return false
    }
}
