// The numbers of deadlines. They bound the depth of the deadline queue, and how many threads and
// timers can have deadlines.
//
// A thread or a timer gets a number with its first deadline and keeps it until it is destroyed. So
// later deadlines cost nothing extra and are never refused. A quarter of the numbers is reserved
// for threads whose maximum priority is at least `urgentMaximum`.

import KernelABI

/// The set of numbers in use. The initial value is all zeros.
public struct DeadlineNumbers: ~Copyable {
    /// One bit for each number.
    private var taken: InlineArray<64, UInt64>
    /// One bit for each word of `taken` without a free number.
    private var full: UInt64

    /// The width of a number in bits.
    static var bits: UInt32 { 12 }
    /// Threads with at least this maximum priority may take every number.
    static var urgentMaximum: UInt8 { 128 }
    /// The words of the numbers that every thread may take.
    private static var commonWords: UInt64 { 1 &<< 48 &- 1 }

    /// Takes a free number.
    ///
    /// - Parameter maximum: the maximum priority of the thread that sets the deadline.
    /// - Returns: the number; nil if none is left for this thread.
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

    /// Frees a number.
    ///
    /// - Complexity: constant.
    mutating func give(back number: UInt32) {
        let word = Int(truncatingIfNeeded: number &>> 6) & 63
        taken[word] &= ~(1 &<< UInt64(number & 63))
        full &= ~(1 &<< UInt64(truncatingIfNeeded: word))
    }
}
