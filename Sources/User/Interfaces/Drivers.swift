// The root task's service `drivers`: what the device manager starts drivers with.

/// Reads the manifest, and starts drivers for devices.
@Service(version: 1)
public protocol Drivers {
    /// Copies the encoded manifest from its byte `start` on, as much as there is room for.
    @Method(1) func manifest(
        from start: UInt64, into bytes: borrowing LentForWriting<UInt8>
    ) throws(RootError) -> ManifestPart

    /// Starts a driver for one device. It is a load, as `start` of `tasks`.
    @Method(2, .answeredLater) func start(_ driver: DriverRequest) throws(RootError)
        -> StartedTask
}

/// A part of the manifest.
@Message public struct ManifestPart: Equatable, Sendable {
    /// Bytes that were copied.
    public var bytes: UInt32
    /// Bytes of the whole.
    public var whole: UInt64

    public init(bytes: UInt32, whole: UInt64) {
        self.bytes = bytes
        self.whole = whole
    }
}

/// A driver, and what of a device it gets.
@Message public struct DriverRequest: Sendable {
    /// The name of the driver's entry in the manifest.
    public var entry: FixedString<32>
    /// The name of the new task.
    public var name: FixedString<32>
    /// The number of the device among those of its kind; 0 is the first.
    public var instance: UInt8
    /// Which of the entry's `compatible` values the device has.
    public var variant: UInt8
    public var registers: Items<DeviceRegisters, 4>
    public var lines: Items<DeviceLine, 4>
    /// The window through which the device reaches memory.
    public var memory: DMAWindow
    /// The root task passes them on as they are: for a bank of pins its reserved pins, a bit each,
    /// and its keys (`PinKey`).
    public var parameters: Items<UInt64, 32>

    public init(
        entry: FixedString<32>, name: FixedString<32>, instance: UInt8, variant: UInt8,
        registers: Items<DeviceRegisters, 4> = Items(), lines: Items<DeviceLine, 4> = Items(),
        memory: DMAWindow = DMAWindow(), parameters: Items<UInt64, 32> = Items()
    ) {
        self.entry = entry
        self.name = name
        self.instance = instance
        self.variant = variant
        self.registers = registers
        self.lines = lines
        self.memory = memory
        self.parameters = parameters
    }
    /// Parameters that a driver has at most.
    public static var maximumParameters: Int { 32 }
}

/// A range of registers.
@Message public struct DeviceRegisters: Sendable {
    /// The physical address.
    public var base: UInt64
    /// Bytes.
    public var size: UInt64

    public init(base: UInt64, size: UInt64) {
        self.base = base
        self.size = size
    }
}

/// An interrupt line.
@Message public struct DeviceLine: Sendable {
    /// The interrupt controller's number.
    public var number: UInt32
    public var isEdge: Bool

    public init(number: UInt32, isEdge: Bool) {
        self.number = number
        self.isEdge = isEdge
    }
}

extension DMAWindow: MessageValue {
    @_transparent public static var words: UInt { 3 }
    public static var shape: UInt64 { InterfaceHash("DMAWindow", version: 1).raw }
    public func put(into message: inout MessageWriter) {
        message.put(bus)
        message.put(physical)
        message.put(bytes)
    }
    public static func take(from message: inout MessageReader) -> DMAWindow? {
        guard let bus = message.takeWord(), let physical = message.takeWord(),
            let bytes = message.takeWord()
        else { return nil }
        return DMAWindow(bus: bus, physical: physical, bytes: bytes)
    }
}
