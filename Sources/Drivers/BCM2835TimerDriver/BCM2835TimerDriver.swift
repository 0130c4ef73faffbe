// The task around the BCM2835's system timer: the service `timer`. It lets two callers wait, one
// a channel.

import DriverCores
import KernelABI
import MMIO
import Protocols
import UserRuntime

@c(BCM2835TimerDriver_main) func timerDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var driver = TimerDriver(information)
    driver.serve()
}

struct TimerDriver {
    private var server: Server
    private let timer: BCM2835SystemTimer<MMIORegisters>
    /// The caller that waits for channel 1, and for channel 3.
    private var sleepers = InlineArray<2, Reply?>(repeating: nil)
    /// Which tasks they are, and when they are to be woken.
    private var tasks = InlineArray<2, UInt64>(repeating: 0)
    private var instants = InlineArray<2, UInt64>(repeating: 0)

    init(_ information: StartInformation) {
        server = Server(information)
        timer = BCM2835SystemTimer(registers: MMIORegisters(address: information.registers[0]))
        // The lines of channels 0 and 2 stay closed: the firmware serves them.
        for index in 0..<2 {
            orEnd(
                "an interrupt cannot be bound",
                try interrupt(index).bind(server.notification, bits: 1 << UInt64(index)))
        }
    }

    private func channel(_ index: Int) -> Int { BCM2835SystemTimer<MMIORegisters>.channels[index] }
    private func interrupt(_ index: Int) -> Interrupt {
        Interrupt(Slot(StartSlot.interrupt.index + UInt32(channel(index))))
    }

    mutating func serve() -> Never {
        while true {
            let request = server.next()
            switch request.delivery {
            case .notification:
                forgetGone()
                for index in 0..<2 where request.badge & 1 << UInt64(index) != 0 {
                    if timer.handleInterrupt(channel(index)) && instants[index] <= timer.counter {
                        wake(index)
                    }
                    interrupt(index).reopen()
                }
            case .message: answer(request)
            case .oneWay, .fault: break
            }
        }
    }

    /// Frees the channels of callers that wait no more.
    private mutating func forgetGone() {
        for index in 0..<2 {
            if let held = sleepers[index], server.hasGone(held) { sleepers[index] = nil }
        }
    }

    private mutating func wake(_ index: Int) {
        guard let held = sleepers[index] else { return }
        sleepers[index] = nil
        server.release(held, RegisterMessage(0, timer.counter))
    }

    private mutating func answer(_ request: Received) {
        switch request[0] {
        case SystemTimerRequest.read: server.reply(RegisterMessage(0, timer.counter))
        case SystemTimerRequest.alarm: alarm(at: request[1], of: request.badge)
        default: server.reply(RegisterMessage(1))
        }
    }

    private mutating func alarm(at instant: UInt64, of task: UInt64) {
        let now = timer.counter
        if instant > now && instant - now > SystemTimerRequest.maximumDelay {
            return server.reply(RegisterMessage(1))
        }
        // One whose interrupt stays away holds no channel.
        for index in 0..<2 where instants[index] < now || tasks[index] == task { wake(index) }
        for index in 0..<2 where sleepers[index] == nil {
            if instant <= now || !timer.arm(channel(index), at: instant) {
                return server.reply(RegisterMessage(0, timer.counter))
            }
            sleepers[index] = server.hold()
            tasks[index] = task
            instants[index] = instant
            return
        }
        server.reply(RegisterMessage(2))
    }
}
