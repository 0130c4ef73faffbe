// system.toml: the manifest as people write it, and its encoding for the root task.

import ServiceCores
import TOMLKit

/// The file's tables, as TOMLKit decodes them.
struct SystemFile: Decodable {
    var task: [TaskEntry]
}

struct TaskEntry: Decodable {
    struct Restart: Decodable {
        var maximum: UInt16
        var initial_ms: UInt32
        var maximum_ms: UInt32
        var stable_ms: UInt32
    }
    var name: String
    var binary: String
    var start: String
    var order: UInt8?
    var priority: UInt8
    var reason: String
    var maximum_priority: UInt8?
    var stack: UInt32
    var heap: UInt32?
    var arena_bits: UInt8
    var untyped_bits: UInt8?
    var persistent: UInt32?
    var slice_us: UInt32?
    var registers: UInt8?
    var interrupts: UInt8?
    var provides: String?
    var opens: [String]?
    var privileges: [String]?
    var compatible: [String]?
    var heartbeat_ms: UInt32?
    var restart: Restart?

    func name(_ text: String, _ field: String) throws -> Name {
        let bytes = Array(text.utf8)
        guard let name = Name(bytes: bytes.span) else {
            throw ToolError("task \(name): \(field) \"\(text)\" has 1 to 32 bytes")
        }
        return name
    }

    func description() throws -> TaskDescription {
        if reason.isEmpty { throw ToolError("task \(name): say in `reason` why its priority is \(priority)") }
        var task = TaskDescription(name: try name(name, "name"), binary: try name(binary, "binary"))
        switch start {
        case "boot": task.start = .boot
        case "device": task.start = .device
        case "demand": task.start = .demand
        default: throw ToolError("task \(name): start is \"boot\", \"device\" or \"demand\", not \"\(start)\"")
        }
        task.order = order ?? 0
        task.priority = priority
        task.maximumPriority = maximum_priority ?? priority
        task.stackBytes = stack
        task.heapBytes = heap ?? 0
        task.arenaBits = arena_bits
        task.untypedBits = untyped_bits ?? 0
        task.persistentBytes = persistent ?? 0
        task.sliceMicroseconds = slice_us ?? 0
        task.registerCount = registers ?? 0
        task.interruptCount = interrupts ?? 0
        task.heartbeat = heartbeat_ms ?? 0
        if let restart {
            task.restart = RestartPolicy(
                maximumRestarts: restart.maximum, initialBackOff: restart.initial_ms,
                maximumBackOff: restart.maximum_ms,
                stableRun: restart.stable_ms)
        }
        if let provides { task.provides = try name(provides, "provides") }
        task.opens = try (opens ?? []).map { try name($0, "opens") }
        task.compatible = (compatible ?? []).map { Compatible(bytes: Array($0.utf8)) }
        for privilege in privileges ?? [] { task.privileges = task.privileges | (try self.privilege(privilege)) }
        return task
    }

    private func privilege(_ text: String) throws -> Privileges {
        switch text {
        case "system_control": return .systemControl
        case "interrupt_control": return .interruptControl
        case "device_tree": return .deviceTree
        case "factory": return .factory
        case "root_view": return .rootView
        default:
            throw ToolError(
                "task \(name): privilege \"\(text)\" is none of system_control, interrupt_control, device_tree, factory, root_view"
            )
        }
    }
}

private func read(toml: String) throws -> SystemFile {
    do { return try TOMLDecoder(strictDecoding: true).decode(SystemFile.self, from: toml) } catch {
        throw ToolError("not a valid system.toml: \(error)")
    }
}

/// Which binary each task of a system.toml is.
public func taskBinaries(toml: String) throws -> [String: String] {
    Dictionary(try read(toml: toml).task.map { ($0.name, $0.binary) }, uniquingKeysWith: { first, _ in first })
}

/// Encode the text of a system.toml.
public func encodeManifest(toml: String) throws -> [UInt8] {
    let manifest = Manifest(tasks: try read(toml: toml).task.map { try $0.description() })
    do { return try manifest.encode() } catch {
        throw ToolError("the manifest is refused: \(error)")
    }
}

/// The names of a manifest's drivers by each value of `compatible` that they know.
public func drivers(toml: String) throws -> [String: String] {
    let file: SystemFile
    do { file = try TOMLDecoder(strictDecoding: true).decode(SystemFile.self, from: toml) } catch {
        throw ToolError("\(error)")
    }
    var drivers: [String: String] = [:]
    for task in file.task { for value in task.compatible ?? [] { drivers[value] = task.name } }
    return drivers
}
