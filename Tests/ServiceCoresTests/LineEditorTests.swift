// The line editor: what the terminal shows is what the line holds, for typed keys and for noise.
import Testing

@testable import ServiceCores

/// A terminal of one long row: it understands what the editor sends, and so tells what a person
/// would see. A cell holds a character with its marks; the second cell of a wide one is empty.
private struct Screen {
    private var cells: [String] = []
    private(set) var column = 0
    private var escape = 0
    private var pending: [UInt8] = []

    var text: String { cells.joined() }
    var isEmpty: Bool { cells.isEmpty }

    mutating func show(_ bytes: [UInt8]) {
        for byte in bytes {
            if escape == 1 {
                escape = byte == 0x5b ? 2 : 0
            } else if escape == 2 {
                if byte == 0x4b { cells.removeSubrange(min(column, cells.count)...) }
                escape = 0
            } else if byte == 27 {
                escape = 1
            } else if byte == 8 {
                column -= 1
            } else if byte == 13 {
                column = 0
            } else if byte == 10 {
                cells = []
            } else if byte != 7 {
                pending.append(byte)
                if let character = String(validating: pending, as: UTF8.self) {
                    put(character.unicodeScalars.first!)
                    pending = []
                }
            }
        }
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        let width = widthOfTheCLibrary(scalar)
        if width == 0 && column > 0 {
            var place = column - 1
            while cells[place].isEmpty { place -= 1 }
            cells[place].unicodeScalars.append(scalar)
            return
        }
        while cells.count < column + width { cells.append(" ") }
        cells[column] = String(Character(scalar))
        if width == 2 { cells[column + 1] = "" }
        column += width
    }
}

private struct Terminal {
    var editor: LineEditor
    var screen = Screen()
    init(limit: Int = 250, historyLimit: Int = 32) {
        editor = LineEditor(prompt: Array("> ".utf8), limit: limit, historyLimit: historyLimit)
        var out: [UInt8] = []
        editor.begin(&out)
        screen.show(out)
    }
    @discardableResult mutating func type(_ text: String) -> LineEvent? { type(Array(text.utf8)) }
    @discardableResult mutating func type(_ bytes: [UInt8]) -> LineEvent? {
        var event: LineEvent?
        for byte in bytes {
            var out: [UInt8] = []
            event = editor.feed(byte, &out)
            screen.show(out)
        }
        return event
    }
    var line: String { String(decoding: editor.line, as: UTF8.self) }
    var isConsistent: Bool {
        let before = String(decoding: editor.line[..<editor.cursor], as: UTF8.self)
        let columns = before.unicodeScalars.reduce(2) { $0 + widthOfTheCLibrary($1) }
        return String(validating: editor.line, as: UTF8.self) != nil
            && screen.text.unicodeScalars.elementsEqual("> \(line)".unicodeScalars)
            && screen.column == columns
    }
}

@Suite struct LineEditorTests {
    private func result(_ keys: String) -> String {
        var terminal = Terminal()
        terminal.type(keys)
        #expect(terminal.isConsistent)
        return terminal.line
    }

    @Test func keysEdit() {
        #expect(result("hello") == "hello")
        #expect(result("hello\u{8}\u{7f}") == "hel")
        #expect(result("\u{8}") == "")
        #expect(result("bc\u{1}a") == "abc")
        #expect(result("ab\u{1}x\u{5}y") == "xaby")
        #expect(result("ab\u{1b}[Dx") == "axb")
        #expect(result("ab\u{1b}[D\u{1b}[D\u{1b}[D\u{1b}[Cx") == "axb")
        #expect(result("ab\u{1b}[Hx\u{1b}[Fy") == "xaby")
        #expect(result("ab\u{1b}[1~x\u{1b}[4~y") == "xaby")
        #expect(result("ab\u{1b}OHx") == "xab")
        #expect(result("abc\u{1b}[D\u{1b}[D\u{1b}[3~") == "ac")
        #expect(result("abc\u{2}\u{2}\u{4}") == "ac")
        #expect(result("abc def\u{15}x") == "x")
        #expect(result("abc def  \u{17}") == "abc ")
        #expect(result("abc\u{2}\u{b}") == "ab")
        #expect(result("ab\u{1b}[99;2Qc") == "abc")
        #expect(result("a\u{9}\u{0}b") == "ab")
        #expect(result("ab\u{c}") == "ab")
    }

    @Test func enterGivesTheLineOnceForBothLineEnds() {
        var terminal = Terminal()
        #expect(terminal.type("ps\r") == .line)
        #expect(terminal.line == "ps")
        #expect(terminal.type("\n") == nil)
        #expect(terminal.type("top\n") == .line)
        #expect(terminal.line == "top")
        #expect(terminal.type("\n") == .line)
        #expect(terminal.line == "")
    }

    @Test func interruptDropsTheLineAndControlDEnds() {
        var terminal = Terminal()
        #expect(terminal.type("abc\u{3}") == .interrupted)
        #expect(terminal.line == "")
        #expect(terminal.type("\u{4}") == .end)
        #expect(terminal.type("a\u{4}") == nil)
    }

    @Test func historyGoesBackAndForthAndKeepsTheUnfinishedLine() {
        var terminal = Terminal(historyLimit: 2)
        terminal.type("one\rtwo\rtwo\rthree\r")
        terminal.type("new\u{1b}[A")
        #expect(terminal.line == "three")
        terminal.type("\u{10}")
        #expect(terminal.line == "two")
        terminal.type("\u{10}")
        #expect(terminal.line == "two")
        terminal.type("\u{e}\u{e}")
        #expect(terminal.line == "new")
        terminal.type("\u{e}")
        #expect(terminal.line == "new")
        #expect(terminal.isConsistent)
    }

    /// What does not fit is missing, so the line is another than was typed: it is not run.
    @Test func aLineThatWasCutIsNotGiven() {
        var terminal = Terminal(limit: 12)
        terminal.type("poweroff 1" + String(repeating: " ", count: 5) + "0")
        #expect(terminal.line == "poweroff 1  ")
        #expect(terminal.isConsistent)
        var out: [UInt8] = []
        #expect(terminal.editor.feed(13, &out) == nil)
        #expect(String(decoding: out, as: UTF8.self).contains("16 bytes, and at most 12 fit"))
        #expect(terminal.line == "poweroff 1  ")
        // Neither the history nor more text hides that it was cut; a deletion makes it the user's.
        terminal.type("\u{1b}[A\u{1b}[B")
        #expect(terminal.type("\r") == nil)
        #expect(terminal.type("x\r") == nil)
        #expect(terminal.type("\u{8}\u{8}\r") == .line)
        #expect(terminal.line == "poweroff 1")
        #expect(terminal.type("more text than fits\u{3}") == .interrupted)
        #expect(terminal.type("ps\r") == .line)
        #expect(terminal.line == "ps")
    }

    /// A line of exactly the limit is a line, and a character that fits only in part does not.
    @Test func theLimitCountsBytes() {
        var terminal = Terminal(limit: 4)
        #expect(terminal.type("abcd\r") == .line)
        terminal.type("abc")
        #expect(terminal.type("\u{e9}\r") == nil)
        #expect(terminal.line == "abc")
        #expect(terminal.isConsistent)
    }

    @Test func textIsUTF8() {
        #expect(result("caf\u{e9}") == "caf\u{e9}")
        #expect(result("\u{e9}x\u{8}\u{8}") == "")
        #expect(result("\u{65e5}\u{672c}\u{2}\u{2}x\u{6}y") == "x\u{65e5}y\u{672c}")
        #expect(result("\u{1f600}\u{1}\u{4}z") == "z")
        // A mark goes with the character before it, wherever the cursor comes from.
        #expect(result("ae\u{301}b\u{2}\u{8}") == "ab")
        #expect(result("ae\u{301}b\u{1}\u{6}\u{4}") == "ab")
        #expect(result("ab\u{2}\u{301}x") == "a\u{301}xb")
        // At the start it would stand over the prompt.
        #expect(result("\u{301}a\u{1}\u{301}") == "a")
        // Control characters beyond ASCII would reach the terminal as such.
        #expect(result("a\u{85}\u{9b}\u{2028}b") == "ab")
    }

    /// Bytes that are no character are seen, and the next character is not lost with them.
    @Test func bytesThatAreNoCharacterAreShown() {
        func line(_ bytes: [UInt8]) -> String {
            var terminal = Terminal()
            terminal.type(bytes)
            #expect(terminal.isConsistent)
            return terminal.line
        }
        #expect(line([97, 0xff, 98]) == "a\u{fffd}b")
        #expect(line([0xc3, 97]) == "\u{fffd}a")
        #expect(line([0xe2, 0x82, 0xe2, 0x82, 0xac]) == "\u{fffd}\u{20ac}")
        #expect(line([0xc0, 0x80, 97]) == "\u{fffd}\u{fffd}a")
        #expect(line([0xed, 0xa0, 0x80, 97]) == "\u{fffd}\u{fffd}\u{fffd}a")
        #expect(line([0xf0, 0x9f, 0x98, 27, 0x5b, 0x44, 97]) == "a\u{fffd}")
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func noiseKeepsTheDisplayTrue(seed: UInt64) throws {
        var generator = Generator(state: seed)
        var terminal = Terminal(limit: 20, historyLimit: 3)
        let keys: [[UInt8]] =
            [
                1, 2, 5, 6, 8, 11, 12, 14, 16, 21, 23, 127, 27, 0x5b, 0x41, 0x44, 0x33, 0x7e, 97,
                98, 32, 13, 0xc3, 0xa9, 0xe2, 0xf0, 0xff,
            ].map { [$0] } + ["\u{e9}", "\u{301}", "\u{65e5}", "\u{1f600}"].map { Array($0.utf8) }
        for _ in 0..<20_000 {
            let event = terminal.type(keys[Int(generator.next() % UInt64(keys.count))])
            let editor = terminal.editor
            try #require(editor.cursor <= editor.line.count && editor.line.count <= 20)
            if event == nil && !terminal.screen.isEmpty { try #require(terminal.isConsistent) }
        }
    }

    /// What terminals answer to queries: cursor, attributes, colours, a version, with both ends
    /// of a string.
    @Test(arguments: [
        "\u{1b}[24;80R", "\u{1b}[?1;2c", "\u{1b}[>0;276;0c", "\u{1b}]10;rgb:ffff/ffff/ffff\u{7}",
        "\u{1b}]11;rgb:0000/0000/0000\u{1b}\\", "\u{1b}P>|XTerm(370)\u{1b}\\",
        "\u{1b}_Gi=1;OK\u{1b}\\",
        "\u{1b}P1$r0m\u{1b}\\", "\u{1b}[?2004;2$y", "\u{1b}[8;24;80t", "\u{1b}]52;c;cmVib290\u{7}",
    ]) func aTerminalsAnswerIsNoInput(answer: String) {
        var terminal = Terminal()
        terminal.type("ab")
        terminal.type(answer)
        terminal.type("c")
        #expect(terminal.line == "abc")
        #expect(terminal.isConsistent)
    }

    @Test func enterEndsAStringThatNeverEnds() {
        var terminal = Terminal()
        terminal.type("ab\u{1b}]52;c;c")
        let event = terminal.type([13])
        #expect(event == .line)
        #expect(terminal.line == "ab")
    }

    @Test func redrawShowsTheLineAgain() {
        var terminal = Terminal()
        terminal.type("abc\u{2}")
        var screen = Screen()
        var out: [UInt8] = []
        terminal.editor.redraw(&out)
        screen.show(out)
        #expect(screen.text == "> abc")
        #expect(screen.column == 4)
    }
}
