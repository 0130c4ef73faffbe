// Names of tasks and services in messages. Elsewhere a name is four words, zero-padded.

extension FixedString {
    /// A name of four words, zero-padded. If it is not printable text, a dot stands for each byte
    /// that is no printable ASCII.
    @inline(never) public init(name: InlineArray<4, UInt64>) {
        var (text, ascii) = (Bytes<capacity>(), Bytes<capacity>())
        for index in 0..<32 {
            let byte = UInt8(truncatingIfNeeded: name[index / 8] >> UInt64(index % 8 * 8))
            if byte == 0 { break }
            text.append(byte)
            ascii.append(byte >= 32 && byte < 127 ? byte : UInt8(ascii: "."))
        }
        self = FixedString(checking: text) ?? FixedString(checking: ascii) ?? FixedString()
    }

    /// Its first 32 bytes as four words, zero-padded.
    public var nameWords: InlineArray<4, UInt64> {
        var words: InlineArray<4, UInt64> = [0, 0, 0, 0]
        for index in 0..<min(count, 32) {
            words[index / 8] |= UInt64(self[index]) << UInt64(index % 8 * 8)
        }
        return words
    }
}
