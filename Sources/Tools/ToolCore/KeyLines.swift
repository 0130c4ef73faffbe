// Where the tables and keys of a TOML text stand. TOMLKit gives lines for syntax errors alone.

/// The lines of a valid TOML text's tables and keys.
struct KeyLines {
    /// Each table and key by its path; the tables of a list are numbered from 1.
    private var lines: [[String]: Int] = [:]
    /// How many tables each list has.
    private var counts: [[String]: Int] = [:]
    private var table: [String] = []

    /// - Complexity: O(bytes), for any text; the paths are right for a valid one.
    init(toml: String) {
        var scanner = TOMLScanner(text: Array(toml.utf8))
        while let statement = scanner.next() {
            switch statement.kind {
            case .table: table = resolved(statement.path)
            case .list:
                table = resolved(statement.path)
                counts[table, default: 0] += 1
                table.append("\(counts[table, default: 0])")
            case .key: lines[table + statement.path] = statement.line
            }
            if statement.kind != .key { lines[table] = statement.line }
        }
    }

    /// The path of a header, in which each list stands for its last table so far.
    private func resolved(_ path: [String]) -> [String] {
        var place: [String] = []
        for (index, key) in path.enumerated() {
            place.append(key)
            if index < path.count - 1, let count = counts[place] { place.append("\(count)") }
        }
        return place
    }

    /// The line of a table or a key, or of the nearest table around it.
    func line(_ path: [String]) -> Int {
        var place = path
        while !place.isEmpty {
            if let line = lines[place] { return line }
            place.removeLast()
        }
        return 1
    }
}

/// Finds the headers and keys of a TOML text, and skips the values.
private struct TOMLScanner {
    enum Kind { case table, list, key }
    let text: [UInt8]
    private var position = 0
    private var line = 1

    init(text: [UInt8]) { self.text = text }

    private var byte: UInt8? { position < text.count ? text[position] : nil }

    private mutating func advance() {
        if byte == UInt8(ascii: "\n") { line += 1 }
        position += 1
    }
    private mutating func skip(while condition: (UInt8) -> Bool) {
        while let byte, condition(byte) { advance() }
    }
    private mutating func skipLine() { skip { $0 != UInt8(ascii: "\n") } }

    /// The next header or key.
    mutating func next() -> (kind: Kind, path: [String], line: Int)? {
        while true {
            skip { $0 <= UInt8(ascii: " ") }
            guard let byte else { return nil }
            if byte != UInt8(ascii: "#") { break }
            skipLine()
        }
        let start = line
        if byte != UInt8(ascii: "[") {
            let path = key()
            value()
            return (.key, path, start)
        }
        advance()
        let isList = byte == UInt8(ascii: "[")
        if isList { advance() }
        let path = key()
        skipLine()
        return (isList ? .list : .table, path, start)
    }

    /// The parts of a key, up to `=` or `]`.
    private mutating func key() -> [String] {
        var parts: [String] = [""]
        while let byte, byte != UInt8(ascii: "="), byte != UInt8(ascii: "]"),
            byte != UInt8(ascii: "\n")
        {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): parts[parts.count - 1] += string(byte)
            case UInt8(ascii: "."):
                parts.append("")
                advance()
            case UInt8(ascii: " "), UInt8(ascii: "\t"): advance()
            default:
                parts[parts.count - 1] += String(UnicodeScalar(byte))
                advance()
            }
        }
        return parts
    }

    /// Skips a value: to the end of the line on which its last bracket is closed.
    private mutating func value() {
        var depth = 0
        while let byte {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): _ = string(byte)
            case UInt8(ascii: "#"): skipLine()
            case UInt8(ascii: "\n") where depth <= 0: return
            default:
                if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { depth += 1 }
                if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") { depth -= 1 }
                advance()
            }
        }
    }

    /// A string of either kind, of one line or of several; its text as it is written.
    private mutating func string(_ quote: UInt8) -> String {
        func isTriple() -> Bool { text[position...].starts(with: [quote, quote, quote]) }
        let length = isTriple() ? 3 : 1
        for _ in 0..<length { advance() }
        let start = position
        while let byte {
            if byte == quote && (length == 1 || isTriple()) { break }
            if byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") { advance() }
            if self.byte != nil { advance() }
        }
        let content = String(decoding: text[min(start, position)..<position], as: UTF8.self)
        for _ in 0..<length where byte != nil { advance() }
        // Up to two quotes belong to the content: they stand before the three that end it.
        while length == 3 && byte == quote { advance() }
        return content
    }
}
