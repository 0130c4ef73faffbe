// Ends other tasks behind the supervisor's back, and looks what the supervisor makes of it.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

func endOthers() {
    guard let twin = number(of: Name("twin")), let first = number(of: Name(nest, 0, 0, 0))
    else { return log("there is no twin, or no nest") }
    // One of its signs of life passes between the two.
    log("the undertaker is at work")
    pause(milliseconds: 20)
    let alone = costOfAStart(twin)
    for task in first..<(first + 8) { try? supervisor.kill(task: task) }
    let besides = costOfAStart(twin)
    log(
        besides < alone + 1_000
            ? "a start costs the supervisor as much beside eight dead tasks"
            : "a start costs the supervisor \(besides) instead of \(alone) nanoseconds")
    endFor(twin, milliseconds: 1000, "twin")
    // Its load takes milliseconds, and begins one after the crash.
    let last = first + 8
    try? supervisor.crash(task: last)
    pause(milliseconds: 3)
    endFor(last, milliseconds: 1000, "nest9")
}

/// Ends a task, and tells whether it stays so.
private func endFor(_ task: UInt64, milliseconds: UInt64, _ name: StaticString) {
    ask(.kill, task)
    pause(milliseconds: milliseconds)
    let fate: StaticString = record(task)?.phase == .dead ? "stays dead" : "came back"
    log("\(name) \(fate)")
}

/// The supervisor's processor time, in nanoseconds, while the root task starts a task.
private func costOfAStart(_ task: UInt64) -> UInt64 {
    ask(.kill, task)
    let before = time()
    ask(.restart, task)
    return time() - before
}
private func time() -> UInt64 {
    let supervisor: UInt64 = 2
    return Duration(ticks: record(supervisor)?.processorTicks ?? 0).nanoseconds
}

private func pause(milliseconds: UInt64) {
    Notification(StartSlot.notification).pause(until: .after(milliseconds: milliseconds))
}

private func ask(_ operation: FactoryOperation, _ task: UInt64) {
    _ = try? Endpoint(StartSlot.factory).call(
        RegisterMessage(UInt64(operation.rawValue), task))
}

private func record(_ task: UInt64) -> TaskRecord? {
    var message = LongMessage(RegisterMessage(UInt64(FactoryOperation.task.rawValue), task))
    guard (try? Endpoint(StartSlot.factory).call(&message)) != nil, message[0] == 0 else {
        return nil
    }
    var record = TaskRecord(name: [0, 0, 0, 0])
    for index in 1..<TaskRecord.words { record.setWord(index, message[index]) }
    return record
}
