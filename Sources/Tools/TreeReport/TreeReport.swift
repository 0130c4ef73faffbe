// What the kernel would make of a device tree, found on the host by the kernel's own reader: whether it boots, and if not
// why and where; its controller, timer, console and memory; and the devices that driver tasks could have.

import DeviceTree

/// A tree as the kernel sees it.
public struct TreeReport: Sendable {
    /// Why the kernel refuses the tree.
    public struct Refusal: Equatable, Sendable {
        public var cause: DeviceTreeError.Cause
        /// The node's path; empty where the whole tree is meant.
        public var path: String
    }
    /// An enabled node with registers and a `compatible`.
    public struct Device: Equatable, Sendable {
        public var path: String
        public var compatible: [String]
        public var registers: [RegisterRange] = []
        /// The kernel's numbers; lines of controllers that the kernel does not drive are left out.
        public var lines: [Int] = []
        /// What is damaged: the device gets no driver.
        public var problem: DeviceTreeError.Cause?
    }

    public var refusal: Refusal?
    public var model = ""
    public var compatible: [String] = []
    public var controller = ControllerKind.none
    public var distributor = RegisterRange(base: 0, size: 0)
    public var interface = RegisterRange(base: 0, size: 0)
    /// The virtual timer's line; 0 where none was found.
    public var timerLine = 0
    public var console = ConsoleKind.none
    public var consoleRegisters = RegisterRange(base: 0, size: 0)
    public var power = PowerMethod.none
    public var memory: [RegisterRange] = []
    public var reserved: [RegisterRange] = []
    /// RAM that tasks can have, in whole pages, before kernel and bundle take theirs.
    public var usable: [RegisterRange] = []
    /// Bytes above the kernel's reach.
    public var unreachable: UInt64 = 0
    public var devices: [Device] = []

    /// Physical addresses that the kernel reaches: 256 GiB.
    public static let reach: UInt64 = 256 << 30

    /// - Parameter bytes: a flattened device tree, as a boot loader would hand it over.
    public init(_ bytes: [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 8), alignment: 8)
        defer { unsafe memory.deallocate() }
        unsafe memory.copyBytes(from: bytes)
        do throws(DeviceTreeError) {
            // Safety: the memory is not empty, holds all of the bytes, and outlives the tree.
            let tree = try unsafe DeviceTree(
                at: UnsafeRawPointer(memory.baseAddress.unsafelyUnwrapped), limit: bytes.count)
            read(tree)
        } catch { refusal = Refusal(cause: error.cause, path: "") }
    }

    private mutating func read(_ tree: DeviceTree) {
        model = tree.root.property("model").map { strings($0).first ?? "" } ?? ""
        compatible = tree.root.property("compatible").map(strings) ?? []
        var machine = MachineDescription()
        do throws(DeviceTreeError) {
            try tree.describeConsole(&machine)
            try tree.describeMachine(&machine)
        } catch { refusal = Refusal(cause: error.cause, path: path(of: error.node, in: tree)) }
        take(machine)
        devices = devices(of: tree, except: [machine.controllerNode, machine.chainedNode])
    }

    private mutating func take(_ machine: MachineDescription) {
        controller = machine.controller
        distributor = machine.distributor
        interface = machine.interface
        timerLine = machine.timerLine
        console = machine.consoleKind
        consoleRegisters = machine.console
        power = machine.power
        memory = (0..<machine.memory.count).map { machine.memory[$0] }
        reserved = (0..<machine.reserved.count).map { machine.reserved[$0] }
        unreachable = machine.memory.bytes(above: TreeReport.reach)
        var map = MemoryMap()
        map.add(memoryOf: machine, below: TreeReport.reach)
        map.remove(reservationsOf: machine)
        map.sort()
        usable = (0..<map.count).map { map[$0] }
    }
}

/// The strings of a list; bytes that are no text are shown as such.
private func strings(_ property: DeviceProperty) -> [String] {
    let bytes = unsafe [UInt8](property.bytes)
    return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
}

extension TreeReport {
    /// Call `body` for each node with its path, depth first.
    private func walk(_ tree: DeviceTree, _ body: (DeviceNode, String) -> Void) {
        var names: [String] = []
        var depth = 0
        var node: DeviceNode? = tree.root
        while let current = node {
            let name = unsafe String(decoding: current.name, as: UTF8.self)
            names.removeSubrange(min(depth, names.count)...)
            names.append(name)
            body(current, depth == 0 ? "/" : names.joined(separator: "/"))
            node = tree.node(after: current, depth: &depth)
        }
    }

    private func path(of offset: Int32, in tree: DeviceTree) -> String {
        var found = ""
        walk(tree) { node, path in if node.offset == offset { found = path } }
        return found
    }

    private func devices(of tree: DeviceTree, except controllers: [Int32]) -> [Device] {
        var devices: [Device] = []
        walk(tree) { node, path in
            guard node.isEnabled, !controllers.contains(node.offset), !path.hasPrefix("/reserved-memory/"),
                node.property("reg") != nil,
                let compatible = node.property("compatible")
            else { return }
            var device = Device(path: path, compatible: strings(compatible))
            do throws(DeviceTreeError) {
                for index in 0..<(try node.registerCount()) {
                    if let range = try node.registers(index) { device.registers.append(range) }
                }
                var index = 0
                while let interrupt = try node.interrupt(index), index < 64 {
                    device.lines.append(interrupt.line)
                    index += 1
                }
            } catch { device.problem = error.cause }
            // What is on another bus (I2C, SPI, CPUs) has no registers of its own.
            if !device.registers.isEmpty || device.problem != nil { devices.append(device) }
        }
        return devices
    }
}
