// The shell's command log: the last lines, by the counter or in UTC.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Shell {
    /// Which lines of the log to show, and how.
    private struct LogView {
        var count: UInt64 = 20
        var level = LogLevel.debug
        /// UTC when the counter started; nil: times are those of the counter.
        var start: UInt64?
    }
    /// Lines that the shell looks at: four times what the log keeps. A broken log may have others.
    private static let maximumLines = 1024

    /// Shows the last lines, 20 or as many as asked for: all, or those up to a level.
    mutating func showLog(_ arguments: [[UInt8]]) {
        var view = LogView()
        for word in arguments {
            if let number = word.number {
                view.count = number
            } else if let named = LogLevel(named: word) {
                view.level = named
            } else if word.matches("utc") {
                guard let start = utcOfCounterStart() else { return }
                view.start = start
            } else {
                return say(
                    word, ": neither a number of lines, error, warning, notice, debug nor utc")
            }
        }
        // What comes while this reads is not of it: somebody may write without end.
        let newest = ask(Endpoint(StartSlot.log), RegisterMessage(LogWord.read, .max))
        guard let newest else { return say("the log does not answer") }
        // Lines of other levels lie between, so they are counted first.
        var left: UInt64 = 0
        let isAnswered = eachLogLine(before: newest[1], view.level) { _ in left += 1 }
        if !isAnswered { return say("the log does not answer") }
        _ = eachLogLine(before: newest[1], view.level) { line in
            if left <= view.count { show(&line, view) }
            left &-= 1
        }
    }

    /// Returns UTC at the start of the counter; nil where the time is unset, and says so.
    private mutating func utcOfCounterStart() -> UInt64? {
        guard let reading = readTime() else { return nil }
        if reading.source == .unset {
            sayTimeIsUnset()
            return nil
        }
        return reading.microseconds &- (Instant.now - .immediately).microseconds
    }

    /// Calls `body` with each line of the log up to a level, the oldest first, up to line `end`.
    ///
    /// - Returns: whether the log answered.
    private func eachLogLine(
        before end: UInt64, _ level: LogLevel, _ body: (inout LongMessage) -> Void
    ) -> Bool {
        var next: UInt64 = 1
        for _ in 0..<Shell.maximumLines {
            var line = LongMessage(RegisterMessage(LogWord.read, next))
            if ask(Endpoint(StartSlot.log), &line) == nil { return false }
            // Behind the last line, or a log that goes back.
            if line[0] != 0 || line[1] < next || line[1] >= end { return true }
            next = line[1] + 1
            if line[4] >> 8 & 0xff <= UInt64(level.rawValue) { body(&line) }
        }
        return true
    }

    private mutating func show(_ line: inout LongMessage, _ view: LogView) {
        let name = Name(line[5], line[6], line[7], line[8])
        if let start = view.start {
            terminal.out.add("[")
            CivilTime(seconds: (start &+ line[2]) / 1_000_000).write(to: &terminal.out)
            terminal.out.add(" ")
            terminal.out.add(name)
            terminal.out.add("] ")
        } else {
            terminal.out.logHead(microseconds: line[2], name)
        }
        let level = LogLevel(rawValue: UInt8(truncatingIfNeeded: line[4] >> 8)) ?? .notice
        if level != .notice {
            terminal.out.add(level.name)
            terminal.out.add(": ")
        }
        for index in 0..<Int(min(line[4] & 0xff, 104)) {
            terminal.out.add(byte: line.byte(index, at: 9))
        }
        terminal.out.newLine()
    }
}

extension LogLevel {
    /// The level with this name.
    fileprivate init?(named word: [UInt8]) {
        for level in [LogLevel.error, .warning, .notice, .debug] where word.matches(level.name) {
            self = level
            return
        }
        return nil
    }
}
