// The real-time clock's service.

/// Word 0 of requests.
public enum ClockRequest {
    /// Reply: 0, seconds since 1970.
    public static var read: UInt64 { 1 }
    /// Word 1: seconds since 1970. Reply, when that second has come: 0, the time; 1: another alarm replaced this one.
    public static var alarm: UInt64 { 2 }
    /// Word 1: seconds since 1970. Sets the clock. Reply: 0.
    public static var set: UInt64 { 3 }
}
