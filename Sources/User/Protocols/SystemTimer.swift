// The service of a timer that counts microseconds, independent of the processor's own.

/// Word 0 of requests.
public enum SystemTimerRequest {
    /// Reply: 0, microseconds since reset.
    public static var read: UInt64 { 1 }
    /// Word 1: an instant, microseconds since reset, at most `maximumDelay` from now. Reply when it
    /// has come: 0, microseconds since reset; 1: too far; 2: two others wait already, and one that
    /// died waiting does so until its instant. A second alarm of the same task takes the first
    /// one's place.
    public static var alarm: UInt64 { 2 }
    public static var maximumDelay: UInt64 { 1 << 31 }
}
