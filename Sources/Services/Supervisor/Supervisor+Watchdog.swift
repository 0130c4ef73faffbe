// The board's own watchdog, where it has one: its driver feeds it for as long as the supervisor
// says that it lives.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension TaskSupervisor {
    private static var power: Slot { StartSlot.firstFree }

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
        let name = Name("power")
        var message = RegisterMessage(
            UInt64(FactoryOperation.service.rawValue), name.word0, name.word1, name.word2)
        message.setWord(4, name.word3)
        message.setWord(5, ownNumber)
        guard let reply = try? factory.call(message, receiving: TaskSupervisor.power) else {
            return
        }
        hasWatchdog = reply[0] == 0 && reply.capabilityCount == 1
    }
}
