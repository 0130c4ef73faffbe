// The device manager's service: what the machine has, for people to read.

/// Word 0 of requests. Text goes into memory that the caller lends for writing.
public enum DevicesRequest {
    /// Word 1: first byte. Reply: 0, bytes of the whole listing, bytes copied: the device tree as text.
    public static var tree: UInt64 { 1 }
    /// The same for the list of devices and their drivers.
    public static var list: UInt64 { 2 }
    /// The same for the kernel's command line.
    public static var arguments: UInt64 { 3 }
    /// Word 1: index. Reply: 0, which driver of pins (or `firmware`: the board's firmware has the pin; `noDriver`: its bank has
    /// none), the pin, 1 where low is on, the light's name (4 words), its bank's (4 words; what kind it is, where it has no driver
    /// of pins); 1 behind the last.
    public static var led: UInt64 { 4 }
    public static var noDriver: UInt64 { ~0 }
    public static var firmware: UInt64 { ~1 }
}
