// The service of the log. Programs write to it by `log` and `logAndWait`
// (Sources/User/UserRuntime/Services.swift).

/// The log keeps the last lines of all tasks, and shows them on the console. A line has the time,
/// the level and the task that sent it. A dot stands for each byte of a text that is no printable
/// character.
@Service(version: 1)
public protocol Log {
    /// Adds a line.
    @Method(1, .oneWay) func append(_ level: LogLevel, _ text: Bytes<232>)

    /// Adds a line, and returns when it was shown.
    @Method(2) func appendAndWait(_ level: LogLevel, _ text: Bytes<232>)

    /// Returns the line with the smallest sequence number from `sequence` on.
    @Method(3) func line(from sequence: UInt64) throws(LogError) -> LogLine

    /// Returns the sequence number of the next line. All lines before it were shown.
    @Method(4) func next() -> UInt64
}

/// A line that the log has kept.
@Message public struct LogLine: Sendable {
    /// Counts from 1.
    public var sequence: UInt64
    /// Microseconds since the counter started.
    public var microseconds: UInt64
    public var level: LogLevel
    /// The number of the task that sent it, and its name.
    public var task: UInt16
    public var name: FixedString<32>
    public var text: FixedString<232>

    public init(
        sequence: UInt64, microseconds: UInt64, level: LogLevel, task: UInt16,
        name: FixedString<32>, text: FixedString<232>
    ) {
        self.sequence = sequence
        self.microseconds = microseconds
        self.level = level
        self.task = task
        self.name = name
        self.text = text
    }
}

/// Why the log has no line to return.
@Message public enum LogError: UInt16, ServiceError {
    /// There is none from that sequence number on.
    case noLine = 1

    public var text: StaticString { "the log has no such line" }
}
