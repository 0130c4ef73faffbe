// The service `time`: UTC over the monotonic counter. It is for people and for the log of other
// machines. It may jump when it is set, so no deadline is made of it: those are `Instant`s.

/// Word 0 of requests. Word 0 of a reply is 0, or a `TimeError`.
public enum TimeRequest {
    /// Reply: 0, and the words of a `UTCReading`.
    public static var read: UInt64 { 1 }
    /// Word 1: microseconds since 1970. Word 2: the `UTCSource`, `hand` or `sntp`. Word 3: how far
    /// off it may be, in microseconds. Sets the board's clock too, if it has one. Reply: 0, and a
    /// `BoardClock`. Needs the privilege `time.set`.
    public static var set: UInt64 { 2 }
}

/// Why the service refuses a request.
public enum TimeError: UInt64, Error, Sendable {
    case unknownRequest = 1
    case notPermitted = 2
    /// Before 1970, after 9999, or of a source that nobody sets.
    case badValue = 3
    /// The board's clock has 32 bits, and cannot show that second.
    case beyondClock = 4

    public var text: StaticString {
        switch self {
        case .unknownRequest: "the time service does not know this request"
        case .notPermitted: "this task may not set the time"
        case .badValue: "the years are 1970 to 9999"
        case .beyondClock:
            "beyond the clock's 32 bits, whose last second is 2106-02-07 06:28:15 UTC"
        }
    }
}

/// What became of the board's clock when the time was set.
public enum BoardClock: UInt64, Sendable {
    case set = 0
    case none = 1
    case silent = 2
}

/// Where the time comes from; a larger one is the better one.
public enum UTCSource: UInt64, Sendable, CaseIterable {
    case unset = 0
    case rtc = 1
    case hand = 2
    case sntp = 3

    public var text: StaticString {
        switch self {
        case .unset: "unset"
        case .rtc: "the board's clock"
        case .hand: "set by hand"
        case .sntp: "the network"
        }
    }
}

/// UTC at one instant, with its quality.
public struct UTCReading: Equatable, Sendable {
    /// Since the start of 1970; 0 if it is unset.
    public var microseconds: UInt64 = 0
    public var source = UTCSource.unset
    /// How far off it may be, in microseconds: that of the source, and the counter's drift since.
    public var error: UInt64 = 0
    /// Microseconds since it was set.
    public var age: UInt64 = 0

    public init() {}
    /// From words 1 to 4 of the reply; nil if they are none.
    public init?(_ words: InlineArray<4, UInt64>) {
        guard let source = UTCSource(rawValue: words[1]) else { return nil }
        microseconds = words[0]
        self.source = source
        error = words[2]
        age = words[3]
    }
    public var words: InlineArray<4, UInt64> { [microseconds, source.rawValue, error, age] }
}
