// One task as the supervisor sees it.

import Interfaces
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

    /// Asks the root task about task `number`; nil when it was never started.
    init?(number: UInt64, now: UInt64, isPlanned: Bool, isFirstLook: Bool) {
        guard let policy = TaskSupervisor.policy(of: number), policy.phase != .waiting,
            let record = try? InspectionClient().task(
                UInt16(truncatingIfNeeded: number), by: .never)
        else { return nil }
        self.number = number
        name = Name(record.name.nameWords)
        let restart = RestartPolicy(
            maximumRestarts: policy.maximumRestarts, initialBackOff: policy.initialBackOff,
            maximumBackOff: policy.maximumBackOff, stableRun: policy.stableRun,
            onGiveUp: GiveUp(rawValue: policy.onGiveUp) ?? .stayDead)
        found = Sighting(
            isDead: policy.phase == .dead, isFaulted: record.state == .faulted,
            isPlanned: isPlanned || policy.progress == .underWay, isFirstLook: isFirstLook)
        state = RestartState(
            policy: restart, now: now, generation: policy.generation, found: found)
        heartbeat = Heartbeat(period: policy.heartbeat, now: now)
        processor = ProcessorWatch(
            now: now, used: Duration(ticks: record.processorTicks).milliseconds)
        takesMachine = policy.takesMachine
        // The supervisor before this one asked for its start, or the root task meanwhile.
        if found == .planned && policy.progress == .underWay { state.starting() }
    }

    /// Its number, as the root task's services take it.
    var task: UInt16 { UInt16(truncatingIfNeeded: number) }

    /// It runs anew.
    mutating func restarted(at now: UInt64) {
        heartbeat.seen(at: now)
        processor = ProcessorWatch(now: now, used: 0)
        lost = LostLines()
    }

    var isRunning: Bool {
        if case .running = state.phase { return true }
        return false
    }
}
