// The serial driver's service: bytes out, and bytes in without loss across the driver's restarts.
//
// Received bytes are numbered from 0. A read names how many the reader has taken so far; the driver keeps every byte, in
// memory that survives it, until a read acknowledges it. So a reader whose call ended with `peerDied` asks again with the
// same number, and gets what it missed and nothing twice.

/// Word 0 of requests.
public enum SerialRequest {
    /// Bits 8–15: number of bytes, at most 48, from word 1 on. Reply: 0, number of bytes taken; the caller sends the rest
    /// again. Waits while nothing can be taken.
    public static var write: UInt64 { 1 }
    /// Word 1: bytes taken so far, or `fromOldest`. Reply: 0, the number of the first byte, how many (at most 32), bytes
    /// from word 3 on. Waits for at least one; a count of 0: another reader came.
    public static var read: UInt64 { 2 }
    public static var fromOldest: UInt64 { ~0 }
    public static var maximumWrite: Int { 48 }
    public static var maximumRead: Int { 32 }
}
