// How much of a stack was ever used: the factory paints it before the task starts, and the paint
// that is left tells.

public enum StackPaint {
    /// What an untouched word of a stack holds.
    public static let word: UInt64 = 0xa5a5_5a5a_c3c3_3c3c

    /// Bytes at the low end of `stack` that were never written. A task that writes the paint's
    /// value itself is believed.
    /// - Complexity: O(words).
    public static func untouchedBytes(_ stack: Span<UInt64>) -> Int {
        var index = 0
        while index < stack.count && stack[index] == word { index += 1 }
        return index * 8
    }
}
