// The hardware abstraction's smaller protocols: what the boot code composes into the machine.

import KernelABI

/// What interrupted.
@frozen public enum TakenInterrupt: Equatable, Sendable {
    case timer
    case line(Int)
    /// It went away.
    case nothing
}

/// A controller of interrupt lines. The composed machine holds one closed enum of all conforming drivers, decided once at boot.
public protocol InterruptController {
    var lineCount: Int { get }
    /// Take the most urgent pending interrupt; nil when there is none (it went away, or is spurious).
    ///
    /// `mask` or a priority drop keeps the line quiet from here to `open`.
    mutating func acknowledge() -> Int?
    /// The kernel has dispatched the interrupt: let others be taken, while this line stays quiet until `open`.
    mutating func end(line: Int)
    /// Let the line signal again after `end`.
    mutating func open(line: Int)
    /// Configure and unmask.
    mutating func enable(line: Int, trigger: Trigger)
    /// Mask.
    mutating func disable(line: Int)
}

/// An output device for the kernel's own messages, polled: before drivers run, and in a panic.
public protocol EarlyConsole {
    /// Waits for room first, for a bounded time.
    func write(_ byte: UInt8)
    /// Write if there is room now; false where there is none.
    func offer(_ byte: UInt8) -> Bool
}
