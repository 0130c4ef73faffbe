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
    pause(milliseconds: 2)
    endFor(last, milliseconds: 1000, "nest9")
}

/// Ends a task, and tells whether it stays so.
private func endFor(_ task: UInt64, milliseconds: UInt64, _ name: StaticString) {
    try? TasksClient().kill(UInt16(task), by: .never)
    pause(milliseconds: milliseconds)
    let fate: StaticString = record(task)?.phase == .dead ? "stays dead" : "came back"
    log("\(name) \(fate)")
}

/// The supervisor's processor time, in nanoseconds, while the root task starts a task.
private func costOfAStart(_ task: UInt64) -> UInt64 {
    let (tasks, number) = (TasksClient(), UInt16(task))
    try? tasks.kill(number, by: .never)
    let before = time()
    do throws(SystemError) {
        _ = try tasks.restart(number, argument: FixedString(), by: .never)
    } catch { log("a task does not start: \(error.reason)") }
    return time() - before
}
private func time() -> UInt64 {
    let supervisor: UInt64 = 2
    return Duration(ticks: record(supervisor)?.processorTicks ?? 0).nanoseconds
}

private func pause(milliseconds: UInt64) {
    Notification(StartSlot.notification).pause(until: .after(milliseconds: milliseconds))
}

private func record(_ task: UInt64) -> TaskRecord? {
    try? InspectionClient().task(UInt16(task), by: .never)
}
