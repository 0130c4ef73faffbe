// The rows that a run ends with: a few lines that matter, behind thousands of others.

/// A row in one line.
public struct DigestRow: Sendable {
    public var name = RowName("")
    public var minimum: UInt64 = 0
    public var average: UInt64 = 0
    public var maximum: UInt64 = 0
    /// nil where the project states none, or where none applies.
    public var goal: UInt64?
    /// What the figures count.
    public var unit: StaticString = ""

    public init() {}
}

/// Counts all rows and keeps up to eight: those that stand for the kernel, and then the first ones.
public struct Digest: Sendable {
    public static var capacity: Int { 8 }
    private var kept = InlineArray<8, DigestRow>(repeating: DigestRow())
    /// Rows that are kept, from index 0 on.
    public private(set) var count = 0
    /// How many of them stand for the kernel; they come first.
    private var headlines = 0
    public private(set) var rows: UInt64 = 0
    public private(set) var goalsKept: UInt64 = 0
    public private(set) var goalsMissed: UInt64 = 0

    public init() {}

    public subscript(index: Int) -> DigestRow { kept[index] }

    /// Takes a row's figures. - Parameter goal: nil where none applies.
    public mutating func add(
        _ name: RowName, _ histogram: borrowing Histogram, goal: UInt64?, unit: StaticString
    ) {
        rows += 1
        if let goal, histogram.keeps(goal) {
            goalsKept += 1
        } else if goal != nil {
            goalsMissed += 1
        }
        var row = DigestRow()
        row.name = name
        row.minimum = histogram.total == 0 ? 0 : histogram.minimum
        row.average = histogram.average
        row.maximum = histogram.maximum
        row.goal = goal
        row.unit = unit
        let place = name.isHeadline ? headlines : count
        if place == Digest.capacity { return }
        // The rows behind move by one, and the last of a full table is dropped.
        count = min(count + 1, Digest.capacity)
        for index in stride(from: count - 1, to: place, by: -1) { kept[index] = kept[index - 1] }
        kept[place] = row
        if name.isHeadline { headlines += 1 }
    }
}

extension RowName {
    /// Whether the row stands for the kernel: at most `Digest.capacity` rows do.
    var isHeadline: Bool {
        let names: InlineArray<8, StaticString> = [
            "system-call.null", "yield.other-address-space", "ipc.round-trip.words-0",
            "ipc.round-trip.words-120", "signal.higher-waiter-runs", "fault.to-handler",
            "interrupt.timer.to-driver.spinning", "interrupt.timer.to-driver.sleeping",
        ]
        for index in names.indices where self == RowName(names[index]) { return true }
        return false
    }
}
