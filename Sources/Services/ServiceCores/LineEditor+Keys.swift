// The line editor's keys, the escape sequences that terminals send for them, and the history.

enum EditKey: Equatable, Sendable {
    case left, right, up, down, start, end
    case backspace, delete, deleteToStart, deleteToEnd, deleteWord, redraw, ignored

    /// The key of a control byte.
    init?(control byte: UInt8) {
        switch byte {
        case 1: self = .start
        case 2: self = .left
        case 5: self = .end
        case 6: self = .right
        case 8, 127: self = .backspace
        case 11: self = .deleteToEnd
        case 12: self = .redraw
        case 14: self = .down
        case 16: self = .up
        case 21: self = .deleteToStart
        case 23: self = .deleteWord
        default: return nil
        }
    }

    /// The key of a sequence's last byte and number: `ESC [ number final`.
    init(final byte: UInt8, number: Int) {
        switch (byte, number) {
        case (0x41, _): self = .up
        case (0x42, _): self = .down
        case (0x43, _): self = .right
        case (0x44, _): self = .left
        case (0x48, _), (0x7e, 1), (0x7e, 7): self = .start
        case (0x46, _), (0x7e, 4), (0x7e, 8): self = .end
        case (0x7e, 3): self = .delete
        default: self = .ignored
        }
    }
}

/// Where in an escape sequence the input is.
enum EscapeState: Equatable, Sendable {
    case none
    case escape
    case sequence(number: Int)
    /// A string that a terminal sends as an answer (ECMA-48, 5.6: OSC, DCS, APC, PM, SOS): it ends
    /// with `ESC \` or a BEL.
    case string

    /// Takes a byte. Returns the key that it completes. If there is none and the state is `none`
    /// afterwards, the byte belongs to no sequence.
    mutating func take(_ byte: UInt8) -> EditKey? {
        switch self {
        case .none:
            if byte == 27 { self = .escape }
            return nil
        case .escape:
            if byte == 0x5b || byte == 0x4f {
                self = .sequence(number: 0)
                return nil
            }
            if byte == 27 { return nil }
            // ] P _ ^ X
            let startsString =
                byte == 0x5d || byte == 0x50 || byte == 0x5f || byte == 0x5e || byte == 0x58
            self = startsString ? .string : .none
            // A key that is sent behind an escape byte, such as Alt with a letter.
            return byte < 32 || byte >= 0x80 || startsString ? nil : .ignored
        case .string:
            // Enter and ^C belong to no string: whatever a terminal sends, the user gets out.
            if byte == 13 || byte == 10 || byte == 3 { self = .none }
            if byte == 27 { self = .escape }
            if byte != 7 { return nil }
            self = .none
            return .ignored
        case .sequence(let number):
            switch byte {
            case 0x30...0x39:
                self = .sequence(number: min(number * 10 + Int(byte) - 0x30, 999))
                return nil
            case 0x20...0x2f, 0x3a...0x3f: return nil
            case 0x40...0x7e:
                self = .none
                return EditKey(final: byte, number: number)
            case 27:
                self = .escape
                return nil
            default:
                self = .none
                return nil
            }
        }
    }
}

/// Lines of before, the newest last; at most `limit`.
struct History: Sendable {
    let limit: Int
    private var lines: [[UInt8]] = []
    /// How far back the user has gone; 0: not at all.
    private var depth = 0
    private var unfinished: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    /// Keeps a line, unless it is empty or the same as the last.
    mutating func add(_ line: [UInt8]) {
        if line.isEmpty || limit == 0 { return }
        if let last = lines.last, last == line { return }
        if lines.count == limit { lines.removeFirst() }
        lines.append(line)
    }

    mutating func rewind() {
        depth = 0
        unfinished = []
    }

    mutating func earlier(than line: [UInt8]) -> [UInt8]? {
        if depth == lines.count { return nil }
        if depth == 0 { unfinished = line }
        depth += 1
        return lines[lines.count - depth]
    }

    mutating func later() -> [UInt8]? {
        if depth == 0 { return nil }
        depth -= 1
        return depth == 0 ? unfinished : lines[lines.count - depth]
    }
}
