// system.toml: the manifest as people write it. Platform.swift makes one manifest of the files that a board needs.

import ServiceCores

/// The text of a system.toml, read.
public struct SystemFile {
    /// The boards that it is for; nil in a file for every board.
    var boards: Boards?
    var tasks: [TaskDescription]
    var additions: [Addition]

    public init(toml: String) throws {
        (boards, tasks, additions) = try Fields.read(toml: toml) { file in
            var boards: Boards?
            if var board = try file.fields("board") { boards = try Boards(reading: &board) }
            let tasks = try file.list("task").map { entry in
                var fields = entry
                return try TaskDescription(reading: &fields)
            }
            let additions = try file.list("addition").map { entry in
                var fields = entry
                return try Addition(reading: &fields)
            }
            return (boards, tasks, additions)
        }
        if tasks.isEmpty && boards == nil { throw ToolError("there is no [[task]]") }
    }
}

/// What a task of every board has more on one.
struct Addition {
    var task: Name
    var opens: [Name]
    var privileges: Privileges

    fileprivate init(reading fields: inout Fields) throws {
        task = try fields.required("task", try fields.name("task"))
        fields.place = "addition to \(task.text)"
        opens = try fields.names("opens")
        privileges = try fields.privileges()
        try fields.end()
    }
}

extension Boards {
    fileprivate init(reading fields: inout Fields) throws {
        self.init(
            compatible: try fields.texts("compatible").map { Compatible(bytes: Array($0.utf8)) },
            isFallback: try fields.flag("fallback"))
        try fields.end()
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
    fileprivate mutating func names(_ key: String) throws -> [Name] { try texts(key).map { try name(key, $0) } }
    fileprivate mutating func privileges() throws -> Privileges {
        try texts("privileges").reduce(.none) { $0 | (try Privileges(named: $1, self)) }
    }
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
        opens = try fields.names("opens")
        compatible = try fields.texts("compatible").map { Compatible(bytes: Array($0.utf8)) }
        privileges = try fields.privileges()
        heartbeat = try fields.number("heartbeat_ms") ?? 0
        if var policy = try fields.fields("restart") { restart = try RestartPolicy(reading: &policy) }
        try readGiveUp(&fields)
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
        if let reason = try fields.text("above_supervisor") {
            if reason.isEmpty { throw fields.error("say in above_supervisor why the supervisor may have to wait") }
            isAboveSupervisor = true
        }
        sliceMicroseconds = try fields.number("slice_us") ?? 0
    }

    /// Left out: what a board cannot do without is started again without end, if it is started again at all.
    private mutating func readGiveUp(_ fields: inout Fields) throws {
        switch try fields.text("on_give_up") {
        case "stay_dead": restart.onGiveUp = .stayDead
        case "reboot": restart.onGiveUp = .reboot
        case "keep_trying": restart.onGiveUp = .keepTrying
        case nil: restart.onGiveUp = isEssential && restart.maximumRestarts > 0 ? .keepTrying : .stayDead
        case let other?:
            throw fields.error("on_give_up is \"stay_dead\", \"reboot\" or \"keep_trying\", not \"\(other)\"")
        }
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
            "send_capabilities": .sendCapabilities, "asid_pool": .asidPool,
            "serial.read": .serialRead, "serial.control": .serialControl, "task_names": .taskNames,
        ]
    }
}
