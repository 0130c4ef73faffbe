// The log's memory: the last lines, in entries of 128 bytes that survive a restart of the log task.
//
// An entry's sequence number is written last, and the ring is found again by scanning for the
// largest; so a log task that dies in the middle of a line loses that line and no other.

/// One line, at most `LogEntry.maximumLength` bytes.
public struct LogEntry: Equatable, Sendable {
    /// Counts from 1.
    public var sequence: UInt64
    /// Microseconds since the counter started.
    public var microseconds: UInt64
    public var task: UInt16
    public var text: [UInt8]
    public static let maximumLength = 104
}

/// A ring of entries in memory that somebody else owns.
///
/// Invariant: an entry whose first word is s > 0 holds line s and lies at index (s − 1) modulo
/// `entryCount`.
@safe public struct LogRing {
    private let words: UnsafeMutableBufferPointer<UInt64>
    public let entryCount: Int
    /// The sequence number that the next line gets.
    public private(set) var next: UInt64 = 1

    static let entryWords = 16
    private static let textWord = 3

    /// Takes up a ring in `memory`, which holds zeros or what an earlier ring left. Needs at least
    /// 128 bytes.
    /// - Complexity: O(entries).
    public init(memory: UnsafeMutableBufferPointer<UInt64>) {
        unsafe words = memory
        entryCount = memory.count / LogRing.entryWords
        for index in 0..<entryCount {
            let sequence = word(index, 0)
            if sequence == 0 { continue }
            let place = Int(truncatingIfNeeded: (sequence - 1) % UInt64(entryCount))
            if sequence < 1 << 48 && place == index {
                next = max(next, sequence + 1)
            } else {
                setWord(index, 0, 0)
            }
        }
    }

    private func word(_ entry: Int, _ offset: Int) -> UInt64 {
        // Safety: callers keep entry below entryCount and offset below entryWords.
        unsafe words[entry * LogRing.entryWords + offset]
    }
    private func setWord(_ entry: Int, _ offset: Int, _ value: UInt64) {
        // Safety: as in `word`.
        unsafe words[entry * LogRing.entryWords + offset] = value
    }

    /// The oldest line that is still there.
    public var first: UInt64 { next > UInt64(entryCount) ? next - UInt64(entryCount) : 1 }

    /// Adds a line; what passes the maximum length is cut off.
    /// - Precondition: the text is printable (`PrintableText`).
    /// - Complexity: O(length).
    @discardableResult
    public mutating func add(task: UInt16, microseconds: UInt64, text: Span<UInt8>) -> UInt64 {
        if entryCount == 0 { return 0 }
        let index = Int(truncatingIfNeeded: (next - 1) % UInt64(entryCount))
        let length = min(text.count, LogEntry.maximumLength)
        setWord(index, 0, 0)
        setWord(index, 1, microseconds)
        setWord(index, 2, UInt64(task) | UInt64(length) << 16)
        var packed: UInt64 = 0
        for position in 0..<length {
            packed |= UInt64(text[position]) << UInt64(position % 8 * 8)
            if position % 8 == 7 || position == length - 1 {
                setWord(index, LogRing.textWord + position / 8, packed)
                packed = 0
            }
        }
        setWord(index, 0, next)
        next += 1
        return next - 1
    }

    /// Line `sequence`; nil when it was never written, is overwritten, or is damaged.
    public func entry(_ sequence: UInt64) -> LogEntry? {
        if entryCount == 0 || sequence == 0 { return nil }
        let index = Int(truncatingIfNeeded: (sequence - 1) % UInt64(entryCount))
        if word(index, 0) != sequence { return nil }
        let length = Int(truncatingIfNeeded: word(index, 2) >> 16 & 0xffff)
        if length > LogEntry.maximumLength { return nil }
        var text: [UInt8] = []
        for position in 0..<length {
            let packed = word(index, LogRing.textWord + position / 8)
            text.append(UInt8(truncatingIfNeeded: packed >> UInt64(position % 8 * 8)))
        }
        let task = UInt16(truncatingIfNeeded: word(index, 2))
        return LogEntry(sequence: sequence, microseconds: word(index, 1), task: task, text: text)
    }
}
