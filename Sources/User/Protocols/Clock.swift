// The real-time clock's service.

/// Word 0 of requests. Word 0 of a reply is 0, or a `ClockError`.
public enum ClockRequest {
    /// Reply: 0, seconds since 1970.
    public static var read: UInt64 { 1 }
    /// Word 1: seconds since 1970. Reply, when that second has come, or the clock was set to or
    /// behind it: 0, the time.
    public static var alarm: UInt64 { 2 }
    /// Word 1: seconds since 1970. Sets the clock. Reply: 0.
    public static var set: UInt64 { 3 }
}

/// Why the clock refuses a request, or ends an alarm early.
public enum ClockError: UInt64, Sendable {
    case unknownRequest = 1
    /// The clock has 32 bits, and cannot show that second.
    case noSuchSecond = 2
    /// Another alarm replaced this one.
    case replaced = 3

    public var text: StaticString {
        switch self {
        case .unknownRequest: "the clock's driver does not know this request"
        case .noSuchSecond:
            "beyond the clock's 32 bits, whose last second is 2106-02-07 06:28:15 UTC"
        case .replaced: "another alarm came between"
        }
    }
}
