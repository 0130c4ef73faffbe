// Boot in Swift: reads the device tree, maps memory, starts the drivers and makes the root task.

import AArch64
import CAArch64
import DeviceTree
import HardwareInterface
import KernelABI
import KernelCore
import PlatformDrivers

/// Boots the kernel. Boot.S enters here at the kernel's own address, with floating point on and all
/// exceptions masked.
///
/// - Parameters:
///   - treeAddress: physical address of a possible device tree; all ones if there is none.
///   - image: physical address of the image.
///   - level: exception level at entry, 1 or 2.
///   - entryTicks: the counter at entry.
@c(KernelImage_main)
func kernelMain(_ treeAddress: UInt64, _ image: UInt64, _ level: UInt64, _ entryTicks: UInt64) {
    do throws(BootFailure) {
        var boot = try BootState(
            treeAddress: treeAddress, image: image, level: level, entryTicks: entryTicks)
        try boot.makePlaces()
        boot.findMemory()
        boot.announce()
        try BootState.checkLayout()
        try boot.mapMemory()
        try boot.startMachine()
        try boot.startCores()
        try boot.makeRootTask()
    } catch {
        panic(error.reason)
    }
    swiftlet_leave_boot()
}

extension BootFailure {
    init(_ error: BootError) {
        switch error {
        case .memory: self.init("too little memory for the root task")
        case .bundle: self.init("no bundle with a root task follows the kernel")
        case .layout: self.init("a type does not have the layout that the assembly relies on")
        }
    }
}

/// The place of a device's registers in a page of the kernel's.
struct RegisterWindowPlace {
    var range = PhysicalRange(base: 0, size: 0)
    var address: UInt64 = 0
}

/// The state of boot. It is large: its methods are `mutating`, so that none copies it.
struct BootState: ~Copyable {
    let processor = Processor()
    let image: PhysicalRange
    let level: UInt64
    let entryTicks: UInt64
    let tree: DeviceTree
    let treeAddress: UInt64
    /// Whether the tree's pages are in the linear mapping, as memory must be that user code sees
    /// and may lend.
    var isTreeMapped = false
    var machine: MachineDescription
    let console: KernelConsole
    var map: KernelMap
    /// RAM, and later its free part.
    var free: MemoryMap
    /// Registers to hand out; ranges that are not handed out as registers.
    var devices: MemoryMap
    var kept: MemoryMap
    /// RAM for longer lists and more page tables: its start holds the lists.
    var room = PhysicalRange(base: 0, size: 0)
    /// The mapped addresses of the machine's `distributor` and `interface`.
    var controllerAddresses: (distributor: UInt64, interface: UInt64) = (0, 0)
    /// Registers of other devices in those pages, and the addresses at which they are mapped.
    var windows = InlineArray<8, RegisterWindowPlace>(repeating: RegisterWindowPlace())
    var windowCount = 0
    var ramBytes: UInt64 = 0
    /// The cores that run, and the memory of their blocks.
    var coreCount: UInt64 = 1
    var coreBytes: UInt64 = 0
    /// The physical address of the next core's root table.
    var ownRoot: UInt64 = 0
    /// Whether the next core's block is mapped; whether a core was asked to start and did not come;
    /// whether one came and did not go on.
    var isBlockFree = false
    var neverCame = false
    var isStuck = false
    /// The bundle of tasks: the initial RAM disk, or the data after the image.
    var bundle = PhysicalRange(base: 0, size: 0)

    init(
        treeAddress: UInt64, image: UInt64, level: UInt64, entryTicks: UInt64
    ) throws(BootFailure) {
        var map = KernelMap(imagePhysical: image)
        let end = unsafe map.physical(swiftlet_image_end_address())
        self.image = PhysicalRange(base: image, size: end - image)
        self.level = level
        self.entryTicks = entryTicks
        self.treeAddress = treeAddress
        var places = BootPlaces()
        machine = unsafe MachineDescription(
            memory: places.take(BootPlaces.memory), reserved: places.take(BootPlaces.reserved))
        free = unsafe MemoryMap(places.take(BootPlaces.pieces), whenFull: .leaveOut)
        kept = unsafe MemoryMap(places.take(BootPlaces.pieces), whenFull: .widen)
        devices = unsafe MemoryMap(places.take(BootPlaces.devices), whenFull: .leaveOut)
        tree = try BootState.readTree(treeAddress, &map)
        // The console comes first, so that later failures can be reported.
        tree.describeConsole(&machine)
        BootState.openConsole(machine, &map)
        if let problem = machine.consoleProblem { BootState.warn(problem, tree, &map) }
        do throws(DeviceTreeError) {
            try tree.describeMachine(&machine)
        } catch {
            BootState.refuse(error, tree, &map)
        }
        console = KernelConsole.noted
        self.map = map
    }

    /// Maps the tree for boot code, first its header and then all of it.
    private static func readTree(_ physical: UInt64, _ map: inout KernelMap) throws(BootFailure)
        -> DeviceTree
    {
        if physical == .max { refuse(DeviceTreeError(.noMagic), nil, &map) }
        let window = swiftlet_tree_base()
        let offset = physical & 4095
        try map.map(window, physical - offset, bytes: 8192, writable: false, .normal)
        // Safety: two pages are mapped there; the size is the header's second word.
        let start = unsafe UnsafeRawPointer(bitPattern: UInt(window + offset)).unsafelyUnwrapped
        let size = UInt64(UInt32(bigEndian: unsafe start.load(fromByteOffset: 4, as: UInt32.self)))
        if size > UInt64(DeviceTree.maximumBytes) { refuse(DeviceTreeError(.tooLarge), nil, &map) }
        let end = (offset + size + 4095) & ~4095
        if end > 8192 {
            try map.map(
                window + 8192, physical - offset + 8192, bytes: end - 8192, writable: false, .normal
            )
        }
        // A header that states too large a size reaches beyond memory.
        if end > 4096, !MemoryProbe.answers(window + end - 4) {
            refuse(DeviceTreeError(.truncated), nil, &map)
        }
        do throws(DeviceTreeError) {
            // At least 4096 bytes are mapped: a header that states less is damaged.
            return try unsafe DeviceTree(at: start, limit: max(Int(size), 4096))
        } catch {
            refuse(error, nil, &map)
        }
    }

    /// Maps the console and records it, so that panics are visible from here on.
    private static func openConsole(_ machine: borrowing MachineDescription, _ map: inout KernelMap)
    {
        if machine.consoleKind == .none { return }
        if let address = try? map.mapDevice(
            machine.console.base, bytes: min(machine.console.size, 4096))
        {
            swiftlet_set_console(UInt64(machine.consoleKind.rawValue), address)
        }
    }

    /// Writes one line that names the kernel and the machine, and another if some RAM is not used.
    mutating func announce() {
        console.write("swiftlet: kernel ")
        console.write(kernelVersion)
        if let model = tree.root.property("model") {
            console.write(" on ")
            unsafe console.write(printable: model.string)
        }
        console.write(", ")
        console.write(decimal: ramBytes >> 20)
        console.write(" MiB, entered at EL")
        console.write(decimal: level)
        console.write(", ")
        console.write(machine.controller.name)
        console.write(", processor ")
        console.write(hexadecimal: processor.identification, digits: 8)
        console.endLine()
        if machine.memory.bytes(above: KernelLayout.linearBytes) > 0 {
            console.write("swiftlet: RAM above 256 GiB is not used")
            console.endLine()
        }
        if machine.isCut { tellCut() }
    }

    /// Reports that the lists hold less than the tree names.
    private func tellCut() {
        console.write("swiftlet: no room for all memory and reservations of the device tree: ")
        console.write(decimal: machine.memory.lost)
        console.write(" bytes of memory are not used, and reservations reach to their next")
        console.endLine()
    }
}

/// The version in the boot message.
var kernelVersion: StaticString { "0.1" }
