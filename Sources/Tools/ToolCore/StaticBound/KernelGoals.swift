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

    /// What an interrupt of each kind does not run: functions of the other kinds.
    static let interruptKinds: [(name: String, excluded: Set<String>)] = [
        ("timer", lines.union(nothing)), ("line", timers.union(nothing)),
        ("spurious", timers.union(lines)),
    ]
    private static let timers: Set<String> = [
        "fastExpire(_:)", "expireFirst(_:)", "timerInterrupt(_:)",
    ]
    private static let lines: Set<String> = ["fastDeliver(_:line:)", "interrupt(_:line:)"]
    private static let nothing: Set<String> = ["noInterrupt(_:)"]
}
