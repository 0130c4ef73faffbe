// Several tasks write to one screen, and one of them may have a line under work there: a prompt,
// and what somebody types. Who writes meanwhile takes that line's place, and its owner shows it
// anew. That it must is a number that the owner compares with the one it knows, not an answer given
// once: an answer may come to a reader whose time-out was a moment earlier.
//
// A reader of the screen can tell whose a line is: each task's text starts on a line of its own,
// and a task that may not write as it likes has its number in front of each line. Its text cannot
// look like the log's or the shell's. A line that is longer than a row of 80 columns goes on in
// another, which has the number too: else the terminal would start the row.

/// What stands in the screen's last line. Tasks are numbers above 0.
public struct ScreenLine: Equatable, Sendable {
    /// The task whose line under work is the last on the screen; 0: nobody's.
    private var owner: UInt64 = 0
    /// The task that wrote last.
    private var writer: UInt64 = 0
    /// Whether the cursor stands at the start of a line that is empty.
    private var isAtStart = true
    /// Columns of a marked task's row that are taken, at most.
    private var column = 0
    /// Columns of a row, less than the narrowest terminal's.
    private static var columns: Int { 79 }
    /// How often a line under work was replaced.
    public private(set) var replacements: UInt64 = 0

    public init() {}

    /// Returns the most bytes that a write of `count` bytes sends. Before the text: a line is
    /// cleared or ended, and a mark. Two marked bytes may be a character and a line's end: then two
    /// bytes more and the next mark are sent. A mark has 7 bytes at most.
    public static func most(_ count: Int, isMarked: Bool) -> UInt64 {
        UInt64(4 + (isMarked ? 5 * count + 7 : count))
    }

    /// Takes a write by task `writer`, which belongs to a line under work or not, and sends what
    /// the screen needs for it.
    ///
    /// - Parameters:
    ///   - isMarked: the task's number stands before each line, and a line feed starts a line
    ///     without a carriage return.
    ///   - byte: returns byte 0 to `count` - 1.
    /// - Returns: whether the screen's last line was another's, and is cleared.
    /// - Complexity: O(bytes).
    public mutating func write(
        by writer: UInt64, isEdited: Bool, isMarked: Bool, count: Int, byte: (Int) -> UInt8,
        send: (UInt8) -> Void
    ) -> Bool {
        let isForeign = owner != 0 && owner != writer
        if isForeign {
            replacements &+= 1
            ScreenLine.clear(send)
            isAtStart = true
        } else if self.writer != writer && !isAtStart {
            newLine(send)
        }
        owner = isEdited ? writer : 0
        self.writer = writer
        for index in 0..<count {
            if isMarked { sendMarked(byte(index), send) } else { send(byte(index)) }
        }
        if !isMarked && count > 0 { isAtStart = byte(count - 1) == 10 }
        return isForeign
    }

    private mutating func sendMarked(_ byte: UInt8, _ send: (UInt8) -> Void) {
        if byte == 13 { return }
        if byte == 10 { return newLine(send) }
        // Of a character in UTF-8 the first byte counts, for the two columns that it may take.
        let width = byte < 0x80 ? 1 : byte < 0xc0 ? 0 : 2
        if !isAtStart && column + width > ScreenLine.columns { newLine(send) }
        if isAtStart { mark(send) }
        isAtStart = false
        column += width
        send(byte)
    }

    private mutating func newLine(_ send: (UInt8) -> Void) {
        send(13)
        send(10)
        isAtStart = true
    }

    /// The writer's number, and a sign that starts no line of the log, the shell or the kernel.
    private mutating func mark(_ send: (UInt8) -> Void) {
        column = 2
        var power: UInt64 = 1
        while writer / power >= 10 { power *= 10 }
        while power > 0 {
            send(UInt8(truncatingIfNeeded: 48 + writer / power % 10))
            column += 1
            power /= 10
        }
        send(UInt8(ascii: "|"))
        send(UInt8(ascii: " "))
    }

    /// Back to the start of the line, and clear it (ECMA-48, CR and EL).
    private static func clear(_ send: (UInt8) -> Void) {
        let bytes: StaticString = "\r\u{1b}[K"
        // Safety: the index stays below the literal's length.
        for index in 0..<bytes.utf8CodeUnitCount { send(unsafe bytes.utf8Start[index]) }
    }
}
