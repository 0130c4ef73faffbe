// Memory that a driver shares with its device: contiguous, at an address that the device knows,
// with the caches' contents moved by hand. It comes from the driver's own untyped memory
// (`untyped_bits`), so it ends with the driver, and what a device still writes there after a driver
// died hits nobody else.

import KernelABI

/// The part of memory that a device reaches: device addresses from `bus` on are physical ones from
/// `physical` on.
public struct DMAWindow: Equatable, Sendable {
    public var bus: UInt64
    public var physical: UInt64
    public var bytes: UInt64

    /// All of memory, at the processor's own addresses.
    public init() { self.init(bus: 0, physical: 0, bytes: ~0) }
    public init(bus: UInt64, physical: UInt64, bytes: UInt64) {
        self.bus = bus
        self.physical = physical
        self.bytes = bytes
    }

    /// The device's address of `length` bytes at a physical one; nil where it does not reach
    /// all of them.
    public func address(of physicalAddress: UInt64, length: UInt64) -> UInt64? {
        if physicalAddress < physical || length > bytes { return nil }
        let offset = physicalAddress - physical
        return offset > bytes - length ? nil : bus &+ offset
    }
}

/// A page shared with a device.
@safe public struct DeviceMemory {
    private let frame: Frame
    public static var bytes: Int { 4096 }
    /// Where the device finds it.
    public let deviceAddress: UInt64

    /// Makes and maps the page, once in a task's life, from its untyped memory: `untyped_bits = 14`
    /// holds it, a page table and both descriptors. Takes the slots `slot` and the next.
    /// - Returns: nil where there is no such memory, or the device does not reach it. Then both
    ///   slots are empty, nothing is mapped, and the memory is whole.
    public init?(_ information: StartInformation, slot: Slot) {
        let untyped = Untyped(StartSlot.untyped)
        do throws(KernelError) {
            deviceAddress = try DeviceMemory.map(untyped, slot, information.memory)
            frame = Frame(slot)
        } catch {
            try? untyped.reclaim()
            return nil
        }
    }

    /// Makes the page and its page table, and maps the page.
    ///
    /// - Returns: the device's address of the page.
    /// - Throws: `invalidArgument` where the device does not reach it.
    private static func map(
        _ untyped: Untyped, _ slot: Slot, _ window: DMAWindow
    ) throws(KernelError) -> UInt64 {
        let space = AddressSpace(StartSlot.addressSpace)
        let table = Slot(slot.index + 1)
        try untyped.retype(.frame, sizeBits: 12, index: slot)
        try untyped.retype(.pageTable, index: table)
        try space.attachTable(table, at: TaskAddress.deviceMemory)
        try space.map(slot, at: TaskAddress.deviceMemory, .read | .write)
        let physical = try Frame(slot).physicalAddress()
        guard let address = window.address(of: physical, length: UInt64(DeviceMemory.bytes)) else {
            throw .invalidArgument
        }
        return address
    }

    /// The page as the task sees it.
    public var words: UnsafeMutableBufferPointer<UInt32> {
        // Safety: the frame is mapped there, for good.
        unsafe UnsafeMutableBufferPointer(
            start: UnsafeMutablePointer(bitPattern: UInt(TaskAddress.deviceMemory)),
            count: DeviceMemory.bytes / 4)
    }

    /// Lets the device see what was written. Also drops the range from the caches: what the device
    /// writes then is read.
    public func giveToDevice(offset: Int = 0, length: Int) {
        cleanAndInvalidate(offset, length)
    }
    /// Lets the task see what the device wrote, also where the processor fetched old lines
    /// meanwhile.
    public func takeFromDevice(offset: Int = 0, length: Int) {
        cleanAndInvalidate(offset, length)
    }
    private func cleanAndInvalidate(_ offset: Int, _ length: Int) {
        orEnd(
            "the device's memory cannot be brought in step with the caches",
            try frame.maintainCache(
                .cleanAndInvalidate, offset: UInt64(offset), length: UInt64(length)))
    }
}
