// The benchmark's text (docs/reference/benchmark-format.md) as values: JSON, a table beside the
// goals, cyclictest's files.

import Foundation
import KernelABI

/// One row of the benchmark.
public struct BenchRow: Codable, Equatable {
    public var name: String
    public var unit = ""
    /// nil where the project states none.
    public var goal: UInt64?
    /// The benchmark's own verdict on the goal.
    public var isKept: Bool?
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
    /// The longest path with interrupts masked while the row ran, where the kernel recorded it.
    public var masked: MaskedFigure?

    /// A line for people; `BenchReport.tableHead` stands above.
    public var tableLine: String {
        let verdict = isKept.map { $0 ? "  kept" : "  missed" } ?? ""
        let lost = missed > 0 ? "  (\(missed) cycles missed)" : ""
        let figures = [minimum, average, maximum].map { String($0).aligned(7) }.joined()
        return name.padded(46) + figures + (goal.map(String.init) ?? "-").aligned(9) + verdict
            + lost
    }

    /// The row as cyclictest prints its histogram: every value up to the largest that has a bucket.
    public var cyclictestText: String {
        var lines = ["# \(name): \(unit)", "# Histogram"]
        for value in 0...(histogram.keys.compactMap(Int.init).max() ?? 0) {
            lines.append(
                String(value).zeros(6) + " " + String(histogram[String(value)] ?? 0).zeros(6))
        }
        lines.append("# Total: " + String(total).zeros(9))
        lines.append("# Min Latencies: " + String(minimum).zeros(5))
        lines.append("# Avg Latencies: " + String(average).zeros(5))
        lines.append("# Max Latencies: " + String(maximum).zeros(5))
        lines.append("# Histogram Overflows: " + String(overflows).zeros(5))
        return lines.joined(separator: "\n") + "\n"
    }
}

public struct BenchReport: Codable, Equatable {
    public private(set) var rows: [BenchRow] = []
    /// Lines that belong to no row: the clock and its check, what was not run and why.
    public private(set) var notes: [String] = []
    /// The longest masked path of each kernel entry that was seen.
    public var entries: [EntryFigure] = []
    /// The same since a budget was set.
    public private(set) var entriesWithBudget: [EntryFigure] = []
    /// The benchmark's own last lines: how many rows keep their goals, and those that matter most.
    public private(set) var digest: [String] = []
    private var isInside = false
    /// Whether its last line came.
    public private(set) var hasEnded = false

    private enum CodingKeys: String, CodingKey { case rows, notes, entries }

    public init() {}
    public init(text: String) {
        for line in text.split(separator: "\n") { _ = add(line: String(line)) }
    }

    /// Whether the benchmark came to its end without an error of the kernel's.
    public var isComplete: Bool { hasEnded && !notes.contains { $0.hasPrefix("error ") } }

    public func contains(_ name: String) -> Bool { rows.contains { $0.name == name } }

    /// Takes the rows, the masked paths and the notes of another run that this one does not have.
    public mutating func add(_ other: BenchReport) {
        for index in rows.indices where rows[index].masked == nil {
            rows[index].masked = other.rows.first { $0.name == rows[index].name }?.masked
        }
        entries += other.entries.filter { entry in !entries.contains { $0.entry == entry.entry } }
        rows += other.rows.filter { !contains($0.name) }
        notes += other.notes.filter { !notes.contains($0) }
        if digest.isEmpty { digest = other.digest }
    }

    /// Takes a line of the console; returns the row that it completed.
    public mutating func add(line: String) -> BenchRow? {
        if line == "# bench begin" { isInside = true }
        if line == "# bench end" {
            isInside = false
            hasEnded = true
        }
        // Lines of the console's load are no figures.
        if !isInside || line == "# bench begin" || line.hasPrefix("#.") { return nil }
        if !digest.isEmpty || line.hasPrefix("# Summary: ") {
            digest.append(line.after("# ") ?? line)
        } else if let name = line.after("# Row: ") {
            rows.append(BenchRow(name: name))
        } else if !rows.isEmpty, BenchReport.read(line, &rows[rows.count - 1]) {
            return line.hasPrefix(BenchReport.lastLabel) ? rows.last : nil
        } else if let entry = BenchReport.entryFigure(line, ": ") {
            entries.append(entry)
        } else if let entry = BenchReport.entryFigure(line, " with a budget: ") {
            entriesWithBudget.append(entry)
        } else if let note = line.after("# ") {
            notes.append(BenchReport.readable(note))
        }
        return nil
    }
    /// A control word in words.
    private static func readable(_ note: String) -> String {
        let prefix = "Longest masked path: control word "
        guard let raw = note.after(prefix).flatMap(UInt64.init) else { return note }
        let word = ControlWord(raw: raw)
        let name = EntryKind(control: raw).name
        guard let call = EntryKind(control: raw).systemCall else {
            return "Longest masked path: \(name)"
        }
        return
            "Longest masked path: \(call), \(word.length) words, "
            + "\(word.capabilityCount) capabilities"
    }
    private static func entryFigure(_ line: String, _ label: String) -> EntryFigure? {
        let parts = line.after("# Longest of entry ")?.components(separatedBy: label)
        guard let parts, parts.count == 2, let index = UInt64(parts[0]),
            let length = UInt64(parts[1])
        else { return nil }
        return EntryFigure(entry: EntryKind(index: index).name, measured: length)
    }

    private static let lastLabel = "# Missed Cycles: "

    private static func read(_ line: String, _ row: inout BenchRow) -> Bool {
        func number(_ prefix: String) -> UInt64? {
            line.after(prefix).flatMap { UInt64($0.trimmed) }
        }
        if line == "# Histogram" { return true }
        if let unit = line.after("# Unit: ") {
            row.unit = unit
        } else if let goal = line.after("# Goal: ") {
            let parts = goal.split(separator: " ")
            row.goal = parts.first.flatMap { UInt64($0) }
            row.isKept = parts.count == 2 ? parts[1] == "kept" : nil
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
        } else if let value = number("# Longest Masked: ") {
            row.masked = MaskedFigure(length: value)
        } else if let value = number("# Longest Masked Goal: ") {
            row.masked?.goal = value
        } else if let value = number("# Longest Masked Call: ") {
            row.masked?.entry = EntryKind(control: value).name
        } else if let value = number("# Longest Masked Place: ") {
            row.masked?.place = value
        } else if let value = number(lastLabel) {
            row.missed = value
        } else if let list = line.after("# Percentiles: ") {
            for pair in list.split(separator: " ") {
                let parts = pair.split(separator: "=").map(String.init)
                if parts.count == 2 { row.percentiles[parts[0]] = UInt64(parts[1]) }
            }
        } else {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let value = UInt64(parts[0]), let count = UInt64(parts[1])
            else { return false }
            row.histogram[String(value)] = count
        }
        return true
    }

    public static var tableHead: String {
        "row".padded(46) + ["min", "avg", "max"].map { $0.aligned(7) }.joined() + "goal".aligned(9)
    }

    /// How many goals were kept, in one line.
    public var summary: String {
        let kept = rows.count { $0.isKept == true }
        let missed = rows.count { $0.isKept == false }
        return
            "\(rows.count) rows: \(kept) kept their goal, \(missed) missed it, "
            + "\(rows.count - kept - missed) have none" + maskedSummary
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

extension String {
    func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
    func aligned(_ width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }
    func zeros(_ width: Int) -> String {
        String(repeating: "0", count: max(0, width - count)) + self
    }
}
