// The service of the supervisor. The runtime shows signs of life, and tells of lost lines
// (Sources/User/UserRuntime/Services.swift).

/// Watches all tasks. It ends a task that hangs or faults, and starts it again by the policy of its
/// manifest entry.
@Service(version: 1)
public protocol Supervisor {
    /// Shows a sign of life.
    @Method(1, .oneWay) func showLife()

    /// Tells how many lines the task has lost in its present life. The supervisor tells the log of
    /// the first, and then at each doubling.
    ///
    /// - Parameter opensLog: the log did not take the last line; otherwise the task may not open
    ///   the log.
    @Method(2, .oneWay) func loseLines(_ count: UInt64, opensLog: Bool)

    /// Tells of a pressed key. The power key switches the board off.
    ///
    /// - Parameter key: Linux's code.
    @Method(3, .oneWay, .restricted) func press(key: UInt32)

    /// Makes a task fault. What follows is its policy's.
    ///
    /// - Parameter task: the number that `ps` shows.
    @Method(4, .restricted) func crash(task: UInt64) throws(SupervisorError)

    /// Ends a task, which stays ended. A restart that was planned is taken back.
    @Method(5, .restricted) func kill(task: UInt64) throws(SupervisorError)

    /// Ends a task if it runs, and starts it anew. Returns its generation when it runs.
    @Method(6, .answeredLater, .restricted) func restart(
        task: UInt64
    ) throws(SupervisorError) -> UInt32
}

/// Why the supervisor refuses a request.
@Message public enum SupervisorError: UInt16, ServiceError {
    /// No task has this number, or it was never started.
    case noSuchTask = 1
    /// The task does not run, or its start is under way, or somebody ended it meanwhile.
    case wrongState
    /// The root task refuses. If it was a start, the log says why.
    case failed

    public var text: StaticString {
        switch self {
        case .noSuchTask: "no such task"
        case .wrongState: "the task does not run, or is being started"
        case .failed: "the root task could not do it; of a start the log says why"
        }
    }
}
