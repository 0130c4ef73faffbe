// Splitting text into words: the shell's command lines (`ps; log 20; echo "a b"`), and the kernel's command line
// (`run="ps; poweroff" test=all`).

/// Why a command line was refused.
public enum CommandLineError: Error, Equatable, Sendable {
    /// A quote without its partner.
    case unterminatedQuote
    /// More words or commands than the limit.
    case tooMany
}

/// A list of commands, each a list of words, each some bytes.
public struct CommandLine: Equatable, Sendable {
    public private(set) var commands: [[[UInt8]]] = []
    public static let maximumCommands = 32
    public static let maximumWords = 32

    /// Splits at blanks and `;`. Quotes of either kind keep blanks and `;`; a backslash outside single quotes takes the
    /// next byte as it is; `#` at the start of a word ends the line.
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
    /// What is wrong with the text as a whole, if anything.
    public private(set) var problem: CommandLineError?
    public static let maximumPairs = 32

    /// Reads the pairs. Total: a quote that is left open ends with the text, and pairs beyond the limit are dropped.
    /// - Complexity: O(bytes).
    public init(_ text: [UInt8]) {
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
        add(pair)
        if inQuote { problem = .unterminatedQuote }
    }

    private mutating func add(_ pair: Pair) {
        if pair.key.isEmpty && pair.value.isEmpty { return }
        if pairs.count < BootArguments.maximumPairs { pairs.append(pair) } else { problem = .tooMany }
    }

    /// The last value given for `key`.
    public func value(_ key: StaticString) -> [UInt8]? {
        var found: [UInt8]?
        for pair in pairs where pair.key.matches(key) { found = pair.value }
        return found
    }
}
