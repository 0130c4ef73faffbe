// Semaphores and conditions as a task sees them: the word in shared memory that counts.

/// The word of a semaphore or of a condition, in a cell of a mutex set.
///
/// | bits | |
/// |---|---|
/// | 0–27 | a semaphore's units; how often a condition was signalled, modulo 2^28 |
/// | 28 | it is a condition |
/// | 29 | it counts: it is no mutex |
/// | 31 | threads sleep, or have slept: only the kernel wakes one |
///
/// A thread takes a unit by an exchange for one less, with acquire, and gives one by an exchange
/// for one more, with release. If there is no unit, if bit 31 is set or an exchange fails, the
/// calls `wait` and `signal` of the set do it.
@frozen public struct CountingWord: Equatable, Sendable {
    public var raw: UInt32
    @inlinable public init(raw: UInt32) { self.raw = raw }
    /// The word of a semaphore for which nobody waits.
    ///
    /// - Precondition: `units` is at most `maximum`.
    @inlinable public init(units: Int) {
        raw = CountingWord.countingBit | UInt32(truncatingIfNeeded: units)
    }

    /// The word of a condition that was never signalled.
    @inlinable public static var condition: CountingWord {
        CountingWord(raw: countingBit | conditionBit)
    }
    /// The most units of a semaphore.
    @inlinable public static var maximum: Int { 0xfff_ffff }
    @inlinable public static var conditionBit: UInt32 { 1 << 28 }
    @inlinable public static var countingBit: UInt32 { 1 << 29 }
    @inlinable public static var contendedBit: UInt32 { MutexWord.contendedBit }

    @inlinable public var isCounting: Bool { raw & CountingWord.countingBit != 0 }
    @inlinable public var isCondition: Bool { raw & CountingWord.conditionBit != 0 }
    @inlinable public var isContended: Bool { raw & CountingWord.contendedBit != 0 }
    /// Whether it is a semaphore's, and nobody sleeps there: a thread may change it.
    @inlinable public var isFreeSemaphore: Bool { raw &>> 28 == 2 }
    @inlinable public var count: Int {
        Int(truncatingIfNeeded: raw & UInt32(truncatingIfNeeded: CountingWord.maximum))
    }

    /// Returns the word with another count; threads that sleep stay.
    @inlinable public func counting(_ count: Int) -> CountingWord {
        let mask = UInt32(truncatingIfNeeded: CountingWord.maximum)
        return CountingWord(raw: raw & ~mask | UInt32(truncatingIfNeeded: count) & mask)
    }
    /// Returns the word as it is when nobody sleeps.
    @inlinable public var withoutSleepers: CountingWord {
        CountingWord(raw: raw & ~CountingWord.contendedBit)
    }
    /// Returns the word as it is when threads sleep.
    @inlinable public var withSleepers: CountingWord {
        CountingWord(raw: raw | CountingWord.contendedBit)
    }
    @inlinable public static func == (a: CountingWord, b: CountingWord) -> Bool { a.raw == b.raw }
}

/// x1 of `wait` and `signal` of a mutex set: a cell, and how often its condition was signalled when
/// the caller last looked.
@frozen public struct CellArgument: Sendable {
    public var raw: UInt64
    @inlinable public init(raw: UInt64) { self.raw = raw }
    @inlinable public init(cell: Int, seen: Int = 0) {
        raw =
            UInt64(UInt16(truncatingIfNeeded: cell))
            | UInt64(UInt32(truncatingIfNeeded: seen)) << 32
    }
    @inlinable public var cell: Int { Int(UInt16(truncatingIfNeeded: raw)) }
    @inlinable public var seen: Int { Int(truncatingIfNeeded: raw &>> 32) }
}
