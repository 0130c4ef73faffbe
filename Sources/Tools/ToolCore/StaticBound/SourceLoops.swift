// The loops of the kernel's sources, and the bounds that stand at them.
//
// In Swift: `var rounds = LoopBound(EXPRESSION)` above the loop whose body begins with
// `rounds.count()`, or a range of constants in `for … in`. Loops that count one `LoopBound` share
// its rounds. In C and in assembly: `// bound:
// EXPRESSION` on the line of the branch that goes back.

import Foundation

/// A loop of a source file.
struct SourceLoop: Hashable {
    var file: String
    var lines: ClosedRange<Int>
    /// nil: none stands there, or none that can be evaluated.
    var bound: Int?
    /// The line of the `LoopBound` that the body counts. Loops that count the same one share it.
    var declaration: Int?
    /// A branch of the body that fewer rounds take: it begins with the count of another
    /// `LoopBound`, which is stated before the loop.
    var branch: Branch?
    struct Branch: Hashable {
        var lines: ClosedRange<Int>
        var bound: Int
    }
    var place: String { "\(file.split(separator: "/").last ?? "?"):\(lines.lowerBound)" }
}

/// Loops and constants of the sources.
public struct SourceLoops {
    private(set) var loops: [String: [SourceLoop]] = [:]
    private var comments: [SourceFrame: Int] = [:]
    private var constants: [String: String] = [:]

    /// - Parameter files: path and text.
    public init(_ files: [(path: String, text: String)]) {
        for (_, text) in files { collectConstants(text) }
        for (path, text) in files {
            if path.hasSuffix(".swift") { loops[path] = swiftLoops(path, text) }
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
                .enumerated()
            {
                guard let comment = line.range(of: "// bound: ") else { continue }
                let frame = SourceFrame(function: "", file: path, line: index + 1)
                comments[frame] = value(String(line[comment.upperBound...]))
            }
        }
    }

    /// The bound in the comment on a line.
    func comment(_ file: String, _ line: Int) -> Int? {
        comments[SourceFrame(function: "", file: file, line: line)]
    }

    /// Loops of a file around a line, outer ones first.
    func around(_ file: String, _ line: Int) -> [SourceLoop] {
        (loops[file] ?? []).filter { $0.lines.contains(line) }
    }

    // Constants

    /// `static var NAME: TYPE { EXPRESSION }`, `let NAME = EXPRESSION`, `#define NAME EXPRESSION`;
    /// by `TYPE.NAME` and by `NAME`.
    private mutating func collectConstants(_ text: String) {
        var type = ""
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" })
            if let keyword = words.firstIndex(where: {
                ["enum", "struct", "extension"].contains($0)
            }),
                keyword + 1 < words.count, !line.hasPrefix("    "), !line.hasPrefix("//")
            {
                type = String(words[keyword + 1])
            }
            var found: (name: Substring, expression: Substring)?
            if words.count > 2, words[0] == "define", line.hasPrefix("#") {
                let name = words[1]
                if let range = line.range(of: name), line[range.upperBound...].hasPrefix(" ") {
                    found = (name, line[range.upperBound...])
                }
            } else if let at = words.firstIndex(of: "var"), at > 0, words[..<at].contains("static"),
                at + 1 < words.count,
                let open = line.firstIndex(of: "{"), let close = line.lastIndex(of: "}"),
                open < close
            {
                found = (words[at + 1], line[line.index(after: open)..<close])
            } else if let at = words.firstIndex(of: "let"), at + 1 < words.count,
                let equals = line.range(of: " = ")
            {
                found = (words[at + 1], line[equals.upperBound...])
            }
            guard let found else { continue }
            let expression = String(found.expression)
            if !line.hasPrefix("#") && line.first == " " {
                constants["\(type).\(found.name)"] = expression
            }
            if constants[String(found.name)] == nil { constants[String(found.name)] = expression }
        }
    }

    /// The value of an expression of numbers, known names, `+ - * / << >>` and parentheses.
    func value(_ expression: String, depth: Int = 0) -> Int? {
        if depth > 8 { return nil }
        var parser = ExpressionParser(expression) { name in
            constants[name].flatMap { value($0, depth: depth + 1) }
        }
        return parser.parse()
    }

    // Loops

    private func swiftLoops(_ path: String, _ text: String) -> [SourceLoop] {
        let code = SourceLoops.withoutComments(text)
        var line = 1
        var loops: [SourceLoop] = []
        var lineOf: [Int] = []
        lineOf.reserveCapacity(code.count)
        for byte in code {
            lineOf.append(line)
            if byte == 10 { line += 1 }
        }
        let lines = String(decoding: code, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        func isWord(_ at: Int) -> Bool {
            guard code.indices.contains(at) else { return false }
            let byte = code[at]
            return byte == 95 || byte == 46 || (48...57).contains(byte) || (65...90).contains(byte)
                || (97...122).contains(byte)
        }
        for keyword in ["for", "while", "repeat"] {
            let word = Array(keyword.utf8)
            var at = 0
            while at + word.count <= code.count {
                defer { at += 1 }
                guard code[at] == word[0], code[at..<(at + word.count)].elementsEqual(word),
                    !isWord(at - 1),
                    !isWord(at + word.count)
                else { continue }
                guard let open = SourceLoops.bodyStart(code, at + word.count),
                    let close = SourceLoops.closing(code, open)
                else { continue }
                let header = String(decoding: code[at..<open], as: UTF8.self)
                // The condition behind `repeat { … }` is no loop of its own.
                if keyword == "while" && header.contains("\n\n") { continue }
                let body = String(decoding: code[(open + 1)..<close], as: UTF8.self)
                let first = lineOf[at]
                let annotation = annotated(lines, first, body)
                loops.append(
                    SourceLoop(
                        file: path, lines: first...lineOf[close],
                        bound: annotation?.bound ?? (keyword == "for" ? range(header) : nil),
                        declaration: annotation?.line,
                        branch: branch(lines, first...lineOf[close])))
            }
        }
        return loops.sorted {
            ($0.lines.lowerBound, -$0.lines.upperBound) < (
                $1.lines.lowerBound, -$1.lines.upperBound
            )
        }
    }

    /// The `LoopBound` that the body counts.
    private func annotated(
        _ lines: [Substring], _ first: Int, _ body: String
    ) -> (bound: Int, line: Int)? {
        let statement = body.drop { $0.isWhitespace }
        guard let end = statement.range(of: ".count()") else { return nil }
        let name = statement[..<end.lowerBound]
        guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber }) else { return nil }
        for index in stride(from: first - 1, through: 0, by: -1) {
            guard let start = lines[index].range(of: "var \(name) = LoopBound(") else { continue }
            guard let close = lines[index].lastIndex(of: ")") else { return nil }
            return value(String(lines[index][start.upperBound..<close])).map { ($0, index + 1) }
        }
        return nil
    }

    /// The first count in the body of a bound that stands above the loop, but for the loop's own.
    private func branch(_ lines: [Substring], _ loop: ClosedRange<Int>) -> SourceLoop.Branch? {
        for line in loop.dropFirst(2) where line <= lines.count {
            let statement = lines[line - 1].drop { $0 == " " }
            guard statement.hasSuffix(".count()") else { continue }
            let declaration = "var \(statement.dropLast(8)) = LoopBound("
            guard let above = (0..<line).last(where: { lines[$0].contains(declaration) }),
                above + 1 < loop.lowerBound, let start = lines[above].range(of: declaration),
                let close = lines[above].lastIndex(of: ")"),
                let bound = value(String(lines[above][start.upperBound..<close]))
            else { continue }
            var depth = 0
            var end = line
            while end < loop.upperBound, depth >= 0 {
                for byte in lines[end].utf8 where depth >= 0 {
                    if byte == 123 { depth += 1 }
                    if byte == 125 { depth -= 1 }
                }
                end += 1
            }
            return SourceLoop.Branch(lines: line...max(line, end - 1), bound: bound)
        }
        return nil
    }

    /// `for … in A..<B` and `A...B` of constants.
    private func range(_ header: String) -> Int? {
        guard let start = header.range(of: " in ") else { return nil }
        let range = String(header[start.upperBound...].prefix { $0 != "{" })
        let isClosed = range.contains("...")
        guard let middle = range.range(of: isClosed ? "..." : "..<"),
            let low = value(String(range[..<middle.lowerBound])),
            let high = value(
                String(range[middle.upperBound...].components(separatedBy: " where ")[0]))
        else { return nil }
        return max(0, high - low + (isClosed ? 1 : 0))
    }

    /// Comments and string contents become spaces.
    static func withoutComments(_ text: String) -> [UInt8] {
        var code = Array(text.utf8)
        var at = 0
        func blank(_ index: Int) { if code[index] != 10 { code[index] = 32 } }
        while at < code.count {
            if code[at] == 47, at + 1 < code.count, code[at + 1] == 47 {
                while at < code.count, code[at] != 10 {
                    blank(at)
                    at += 1
                }
            } else if code[at] == 34 {
                at += 1
                while at < code.count, code[at] != 34, code[at] != 10 {
                    if code[at] == 92 {
                        blank(at)
                        at += 1
                    }
                    if at < code.count { blank(at) }
                    at += 1
                }
            }
            at += 1
        }
        return code
    }
    /// The brace that opens the body: the first outside parentheses and brackets.
    private static func bodyStart(_ code: [UInt8], _ from: Int) -> Int? {
        var depth = 0
        for at in from..<code.count {
            switch code[at] {
            case 40, 91: depth += 1
            case 41, 93: depth -= 1
            case 123: if depth == 0 { return at }
            case 125: return nil
            default: break
            }
            if depth < 0 { return nil }
        }
        return nil
    }
    private static func closing(_ code: [UInt8], _ open: Int) -> Int? {
        var depth = 0
        for at in open..<code.count {
            if code[at] == 123 { depth += 1 }
            if code[at] == 125 {
                depth -= 1
                if depth == 0 { return at }
            }
        }
        return nil
    }
}

/// Reads an expression of integers.
private struct ExpressionParser {
    private let text: [Character]
    private var at = 0
    private let named: (String) -> Int?
    init(_ text: String, named: @escaping (String) -> Int?) {
        self.text = Array(text)
        self.named = named
    }

    /// - Returns: nil where it is none.
    mutating func parse() -> Int? {
        guard let value = sum() else { return nil }
        space()
        return at == text.count || text[at] == "," || text[at] == ";" ? value : nil
    }
    private mutating func space() {
        while at < text.count, text[at] == " " || text[at] == "&" { at += 1 }
    }
    private mutating func take(_ symbol: String) -> Bool {
        space()
        guard at + symbol.count <= text.count, String(text[at..<(at + symbol.count)]) == symbol
        else { return false }
        at += symbol.count
        return true
    }
    private mutating func sum() -> Int? {
        guard var value = product() else { return nil }
        while true {
            if take("+") {
                guard let next = product() else { return nil }
                value += next
            } else if take("-") {
                guard let next = product() else { return nil }
                value -= next
            } else {
                return value
            }
        }
    }
    private mutating func product() -> Int? {
        guard var value = shifted() else { return nil }
        while true {
            if take("*") {
                guard let next = shifted() else { return nil }
                value *= next
            } else if take("/") {
                guard let next = shifted(), next != 0 else { return nil }
                value /= next
            } else {
                return value
            }
        }
    }
    private mutating func shifted() -> Int? {
        guard var value = atom() else { return nil }
        while true {
            if take("<<") {
                guard let next = atom(), (0..<48).contains(next) else { return nil }
                value <<= next
            } else if take(">>") {
                guard let next = atom(), (0..<64).contains(next) else { return nil }
                value >>= next
            } else {
                return value
            }
        }
    }
    private mutating func atom() -> Int? {
        if take("(") {
            guard let value = sum(), take(")") else { return nil }
            return value
        }
        space()
        let start = at
        while at < text.count,
            text[at].isLetter || text[at].isNumber || text[at] == "_" || text[at] == "."
        {
            // A range is no part of a name.
            if text[at] == ".", at + 1 < text.count, text[at + 1] == "." { break }
            at += 1
        }
        let word = String(text[start..<at])
        let digits = word.filter { $0 != "_" }
        if digits.hasPrefix("0x") { return Int(digits.dropFirst(2), radix: 16) }
        if let number = Int(digits) { return number }
        if word == "Int" || word == "UInt64", take("(") {
            guard let value = sum(), take(")") else { return nil }
            return value
        }
        return word.isEmpty ? nil : named(word)
    }
}
