// The kernel's information for the root task: read-only pages, as many as it takes to list all
// regions. Their address is in x0 when the root task starts.

/// The root task's first slots.
@frozen public enum RootSlot {
    @inlinable public static var table: Slot { Slot(1) }
    @inlinable public static var addressSpace: Slot { Slot(2) }
    @inlinable public static var thread: Slot { Slot(3) }
    @inlinable public static var systemControl: Slot { Slot(4) }
    @inlinable public static var interruptControl: Slot { Slot(5) }
    @inlinable public static var asidControl: Slot { Slot(6) }
    /// The pool that numbers the root task's own address space.
    @inlinable public static var asidPool: Slot { Slot(7) }
    /// `BootInformation.untypedCount` untyped regions follow.
    @inlinable public static var firstUntyped: Slot { Slot(16) }
}

/// One untyped region, in the order of its slots.
@frozen public struct UntypedRegion: Sendable {
    public var physicalBase: UInt64
    public var sizeBits: UInt32
    /// 0: RAM. 1: registers or other memory that is not RAM. 2: no untyped memory, but a capability
    /// to `registers` from `physicalBase` on, in a page of the kernel's.
    public var isDevice: UInt32
    @inlinable public init(physicalBase: UInt64, sizeBits: UInt32, isDevice: UInt32) {
        self.physicalBase = physicalBase
        self.sizeBits = sizeBits
        self.isDevice = isDevice
    }
}

/// The start of the pages; `untypedCount` `UntypedRegion`s follow directly, and then one word: the
/// number of cores that run (`coreCountOffset`).
@frozen public struct BootInformation: Sendable {
    public var magic: UInt64
    public var abiVersion: UInt64
    /// The bundle, mapped read-only.
    public var bundleAddress: UInt64
    public var bundleSize: UInt64
    /// The device tree, mapped read-only.
    public var deviceTreeAddress: UInt64
    public var deviceTreeSize: UInt64
    /// The frequency of the counter, in ticks a second.
    public var counterFrequency: UInt64
    public var untypedCount: UInt64
    /// The slot after the last untyped region. It and all later slots are empty.
    public var firstFreeSlot: UInt64
    /// The number of slots of the root task's table.
    public var slotCount: UInt64
    /// The virtual address from which on the kernel mapped nothing in the root task's address
    /// space.
    public var firstFreeAddress: UInt64
    /// The root task's own IPC buffer.
    public var ipcBufferAddress: UInt64
    /// The physical address of the console that the kernel writes to, or 0.
    public var consoleAddress: UInt64
    public var ramBytes: UInt64
    /// Bytes of RAM that the kernel keeps for itself.
    public var kernelBytes: UInt64

    /// The place of the number of cores that run, from the start. 0 means one core: a task that is
    /// shown a root task's view.
    @inlinable public var coreCountOffset: Int {
        MemoryLayout<BootInformation>.size
            + Int(truncatingIfNeeded: untypedCount) * MemoryLayout<UntypedRegion>.stride
    }
    /// Bytes of the root task's stack, which ends at a multiple of them.
    @inlinable public static var stackBytes: UInt64 { 0x2_0000 }
    @inlinable public static var magic: UInt64 { 0x5357_4946_544c_4554 }  // "SWIFTLET"
    @inlinable public init() {
        magic = BootInformation.magic
        abiVersion = 0
        bundleAddress = 0
        bundleSize = 0
        deviceTreeAddress = 0
        deviceTreeSize = 0
        counterFrequency = 0
        untypedCount = 0
        firstFreeSlot = 0
        slotCount = 0
        firstFreeAddress = 0
        ipcBufferAddress = 0
        consoleAddress = 0
        ramBytes = 0
        kernelBytes = 0
    }
}
