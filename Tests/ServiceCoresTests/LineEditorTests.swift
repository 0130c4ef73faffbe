// The line editor: what the terminal shows is what the line holds, for typed keys and for noise.
import Testing

@testable import ServiceCores

/// A terminal of one long row: it understands what the editor sends, and so tells what a person would see.
private struct Screen {
    var row: [UInt8] = []
    var column = 0
    private var escape = 0
    mutating func show(_ bytes: [UInt8]) {
        for byte in bytes {
            if escape == 1 {
                escape = byte == 0x5b ? 2 : 0
            } else if escape == 2 {
                if byte == 0x4b { row.removeSubrange(min(column, row.count)...) }
                escape = 0
            } else if byte == 27 {
                escape = 1
            } else if byte == 8 {
                column -= 1
            } else if byte == 13 {
                column = 0
            } else if byte == 10 {
                row = []
            } else if byte != 7 {
                if column < row.count { row[column] = byte } else { row.append(byte) }
                column += 1
            }
        }
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
        screen.row == Array("> ".utf8) + editor.line && screen.column == 2 + editor.cursor
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

    @Test func aFullLineTakesNoMore() {
        var terminal = Terminal(limit: 4)
        terminal.type("abcdef")
        #expect(terminal.line == "abcd")
        #expect(terminal.isConsistent)
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func noiseKeepsTheDisplayTrue(seed: UInt64) {
        var generator = Generator(state: seed)
        var terminal = Terminal(limit: 20, historyLimit: 3)
        let keys: [UInt8] = [
            1, 2, 5, 6, 8, 11, 12, 14, 16, 21, 23, 127, 27, 0x5b, 0x41, 0x44, 0x33, 0x7e, 97, 98, 32, 13,
        ]
        for _ in 0..<20_000 {
            let event = terminal.type([keys[Int(generator.next() % UInt64(keys.count))]])
            #expect(terminal.editor.cursor <= terminal.editor.line.count && terminal.editor.line.count <= 20)
            if event == nil && !terminal.screen.row.isEmpty { #expect(terminal.isConsistent) }
        }
    }

    @Test func redrawShowsTheLineAgain() {
        var terminal = Terminal()
        terminal.type("abc\u{2}")
        var screen = Screen()
        var out: [UInt8] = []
        terminal.editor.redraw(&out)
        screen.show(out)
        #expect(screen.row == Array("> abc".utf8))
        #expect(screen.column == 4)
    }
}
