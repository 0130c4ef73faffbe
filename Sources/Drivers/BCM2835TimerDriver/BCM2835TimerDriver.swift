// The task around the BCM2835's system timer: the service `timer`. One of the timer's channels
// rings for the earliest alarm.

import DriverCores
import Interfaces
import MMIO

@c(BCM2835TimerDriver_main) func timerDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let loop = Server(information)
    serve(TimerDriver(information, loop.notification), loop)
}

struct TimerDriver: ~Copyable, SystemTimerServer, ServiceTask {
    private let timer: BCM2835SystemTimer<MMIORegisters>
    private let channel = BCM2835SystemTimer<MMIORegisters>.channels[0]
    private let interrupt: Interrupt
    /// The callers that wait, by the instant.
    private var sleepers = Waiting<UInt64, SystemTimerError>()

    init(_ information: StartInformation, _ notification: Notification) {
        timer = BCM2835SystemTimer(registers: MMIORegisters(address: information.registers[0]))
        // The other lines stay closed: the firmware serves those of channels 0 and 2.
        interrupt = Interrupt(Slot(StartSlot.interrupt.index + UInt32(channel)))
        orEnd("the interrupt cannot be bound", try interrupt.bind(notification, bits: 1))
    }

    mutating func now(_ client: ClientBadge) -> UInt64 { timer.counter }

    mutating func sleep(
        until instant: UInt64, _ caller: consuming Caller<UInt64, SystemTimerError>
    ) {
        let now = timer.counter
        if instant > now && instant - now > SystemTimerError.maximumDelay {
            return caller.refuse(.tooFar)
        }
        sleepers.insert(caller, at: instant)
        wake()
    }

    /// Answers the callers whose instant has come, and sets the alarm for the next.
    private mutating func wake() {
        while true {
            let now = timer.counter
            while let caller = sleepers.takeFirst(upTo: now) { caller.answer(timer.counter) }
            guard let next = sleepers.first, !timer.arm(channel, at: next) else { return }
        }
    }

    // The task

    mutating func perform(_ request: Received, _ loop: inout Server) {
        SystemTimerInterface.perform(request, for: &self, &loop)
    }
    mutating func notice(_ bits: UInt64) {
        // The counter tells which alarms are due, whether or not the channel has matched.
        _ = timer.handleInterrupt(channel)
        wake()
        interrupt.reopen()
    }
    mutating func forgetCallers() { sleepers.forgetGone() }
}
