// Splitting text into words: the shell's command lines (`ps; log 20; echo "a b"`), and the kernel's
// command line (`run="ps; poweroff" test=all`).

/// Why a command line was refused.
public enum CommandLineError: Error, Equatable, Sendable {
    /// A quote without its partner.
    case unterminatedQuote
    /// More words or commands than the limit.
    case tooMany

    /// The error in words.
    public var text: StaticString {
        switch self {
        case .unterminatedQuote: "a quote is left open"
        // The numbers are `CommandLine.maximumCommands` and `CommandLine.maximumWords`.
        case .tooMany: "too many words or commands: at most 32 commands, each of at most 32 words"
        }
    }
}

/// A list of commands, each a list of words, each some bytes.
public struct CommandLine: Equatable, Sendable {
    public private(set) var commands: [[[UInt8]]] = []
    public static let maximumCommands = 32
    public static let maximumWords = 32

    /// Splits at blanks and `;`. Quotes of either kind keep blanks and `;`; a backslash outside
    /// single quotes takes the next byte as it is; `#` at the start of a word ends the line.
    /// - Complexity: O(bytes).
    public init(_ text: [UInt8]) throws(CommandLineError) {
        var splitter = Splitter()
        for byte in text {
            try splitter.take(byte)
            if splitter.isComment { break }
        }
        if splitter.quote != 0 { throw .unterminatedQuote }
        try splitter.endCommand()
        commands = splitter.commands
    }
}

private struct Splitter {
    var commands: [[[UInt8]]] = []
    var words: [[UInt8]] = []
    var word: [UInt8] = []
    var hasWord = false
    var quote: UInt8 = 0
    var isEscaped = false
    var isComment = false

    mutating func take(_ byte: UInt8) throws(CommandLineError) {
        if isEscaped {
            add(byte)
            isEscaped = false
        } else if byte == 0x5c && quote != 0x27 {
            isEscaped = true
            hasWord = true
        } else if quote != 0 {
            if byte == quote { quote = 0 } else { add(byte) }
        } else {
            try takePlain(byte)
        }
    }

    private mutating func takePlain(_ byte: UInt8) throws(CommandLineError) {
        switch byte {
        case 0x22, 0x27:
            quote = byte
            hasWord = true
        case 32, 9, 10, 13: try endWord()
        case 0x3b: try endCommand()
        case 0x23 where !hasWord: isComment = true
        default: add(byte)
        }
    }

    private mutating func add(_ byte: UInt8) {
        word.append(byte)
        hasWord = true
    }

    private mutating func endWord() throws(CommandLineError) {
        if !hasWord { return }
        if words.count == CommandLine.maximumWords { throw .tooMany }
        words.append(word)
        word = []
        hasWord = false
    }

    mutating func endCommand() throws(CommandLineError) {
        try endWord()
        if words.isEmpty { return }
        if commands.count == CommandLine.maximumCommands { throw .tooMany }
        commands.append(words)
        words = []
    }
}

/// The kernel's command line: `key=value` pairs, values may be double-quoted.
public struct BootArguments: Equatable, Sendable {
    public struct Pair: Equatable, Sendable {
        public var key: [UInt8]
        /// Empty where there is no `=`.
        public var value: [UInt8]
    }
    public private(set) var pairs: [Pair] = []
    /// Bytes of the longest command line that the system takes.
    public static let maximumBytes = 4096

    /// The whole command line, joined from pieces, and its length in bytes.
    ///
    /// - Parameter piece: Gives the bytes from a place on, and the length of the whole; nil:
    ///   it cannot.
    /// - Returns: nil where a piece does not come, since a part may mean something else. No text
    ///   where the whole has more than `maximumBytes`.
    /// - Complexity: O(`maximumBytes`).
    public static func join(
        _ piece: (_ start: UInt64) -> (bytes: [UInt8], whole: UInt64)?
    ) -> (text: [UInt8], bytes: UInt64)? {
        var text: [UInt8] = []
        while let (bytes, whole) = piece(UInt64(text.count)) {
            if whole > UInt64(maximumBytes) { return ([], whole) }
            text += bytes
            if UInt64(text.count) == whole { return (text, whole) }
            if bytes.isEmpty || UInt64(text.count) > whole { return nil }
        }
        return nil
    }

    /// Reads the pairs. - Complexity: O(bytes).
    /// - Throws: `unterminatedQuote`: the text is only a part of what was meant.
    public init(_ text: [UInt8]) throws(CommandLineError) {
        var pair = Pair(key: [], value: [])
        var inValue = false
        var inQuote = false
        for byte in text {
            if byte == 0x22 {
                inQuote = !inQuote
            } else if !inQuote && (byte == 32 || byte == 9 || byte == 0 || byte == 10) {
                add(pair)
                pair = Pair(key: [], value: [])
                inValue = false
            } else if byte == 0x3d && !inValue && !inQuote {
                inValue = true
            } else if inValue {
                pair.value.append(byte)
            } else {
                pair.key.append(byte)
            }
        }
        if inQuote { throw .unterminatedQuote }
        add(pair)
    }

    private mutating func add(_ pair: Pair) {
        if !pair.key.isEmpty || !pair.value.isEmpty { pairs.append(pair) }
    }

    /// The last value given for `key`.
    public func value(_ key: StaticString) -> [UInt8]? {
        pairs.last { $0.key.matches(key) }?.value
    }

    /// What is wrong with the options. Unknown ones share a line, since the command line of another
    /// system may hold dozens; the line names those that fit.
    public var complaints: [Text] {
        var lines: [Text] = []
        var unknown = Text()
        var unnamed: UInt64 = 0
        for pair in pairs {
            if pair.key.matches("run") || pair.key.matches("bench") {
                if pair.value.isEmpty { lines.append(.ignored(pair.key, ": it has no value")) }
            } else if pair.key.matches("cores") {
                // The kernel has read it, and says what is wrong with it.
            } else if pair.key.matches("test") {
                lines.append(.ignored(pair.key, ": these are not the tests"))
            } else if unknown.bytes.count + pair.key.count < BootArguments.maximumNamedBytes {
                unknown.add(unknown.bytes.isEmpty ? "" : " ")
                unknown.add(pair.key)
            } else {
                unnamed += 1
            }
        }
        if unnamed > 0 {
            unknown.add(" and ")
            unknown.decimal(unnamed)
            unknown.add(" more")
        }
        if unknown.bytes.isEmpty { return lines }
        let known: StaticString =
            ": unknown; there are run=\"COMMANDS\", bench=ROWS and cores=NUMBER"
        return lines + [.ignored(unknown.bytes, known)]
    }

    private static let maximumNamedBytes = 100
}

extension Text {
    fileprivate static func ignored(_ options: [UInt8], _ why: StaticString) -> Text {
        var text = Text("boot options ignored: ")
        text.add(options)
        text.add(why)
        return text
    }
}
