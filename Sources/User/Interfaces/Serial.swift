// The service of a serial line. Bytes that were received outlive the driver.
//
// What a driver's death can cost: one received byte, if the driver ends between the load that takes
// the byte out of the device's FIFO and the store that keeps it; what the FIFO cannot hold until
// the next driver runs; and a write is made twice if the driver took its bytes and ended before the
// answer: the writer sees `peerDied` and writes again.

/// A serial line: text goes out, and bytes come in.
///
/// Several clients write. One of them may have a line under work on the screen: a prompt, and what
/// a person types. Text of another client takes the line's place, and a read that waits returns
/// without bytes, so that its client shows the line anew.
@Service(version: 1)
public protocol Serial {
    /// Writes text, all or none: printable characters in UTF-8, and line feeds. A dot stands for
    /// each other byte. The client's number stands before each line, as in `12| `. So a line in one
    /// request is one line on the screen.
    @Method(1) func write(_ text: Bytes<160>) throws(SerialError)

    /// Waits until the driver has room for the longest text. Another client may take the room
    /// before the next write. One place among those that wait is kept for the reader.
    @Method(2, .answeredLater) func waitForRoom()

    /// Writes bytes as they are, all or none: so a line of the log, the longest with its head, is
    /// one line on the screen.
    ///
    /// - Parameter isEdited: they belong to a line under work.
    /// - Returns: how often a line under work was replaced.
    @Method(3, .restricted) func writeRaw(
        _ bytes: Bytes<288>, isEdited: Bool
    ) throws(SerialError) -> UInt64

    /// Releases the bytes before number `first`, and waits for at least one byte from there on. It
    /// also returns if a line under work was replaced, and if the client reads again. One task
    /// reads at a time: another is refused until the first has not asked for three seconds.
    ///
    /// The driver keeps each byte until it is released. A client whose call ended with `peerDied`
    /// reads again with the same number, and gets each byte once.
    ///
    /// - Parameters:
    ///   - first: `.max`, or another number that is no byte's, releases nothing: the oldest byte is
    ///     read.
    ///   - replacements: how often a line under work was replaced, as far as the client knows. If
    ///     it was more often, the method returns at once.
    @Method(4, .answeredLater, .restricted) func read(
        from first: UInt64, replacements: UInt64
    ) throws(SerialError) -> ReceivedBytes

    /// Releases the bytes before number `first`, as `read` does, and waits for none. A client that
    /// dies while it does what they say is not told them again.
    @Method(5, .restricted) func release(before first: UInt64) throws(SerialError)

    /// Counts of the line.
    @Method(6, .restricted) func state() -> SerialState
}

/// What a read brings.
@Message public struct ReceivedBytes: Sendable {
    /// The number of the first byte. Bytes are counted from 0.
    public var first: UInt64
    /// None if a line under work was replaced.
    public var bytes: Bytes<32>
    /// How often a line under work was replaced.
    public var replacements: UInt64

    public init(first: UInt64, bytes: Bytes<32>, replacements: UInt64) {
        self.first = first
        self.bytes = bytes
        self.replacements = replacements
    }
}

/// Counts of a serial line. The first two go on when the driver is restarted.
@Message public struct SerialState: Sendable {
    /// Bytes.
    public var received: UInt64
    /// Bytes.
    public var sent: UInt64
    /// How often bytes were lost because the device was full.
    public var overruns: UInt64
    /// Bytes that were dropped because they were damaged.
    public var damaged: UInt64
    /// How often the line was low for longer than a byte.
    public var breaks: UInt64

    public init(
        received: UInt64, sent: UInt64, overruns: UInt64, damaged: UInt64, breaks: UInt64
    ) {
        self.received = received
        self.sent = sent
        self.overruns = overruns
        self.damaged = damaged
        self.breaks = breaks
    }
}

/// Why the driver of a line refuses a request.
@Message public enum SerialError: UInt16, ServiceError {
    /// There is no room for the text. `waitForRoom` waits for it.
    case full
    /// Another task reads, and has asked within the last three seconds.
    case taken

    public var text: StaticString {
        switch self {
        case .full: "the serial line has no room for the text"
        case .taken: "another task reads the serial line"
        }
    }
}

extension SerialClient {
    /// Bytes of one request `write`.
    public static var maximumWrite: Int { 160 }
    /// Bytes of one request `writeRaw`.
    public static var maximumRawWrite: Int { 288 }
}
