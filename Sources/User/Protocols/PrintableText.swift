// What of a task's text may reach a terminal. A terminal takes commands between the characters: it
// moves, deletes, and types answers in the user's place. So text from elsewhere keeps its printable
// characters, and a dot stands for each other byte.

public enum PrintableText {
    /// Replaces each byte of `text` that belongs to no printable character by a dot.
    /// - Parameter keepsLines: line feeds stay, and carriage returns in front of one.
    /// - Complexity: O(bytes).
    public static func clean(_ text: inout MutableSpan<UInt8>, keepsLines: Bool = false) {
        var index = 0
        while index < text.count {
            let length = length(text.span, at: index)
            if length == 0 && !(keepsLines && isLineEnd(text.span, at: index)) {
                text[index] = UInt8(ascii: ".")
            }
            index += max(length, 1)
        }
    }

    private static func isLineEnd(_ text: Span<UInt8>, at index: Int) -> Bool {
        text[index] == 10 || text[index] == 13 && index + 1 < text.count && text[index + 1] == 10
    }

    /// Bytes of the printable character at `index`, 1 to 4; 0 where none starts there: a control
    /// character, a byte that is no UTF-8, or a character that only arranges others.
    public static func length(_ text: Span<UInt8>, at index: Int) -> Int {
        let first = text[index]
        if first < 0x80 { return first >= 32 && first != 127 ? 1 : 0 }
        let length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
        // C0, C1 and F5 on start no character (RFC 3629, 4).
        if first < 0xc2 || first > 0xf4 || index + length > text.count { return 0 }
        var scalar = UInt32(first) & (0x7f >> UInt32(length))
        for offset in 1..<length {
            let byte = text[index + offset]
            if byte & 0xc0 != 0x80 { return 0 }
            scalar = scalar << 6 | UInt32(byte & 0x3f)
        }
        return isPrintable(scalar, length) ? length : 0
    }

    /// - Parameter length: of the encoding; one that is longer than needed is no UTF-8.
    private static func isPrintable(_ scalar: UInt32, _ length: Int) -> Bool {
        switch scalar {
        // The upper control characters, which many terminals obey in UTF-8 too.
        case 0..<0xa0: false
        case 0xa0...0x7ff: length == 2 && scalar != 0xad && scalar != 0x61c
        // Signs without a width: joiners, directions of writing, separators of lines, marks of the
        // byte order.
        case 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x206f, 0xfeff, 0xfff9...0xfffb: false
        case 0xd800...0xdfff: false
        case 0x800...0xffff: length == 3
        case 0xe0000...0xe0fff: false
        default: length == 4 && scalar <= 0x10_ffff
        }
    }
}
