// The service of a bank of eight pins.

/// Word 0 of requests.
public enum GPIORequest {
    /// Reply: 0, levels, directions (1: output), watched pins; a bit each.
    public static var read: UInt64 { 1 }
    /// Word 1: pin. Word 2: level. Makes the pin an output. Reply: 0, or 1: no such pin, or a watched one.
    public static var write: UInt64 { 2 }
    /// Word 1: pin. Word 2: key code. Each press is told to the supervisor. Reply: 0, or 1: no such pin.
    public static var watch: UInt64 { 3 }
}
