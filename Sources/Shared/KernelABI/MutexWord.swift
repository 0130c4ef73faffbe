// Mutexes as a task sees them: the word in shared memory that a thread takes without the kernel.

/// The word of a mutex: who holds it.
///
/// | bits | |
/// |---|---|
/// | 0–15 | the number of the participant that holds it, plus 1; 0: nobody |
/// | 29 | 0: a word that counts is a `CountingWord` |
/// | 30 | its holder died: the next one learns of it |
/// | 31 | threads wait, or have waited: only the kernel gives it back |
///
/// A thread takes a free mutex by an exchange of 0 for its own number plus 1, with acquire, and
/// gives it back by the opposite exchange, with release. If an exchange fails, the calls `lock` and
/// `unlock` do it. The kernel believes no word: it looks the number up among the set's
/// participants, and from the first waiter on it keeps the holder itself.
@frozen public struct MutexWord: Equatable, Sendable {
    public var raw: UInt32
    @inlinable public init(raw: UInt32) { self.raw = raw }
    /// The word of a mutex that a participant holds.
    @inlinable public init(holder number: Int, isContended: Bool) {
        raw =
            UInt32(truncatingIfNeeded: number &+ 1)
            | (isContended ? MutexWord.contendedBit : 0)
    }

    @inlinable public static var free: MutexWord { MutexWord(raw: 0) }
    /// The word of a mutex that nobody holds since its holder died.
    @inlinable public static var abandoned: MutexWord { MutexWord(raw: diedBit) }
    @inlinable public static var diedBit: UInt32 { 1 << 30 }
    @inlinable public static var contendedBit: UInt32 { 1 << 31 }

    /// The number of the participant that holds the mutex, plus 1; 0: nobody, or it is no mutex.
    @inlinable public var holder: UInt16 { isCounting ? 0 : UInt16(truncatingIfNeeded: raw) }
    /// Whether it is the word of a semaphore or of a condition.
    @inlinable public var isCounting: Bool { raw & CountingWord.countingBit != 0 }
    @inlinable public static func == (a: MutexWord, b: MutexWord) -> Bool { a.raw == b.raw }

    /// The bytes of a mutex in the page of its set. The word is the first four; the rest is the
    /// task's.
    @inlinable public static var stride: Int { 16 }
}

/// x1 of `lock` and `unlock`: a mutex of a set, and the participant that the caller is.
@frozen public struct MutexArgument: Sendable {
    public var raw: UInt64
    @inlinable public init(raw: UInt64) { self.raw = raw }
    @inlinable public init(mutex: Int, participant: Int) {
        raw =
            UInt64(UInt16(truncatingIfNeeded: mutex))
            | UInt64(UInt16(truncatingIfNeeded: participant)) << 16
    }
    @inlinable public var mutex: Int { Int(UInt16(truncatingIfNeeded: raw)) }
    @inlinable public var participant: Int { Int(UInt16(truncatingIfNeeded: raw &>> 16)) }
}
