// The table of the bounds, and what it says against the goals.

public struct BoundReport {
    /// The longest first.
    public let bounds: [EntryBound]
    /// How an interrupt resumes the most urgent thread; the longest path first.
    public let wakes: [EntryBound]
    public init(_ bounds: [EntryBound], wakes: [EntryBound]) {
        self.bounds = bounds
        self.wakes = wakes
    }

    public var longestMasked: EntryBound? { bounds.first }
    /// How long the most urgent thread waits at most: a masked section has just begun when its
    /// interrupt comes.
    public var longestWait: Int {
        (longestMasked?.path.length ?? 0) + (wakes.first?.path.length ?? 0)
    }

    /// What exceeds a goal.
    public var excesses: [String] {
        var excesses: [String] = []
        let long = bounds.filter { $0.path.length > KernelGoals.longestMasked }
        if !long.isEmpty {
            excesses.append(
                "\(long.count) of \(bounds.count) entries exceed "
                    + "\(KernelGoals.longestMasked) instructions")
        }
        if longestWait > KernelGoals.longestWait {
            excesses.append(
                "the wait of \(longestWait) instructions exceeds \(KernelGoals.longestWait)")
        }
        return excesses
    }

    /// Entry, bound, and the bound of what a recording kernel records, with tabs between.
    public func list(beside recorded: BoundReport) -> String {
        let lengths = Dictionary(
            recorded.bounds.map { ($0.name, $0.path.length) }, uniquingKeysWith: max)
        return bounds.map { bound in
            let second = lengths[bound.name].map { "\t\($0)" } ?? ""
            return "\(bound.name)\t\(bound.path.length)\(second)\n"
        }.joined()
    }

    private var wait: String {
        "longest wait \(longestWait): "
            + "\(longestMasked?.name ?? "none") \(longestMasked?.path.length ?? 0)"
            + " + \(wakes.first?.name ?? "none") \(wakes.first?.path.length ?? 0)"
    }

    public var table: [String] {
        let width = (bounds + wakes).map(\.name.count).max() ?? 0
        return (bounds + wakes).map { bound in
            let number = String(bound.path.length)
            return String(repeating: " ", count: max(0, 8 - number.count)) + number + "  "
                + bound.name
                + String(repeating: " ", count: width - bound.name.count) + "  " + bound.path.spine
        } + [wait]
    }

    /// For docs/realtime.md.
    public var markdown: [String] {
        ["| entry | longest masked section | most of it |", "|---|---|---|"]
            + (bounds + wakes).map { "| \($0.name) | \($0.path.length) | \($0.path.spine) |" } + [
                "", wait,
            ]
    }
}
