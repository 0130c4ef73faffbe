// Text on its way to the kernel's console, and the blocks that docs/reference/benchmark-format.md
// describes.

import BenchmarkStatistics
import KernelABI
import UserRuntime

/// Up to 512 bytes, gathered so that a line is few system calls; more is flushed by whoever prints.
struct OutputLine {
    private var bytes = InlineArray<512, UInt8>(repeating: 0)
    private var count = 0

    mutating func append(_ byte: UInt8) {
        if count < 512 {
            bytes[count] = byte
            count += 1
        }
    }
    mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(unsafe text.utf8Start[index]) }
    }
    mutating func append(_ name: RowName) {
        for index in 0..<name.count { append(name[index]) }
    }
    /// Decimal, with leading zeros up to `digits`.
    mutating func append(_ value: UInt64, digits: Int = 1) {
        var divisor: UInt64 = 1
        var width = 1
        while value / divisor >= 10 {
            divisor *= 10
            width += 1
        }
        while width < digits {
            append(UInt8(ascii: "0"))
            width += 1
        }
        while divisor > 0 {
            append(UInt8(48 + value / divisor % 10))
            divisor /= 10
        }
    }
    /// Decimal, with blanks before it up to `columns`.
    mutating func append(_ value: UInt64, columns: Int) {
        var bound: UInt64 = 10
        for width in 1..<columns {
            if value < bound { for _ in 0..<(columns - width) { append(UInt8(ascii: " ")) } }
            if value < bound { break }
            bound *= 10
        }
        append(value)
    }
    /// Text, with blanks behind it up to `columns`.
    mutating func append(_ name: RowName, columns: Int) {
        append(name)
        for _ in 0..<max(0, columns - name.count) { append(UInt8(ascii: " ")) }
    }
    /// cyclictest's way of labelling a figure.
    mutating func append(_ label: StaticString, _ value: UInt64, digits: Int) {
        append(label)
        append(value, digits: digits)
        append("\n")
    }
    mutating func flush(_ console: SystemControl) {
        unsafe withUnsafeBytes(of: &bytes) {
            unsafe console.write(UnsafeRawBufferPointer(rebasing: $0[0..<count]))
        }
        count = 0
    }
}

/// What the last lines show. Rows are made by methods that do not change the benchmark.
private nonisolated(unsafe) var digest = Digest()

extension Bench {
    /// A line that belongs to no row.
    func note(_ text: StaticString, _ value: UInt64? = nil, _ suffix: StaticString = "") {
        var line = OutputLine()
        line.append("# ")
        line.append(text)
        if let value { line.append(value) }
        line.append(suffix)
        line.append("\n")
        line.flush(console)
    }

    /// The longest masked path of an entry.
    func noteEntry(_ index: UInt64, _ label: StaticString, _ length: UInt64) {
        var line = OutputLine()
        line.append("# Longest of entry ")
        line.append(index)
        line.append(label, length, digits: 5)
        line.flush(console)
    }

    /// The longest masked path of the row, where the kernel records it; the next row begins
    /// without one.
    private func appendMasked(_ text: inout OutputLine) {
        let masked = MaskedPath.ofRow
        if masked.length == 0 { return }
        text.append("# Longest Masked: ", masked.length, digits: 5)
        if clock.unit.hasGoals {
            text.append("# Longest Masked Goal: ", RowName.maskedGoal, digits: 5)
        }
        text.append("# Longest Masked Call: ", masked.control, digits: 1)
        text.append("# Longest Masked Place: ", masked.place, digits: 1)
        masked.clear()
    }

    /// The last lines: how many rows keep their goals, and those that stand for the kernel.
    func summarize() {
        let digest = unsafe digest
        var text = OutputLine()
        text.append("# Summary: rows ")
        text.append(digest.rows)
        text.append(", goals kept ")
        text.append(digest.goalsKept)
        text.append(", goals missed ")
        text.append(digest.goalsMissed)
        text.append("\n# ")
        text.append(RowName("row"), columns: 38)
        text.append("       min       avg       max      goal\n")
        for index in 0..<digest.count {
            let row = digest[index]
            text.append("# ")
            text.append(row.name, columns: 38)
            text.append(row.minimum, columns: 10)
            text.append(row.average, columns: 10)
            text.append(row.maximum, columns: 10)
            if let goal = row.goal {
                text.append(goal, columns: 10)
            } else {
                text.append("         -")
            }
            text.append(" ")
            text.append(row.unit)
            text.append("\n")
            text.flush(console)
        }
        text.flush(console)
    }

    /// One row: the histogram, what is read off it, and whether the maximum keeps the goal.
    func report(_ name: RowName, unit: Unit, _ histogram: borrowing Histogram) {
        let name = coreCount == 1 ? name : name.on(cores: coreCount)
        let goal = unit.hasGoals ? name.goal : nil
        // Safety: only the main thread makes rows.
        unsafe digest.add(name, histogram, goal: goal, unit: unit.name)
        var text = OutputLine()
        // The console's load may stand in the middle of a line.
        text.append("\n# Row: ")
        text.append(name)
        text.append("\n# Unit: ")
        text.append(unit.name)
        text.append(unit.source)
        text.append("\n# Goal: ")
        if let goal {
            text.append(goal)
            text.append(histogram.keeps(goal) ? " kept" : " missed")
        } else {
            text.append("-")
        }
        text.append("\n# Histogram\n")
        for bucket in 0..<Histogram.buckets where histogram.count(bucket) > 0 {
            text.append(UInt64(bucket), digits: 6)
            text.append(" ")
            text.append(histogram.count(bucket), digits: 6)
            text.append("\n")
            text.flush(console)
        }
        text.append("# Total: ", histogram.total, digits: 9)
        text.append("# Min Latencies: ", histogram.total == 0 ? 0 : histogram.minimum, digits: 5)
        text.append("# Avg Latencies: ", histogram.average, digits: 5)
        text.append("# Max Latencies: ", histogram.maximum, digits: 5)
        text.append("# Percentiles: 50=")
        text.append(histogram.percentile(50_000))
        text.append(" 90=")
        text.append(histogram.percentile(90_000))
        text.append(" 99=")
        text.append(histogram.percentile(99_000))
        text.append(" 99.9=")
        text.append(histogram.percentile(99_900))
        text.append(" 99.99=")
        text.append(histogram.percentile(99_990))
        text.append("\n")
        text.append("# Histogram Overflows: ", histogram.overflows, digits: 5)
        text.flush(console)
        appendMasked(&text)
        text.append("# Missed Cycles: ", histogram.missed, digits: 5)
        text.flush(console)
    }
}
