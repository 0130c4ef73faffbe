// The service of a timer that is independent of the processor's own.

/// A timer that counts microseconds, independent of the processor's own.
@Service(version: 1, name: "timer")
public protocol SystemTimer {
    /// Microseconds since the board was reset.
    @Method(1) func now() -> UInt64

    /// Waits until an instant, 2,147,483,648 microseconds ahead at most, and returns the time
    /// then. Callers do not disturb each other: each has an alarm of its own.
    @Method(2, .answeredLater) func sleep(until instant: UInt64) throws(SystemTimerError) -> UInt64
}

/// Why the timer refuses a request.
@Message public enum SystemTimerError: UInt16, ServiceError {
    /// The instant is too far ahead.
    case tooFar

    /// Microseconds to the latest instant.
    public static var maximumDelay: UInt64 { 1 << 31 }
    public var text: StaticString { "beyond the timer's 35 minutes" }
}
