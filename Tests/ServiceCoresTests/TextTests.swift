// Command lines, boot arguments, numbers, tables, dates, and the scan of a painted stack.
import Testing

@testable import ServiceCores

private func words(_ text: String) throws(CommandLineError) -> [[String]] {
    try ServiceCores.CommandLine(Array(text.utf8)).commands.map {
        $0.map { String(decoding: $0, as: UTF8.self) }
    }
}
private func text(_ build: (inout Text) -> Void) -> String {
    var text = Text()
    build(&text)
    return String(decoding: text.bytes, as: UTF8.self)
}

@Suite struct TextTests {
    @Test func commandLinesAreSplit() throws {
        #expect(try words("") == [])
        #expect(try words(" ; ;") == [])
        #expect(try words("ps; irq ;poweroff") == [["ps"], ["irq"], ["poweroff"]])
        #expect(try words("echo \"a b;c\" 'd \"e'") == [["echo", "a b;c", "d \"e"]])
        #expect(try words("echo a\\ b \\\" \"\\\"\" '\\'") == [["echo", "a b", "\"", "\"", "\\"]])
        #expect(try words("echo '' x") == [["echo", "", "x"]])
        #expect(try words("ps # all") == [["ps"]])
        #expect(try words("a#b") == [["a#b"]])
    }

    /// Joins `text`, of which each answer has 1,024 bytes at most, and answer number `failing`
    /// does not come.
    private func join(_ text: [UInt8], failing: Int = -1) -> (text: [UInt8], bytes: UInt64)? {
        var answers = 0
        return BootArguments.join { start in
            answers += 1
            if answers - 1 == failing { return nil }
            let rest = text.dropFirst(Int(start))
            return (Array(rest.prefix(1024)), UInt64(text.count))
        }
    }

    @Test func bootArgumentsAreJoinedWholeOrNotAtAll() throws {
        for count in [0, 1, 1024, 1025, 4096] {
            let text = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7) }
            let whole = try #require(join(text))
            #expect(whole.text == text && whole.bytes == UInt64(count))
            for failing in 0..<max(1, (count + 1023) / 1024) {
                #expect(join(text, failing: failing) == nil)
            }
        }
        let tooLong = try #require(join([UInt8](repeating: 32, count: 4097)))
        #expect(tooLong.text == [] && tooLong.bytes == 4097)
        // A service that gives nothing more, or more than it says.
        #expect(BootArguments.join { _ in ([], 10) } == nil)
        #expect(BootArguments.join { _ in ([1, 2, 3], 2) } == nil)
    }

    @Test func badCommandLinesAreRefused() {
        #expect(throws: CommandLineError.unterminatedQuote) { try words("echo \"a") }
        #expect(throws: CommandLineError.tooMany) { try words(String(repeating: "a ", count: 33)) }
        #expect(throws: CommandLineError.tooMany) { try words(String(repeating: "a;", count: 33)) }
        #expect(throws: Never.self) { try words(String(repeating: "a;", count: 32)) }
    }

    @Test func bootArgumentsAreRead() throws {
        let line = "run=\"ps; irq; poweroff\" quiet test=all test=one a=b=c x="
        let arguments = try BootArguments(Array(line.utf8))
        #expect(arguments.value("run") == Array("ps; irq; poweroff".utf8))
        #expect(arguments.value("test") == Array("one".utf8))
        #expect(arguments.value("quiet") == [])
        #expect(arguments.value("a") == Array("b=c".utf8))
        #expect(arguments.value("x") == [])
        #expect(arguments.value("none") == nil)
        #expect(try BootArguments([]).pairs.isEmpty)
        #expect(try BootArguments(Array("=value".utf8)).pairs.count == 1)
        // Behind any number of others.
        let many = String(repeating: "a=b ", count: 500) + "run=ps"
        #expect(try BootArguments(Array(many.utf8)).value("run") == Array("ps".utf8))
        #expect(throws: CommandLineError.unterminatedQuote) {
            try BootArguments(Array("run=ps x=\"open".utf8))
        }
    }

    @Test func bootArgumentsOfAnotherSystemTakeOneLine() throws {
        func complaints(_ line: String) throws -> [String] {
            try BootArguments(Array(line.utf8)).complaints.map {
                String(decoding: $0.bytes, as: UTF8.self)
            }
        }
        #expect(try complaints("run=ps bench=quick") == [])
        #expect(
            try complaints("console=ttyS0 run= root=/dev/sda quiet bench=quick test=all") == [
                "boot options ignored: run: it has no value",
                "boot options ignored: test: these are not the tests",
                "boot options ignored: console root quiet: unknown;"
                    + " there are run=\"COMMANDS\", bench=ROWS and cores=NUMBER",
            ])
        let hundred = String(repeating: "option=1 ", count: 100)
        let named = Array(repeating: "option", count: 14).joined(separator: " ")
        #expect(
            try complaints(hundred) == [
                "boot options ignored: \(named) and 86 more: unknown;"
                    + " there are run=\"COMMANDS\", bench=ROWS and cores=NUMBER"
            ])
    }

    @Test func numbersAreWritten() {
        #expect(text { $0.decimal(0) } == "0")
        #expect(text { $0.decimal(.max) } == "18446744073709551615")
        #expect(text { $0.decimal(42, width: 5) } == "   42")
        #expect(text { $0.decimal(7, width: 2, pad: 48) } == "07")
        #expect(text { $0.hexadecimal(0) } == "0x0")
        #expect(text { $0.hexadecimal(0xabc, digits: 8) } == "0x00000abc")
        #expect(text { $0.hexadecimal(.max, digits: 99) } == "0xffffffffffffffff")
        #expect(text { $0.hexadecimalByte(0x0a) } == "0a")
        #expect(text { $0.hexadecimalByte(0xf9) } == "f9")
        #expect(text { $0.size(8191) } == "8191 B")
        #expect(text { $0.size(8192) } == "8 KiB")
        #expect(text { $0.size(64 << 20) } == "64 MiB")
        #expect(text { $0.seconds(microseconds: 12_345_678) } == "12.345")
        for (microseconds, words) in [
            (0, "0"), (10, "0.01"), (999, "0.999"), (2000, "2"), (2500, "2.5"), (100_050, "100.05"),
        ] as [(UInt64, String)] {
            #expect(text { $0.milliseconds(microseconds: microseconds) } == words)
        }
    }

    @Test func numbersAreRead() {
        #expect(Array("0".utf8).number == 0)
        #expect(Array("18446744073709551615".utf8).number == .max)
        #expect(Array("18446744073709551616".utf8).number == nil)
        #expect(Array("0xFf".utf8).number == 255)
        #expect(Array("0x".utf8).number == nil)
        #expect(Array("12a".utf8).number == nil)
        #expect(([] as [UInt8]).number == nil)
        #expect(Array("-1".utf8).number == nil)
        #expect(Array("help".utf8).matches("help"))
        #expect(!Array("help".utf8).matches("hel"))
        #expect(!Array("help".utf8).matches("helq"))
    }

    @Test func tablesAlign() {
        var table = TextTable()
        table.column("NAME")
        table.column("N", .right)
        table.column("X")
        table.row([Array("a".utf8), Array("100".utf8), Array("y".utf8)])
        table.row([Array("longer".utf8), Array("7".utf8)])
        #expect(
            text { table.render(to: &$0) } == "NAME      N  X\r\na       100  y\r\nlonger    7\r\n")
        // Cells are as wide as the terminal shows them.
        var wide = TextTable()
        wide.column("NAME")
        wide.column("N")
        wide.row([Array("caf\u{e9}s".utf8), Array("1".utf8)])
        wide.row([Array("\u{65e5}\u{672c}".utf8), Array("2".utf8)])
        #expect(
            text { wide.render(to: &$0) }
                == "NAME   N\r\ncaf\u{e9}s  1\r\n\u{65e5}\u{672c}   2\r\n")
    }

    @Test(
        arguments: [
            (0, "1970-01-01 00:00:00 UTC"), (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"), (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (4_294_967_295, "2106-02-07 06:28:15 UTC"),
        ] as [(UInt64, String)])
    func datesAreRight(seconds: UInt64, expected: String) {
        #expect(text { CivilTime(seconds: seconds).write(to: &$0) } == expected)
    }

    /// Every day and many seconds, there and back.
    @Test func datesAreRead() {
        func read(_ text: String) -> CivilTime? {
            let parts = text.split(separator: " ")
            return CivilTime(date: Array(parts[0].utf8), time: Array(parts[1].utf8))
        }
        for day in 0..<84_000 as Range<UInt64> {
            let seconds = day * 86400 + day * 7919 % 86400
            let written = text { CivilTime(seconds: seconds).write(to: &$0) }
            #expect(read(written)?.seconds == seconds)
        }
        for wrong in [
            "1969-12-31 23:59:59", "2031-02-29 00:00:00", "2100-02-29 00:00:00",
            "2026-00-01 00:00:00", "2026-13-01 00:00:00", "2026-04-31 00:00:00",
            "2026-01-00 00:00:00", "2026-01-01 24:00:00", "2026-01-01 00:60:00",
            "2026-01-01 00:00:60", "2026-1-01 00:00:00", "2026-01-01 00:00:000",
            "2026/01/01 00:00:00", "2026-01-01 00-00-00", "x026-01-01 00:00:00", "- :",
        ] { #expect(read(wrong) == nil, "\(wrong)") }
    }

    @Test func theFirstDayWasAThursday() { #expect(CivilTime(seconds: 0).weekday == 4) }

    @Test func stackScanStopsAtTheFirstTouchedWord() {
        var stack = [UInt64](repeating: StackPaint.word, count: 16)
        #expect(StackPaint.untouchedBytes(stack.span) == 128)
        stack[5] = 0
        #expect(StackPaint.untouchedBytes(stack.span) == 40)
        stack[0] = 1
        #expect(StackPaint.untouchedBytes(stack.span) == 0)
        let nothing: [UInt64] = []
        #expect(StackPaint.untouchedBytes(nothing.span) == 0)
    }
}
