// The shell's line editor: bytes from a terminal in, a line and the bytes for the terminal's
// display out. All buffers are bounded; whatever comes in, the editor stays in a state from which
// Enter gives a line.
//
// Keys: arrows, Home, End, Delete, Backspace, ^A ^E (start, end), ^B ^F ^P ^N (arrows),
// ^U (delete to the start), ^K (to the end), ^W (the word before), ^L (redraw), ^C (drop the line),
// ^D (delete; end on an empty line).
//
// Text is UTF-8. The cursor moves by characters, each with the marks behind it, and over as many
// columns as they take. Bytes that are no character become U+FFFD, so that what was typed is never
// shorter than what is run.

/// What a byte completed.
public enum LineEvent: Equatable, Sendable {
    /// Enter: the line is in `LineEditor.line` until the next byte.
    case line
    /// ^C: the line was dropped.
    case interrupted
    /// ^D on an empty line.
    case end
}

/// A line under work.
///
/// Invariant: after every byte `cursor ≤ line.count ≤ limit`, the line is well-formed UTF-8 that
/// starts with no mark, and the cursor stands at its end or before a character that takes a column.
public struct LineEditor: Sendable {
    public private(set) var line: [UInt8] = []
    /// Bytes before the cursor.
    public private(set) var cursor = 0
    /// Longest line in bytes.
    public let limit: Int
    /// Bytes of the line's end that did not fit. Enter does not give such a line, which would be
    /// another one than was typed; the next deletion makes it a line of the user's own again.
    private var cutBytes = 0
    private let prompt: [UInt8]
    private var history: History
    private var escape = EscapeState.none
    private var characters = CharacterInput()
    private var finished = false
    private var lastWasReturn = false

    public init(prompt: [UInt8], limit: Int = 250, historyLimit: Int = 32) {
        self.prompt = prompt
        self.limit = limit
        history = History(limit: historyLimit)
    }

    /// Starts an empty line and shows the prompt.
    public mutating func begin(_ out: inout [UInt8]) {
        line.removeAll(keepingCapacity: true)
        cursor = 0
        cutBytes = 0
        finished = false
        escape = .none
        out.append(contentsOf: prompt)
    }

    /// Shows the prompt and the line again, as after output of something else.
    public func redraw(_ out: inout [UInt8]) {
        out.append(13)
        out.append(contentsOf: prompt)
        out.append(contentsOf: line)
        LineEditor.clearToEnd(&out)
        LineEditor.left(over: line[cursor...], &out)
    }

    /// Takes one byte. - Complexity: O(limit).
    public mutating func feed(_ byte: UInt8, _ out: inout [UInt8]) -> LineEvent? {
        let wasReturn = lastWasReturn
        lastWasReturn = byte == 13
        // The second half of CR LF.
        if byte == 10 && wasReturn { return nil }
        if finished { begin(&out) }
        if characters.isBroken(by: byte) { insert(CharacterInput.replacement, &out) }
        if let key = escape.take(byte) {
            act(key, &out)
            return nil
        }
        if escape != .none { return nil }
        switch byte {
        case 13, 10: return cutBytes > 0 ? refuse(&out) : finish(.line, &out)
        case 3:
            out.append(contentsOf: [0x5e, 0x43])
            return finish(.interrupted, &out)
        case 4:
            if line.isEmpty { return finish(.end, &out) }
            act(.delete, &out)
        default:
            if let key = EditKey(control: byte) {
                act(key, &out)
            } else if byte != 27, let scalar = characters.take(byte) {
                insert(scalar, &out)
            }
        }
        return nil
    }

    private mutating func finish(_ event: LineEvent, _ out: inout [UInt8]) -> LineEvent {
        LineEditor.newLine(&out)
        if event == .line { history.add(line) } else { line.removeAll(keepingCapacity: true) }
        history.rewind()
        cursor = 0
        finished = true
        return event
    }

    /// Says that the line is too long, and shows it again.
    private func refuse(_ out: inout [UInt8]) -> LineEvent? {
        LineEditor.newLine(&out)
        var text = Text("the line has ")
        text.decimal(UInt64(line.count + cutBytes))
        text.add(" bytes, and at most ")
        text.decimal(UInt64(limit))
        text.add(" fit: nothing was run; shorten the line, or drop it with ^C")
        text.newLine()
        out.append(contentsOf: text.bytes)
        redraw(&out)
        return nil
    }

    private mutating func insert(_ scalar: UInt32, _ out: inout [UInt8]) {
        // A mark at the start would stand over the prompt.
        let isMark = CharacterWidth.columns(of: scalar) == 0
        if CharacterWidth.isControl(scalar) || (isMark && cursor == 0) {
            return out.append(LineEditor.bell)
        }
        let bytes = CharacterInput.bytes(of: scalar)
        if cutBytes > 0 || line.count + bytes.count > limit {
            cutBytes += bytes.count
            return out.append(LineEditor.bell)
        }
        let start = cursor
        line.insert(contentsOf: bytes, at: start)
        cursor += bytes.count
        out.append(contentsOf: line[start...])
        LineEditor.left(over: line[cursor...], &out)
    }

    private mutating func act(_ key: EditKey, _ out: inout [UInt8]) {
        switch key {
        case .left: move(to: character(before: cursor), &out)
        case .right: move(to: character(after: cursor), &out)
        case .start: move(to: 0, &out)
        case .end: move(to: line.count, &out)
        case .backspace: remove(from: character(before: cursor), to: cursor, &out)
        case .delete: remove(from: cursor, to: character(after: cursor), &out)
        case .deleteToStart: remove(from: 0, to: cursor, &out)
        case .deleteToEnd: remove(from: cursor, to: line.count, &out)
        case .deleteWord: remove(from: startOfWord, to: cursor, &out)
        // Of a line that was cut, the history could not give back what is missing.
        case .up, .down: if cutBytes > 0 { out.append(LineEditor.bell) } else { recall(key, &out) }
        case .redraw: redraw(&out)
        case .ignored: break
        }
    }

    private mutating func recall(_ key: EditKey, _ out: inout [UInt8]) {
        guard let other = key == .up ? history.earlier(than: line) : history.later() else { return }
        move(to: 0, &out)
        line = other
        cursor = line.count
        out.append(contentsOf: line)
        LineEditor.clearToEnd(&out)
    }

    private mutating func move(to target: Int, _ out: inout [UInt8]) {
        if target < cursor { LineEditor.left(over: line[target..<cursor], &out) }
        if target > cursor { out.append(contentsOf: line[cursor..<target]) }
        cursor = target
    }

    private mutating func remove(from start: Int, to end: Int, _ out: inout [UInt8]) {
        if start == end { return }
        move(to: start, &out)
        line.removeSubrange(start..<end)
        cutBytes = 0
        out.append(contentsOf: line[start...])
        LineEditor.clearToEnd(&out)
        LineEditor.left(over: line[start...], &out)
    }
}

// Characters of the line: places are numbers of bytes.
extension LineEditor {
    /// Where the scalar that starts at a place ends.
    private func end(of start: Int) -> Int {
        var end = start + 1
        while end < line.count && line[end] & 0xc0 == 0x80 { end += 1 }
        return end
    }
    private func columns(at start: Int) -> Int {
        CharacterWidth.columns(of: line[start..<end(of: start)])
    }

    /// Start of the character before a place, with the marks behind it; the line's start before it.
    private func character(before place: Int) -> Int {
        var start = place
        while start > 0 {
            start -= 1
            if line[start] & 0xc0 != 0x80 && columns(at: start) > 0 { break }
        }
        return start
    }
    /// End of the character at a place, with the marks behind it; the line's end behind it.
    private func character(after place: Int) -> Int {
        if place == line.count { return place }
        var end = end(of: place)
        while end < line.count, columns(at: end) == 0 { end = self.end(of: end) }
        return end
    }

    private var startOfWord: Int {
        var start = cursor
        while start > 0, line[character(before: start)] == 32 { start = character(before: start) }
        while start > 0, line[character(before: start)] != 32 { start = character(before: start) }
        return start
    }
}

// What the terminal is told.
extension LineEditor {
    private static var bell: UInt8 { 7 }

    private static func left(over text: ArraySlice<UInt8>, _ out: inout [UInt8]) {
        for _ in 0..<CharacterWidth.columns(of: text) { out.append(8) }
    }
    private static func newLine(_ out: inout [UInt8]) { out.append(contentsOf: [13, 10]) }
    private static func clearToEnd(_ out: inout [UInt8]) {
        out.append(contentsOf: [27, 0x5b, 0x4b])
    }
}
