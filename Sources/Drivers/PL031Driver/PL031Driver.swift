// The task around a PL031 real-time clock: the service `clock`.

import DriverCores
import Interfaces
import MMIO

@c(PL031Driver_main) func clockDriver(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    let loop = Server(information)
    ClockDriver(information, loop.notification).serve(loop)
}

struct ClockDriver: ~Copyable, ClockServer {
    private var clock: PL031<MMIORegisters>
    private let interrupt = Interrupt(StartSlot.interrupt)
    /// The callers that wait, by the second.
    private var sleepers = Waiting<UInt64, ClockError>()

    init(_ information: StartInformation, _ notification: Notification) {
        clock = PL031(registers: MMIORegisters(address: information.registers[0]))
        orEnd("the interrupt cannot be bound", try interrupt.bind(notification, bits: 1))
    }

    mutating func now(_ client: ClientBadge) -> UInt64 { UInt64(clock.seconds) }

    mutating func set(to time: UInt64, _ client: ClientBadge) throws(ClockError) {
        guard let seconds = UInt32(exactly: time) else { throw .noSuchSecond }
        // The new time may show later: what was written counts, too.
        _ = clock.set(seconds: seconds)
        wake(upTo: max(time, UInt64(clock.seconds)))
    }

    mutating func sleep(until time: UInt64, _ caller: consuming Caller<UInt64, ClockError>) {
        if time > UInt64(UInt32.max) { return caller.refuse(.noSuchSecond) }
        sleepers.insert(caller, at: time)
        wake(upTo: UInt64(clock.seconds))
    }

    /// Answers the callers whose second has come, and sets the alarm for the next.
    private mutating func wake(upTo second: UInt64) {
        var reached = second
        while true {
            while let caller = sleepers.takeFirst(upTo: reached) {
                caller.answer(UInt64(clock.seconds))
            }
            guard let next = sleepers.first else { return }
            let alarm = UInt32(truncatingIfNeeded: next)
            // The same alarm again would only be put off.
            if alarm == clock.alarm || !clock.setAlarm(alarm) { return }
            reached = next
        }
    }

    // The task

    consuming func serve(_ server: consuming Server) -> Never {
        // When to look without an interrupt.
        var look = Instant.never
        while true {
            if let received = server.next(by: look) {
                switch received.delivery {
                case .message, .oneWay: ClockInterface.perform(received, for: &self, &server)
                case .notification:
                    if server.haveClientsGone { sleepers.forgetGone() }
                    if received.badge != 0 { takeAlarm() }
                case .fault: break
                }
            }
            // Requests without a pause do not put the look off.
            if look <= .now {
                look = .never
                wake(upTo: UInt64(clock.seconds))
            }
            guard let next = sleepers.first, clock.mayMiss(UInt32(truncatingIfNeeded: next)) else {
                look = .never
                continue
            }
            if look == .never { look = .after(milliseconds: 1050) }
        }
    }

    private mutating func takeAlarm() {
        let alarm = UInt64(clock.alarm ?? 0)
        let hasRung = clock.handleInterrupt()
        // The clock may have started again at 0.
        wake(upTo: max(UInt64(clock.seconds), hasRung ? alarm : 0))
        interrupt.reopen()
    }
}
