// Periodic work: at instants that do not drift, with the periods that were missed.

import KernelABI

/// One period of periodic work.
public struct Tick: Sendable {
    /// The number of the period, from 0. Missed periods count.
    public let index: UInt64
    /// The instant at which the period began.
    public let due: Instant
    /// How long after `due` the thread ran.
    public let lateness: Duration
    /// Periods that passed without work since the last tick.
    public let missed: UInt64
}

/// The periods of a thread's work: `for tick in try Periodic(every: .milliseconds(1), …)`.
///
/// The periods begin at instants that the work cannot shift. If the work of one takes longer, the
/// periods that have passed meanwhile are skipped and counted: the work never runs twice in a row
/// to make up for them. The thread waits plainly, without a deadline, so the bounds for a timer
/// hold (docs/realtime.md, *The wait*).
public struct Periodic: Sequence, IteratorProtocol, Sendable {
    public let period: Duration
    private let timer: Timer
    private let notification: Notification
    /// When the next period begins.
    private var due: Instant
    /// Its number.
    private var index: UInt64 = 0

    /// Starts the timer.
    ///
    /// - Parameters:
    ///   - timer: one that nothing else uses (right: manage).
    ///   - notification: on which this thread waits (rights: manage, to bind the timer, and read).
    ///   - start: when the first period begins; left out: one period from now.
    /// - Throws: what binding and arming a timer throws.
    public init(
        every period: Duration, timer: Timer, notification: Notification,
        from start: Instant? = nil
    ) throws(KernelError) {
        if period.ticks == 0 { throw .invalidArgument }
        self.period = period
        self.timer = timer
        self.notification = notification
        due = start ?? .after(period)
        try timer.bind(notification, bits: 1)
        try timer.arm(due, period: period)
    }

    /// Waits for the next period.
    ///
    /// - Returns: nil if the notification is gone: the work ends.
    public mutating func next() -> Tick? {
        var now = Instant.now
        while now < due {
            do throws(KernelError) { _ = try notification.wait() } catch {
                // Another thread suspended and resumed this one.
                if error != .cancelled { return nil }
            }
            now = .now
        }
        let missed = (now - due).ticks / period.ticks
        let last = due + Duration(ticks: missed &* period.ticks)
        let tick = Tick(index: index &+ missed, due: last, lateness: now - last, missed: missed)
        due = last + period
        index = tick.index &+ 1
        return tick
    }

    /// Stops the timer.
    public func stop() throws(KernelError) { try timer.cancel() }
}
