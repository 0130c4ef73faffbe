// The service of a battery-backed clock.

/// Time of day, in seconds since 1970. The clock goes on without power.
@Service(version: 3)
public protocol Clock {
    /// The present time.
    @Method(1) func now() -> UInt64

    /// Sets the clock. An alarm rings if its second is now or past.
    @Method(2, .restricted) func set(to time: UInt64) throws(ClockError)

    /// Waits until `time`, or until the clock is set to or behind it, and returns the time then.
    /// Callers do not disturb each other: each has an alarm of its own.
    @Method(3, .answeredLater) func sleep(until time: UInt64) throws(ClockError) -> UInt64
}

/// Why the clock refuses a request.
@Message public enum ClockError: UInt16, ServiceError {
    /// The clock has 32 bits, and cannot show that second.
    case noSuchSecond = 1

    public var text: StaticString {
        "beyond the clock's 32 bits, whose last second is 2106-02-07 06:28:15 UTC"
    }
}
