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
    let activity = try? InspectionClient().activity(without: UInt16(number - 1), by: .never)
    return activity?[0].map { ($0.state, $0.processorTicks) }
}
