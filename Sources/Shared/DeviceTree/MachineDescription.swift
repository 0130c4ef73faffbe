// What the kernel must know of the machine, and no more: memory, reservations, the interrupt controller, the timer, the
// console, how to switch it off. Everything else is the device manager's business.

/// Ranges in a fixed number of places.
public struct RangeList {
    var ranges: InlineArray<32, RegisterRange>
    public private(set) var count = 0
    /// Ranges for which there was no place.
    public private(set) var lost = 0

    init() { ranges = InlineArray(repeating: RegisterRange(base: 0, size: 0)) }
    public subscript(index: Int) -> RegisterRange { ranges[index] }
    mutating func append(_ range: RegisterRange) {
        if range.size == 0 { return }
        if count == 32 {
            lost += 1
            return
        }
        ranges[count] = range
        count += 1
    }
}

/// How the machine is switched off.
public enum PowerMethod: UInt8, Sendable { case none, hvc, smc }

/// Consoles that the kernel can write to.
public enum ConsoleKind: UInt8, Sendable { case none, pl011, miniUART }

/// The machine as the kernel sees it.
public struct MachineDescription {
    public var memory = RangeList()
    /// Memory that must not be handed out.
    public var reserved = RangeList()
    public var gicVersion = 0
    public var distributor = RegisterRange(base: 0, size: 0)
    /// CPU interface (GICv2) or redistributors (GICv3).
    public var interface = RegisterRange(base: 0, size: 0)
    public var timerLine = 0
    public var consoleKind = ConsoleKind.none
    public var console = RegisterRange(base: 0, size: 0)
    public var power = PowerMethod.none
    public init() {}
}

extension DeviceTree {
    /// Read what the kernel needs.
    public func describeMachine() throws(DeviceTreeError) -> MachineDescription {
        var machine = MachineDescription()
        try describeConsole(&machine)
        try describeMachine(&machine)
        return machine
    }

    /// Everything but the console: to be read when errors can be shown.
    public func describeMachine(_ machine: inout MachineDescription) throws(DeviceTreeError) {
        var index = 0
        while let (base, size) = reservation(index), index < 32 {
            machine.reserved.append(RegisterRange(base: base, size: size))
            index += 1
        }
        var depth = 0
        var node: DeviceNode? = root
        while let current = node {  // once for each node of the tree
            if current.isEnabled { try inspect(current, &machine) }
            node = self.node(after: current, depth: &depth)
        }
        if machine.memory.count == 0 { throw DeviceTreeError(.noMemory) }
        if machine.gicVersion == 0 { throw DeviceTreeError(.noInterruptController) }
        if machine.timerLine == 0 { throw DeviceTreeError(.noTimer) }
    }

    private func inspect(_ node: DeviceNode, _ machine: inout MachineDescription) throws(DeviceTreeError) {
        if let type = node.property("device_type"), type.contains("memory") {
            var index = 0
            while let range = try node.registers(index), index < 64 {
                machine.memory.append(range)
                index += 1
            }
        } else if let parent = node.parent, parent.isReservedMemory {
            if let range = try node.registers(0) { machine.reserved.append(range) }
        } else if let compatible = node.property("compatible") {
            try inspect(node, compatible, &machine)
        }
    }

    private func inspect(
        _ node: DeviceNode, _ compatible: DeviceProperty, _ machine: inout MachineDescription
    ) throws(DeviceTreeError) {
        if machine.gicVersion == 0, let version = compatible.gicVersion {
            guard let distributor = try node.registers(0), let interface = try node.registers(1) else {
                throw DeviceTreeError(.badProperty, node: node.offset)
            }
            machine.gicVersion = version
            machine.distributor = distributor
            machine.interface = interface
        } else if compatible.contains("arm,armv8-timer") || compatible.contains("arm,armv7-timer") {
            // Interrupts: secure, non-secure, virtual, hypervisor (Linux bindings, arm,arch_timer.yaml).
            if let virtual = try node.interrupt(2) { machine.timerLine = virtual.line }
        } else if compatible.contains("arm,psci-1.0") || compatible.contains("arm,psci-0.2") {
            if let method = node.property("method") {
                machine.power = method.contains("smc") ? .smc : method.contains("hvc") ? .hvc : .none
            }
        }
    }

    /// The console that /chosen names: a path or an alias, with options behind a colon.
    public func describeConsole(_ machine: inout MachineDescription) throws(DeviceTreeError) {
        guard let path = unsafe node("/chosen")?.property("stdout-path")?.string else { return }
        var length = 0
        while length < path.count, unsafe path[length] != UInt8(ascii: ":") { length += 1 }
        guard let node = unsafe node(path: UnsafeRawBufferPointer(rebasing: path[0..<length])),
            let registers = try node.registers(0)
        else { return }
        machine.console = registers
        if node.isCompatible("arm,pl011") { machine.consoleKind = .pl011 }
        if node.isCompatible("brcm,bcm2835-aux-uart") { machine.consoleKind = .miniUART }
    }
}

extension DeviceNode {
    fileprivate var isReservedMemory: Bool {
        guard let above = parent, above.offset == 0 else { return false }
        let text: StaticString = "reserved-memory"
        let name = unsafe self.name
        if name.count != text.utf8CodeUnitCount { return false }
        for index in 0..<text.utf8CodeUnitCount where unsafe name[index] != text.utf8Start[index] { return false }
        return true
    }
}
