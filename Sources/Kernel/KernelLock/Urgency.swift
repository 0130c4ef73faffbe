// How urgent a core's request for the kernel lock is: one byte of the lock's word.

import KernelABI

/// The urgency of a core's request.
///
/// Invariant: 0 (no request), 1 (below the real-time band), or a priority of the band.
public struct Urgency: Comparable, Sendable {
    public let rawValue: UInt8

    @inline(__always) private init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The urgency at which a thread of this priority, or an interrupt for it, asks for the lock.
    @inline(__always) public init(priority: UInt8) {
        rawValue = priority >= UInt8(Limits.realTimeBand) ? priority : 1
    }

    /// The urgency of what a core would run, by its priority; -1: it is idle.
    @inline(__always) public init(ofCore priority: Int) {
        self.init(priority: UInt8(truncatingIfNeeded: priority < 0 ? 0 : priority))
    }

    /// No request: the core neither holds the lock nor waits for it.
    @inline(__always) public static var none: Urgency { Urgency(rawValue: 0) }
    /// All priorities below the band: their requests take turns.
    @inline(__always) public static var belowBand: Urgency { Urgency(rawValue: 1) }

    @inline(__always) public var isInBand: Bool { rawValue >= UInt8(Limits.realTimeBand) }

    @inline(__always) public static func < (a: Urgency, b: Urgency) -> Bool {
        a.rawValue < b.rawValue
    }

    /// The urgency in a core's byte of the lock's word.
    @inline(__always) init(byte: UInt64) { rawValue = UInt8(truncatingIfNeeded: byte) }
}
