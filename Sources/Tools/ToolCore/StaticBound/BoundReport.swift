// The table of the bounds, and what it says against the goals.

public struct BoundReport {
    /// The longest first.
    public let bounds: [EntryBound]
    /// How an interrupt resumes the most urgent thread; the longest path first.
    public let wakes: [EntryBound]
    /// How long the kernel lock takes from its release to the next holder; 0 with one core.
    public let handOver: Int
    private let goals: KernelGoals
    public init(
        _ bounds: [EntryBound], wakes: [EntryBound], handOver: Int = 0,
        goals: KernelGoals = .oneCore
    ) {
        self.bounds = bounds
        self.wakes = wakes
        self.handOver = handOver
        self.goals = goals
    }

    public var longestMasked: EntryBound? { bounds.first }
    /// How long the most urgent thread waits at most: a masked section has just begun when its
    /// interrupt comes, with several cores perhaps on another one.
    public var longestWait: Int {
        (longestMasked?.path.length ?? 0) + handOver + (wakes.first?.path.length ?? 0)
    }

    /// What exceeds a goal.
    public var excesses: [String] {
        var excesses: [String] = []
        let long = bounds.filter { $0.path.length > goals.longestMasked }
        if !long.isEmpty {
            excesses.append(
                "\(long.count) of \(bounds.count) entries exceed "
                    + "\(goals.longestMasked) instructions")
        }
        if longestWait > goals.longestWait {
            excesses.append(
                "the wait of \(longestWait) instructions exceeds \(goals.longestWait)")
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
            + (handOver > 0 ? " + hand-over of the lock \(handOver)" : "")
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
