// Lines that reach no log: how many, and when that is told.

import Protocols

/// Lines of one task that reach nobody: told at the first, and then at each doubling.
public struct LostLines: Equatable, Sendable {
    /// How many were told.
    private var told: UInt64 = 0

    public init() {}

    /// Whether a sum is to be told: at most 64 are, whatever the task says.
    public mutating func isToTell(_ sum: UInt64) -> Bool {
        if sum <= told || sum - told <= told { return false }
        told = sum
        return true
    }

    /// The sum in words.
    public static func text(_ task: Name, _ sum: UInt64, opensLog: Bool) -> [UInt8] {
        var text = Text()
        text.add(task)
        text.add(" lost ")
        text.decimal(sum)
        text.add(sum == 1 ? " line" : " lines")
        text.add(
            opensLog ? ": the log did not take them" : ": its manifest entry does not open the log")
        return text.bytes
    }
}

/// Lines that the log has not taken yet, the oldest first. Those for which there is no place are
/// counted: the line behind the last that is kept tells how many they were.
public struct WaitingLines: Sendable {
    public static var places: Int { 32 }
    private let task: Name
    private var lines: [(text: [UInt8], level: LogLevel)] = []
    private var lost: UInt64 = 0

    /// - Parameter task: whose lines they are.
    public init(_ task: Name) { self.task = task }

    public var first: [UInt8]? { lines.first?.text }
    /// Of the first.
    public var level: LogLevel { lines.first?.level ?? .notice }
    public var isEmpty: Bool { lines.isEmpty }

    public mutating func append(_ line: [UInt8], _ level: LogLevel = .notice) {
        if lines.count < WaitingLines.places { lines.append((line, level)) } else { lost += 1 }
    }

    /// The log took the first.
    public mutating func removeFirst() {
        lines.removeFirst()
        if !lines.isEmpty || lost == 0 { return }
        lines.append((LostLines.text(task, lost, opensLog: true), .warning))
        lost = 0
    }
}
