// The services of the root task. Each has an interface of its own in Sources/User/Interfaces.

/// One of the root task's services. A client's capability of one is in a slot of its own from the
/// start (`StartSlot.root`). All of them are capabilities of one endpoint: the badge names the
/// service where other badges name a set of resources.
@frozen public enum RootService: UInt16, Sendable {
    case tasks = 1
    case inspection = 2
    case drivers = 3
    case connections = 4
    case machine = 5
    /// Needs no entry under `opens`: a task has it whose threads share a mutex set.
    case shares = 6

    /// How many there are.
    @inlinable public static var count: Int { 6 }

    /// As the manifest names it.
    public var name: StaticString {
        switch self {
        case .tasks: "tasks"
        case .inspection: "inspection"
        case .drivers: "drivers"
        case .connections: "connections"
        case .machine: "machine"
        case .shares: "shares"
        }
    }
}

/// Bits by which the root task tells of tasks.
public enum RootSignal {
    /// Of the notifications of supervisor and name service: a task runs. Of the supervisor's, also:
    /// a start that it asked for with `begin` has failed.
    @inlinable public static var started: UInt64 { 2 }
    /// Of the supervisor's notification: a task with the root task's view is about to run; it has
    /// the machine for itself.
    @inlinable public static var machineTaken: UInt64 { 4 }
}
