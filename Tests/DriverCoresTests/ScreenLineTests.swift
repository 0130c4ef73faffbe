// A screen that several tasks write to: whose line must be cleared, and how its owner learns of it.
import Testing

@testable import DriverCores

/// What a screen said, in its order: "clear" before a write, "anew" to a reader.
private struct Screen {
    private var line = ScreenLine()
    /// What the reader knows, as `Terminal` keeps it: of its output, and of reads that brought nothing.
    private var known: UInt64 = 0
    var said: [String] = []

    mutating func write(_ task: UInt64, edited: Bool = false) {
        if line.write(by: task, isEdited: edited) { said.append("clear for \(task)") }
        if task == ScreenLineTests.shell && !edited { known = line.disturbances }
    }
    /// A read by the shell; its answer may come too late.
    mutating func read(isLate: Bool = false) {
        if line.disturbances == known || isLate { return }
        known = line.disturbances
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

    /// The echo of a key, on its way while the line was taken away, does not show the rest of the line.
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
