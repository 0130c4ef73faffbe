// Time at the kernel's interface: ticks of the generic timer's counter, so that the kernel neither
// multiplies nor divides.

/// A point in time: the value of CNTVCT_EL0.
@frozen public struct Instant: Equatable, Comparable, Sendable {
    public var ticks: UInt64
    @inlinable public init(ticks: UInt64) { self.ticks = ticks }
    /// A deadline that never comes.
    @inlinable public static var never: Instant { Instant(ticks: ~0) }
    @inlinable public static func == (a: Instant, b: Instant) -> Bool { a.ticks == b.ticks }
    @inlinable public static func < (a: Instant, b: Instant) -> Bool { a.ticks < b.ticks }
}
