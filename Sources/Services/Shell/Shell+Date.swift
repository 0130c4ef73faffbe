// The shell's command date: the time of the service `time`, with its source and quality.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Shell {
    /// Shows the time, or sets it to a time in UTC.
    mutating func date(_ arguments: [[UInt8]]) {
        var wanted: CivilTime?
        if !arguments.isEmpty {
            guard arguments.count == 2 else { return sayUsage(.date) }
            wanted = CivilTime(date: arguments[0], time: arguments[1])
            if wanted == nil { return sayUsage(.date) }
        }
        if let wanted {
            guard let time = timeService(), set(time, to: wanted) else { return }
        }
        if let reading = readTime() { show(reading) }
    }

    /// The time service; says so where there is none.
    private mutating func timeService() -> Endpoint? {
        guard let time = service(Name("time"), Shell.slot(12)) else {
            say("no time service")
            return nil
        }
        return time
    }

    /// Reads the time; says so where nobody tells it.
    mutating func readTime() -> UTCReading? {
        guard let time = timeService() else { return nil }
        guard let reply = ask(time, RegisterMessage(TimeRequest.read)), reply[0] == 0,
            let reading = UTCReading([reply[1], reply[2], reply[3], reply[4]])
        else {
            say("the time service does not answer")
            return nil
        }
        return reading
    }

    mutating func sayTimeIsUnset() {
        say("the time is not set: no clock answers; `date 2026-08-06 12:34:56` sets it")
    }

    /// Whether the time was set; says why not.
    private mutating func set(_ time: Endpoint, to wanted: CivilTime) -> Bool {
        // A time that a person types is right to a second.
        let request = RegisterMessage(
            TimeRequest.set, wanted.seconds * 1_000_000, UTCSource.hand.rawValue, 1_000_000)
        guard let reply = ask(time, request) else {
            say("the time service does not answer")
            return false
        }
        if reply[0] != 0 {
            say(TimeError(rawValue: reply[0])?.text ?? "refused")
            return false
        }
        switch BoardClock(rawValue: reply[1]) {
        case .silent?: say("the clock's driver does not answer: the time is lost at power-off")
        case .set?, BoardClock.none?, nil: break
        }
        return true
    }

    /// `2026-08-06 12:34:56 UTC (set by hand, 3 s ago, within 1.0 s)`.
    private mutating func show(_ reading: UTCReading) {
        if reading.source == .unset { return sayTimeIsUnset() }
        CivilTime(seconds: reading.microseconds / 1_000_000).write(to: &terminal.out)
        terminal.out.add(" (")
        terminal.out.add(reading.source.text)
        terminal.out.add(", ")
        terminal.out.decimal(reading.age / 1_000_000)
        terminal.out.add(" s ago, within ")
        let tenths = (reading.error + 99_999) / 100_000
        terminal.out.decimal(tenths / 10)
        terminal.out.add(".")
        terminal.out.decimal(tenths % 10)
        say(" s)")
    }
}
