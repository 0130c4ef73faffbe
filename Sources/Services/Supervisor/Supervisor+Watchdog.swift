// The board's own watchdog, where it has one: its driver feeds it for as long as the supervisor
// says that it lives.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension TaskSupervisor {
    private static var power: Slot { StartSlot.firstFree }
    private static var powerName: FixedString<32> { FixedString(name: Name("power").words) }

    /// Tells the driver that the supervisor lives. It never waits: what the driver does not take
    /// now, it takes at the next tick, long before the shortest watchdog ends.
    mutating func feedWatchdog() {
        if !hasWatchdog && watched.count > watchdogSought { openWatchdog() }
        if !hasWatchdog { return }
        try? PowerClient(Endpoint(TaskSupervisor.power)).feed(by: .immediately)
    }

    /// Asks the root task for the service: only when there are tasks that were not there at the
    /// last time.
    private mutating func openWatchdog() {
        watchdogSought = watched.count
        do throws(SystemError) {
            _ = try ConnectionsClient().open(
                TaskSupervisor.powerName, bits: 0, to: TaskSupervisor.power, by: .never)
            hasWatchdog = true
        } catch {
            // This board has none, or its driver has not started.
        }
    }
}
