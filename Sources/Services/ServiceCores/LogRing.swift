// The log's memory: the last lines, in entries of 256 bytes that survive a restart of the log task.
//
// Where all entries are taken, the task with the most lines gives its oldest one. So a task that
// writes without end overwrites its own lines once it has the most, and the history of the others
// stays: no task loses a line while it has no more than its share, the entries divided by the tasks
// that write.
//
// An entry's sequence number is cleared first and written last, and the ring is found again by
// scanning for the largest; so a log task that dies in the middle of a line loses that line and no
// other. That needs the order of the stores, which fences keep in the compiled code. The processor
// needs none: a task ends at an exception, where all its stores before it have happened and none
// behind it, and the kernel's lock hands them to the core on which its next life reads.

import Protocols
import Synchronization

/// One line, at most `LogEntry.maximumLength` bytes.
public struct LogEntry: Equatable, Sendable {
    /// Counts from 1.
    public var sequence: UInt64
    /// Microseconds since the counter started.
    public var microseconds: UInt64
    public var task: UInt16
    public var level: LogLevel
    public var text: [UInt8]
    public static var maximumLength: Int { Line.capacity }
}

/// Entries in memory that somebody else owns.
///
/// Words of an entry: its sequence number, above it the layout's version · microseconds · task,
/// length << 16, level << 32 · text.
///
/// Invariant: an entry whose first word has this version and s > 0 holds line s; no two hold one
/// line. Each entry is in one queue: of its line's task, or of the free ones.
@safe public struct LogRing {
    private let words: UnsafeMutableBufferPointer<UInt64>
    public let entryCount: Int
    /// The sequence number that the next line gets.
    public private(set) var next: UInt64 = 1
    /// Entries, the oldest first.
    private struct Queue {
        var first = 0
        var last = 0
        var count = 0
    }
    /// One for each task, and before the last one for all tasks without a number of their own. The
    /// last has the free entries.
    private var queues = [Queue](repeating: Queue(), count: Manifest.maximumTasks + 3)
    /// For each entry the next one of its queue.
    private var following: [Int]

    static let entryWords = 32
    /// Of an entry's layout. Entries of another one are free.
    private static let version: UInt64 = 2
    private static let versionShift: UInt64 = 48
    private static let textWord = 3

    /// Takes up a ring in `memory`, which holds zeros or what an earlier ring left. Needs at least
    /// 256 bytes.
    /// - Complexity: O(n log n) in the entries.
    public init(memory: UnsafeMutableBufferPointer<UInt64>) {
        unsafe words = memory
        entryCount = memory.count / LogRing.entryWords
        following = [Int](repeating: 0, count: entryCount)
        var taken: [Int] = []
        for index in 0..<entryCount {
            if let sequence = sequence(index) {
                next = max(next, sequence + 1)
                taken.append(index)
            } else {
                setSequence(index, nil)
                append(index, to: free)
            }
        }
        taken.sort { word($0, 0) < word($1, 0) }
        for index in taken { append(index, to: owner(index)) }
    }

    // Queues

    private var free: Int { queues.count - 1 }
    private func queue(of task: UInt16) -> Int { min(Int(task), queues.count - 2) }
    private func owner(_ entry: Int) -> Int {
        queue(of: UInt16(truncatingIfNeeded: word(entry, 2)))
    }
    private mutating func append(_ entry: Int, to number: Int) {
        if queues[number].count == 0 {
            queues[number].first = entry
        } else {
            following[queues[number].last] = entry
        }
        queues[number].last = entry
        queues[number].count += 1
    }
    private mutating func removeFirst(of number: Int) -> Int {
        let entry = queues[number].first
        queues[number].first = following[entry]
        queues[number].count -= 1
        return entry
    }

    // Words

    private func word(_ entry: Int, _ offset: Int) -> UInt64 {
        // Safety: callers keep entry below entryCount and offset below entryWords.
        unsafe words[entry * LogRing.entryWords + offset]
    }
    private func setWord(_ entry: Int, _ offset: Int, _ value: UInt64) {
        // Safety: as in `word`.
        unsafe words[entry * LogRing.entryWords + offset] = value
    }

    /// The sequence number of an entry's line; nil: it holds none.
    private func sequence(_ entry: Int) -> UInt64? {
        let word = word(entry, 0)
        let sequence = word & (1 << LogRing.versionShift - 1)
        return word >> LogRing.versionShift == LogRing.version && sequence > 0 ? sequence : nil
    }
    /// Behind all stores before it, and before all behind it.
    private func setSequence(_ entry: Int, _ sequence: UInt64?) {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        setWord(entry, 0, sequence.map { $0 | LogRing.version << LogRing.versionShift } ?? 0)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    // Lines

    /// Adds a line; what passes the maximum length is cut off.
    /// - Precondition: the text is printable (`PrintableText`).
    /// - Complexity: O(length + tasks).
    @discardableResult
    public mutating func add(
        task: UInt16, microseconds: UInt64, level: LogLevel = .notice, text: Span<UInt8>
    ) -> UInt64 {
        if entryCount == 0 { return 0 }
        let writer = queue(of: task)
        let index = removeFirst(of: queues[free].count > 0 ? free : giver(for: writer))
        let length = min(text.count, LogEntry.maximumLength)
        setSequence(index, nil)
        setWord(index, 1, microseconds)
        setWord(index, 2, UInt64(task) | UInt64(length) << 16 | UInt64(level.rawValue) << 32)
        append(index, to: writer)
        var packed: UInt64 = 0
        for position in 0..<length {
            packed |= UInt64(text[position]) << UInt64(position % 8 * 8)
            if position % 8 == 7 || position == length - 1 {
                setWord(index, LogRing.textWord + position / 8, packed)
                packed = 0
            }
        }
        setSequence(index, next)
        next += 1
        return next - 1
    }

    /// The task with the most lines: the writer itself if no task has more.
    private func giver(for writer: Int) -> Int {
        var giver = writer
        for task in 0..<free where queues[task].count > queues[giver].count { giver = task }
        return giver
    }

    /// The first line from `sequence` on that is there; nil where there is none. Damaged ones are
    /// left out.
    /// - Complexity: O(entries).
    public func entry(from sequence: UInt64) -> LogEntry? {
        var found: (index: Int, sequence: UInt64)?
        for index in 0..<entryCount {
            guard let other = self.sequence(index), other >= sequence,
                other < found?.sequence ?? .max
            else { continue }
            if length(index) <= LogEntry.maximumLength { found = (index, other) }
        }
        return found.map { entry(at: $0.index) }
    }

    private func length(_ index: Int) -> Int {
        Int(truncatingIfNeeded: word(index, 2) >> 16 & 0xffff)
    }

    private func entry(at index: Int) -> LogEntry {
        var text: [UInt8] = []
        for position in 0..<length(index) {
            let packed = word(index, LogRing.textWord + position / 8)
            text.append(UInt8(truncatingIfNeeded: packed >> UInt64(position % 8 * 8)))
        }
        let level = LogLevel(rawValue: UInt8(truncatingIfNeeded: word(index, 2) >> 32))
        return LogEntry(
            sequence: sequence(index) ?? 0, microseconds: word(index, 1),
            task: UInt16(truncatingIfNeeded: word(index, 2)), level: level ?? .notice, text: text)
    }
}
