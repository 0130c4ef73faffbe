// What of a task's text may reach a terminal.
import Protocols
import ServiceCores
import Testing

@Suite struct PrintableTextTests {
    private func clean(_ bytes: [UInt8], keepsLines: Bool = false) -> [UInt8] {
        var text = bytes
        var span = text.mutableSpan
        PrintableText.clean(&span, keepsLines: keepsLines)
        return text
    }
    private func clean(_ text: String, keepsLines: Bool = false) -> String {
        String(decoding: clean(Array(text.utf8), keepsLines: keepsLines), as: UTF8.self)
    }

    @Test func printableCharactersStay() {
        for text in ["", " ~!az09", "21 °C", "größer", "日本語", "🙂 €"] {
            #expect(clean(text) == text)
        }
    }

    @Test func controlCharactersBecomeDots() {
        #expect(clean("a\u{1b}[2Jb\u{7}") == "a.[2Jb.")
        #expect(clean("hello\r\n[    1.999 supervisor] x") == "hello..[    1.999 supervisor] x")
        #expect(clean("\u{7f}\0\t") == "...")
        // The upper control characters: in UTF-8, and as the single bytes of older terminals.
        #expect(clean("a\u{9b}2Jb\u{9d}") == "a..2Jb..")
        #expect(clean([0x61, 0x9b, 0x32, 0x4a]) == Array("a.2J".utf8))
    }

    @Test func signsThatArrangeOthersBecomeDots() {
        for scalar in [
            "\u{ad}", "\u{200b}", "\u{200f}", "\u{2028}", "\u{202e}", "\u{2066}", "\u{feff}",
            "\u{e0041}",
        ] {
            #expect(clean(scalar) == String(repeating: ".", count: scalar.utf8.count))
        }
    }

    @Test func lineEndsStayWhereTheyMay() {
        #expect(clean("a\nb\r\nc", keepsLines: true) == "a\nb\r\nc")
        // A carriage return alone would let the text replace what stands in its line.
        #expect(clean("a\rb", keepsLines: true) == "a.b")
        #expect(clean("a\r", keepsLines: true) == "a.")
    }

    /// Against the standard library, which knows what UTF-8 is: every text of one to four bytes
    /// from the edges of all ranges.
    @Test func whatIsNoUTF8BecomesDots() {
        let edges: [UInt8] = [
            0x00, 0x1f, 0x20, 0x41, 0x7e, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1,
            0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff,
        ]
        func isRight(_ bytes: [UInt8]) -> Bool {
            let cleaned = clean(bytes)
            let isText = String(validating: bytes, as: UTF8.self) != nil
            let isPlain = bytes.allSatisfy { $0 >= 32 && $0 < 127 }
            return cleaned.count == 4 && cleaned.allSatisfy { $0 >= 32 && $0 != 127 }
                && String(validating: cleaned, as: UTF8.self) != nil
                && (!isPlain || cleaned == bytes) && (isText || cleaned != bytes)
        }
        for first in edges {
            for second in edges {
                for third in edges {
                    let wrong = edges.filter { !isRight([first, second, third, $0]) }
                    if !wrong.isEmpty {
                        Issue.record("\(first) \(second) \(third), then one of \(wrong)")
                    }
                }
            }
        }
    }

    @Test func aLineOfTheLogNamesItsTask() {
        var text = Text()
        text.logHead(microseconds: 1_181_900, Name("supervisor"))
        #expect(text.bytes == Array("[1.181 supervisor] ".utf8))
    }

    /// On a narrow terminal a row starts anywhere in a line.
    @Test func aTextHoldsNoHeadOfALine() {
        func cleared(_ text: String) -> String {
            var bytes = Array(text.utf8)
            var span = bytes.mutableSpan
            Text.clearLogHeads(&span)
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(cleared("a [9.999 supervisor] b [  12.5 c") == "a (9.999 supervisor] b (  12.5 c")
        #expect(cleared("[[1.5 a") == "[(1.5 a")
        #expect(cleared("slot[3] [.5] [1 2.5] [x 1.5 [") == "slot[3] [.5] [1 2.5] [x 1.5 [")
        #expect(cleared("") == "")
    }
}
