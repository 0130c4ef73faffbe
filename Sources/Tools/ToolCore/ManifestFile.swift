// system.toml: the manifest as people write it, and its encoding for the root task. ManifestFile+Words.swift says in words
// what the encoding refuses.

import ServiceCores

/// The text of a system.toml, read.
struct SystemFile {
    var tasks: [TaskDescription]

    init(toml: String) throws {
        tasks = try Fields.read(toml: toml) { file in
            try file.list("task").map { entry in
                var fields = entry
                return try TaskDescription(reading: &fields)
            }
        }
        if tasks.isEmpty { throw ToolError("there is no [[task]]") }
    }
}

extension Name {
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Fields {
    fileprivate func name(_ key: String, _ text: String) throws -> Name {
        guard let name = Name(bytes: Array(text.utf8).span) else { throw error("\(key) \"\(text)\" has 1 to 32 bytes") }
        return name
    }
    fileprivate mutating func name(_ key: String) throws -> Name? { try text(key).map { try name(key, $0) } }
}

extension TaskDescription {
    fileprivate init(reading fields: inout Fields) throws {
        let name = try fields.required("name", try fields.name("name"))
        fields.place = "task \(name.text)"
        self.init(name: name, binary: try fields.required("binary", try fields.name("binary")))
        try readStart(&fields)
        try readPriority(&fields)
        try readMemory(&fields)
        registerCount = try fields.number("registers") ?? 0
        interruptCount = try fields.number("interrupts") ?? 0
        sharesPage = try fields.flag("shares_page")
        sharesLine = try fields.flag("shares_line")
        provides = try fields.name("provides") ?? .empty
        opens = try fields.texts("opens").map { try fields.name("opens", $0) }
        compatible = try fields.texts("compatible").map { Compatible(bytes: Array($0.utf8)) }
        for privilege in try fields.texts("privileges") {
            privileges = privileges | (try Privileges(named: privilege, fields))
        }
        heartbeat = try fields.number("heartbeat_ms") ?? 0
        if var policy = try fields.fields("restart") { restart = try RestartPolicy(reading: &policy) }
        try fields.end()
    }

    private mutating func readStart(_ fields: inout Fields) throws {
        switch try fields.required("start", try fields.text("start")) {
        case "boot": start = .boot
        case "device": start = .device
        case "demand": start = .demand
        case let other: throw fields.error("start is \"boot\", \"device\" or \"demand\", not \"\(other)\"")
        }
        order = try fields.number("order") ?? 0
    }

    private mutating func readPriority(_ fields: inout Fields) throws {
        priority = try fields.required("priority", try fields.number("priority"))
        maximumPriority = try fields.number("maximum_priority") ?? priority
        if try fields.required("reason", try fields.text("reason")).isEmpty {
            throw fields.error("say in `reason` why its priority is \(priority)")
        }
        sliceMicroseconds = try fields.number("slice_us") ?? 0
    }

    private mutating func readMemory(_ fields: inout Fields) throws {
        stackBytes = try fields.required("stack", try fields.number("stack"))
        heapBytes = try fields.number("heap") ?? 0
        arenaBits = try fields.required("arena_bits", try fields.number("arena_bits"))
        untypedBits = try fields.number("untyped_bits") ?? 0
        persistentBytes = try fields.number("persistent") ?? 0
    }
}

extension RestartPolicy {
    fileprivate init(reading fields: inout Fields) throws {
        self.init(
            maximumRestarts: try fields.required("maximum", try fields.number("maximum")),
            initialBackOff: try fields.required("initial_ms", try fields.number("initial_ms")),
            maximumBackOff: try fields.required("maximum_ms", try fields.number("maximum_ms")),
            stableRun: try fields.required("stable_ms", try fields.number("stable_ms")))
        try fields.end()
    }
}

extension Privileges {
    fileprivate init(named text: String, _ fields: Fields) throws {
        guard let named = Privileges.names.first(where: { $0.key == text }) else {
            throw fields.error(
                "privilege \"\(text)\" is none of \(Privileges.names.map(\.key).joined(separator: ", "))")
        }
        self = named.value
    }

    /// Each privilege as the file calls it.
    static var names: KeyValuePairs<String, Privileges> {
        [
            "interrupt_control": .interruptControl, "device_tree": .deviceTree, "root_view": .rootView,
            "system.console": .systemConsole, "system.statistics": .systemStatistics, "system.trace": .systemTrace,
            "system.power": .systemPower,
            "factory.inspect": .factoryInspect, "factory.control": .factoryControl, "factory.devices": .factoryDevices,
            "factory.services": .factoryServices, "factory.power": .factoryPower,
            "supervisor.control": .supervisorControl, "supervisor.keys": .supervisorKeys,
            "send_capabilities": .sendCapabilities,
        ]
    }
}

/// Which binary each task of a system.toml is.
public func taskBinaries(toml: String) throws -> [String: String] {
    let tasks = try SystemFile(toml: toml).tasks
    return Dictionary(tasks.map { ($0.name.text, $0.binary.text) }, uniquingKeysWith: { first, _ in first })
}

/// Encode the text of a system.toml.
///
/// - Parameter binaries: names of the ELF files that come with it; each task's must be among them.
public func encodeManifest(toml: String, binaries: [String]) throws -> [UInt8] {
    let manifest = Manifest(tasks: try SystemFile(toml: toml).tasks)
    let bytes: [UInt8]
    do throws(ManifestError) { bytes = try manifest.encode() } catch { throw ToolError(error.words(manifest)) }
    for task in manifest.tasks {
        if !binaries.contains(task.binary.text) {
            throw ToolError("task \(task.name.text): no entry of the bundle is called \(task.binary.text), its binary")
        }
        for service in task.opens where !manifest.provides(service) {
            throw ToolError("task \(task.name.text): opens \"\(service.text)\", which no task provides")
        }
    }
    return bytes
}

extension Manifest {
    /// Drivers of several devices of a kind provide a numbered service each.
    fileprivate func provides(_ service: Name) -> Bool {
        let parts = service.text.split(separator: ".", omittingEmptySubsequences: false)
        let isNumbered = parts.count > 1 && Int(parts[parts.count - 1]) != nil
        let kind = isNumbered ? parts.dropLast().joined(separator: ".") : nil
        return tasks.contains { $0.provides == service || $0.start == .device && $0.provides.text == kind }
    }
}

/// The names of a manifest's drivers by each value of `compatible` that they know.
public func drivers(toml: String) throws -> [String: String] {
    var drivers: [String: String] = [:]
    for task in try SystemFile(toml: toml).tasks {
        for value in task.compatible { drivers[String(decoding: value.bytes, as: UTF8.self)] = task.name.text }
    }
    return drivers
}
