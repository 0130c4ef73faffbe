// What the kernel must know of the machine, and no more: memory, reservations, the interrupt
// controller, the timer, the console, its cores, how to switch it off. Everything else is the
// device manager's business.

/// Interrupt controllers that the kernel drives. An `armctrl` is chained behind a `bcm2836`, and
/// drives no machine alone.
public enum ControllerKind: UInt8, Sendable {
    case none, gicv2, gicv3, bcm2836, armctrl

    public var name: StaticString {
        switch self {
        case .none: "none"
        case .gicv2: "GICv2"
        case .gicv3: "GICv3"
        case .bcm2836: "BCM2836"
        case .armctrl: "ARMCTRL"
        }
    }
    var isGIC: Bool { self == .gicv2 || self == .gicv3 }
}

/// How the machine is switched off.
public enum PowerMethod: UInt8, Sendable { case none, hvc, smc }

/// Consoles that the kernel can write to.
public enum ConsoleKind: UInt8, Sendable { case none, pl011, miniUART }

/// The machine as the kernel sees it.
public struct MachineDescription: ~Copyable {
    public internal(set) var memory: RangeList
    /// Memory that must not be handed out.
    public internal(set) var reserved: RangeList
    /// What the timer interrupts: a GIC where there is one.
    public var controller = ControllerKind.none
    /// The interrupt controller's node: all its registers are the kernel's.
    public var controllerNode: Int32 = -1
    /// The node of the one behind it, or -1. Its registers share their page with other devices'.
    public var chainedNode: Int32 = -1
    /// Distributor (GIC), or the cores' own controller (BCM2836).
    public var distributor = RegisterRange(base: 0, size: 0)
    /// CPU interface (GICv2), redistributors (GICv3), or the chained controller (BCM2836).
    public var interface = RegisterRange(base: 0, size: 0)
    public var timerLine = 0
    var timerNode: Int32 = -1
    /// The node of the controller that `timerLine` is a line of.
    var timerController: Int32 = -1
    public var consoleKind = ConsoleKind.none
    public var console = RegisterRange(base: 0, size: 0)
    var consoleNode: Int32 = -1
    /// Where there is no console: what is wrong with the first node that might have been one.
    public var consoleProblem: DeviceTreeError?
    public var power = PowerMethod.none
    /// How PSCI is called, and the number of its CPU_ON.
    public var firmware: (method: PowerMethod, coreOn: UInt32) = (.none, 0)
    public internal(set) var cores = CoreList()

    /// - Parameters: places for ranges, as `RangeList` takes them.
    public init(memory: RangeList.Places, reserved: RangeList.Places) {
        self.memory = unsafe RangeList(memory, whenFull: .leaveOut)
        self.reserved = unsafe RangeList(reserved, whenFull: .widen)
    }

    /// Whether the tree names more ranges than there are places.
    public var isCut: Bool { memory.isCut || reserved.isCut }
    /// Whether the node at this offset is one of the kernel's interrupt controllers.
    public func drives(controller node: Int32) -> Bool {
        node == controllerNode || node == chainedNode
    }
    /// Whether the interrupt is a line of one of the kernel's controllers.
    public func delivers(_ interrupt: DeviceInterrupt) -> Bool {
        interrupt.line != nil && drives(controller: interrupt.controller)
    }
    /// Whether a byte of this range is memory or reserved: it is no device's then.
    public func keeps(_ range: RegisterRange) -> Bool {
        memory.overlaps(range) || reserved.overlaps(range)
    }
}

extension DeviceTree {
    /// Reads what the kernel needs, with a place for each range.
    ///
    /// - Parameter allocate: returns places for that many ranges. They are used for as long as the
    ///   machine is.
    public func describeMachine(
        allocate: (Int) -> RangeList.Places
    ) throws(DeviceTreeError) -> MachineDescription {
        var machine = unsafe MachineDescription(memory: allocate(64), reserved: allocate(64))
        describeConsole(&machine)
        try describeMachine(&machine)
        if !machine.isCut { return machine }
        let (memory, reserved) = (machine.memory.inserted, machine.reserved.inserted)
        machine = unsafe MachineDescription(
            memory: allocate(memory + 1), reserved: allocate(reserved + 1))
        describeConsole(&machine)
        try describeMachine(&machine)
        return machine
    }

    /// Everything but the console: to be read when errors can be shown.
    ///
    /// - Throws: the first thing that keeps the kernel from running; memory that is kept from tasks
    ///   is never left out.
    public func describeMachine(_ machine: inout MachineDescription) throws(DeviceTreeError) {
        defer {
            machine.memory.order()
            machine.reserved.order()
        }
        var index = 0
        while let (base, size) = reservation(index) {  // ends with the list, or when it is too long
            reserve(RegisterRange(base: base, size: size), &machine)
            index += 1
        }
        var depth = 0
        var node: DeviceNode? = root
        while let current = node {  // once for each node of the tree
            if depth <= DeviceNode.maximumDepth { try inspect(current, &machine) }
            node = self.node(after: current, depth: &depth)
        }
        machine.checkCores()
        let isUnchained = machine.controller == .bcm2836 && machine.chainedNode < 0
        if machine.controller == .none || isUnchained {
            throw DeviceTreeError(
                .noInterruptController, .compatible, node: root.interruptParent?.offset ?? -1)
        }
        if machine.timerNode < 0 { throw DeviceTreeError(.noTimer) }
        if machine.timerLine == 0 || machine.timerController != machine.controllerNode {
            let property = self.node(at: machine.timerNode)?.interruptProperty ?? .interrupts
            throw DeviceTreeError(.foreignInterrupt, property, node: machine.timerNode)
        }
        if machine.memory.count == 0 { throw DeviceTreeError(.noMemory) }
        let interfaceNode = machine.chainedNode < 0 ? machine.controllerNode : machine.chainedNode
        try machine.keep(machine.distributor, of: machine.controllerNode)
        try machine.keep(machine.interface, of: interfaceNode)
        try machine.keep(machine.console, of: machine.consoleNode)
    }

    private func inspect(
        _ node: DeviceNode, _ machine: inout MachineDescription
    ) throws(DeviceTreeError) {
        if let parent = node.parent, parent.isReservedMemory {
            if node.hasGoodStatus { try reserve(node, &machine) }
            return
        }
        // A core that waits may be called disabled.
        if let place = node.property("cpu-release-addr") {
            try machine.reserve(spinTable: place, of: node)
        }
        if !node.isEnabled { return }
        let type = node.property("device_type")
        if type?.contains("cpu") ?? false {
            machine.cores.add(node.core)
        } else if type?.contains("memory") ?? false {
            for index in 0..<(try node.registerCount()) {
                if let range = try node.registers(index) { machine.memory.insert(range) }
            }
        } else if let compatible = node.property("compatible") {
            try inspect(node, compatible, &machine)
        }
    }

    /// A child of /reserved-memory. One without `reg` leaves the place to the system: there is
    /// nothing to keep.
    private func reserve(
        _ node: DeviceNode, _ machine: inout MachineDescription
    ) throws(DeviceTreeError) {
        for index in 0..<(try node.registerCount()) {
            // What has no place could not be kept: that memory would be given away.
            guard let range = try node.registers(index) else {
                throw DeviceTreeError(.unreachable, .reg, node: node.offset)
            }
            reserve(range, &machine)
        }
    }

    /// Keeps a range, unless a boot loader reserved the initial RAM disk: that is the
    /// kernel's to use.
    private func reserve(_ range: RegisterRange, _ machine: inout MachineDescription) {
        if let disk = initialDisk, range.pages == disk.pages { return }
        machine.reserved.insert(range)
    }

    /// The file that a boot loader brought for the kernel (Linux,
    /// Documentation/devicetree/bindings/chosen.txt). The properties have one cell or two.
    public var initialDisk: RegisterRange? {
        guard let chosen = node("/chosen"), let start = chosen.property("linux,initrd-start"),
            let end = chosen.property("linux,initrd-end"),
            let base = start.number(0, cells: start.count / 4 == 1 ? 1 : 2),
            let limit = end.number(0, cells: end.count / 4 == 1 ? 1 : 2), limit > base
        else { return nil }
        return RegisterRange(base: base, size: limit - base)
    }

    private func inspect(
        _ node: DeviceNode, _ compatible: DeviceProperty, _ machine: inout MachineDescription
    ) throws(DeviceTreeError) {
        let controller = compatible.controllerKind
        if controller != .none {
            if !machine.controller.isGIC { try machine.take(controller, node) }
        } else if compatible.contains("arm,armv8-timer") || compatible.contains("arm,armv7-timer") {
            // The first is the timer. Looking for the controller of many would take long.
            if machine.timerNode >= 0 { return }
            machine.timerNode = node.offset
            try machine.takeTimer(node)
        } else {
            machine.takeFirmware(node, compatible)
        }
    }
}

extension MachineDescription {
    /// The virtual timer's interrupt: by its name, or as the third, behind those of the secure and
    /// the non-secure physical timer (Linux bindings, arm,arch_timer.yaml).
    fileprivate mutating func takeTimer(_ node: DeviceNode) throws(DeviceTreeError) {
        guard let index = node.interruptIndex(of: "virt", default: 2) else {
            throw DeviceTreeError(.tooFewInterrupts, .interruptNames, node: node.offset)
        }
        guard let virtual = try node.interrupt(index) else {
            throw DeviceTreeError(.tooFewInterrupts, node.interruptProperty, node: node.offset)
        }
        timerLine = virtual.line ?? 0
        timerController = virtual.controller
    }

    /// The page where another core waits for an address to jump to: it must not find somebody's
    /// data there.
    fileprivate mutating func reserve(
        spinTable place: DeviceProperty, of node: DeviceNode
    ) throws(DeviceTreeError) {
        guard place.count > 0, let address = place.number(0, cells: place.count / 4) else {
            throw DeviceTreeError(.badLength, .releaseAddress, node: node.offset)
        }
        reserved.insert(RegisterRange(base: address & ~4095, size: 4096))
    }

    /// The kernel's own registers are kept from memory.
    fileprivate func keep(_ registers: RegisterRange, of node: Int32) throws(DeviceTreeError) {
        if memory.overlaps(registers) {
            throw DeviceTreeError(.registersInMemory, .reg, node: node)
        }
    }

    /// A controller, where no GIC was found before: boards with a GIC may name the cores' own
    /// controller as well.
    fileprivate mutating func take(
        _ kind: ControllerKind, _ node: DeviceNode
    ) throws(DeviceTreeError) {
        if kind == .armctrl {
            interface = try node.kernelRegisters(0, atLeast: 0x28)
            chainedNode = node.offset
            return
        }
        distributor = try node.kernelRegisters(0, atLeast: kind == .bcm2836 ? 0x70 : 0x1000)
        controller = kind
        controllerNode = node.offset
        if !kind.isGIC { return }
        // A GICv2's DIR has a page of its own; a GICv3's driver looks for this core's part itself.
        interface = try node.kernelRegisters(1, atLeast: kind == .gicv2 ? 0x1004 : 0x2_0000)
        chainedNode = -1
    }
}

extension DeviceNode {
    /// Entry `index` of `reg` for the kernel's own use: all registers up to `size` are there,
    /// below 2^48.
    func kernelRegisters(
        _ index: Int, atLeast size: UInt64
    ) throws(DeviceTreeError) -> RegisterRange {
        guard let range = try registers(index), range.size >= size else {
            throw DeviceTreeError(.tooFewRegisters, .reg, node: offset)
        }
        if range.base + range.size > 1 << 48 {
            throw DeviceTreeError(.unreachable, .reg, node: offset)
        }
        return range
    }

    fileprivate var isReservedMemory: Bool {
        guard let above = parent, above.offset == 0 else { return false }
        let text: StaticString = "reserved-memory"
        let name = unsafe self.name
        if name.count != text.utf8CodeUnitCount { return false }
        for index in 0..<text.utf8CodeUnitCount where unsafe name[index] != text.utf8Start[index] {
            return false
        }
        return true
    }
}
