// How often a device may interrupt: a pin that is open to the air, or a wire that rings, makes
// edges as fast as its driver can answer them, and would keep everything that is less urgent than
// the driver from running.

/// In each window of time so many interrupts are answered at once; the line stays closed after the
/// last one until the window ends. What comes meanwhile waits in the device. Times are ticks of
/// one counter.
public struct InterruptBudget {
    private let most: Int
    private let window: UInt64
    private var start: UInt64 = 0
    private var count = 0

    /// - Parameters:
    ///   - most: interrupts in a window, 1 or more.
    ///   - window: its length in ticks.
    public init(most: Int, window: UInt64) {
        self.most = most
        self.window = window
    }

    /// Notes an interrupt.
    /// - Returns: the instant from which its line may be open again; `now` where that is at once.
    public mutating func spend(at now: UInt64) -> UInt64 {
        if now &- start >= window {
            start = now
            count = 0
        }
        count += 1
        return count < most ? now : start &+ window
    }
}
