// The goals: the largest maximum that each row may have. They are stated here and nowhere else; the
// benchmark prints them with its rows, and what reads its output takes them from there.

/// A row, or rows whose names begin alike (`*`), and the largest value that keeps the goal. The
/// same holds under load.
private struct Goal {
    var pattern: StaticString
    var limit: UInt64
    init(_ pattern: StaticString, _ limit: UInt64) {
        self.pattern = pattern
        self.limit = limit
    }
}

extension RowName {
    /// The longest path with interrupts masked that any row may show.
    public static var maskedGoal: UInt64 { 1200 }

    /// What the row's maximum is to stay within; nil where the project states nothing.
    public var goal: UInt64? { isOfSeveralCores ? goalOfSeveralCores : goalOfOneCore }

    private var goalOfSeveralCores: UInt64? {
        let goals: InlineArray<_, Goal> = [
            Goal("ipc.round-trip.words-0", 230),
            Goal("ipc.round-trip.words-4", 230),
            Goal("ipc.round-trip.words-8", 230),
            Goal("ipc.round-trip.words-0.other-core", 700),
            Goal("interrupt.timer.to-driver.spinning", 170),
            Goal("interrupt.device.to-driver", 170),
            Goal("wait.*", 1600),
        ]
        for index in goals.indices where matches(goals[index].pattern) { return goals[index].limit }
        return nil
    }

    private var goalOfOneCore: UInt64? {
        let goals: InlineArray<_, Goal> = [
            Goal("system-call.null", 40),
            Goal("yield.other-address-space", 110),
            Goal("ipc.call.one-way", 100),
            Goal("ipc.reply.one-way", 105),
            Goal("ipc.round-trip.words-0", 205),
            Goal("ipc.round-trip.words-4", 225),
            Goal("ipc.round-trip.words-8", 225),
            Goal("ipc.round-trip.words-16", 350),
            Goal("ipc.round-trip.words-64", 480),
            Goal("ipc.round-trip.words-120", 650),
            Goal("ipc.round-trip.words-0.client-above", 260),
            Goal("ipc.round-trip.deadline", 400),
            Goal("ipc.round-trip.loan", 400),
            Goal("ipc.round-trip.words-0.floating-point", 320),
            Goal("signal.higher-waiter-runs", 140),
            Goal("signal.nobody-waits", 70),
            Goal("signal.lower-waiter", 110),
            Goal("fault.to-handler", 220),
            Goal("fault.reply-to-faulter", 220),
            Goal("capability.copy", 250),
            Goal("capability.delete", 250),
            Goal("space.map-4k", 250),
            Goal("space.unmap-4k", 250),
            Goal("retype.endpoint", 400),
            Goal("retype.thread", 700),
            Goal("thread.create-join", 10_000),
            Goal("mutex.uncontended", 60),
            Goal("mutex.hand-over", 500),
            Goal("queue.round-trip", 900),
            Goal("semaphore.uncontended", 60),
            Goal("semaphore.higher-waiter-runs", 300),
            Goal("interrupt.timer.to-driver.spinning", 150),
            Goal("interrupt.timer.to-driver.spinning.floating-point", 190),
            Goal("floating-point.first-use", 150),
            Goal("interrupt.timer.to-driver.*", 1500),
            Goal("sweep.*", 1500),
            Goal("chain.*", 1500),
            Goal("together.*", 1500),
            Goal("budget.exhausted-*", 1500),
            Goal("budget.return-*", 1500),
            Goal("kernel.longest-masked", RowName.maskedGoal),
            Goal("kernel.boot", 1_000_000),
            Goal("kernel.text-bytes", 120 << 10),
            Goal("kernel.thread-bytes", 1 << 10),
        ]
        for index in goals.indices where matches(goals[index].pattern) { return goals[index].limit }
        return nil
    }
}
