// What an encoded manifest refuses, in the words of system.toml.

import ServiceCores

extension ManifestError {
    func words(_ manifest: Manifest) -> String {
        func task(_ index: Int) -> String {
            index < manifest.tasks.count ? "task \(manifest.tasks[index].name.text)" : "task \(index + 1)"
        }
        switch self {
        case .tooManyTasks: return "\(manifest.tasks.count) tasks; a manifest has at most \(Manifest.maximumTasks)"
        case .badBoards:
            return "board: compatible has 1 to \(Boards.maximumCount) values of 1 to \(Compatible.maximumLength) bytes"
        case .badName(let index): return "\(task(index)): a name is empty"
        case .duplicate(let index):
            return
                "\(task(index)): another task before it has the same name, provides the same service, or drives the same devices"
        case .badValue(let index, .aboveSupervisor) where index < manifest.tasks.count:
            return "\(task(index)): \(manifest.tasks[index].urgencyRule(manifest))"
        case .badValue(let index, let field): return "\(task(index)): \(field.rule)"
        case .truncated, .wrongMagic, .wrongVersion, .trailingBytes: return "the encoded manifest is damaged"
        }
    }
}

extension TaskDescription {
    /// How `above_supervisor` and the priorities do not fit.
    fileprivate func urgencyRule(_ manifest: Manifest) -> String {
        let limit = manifest.supervisor.map { "\($0.priority)" } ?? "none"
        let key = priority == maximumPriority ? "priority" : "maximum_priority"
        if isAboveSupervisor {
            return "above_supervisor is for a priority of at least the supervisor's (\(limit)); \(key) is "
                + "\(maximumPriority)"
        }
        return "\(key) is \(maximumPriority): the supervisor (\(limit)) cannot run while this task does; say why that "
            + "must be in above_supervisor"
    }
}

extension ManifestField {
    /// The rule that a value breaks.
    fileprivate var rule: String {
        let pages = "a multiple of 4096, at most 16777216"
        switch self {
        case .start: return "start is \"boot\", \"device\" or \"demand\""
        case .priority:
            return "priority and maximum_priority are 0 to \(TaskDescription.watchPriority - 1): above that the "
                + "supervisor looks whether something keeps it from running"
        case .maximumPriority: return "maximum_priority is at least priority"
        case .privileges: return "privileges has a value without a meaning"
        case .stackBytes: return "stack is \(pages), and not 0"
        case .heapBytes: return "heap is \(pages)"
        case .persistentBytes: return "persistent is \(pages)"
        case .arenaBits: return "arena_bits is 16 to 28"
        case .untypedBits: return "untyped_bits is 0, or 12 to 28"
        case .restart: return "restart: initial_ms is 1 to maximum_ms"
        case .opens: return "opens has at most \(TaskDescription.maximumOpens) services"
        case .compatible:
            return
                "compatible has 1 to \(TaskDescription.maximumCompatible) values of 1 to \(Compatible.maximumLength) bytes"
                + " for a task with start = \"device\", and none for another"
        case .heartbeat: return "heartbeat_ms is 0, or at least 10"
        case .registerCount: return "registers is 0 to 4"
        case .interruptCount: return "interrupts is 0 to 4"
        case .shares: return "shares_page and shares_line are true or false"
        case .onGiveUp: return "on_give_up is \"stay_dead\", \"reboot\", or with `restart` \"keep_trying\""
        case .aboveSupervisor: return "above_supervisor is for a task as urgent as the supervisor"
        }
    }
}
