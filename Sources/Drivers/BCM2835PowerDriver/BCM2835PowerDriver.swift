// The task around the BCM2835's reset and watchdog: the service `power`. While the watchdog is
// armed, it is fed whenever the supervisor says that it lives, and at no other time: a system whose
// supervisor hangs is reset.

import DriverCores
import Interfaces
import MMIO

@c(BCM2835PowerDriver_main) func powerDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let loop = Server(information)
    serve(PowerDriver(information, loop.notification), loop)
}

@safe struct PowerDriver: ~Copyable, PowerServer, ServiceTask {
    private let watchdog: BCM2835Watchdog<MMIORegisters>
    /// Word 0: the watchdog's seconds, so that a restarted driver goes on feeding.
    private let kept: UnsafeMutableBufferPointer<UInt64>
    private var signs: UInt64 = 0
    private let notification: Notification

    init(_ information: StartInformation, _ notification: Notification) {
        watchdog = BCM2835Watchdog(registers: MMIORegisters(address: information.registers[0]))
        // Safety: the manifest gives this task a page.
        unsafe kept = persistentMemory(information)
        self.notification = notification
        seconds = watchdog.seconds(kept: seconds)
    }
    private var seconds: UInt64 {
        get { unsafe kept[0] }
        nonmutating set { unsafe kept[0] = newValue }
    }

    mutating func reboot(_ client: ClientBadge) {
        watchdog.reboot()
        awaitReset()
    }
    mutating func powerOff(_ client: ClientBadge) {
        watchdog.powerOff()
        awaitReset()
    }
    /// Serves nobody any more: a sign of life that came now would put the reset off.
    private func awaitReset() -> Never { while true { notification.pause() } }

    mutating func setWatchdog(seconds: UInt8, _ client: ClientBadge) throws(PowerError) {
        let range = BCM2835Watchdog<MMIORegisters>.seconds
        if seconds != 0 && !range.contains(UInt64(seconds)) { throw .outOfRange }
        self.seconds = UInt64(seconds)
        if seconds == 0 { watchdog.disarm() } else { watchdog.arm(seconds: UInt64(seconds)) }
    }
    mutating func feed(_ client: ClientBadge) {
        signs &+= 1
        if watchdog.isArmed { watchdog.feed(seconds: seconds) }
    }
    mutating func watchdog(_ client: ClientBadge) -> WatchdogState {
        WatchdogState(seconds: UInt8(truncatingIfNeeded: seconds), signs: signs)
    }

    mutating func forgetCallers() {}
    mutating func perform(_ request: Received, _ loop: inout Server) {
        PowerInterface.perform(request, for: &self, &loop)
    }
}
