// The table of the bounds, and what it says against the goals.

public struct BoundReport {
    /// The longest first.
    public let bounds: [EntryBound]
    /// How an interrupt resumes the most urgent thread; the longest path first.
    public let wakes: [EntryBound]
    /// The kernel lock; nil with one core.
    private let lock: LockBound?
    private let goals: KernelGoals
    public init(
        _ bounds: [EntryBound], wakes: [EntryBound], lock: LockBound? = nil,
        goals: KernelGoals = .oneCore
    ) {
        self.bounds = bounds
        self.wakes = wakes
        self.lock = lock
        self.goals = goals
    }

    /// All rows of the table.
    public var rows: [EntryBound] { bounds + wakes + (lock?.wakes ?? []) }

    public var longestMasked: EntryBound? { bounds.first }
    /// How long the most urgent thread waits at most: a section of its own core has just begun when
    /// its interrupt comes. Or another core takes the lock while this one, which has just released
    /// it, is on its way out of the kernel: that core holds it for a whole section.
    public var longestWait: Int { max(ownWait, otherWait) }
    private var ownWait: Int { length(longestMasked) + length(wakes.first) }
    private var otherWait: Int {
        guard let lock else { return 0 }
        return lock.passing + length(lock.held) + length(lock.wakes.first)
    }
    private func length(_ bound: EntryBound?) -> Int { bound?.path.length ?? 0 }

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

    private var wait: [String] {
        func term(_ bound: EntryBound?) -> String { "\(bound?.name ?? "none") \(length(bound))" }
        let own = term(longestMasked) + " + " + term(wakes.first)
        guard let lock else { return ["longest wait \(ownWait): " + own] }
        let other = term(lock.held) + " + \(lock.terms) + " + term(lock.wakes.first)
        return [
            "longest wait for the own core \(ownWait): " + own,
            "longest wait for another core \(otherWait): " + other,
        ]
    }

    public var table: [String] {
        let width = rows.map(\.name.count).max() ?? 0
        return rows.map { bound in
            let number = String(bound.path.length)
            return String(repeating: " ", count: max(0, 8 - number.count)) + number + "  "
                + bound.name
                + String(repeating: " ", count: width - bound.name.count) + "  " + bound.path.spine
        } + wait
    }

    /// For docs/realtime.md.
    public var markdown: [String] {
        ["| entry | longest masked section | most of it |", "|---|---|---|"]
            + rows.map { "| \($0.name) | \($0.path.length) | \($0.path.spine) |" }
            + [""] + wait
    }
}

/// What the kernel lock adds.
public struct LockBound {
    /// The longest section in which a core holds it.
    public var held: EntryBound?
    /// From its release to the next holder's grant.
    public var handOver: Int
    /// The longest round of a core that waits. The grant may come at its beginning.
    public var round: Int
    /// How an interrupt resumes the most urgent thread of a core that waited; the longest path
    /// first.
    public var wakes: [EntryBound]
    public init(held: EntryBound?, handOver: Int, round: Int, wakes: [EntryBound]) {
        self.held = held
        self.handOver = handOver
        self.round = round
        self.wakes = wakes
    }

    /// The lock is passed to the other core and back, and each has just looked for its grant.
    var passing: Int { 2 * (handOver + round) }
    var terms: String {
        "2 hand-overs of the lock \(2 * handOver) + 2 rounds of waiting \(2 * round)"
    }
}
