// The service of UTC. It may jump when it is set, so no deadline is made of it: those are
// `Instant`s.

/// UTC over the monotonic counter, for people and for the records of other machines.
@Service(version: 1)
public protocol Time {
    /// The time, where it comes from, and how far off it may be.
    @Method(1) func now() -> UTCReading

    /// Sets the time, and the board's clock, if it has one.
    ///
    /// - Parameters:
    ///   - microseconds: since the start of 1970.
    ///   - source: `hand` or `sntp`.
    ///   - error: how far off it may be, in microseconds.
    @Method(2, .restricted) func set(
        to microseconds: UInt64, source: UTCSource, error: UInt64
    ) throws(TimeError) -> BoardClock
}

/// Why the time is not set.
@Message public enum TimeError: UInt16, ServiceError {
    /// It is after 9999, or of a source that nobody sets.
    case badValue = 3
    /// The board's clock has 32 bits, and cannot show that second.
    case beyondClock = 4

    public var text: StaticString {
        switch self {
        case .badValue: "the years are 1970 to 9999"
        case .beyondClock:
            "beyond the clock's 32 bits, whose last second is 2106-02-07 06:28:15 UTC"
        }
    }
}

/// What became of the board's clock when the time was set.
@Message public enum BoardClock: UInt8, Sendable {
    case set
    /// The board has none.
    case none
    /// Its driver did not answer: the time is lost at power-off.
    case silent
}

// The logic of the service has these types too, without an interface.

extension UTCSource: MessageValue {
    /// A new case has a new version.
    public static var shape: UInt64 { InterfaceHash("UTCSource", version: 1).raw }
}
extension UTCReading: MessageValue {
    @_transparent public static var words: UInt { 4 }
    public static var shape: UInt64 {
        var hash = InterfaceHash("UTCReading", version: 1)
        hash.add(UTCSource.shape)
        return hash.raw
    }
    public func put(into message: inout MessageWriter) {
        message.put(microseconds)
        message.put(source)
        message.put(error)
        message.put(age)
    }
    public static func take(from message: inout MessageReader) -> UTCReading? {
        guard let microseconds = message.takeWord(), let source = message.take(UTCSource.self),
            let error = message.takeWord(), let age = message.takeWord()
        else { return nil }
        return UTCReading(
            microseconds: microseconds, source: source, error: error, age: age)
    }
}
