// The service of a bank of up to 64 pins.

/// Word 0 of requests. Word 0 of a reply is 0, or a `GPIOError`.
public enum GPIORequest {
    /// Reply: 0, levels, directions (1: output), watched pins, a bit each; number of pins.
    public static var read: UInt64 { 1 }
    /// Word 1: pin. Word 2: level. Makes the pin an output.
    public static var write: UInt64 { 2 }
    /// Word 1: pin. Reply: 0, its `PinUse`.
    public static var function: UInt64 { 3 }
    /// Word 1: pin. Word 2: `PinUse`. Word 3: `PinResistor`.
    public static var configure: UInt64 { 4 }
    /// Word 1: pin. Word 2: edges, 1 rising, 2 falling. Word 3: bits. A notification comes with the
    /// call; it is signalled with the bits at such an edge, until the task puts another in its
    /// place, a call of it with no edges ends it, or one of task and driver dies. The pin becomes
    /// an input. Edges that follow each other faster than the driver takes interrupts (sixteen in
    /// each window of a millisecond for all of the bank) are told as one.
    public static var notify: UInt64 { 5 }
}

/// Why the driver refuses a request.
public enum GPIOError: UInt64, Error, Sendable {
    /// No such request, or a word of it has no meaning.
    case badRequest = 1
    case noSuchPin = 2
    /// The pin is a key's, or another task waits for its edges.
    case taken = 3
    case notOfThisBank = 4

    public var text: StaticString {
        switch self {
        case .badRequest: "the driver of the pins does not know this request"
        case .noSuchPin: "no such pin"
        case .taken: "the pin is a key's or another task's"
        case .notOfThisBank: "this bank of pins cannot do it"
        }
    }
}

/// A key at a pin, as the driver of the bank is told of it when it starts: each such edge is told
/// to the supervisor, and no client gets the pin.
public struct PinKey: Equatable, Sendable {
    public var pin: UInt32
    /// Linux's code of the key, not 0.
    public var code: UInt32
    /// The press is the falling edge.
    public var isFalling: Bool

    public init(pin: UInt32, code: UInt32, isFalling: Bool) {
        self.pin = pin
        self.code = code
        self.isFalling = isFalling
    }

    /// As a parameter of the driver: the pin in bits 0–30, the edge in bit 31, the code above.
    public init(word: UInt64) {
        pin = UInt32(truncatingIfNeeded: word & 0x7fff_ffff)
        isFalling = word & 1 << 31 != 0
        code = UInt32(truncatingIfNeeded: word >> 32)
    }
    public var word: UInt64 {
        UInt64(pin & 0x7fff_ffff) | (isFalling ? 1 << 31 : 0) | UInt64(code) << 32
    }
}

/// What a pin is used for.
@frozen public enum PinUse: UInt64, Sendable {
    case input = 0
    case output = 1
    /// A function of the chip; which one, its manual says.
    case alternative0 = 2
    case alternative1 = 3
    case alternative2 = 4
    case alternative3 = 5
    case alternative4 = 6
    case alternative5 = 7
}

/// The resistor at a pin.
@frozen public enum PinResistor: UInt64, Sendable {
    /// As it is.
    case unchanged = 0
    case none = 1
    case up = 2
    case down = 3
}
