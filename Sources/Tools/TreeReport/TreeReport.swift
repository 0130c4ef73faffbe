// What the kernel would make of a device tree, found on the host by the kernel's own reader:
// whether it boots, and if not why and where; its controller, timer, console and memory; and the
// devices that driver tasks could have.

import DeviceTree

/// A tree as the kernel sees it.
public struct TreeReport: Sendable {
    /// What is wrong, and where.
    public struct Problem: Equatable, Sendable {
        public var cause: DeviceTreeError.Cause
        /// The node's path; empty where the whole tree is meant.
        public var path = ""
        public var property = DeviceTreeError.Property.none
    }
    /// An enabled node with registers and a `compatible`.
    public struct Device: Equatable, Sendable {
        public var path: String
        public var compatible: [String]
        public var registers: [RegisterRange] = []
        /// The kernel's numbers.
        public var lines: [Int] = []
        /// How many interrupts lead to controllers that the kernel does not drive.
        public var foreignInterrupts = 0
        /// Where it reaches memory; nil: everywhere, at the processor's addresses.
        public var memoryWindow: MemoryWindow?
        /// The driver in the manifest that knows it.
        public var driver: String?
        /// What is damaged; where there is a driver, why that does not start.
        public var problem: Problem?
        /// Why its driver does not start, though nothing is damaged.
        public var refusal: Refusal?
    }
    /// What the tree says rightly, and a driver cannot have.
    public enum Refusal: String, Sendable {
        case pageShared = "other devices have registers in its page (see shares_page)"
        case registersTooLarge = "a range of the device's registers is larger than 256 KiB"
    }

    /// A core.
    public struct Core: Equatable, Sendable {
        public var path: String
        /// nil where the node does not say it.
        public var affinity: UInt64?
        /// How the kernel starts it; nil where it is left out.
        public var start: String?
        /// Why it is left out.
        public var problem: Problem?
    }

    /// Why the kernel refuses the tree.
    public var refusal: Problem?
    public var model = ""
    public var compatible: [String] = []
    public var controller = ControllerKind.none
    public var distributor = RegisterRange(base: 0, size: 0)
    public var interface = RegisterRange(base: 0, size: 0)
    /// The virtual timer's line; 0 where none was found.
    public var timerLine = 0
    public var console = ConsoleKind.none
    /// Where there is no console: what is wrong with the first node that might have been one.
    public var consoleProblem: Problem?
    public var consoleRegisters = RegisterRange(base: 0, size: 0)
    public var power = PowerMethod.none
    /// The first that the kernel can run on, and how many there are.
    public var cores: [Core] = []
    public var coreCount = 0
    public var memory: [RegisterRange] = []
    public var reserved: [RegisterRange] = []
    /// RAM that tasks can have, in whole pages, before kernel and bundle take theirs.
    public var usable: [RegisterRange] = []
    /// Bytes above the kernel's reach.
    public var unreachable: UInt64 = 0
    public var devices: [Device] = []
    /// What the root task would take.
    public var board: Board?
    /// Paths of nodes that have one phandle: the first is taken.
    public var sharedPhandles: [[String]] = []

    /// Physical addresses that the kernel reaches: 256 GiB.
    public static let reach: UInt64 = 256 << 30

    /// - Parameters:
    ///   - bytes: a flattened device tree, as a boot loader would hand it over.
    ///   - board: the manifest that the root task would take for this `compatible` of the
    ///   tree's root.
    /// - Throws: what `board` throws.
    public init<Failure: Error>(
        _ bytes: [UInt8], board: (_ compatible: [String]) throws(Failure) -> Board?
    ) throws(Failure) {
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(bytes.count, 8), alignment: 8)
        defer { unsafe memory.deallocate() }
        unsafe memory.copyBytes(from: bytes)
        var tree: DeviceTree?
        do throws(DeviceTreeError) {
            // Safety: the memory is not empty, holds all of the bytes, and outlives the tree.
            tree = try unsafe DeviceTree(
                at: UnsafeRawPointer(memory.baseAddress.unsafelyUnwrapped), limit: bytes.count)
        } catch { refusal = Problem(cause: error.cause) }
        compatible = tree?.root.property("compatible").map(strings) ?? []
        self.board = try board(compatible)
        if let tree { read(tree) }
    }

    private mutating func read(_ tree: DeviceTree) {
        model = tree.root.property("model").map { strings($0).first ?? "" } ?? ""
        // Each range takes 8 bytes of the tree or more, so that all that it names have a place.
        let places = tree.size / 8 + 2
        let room = RangeList.Places.allocate(capacity: 4 * places)
        defer { unsafe room.deallocate() }
        unsafe room.initialize(repeating: RegisterRange(base: 0, size: 0))
        var machine = unsafe MachineDescription(
            memory: RangeList.Places(rebasing: room[..<places]),
            reserved: RangeList.Places(rebasing: room[places..<(2 * places)]))
        do throws(DeviceTreeError) {
            tree.describeConsole(&machine)
            try tree.describeMachine(&machine)
        } catch { refusal = makeProblem(error, in: tree) }
        take(machine)
        var free = unsafe MemoryMap(
            RangeList.Places(rebasing: room[(2 * places)...]), whenFull: .leaveOut)
        free.add(memoryOf: machine, below: TreeReport.reach)
        free.remove(reservationsOf: machine)
        for index in 0..<free.count { usable.append(free[index]) }
        coreCount = machine.cores.total
        for index in 0..<machine.cores.count {
            cores.append(Core(machine.cores[index], machine, in: tree))
        }
        consoleProblem = machine.consoleProblem.map { makeProblem($0, in: tree) }
        devices = devices(of: tree, machine)
        sharedPhandles = sharedPhandles(of: tree)
    }

    private mutating func take(_ machine: borrowing MachineDescription) {
        controller = machine.controller
        distributor = machine.distributor
        interface = machine.interface
        timerLine = machine.timerLine
        console = machine.consoleKind
        consoleRegisters = machine.console
        power = machine.power
        for index in 0..<machine.memory.count { memory.append(machine.memory[index]) }
        for index in 0..<machine.reserved.count { reserved.append(machine.reserved[index]) }
        unreachable = machine.memory.bytes(above: TreeReport.reach)
    }
}

extension TreeReport.Core {
    fileprivate init(
        _ core: CoreDescription, _ machine: borrowing MachineDescription, in tree: DeviceTree
    ) {
        self.path = tree.node(at: core.node).map(nodePath) ?? ""
        affinity = core.affinity == .max ? nil : core.affinity
        switch core.start {
        case .firmware: start = "PSCI by \(machine.firmware.method == .smc ? "smc" : "hvc")"
        case .spinTable(let place): start = "spin table at 0x\(String(place, radix: 16))"
        case .mailbox: start = "mailbox"
        case .leftOut(let error): problem = makeProblem(error, in: tree)
        }
    }
}

/// The strings of a list; bytes that are no text are shown as such.
private func strings(_ property: DeviceProperty) -> [String] {
    let bytes = unsafe [UInt8](property.bytes)
    return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
}

/// The node's path.
private func nodePath(_ node: DeviceNode) -> String {
    var path = ""
    unsafe node.eachName { name in unsafe path += "/" + String(decoding: name, as: UTF8.self) }
    return path.isEmpty ? "/" : path
}

func makeProblem(_ error: DeviceTreeError, in tree: DeviceTree) -> TreeReport.Problem {
    let place = tree.node(at: error.node).map(nodePath) ?? ""
    return TreeReport.Problem(cause: error.cause, path: place, property: error.property)
}

/// Call `body` for each node, depth first.
private func walk(_ tree: DeviceTree, _ body: (DeviceNode) -> Void) {
    var depth = 0
    var node: DeviceNode? = tree.root
    while let current = node {
        body(current)
        node = tree.node(after: current, depth: &depth)
    }
}

extension TreeReport {
    private func devices(of tree: DeviceTree, _ machine: borrowing MachineDescription) -> [Device] {
        var devices: [Device] = []
        walk(tree) { node in
            guard node.isEnabled, !machine.drives(controller: node.offset),
                node.property("reg") != nil,
                let compatible = node.property("compatible")
            else { return }
            let path = nodePath(node)
            if path.hasPrefix("/reserved-memory/") { return }
            var device = Device(path: path, compatible: strings(compatible))
            do throws(DeviceTreeError) {
                for index in 0..<(try node.registerCount()) {
                    if let range = try node.registers(index) { device.registers.append(range) }
                }
                var list = try node.interrupts()
                while let interrupt = try list?.next() {
                    if let line = interrupt.line, machine.delivers(interrupt) {
                        device.lines.append(line)
                    } else {
                        device.foreignInterrupts += 1
                    }
                }
                let window = try node.memoryWindow()
                if window != .everything { device.memoryWindow = window }
            } catch { device.problem = makeProblem(error, in: tree) }
            choose(&device, node, machine)
            // What is on another bus (I2C, SPI, CPUs) has no registers of its own.
            if !device.registers.isEmpty || device.problem != nil { devices.append(device) }
        }
        return devices
    }

    private func sharedPhandles(of tree: DeviceTree) -> [[String]] {
        var owners: [UInt32: [String]] = [:]
        walk(tree) { node in
            if let phandle = node.property("phandle")?.word(0) {
                owners[phandle, default: []].append(nodePath(node))
            }
        }
        return owners.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
    }
}
