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
        var problem: FactoryError?
    }
    private var devices: [Device] = []
    /// Devices of each kind so far, by the manifest's index.
    private var instances: [Int] = []

    /// Starts a driver for each enabled node that one in the manifest knows.
    mutating func startDrivers(_ tree: DeviceTree, _ manifest: Manifest) {
        instances = [Int](repeating: 0, count: manifest.tasks.count)
        var depth = 0
        var node: DeviceNode? = tree.root
        while let current = node {
            if current.isEnabled, current.property("compatible") != nil, current.property("reg") != nil {
                add(current, manifest)
            }
            node = tree.node(after: current, depth: &depth)
        }
    }

    private mutating func add(_ node: DeviceNode, _ manifest: Manifest) {
        var device = Device(
            name: unsafe copy(node.name), compatible: [], base: 0, line: 0, driver: .empty, instance: 0,
            problem: nil)
        if let compatible = node.property("compatible") { device.compatible = unsafe copy(compatible.string) }
        if let range = try? node.registers(0) { device.base = range.base }
        if let interrupt = try? node.interrupt(0) { device.line = UInt64(interrupt.line) }
        for index in 0..<manifest.tasks.count where node.matches(manifest.tasks[index]) {
            let entry = manifest.tasks[index]
            let instance = instances[index]
            instances[index] += 1
            device.instance = instance
            device.driver = instance == 0 ? entry.name : entry.name.numbered(instance)
            device.problem = spawn(node, entry, device.driver, instance)
            if let problem = device.problem {
                var text = Text()
                text.add(device.driver)
                text.add(" does not start: ")
                text.add(problem.text)
                log(text.bytes.span)
            }
            break
        }
        devices.append(device)
    }

    /// Asks the root task for a driver with exactly this node's registers and lines.
    private func spawn(_ node: DeviceNode, _ entry: TaskDescription, _ name: Name, _ instance: Int) -> FactoryError? {
        let ranges = Int(entry.registerCount)
        let lines = Int(entry.interruptCount)
        var message = RegisterMessage(DriverRequest.head(ranges: ranges, lines: lines, instance: instance))
        message.setName(entry.name, at: DriverRequest.entry)
        message.setName(name, at: DriverRequest.name)
        for index in 0..<ranges {
            guard let range = try? node.registers(index) else { return .noSuchDevice }
            if !entry.sharesPage && hasNeighbours(node, range) { return .pageShared }
            message.setWord(DriverRequest.device + 2 * index, range.base)
            message.setWord(DriverRequest.device + 2 * index + 1, range.size)
        }
        for index in 0..<lines {
            guard let interrupt = try? node.interrupt(index) else { return .noSuchDevice }
            let trigger: UInt64 = interrupt.isEdge ? Trigger.edge.rawValue : Trigger.level.rawValue
            message.setWord(DriverRequest.device + 2 * ranges + index, UInt64(interrupt.line) | trigger << 32)
        }
        guard let reply = try? Endpoint(StartSlot.factory).call(message) else { return .kernel }
        // A device manager that was restarted finds its drivers at work.
        if reply[0] == 0 || reply[0] == FactoryError.wrongState.rawValue { return nil }
        return FactoryError(rawValue: reply[0]) ?? .kernel
    }

    /// Whether another node's registers lie in the same pages, also those of a node that is disabled. The very same range is
    /// the same device, described twice: the root task gives it to one driver only.
    /// - Complexity: O(nodes × register ranges).
    private func hasNeighbours(_ node: DeviceNode, _ range: RegisterRange) -> Bool {
        guard let pages = RegisterPages(base: range.base, size: range.size) else { return false }
        var depth = 0
        var other: DeviceNode? = node.tree.root
        while let current = other {
            other = node.tree.node(after: current, depth: &depth)
            if current.offset == node.offset { continue }
            for index in 0..<((try? current.registerCount()) ?? 0) {
                guard let theirs = try? current.registers(index), theirs != range,
                    let others = RegisterPages(base: theirs.base, size: theirs.size)
                else { continue }
                if others.touches(pages) { return true }
            }
        }
        return false
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

/// Bytes of the tree as an array.
func copy(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var bytes: [UInt8] = []
    for index in 0..<text.count { bytes.append(unsafe text[index]) }
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
    /// Whether one of the driver's `compatible` values is one of this node's.
    func matches(_ driver: TaskDescription) -> Bool {
        guard driver.compatible.count > 0, let property = property("compatible") else { return false }
        let list = unsafe property.bytes
        var start = 0
        while start < list.count {
            var end = start
            while end < list.count, unsafe list[end] != 0 { end += 1 }
            for known in driver.compatible where known.bytes.count == end - start {
                var index = 0
                while index < known.bytes.count, unsafe list[start + index] == known.bytes[index] { index += 1 }
                if index == known.bytes.count { return true }
            }
            start = end + 1
        }
        return false
    }
}
