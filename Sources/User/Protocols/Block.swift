// The service of a device that keeps blocks: a memory card. Data move through memory that
// the caller lends, so that a client needs no shared frame, and the driver never more than
// its own page.

/// Word 0 of requests. Word 0 of the reply is 0 or a `BlockError`.
public enum BlockRequest {
    /// Looks for the medium where none is known. Reply: 0, bytes of a block, number of blocks, 1
    /// where they cannot be written, the medium's number: never 0, and no other medium gets it, nor
    /// this one after it was out.
    public static var information: UInt64 { 1 }
    /// Word 1: first block. Word 2: how many, 1 to `maximumCount`. Word 3: the medium's number. The
    /// caller lends that many blocks' bytes for writing, and finds the data there. Reply: 0 or what
    /// went wrong. Where the medium lacks one of the blocks, none is moved.
    public static var read: UInt64 { 2 }
    /// The same with data that the caller lends for reading. After an error the state of the blocks
    /// is unknown.
    public static var write: UInt64 { 3 }
    /// Milliseconds in which a request is answered, from when the driver takes it
    /// (docs/reference/block-service.md).
    public static var bound: UInt64 { 2_400 }
    /// Blocks of one request: other callers wait for no more than this.
    public static var maximumCount: UInt64 { 8 }
    /// Bytes of a block, for every medium.
    public static var blockBytes: UInt64 { 512 }
}

/// Why blocks could not be read or written.
public enum BlockError: UInt64, Error, Sendable {
    /// The slot is empty, or the medium that the request names was taken out in the meantime.
    case noMedium = 1
    case timeOut
    case checksum
    /// A medium that the driver does not know.
    case unsupported
    case outOfRange
    case readOnly
    /// The medium answers, and could not do it: a bad sector.
    case badBlock
    /// No such request, a count that is not allowed, too little memory lent, or none any more.
    case badRequest

    /// For people.
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
