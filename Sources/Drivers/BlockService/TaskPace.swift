// Time for a card's logic in a task: it sleeps on the task's notification, so that the device's
// interrupt wakes it.

import DriverCores
import KernelABI
import UserRuntime

public struct TaskPace: Pace {
    private let notification = Notification(StartSlot.notification)
    private let interrupt = Interrupt(StartSlot.interrupt)
    /// The interrupt came, and its line is closed until it is acknowledged.
    private var isOutstanding = false
    /// The interrupt's bit in the notification.
    static var interruptBit: UInt64 { 1 }

    public init() {
        orEnd(
            "the interrupt cannot be bound",
            try interrupt.bind(notification, bits: TaskPace.interruptBit))
    }

    public var nanoseconds: UInt64 { Duration(ticks: Instant.now.ticks).nanoseconds }

    public mutating func wait(until instant: UInt64) {
        acknowledge()
        rest(until: instant)
    }

    /// A sign of life that is due is given on the way: a request may take longer than the time
    /// between two.
    public mutating func rest(until instant: UInt64) {
        let deadline = Instant(ticks: Duration.microseconds(instant).ticks)
        guard let bits = try? notification.wait(deadline: deadline) else { return }
        if bits & TaskPace.interruptBit != 0 { isOutstanding = true }
        if bits & Server.heartbeatBit != 0 { showSignOfLife() }
    }

    /// Opens the line again. - Precondition: the device does not drive it, or the interrupt comes
    /// again at once.
    mutating func acknowledge() {
        if !isOutstanding { return }
        isOutstanding = false
        interrupt.reopen()
    }

    /// The interrupt came between requests: a line that other devices share.
    mutating func noteInterrupt() { isOutstanding = true }
}
