// The devices of the machine, and the driver tasks that were started for them.

import DeviceTree
import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

struct Devices {
    private struct Device {
        /// Its node, which has its name.
        var node: Int32
        var base: UInt64 = 0
        var line: UInt32 = 0
        /// Index of its driver's entry in the manifest; nil: no driver knows it.
        var entry: Int?
        /// 0: the first of its kind, whose service has no number.
        var instance = 0
        var problem: Problem?
    }
    /// Why a device has no driver.
    private enum Problem {
        case tree(DeviceTreeError)
        case root(SystemError)
        /// Registers of other devices lie in the same page, which the driver may not share.
        case sharedPage
        var text: StaticString {
            switch self {
            case .tree(let error): error.cause.message
            case .root(let error): error.reason
            case .sharedPage: RootError.pageShared.text
            }
        }
    }
    private let manifest: Manifest
    private let keys: Keys
    private let reserved: ReservedPins
    private var devices: [Device] = []
    /// What the task's heap has room for: 64 bytes a device, and half as much again while the
    /// array grows.
    private static var maximum: Int { 2048 }
    /// Devices of each kind so far, by the manifest's index.
    private var instances: [Int]
    /// The listing's columns; its rows are made when they are asked for.
    private var table = TextTable()

    /// Starts a driver for each enabled node that one in the manifest knows; the console's first,
    /// so that of all UARTs it answers `serial`.
    init(
        _ tree: DeviceTree, _ machine: borrowing MachineDescription, _ manifest: Manifest,
        _ keys: Keys
    ) {
        self.manifest = manifest
        reserved = ReservedPins(tree)
        self.keys = keys
        instances = [Int](repeating: 0, count: manifest.tasks.count)
        table.column("DEVICE")
        table.column("REGISTERS", .right)
        table.column("IRQ", .right)
        table.column("COMPATIBLE")
        table.column("DRIVER")
        startDrivers(tree, machine)
        for device in devices { table.fit(cells(device, tree)) }
    }

    private mutating func startDrivers(
        _ tree: DeviceTree, _ machine: borrowing MachineDescription
    ) {
        let console = tree.chosenConsole
        if let console, console.isDevice { devices.append(start(console, machine)) }
        var depth = 0
        var node: DeviceNode? = tree.root
        while let current = node {
            node = tree.node(after: current, depth: &depth)
            if !current.isDevice || current.offset == console?.offset { continue }
            if devices.count == Devices.maximum {
                log(
                    "the device tree has more than 2048 devices; what follows is left out:",
                    .warning)
                return logPlace(of: current)
            }
            devices.append(start(current, machine))
        }
    }

    private mutating func start(
        _ node: DeviceNode, _ machine: borrowing MachineDescription
    ) -> Device {
        var device = Device(node: node.offset)
        do throws(DeviceTreeError) {
            if let range = try node.registers(0) { device.base = range.base }
            if let line = try node.interrupt(0, of: machine)?.line { device.line = UInt32(line) }
        } catch { device.problem = .tree(error) }
        for index in 0..<manifest.tasks.count {
            let entry = manifest.tasks[index]
            guard let variant = node.variant(of: entry) else { continue }
            device.entry = index
            device.instance = instances[index]
            instances[index] += 1
            do throws(DeviceTreeError) {
                device.problem = try spawn(
                    node, machine, entry, driver(device), device.instance, variant)
            } catch { device.problem = .tree(error) }
            break
        }
        if let problem = device.problem { report(problem, device, node.tree) }
        return device
    }

    /// The name of a device's driver task; empty where it has none.
    private func driver(_ device: Device) -> Name {
        guard let entry = device.entry else { return .empty }
        let name = manifest.tasks[entry].name
        return device.instance == 0 ? name : name.numbered(device.instance)
    }

    /// What happened, and where the tree is to blame.
    private func report(_ problem: Problem, _ device: Device, _ tree: DeviceTree) {
        if device.entry == nil {
            let name = unsafe copy(tree.node(found: device.node).name)
            log("\(name.span) is left out: \(problem.text)", .warning)
        } else {
            log("\(driver(device)) does not start: \(problem.text)", .warning)
        }
        if case .tree(let error) = problem { logPlace(of: error, tree) }
    }

    /// Asks the root task for a driver with exactly this node's registers and lines.
    private func spawn(
        _ node: DeviceNode, _ machine: borrowing MachineDescription, _ entry: TaskDescription,
        _ name: Name, _ instance: Int, _ variant: Int
    ) throws(DeviceTreeError) -> Problem? {
        var request = DriverRequest(
            entry: FixedString(name: entry.name.words), name: FixedString(name: name.words),
            instance: UInt8(truncatingIfNeeded: instance),
            variant: UInt8(truncatingIfNeeded: variant))
        for word in keys.parameters(of: node, reserved) { request.parameters.append(word) }
        for index in 0..<Int(entry.registerCount) {
            let range = try node.driverRegisters(index, machine)
            if !entry.sharesPage && node.hasNeighbours(of: range) { return .sharedPage }
            request.registers.append(DeviceRegisters(base: range.base, size: range.size))
        }
        let lines = Int(entry.interruptCount)
        for index in 0..<lines {
            let interrupt = try node.driverInterrupt(index, machine)
            let number = UInt32(truncatingIfNeeded: interrupt.line ?? 0)
            request.lines.append(DeviceLine(number: number, isEdge: interrupt.isEdge))
            if index == lines - 1 && interrupt.index > index {
                logSkipped(interrupt.index - index, name, node)
            }
        }
        let memory = try node.memoryWindow()
        request.memory = DMAWindow(
            bus: memory.bus, physical: memory.physical, bytes: memory.bytes)
        do throws(SystemError) {
            _ = try DriversClient().start(request, by: .never)
            return nil
        } catch {
            // A device manager that was restarted finds its drivers at work.
            return error.of(RootError.self) == .wrongState ? nil : .root(error)
        }
    }

    /// Which of its kind the driver of the node at `node` is; nil when there is none.
    func instance(at node: Int32) -> Int? {
        for device in devices where device.node == node && device.entry != nil {
            return device.instance
        }
        return nil
    }

    // The listing

    /// Rows below the headings.
    var count: Int { devices.count }

    /// One row of the table for people: the headings are row 0.
    func describe(_ row: Int, _ tree: DeviceTree, _ text: inout Text) {
        if row == 0 { return table.renderHeadings(to: &text) }
        table.render(cells(devices[row - 1], tree), to: &text)
    }

    private func cells(_ device: Device, _ tree: DeviceTree) -> [[UInt8]] {
        let node = tree.node(found: device.node)
        var base = Text()
        base.hexadecimal(device.base)
        var line = Text()
        if device.line == 0 { line.add("-") } else { line.decimal(UInt64(device.line)) }
        var driver = Text()
        if device.entry == nil { driver.add("(none)") } else { driver.add(self.driver(device)) }
        if let problem = device.problem {
            driver.add(": ")
            driver.add(problem.text)
        }
        let compatible = node.property("compatible").map { unsafe copy($0.string) } ?? []
        return [unsafe copy(node.name), base.bytes, line.bytes, compatible, driver.bytes]
    }
}

/// Bytes of the tree as an array, 64 at most: its names may be of any length.
func copy(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var bytes: [UInt8] = []
    for index in 0..<min(text.count, 64) { bytes.append(unsafe text[index]) }
    return bytes
}

extension DeviceNode {
    /// Whether it is there, and has registers.
    var isDevice: Bool { isEnabled && property("compatible") != nil && property("reg") != nil }

    /// Which of the driver's `compatible` values is this node's, the node's first one first;
    /// nil: none.
    func variant(of driver: TaskDescription) -> Int? {
        guard driver.compatible.count > 0, let property = property("compatible") else { return nil }
        let list = unsafe property.bytes
        var start = 0
        while start < list.count {
            var end = start
            while end < list.count, unsafe list[end] != 0 { end += 1 }
            for number in 0..<driver.compatible.count
            where driver.compatible[number].bytes.count == end - start {
                let known = driver.compatible[number].bytes
                var index = 0
                while index < known.count, unsafe list[start + index] == known[index] { index += 1 }
                if index == known.count { return number }
            }
            start = end + 1
        }
        return nil
    }
}
