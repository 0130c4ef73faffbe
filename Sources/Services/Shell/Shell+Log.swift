// The shell's command log: the last lines, by the counter or in UTC.

import Interfaces
import ServiceCores

extension Shell {
    /// Which lines of the log to show, and how.
    private struct LogView {
        var count: UInt64 = 20
        var level = LogLevel.debug
        /// UTC when the counter started; nil: times are those of the counter.
        var start: UInt64?
    }
    /// The lines of the log, the oldest first.
    private struct LogLines {
        let log: LogClient
        let level: LogLevel
        /// The number of the line that ends them: somebody may write without end.
        let end: UInt64
        private var next: UInt64 = 1
        /// Lines to look at: four times what the log keeps. A broken log may have others.
        private var left = 1024

        init(_ log: LogClient, _ level: LogLevel) throws(SystemError) {
            (self.log, self.level) = (log, level)
            end = try log.next(by: Shell.patience)
        }

        /// Returns the next line up to the level; nil behind the last.
        mutating func line() throws(SystemError) -> LogLine? {
            while left > 0 {
                left -= 1
                let line: LogLine
                do throws(SystemError) { line = try log.line(from: next, by: Shell.patience) } catch
                {
                    if error.of(LogError.self) == .noLine { return nil }
                    throw error
                }
                // A log that goes back is broken.
                if line.sequence < next || line.sequence >= end { return nil }
                next = line.sequence + 1
                if line.level.rawValue <= level.rawValue { return line }
            }
            return nil
        }
    }

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
        do throws(SystemError) {
            let log = try LogClient(checking: Endpoint(StartSlot.log), by: Shell.patience)
            let lines = try LogLines(log, view.level)
            // Lines of other levels lie between, so they are counted first.
            var counted = lines
            var left: UInt64 = 0
            while !isInterrupted(after: left), try counted.line() != nil { left += 1 }
            var shown = lines
            while !isInterrupted(after: left), let line = try shown.line() {
                if left <= view.count { show(line, view) }
                left &-= 1
            }
        } catch { say(error, LogError.self, from: "log") }
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

    /// Each so many lines, shows what waits to be shown, and looks for ^C.
    private mutating func isInterrupted(after lines: UInt64) -> Bool {
        if lines % 32 == 0 { terminal.pause(milliseconds: 1) }
        return terminal.isInterrupted
    }

    private mutating func show(_ line: LogLine, _ view: LogView) {
        var bytes: [UInt8] = []
        for index in 0..<line.name.count { bytes.append(line.name[index]) }
        let name = Name(bytes: bytes.span) ?? .empty
        if let start = view.start {
            terminal.out.add("[")
            CivilTime(seconds: (start &+ line.microseconds) / 1_000_000).write(to: &terminal.out)
            terminal.out.add(" ")
            terminal.out.add(name)
            terminal.out.add("] ")
        } else {
            terminal.out.logHead(microseconds: line.microseconds, name)
        }
        if line.level != .notice {
            terminal.out.add(line.level.name)
            terminal.out.add(": ")
        }
        for index in 0..<line.text.count { terminal.out.add(byte: line.text[index]) }
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
