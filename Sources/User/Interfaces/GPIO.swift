// The service of a bank of up to 64 pins.

/// A bank of up to 64 pins. `opens = ["gpio:17,20-22"]` gives a client these pins alone: a method
/// that names another is `notPermitted` to it. `state` shows all pins to each client.
///
/// Keys, pins that the device tree gives to a device, and pins whose edges another task waits for
/// are `taken`: nobody else sets, configures or watches them.
@Service(version: 1)
public protocol GPIO {
    /// All pins of the bank.
    @Method(1) func state() -> PinStates

    /// Makes a pin an output at a level.
    @Method(2) func set(_ pin: Pin, high: Bool) throws(GPIOError)

    /// Returns the use of a pin.
    @Method(3) func function(of pin: Pin) throws(GPIOError) -> PinUse

    /// Gives a pin a use and a resistor.
    @Method(4) func configure(
        _ pin: Pin, as use: PinUse, _ resistor: PinResistor
    ) throws(GPIOError)

    /// Makes a pin an input, and signals `bits` of a notification at each such edge. It ends with
    /// `end`, with the client, or with the driver: a client that opened the service with bits of
    /// its own notification hears of that, and watches anew.
    ///
    /// Edges that follow each other faster than the driver takes interrupts (sixteen in each window
    /// of a millisecond for all of the bank) are told as one.
    @Method(5) func watch(
        _ pin: Pin, _ edges: PinEdges, _ bell: consuming HandedOver<Notification>, bits: UInt64
    ) throws(GPIOError)

    /// Ends the watch of a pin, which keeps its use.
    @Method(6) func end(_ pin: Pin) throws(GPIOError)
}

/// A pin of a bank, by its number.
public struct Pin: Resource, Equatable, Sendable {
    public let number: UInt8
    public init(number: UInt8) { self.number = number }
}

/// A bit for each pin.
@Message public struct PinStates: Sendable {
    /// The pins that are high.
    public var levels: UInt64
    public var outputs: UInt64
    /// The pins whose edges interrupt: keys, and those that clients watch.
    public var watched: UInt64
    /// The number of the bank's pins.
    public var count: UInt8

    public init(levels: UInt64, outputs: UInt64, watched: UInt64, count: UInt8) {
        self.levels = levels
        self.outputs = outputs
        self.watched = watched
        self.count = count
    }
}

/// The use of a pin.
@Message public enum PinUse: UInt8, Sendable {
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
@Message public enum PinResistor: UInt8, Sendable {
    /// As it is.
    case unchanged = 0
    case none = 1
    case up = 2
    case down = 3
}

/// The edges that a client watches.
@Message public enum PinEdges: UInt8, Sendable {
    case rising = 1
    case falling = 2
    case both = 3
}

/// Why the driver of a bank refuses a request.
@Message public enum GPIOError: UInt16, ServiceError {
    case noSuchPin = 2
    /// The pin is a key's, or a device's, or another task waits for its edges.
    case taken = 3
    case notOfThisBank = 4
    /// The notification could not be kept.
    case notKept = 5

    public var text: StaticString {
        switch self {
        case .noSuchPin: "no such pin"
        case .taken: "the pin is a key's, a device's or another task's"
        case .notOfThisBank: "this bank of pins cannot do it"
        case .notKept: "the driver of the pins cannot keep the notification"
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
