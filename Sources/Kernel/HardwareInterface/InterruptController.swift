// The smaller protocols of the hardware abstraction, from which boot code composes the machine.

import KernelABI

/// The interrupt that was taken.
@frozen public enum TakenInterrupt: Equatable, Sendable {
    case timer
    case line(Int)
    /// No interrupt: it went away.
    case nothing
}

/// A controller of interrupt lines. The composed machine holds one closed enum of all conforming
/// drivers, decided once at boot.
public protocol InterruptController {
    var lineCount: Int { get }
    /// Takes a pending interrupt; nil if there is none (it went away, or is spurious).
    ///
    /// A mask or the line's active state keeps it quiet from here to `open`.
    mutating func acknowledge() -> Int?
    /// The line of the pending interrupt that `acknowledge` would take; nil if there is none. The
    /// line is not taken.
    func peek() -> Int?
    /// Lets other interrupts be taken, while this line stays quiet until `open`.
    mutating func end(line: Int)
    /// Lets the line signal again after `end`.
    mutating func open(line: Int)
    /// Configures and unmasks the line.
    mutating func enable(line: Int, trigger: Trigger)
    /// Masks the line.
    mutating func disable(line: Int)
}

/// A polled output device for the kernel's own messages: before drivers run, and in a panic.
public protocol EarlyConsole {
    /// Writes a byte. Waits for room first, for a bounded time.
    func write(_ byte: UInt8)
    /// Writes a byte if there is room now.
    ///
    /// - Returns: false if there is none.
    func offer(_ byte: UInt8) -> Bool
}
