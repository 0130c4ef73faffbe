// The shell's command date: the time of the service `time`, with its source and quality.

import Interfaces
import ServiceCores

extension Shell {
    /// Shows the time, or sets it to a time in UTC.
    mutating func date(_ arguments: [[UInt8]]) {
        var wanted: CivilTime?
        if !arguments.isEmpty {
            guard arguments.count == 2 else { return sayUsage(.date) }
            wanted = CivilTime(date: arguments[0], time: arguments[1])
            if wanted == nil { return sayUsage(.date) }
        }
        do throws(SystemError) {
            let time = try timeService()
            if let wanted { try set(time, to: wanted) }
            show(try time.now(by: Shell.patience))
        } catch { say(error, TimeError.self, from: "time service") }
    }

    private func timeService() throws(SystemError) -> TimeClient {
        try TimeClient(opening: Shell.slot(12), by: Shell.patience)
    }

    /// Reads the time; says so where nobody tells it.
    mutating func readTime() -> UTCReading? {
        do throws(SystemError) { return try timeService().now(by: Shell.patience) } catch {
            say(error, TimeError.self, from: "time service")
            return nil
        }
    }

    mutating func sayTimeIsUnset() {
        say("the time is not set: no clock answers; `date 2026-08-06 12:34:56` sets it")
    }

    private mutating func set(_ time: TimeClient, to wanted: CivilTime) throws(SystemError) {
        // A time that a person types is right to a second.
        let clock = try time.set(
            to: wanted.seconds * 1_000_000, source: .hand, error: 1_000_000, by: Shell.patience)
        if clock == .silent {
            say("the clock's driver does not answer: the time is lost at power-off")
        }
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
