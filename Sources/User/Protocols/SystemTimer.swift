// The service of a timer that counts microseconds, independent of the processor's own.

/// Word 0 of requests.
public enum SystemTimerRequest {
    /// Reply: 0, microseconds since reset.
    public static var read: UInt64 { 1 }
    /// Word 1: microseconds from now, at most `maximumDelay`. Reply when they have passed: 0, microseconds since reset;
    /// 1: too long; 2: two others wait already.
    public static var alarm: UInt64 { 2 }
    public static var maximumDelay: UInt64 { 1 << 31 }
}
