// What the bounds are compared with, and which paths are none, each with its reason.

/// How the kernel runs whose bound is asked for: what it looks at before it takes other paths.
public enum KernelMode: Sendable {
    case oneCore
    case severalCores
    /// On one core, after a budget was set.
    case budgets

    public var goals: KernelGoals {
        switch self {
        case .oneCore: .oneCore
        case .severalCores: .severalCores
        case .budgets: .budgets
        }
    }
}

/// The goals of `make wcet`, for the kernel on one core and on several.
public struct KernelGoals: Sendable {
    /// The longest masked section of any entry, in instructions.
    public let longestMasked: Int
    /// The top thread's wait (`BoundReport.longestWait`): the longest masked section, what the
    /// kernel lock adds on several cores, and the longest interrupt that makes a more urgent thread
    /// run, behind it.
    public let longestWait: Int

    public static let oneCore = KernelGoals(longestMasked: 1200, longestWait: 1500)
    public static let severalCores = KernelGoals(longestMasked: 1200, longestWait: 1600)
    /// On one core, after a budget was set: each inheritance also says who pays, and the steps of
    /// budgets come in.
    public static let budgets = KernelGoals(longestMasked: 1200, longestWait: 1850)

    /// How many times as long as the longest measured section of an entry its bound may be.
    public static let looseness = 2
    /// Entries whose bound may be looser, and why.
    public static let loose: [(entry: String, reason: String)] = [
        (
            "invoke revoke",
            "it never removes an object's last capability, which alone ends an armed timer: the "
                + "one it was called with stays"
        ),
        ("invoke setCore", "with one core no thread moves"),
        ("invoke configure", "no row takes a handler away for which its thread waits"),
        ("invoke close", "the threads whose waits it ends wait for no mutex"),
        ("lock", "no row waits in a chain of 16 threads"),
        ("unlock", "no row fills the queues of the mutex and of its holder"),
        ("invoke leave", "no row fills the queue of the mutex that it hands over"),
        ("invoke acknowledge", "no row has eight bindings on one line, which then follows another"),
    ]

    /// Entries that the rows of budgets measure, after a budget was set.
    public static let ofBudgets: Set<String> = [
        "invoke setBudget", "invoke bindBudget", "invoke bindOverrun", "invoke budgetInformation",
    ]

    /// The scheduling loop begins in one of these functions, at the first look at pending
    /// interrupts: with one core in the first, with several in the second.
    static let loop: Set<String> = ["choose(_:)", "performSteps(_:)"]

    /// Functions that no bound covers, and why.
    public static let excluded: [(function: String, reason: String)] = [
        ("Machine.powerOff(status:)", "the machine stops"),
        ("Machine.reboot()", "the machine stops"),
        (
            "reportRootFault(_:)",
            "the root task has stopped for good, and its last line waits for the console"
        ),
    ]
    /// What does not run where an interrupt wakes a thread that is more urgent than all others and
    /// waits plainly: alone on its notification and without a deadline, for a timer or for a line
    /// with one binding, and while no trace is recorded. The general path serves all other waits.
    static let generalWake: Set<String> = [
        "serve(_:)", "deliver(_:_:)", "handleTimer(beside:)", "deliverInterrupt(line:)",
        "performStep(_:)", "takeNothing(_:)",
        "serveDeadlines()", "chooseNext(_:)", "overdrawn(beside:)", "demoteStep(_:)",
    ]

    /// What does not run where no core that waits for the lock is as urgent.
    static let passing: Set<String> = ["swiftlet_shared_release", "passLock()"]

    /// What an interrupt of each kind does not run: functions of the other kinds.
    static let interruptKinds: [(name: String, excluded: Set<String>)] = [
        ("timer", lines.union(nothing)), ("line", timers.union(nothing)),
        ("spurious", timers.union(lines)),
    ]
    private static let timers: Set<String> = [
        "fastExpire(_:isShared:)", "expireFirst(_:isShared:isSingle:)", "timerInterrupt(_:)",
        "claimTimer(above:isShared:isSingle:)",
        "handleTimer(beside:)",
    ]
    private static let lines: Set<String> = [
        "fastDeliver(_:line:isShared:)", "deliverFirst(_:line:isShared:)", "interrupt(_:line:)",
        "claimLine(_:above:isShared:)",
    ]
    private static let nothing: Set<String> = ["noInterrupt(_:)"]
}
