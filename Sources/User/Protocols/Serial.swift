// The serial driver's service: bytes out, and bytes in kept across the driver's restarts.
//
// Writing and reading are two rights. A task that opens the service may write: printable text in
// UTF-8 and line feeds; each of its lines is shown with the task's number in front, `12| `, and
// other bytes as dots. With `serial.control` under `opens` its bytes go out as they are. Only with
// `serial.read` may it ask for anything else; the reply to others is `notPermitted`.
//
// Received bytes are numbered from 0. A read names how many the reader has taken so far; the
// driver keeps every byte, in memory that survives it, until a read acknowledges it. So a reader
// whose call ended with `peerDied` asks again with the same number, and gets what it missed and
// nothing twice.
//
// What a driver's death can cost: one received byte, where it is ended between the load that takes
// the byte out of the device's FIFO and the store that keeps it; what the FIFO cannot hold until
// the next driver runs; and a write is made twice where the driver took its bytes and was ended
// before the reply, since the writer sees `peerDied` and writes again.
//
// Several tasks write, and one of them may have a line under work: a prompt, and what somebody
// types. Another's bytes take that line's place on the screen, and a read that waits brings
// nothing: the sign to show the line anew. How often that was is a number, which answers to reads
// and writes tell and a read names; so the sign is not lost with a read whose time was just over.

/// Word 0 of requests.
public enum SerialRequest {
    /// Bits 8–15: number of bytes, at most `maximumWrite`, from word 1 on; with `edited`, they
    /// belong to a line under work. Taken as a whole, so that a line in one request is one line on
    /// the screen. Reply: 0, number of bytes taken: all, or 0 where the caller waited for room, and
    /// asks again now; how often a line under work was replaced. `busy`: there is no room, and two
    /// other tasks wait for it already.
    public static var write: UInt64 { 1 }
    /// A flag of `write`, of a task with `serial.control`.
    public static var edited: UInt64 { 1 << 16 }
    /// Word 1: bytes taken so far, or `fromOldest`. Word 2: how often a line under work was
    /// replaced, as far as the caller knows. Reply: 0, the number of the first byte, how many (at
    /// most 32), bytes from word 3 on. Waits for at least one; a count of 0: a line under work was
    /// replaced, and word 1 is how often that was; or a writer needed the place. `taken`: another
    /// task reads, and has asked within the last three seconds.
    public static var read: UInt64 { 2 }
    /// Word 1: bytes taken so far. They are let go at once, as a read would do: before the reader
    /// does what they say, so that one that dies of it is not told again. Reply: 0 or `taken`.
    public static var release: UInt64 { 3 }
    /// Reply: 0, bytes received and bytes sent in all; and since the driver started: how often
    /// bytes were lost because the device was full, bytes thrown away because they were damaged,
    /// breaks of the line.
    public static var state: UInt64 { 4 }
    public static var fromOldest: UInt64 { ~0 }
    public static var maximumWrite: Int { 160 }
    public static var maximumRead: Int { 32 }
    public static var notPermitted: UInt64 { 2 }
    public static var taken: UInt64 { 3 }
    public static var busy: UInt64 { 4 }
}
