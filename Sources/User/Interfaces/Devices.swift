// The device manager's service: what the machine has.
//
// A listing is made in pieces, as they are asked for: each request costs what its piece does,
// however large the tree is.

/// The devices of the machine, from its device tree. The device manager answers once it has started
/// the drivers.
@Service(version: 1)
public protocol Devices {
    /// Writes a piece of the device tree as text. `position` is the number of bytes that the client
    /// has read so far, and 0 starts anew. The device manager keeps how far each task has read, so
    /// a task reads one listing at a time. `text` has room for `DevicesError.pieceBytes`. Each
    /// piece but the last has at least one byte.
    @Method(1) func tree(
        from position: UInt64, into text: borrowing LentForWriting<UInt8>
    ) throws(DevicesError) -> TextPiece

    /// The same for the list of devices and their drivers.
    @Method(2) func list(
        from position: UInt64, into text: borrowing LentForWriting<UInt8>
    ) throws(DevicesError) -> TextPiece

    /// Writes a part of the kernel's command line, from its byte `start` on: as much as `text` has
    /// room for, and at most `DevicesError.pieceBytes`.
    @Method(3) func commandLine(
        from start: UInt64, into text: borrowing LentForWriting<UInt8>
    ) throws(DevicesError) -> CommandLinePart

    /// Describes a light, 0 to 63. Behind the last it throws `noSuchLight`.
    @Method(4) func light(_ index: UInt8) throws(DevicesError) -> Light
}

/// A piece of a listing.
@Message public struct TextPiece: Equatable, Sendable {
    /// Bytes that were written.
    public var bytes: UInt32
    /// Whether the text ends here.
    public var isLast: Bool

    public init(bytes: UInt32, isLast: Bool) {
        self.bytes = bytes
        self.isLast = isLast
    }
}

/// A part of the command line.
@Message public struct CommandLinePart: Equatable, Sendable {
    /// Bytes that were written.
    public var bytes: UInt32
    /// Bytes of the whole.
    public var whole: UInt64

    public init(bytes: UInt32, whole: UInt64) {
        self.bytes = bytes
        self.whole = whole
    }
}

/// A light of the board, which hangs on a pin.
@Message public struct Light: Sendable {
    public var name: FixedString<32>
    public var pin: UInt32
    /// Whether the light shines while the pin is low.
    public var isActiveLow: Bool
    public var holder: PinHolder
    /// The number of the bank's driver, if it has one: 0 is the first.
    public var driver: UInt16
    /// The bank's name. If it has no driver, its kind.
    public var bank: FixedString<32>

    public init(
        name: FixedString<32>, pin: UInt32, isActiveLow: Bool, holder: PinHolder, driver: UInt16,
        bank: FixedString<32>
    ) {
        self.name = name
        self.pin = pin
        self.isActiveLow = isActiveLow
        self.holder = holder
        self.driver = driver
        self.bank = bank
    }
}

/// Which part of the system has a pin.
@Message public enum PinHolder: UInt8, Sendable {
    /// A driver of pins.
    case driver
    /// The board's firmware.
    case firmware
    /// No driver of the system.
    case none
}

/// Why the device manager refuses a request.
@Message public enum DevicesError: UInt16, ServiceError {
    /// Too little memory was lent, or it cannot be written.
    case memory = 1
    /// The client's last piece of this listing did not end there.
    case otherPlace
    case noSuchLight
    /// The device tree was refused.
    case noTree

    /// Bytes of the longest piece of a listing, or of the command line.
    public static var pieceBytes: Int { 1024 }
    /// Pieces of the largest tree, of two MiB, and of the longest list, of 2,048 devices: there are
    /// never more.
    public static var treePieces: Int { 65_536 }
    public static var listPieces: Int { 2_048 }
    /// The device manager knows no more lights.
    public static var maximumLights: UInt8 { 64 }

    public var text: StaticString {
        switch self {
        case .memory: "the device manager cannot write there"
        case .otherPlace: "the device manager has lost its place"
        case .noSuchLight: "no such light"
        case .noTree: "the device tree was refused"
        }
    }
}
