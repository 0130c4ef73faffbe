// The task around the BCM2835's reset and watchdog: the service `power`. While the watchdog is
// armed, it is fed whenever the supervisor says that it lives, and at no other time: a system whose
// supervisor hangs is reset.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(BCM2835PowerDriver_main) func powerDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    let watchdog = BCM2835Watchdog(registers: MMIORegisters(address: information.registers[0]))
    // Safety: the manifest gives this task a page. Word 0: the watchdog's seconds; so a restarted
    // driver goes on feeding.
    let seconds = unsafe persistentMemory(information)
    unsafe seconds[0] = watchdog.seconds(kept: seconds[0])
    var signs: UInt64 = 0
    while true {
        let request = server.next()
        let client = ClientBadge(raw: request.badge)
        let isSign = request.delivery == .oneWay && request[0] == PowerRequest.feed
        if isSign && client.task == information.supervisor {
            signs &+= 1
            if watchdog.isArmed { watchdog.feed(seconds: unsafe seconds[0]) }
        }
        if request.delivery != .message { continue }
        switch request[0] {
        case PowerRequest.reboot where client.isRoot:
            watchdog.reboot()
            awaitReset(server)
        case PowerRequest.powerOff where client.isRoot:
            watchdog.powerOff()
            awaitReset(server)
        case PowerRequest.reboot, PowerRequest.powerOff:
            server.reply(RegisterMessage(PowerRequest.notPermitted))
        case PowerRequest.watchdog where !client.may(.setWatchdog):
            server.reply(RegisterMessage(PowerRequest.notPermitted))
        case PowerRequest.watchdog
        where request[1] == 0 || BCM2835Watchdog<MMIORegisters>.seconds.contains(request[1]):
            unsafe seconds[0] = request[1]
            if request[1] == 0 { watchdog.disarm() } else { watchdog.arm(seconds: request[1]) }
            server.reply(RegisterMessage(0))
        case PowerRequest.state: server.reply(RegisterMessage(0, unsafe seconds[0], signs))
        default: server.reply(RegisterMessage(1))
        }
    }
}

/// Serves nobody any more: a sign of life that came now would put the reset off.
private func awaitReset(_ server: Server) -> Never { while true { server.notification.pause() } }
