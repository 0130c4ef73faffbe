// What an encoded manifest refuses, in the words of system.toml.

import KernelABI
import Protocols
import ServiceCores

extension ManifestError {
    /// The error of the manifest of `tasks`, with the place in the file that breaks the rule.
    func inWords(_ tasks: [ListedTask], _ shares: [ListedSharing] = []) -> ToolError {
        func error(_ index: Int, _ key: TaskKey, _ text: String) -> ToolError {
            index < tasks.count
                ? tasks[index].error(key, text) : ToolError("task \(index + 1): \(text)")
        }
        switch self {
        case .tooManyTasks:
            let most = Manifest.maximumTasks
            return error(most, .name, "\(tasks.count) tasks; a manifest has at most \(most)")
        case .badName(let index): return error(index, .opens, "a name is empty")
        case .duplicate(let index):
            return error(
                index, .name,
                "another task before it has the same name, provides the same service, "
                    + "or drives the same devices; or the root task provides the service")
        case .badValue(let index, .aboveSupervisor) where index < tasks.count:
            let task = tasks[index].description
            let key: TaskKey = task.priority == task.maximumPriority ? .priority : .maximumPriority
            return error(
                index, task.isAboveSupervisor ? .aboveSupervisor : key, task.urgencyRule(tasks))
        case .badValue(let index, .threadMemory) where index < tasks.count:
            let task = tasks[index].description
            return error(
                index, task.untypedBits == 0 ? .thread : .untypedBits, task.memoryRule)
        case .badValue(let index, let field): return error(index, field.key, field.rule)
        case .tooManyShares:
            let most = Manifest.maximumShares
            return shares[most].error(
                .name, "\(shares.count) are shared; a manifest has at most \(most)")
        case .badShare(let index, let fault):
            return shares[index].error(fault)
        case .badBoards, .truncated, .wrongMagic, .wrongVersion, .trailingBytes:
            return ToolError("the encoded manifest is damaged")
        }
    }
}

extension TaskDescription {
    /// How `above_supervisor` and the priorities do not fit.
    fileprivate func urgencyRule(_ tasks: [ListedTask]) -> String {
        let supervisor = Manifest(tasks: tasks.map(\.description)).supervisor
        let limit = supervisor.map { "\($0.priority)" } ?? "none"
        let key = priority == maximumPriority ? "priority" : "maximum_priority"
        if isAboveSupervisor {
            return
                "above_supervisor is for a priority of at least the supervisor's (\(limit)); "
                + "\(key) is \(maximumPriority)"
        }
        return
            "\(key) is \(maximumPriority): the supervisor (\(limit)) cannot run while this task "
            + "does; say why that must be in above_supervisor"
    }
}

extension TaskDescription {
    /// How much untyped memory its threads need.
    fileprivate var memoryRule: String {
        var bits = 12
        while 1 << bits < threadMemory { bits += 1 }
        let given = untypedBits == 0 ? "none" : "\(1 << Int(untypedBits))"
        return
            "its threads need \(threadMemory) bytes of untyped memory, and it has \(given): "
            + "write untyped_bits = \(bits), or more if it needs some for itself"
    }
}

extension ManifestField {
    /// The key that holds the value.
    fileprivate var key: TaskKey {
        switch self {
        case .start: .start
        case .priority: .priority
        case .maximumPriority: .maximumPriority
        case .privileges: .privileges
        case .stackBytes: .stack
        case .heapBytes: .heap
        case .persistentBytes: .persistent
        case .arenaBits: .arenaBits
        case .untypedBits: .untypedBits
        case .restart: .restart
        case .opens: .opens
        case .compatible: .compatible
        case .heartbeat: .heartbeat
        case .logLevel: .logLevel
        case .registerCount: .registers
        case .interruptCount: .interrupts
        case .waiting: .waiting
        case .shares: .sharesPage
        case .onGiveUp: .onGiveUp
        case .aboveSupervisor: .aboveSupervisor
        case .core: .core
        case .budget: .budget
        case .threads: .thread
        case .threadMemory: .untypedBits
        }
    }

    /// The rule that a value breaks.
    fileprivate var rule: String {
        let pages = "a multiple of 4096, at most \(TaskDescription.maximumMemory)"
        switch self {
        case .start: return "start is \"boot\", \"device\" or \"demand\""
        case .priority:
            return
                "priority and maximum_priority are 0 to \(TaskDescription.watchPriority - 1): "
                + "above that the supervisor looks whether something keeps it from running"
        case .maximumPriority: return "maximum_priority is at least priority"
        case .privileges: return "privileges has a value without a meaning"
        case .stackBytes: return "stack is \(pages), and not 0"
        case .heapBytes: return "heap is \(pages)"
        case .persistentBytes:
            return "persistent is a multiple of 4096, at most \(TaskDescription.maximumPersistent)"
        case .arenaBits: return "arena_bits is 16 to 28"
        case .untypedBits: return "untyped_bits is 0, or 12 to 28"
        case .restart: return "restart: initial_ms is 1 to maximum_ms"
        case .opens:
            return
                "opens has at most \(TaskDescription.maximumOpens) services and sets of numbers, "
                + "and allows a method of each; all tasks together have at most "
                + "\(ResourceRule.maximumCount) sets of numbers of one service"
        case .compatible:
            return
                "compatible has 1 to \(TaskDescription.maximumCompatible) values of 1 to "
                + "\(Compatible.maximumLength) bytes"
                + " for a task with start = \"device\", and none for another"
        case .heartbeat: return "heartbeat_ms is 0, or at least 10"
        case .logLevel: return "log_level is \"error\", \"warning\", \"notice\" or \"debug\""
        case .registerCount: return "registers is 0 to 4"
        case .interruptCount: return "interrupts is 0 to 4"
        case .waiting:
            return "waiting is \(CallerLimits.least) to \(CallerLimits.most)"
        case .shares: return "shares_page and shares_line are true or false"
        case .onGiveUp:
            return "on_give_up is \"stay_dead\", \"reboot\", or with `restart` \"keep_trying\""
        case .budget:
            return
                "budget is at least \(TimeBudget.shortest) us and at most its period, and "
                + "background is at most priority"
        case .threads:
            return "a task has at most \(ThreadMemory.maximumCount) threads, each with its own name"
        case .threadMemory: return "the threads need more untyped memory"
        case .core: return "core is 0 to \(TaskDescription.cores - 1)"
        case .aboveSupervisor: return "above_supervisor is for a task as urgent as the supervisor"
        }
    }
}
