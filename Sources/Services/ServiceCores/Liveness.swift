// Which task hangs, and which one keeps the others from running: state machines over milliseconds,
// without a clock.

/// Watches for a sign of life. A task shows four in its period, so three that are missing in a row
/// are no accident. A task of which three are missing is a suspect: its sign may be on its way. If
/// none comes within an eighth of the period the task hangs. So a hang is noticed before the period
/// is over, where the looks come in time.
///
/// Invariant: a suspect has shown no sign of life for three quarters of its period or longer.
public struct Heartbeat: Equatable, Sendable {
    public enum Verdict: Equatable, Sendable {
        case alive
        /// Look again at `nextLook`.
        case suspect
        case silent
    }
    /// Milliseconds in which a sign of life must come; 0: not watched.
    public let period: UInt32
    private var lastSeen: UInt64
    private var suspectSince: UInt64?
    /// Processor time of the task when it became a suspect, for the first time since its last
    /// sign of life.
    private var usedWhenSuspected: UInt64?

    public init(period: UInt32, now: UInt64) {
        self.period = period
        lastSeen = now
    }

    /// A sign of life came at `now`.
    public mutating func seen(at now: UInt64) {
        lastSeen = now
        suspectSince = nil
        usedWhenSuspected = nil
    }

    /// When the next look is due, in milliseconds; nil for a task that is not watched.
    public var nextLook: UInt64? {
        if period == 0 { return nil }
        if let suspectSince { return suspectSince &+ UInt64(period) / 8 }
        return lastSeen &+ UInt64(period) * 3 / 4
    }

    /// Whether signs of life are missing.
    public var isSuspect: Bool { suspectSince != nil }

    /// Whether the task hangs, and has itself to blame. A suspect that was kept from running gets
    /// its period anew:
    /// - one that can run, is less urgent than what can run too, or had no processor time since it
    ///   became a suspect;
    /// - one that waits, and in whose place a thread of its priority could not run.
    ///
    /// - Parameters:
    ///   - used: processor time of the task so far, in milliseconds.
    ///   - mostUrgent: the largest priority of a task that can run.
    ///   - couldRun: whether that thread ran; nil: nobody has tried yet, and the suspect stays one.
    public mutating func isHanging(
        at now: UInt64, _ urgency: Urgency, used: UInt64, mostUrgent: UInt8, couldRun: Bool?
    ) -> Bool {
        let verdict = look(at: now)
        if verdict == .alive { return false }
        let usedThen = usedWhenSuspected ?? used
        usedWhenSuspected = usedThen
        let wasKept: Bool
        if urgency.isRunnable {
            wasKept = urgency.priority < mostUrgent || verdict == .silent && used == usedThen
        } else {
            if verdict == .silent && couldRun == nil { suspectSince = now }
            if verdict == .suspect || couldRun == nil { return false }
            wasKept = couldRun == false
        }
        if !wasKept { return verdict == .silent }
        lastSeen = now
        suspectSince = nil
        return false
    }

    /// What the signs of life say at `now`.
    public mutating func look(at now: UInt64) -> Verdict {
        guard let nextLook, now >= nextLook else { return suspectSince == nil ? .alive : .suspect }
        if suspectSince != nil { return .silent }
        suspectSince = now
        return .suspect
    }
}

/// How urgent a task is at a moment, and whether it could run if nothing more urgent did.
public struct Urgency: Equatable, Sendable {
    public let priority: UInt8
    public let isRunnable: Bool

    public init(priority: UInt8, isRunnable: Bool) {
        self.priority = priority
        self.isRunnable = isRunnable
    }
}

/// Watches how long a task computes without a wait, whether it has a heartbeat or not.
///
/// A task computes without a wait where each look finds it ready to run, and it had a quarter of
/// the time since the look before: as much as one of four that take turns. Looks are some hundred
/// milliseconds apart, so a wait between two that is short is not seen.
public struct ProcessorWatch: Equatable, Sendable {
    /// Milliseconds after which it is told the first time; it is told again after each doubling.
    public static var patience: UInt64 { 2000 }
    private var lastLook: UInt64
    private var lastUsed: UInt64
    /// Start of the present stretch.
    private var since: UInt64
    private var nextTold = ProcessorWatch.patience

    /// - Parameters:
    ///   - now: milliseconds.
    ///   - used: processor time of the task so far, in milliseconds.
    public init(now: UInt64, used: UInt64) {
        lastLook = now
        since = now
        lastUsed = used
    }

    /// Takes a look; for how many milliseconds the task has computed, where that is to be told now.
    ///
    /// - Parameter used: as for `init`; less than at the last look for a task that was
    ///   started anew.
    public mutating func look(at now: UInt64, used: UInt64, isRunnable: Bool) -> UInt64? {
        let elapsed = now &- lastLook
        let isBusy = isRunnable && used >= lastUsed && (used - lastUsed) &* 4 >= elapsed
        (lastLook, lastUsed) = (now, used)
        if !isBusy {
            since = now
            nextTold = ProcessorWatch.patience
            return nil
        }
        let stretch = now &- since
        if stretch < nextTold { return nil }
        nextTold = stretch &* 2
        return stretch
    }
}
