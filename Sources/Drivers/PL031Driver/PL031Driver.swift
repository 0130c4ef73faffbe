// The task around a PL031 real-time clock: the service `clock`.

import DriverCores
import Interfaces
import MMIO

@c(PL031Driver_main) func clockDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let loop = Server(information)
    serve(ClockDriver(information, loop.notification), loop)
}

struct ClockDriver: ~Copyable, ClockServer, ServiceTask {
    private var clock: PL031<MMIORegisters>
    private let interrupt = Interrupt(StartSlot.interrupt)
    /// The caller that waits for the alarm.
    private var sleeper: Caller<UInt64, ClockError>?

    init(_ information: StartInformation, _ notification: Notification) {
        clock = PL031(registers: MMIORegisters(address: information.registers[0]))
        sleeper = nil
        orEnd("the interrupt cannot be bound", try interrupt.bind(notification, bits: 1))
    }

    mutating func now(_ client: ClientBadge) -> UInt64 { UInt64(clock.seconds) }

    mutating func set(to time: UInt64, _ client: ClientBadge) throws(ClockError) {
        guard let seconds = UInt32(exactly: time) else { throw .noSuchSecond }
        if clock.set(seconds: seconds) { ring() }
    }

    mutating func sleep(until time: UInt64, _ caller: consuming Caller<UInt64, ClockError>) {
        guard let seconds = UInt32(exactly: time) else { return caller.refuse(.noSuchSecond) }
        if let earlier = sleeper.take() { earlier.refuse(.replaced) }
        // A caller that waits on: setting the alarm again could put it off.
        let hasRung = seconds != clock.alarm && clock.setAlarm(seconds)
        if hasRung { return caller.answer(UInt64(clock.seconds)) }
        sleeper = consume caller
    }

    private mutating func ring() {
        if let caller = sleeper.take() { caller.answer(UInt64(clock.seconds)) }
    }

    // The task

    mutating func perform(_ request: Received, _ loop: inout Server) {
        ClockInterface.perform(request, for: &self, &loop)
    }
    mutating func notice(_ bits: UInt64) {
        if clock.handleInterrupt() { ring() }
        interrupt.reopen()
    }
    mutating func forgetCallers() {
        if let caller = sleeper.take(), !caller.hasGone { sleeper = consume caller }
    }
}
