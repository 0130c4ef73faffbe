// A property message of the VideoCore's firmware (its wiki, "Mailbox property interface"): one
// question in a buffer that the answer overwrites.
//
// Words: 0 bytes of the message · 1 code · 2 tag · 3 bytes for values · 4 tag's code · 5… values ·
// 0, the end.

/// Safety: `words` is the whole of the buffer, and no index leaves it.
@safe public struct PropertyMessage {
    private let words: UnsafeMutableBufferPointer<UInt32>

    /// Values of the largest message.
    public static var maximumValues: Int { 8 }
    /// Bytes of the buffer that a message takes.
    public static var bytes: Int { 64 }
    /// Where in a page of 4096 bytes message `number` goes: no message lies where one of the 63
    /// before it does, so an answer that comes late is not taken for the present one's, nor
    /// spoils it.
    public static func offset(_ number: UInt64) -> Int { Int(number % 64) * bytes }
    private static var answered: UInt32 { 0x8000_0000 }

    /// - Precondition: `words` has at least 16 words.
    public init(words: UnsafeMutableBufferPointer<UInt32>) { unsafe self.words = words }

    private func word(_ index: Int) -> UInt32 { unsafe words[index] }
    private func setWord(_ index: Int, _ value: UInt32) { unsafe words[index] = value }

    /// Writes a question: `arguments` values, with room for `results` in their place.
    /// - Precondition: both are at most `maximumValues`.
    public func ask(_ tag: UInt32, _ values: InlineArray<8, UInt32>, results: Int) {
        let room = max(1, min(results, PropertyMessage.maximumValues))
        setWord(0, UInt32(PropertyMessage.bytes))
        setWord(1, 0)
        setWord(2, tag)
        setWord(3, UInt32(4 * room))
        setWord(4, 0)
        for index in 0..<PropertyMessage.maximumValues {
            setWord(5 + index, index < room ? values[index] : 0)
        }
        for index in (5 + PropertyMessage.maximumValues)..<(PropertyMessage.bytes / 4) {
            setWord(index, 0)
        }
    }

    /// How many values the firmware answered; nil where it did not understand the message or does
    /// not know the tag.
    public var answerCount: Int? {
        if word(1) != PropertyMessage.answered || word(4) & PropertyMessage.answered == 0 {
            return nil
        }
        // A value that is not whole counts: a network address has six bytes.
        let count = (Int(word(4) & ~PropertyMessage.answered) + 3) / 4
        return min(count, Int(min(word(3) / 4, UInt32(PropertyMessage.maximumValues))))
    }

    /// Value `index` of the answer, 0 to 7.
    public func value(_ index: Int) -> UInt32 { word(5 + (index & 7)) }
}
