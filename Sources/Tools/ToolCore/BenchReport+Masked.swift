// The benchmark's longest paths with interrupts masked, by row and by kernel entry, beside the
// proven bounds.

import KernelABI

/// The longest path with interrupts masked of a row.
public struct MaskedFigure: Codable, Equatable {
    public var length: UInt64
    /// nil where the clock does not count instructions.
    public var goal: UInt64?
    /// The entry that the path belongs to.
    public var entry = ""
    /// The program counter that it returned to.
    public var place: UInt64 = 0

    public var isKept: Bool? { goal.map { length <= $0 } }
}

/// The longest masked path of a kernel entry, measured and proven.
public struct EntryFigure: Codable, Equatable {
    public var entry: String
    public var measured: UInt64
    /// nil where no bound is known.
    public var bound: UInt64?

    /// A line for people; `BenchReport.entryHead` stands above.
    public var tableLine: String {
        let ratio = bound.map { bound in
            measured == 0
                ? "-" : "\(bound / measured).\(String(bound * 100 / measured % 100).zeros(2))"
        }
        return entry.padded(32) + String(measured).aligned(9)
            + (bound.map(String.init) ?? "-").aligned(9)
            + (ratio ?? "-").aligned(17)
    }
}

extension BenchReport {
    /// The masked paths, the longest first, and how many keep their goal.
    public var maskedLines: [String] {
        let figures = rows.compactMap { row in row.masked.map { (row.name, $0) } }
            .sorted { ($1.1.length, $0.0) < ($0.1.length, $1.0) }
        if figures.isEmpty { return [] }
        let lines = figures.map { name, figure in
            let verdict = figure.isKept.map { $0 ? "  kept" : "  missed" } ?? ""
            return name.padded(46) + String(figure.length).aligned(7)
                + (figure.goal.map(String.init) ?? "-").aligned(9) + verdict.padded(8) + "  "
                + figure.entry
        }
        return ["longest masked path by row".padded(46) + "max".aligned(7) + "goal".aligned(9)]
            + lines
    }
    /// The rows of trees by operation, as a table in Markdown: the most urgent thread's longest wait
    /// and the longest masked path, each with the chain and the callers where it was met.
    public var treeLines: [String] {
        var waits: [String: (value: UInt64, tree: String)] = [:]
        var masked = waits
        var operations: [String] = []
        for row in rows {
            let parts = row.name.split(separator: ".").map(String.init)
            guard parts.count == 4, parts[0] == "chain", let callers = parts[2].after("callers-")
            else { continue }
            let (operation, tree) = (parts[3], "\(parts[1]) × \(callers)")
            if !operations.contains(operation) { operations.append(operation) }
            if row.maximum > waits[operation]?.value ?? 0 { waits[operation] = (row.maximum, tree) }
            let length = row.masked?.length ?? 0
            if length > masked[operation]?.value ?? 0 { masked[operation] = (length, tree) }
        }
        if operations.isEmpty { return [] }
        func cell(_ figure: (value: UInt64, tree: String)?) -> String {
            figure.map { "\($0.value) (\($0.tree))" } ?? "–"
        }
        return ["| operation | wait (chain × callers) | longest masked path |", "|---|---|---|"]
            + operations.map { "| \($0) | \(cell(waits[$0])) | \(cell(masked[$0])) |" }
    }

    /// What follows in the summary: nothing where no path was recorded.
    var maskedSummary: String {
        let verdicts = rows.compactMap { $0.masked?.isKept }
        if verdicts.isEmpty { return "" }
        let missed = verdicts.count { !$0 }
        return
            "; longest masked path: \(verdicts.count - missed) kept the goal, \(missed) missed it"
    }

    /// Sets the proven bounds beside what was measured. Each line of `text` is the name of an
    /// entry, a tab and its bound; of names with more after the kind ("interrupt: …", "fault:
    /// …") the largest bound counts.
    public mutating func setBounds(_ text: String) {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "\t").map(String.init)
            guard parts.count >= 2, let bound = UInt64(parts[1]) else { continue }
            for index in entries.indices {
                if !EntryKind.isNamed(entries[index].entry, by: parts[0]) { continue }
                entries[index].bound = max(entries[index].bound ?? 0, bound)
            }
        }
    }
    public static var entryHead: String {
        "longest masked path by entry".padded(32) + "measured".aligned(9) + "bound".aligned(9)
            + "bound ÷ measured".aligned(17)
    }
}

extension EntryKind {
    /// As the table of bounds names it.
    public var name: String {
        if let systemCall { return "\(systemCall)" }
        if self == .interrupt { return "interrupt" }
        if self == .fault { return "fault" }
        guard let method else { return "unknown" }
        return "invoke \(method)"
    }
    /// Whether a line of the table of bounds is about the entry of this name.
    static func isNamed(_ name: String, by line: String) -> Bool {
        if line == name { return true }
        switch name {
        case "interrupt": return line.hasPrefix("interrupt")
        case "fault": return line.hasPrefix("fault") || line.hasPrefix("floating-point")
        case "unknown": return line.contains("unknown")
        default: return false
        }
    }
}
