// system.toml: the manifest as people write it. Platform.swift makes one manifest of the files that
// a board needs.

import KernelABI
import Protocols
import ServiceCores

/// The text of a system.toml, read.
public struct SystemFile {
    /// The boards that it is for; nil in a file for every board.
    var boards: Boards?
    /// Bytes of memory that each of these boards has at least; nil: not said.
    var boardMemory: UInt64?
    var tasks: [ListedTask]
    var additions: [Addition]
    var shares: [ListedSharing]
    private let file: TOMLFile
    var path: String { file.path }

    /// - Parameter path: where the text was read, for messages.
    /// - Throws: a `ToolError` with the path and the line, for whatever a manifest does not take.
    public init(toml: String, path: String = "system.toml") throws {
        (file, boards, boardMemory, tasks, additions, shares) = try Fields<SystemKey>.read(
            toml: toml, path: path
        ) { fields in
            let board = try fields.fields(.board, of: BoardKey.self)
            let tasks = try fields.list(.task, of: TaskKey.self).map { try ListedTask(reading: $0) }
            let additions = try fields.list(.addition, of: AdditionKey.self).map {
                try Addition(reading: $0)
            }
            let shares = try fields.list(.shared, of: SharedKey.self).map {
                try ListedSharing(reading: $0)
            }
            return (
                fields.place.file, try board.map { try Boards(reading: $0) },
                try board?.number(.memory), tasks, additions, shares
            )
        }
        if tasks.isEmpty && boards == nil { throw file.error([], "there is no [[task]]") }
    }

    /// An error of the table `[board]`, or of one of its keys.
    func boardError(_ key: BoardKey?, _ text: String) -> ToolError {
        file.error(["board"] + (key.map { [$0.rawValue] } ?? []), "board: \(text)")
    }
    /// An error of the file as a whole.
    func error(_ text: String) -> ToolError { file.error([], text) }
}

enum SystemKey: String, CaseIterable { case board, task, addition, shared }
enum BoardKey: String, CaseIterable { case compatible, fallback, memory }
enum AdditionKey: String, CaseIterable { case task, opens, privileges }
enum TaskKey: String, CaseIterable {
    case name, binary, start, order, priority, reason, stack, heap, persistent, registers,
        interrupts, provides, interface, opens, waiting
    case compatible, privileges, restart
    case maximumPriority = "maximum_priority"
    case slice = "slice_us"
    case arenaBits = "arena_bits"
    case untypedBits = "untyped_bits"
    case sharesPage = "shares_page"
    case sharesLine = "shares_line"
    case heartbeat = "heartbeat_ms"
    case logLevel = "log_level"
    case onGiveUp = "on_give_up"
    case aboveSupervisor = "above_supervisor"
    case core
    case coreReason = "core_reason"
    case budget, background
    case budgetReason = "budget_reason"
    case thread
}
enum ThreadKey: String, CaseIterable { case name, priority, core, stack, reason }
enum RestartKey: String, CaseIterable {
    case maximum
    case initial = "initial_ms"
    case most = "maximum_ms"
    case stable = "stable_ms"
}

/// A task, and where the file describes it.
struct ListedTask {
    /// All but what it opens: `Platform` adds that.
    var description: TaskDescription
    let opens: [OpensEntry]
    /// The interface of the service that it provides; nil: that of the service's own name.
    let interface: String?
    private let place: TablePlace<TaskKey>

    fileprivate init(reading fields: Fields<TaskKey>) throws {
        var fields = fields
        let name = try fields.readName(.name)
        if let name { fields.place.name = "task \(name.text)" }
        try fields.checkKeys()
        description = try TaskDescription(name: try fields.required(.name, name), reading: fields)
        opens = try fields.readOpens(.opens)
        interface = try fields.text(.interface)
        place = fields.place
        let alone = Manifest(
            boards: Boards(compatible: [Compatible(bytes: [1])]), tasks: [description])
        do throws(ManifestError) { try alone.check() } catch { throw error.inWords([self]) }
    }

    /// An error of one of the task's keys.
    func error(_ key: TaskKey, _ text: String) -> ToolError { place.error(key, text) }
}

/// What a task of every board has more on one.
struct Addition {
    var task: Name
    var opens: [OpensEntry]
    var privileges: Privileges
    private let place: TablePlace<AdditionKey>

    fileprivate init(reading fields: Fields<AdditionKey>) throws {
        var fields = fields
        let task = try fields.readName(.task)
        if let task { fields.place.name = "addition to \(task.text)" }
        try fields.checkKeys()
        self.task = try fields.required(.task, task)
        opens = try fields.readOpens(.opens)
        privileges = try fields.readPrivileges(.privileges)
        place = fields.place
    }

    func error(_ key: AdditionKey, _ text: String) -> ToolError { place.error(key, text) }
}

extension Boards {
    fileprivate init(reading fields: Fields<BoardKey>) throws {
        self.init(
            compatible: try fields.texts(.compatible).map { Compatible(bytes: Array($0.utf8)) },
            isFallback: try fields.flag(.fallback))
        do throws(ManifestError) { try Manifest(boards: self).check() } catch {
            throw fields.error(
                .compatible,
                "compatible has 1 to \(Boards.maximumCount) values of 1 to "
                    + "\(Compatible.maximumLength) bytes")
        }
    }
}

extension UInt32 {
    /// A time such as `2 ms`; nil if it is none, or too long.
    fileprivate init?(microseconds text: Substring) {
        let words = text.split(separator: " ")
        guard words.count == 2, let number = UInt32(words[0]) else { return nil }
        let units: [Substring: UInt32] = ["us": 1, "ms": 1000, "s": 1_000_000]
        guard let unit = units[words[1]] else { return nil }
        let (value, isTooLong) = number.multipliedReportingOverflow(by: unit)
        if isTooLong { return nil }
        self = value
    }
}

extension Name {
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Fields {
    private func name(_ key: Key, _ text: String) throws -> Name {
        guard let name = Name(bytes: Array(text.utf8).span) else {
            throw error(key, "\(key.rawValue) \"\(text)\" has 1 to 32 bytes")
        }
        return name
    }
    func readName(_ key: Key) throws -> Name? {
        try text(key).map { try name(key, $0) }
    }
    func readNames(_ key: Key) throws -> [Name] {
        try texts(key).map { try name(key, $0) }
    }
    fileprivate func readPrivileges(_ key: Key) throws -> Privileges {
        try texts(key).reduce(.none) { all, text in
            guard let named = Privileges.names.first(where: { $0.key == text }) else {
                let known = Privileges.names.map { $0.key }.joined(separator: ", ")
                throw error(key, "privilege \"\(text)\" is none of \(known)")
            }
            return all | named.value
        }
    }
}

extension TaskDescription {
    fileprivate init(name: Name, reading fields: Fields<TaskKey>) throws {
        self.init(name: name, binary: try fields.required(.binary, try fields.readName(.binary)))
        try readStart(fields)
        try readPriority(fields)
        try readMemory(fields)
        registerCount = try fields.number(.registers) ?? 0
        interruptCount = try fields.number(.interrupts) ?? 0
        sharesPage = try fields.flag(.sharesPage)
        sharesLine = try fields.flag(.sharesLine)
        provides = try fields.readName(.provides) ?? .empty
        waiting = try fields.number(.waiting) ?? UInt8(CallerLimits.least)
        compatible = try fields.texts(.compatible).map { Compatible(bytes: Array($0.utf8)) }
        privileges = try fields.readPrivileges(.privileges)
        heartbeat = try fields.number(.heartbeat) ?? 0
        try readLogLevel(fields)
        if let policy = try fields.fields(.restart, of: RestartKey.self) {
            restart = try RestartPolicy(reading: policy)
        }
        try readGiveUp(fields)
        threads = try fields.list(.thread, of: ThreadKey.self).map {
            try ThreadDescription(reading: $0, of: self)
        }
    }

    private mutating func readLogLevel(_ fields: Fields<TaskKey>) throws {
        guard let text = try fields.text(.logLevel) else { return }
        let levels: [String: LogLevel] = [
            "error": .error, "warning": .warning, "notice": .notice, "debug": .debug,
        ]
        guard let level = levels[text] else {
            throw fields.error(
                .logLevel,
                "log_level is \"error\", \"warning\", \"notice\" or \"debug\", not \"\(text)\"")
        }
        logLevel = level
    }

    private mutating func readStart(_ fields: Fields<TaskKey>) throws {
        switch try fields.required(.start, try fields.text(.start)) {
        case "boot": start = .boot
        case "device": start = .device
        case "demand": start = .demand
        case let other:
            throw fields.error(
                .start, "start is \"boot\", \"device\" or \"demand\", not \"\(other)\"")
        }
        order = try fields.number(.order) ?? 0
    }

    private mutating func readPriority(_ fields: Fields<TaskKey>) throws {
        priority = try fields.required(.priority, try fields.number(.priority))
        maximumPriority = try fields.number(.maximumPriority) ?? priority
        if try fields.required(.reason, try fields.text(.reason)).isEmpty {
            throw fields.error(.reason, "say in `reason` why its priority is \(priority)")
        }
        if let reason = try fields.text(.aboveSupervisor) {
            if reason.isEmpty {
                throw fields.error(
                    .aboveSupervisor, "say in above_supervisor why the supervisor may have to wait")
            }
            isAboveSupervisor = true
        }
        sliceMicroseconds = try fields.number(.slice) ?? 0
        try readCore(fields)
        try readBudget(fields)
    }

    /// `budget = "2 ms / 10 ms"`, with the priority that is left when the time is used up.
    private mutating func readBudget(_ fields: Fields<TaskKey>) throws {
        let reason = try fields.text(.budgetReason)
        let background: UInt8? = try fields.number(.background)
        guard let text = try fields.text(.budget) else {
            if reason != nil {
                throw fields.error(.budgetReason, "budget_reason is for a `budget`")
            }
            if background != nil {
                throw fields.error(.background, "background is for a `budget`")
            }
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let limit = UInt32(microseconds: parts[0]),
            let period = UInt32(microseconds: parts[1]), limit != 0
        else {
            throw fields.error(
                .budget,
                "budget \"\(text)\" is a time in each period, as \"2 ms / 10 ms\" or "
                    + "\"500 us / 1 s\"")
        }
        if reason?.isEmpty != false {
            throw fields.error(.budget, "say in budget_reason why \(text) is enough")
        }
        budget.limit = limit
        budget.period = period
        budget.background = try fields.required(.background, background)
    }

    private mutating func readCore(_ fields: Fields<TaskKey>) throws {
        let reason = try fields.text(.coreReason)
        guard let core: UInt8 = try fields.number(.core) else {
            if reason != nil { throw fields.error(.coreReason, "core_reason is for a `core`") }
            return
        }
        if reason?.isEmpty != false {
            throw fields.error(.core, "say in core_reason why it runs on core \(core)")
        }
        self.core = core
    }

    /// Left out: what a board cannot do without is started again without end, if it is started
    /// again at all.
    private mutating func readGiveUp(_ fields: Fields<TaskKey>) throws {
        switch try fields.text(.onGiveUp) {
        case "stay_dead": restart.onGiveUp = .stayDead
        case "reboot": restart.onGiveUp = .reboot
        case "keep_trying": restart.onGiveUp = .keepTrying
        case nil:
            restart.onGiveUp = isEssential && restart.maximumRestarts > 0 ? .keepTrying : .stayDead
        case let other?:
            throw fields.error(
                .onGiveUp,
                "on_give_up is \"stay_dead\", \"reboot\" or \"keep_trying\", not \"\(other)\"")
        }
    }

    private mutating func readMemory(_ fields: Fields<TaskKey>) throws {
        stackBytes = try fields.required(.stack, try fields.number(.stack))
        heapBytes = try fields.number(.heap) ?? 0
        arenaBits = try fields.required(.arenaBits, try fields.number(.arenaBits))
        untypedBits = try fields.number(.untypedBits) ?? 0
        persistentBytes = try fields.number(.persistent) ?? 0
    }
}

extension ThreadDescription {
    /// - Parameter task: whose thread it is.
    fileprivate init(reading fields: Fields<ThreadKey>, of task: TaskDescription) throws {
        var fields = fields
        let name = try fields.required(.name, try fields.readName(.name))
        fields.place.name = "task \(task.name.text): thread \(name.text)"
        try fields.checkKeys()
        self.init(
            name: name, priority: try fields.required(.priority, try fields.number(.priority)))
        if priority > task.maximumPriority {
            throw fields.error(
                .priority,
                "priority is \(priority); the task's maximum_priority is \(task.maximumPriority)")
        }
        if try fields.required(.reason, try fields.text(.reason)).isEmpty {
            throw fields.error(.reason, "say in `reason` why its priority is \(priority)")
        }
        core = try fields.number(.core)
        if let core, core >= TaskDescription.cores {
            throw fields.error(.core, "core is 0 to \(TaskDescription.cores - 1)")
        }
        stackBytes = try fields.number(.stack) ?? stackBytes
        if stackBytes == 0 || stackBytes % 4096 != 0
            || stackBytes > UInt32(ThreadMemory.maximumStack)
        {
            throw fields.error(
                .stack,
                "stack is a multiple of 4096, at most \(ThreadMemory.maximumStack), and not 0")
        }
    }
}

extension RestartPolicy {
    fileprivate init(reading fields: Fields<RestartKey>) throws {
        self.init(
            maximumRestarts: try fields.required(.maximum, try fields.number(.maximum)),
            initialBackOff: try fields.required(.initial, try fields.number(.initial)),
            maximumBackOff: try fields.required(.most, try fields.number(.most)),
            stableRun: try fields.required(.stable, try fields.number(.stable)))
    }
}

extension Privileges {
    /// Each privilege as the file calls it.
    static var names: KeyValuePairs<String, Privileges> {
        [
            "interrupt_control": .interruptControl, "device_tree": .deviceTree,
            "root_view": .rootView,
            "system.console": .systemConsole, "system.statistics": .systemStatistics,
            "system.trace": .systemTrace, "system.power": .systemPower,
            "send_capabilities": .sendCapabilities, "asid_pool": .asidPool,
            "task_names": .taskNames,
        ]
    }
}
