// What the supervisor does about a task that died: a state machine over milliseconds, without a
// clock of its own.
//
// Callers of the dead task are released at once by the kernel; only the restart waits. The wait
// doubles with each death that no stable run came before, so that a task that dies at once cannot
// eat the processor. A task that dies too often is given up, restarted without end, or takes the
// board down with it: its manifest entry says which.

/// What the supervisor has to do next about a task.
public enum RestartDecision: Equatable, Sendable {
    /// Start it again at this time in milliseconds.
    case restart(at: UInt64)
    /// It died too often, but the board cannot do without it: start it again at this time in
    /// milliseconds.
    case persist(at: UInt64)
    /// Its policy says to leave it dead.
    case leave
    /// It died too often: report it loudly and leave it dead.
    case giveUp
    /// It died too often: report it loudly and start the board anew.
    case reboot

    /// Whether the task is to come back.
    public var isRestart: Bool {
        switch self {
        case .restart, .persist: true
        case .leave, .giveUp, .reboot: false
        }
    }

    /// What becomes of the task, in words that follow its name; empty where a restart says it.
    public var text: StaticString {
        switch self {
        case .restart: ""
        case .persist: "died too often, but is essential: restarts go on"
        case .leave: "stays dead: it has no restart policy"
        case .giveUp: "GIVEN UP: it died too often"
        case .reboot: "GIVEN UP: it died too often, and its manifest entry says to reboot"
        }
    }
}

/// What a supervisor finds of a task that it did not know.
public enum Sighting: Equatable, Sendable {
    case running
    /// It stands in a fault that nobody was told of, and nobody will be.
    case diedUnseen
    /// It is dead, and a restart was planned.
    case planned
    /// It is dead, and stays so.
    case left

    /// - Parameters:
    ///   - isFirstLook: the supervisor itself starts. Later a fault that shows is on its way, and
    ///   counts when it comes.
    public init(isDead: Bool, isFaulted: Bool, isPlanned: Bool, isFirstLook: Bool) {
        if isDead {
            self = isPlanned ? .planned : .left
        } else {
            self = isFaulted && isFirstLook ? .diedUnseen : .running
        }
    }
}

/// A task's life so far.
///
/// Invariants: `failures ≤ policy.maximumRestarts + 1`; the delay lies between the policy's two
/// bounds; `generation` only grows.
public struct RestartState: Equatable, Sendable {
    public enum Phase: Equatable, Sendable {
        case running(since: UInt64)
        case waiting(until: UInt64)
        /// The root task was asked to start it, and loads it.
        case starting
        case dead
    }
    public let policy: RestartPolicy
    public private(set) var phase: Phase
    /// How many times the task was started.
    public private(set) var generation: UInt32
    /// Deaths since the last stable run.
    public private(set) var failures: UInt32 = 0

    /// A task that runs at `now` milliseconds, and was started `generation` times.
    public init(policy: RestartPolicy, now: UInt64, generation: UInt32 = 1) {
        self.policy = policy
        phase = .running(since: now)
        self.generation = generation
    }

    /// A task that a supervisor takes up, as it finds it.
    public init(policy: RestartPolicy, now: UInt64, generation: UInt32, found: Sighting) {
        self.init(policy: policy, now: now, generation: generation)
        switch found {
        case .running, .diedUnseen: break
        // All deaths before this supervisor's own count as one.
        case .planned: _ = died(at: now)
        case .left: stopped()
        }
    }

    /// Ends the task and decides, so that a supervisor that dies in the middle leaves no task dead
    /// that was to come back: the note of a planned restart survives it, is written first, and is
    /// taken back last.
    ///
    /// - Parameters:
    ///   - note: writes whether a restart is planned.
    ///   - kill: ends the task.
    public mutating func end(
        at now: UInt64, note: (Bool) -> Void, kill: () -> Void
    ) -> RestartDecision {
        note(true)
        kill()
        let decision = died(at: now)
        if !decision.isRestart { note(false) }
        return decision
    }

    /// The task died, or its restart failed.
    public mutating func died(at now: UInt64) -> RestartDecision {
        if case .running(let since) = phase, now &- since >= UInt64(policy.stableRun) {
            failures = 0
        }
        failures = min(failures, UInt32(policy.maximumRestarts)) + 1
        let isTooOften = failures > UInt32(policy.maximumRestarts)
        if isTooOften && policy.onGiveUp != .keepTrying {
            phase = .dead
            if policy.onGiveUp == .reboot { return .reboot }
            return policy.maximumRestarts == 0 ? .leave : .giveUp
        }
        let until = now &+ delay
        phase = .waiting(until: until)
        return isTooOften ? .persist(at: until) : .restart(at: until)
    }

    /// Least milliseconds between restarts without end.
    private static var shortestPersistence: UInt64 { 1000 }

    /// Milliseconds to wait after the present number of failures.
    public var delay: UInt64 {
        if failures == 0 { return 0 }
        if failures > UInt32(policy.maximumRestarts) {
            return max(UInt64(policy.maximumBackOff), RestartState.shortestPersistence)
        }
        let doublings = UInt64(min(failures - 1, 31))
        return min(UInt64(policy.initialBackOff) << doublings, UInt64(policy.maximumBackOff))
    }

    /// The task runs again, and was started `generation` times.
    public mutating func started(at now: UInt64, generation: UInt32) {
        phase = .running(since: now)
        self.generation = generation
    }

    /// The root task was asked to start it.
    public mutating func starting() { phase = .starting }

    /// A person stopped it: no restart until one is asked for.
    public mutating func stopped() {
        phase = .dead
        failures = 0
    }

    /// Whether the time of a planned restart has come.
    public func isDue(at now: UInt64) -> Bool {
        if case .waiting(let until) = phase { return now >= until }
        return false
    }
}
