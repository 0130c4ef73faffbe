// The task around a PL031 real-time clock: the service `clock`.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(PL031Driver_main) func clockDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var server = Server(information)
    let interrupt = Interrupt(StartSlot.interrupt)
    let clock = PL031(registers: MMIORegisters(address: information.registers[0]))
    try? interrupt.bind(server.notification, bits: 1)
    var sleeper: Reply?
    /// The second of the alarm that is set and has not rung.
    var armed: UInt64?
    while true {
        let request = server.next()
        if request.delivery == .notification {
            if clock.handleInterrupt() {
                armed = nil
                if let held = sleeper { server.release(held, RegisterMessage(0, UInt64(clock.seconds))) }
                sleeper = nil
            }
            try? interrupt.acknowledge()
        }
        if request.delivery != .message { continue }
        switch request[0] {
        case ClockRequest.read: server.reply(RegisterMessage(0, UInt64(clock.seconds)))
        case ClockRequest.set:
            clock.set(seconds: UInt32(truncatingIfNeeded: request[1]))
            server.reply(RegisterMessage(0))
        case ClockRequest.alarm:
            if let earlier = sleeper { server.release(earlier, RegisterMessage(1)) }
            sleeper = nil
            if request[1] == armed {
                // A caller that waits on: setting the alarm again could put it off.
                sleeper = server.hold()
            } else if request[1] <= UInt64(clock.seconds) || request[1] > UInt64(UInt32.max) {
                server.reply(RegisterMessage(0, UInt64(clock.seconds)))
            } else {
                sleeper = server.hold()
                armed = request[1]
                clock.setAlarm(UInt32(truncatingIfNeeded: request[1]))
            }
        default: server.reply(RegisterMessage(1))
        }
    }
}
