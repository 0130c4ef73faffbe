// Ends the device manager between two pieces of the boot options: when it has answered the first
// request, which is the shell's, and before it answers the last.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

func killTheDeviceManager() -> Never {
    // The number of the device manager in the manifest's order, from 1 on.
    let number: UInt64 = 4
    var atRest: UInt64?
    while true {
        sleep(until: .now + .microseconds(2))
        guard let (state, ticks) = activity(number) else { continue }
        if let atRest, ticks > atRest { break }
        if state == .receiving { atRest = ticks }
    }
    try? SupervisorClient(Endpoint(StartSlot.supervisor)).crash(task: number)
    rest()
}

/// The state of a task's thread, and its processor time in ticks.
private func activity(_ number: UInt64) -> (ThreadState, UInt64)? {
    // Words 2 and 3 are the first task's.
    let request = RegisterMessage(UInt64(FactoryOperation.activity.rawValue), number - 1)
    guard let reply = try? Endpoint(StartSlot.factory).call(request), reply[0] == 0, reply[1] > 0
    else { return nil }
    var record = TaskRecord(name: [0, 0, 0, 0])
    record.setWord(1, reply[ActivityRecord.start])
    return (record.state, reply[ActivityRecord.start + 1])
}
