// A screen that several tasks write to: whose line must be cleared, and who is told of it.
import Testing

@testable import DriverCores

/// What a screen said, in its order: "clear" before a write, "anew" to a reader.
private struct Screen {
    private var line = ScreenLine()
    var said: [String] = []

    mutating func write(_ task: UInt64, edited: Bool = false) {
        if line.write(by: task, isEdited: edited) { said.append("clear for \(task)") }
    }
    mutating func read(_ task: UInt64) {
        if line.takeDisturbance(of: task) { said.append("anew to \(task)") }
    }
}

@Suite struct ScreenLineTests {
    let shell: UInt64 = 8
    let log: UInt64 = 1

    @Test func anothersBytesTakeThePlaceOfTheLineOnce() {
        var screen = Screen()
        screen.write(shell, edited: true)
        screen.read(shell)
        screen.write(log)
        screen.write(log)
        screen.read(log)
        screen.read(shell)
        screen.read(shell)
        #expect(screen.said == ["clear for 1", "anew to 8"])
    }

    @Test func aFinishedLineStays() {
        var screen = Screen()
        screen.write(shell, edited: true)
        screen.write(shell)
        screen.write(log)
        screen.read(shell)
        #expect(screen.said == [])
    }

    /// The echo of a key, on its way while the line was taken away, does not show the rest of the line.
    @Test func anEchoIsNoNewLine() {
        var screen = Screen()
        screen.write(shell, edited: true)
        screen.write(log)
        screen.write(shell, edited: true)
        screen.write(log)
        screen.read(shell)
        #expect(screen.said == ["clear for 1", "clear for 1", "anew to 8"])
    }

    @Test func outputEndsTheNeedToShowALine() {
        var screen = Screen()
        screen.write(shell, edited: true)
        screen.write(log)
        screen.write(shell)
        screen.read(shell)
        #expect(screen.said == ["clear for 1"])
    }
}
