// The lock's word: the requests of all cores, a byte for each.
//
//     bits    63 … 56   55 … 48   …   15 … 8   7 … 0
//     core       7         6      …      1        0
//
// The word is 0 if and only if the lock is free. One atomic operation on it so takes the lock, or
// leaves a request that nobody overlooks.

import KernelABI

/// The requests of all cores for the kernel lock.
public struct LockWord: Equatable, Sendable {
    /// The largest number of cores.
    public static var cores: Int { 8 }

    public var bits: UInt64

    @inline(__always) public init(bits: UInt64) { self.bits = bits }
    /// The word with one request.
    @inline(__always) public init(_ core: Int, _ urgency: Urgency) {
        bits = UInt64(urgency.rawValue) &<< LockWord.place(core)
    }

    @inline(__always) public static var free: LockWord { LockWord(bits: 0) }
    @inline(__always) public var isFree: Bool { bits == 0 }

    /// The place of a core's lowest bit.
    @inline(__always) private static func place(_ core: Int) -> UInt64 {
        UInt64(truncatingIfNeeded: core) &<< 3
    }
    /// The bits of a core's byte.
    @inline(__always) public static func mask(_ core: Int) -> UInt64 { 0xff &<< place(core) }

    @inline(__always) public func urgency(of core: Int) -> Urgency {
        Urgency(byte: bits &>> LockWord.place(core))
    }

    /// Raises a core's request. A request that is as urgent already stays.
    @inline(__always) public mutating func raise(_ core: Int, to urgency: Urgency) {
        let mask = LockWord.mask(core)
        let request = LockWord(core, urgency).bits
        if bits & mask < request { bits = bits & ~mask | request }
    }

    /// Removes a core's request.
    @inline(__always) public mutating func clear(_ core: Int) { bits &= ~LockWord.mask(core) }

    /// Whether a request of the band is among them.
    @inline(__always) public var isInBand: Bool { bits & 0x8080_8080_8080_8080 != 0 }

    /// The lowest bit of each byte that is as large as any.
    ///
    /// Bit by bit from the top: where a candidate has the bit, only those that have it remain.
    ///
    /// - Complexity: 17 instructions without a branch.
    @inline(__always) private var mostUrgent: UInt64 {
        var candidates: UInt64 = 0x0101_0101_0101_0101
        narrow(&candidates, 7)
        narrow(&candidates, 6)
        narrow(&candidates, 5)
        narrow(&candidates, 4)
        narrow(&candidates, 3)
        narrow(&candidates, 2)
        narrow(&candidates, 1)
        narrow(&candidates, 0)
        return candidates
    }
    @inline(__always) private func narrow(_ candidates: inout UInt64, _ bit: UInt64) {
        let remaining = candidates & (bits &>> bit)
        candidates = remaining == 0 ? candidates : remaining
    }

    /// Whether there is a request that is more urgent than this one.
    ///
    /// - Precondition: `urgency` is not `none`.
    @inline(__always) public func hasRequest(above urgency: Urgency) -> Bool {
        hasByte(atLeast: max(UInt64(urgency.rawValue) &+ 1, UInt64(Limits.realTimeBand)))
    }
    /// Whether there is a request that is as urgent.
    ///
    /// - Precondition: `urgency` is in the band.
    @inline(__always) public func hasRequest(atLeast urgency: Urgency) -> Bool {
        hasByte(atLeast: UInt64(urgency.rawValue))
    }
    /// Whether a byte is as large as a number from 128 to 256: its highest bit is set, and its
    /// other bits and `256 - least` together reach 128.
    @inline(__always) private func hasByte(atLeast least: UInt64) -> Bool {
        let lower = bits & 0x7f7f_7f7f_7f7f_7f7f
        let sums = lower &+ 0x0101_0101_0101_0101 &* (256 &- least)
        return sums & bits & 0x8080_8080_8080_8080 != 0
    }

    /// The core with the most urgent request; among equals the first in cyclic order after `core`.
    ///
    /// `pass_lock` (`Sources/Kernel/CAArch64/Lock.inc`) is the same in assembly.
    ///
    /// - Precondition: there is a request.
    /// - Complexity: 25 instructions without a branch, for any number of cores.
    @inline(__always) public func next(after core: Int) -> Int {
        let candidates = mostUrgent
        let later = candidates & (~1 &<< LockWord.place(core))
        return (later == 0 ? candidates : later).trailingZeroBitCount &>> 3
    }
}
