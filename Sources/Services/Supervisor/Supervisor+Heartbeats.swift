// Tasks that show no sign of life: which of them hang, and which are only kept from running.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Supervisor {
    /// The silent tasks that are to blame for it themselves. The others get their time anew.
    mutating func culprits() -> [Int] {
        // Late at this tick: had the supervisor itself been kept from running since, so had all the others.
        let silent = (0..<watched.count).filter { watched[$0].isRunning && watched[$0].heartbeat.isLate(at: lastTick) }
        if silent.isEmpty { return [] }
        let urgencies = watched.map { urgency($0.number) }
        var mostUrgent: UInt8 = 0
        for urgency in urgencies where urgency.isRunnable { mostUrgent = max(mostUrgent, urgency.priority) }
        var culprits: [Int] = []
        for index in silent {
            if urgencies[index].isToBlame(mostUrgent: mostUrgent) {
                culprits.append(index)
            } else {
                watched[index].heartbeat.seen(at: now)
            }
        }
        return culprits
    }

    private func urgency(_ number: UInt64) -> Urgency {
        let request = RegisterMessage(UInt64(FactoryOperation.task.rawValue), number)
        guard let reply = try? factory.call(request), reply[0] == 0 else {
            return Urgency(priority: 0, isRunnable: false)
        }
        var record = TaskRecord(name: [0, 0, 0, 0])
        record.setWord(1, reply[1])
        let isRunnable = record.phase == .running && (record.state == .ready || record.state == .running)
        return Urgency(priority: record.effectivePriority, isRunnable: isRunnable)
    }

    mutating func endHanging(_ index: Int) {
        var report = FaultLines(hangs: watched[index].name)
        if let place = stack(index) {
            report.add(programCounter: place.programCounter, linkRegister: place.linkRegister)
            report.add(stack: place.programCounter, place.addresses)
        }
        end(index, report)
    }
}
