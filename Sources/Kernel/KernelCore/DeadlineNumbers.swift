// The numbers of deadlines: what keeps the deadline queue shallow, and the limit of how many there are.
//
// A thread or a timer gets a number with its first deadline and keeps it until it is destroyed, so arming costs nothing later,
// and a task that has run once is never refused. A quarter of the numbers is kept for the urgent: threads whose
// maximum priority is below `urgentMaximum` cannot use them up.

import KernelABI

/// Which numbers are taken. All-zero is the initial value.
public struct DeadlineNumbers: ~Copyable {
    /// One bit for each number.
    private var taken: InlineArray<64, UInt64>
    /// One bit for each word of `taken` without a free number.
    private var full: UInt64

    /// Bits of a number.
    static var bits: UInt32 { 12 }
    /// Threads with at least this maximum priority may take every number.
    static var urgentMaximum: UInt8 { 128 }
    /// The words that hold the numbers for everybody.
    private static var commonWords: UInt64 { 1 &<< 48 &- 1 }

    /// Returns a free number; nil where this thread may have none of those that are left.
    ///
    /// - Parameter maximum: the maximum priority of the thread that asks.
    /// - Complexity: constant.
    mutating func take(maximum: UInt8) -> UInt32? {
        let words =
            ~full & (maximum >= DeadlineNumbers.urgentMaximum ? ~0 : DeadlineNumbers.commonWords)
        if words == 0 { return nil }
        let word = words.trailingZeroBitCount & 63
        let bit = (~taken[word]).trailingZeroBitCount & 63
        taken[word] |= 1 &<< UInt64(truncatingIfNeeded: bit)
        if taken[word] == ~0 { full |= 1 &<< UInt64(truncatingIfNeeded: word) }
        return UInt32(truncatingIfNeeded: word &* 64 &+ bit)
    }

    /// Makes a number free again.
    mutating func give(back number: UInt32) {
        let word = Int(truncatingIfNeeded: number &>> 6) & 63
        taken[word] &= ~(1 &<< UInt64(number & 63))
        full &= ~(1 &<< UInt64(truncatingIfNeeded: word))
    }
}
