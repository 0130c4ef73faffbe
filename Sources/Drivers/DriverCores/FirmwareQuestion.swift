// The questions that the driver puts to the VideoCore's firmware for tasks. The firmware's property
// calls can also run code and hand out memory: those are not among them.

/// A question by its tag (the firmware's wiki, "Mailbox property interface").
public enum FirmwareQuestion: UInt32, Sendable {
    case firmwareRevision = 0x0000_0001
    case boardRevision = 0x0001_0002
    case networkAddress = 0x0001_0003
    case serialNumber = 0x0001_0004
    case armMemory = 0x0001_0005
    case videoCoreMemory = 0x0001_0006
    /// Argument: a clock's number. Answer: the same, and its rate in hertz.
    case clockRate = 0x0003_0002
    /// Argument: 0. Answer: the same, and thousandths of a degree Celsius.
    case temperature = 0x0003_0006
    case maximumTemperature = 0x0003_000a

    /// Values that the answer has.
    public var resultCount: Int {
        switch self {
        case .firmwareRevision, .boardRevision: 1
        case .networkAddress, .serialNumber, .armMemory, .videoCoreMemory, .clockRate, .temperature,
            .maximumTemperature:
            2
        }
    }
}

/// Pins that are not the chip's but the firmware's, behind an expander of its own: the light of a
/// Pi 3 B hangs on one.
public enum FirmwarePin {
    /// Tags. Arguments: the pin's number, from `first` on, and its level. Answer: 0 where the
    /// number stood, and the level.
    public static var get: UInt32 { 0x0003_0041 }
    public static var set: UInt32 { 0x0003_8041 }
    public static var first: UInt32 { 128 }
    public static var count: Int { 8 }

    /// The pins that a task may set, a bit each: the light of a Pi 3 B, 3 B+ or 4 B (Linux's trees
    /// of these boards). The others reset the board or switch the supply of its card, its radio or
    /// its Ethernet.
    static var lights: UInt8 { 1 << 2 }
    /// Whether `pin`, as a caller gave it, may be read; and, of those, set.
    public static func mayRead(_ pin: UInt8) -> Bool { pin < UInt8(count) }
    public static func maySet(_ pin: UInt8) -> Bool { mayRead(pin) && lights & 1 << pin != 0 }
}
