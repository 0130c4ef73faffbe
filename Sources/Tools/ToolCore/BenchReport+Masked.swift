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
    /// The bound of what is recorded; nil where none is known.
    public var bound: UInt64?

    /// What is wrong with the bound: nothing where it is at most twice what was measured, or where
    /// the reason for more is known.
    public var objection: String? {
        guard let bound else { return "\(entry): no bound" }
        if measured > bound { return "\(entry): \(measured) measured, above the bound \(bound)" }
        let isLoose = bound > UInt64(KernelGoals.looseness) * measured
        if !isLoose || KernelGoals.loose.contains(where: { $0.entry == entry }) { return nil }
        return measured == 0
            ? "\(entry): no row of the benchmark measures it"
            : "\(entry): the bound \(bound) is more than \(KernelGoals.looseness) times "
                + "the longest measured section, \(measured)"
    }

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
    /// The rows of trees by operation, as a table in Markdown: the most urgent thread's longest
    /// wait and the longest masked path, each with the chain and the callers where it was met.
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
    /// entry, its bound, and the bound of what the recording kernel records, with tabs between. Of
    /// names with more after the kind ("interrupt: …", "fault: …") the largest bound counts.
    ///
    /// - Parameter isWhole: entries that were not measured come with 0.
    public mutating func setBounds(_ text: String, isWhole: Bool = false) {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "\t").map(String.init)
            guard parts.count >= 3, let bound = UInt64(parts[2]) else { continue }
            let name = EntryKind.group(parts[0])
            if isWhole && !entries.contains(where: { $0.entry == name }) {
                entries.append(EntryFigure(entry: name, measured: 0))
            }
            for index in entries.indices where entries[index].entry == name {
                entries[index].bound = max(entries[index].bound ?? 0, bound)
            }
        }
    }
    /// Takes the longest section of each entry of a further run.
    public mutating func noteLongest(_ others: [EntryFigure]) {
        for figure in others {
            if let index = entries.firstIndex(where: { $0.entry == figure.entry }) {
                entries[index].measured = max(entries[index].measured, figure.measured)
            } else {
                entries.append(figure)
            }
        }
    }
    /// The entries beside their bounds, the loosest bound first.
    public var entryLines: [String] {
        func ratio(_ figure: EntryFigure) -> Double {
            Double(figure.bound ?? 0) / max(Double(figure.measured), 0.1)
        }
        return [BenchReport.entryHead]
            + entries.sorted { (ratio($0), $1.entry) > (ratio($1), $0.entry) }.map(\.tableLine)
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
        if self == .scheduling { return "scheduling loop" }
        guard let method else { return "unknown" }
        return "invoke \(method)"
    }
    /// The kind that a line of the table of bounds is about.
    static func group(_ line: String) -> String {
        if line.hasPrefix("interrupt") { return "interrupt" }
        if line.hasPrefix("fault") || line.hasPrefix("floating-point") { return "fault" }
        return line.contains("unknown") ? "unknown" : line
    }
}
