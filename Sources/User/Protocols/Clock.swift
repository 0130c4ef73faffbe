// The real-time clock's service.

/// Word 0 of requests. A reply of `noSuchSecond`: the clock has 32 bits, and cannot show that second.
public enum ClockRequest {
    /// Reply: 0, seconds since 1970.
    public static var read: UInt64 { 1 }
    /// Word 1: seconds since 1970. Reply, when that second has come, or the clock was set to or behind it: 0, the time; 1: another
    /// alarm replaced this one.
    public static var alarm: UInt64 { 2 }
    /// Word 1: seconds since 1970. Sets the clock. Reply: 0.
    public static var set: UInt64 { 3 }
    public static var noSuchSecond: UInt64 { 2 }
}
