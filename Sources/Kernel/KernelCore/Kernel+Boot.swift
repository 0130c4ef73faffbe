// Boot: makes the root task's objects before any thread runs, and gives it the rest of memory as
// untyped capabilities.
//
// The objects lie in memory that the boot code hands over for good (`BootMemory`), and are never
// reclaimed. The mappings made here (segments, stack, IPC buffer, information, bundle, device
// tree) have no frame capabilities, and stay for good too.

import HardwareInterface
import KernelABI

/// Physical memory that boot takes from, in ascending order.
public struct BootMemory {
    public var next: UInt64
    public let end: UInt64
    public init(base: UInt64, end: UInt64) {
        next = base
        self.end = end
    }
    /// Takes aligned memory.
    ///
    /// - Returns: its physical address; nil if too little is left.
    public mutating func take(_ bytes: UInt64, alignment: UInt64) -> UInt64? {
        let at = (next &+ alignment &- 1) & ~(alignment &- 1)
        if at > end || bytes > end &- at { return nil }
        next = at &+ bytes
        return at
    }
}

/// A range of physical memory.
public struct PhysicalRange {
    public var base: UInt64
    public var size: UInt64
    public init(base: UInt64, size: UInt64) {
        self.base = base
        self.size = size
    }
}

/// The input of `makeRootTask`.
public struct BootRequest {
    public var bundle: PhysicalRange
    /// The device tree, page-aligned: in place, or a copy.
    public var deviceTree: PhysicalRange
    public var counterFrequency: UInt64
    public var console: UInt64
    public var ramBytes: UInt64
    /// The most regions that the root task gets.
    public var regions: Int
    public init(
        bundle: PhysicalRange, deviceTree: PhysicalRange, counterFrequency: UInt64, console: UInt64,
        ramBytes: UInt64, regions: Int = RootLayout.fewestRegions
    ) {
        self.regions = regions
        self.bundle = bundle
        self.deviceTree = deviceTree
        self.counterFrequency = counterFrequency
        self.console = console
        self.ramBytes = ramBytes
    }
}

/// The failure to make the root task.
public enum BootError: Error {
    /// Too little memory for the root task's objects.
    case memory
    /// The bundle is missing or does not describe a root task.
    case bundle
    /// A type does not have the layout that the assembly relies on.
    case layout
}

/// The layout of the root task's address space.
public enum RootLayout {
    public static var stackTop: UInt64 { 0x4000_0000 }
    public static var stackBytes: UInt64 { BootInformation.stackBytes }
    public static var ipcBuffer: UInt64 { 0x4000_1000 }
    public static var information: UInt64 { 0x4000_2000 }
    public static var deviceTree: UInt64 { 0x5000_0000 }
    public static var bundle: UInt64 { 0x6000_0000 }
    public static var firstFree: UInt64 { 0x8000_0000 }
    /// The number of regions that one page of information has room for.
    public static var fewestRegions: Int {
        (4096 - MemoryLayout<BootInformation>.size - MemoryLayout<UInt64>.size)
            / MemoryLayout<UntypedRegion>.stride
    }
    /// The binary logarithm of the number of slots: for the regions, for what the root task needs
    /// to list them, and 3,840 more.
    static func tableBits(regions: Int) -> Int {
        var bits = 12
        while 1 << bits < regions &+ regions / 128 &+ 3840 { bits &+= 1 }  // at most 12 rounds
        return bits
    }
    /// Bytes of the information: whole pages.
    static func informationBytes(regions: Int) -> UInt64 {
        let bytes =
            MemoryLayout<BootInformation>.size &+ regions &* MemoryLayout<UntypedRegion>.stride
            &+ MemoryLayout<UInt64>.size
        return UInt64(truncatingIfNeeded: (bytes &+ 4095) & ~4095)
    }
    /// Bytes that the root task's objects take for more regions than `fewestRegions`.
    public static func bytes(regions: Int) -> UInt64 {
        let table = (64 << tableBits(regions: regions)) &- (64 << tableBits(regions: fewestRegions))
        let descriptors = (regions &- fewestRegions) &* Footprint.descriptor(.untyped)
        let bytes = UInt64(truncatingIfNeeded: (table &+ descriptors &+ 4095) & ~4095)
        return bytes &+ informationBytes(regions: regions) &- 4096
    }
}

extension PhysicalRange {
    /// The number of regions that the range is given away in.
    ///
    /// - Complexity: O(1) for each region.
    public var untypedRegions: Int {
        var rest = self
        var count = 0
        while rest.takeRegion() != nil { count &+= 1 }  // at most two for each bit of the size
        return count
    }
    /// Takes the largest naturally aligned power of two of pages from the start.
    ///
    /// - Returns: its address, and the binary logarithm of its size; nil if no page is left.
    mutating func takeRegion() -> (base: UInt64, sizeBits: Int)? {
        let at = (base &+ 4095) & ~4095
        let end = (base &+ size) & ~4095
        if at >= end { return nil }
        var bits = min(at == 0 ? 38 : at.trailingZeroBitCount, 38)
        while 1 << UInt64(truncatingIfNeeded: bits) > end &- at { bits -= 1 }  // at most 26
        base = at &+ 1 << UInt64(truncatingIfNeeded: bits)
        size = end &- base
        return (at, bits)
    }
}

/// The root task under construction.
public struct RootTask: ~Copyable {
    public var memory: BootMemory
    let thread: Ref<Thread>
    let table: Ref<CapabilityTable>
    let space: Ref<AddressSpace>
    let asidPool: Ref<ASIDPool>
    let information: Ref<BootInformation>
    /// The most regions that it is told of.
    let regions: Int
    var untypedCount = 0
}

extension Kernel where H: ~Copyable {
    /// Makes the root task with its segments, stack, IPC buffer and information. `finishBoot`
    /// lets it run.
    public mutating func makeRootTask(_ request: BootRequest, memory: consuming BootMemory)
        throws(BootError)
        -> RootTask
    {
        var memory = memory
        let tableBits = RootLayout.tableBits(regions: request.regions)
        let tableBytes = Footprint.descriptor(.capabilityTable, sizeBits: tableBits)
        let tablePlace = try unsafe take(&memory, tableBytes)
        // Safety: zeroed memory of the kind's size, taken for this object.
        unsafe tablePlace.bindMemory(to: CapabilityTable.self, capacity: 1).initialize(
            to: CapabilityTable(
                header: ObjectHeader(.capabilityTable, size: tableBytes),
                count: 1 << tableBits))
        let rootTable = try takePage(&memory)
        let pool = unsafe reference(
            try take(&memory, Footprint.descriptor(.asidPool)), as: ASIDPool.self)
        pool.pointee.header.kind = .asidPool
        shared.pointee.asidRanges[0] |= 1
        // ASID 0 is the kernel's.
        pool.pointee.used = 1
        let space = unsafe reference(
            try take(&memory, Footprint.descriptor(.addressSpace)), as: AddressSpace.self)
        space.pointee.header.kind = .addressSpace
        space.pointee.rootPhysical = rootTable
        assignASID(to: space, from: pool)
        let thread = unsafe reference(
            try take(&memory, Footprint.descriptor(.thread)), as: Thread.self)
        thread.header.pointee.kind = .thread
        initializeThread(thread)
        let informationBytes = RootLayout.informationBytes(regions: request.regions)
        let informationPages = try takePages(&memory, informationBytes)
        let information = unsafe reference(
            hardware.kernelAddress(physical: informationPages), as: BootInformation.self)
        information.pointee = BootInformation()
        var root = unsafe RootTask(
            memory: memory, thread: thread,
            table: reference(tablePlace, as: CapabilityTable.self), space: space, asidPool: pool,
            information: information, regions: request.regions)
        if !isLayoutSound(root.thread) { throw .layout }
        makeFirstCapabilities(root)
        try mapRoot(
            &root, PhysicalRange(base: informationPages, size: informationBytes),
            at: RootLayout.information, .read)
        try mapImage(&root, request)
        try prepareThread(&root, request)
        return root
    }

    private func makeFirstCapabilities(_ root: borrowing RootTask) {
        root.table.slot(Int(RootSlot.table.index)).makeFirst(
            of: root.table.rebound(to: ObjectHeader.self), kind: .capabilityTable)
        root.table.slot(Int(RootSlot.addressSpace.index)).makeFirst(
            of: root.space.rebound(to: ObjectHeader.self), kind: .addressSpace)
        root.table.slot(Int(RootSlot.asidPool.index)).makeFirst(
            of: root.asidPool.rebound(to: ObjectHeader.self), kind: .asidPool)
        root.table.slot(Int(RootSlot.thread.index)).makeFirst(of: root.thread.header, kind: .thread)
    }

    /// Gives the root task the capabilities of the authorities.
    ///
    /// - Precondition: the kernel's state is at its final address, since the authorities are part
    ///   of it.
    public mutating func grantAuthorities(_ root: borrowing RootTask) {
        let system = unsafe withUnsafeMutablePointer(to: &shared.pointee.systemControl.header) {
            unsafe Ref<ObjectHeader>($0)
        }
        let interrupt = unsafe withUnsafeMutablePointer(to: &shared.pointee.interruptControl.header)
        {
            unsafe Ref<ObjectHeader>($0)
        }
        root.table.slot(Int(RootSlot.systemControl.index)).makeFirst(
            of: system, kind: .systemControl)
        root.table.slot(Int(RootSlot.interruptControl.index)).makeFirst(
            of: interrupt, kind: .interruptControl)
        let asid = unsafe withUnsafeMutablePointer(to: &shared.pointee.asidControl.header) {
            unsafe Ref<ObjectHeader>($0)
        }
        root.table.slot(Int(RootSlot.asidControl.index)).makeFirst(of: asid, kind: .asidControl)
    }

    /// Maps the bundle, the root segments within it and the device tree.
    private mutating func mapImage(
        _ root: inout RootTask, _ request: BootRequest
    ) throws(BootError) {
        let bundle = unsafe reference(
            hardware.kernelAddress(physical: request.bundle.base), as: BundleHead.self)
        if request.bundle.size < 4096 || bundle.pointee.words[0] != Bundle.magic
            || bundle.pointee.words[1] > request.bundle.size || bundle.pointee.words[2] > 4
        {
            throw .bundle
        }
        let size = (bundle.pointee.words[1] &+ 4095) & ~4095
        for index in 0..<Int(truncatingIfNeeded: bundle.pointee.words[2]) {  // at most 4
            let first = 4 &+ 4 &* index
            let offset = bundle.pointee.words[first]
            let address = bundle.pointee.words[first &+ 1]
            let bytes = bundle.pointee.words[first &+ 2]
            let rights = Rights(raw: UInt8(truncatingIfNeeded: bundle.pointee.words[first &+ 3]))
            if (offset | address | bytes) & 4095 != 0 || offset > size || bytes > size &- offset
                || address >= RootLayout.stackTop &- RootLayout.stackBytes
                || rights.contains(.write | .execute)
            {
                throw .bundle
            }
            try mapRoot(
                &root, PhysicalRange(base: request.bundle.base &+ offset, size: bytes), at: address,
                rights)
            if rights.contains(.execute) {
                unsafe hardware.maintainCache(
                    .unifyInstructions,
                    hardware.kernelAddress(physical: request.bundle.base &+ offset),
                    bytes: Int(truncatingIfNeeded: bytes))
            }
        }
        try mapRoot(
            &root, PhysicalRange(base: request.bundle.base, size: size), at: RootLayout.bundle,
            .read)
        let treeBytes = (request.deviceTree.size &+ 4095) & ~4095
        try mapRoot(
            &root, PhysicalRange(base: request.deviceTree.base, size: treeBytes),
            at: RootLayout.deviceTree, .read)
        root.thread.pointee.context.programCounter = bundle.pointee.words[3]
        root.information.pointee.bundleAddress = RootLayout.bundle
        root.information.pointee.bundleSize = bundle.pointee.words[1]
        root.information.pointee.deviceTreeAddress = RootLayout.deviceTree
        root.information.pointee.deviceTreeSize = request.deviceTree.size
    }

    private mutating func prepareThread(_ root: inout RootTask, _ request: BootRequest)
        throws(BootError)
    {
        let buffer = try takePage(&root.memory)
        try mapRoot(
            &root, PhysicalRange(base: buffer, size: 4096), at: RootLayout.ipcBuffer, .read | .write
        )
        let stack = try takePages(&root.memory, RootLayout.stackBytes)
        try mapRoot(
            &root, PhysicalRange(base: stack, size: RootLayout.stackBytes),
            at: RootLayout.stackTop &- RootLayout.stackBytes, .read | .write)
        let thread = root.thread
        _ = thread.tableSlot.derive(
            from: root.table.slot(Int(RootSlot.table.index)), rights: .all, badge: 0,
            placement: .child)
        _ = thread.spaceSlot.derive(
            from: root.table.slot(Int(RootSlot.addressSpace.index)), rights: .all, badge: 0,
            placement: .child)
        refreshParts(thread)
        thread.pointee.buffer = unsafe reference(
            hardware.kernelAddress(physical: buffer), as: BufferPage.self)
        thread.pointee.context.stackPointer = RootLayout.stackTop
        thread.pointee.context.threadPointer = IPCBuffer.threadPointer(RootLayout.ipcBuffer)
        thread.pointee.context.x.0 = RootLayout.information
        thread.pointee.maximum = 255
        thread.pointee.ownBase = 254
        thread.pointee.base = 254
        thread.pointee.scheduling.effective = 254
        root.information.pointee.abiVersion = abiVersion
        counterFrequency = request.counterFrequency
        root.information.pointee.counterFrequency = request.counterFrequency
        root.information.pointee.consoleAddress = request.console
        root.information.pointee.ramBytes = request.ramBytes
        root.information.pointee.ipcBufferAddress = RootLayout.ipcBuffer
        root.information.pointee.firstFreeAddress = RootLayout.firstFree
        root.information.pointee.slotCount = UInt64(truncatingIfNeeded: root.table.pointee.count)
    }

    /// Gives a range to the root task as untyped memory: naturally aligned powers of two of at
    /// least a page.
    ///
    /// - Returns: the bytes left out, for which there was no room in the information, or no
    ///   descriptor.
    /// - Complexity: at most two regions for each bit of the range's size.
    public mutating func addUntyped(_ root: inout RootTask, _ range: PhysicalRange, isDevice: Bool)
        -> UInt64
    {
        var rest = range
        while let (at, bits) = rest.takeRegion() {  // once for each region
            let left = rest.size &+ 1 << UInt64(truncatingIfNeeded: bits)
            if root.untypedCount >= root.regions { return left }
            guard let place = try? unsafe take(&root.memory, Footprint.descriptor(.untyped)) else {
                return left
            }
            let object = unsafe reference(place, as: ObjectHeader.self)
            object.pointee.kind = .untyped
            initializeUntyped(
                object.rebound(to: Untyped.self), physical: at, sizeBits: bits, isDevice: isDevice)
            let slot = root.table.slot(Int(RootSlot.firstUntyped.index) &+ root.untypedCount)
            slot.makeFirst(of: object, kind: .untyped)
            list(
                &root,
                UntypedRegion(
                    physicalBase: at, sizeBits: UInt32(truncatingIfNeeded: bits),
                    isDevice: isDevice ? 1 : 0))
        }
        return 0
    }

    /// Gives the root task registers that share a page with the kernel's own. The kernel reads and
    /// writes them for it.
    ///
    /// - Parameter address: the kernel's address of the first register.
    /// - Returns: the bytes left out: all or none.
    public mutating func addRegisters(
        _ root: inout RootTask, _ range: PhysicalRange, mappedAt address: UInt64
    ) -> UInt64 {
        if root.untypedCount >= root.regions { return range.size }
        guard let place = try? unsafe take(&root.memory, Footprint.descriptor(.registers)) else {
            return range.size
        }
        // Safety: zeroed memory of the kind's size, taken for this object.
        unsafe place.bindMemory(to: RegisterWindow.self, capacity: 1).initialize(
            to: RegisterWindow(
                header: ObjectHeader(.registers, size: 0), address: address, bytes: range.size))
        root.table.slot(Int(RootSlot.firstUntyped.index) &+ root.untypedCount).makeFirst(
            of: unsafe reference(place, as: ObjectHeader.self), kind: .registers)
        list(&root, UntypedRegion(physicalBase: range.base, sizeBits: 0, isDevice: 2))
        return 0
    }

    private func list(_ root: inout RootTask, _ region: UntypedRegion) {
        let entry =
            unsafe (root.information.raw + MemoryLayout<BootInformation>.size)
            .assumingMemoryBound(to: UntypedRegion.self) + root.untypedCount
        unsafe entry.initialize(to: region)
        root.untypedCount &+= 1
    }

    /// Completes the information and makes the root task ready: it is the first thread to run.
    public mutating func finishBoot(
        _ root: consuming RootTask, kernelBytes: UInt64, coreCount: UInt64 = 1
    ) {
        root.information.pointee.untypedCount = UInt64(truncatingIfNeeded: root.untypedCount)
        root.information.pointee.firstFreeSlot =
            UInt64(RootSlot.firstUntyped.index) &+ UInt64(truncatingIfNeeded: root.untypedCount)
        root.information.pointee.kernelBytes = kernelBytes
        // Safety: the information has room for a word after the most regions.
        unsafe root.information.raw.storeBytes(
            of: coreCount, toByteOffset: root.information.pointee.coreCountOffset, as: UInt64.self)
        shared.pointee.rootThread = root.thread
        core.lastSwitch = hardware.now.ticks
        core.ready.insert(root.thread)
    }

    // Memory

    private func take(_ memory: inout BootMemory, _ bytes: Int) throws(BootError)
        -> UnsafeMutableRawPointer
    {
        let rounded = UInt64(truncatingIfNeeded: (bytes &+ 63) & ~63)
        guard let at = memory.take(rounded, alignment: 64) else { throw .memory }
        let place = unsafe hardware.kernelAddress(physical: at)
        unsafe hardware.zero(place, bytes: Int(truncatingIfNeeded: rounded))
        return unsafe place
    }

    private func takePage(_ memory: inout BootMemory) throws(BootError) -> UInt64 {
        try takePages(&memory, 4096)
    }
    private func takePages(_ memory: inout BootMemory, _ bytes: UInt64) throws(BootError) -> UInt64
    {
        guard let at = memory.take(bytes, alignment: 4096) else { throw .memory }
        unsafe hardware.zero(
            hardware.kernelAddress(physical: at), bytes: Int(truncatingIfNeeded: bytes))
        return at
    }

    /// Maps pages for good, with the page tables that they need.
    private func mapRoot(
        _ root: inout RootTask, _ range: PhysicalRange, at address: UInt64, _ rights: Rights
    ) throws(BootError) {
        var offset: UInt64 = 0
        while offset < range.size {  // once a page
            var entries: Ref<TableEntries> = unsafe reference(
                hardware.kernelAddress(physical: root.space.pointee.rootPhysical),
                as: TableEntries.self)
            for level in 1...2 {
                let index = PageDescriptor.index(address &+ offset, level: level)
                if !entries.pointee.entries[index].isValid {
                    entries.pointee.entries[index] = .table(try takePage(&root.memory))
                }
                entries = unsafe reference(
                    hardware.kernelAddress(physical: entries.pointee.entries[index].address),
                    as: TableEntries.self)
            }
            entries.pointee.entries[PageDescriptor.index(address &+ offset, level: 3)] = .user(
                range.base &+ offset, .page, rights, .normal)
            offset &+= 4096
        }
        hardware.publishTableEntry()
    }
}

/// The first words of a bundle.
struct BundleHead: ~Copyable {
    var words: InlineArray<64, UInt64>
}

extension Kernel where H: ~Copyable {
    /// Returns whether the types have the sizes and offsets that the interface and the assembly
    /// state.
    private func isLayoutSound(_ thread: Ref<Thread>) -> Bool {
        if MemoryLayout<ASIDPool>.size > Footprint.descriptor(.asidPool) { return false }
        if MemoryLayout<Reply>.size > Footprint.descriptor(.reply) { return false }
        if MemoryLayout<Budget>.size > Footprint.descriptor(.budget) { return false }
        if !Ref<MutexSet>.hasPartsInPlace { return false }
        let sizes =
            MemoryLayout<Capability>.stride == 64 && MemoryLayout<UserContext>.size == 280
            && MemoryLayout<Thread>.size <= Footprint.descriptor(.thread)
            && MemoryLayout<Endpoint>.size <= Footprint.descriptor(.endpoint)
            && MemoryLayout<Timer>.size <= Footprint.descriptor(.timer)
            && MemoryLayout<Interrupt>.size <= Footprint.descriptor(.interrupt)
            && MemoryLayout<Untyped>.size <= Footprint.descriptor(.untyped)
            && MemoryLayout<RegisterWindow>.size <= Footprint.descriptor(.registers)
            && MemoryLayout<Notification>.size <= Footprint.descriptor(.notification)
            && MemoryLayout<AddressSpace>.size <= Footprint.descriptor(.addressSpace)
            && MemoryLayout<CapabilityTable>.size <= Ref<CapabilityTable>.slotOffset
        return sizes && thread.tableSlot.thread == thread && thread.faultSlot.thread == thread
            && thread.hasPartsInPlace && own.hasFlagsInPlace
    }
}
