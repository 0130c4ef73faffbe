// What the bounds are compared with, and which paths are none, each with its reason.

/// The goals of `make wcet`.
public enum KernelGoals {
    /// The longest masked section of any entry, in instructions.
    public static let longestMasked = 1200
    /// The longest masked section, and the longest interrupt that makes a more urgent thread run,
    /// behind it.
    public static let longestWait = 1500

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
        "serveDeadlines()", "chooseNext(_:)",
    ]

    /// What an interrupt of each kind does not run: functions of the other kinds.
    static let interruptKinds: [(name: String, excluded: Set<String>)] = [
        ("timer", lines.union(nothing)), ("line", timers.union(nothing)),
        ("spurious", timers.union(lines)),
    ]
    private static let timers: Set<String> = [
        "fastExpire(_:)", "expireFirst(_:)", "timerInterrupt(_:)", "claimTimer(above:)",
        "handleTimer(beside:)",
    ]
    private static let lines: Set<String> = [
        "fastDeliver(_:line:)", "deliverFirst(_:line:)", "interrupt(_:line:)", "claimLine(_:above:)",
    ]
    private static let nothing: Set<String> = ["noInterrupt(_:)"]
}
