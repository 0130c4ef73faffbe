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
    /// Seconds after the start of 1970.
    public let seconds: UInt64

    /// The time `seconds` after the start of 1970.
    ///
    /// Years are counted from March, so that the leap day is a year's last: then a month's first
    /// day is a linear function.
    public init(seconds: UInt64) {
        self.seconds = seconds
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

    /// Reads `2026-08-06` and `12:34:56`, a time in UTC; nil where there is no such second from
    /// 1970 to 9999.
    public init?(date: [UInt8], time: [UInt8]) {
        guard let days = CivilTime.numbers(date, [4, 2, 2], UInt8(ascii: "-")),
            let clock = CivilTime.numbers(time, [2, 2, 2], UInt8(ascii: ":")),
            days[0] >= 1970, days[1] >= 1, days[1] <= 12, days[2] >= 1,
            clock[0] < 24, clock[1] < 60, clock[2] < 60
        else { return nil }
        let (year, month, day) = (days[0], days[1], days[2])
        // Years from March on, as above.
        let marchYear = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let era = marchYear / 400
        let yearOfEra = marchYear % 400
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let number = era * 146_097 + dayOfEra - 719_468
        self.init(seconds: UInt64(number * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]))
        // The thirtieth of February would be a day of March.
        if self.month != month || self.day != day { return nil }
    }

    /// The numbers of these lengths with a sign between.
    private static func numbers(_ text: [UInt8], _ lengths: [Int], _ sign: UInt8) -> [Int]? {
        var numbers: [Int] = []
        var at = 0
        for length in lengths {
            if at > 0 {
                if at >= text.count || text[at] != sign { return nil }
                at += 1
            }
            if text.count - at < length { return nil }
            var number = 0
            for index in at..<(at + length) {
                guard text[index] >= 48, text[index] <= 57 else { return nil }
                number = number * 10 + Int(text[index] - 48)
            }
            numbers.append(number)
            at += length
        }
        return at == text.count ? numbers : nil
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
