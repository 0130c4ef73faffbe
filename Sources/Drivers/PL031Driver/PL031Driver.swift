// The task around a PL031 real-time clock: the service `clock`.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(PL031Driver_main) func clockDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var driver = ClockDriver(information)
    driver.serve()
}

struct ClockDriver {
    private var server: Server
    private var clock: PL031<MMIORegisters>
    private let interrupt = Interrupt(StartSlot.interrupt)
    /// Who waits for the alarm.
    private var sleeper: Reply?

    init(_ information: StartInformation) {
        server = Server(information)
        clock = PL031(registers: MMIORegisters(address: information.registers[0]))
        orEnd("the interrupt cannot be bound", try interrupt.bind(server.notification, bits: 1))
    }

    mutating func serve() -> Never {
        while true {
            let request = server.next()
            switch request.delivery {
            case .notification:
                if let held = sleeper, server.hasGone(held) { sleeper = nil }
                if clock.handleInterrupt() { ring() }
                interrupt.reopen()
            case .message: answer(request)
            case .oneWay, .fault: break
            }
        }
    }

    private mutating func answer(_ request: Received) {
        switch request[0] {
        case ClockRequest.read: server.reply(RegisterMessage(0, UInt64(clock.seconds)))
        case ClockRequest.set:
            guard let seconds = UInt32(exactly: request[1]) else { return refuse(.noSuchSecond) }
            if clock.set(seconds: seconds) { ring() }
            server.reply(RegisterMessage(0))
        case ClockRequest.alarm:
            guard let seconds = UInt32(exactly: request[1]) else { return refuse(.noSuchSecond) }
            wait(until: seconds)
        default: refuse(.unknownRequest)
        }
    }

    private mutating func wait(until seconds: UInt32) {
        if let earlier = sleeper {
            server.release(earlier, RegisterMessage(ClockError.replaced.rawValue))
        }
        sleeper = nil
        // A caller that waits on: setting the alarm again could put it off.
        let hasRung = seconds != clock.alarm && clock.setAlarm(seconds)
        if hasRung { return server.reply(RegisterMessage(0, UInt64(clock.seconds))) }
        sleeper = server.hold()
    }

    private mutating func ring() {
        if let held = sleeper { server.release(held, RegisterMessage(0, UInt64(clock.seconds))) }
        sleeper = nil
    }

    private mutating func refuse(_ error: ClockError) {
        server.reply(RegisterMessage(error.rawValue))
    }
}
