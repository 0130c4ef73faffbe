// The service of a device that keeps blocks, such as a memory card. Data move through memory that
// the client lends: both need no shared frame, and the driver no more memory than its own page.

/// The blocks of a medium, such as a memory card. Each driver gives the service by a name of its
/// own. It answers a request in 2.4 s at most from when it takes it. `BlockDevice` waits that long,
/// and makes transfers of any length.
@Service(version: 1)
public protocol Block {
    /// Describes the medium. If the driver knows none, it probes for one.
    @Method(1) func information() throws(BlockError) -> Medium

    /// Reads the blocks from `first` on into `bytes`: as many as have room there, 1 to 8. If the
    /// medium lacks one of them, none is read. `medium` is its number.
    @Method(2) func read(
        from first: UInt64, of medium: UInt64, into bytes: borrowing LentForWriting<UInt8>
    ) throws(BlockError)

    /// Writes `bytes` to the blocks from `first` on; else as `read`. After an error the state of
    /// these blocks is unknown.
    @Method(3, .restricted) func write(
        at first: UInt64, of medium: UInt64, from bytes: borrowing LentForReading<UInt8>
    ) throws(BlockError)
}

/// A medium.
@Message public struct Medium: Equatable, Sendable {
    /// Never 0. No other medium gets the same number, nor this one after it was taken out.
    public var number: UInt64
    /// Its size in blocks.
    public var blocks: UInt64
    public var isReadOnly: Bool

    public init(number: UInt64, blocks: UInt64, isReadOnly: Bool) {
        self.number = number
        self.blocks = blocks
        self.isReadOnly = isReadOnly
    }

    /// Bytes of a block, of every medium.
    public static var blockBytes: Int { 512 }
    /// Blocks of one request: other callers wait for no more than that.
    public static var blocksAtOnce: Int { 8 }
    /// Milliseconds in which a driver answers a request, from when it takes it
    /// (docs/reference/block-service.md).
    public static var bound: UInt64 { 2_400 }
}

/// Why blocks could not be read or written.
@Message public enum BlockError: UInt16, ServiceError {
    /// The slot is empty, or the medium that the request names was taken out in the meantime.
    case noMedium = 1
    /// The medium does not answer in time.
    case timeOut
    /// A checksum was wrong on the way.
    case checksum
    /// A medium that the driver does not know.
    case unsupported
    /// The medium lacks one of the blocks.
    case outOfRange
    /// The medium is write-protected.
    case readOnly
    /// The medium answers, and could not do it: a bad sector.
    case badBlock
    /// Not 1 to 8 whole blocks, or memory that the client cannot lend.
    case badRequest

    public var text: StaticString {
        switch self {
        case .noMedium: "no card"
        case .timeOut: "the card does not answer in time"
        case .checksum: "a checksum was wrong on the way"
        case .unsupported: "no memory card that the driver knows"
        case .outOfRange: "the card has no such block"
        case .readOnly: "the card is write-protected"
        case .badBlock: "the card could not read or write the block"
        case .badRequest: "the driver refuses the request"
        }
    }
}
