// The devices of the machine, and the driver tasks that were started for them.

import DeviceTree
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

struct Devices {
    private struct Device {
        var name: [UInt8]
        var compatible: [UInt8]
        var base: UInt64
        var line: UInt64
        var driver: Name
        /// 0: the first of its kind, whose service has no number.
        var instance: Int
        var problem: Problem?
    }
    /// Why a device has no driver.
    private enum Problem {
        case tree(DeviceTreeError)
        case factory(FactoryError)
        var text: StaticString {
            switch self {
            case .tree(let error): error.cause.message
            case .factory(let error): error.text
            }
        }
    }
    private var devices: [Device] = []
    /// What the task's heap has room for, with the listing.
    private static var maximum: Int { 256 }
    /// Devices of each kind so far, by the manifest's index.
    private var instances: [Int] = []

    /// Starts a driver for each enabled node that one in the manifest knows; the console's first, so that of all UARTs it
    /// answers `serial`.
    mutating func startDrivers(_ tree: DeviceTree, _ machine: MachineDescription, _ manifest: Manifest) {
        instances = [Int](repeating: 0, count: manifest.tasks.count)
        let console = tree.chosenConsole
        if let console, console.isDevice { devices.append(start(console, machine, manifest)) }
        var depth = 0
        var node: DeviceNode? = tree.root
        while let current = node {
            node = tree.node(after: current, depth: &depth)
            if !current.isDevice || current.offset == console?.offset { continue }
            if devices.count == Devices.maximum {
                log(Text("the device tree has more than 256 devices; what follows is left out:").bytes.span)
                return logPlace(of: current)
            }
            devices.append(start(current, machine, manifest))
        }
    }

    private mutating func start(
        _ node: DeviceNode, _ machine: MachineDescription, _ manifest: Manifest
    ) -> Device {
        var device = Device(
            name: unsafe copy(node.name), compatible: [], base: 0, line: 0, driver: .empty, instance: 0,
            problem: nil)
        if let compatible = node.property("compatible") { device.compatible = unsafe copy(compatible.string) }
        do throws(DeviceTreeError) {
            if let range = try node.registers(0) { device.base = range.base }
            if let line = try node.interrupt(0, of: machine)?.line { device.line = UInt64(line) }
        } catch { device.problem = .tree(error) }
        for index in 0..<manifest.tasks.count {
            let entry = manifest.tasks[index]
            guard let variant = node.variant(of: entry) else { continue }
            let instance = instances[index]
            instances[index] += 1
            device.instance = instance
            device.driver = instance == 0 ? entry.name : entry.name.numbered(instance)
            do throws(DeviceTreeError) {
                device.problem = try spawn(node, machine, entry, device.driver, instance, variant)
            } catch { device.problem = .tree(error) }
            break
        }
        if let problem = device.problem { report(problem, device, node.tree) }
        return device
    }

    /// What happened, and where the tree is to blame.
    private func report(_ problem: Problem, _ device: Device, _ tree: DeviceTree) {
        var text = Text()
        if device.driver.isEmpty { text.add(device.name) } else { text.add(device.driver) }
        text.add(device.driver.isEmpty ? " is left out: " : " does not start: ")
        text.add(problem.text)
        log(text.bytes.span)
        if case .tree(let error) = problem { logPlace(of: error, tree) }
    }

    /// Asks the root task for a driver with exactly this node's registers and lines.
    private func spawn(
        _ node: DeviceNode, _ machine: MachineDescription, _ entry: TaskDescription, _ name: Name, _ instance: Int,
        _ variant: Int
    ) throws(DeviceTreeError) -> Problem? {
        let ranges = Int(entry.registerCount)
        let lines = Int(entry.interruptCount)
        var message = RegisterMessage(
            DriverRequest.head(ranges: ranges, lines: lines, instance: instance, variant: variant))
        message.setName(entry.name, at: DriverRequest.entry)
        message.setName(name, at: DriverRequest.name)
        for index in 0..<ranges {
            let range = try node.driverRegisters(index, machine)
            if !entry.sharesPage && node.hasNeighbours(of: range) { return .factory(.pageShared) }
            message.setWord(DriverRequest.device + 2 * index, range.base)
            message.setWord(DriverRequest.device + 2 * index + 1, range.size)
        }
        for index in 0..<lines {
            let interrupt = try node.driverInterrupt(index, machine)
            let trigger: UInt64 = interrupt.isEdge ? Trigger.edge.rawValue : Trigger.level.rawValue
            let line = UInt64(interrupt.line ?? 0) | trigger << 32
            message.setWord(DriverRequest.device + 2 * ranges + index, line)
            if index == lines - 1 && interrupt.index > index { logSkipped(interrupt.index - index, name, node) }
        }
        let memory = try node.memoryWindow()
        let window = DriverRequest.window(ranges: ranges, lines: lines)
        message.setWord(window, memory.bus)
        message.setWord(window + 1, memory.physical)
        message.setWord(window + 2, memory.bytes)
        guard let reply = try? Endpoint(StartSlot.factory).call(message) else { return .factory(.kernel) }
        // A device manager that was restarted finds its drivers at work.
        if reply[0] == 0 || reply[0] == FactoryError.wrongState.rawValue { return nil }
        return .factory(FactoryError(rawValue: reply[0]) ?? .kernel)
    }

    /// Which of its kind the driver of the node called `name` is; nil when there is none.
    func instance(of name: [UInt8]) -> Int? {
        for device in devices where device.name == name && !device.driver.isEmpty { return device.instance }
        return nil
    }

    /// A table for people.
    func listing() -> [UInt8] {
        var table = TextTable()
        table.column("DEVICE")
        table.column("REGISTERS", .right)
        table.column("IRQ", .right)
        table.column("COMPATIBLE")
        table.column("DRIVER")
        for device in devices {
            var base = Text()
            base.hexadecimal(device.base)
            var line = Text()
            if device.line == 0 { line.add("-") } else { line.decimal(device.line) }
            var driver = Text()
            if device.driver.isEmpty { driver.add("(none)") } else { driver.add(device.driver) }
            if let problem = device.problem {
                driver.add(": ")
                driver.add(problem.text)
            }
            table.row([device.name, base.bytes, line.bytes, device.compatible, driver.bytes])
        }
        var text = Text()
        table.render(to: &text)
        return text.bytes
    }
}

/// Bytes of the tree as an array, 64 at most: its names may be of any length.
func copy(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var bytes: [UInt8] = []
    for index in 0..<min(text.count, 64) { bytes.append(unsafe text[index]) }
    return bytes
}

extension RegisterMessage {
    mutating func setName(_ name: Name, at word: Int) {
        setWord(word, name.word0)
        setWord(word + 1, name.word1)
        setWord(word + 2, name.word2)
        setWord(word + 3, name.word3)
    }
}

extension DeviceNode {
    /// Whether it is there, and has registers.
    var isDevice: Bool { isEnabled && property("compatible") != nil && property("reg") != nil }

    /// Which of the driver's `compatible` values is this node's, the node's first one first; nil: none.
    func variant(of driver: TaskDescription) -> Int? {
        guard driver.compatible.count > 0, let property = property("compatible") else { return nil }
        let list = unsafe property.bytes
        var start = 0
        while start < list.count {
            var end = start
            while end < list.count, unsafe list[end] != 0 { end += 1 }
            for number in 0..<driver.compatible.count where driver.compatible[number].bytes.count == end - start {
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
