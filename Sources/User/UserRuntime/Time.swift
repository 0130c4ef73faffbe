// Time for tasks: instants of the counter, and conversions from and to seconds without
// floating point.

import CUserEntry
import KernelABI

/// A length of time in ticks of the counter.
public struct Duration: Equatable, Comparable, Sendable {
    public var ticks: UInt64
    @inline(__always) public init(ticks: UInt64) { self.ticks = ticks }
    /// Rounded up to whole ticks.
    public static func nanoseconds(_ count: UInt64) -> Duration { scaled(count, 1_000_000_000) }
    public static func microseconds(_ count: UInt64) -> Duration { scaled(count, 1_000_000) }
    public static func milliseconds(_ count: UInt64) -> Duration { scaled(count, 1_000) }
    public static func seconds(_ count: UInt64) -> Duration { scaled(count, 1) }
    public static func < (a: Duration, b: Duration) -> Bool { a.ticks < b.ticks }

    private static func scaled(_ count: UInt64, _ unitsPerSecond: UInt64) -> Duration {
        let frequency = swiftlet_counter_frequency()
        let whole = count / unitsPerSecond * frequency
        let rest = count % unitsPerSecond * frequency
        return Duration(ticks: whole + (rest + unitsPerSecond - 1) / unitsPerSecond)
    }
    /// Whole nanoseconds, rounded down.
    public var nanoseconds: UInt64 { whole(1_000_000_000) }
    /// Whole microseconds, rounded down.
    public var microseconds: UInt64 { whole(1_000_000) }
    /// Whole milliseconds, rounded down.
    public var milliseconds: UInt64 { whole(1_000) }

    private func whole(_ unitsPerSecond: UInt64) -> UInt64 {
        let frequency = swiftlet_counter_frequency()
        return ticks / frequency * unitsPerSecond + ticks % frequency * unitsPerSecond / frequency
    }
}

extension Instant {
    /// The counter's value.
    @inline(__always) public static var now: Instant { Instant(ticks: swiftlet_counter()) }
    /// A deadline that has always passed: a call with it does not block.
    @inline(__always) public static var immediately: Instant { Instant(ticks: 0) }
    public static func after(_ duration: Duration) -> Instant { now + duration }
    public static func after(milliseconds: UInt64) -> Instant { now + .milliseconds(milliseconds) }
    @inline(__always) public static func + (instant: Instant, duration: Duration) -> Instant {
        Instant(ticks: instant.ticks &+ duration.ticks)
    }
    @inline(__always) public static func - (later: Instant, earlier: Instant) -> Duration {
        Duration(ticks: later.ticks &- earlier.ticks)
    }
}

/// The processor's cycle counter. Reading it where user access is off is a fault; the kernel leaves
/// it on for the whole machine where there is one.
@inline(__always) public func readCycleCounter() -> UInt64 { swiftlet_cycles() }
