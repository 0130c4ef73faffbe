// Seconds since 1970 as a date and a time of day in UTC, and back.

/// A date of the Gregorian calendar and a time of day in UTC.
public struct CivilTime: Equatable, Sendable {
    public var year: Int
    /// 1 to 12.
    public var month: Int
    /// 1 to 31.
    public var day: Int
    public var hour: Int
    public var minute: Int
    public var second: Int
    /// 0: Sunday.
    public var weekday: Int

    /// The time `seconds` after the start of 1970.
    ///
    /// Years are counted from March, so that the leap day is a year's last: then a month's first
    /// day is a linear function.
    public init(seconds: UInt64) {
        let days = Int(seconds / 86400)
        let rest = Int(seconds % 86400)
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        weekday = (days + 4) % 7
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// `2026-08-06 12:34:56 UTC`.
    public func write(to text: inout Text) {
        text.decimal(UInt64(max(0, year)), width: 4, pad: 48)
        text.add("-")
        text.decimal(UInt64(month), width: 2, pad: 48)
        text.add("-")
        text.decimal(UInt64(day), width: 2, pad: 48)
        text.add(" ")
        text.decimal(UInt64(hour), width: 2, pad: 48)
        text.add(":")
        text.decimal(UInt64(minute), width: 2, pad: 48)
        text.add(":")
        text.decimal(UInt64(second), width: 2, pad: 48)
        text.add(" UTC")
    }
}
