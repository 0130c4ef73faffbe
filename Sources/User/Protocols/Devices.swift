// The device manager's service: what the machine has, for people to read.
//
// A listing is made in pieces, as they are asked for: each request costs what its piece does,
// however large the tree is. The device manager keeps how far each task has read, so a task reads
// one listing at a time.

/// Word 0 of requests. Text goes into memory that the caller lends for writing, at least
/// `pieceBytes` of it.
public enum DevicesRequest {
    /// Word 1: bytes read so far. Reply: 0, 1 where the text ends with this piece, bytes of the
    /// piece: the device tree as text; or 1: too little memory lent, or not where the caller's last
    /// piece ended. With 0 bytes read so far it starts anew.
    public static var tree: UInt64 { 1 }
    /// The same for the list of devices and their drivers.
    public static var list: UInt64 { 2 }
    /// Word 1: first byte. Reply: 0, bytes of the kernel's command line, bytes copied: `pieceBytes`
    /// at most where more are lent.
    public static var arguments: UInt64 { 3 }
    /// Word 1: index. Reply: 0, which driver of pins (or `firmware`: the board's firmware has the
    /// pin; `noDriver`: its bank has none), the pin, 1 where low is on, the light's name (4 words),
    /// its bank's (4 words; what kind it is, where it has no driver of pins); 1 behind the last.
    public static var led: UInt64 { 4 }
    public static var maximumLights: UInt64 { 64 }
    public static var noDriver: UInt64 { ~0 }
    public static var firmware: UInt64 { ~1 }
    /// Bytes of the longest piece of a listing, or of the command line.
    public static var pieceBytes: Int { 1024 }
}
