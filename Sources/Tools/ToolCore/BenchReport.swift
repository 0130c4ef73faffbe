// The benchmark's text (docs/reference/benchmark-format.md) as values, JSON and a table beside the goals.

import Foundation

/// One row of the benchmark.
public struct BenchRow: Codable, Equatable {
    public var name: String
    /// nil where the project states none.
    public var goal: UInt64?
    public var total: UInt64 = 0
    public var minimum: UInt64 = 0
    public var average: UInt64 = 0
    public var maximum: UInt64 = 0
    public var percentiles: [String: UInt64] = [:]
    public var overflows: UInt64 = 0
    /// Cycles that brought no value.
    public var missed: UInt64 = 0
    /// Value to count.
    public var histogram: [String: UInt64] = [:]
}

public struct BenchReport: Codable, Equatable {
    public var rows: [BenchRow] = []
    /// Lines that belong to no row: the clock, the counter's check, the kernel's sizes.
    public var notes: [String] = []

    public init(text: String) {
        for line in text.split(separator: "\n").map(String.init) {
            if let name = line.after("# Row: ") {
                rows.append(BenchRow(name: name))
            } else if !rows.isEmpty, read(line, &rows[rows.count - 1]) {
                continue
            } else if let note = line.after("# "), !note.hasPrefix("bench ") {
                notes.append(note)
            }
        }
    }

    private func read(_ line: String, _ row: inout BenchRow) -> Bool {
        func number(_ prefix: String) -> UInt64? { line.after(prefix).flatMap { UInt64($0.trimmed) } }
        if line.hasPrefix("# Unit:") || line == "# Histogram" { return true }
        if line.hasPrefix("# Goal:") {
            row.goal = number("# Goal: ")
        } else if let value = number("# Total: ") {
            row.total = value
        } else if let value = number("# Min Latencies: ") {
            row.minimum = value
        } else if let value = number("# Avg Latencies: ") {
            row.average = value
        } else if let value = number("# Max Latencies: ") {
            row.maximum = value
        } else if let value = number("# Histogram Overflows: ") {
            row.overflows = value
        } else if let value = number("# Missed Cycles: ") {
            row.missed = value
        } else if let list = line.after("# Percentiles: ") {
            for pair in list.split(separator: " ") {
                let parts = pair.split(separator: "=").map(String.init)
                if parts.count == 2 { row.percentiles[parts[0]] = UInt64(parts[1]) }
            }
        } else {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let value = UInt64(parts[0]), let count = UInt64(parts[1]) else { return false }
            row.histogram[String(value)] = count
        }
        return true
    }

    /// A table for people: minimum, average, maximum, goal, and whether the maximum keeps it.
    public var table: String {
        var lines = ["row                                          min    avg    max   goal"]
        for row in rows {
            let goal = row.goal.map(String.init) ?? "-"
            let mark = row.goal.map { row.maximum <= $0 ? "  kept" : "" } ?? ""
            lines.append(
                row.name.padded(42) + String(row.minimum).aligned(6) + " " + String(row.average).aligned(6) + " "
                    + String(row.maximum).aligned(6) + " " + goal.aligned(6) + mark)
        }
        return lines.joined(separator: "\n")
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension String {
    func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    func aligned(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
