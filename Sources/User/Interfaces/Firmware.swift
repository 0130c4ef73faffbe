// The service of the board's own firmware: what it knows about the board.

/// What the firmware of the VideoCore knows about the board. Its driver waits for a second at most,
/// and then throws `silent`; other callers wait meanwhile. So a client gives a call more than that.
@Service(version: 1)
public protocol Firmware {
    /// The board's revision code, from which its model and memory follow.
    @Method(1) func boardRevision() throws(FirmwareError) -> UInt32

    /// The board's serial number.
    @Method(2) func serialNumber() throws(FirmwareError) -> UInt64

    /// When the firmware was built, in seconds since 1970.
    @Method(3) func firmwareRevision() throws(FirmwareError) -> UInt32

    /// The address of the board's Ethernet. The lowest byte is the first on the wire.
    @Method(4) func networkAddress() throws(FirmwareError) -> UInt64

    /// The memory of a processor.
    @Method(5) func memory(of owner: FirmwareMemory) throws(FirmwareError) -> MemoryPart

    /// The rate of a clock, in hertz. 0: there is no such clock.
    @Method(6) func rate(of clock: FirmwareClock) throws(FirmwareError) -> UInt32

    /// The chip's temperature, in thousandths of a degree Celsius.
    @Method(7) func temperature() throws(FirmwareError) -> UInt32

    /// The temperature above which the firmware slows the chip down; else as `temperature`.
    @Method(8) func maximumTemperature() throws(FirmwareError) -> UInt32

    /// The level of a pin of the firmware's own expander, 0 to 7.
    @Method(9) func level(ofPin pin: UInt8) throws(FirmwareError) -> Bool

    /// Sets such a pin, one that a light hangs on: the others reset the board, or switch its card
    /// off.
    @Method(10) func set(pin: UInt8, high: Bool) throws(FirmwareError)
}

/// Whose memory.
@Message public enum FirmwareMemory: UInt8 {
    case arm
    case videoCore
}

/// A part of the memory.
@Message public struct MemoryPart: Equatable, Sendable {
    public var start: UInt32
    public var bytes: UInt32

    public init(start: UInt32, bytes: UInt32) {
        self.start = start
        self.bytes = bytes
    }
}

/// A clock, by its number in the firmware's wiki ("Mailbox property interface").
@Message public enum FirmwareClock: UInt8 {
    case emmc = 1
    case uart
    case arm
    case core
    case v3d
    case h264
    case isp
    case sdram
    case pixel
    case pwm
    case hevc
    case emmc2
}

/// Why the firmware's driver refuses a request, or has no answer.
@Message public enum FirmwareError: UInt16, ServiceError {
    /// No task may set this pin, or there is none with that number.
    case notPermitted = 1
    /// The firmware does not know it.
    case unknown = 2
    /// The firmware did not answer in time.
    case silent = 3
    /// The driver has no memory that the firmware reaches.
    case noMemory = 4

    public var text: StaticString {
        switch self {
        case .notPermitted: "not permitted"
        case .unknown: "unknown to the firmware"
        case .silent: "the firmware does not answer"
        case .noMemory: "no memory that the firmware reaches"
        }
    }
}
