// The shell's line editor: bytes from a terminal in, a line and the bytes for the terminal's display out. All buffers are
// bounded; whatever comes in, the editor stays in a state from which Enter gives a line.
//
// Keys: arrows, Home, End, Delete, Backspace, ^A ^E (start, end), ^B ^F ^P ^N (arrows), ^U (delete to the start),
// ^K (to the end), ^W (the word before), ^L (redraw), ^C (drop the line), ^D (delete; end on an empty line).

/// What a byte completed.
public enum LineEvent: Equatable, Sendable {
    /// Enter: the line is in `LineEditor.line` until the next byte.
    case line
    /// ^C: the line was dropped.
    case interrupted
    /// ^D on an empty line.
    case end
}

/// A line under work. `cursor ≤ line.count ≤ limit` holds after every byte.
public struct LineEditor: Sendable {
    public private(set) var line: [UInt8] = []
    public private(set) var cursor = 0
    /// Longest line in bytes.
    public let limit: Int
    private let prompt: [UInt8]
    private var history: History
    private var escape = EscapeState.none
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
        LineEditor.left(line.count - cursor, &out)
    }

    /// Takes one byte. - Complexity: O(limit).
    public mutating func feed(_ byte: UInt8, _ out: inout [UInt8]) -> LineEvent? {
        let wasReturn = lastWasReturn
        lastWasReturn = byte == 13
        // The second half of CR LF.
        if byte == 10 && wasReturn { return nil }
        if finished { begin(&out) }
        if let key = escape.take(byte) {
            act(key, &out)
            return nil
        }
        if escape != .none { return nil }
        switch byte {
        case 13, 10: return finish(.line, &out)
        case 3:
            out.append(contentsOf: [0x5e, 0x43])
            return finish(.interrupted, &out)
        case 4:
            if line.isEmpty { return finish(.end, &out) }
            act(.delete, &out)
        case 32...126: insert(byte, &out)
        default:
            if let key = EditKey(control: byte) { act(key, &out) } else if byte != 27 { out.append(7) }
        }
        return nil
    }

    private mutating func finish(_ event: LineEvent, _ out: inout [UInt8]) -> LineEvent {
        out.append(13)
        out.append(10)
        if event == .line { history.add(line) } else { line.removeAll(keepingCapacity: true) }
        history.rewind()
        cursor = 0
        finished = true
        return event
    }

    private mutating func insert(_ byte: UInt8, _ out: inout [UInt8]) {
        if line.count >= limit {
            out.append(7)
            return
        }
        line.insert(byte, at: cursor)
        cursor += 1
        out.append(contentsOf: line[(cursor - 1)...])
        LineEditor.left(line.count - cursor, &out)
    }

    private mutating func act(_ key: EditKey, _ out: inout [UInt8]) {
        switch key {
        case .left: move(to: cursor - 1, &out)
        case .right: move(to: cursor + 1, &out)
        case .start: move(to: 0, &out)
        case .end: move(to: line.count, &out)
        case .backspace: if cursor > 0 { remove(from: cursor - 1, to: cursor, &out) }
        case .delete: if cursor < line.count { remove(from: cursor, to: cursor + 1, &out) }
        case .deleteToStart: remove(from: 0, to: cursor, &out)
        case .deleteToEnd: remove(from: cursor, to: line.count, &out)
        case .deleteWord: remove(from: startOfWord, to: cursor, &out)
        case .up: if let earlier = history.earlier(than: line) { replace(with: earlier, &out) }
        case .down: if let later = history.later() { replace(with: later, &out) }
        case .redraw: redraw(&out)
        case .ignored: break
        }
    }

    private var startOfWord: Int {
        var position = cursor
        while position > 0 && line[position - 1] == 32 { position -= 1 }
        while position > 0 && line[position - 1] != 32 { position -= 1 }
        return position
    }

    private mutating func move(to position: Int, _ out: inout [UInt8]) {
        let target = max(0, min(position, line.count))
        LineEditor.left(cursor - target, &out)
        if target > cursor { out.append(contentsOf: line[cursor..<target]) }
        cursor = target
    }

    private mutating func remove(from start: Int, to end: Int, _ out: inout [UInt8]) {
        if start == end { return }
        move(to: start, &out)
        line.removeSubrange(start..<end)
        out.append(contentsOf: line[start...])
        LineEditor.clearToEnd(&out)
        LineEditor.left(line.count - start, &out)
    }

    private mutating func replace(with text: [UInt8], _ out: inout [UInt8]) {
        move(to: 0, &out)
        line = text
        cursor = line.count
        out.append(contentsOf: line)
        LineEditor.clearToEnd(&out)
    }

    private static func left(_ count: Int, _ out: inout [UInt8]) {
        var remaining = count
        while remaining > 0 {
            out.append(8)
            remaining -= 1
        }
    }
    private static func clearToEnd(_ out: inout [UInt8]) { out.append(contentsOf: [27, 0x5b, 0x4b]) }
}
