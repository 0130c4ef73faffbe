// The service of the board's own firmware: what it knows about the board.

/// Word 0 of requests.
public enum FirmwareRequest {
    /// Word 1: tag of a property call that asks and changes nothing. Word 2: its argument. Reply:
    /// 0, number of values (0 to 2), the values; or a `FirmwareError`.
    public static var ask: UInt64 { 1 }
    /// Word 1: a pin of the firmware's own expander, 0 to 7. Reply: 0, its level; or a
    /// `FirmwareError`.
    public static var pin: UInt64 { 2 }
    /// Word 1: such a pin, one that a light hangs on; `notPermitted` for the others. Word 2: its
    /// level from now on. Reply: as above.
    public static var setPin: UInt64 { 3 }
}

/// Word 0 of a reply that is none.
@frozen public enum FirmwareError: UInt64, Error, Sendable {
    /// No question that a task may put.
    case notPermitted = 1
    /// The firmware does not know it.
    case unknown = 2
    /// The firmware did not answer in time.
    case silent = 3
    /// The driver has no memory that the firmware reaches.
    case noMemory = 4
}

extension FirmwareError {
    /// The error in words.
    public var text: StaticString {
        switch self {
        case .notPermitted: "not permitted"
        case .unknown: "unknown to the firmware"
        case .silent: "the firmware does not answer"
        case .noMemory: "no memory that the firmware reaches"
        }
    }
}
