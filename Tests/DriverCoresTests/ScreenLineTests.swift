// A screen that several tasks write to: whose line must be cleared, and how its owner learns of it.
import Testing

@testable import DriverCores

/// What a screen said, in its order: "clear" before a write, "anew" to a reader.
private struct Screen {
    private var line = ScreenLine()
    /// What the reader knows, as `Terminal` keeps it: of its output, and of reads that
    /// brought nothing.
    private var known: UInt64 = 0
    var said: [String] = []

    mutating func write(_ task: UInt64, edited: Bool = false) {
        let isForeign = line.write(by: task, isEdited: edited, isMarked: false, count: 0) { _ in
            0
        } send: { _ in
        }
        if isForeign { said.append("clear for \(task)") }
        if task == ScreenLineTests.shell && !edited { known = line.replacements }
    }
    /// A read by the shell; its answer may come too late.
    mutating func read(isLate: Bool = false) {
        if line.replacements == known || isLate { return }
        known = line.replacements
        said.append("anew")
    }
}

@Suite struct ScreenLineTests {
    static let shell: UInt64 = 8
    let shell = ScreenLineTests.shell
    let log: UInt64 = 1

    @Test func anothersBytesTakeThePlaceOfTheLineOnce() {
        var screen = Screen()
        screen.write(shell, edited: true)
        screen.read()
        screen.write(log)
        screen.write(log)
        screen.read()
        screen.read()
        #expect(screen.said == ["clear for 1", "anew"])
    }

    @Test func aFinishedLineStays() {
        var screen = Screen()
        screen.write(shell, edited: true)
        screen.write(shell)
        screen.write(log)
        screen.read()
        #expect(screen.said == [])
    }

    /// The echo of a key, on its way while the line was taken away, does not show the rest
    /// of the line.
    @Test func anEchoIsNoNewLine() {
        var screen = Screen()
        screen.write(shell, edited: true)
        screen.write(log)
        screen.write(shell, edited: true)
        screen.write(log)
        screen.read()
        #expect(screen.said == ["clear for 1", "clear for 1", "anew"])
    }

    @Test func outputEndsTheNeedToShowALine() {
        var screen = Screen()
        screen.write(shell, edited: true)
        screen.write(log)
        screen.write(shell)
        screen.read()
        #expect(screen.said == ["clear for 1"])
    }

    /// A read that timed out as its answer came does not take the sign with it.
    @Test func aLateAnswerIsGivenAgain() {
        var screen = Screen()
        screen.write(shell, edited: true)
        screen.write(log)
        screen.read(isLate: true)
        screen.read()
        #expect(screen.said == ["clear for 1", "anew"])
    }
}

/// Whose a line is, on the screen itself.
@Suite struct ScreenMarkTests {
    /// What the screen gets of writes by tasks, those above 9 marked.
    private func shown(_ writes: [(task: UInt64, text: String)]) -> String {
        var line = ScreenLine()
        var bytes: [UInt8] = []
        for (task, text) in writes {
            let text = Array(text.utf8)
            _ = line.write(
                by: task, isEdited: false, isMarked: task > 9, count: text.count
            ) {
                text[$0]
            } send: {
                bytes.append($0)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func eachLineOfAMarkedTaskShowsItsNumber() {
        #expect(shown([(12, "a\nb\r\n\nc")]) == "12| a\r\n12| b\r\n\r\n12| c")
        #expect(shown([(12, "a"), (12, "b\n"), (12, "c")]) == "12| ab\r\n12| c")
        #expect(shown([(1, "[1.0 log] x\r\n")]) == "[1.0 log] x\r\n")
    }

    /// Nor is the place where a terminal starts a row by itself, also where characters take
    /// two columns.
    @Test func eachRowOfAMarkedTaskShowsItsNumber() {
        for character in ["a", "\u{e9}", "\u{6f22}"] {
            let text = String(repeating: character, count: 150)
            var writes: [(task: UInt64, text: String)] = []
            for part in stride(from: 0, to: 150, by: 50) {
                writes.append((12, String(text.dropFirst(part).prefix(50))))
            }
            let rows = shown(writes).split(separator: "\r\n")
            #expect(rows.allSatisfy { $0.hasPrefix("12| ") })
            let width = character == "a" ? 1 : 2
            #expect(rows.allSatisfy { 4 + width * ($0.count - 4) < 80 })
            #expect(rows.map { $0.dropFirst(4) }.joined() == text)
        }
        let text = shown([(12, String(repeating: "b", count: 75) + "\n"), (12, "c")])
        #expect(text.split(separator: "\r\n").count == 2)
    }

    /// The end of another task's line is no place to hide.
    @Test func eachTasksTextStartsOnALineOfItsOwn() {
        #expect(
            shown([(1, "half"), (12, "a"), (1, "b\r\n"), (13, "c")])
                == "half\r\n12| a\r\nb\r\n13| c")
    }

    @Test func aLineUnderWorkIsClearedNotEnded() {
        var line = ScreenLine()
        var bytes: [UInt8] = []
        let prompt = Array("> ls".utf8)
        let text = Array("a".utf8)
        _ = line.write(by: 5, isEdited: true, isMarked: false, count: prompt.count) {
            prompt[$0]
        } send: {
            bytes.append($0)
        }
        let isForeign = line.write(by: 12, isEdited: false, isMarked: true, count: text.count) {
            text[$0]
        } send: {
            bytes.append($0)
        }
        #expect(isForeign)
        #expect(String(decoding: bytes, as: UTF8.self) == "> ls\r\u{1b}[K12| a")
    }

    /// The driver's ring holds the largest write, or its writer would wait for ever.
    @Test func theLargestWriteFitsTheRing() {
        for pattern in ["\n", "a\n", "a\n\n", "a"] {
            let text = String(repeating: pattern, count: 160).prefix(160)
            #expect(shown([(1, "x"), (64, String(text))]).utf8.count - 1 <= ByteRing.capacity)
        }
        #expect(ScreenLine.most(160, isMarked: true) <= ByteRing.capacity)
    }

    /// However short, and whatever was on the screen before.
    @Test(arguments: ["\n", "a\n", "\na", "a", "\u{1f600}", "\u{e9}\n", "a\u{1f600}\n\n"])
    func noWriteSendsMoreThanItsBound(pattern: String) {
        for count in 0...160 {
            let text = Array(String(repeating: pattern, count: 160).utf8.prefix(count))
            for isMarked in [false, true] {
                for isEdited in [false, true] {
                    var line = ScreenLine()
                    var sent: UInt64 = 0
                    _ = line.write(by: 1, isEdited: isEdited, isMarked: false, count: 1) { _ in
                        UInt8(ascii: ">")
                    } send: { _ in
                    }
                    _ = line.write(
                        by: 65535, isEdited: false, isMarked: isMarked, count: count
                    ) {
                        text[$0]
                    } send: { _ in
                        sent += 1
                    }
                    #expect(sent <= ScreenLine.most(count, isMarked: isMarked), "\(count)")
                }
            }
        }
    }
}

@Suite struct InputLeaseTests {
    /// Which of the requests, each of a task at an instant, a lease of 300 grants.
    private func granted(_ requests: [(task: UInt64, at: UInt64)]) -> [Bool] {
        var lease = InputLease(length: 300)
        return requests.map { lease.renew(by: $0.task, at: $0.at) }
    }

    @Test func aSecondReaderIsRefusedWhileTheFirstAsks() {
        #expect(
            granted([(5, 1000), (7, 1001), (5, 1299), (7, 1598), (5, 1599)]) == [
                true, false, true, false, true,
            ])
    }

    @Test func aReaderThatAsksNoMoreLosesIt() {
        #expect(granted([(5, 1000), (7, 1300), (5, 1301)]) == [true, true, false])
    }
}
