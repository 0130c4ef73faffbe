// Several tasks write to one screen, and one of them may have a line under work there: a prompt, and what somebody types. Who
// writes meanwhile takes that line's place; its owner is told, and shows it anew.

/// Whose line is under work. Tasks are numbers above 0.
public struct ScreenLine: Equatable, Sendable {
    /// The task whose line is the last on the screen; 0: nobody's.
    private var owner: UInt64 = 0
    /// The task whose line went, and that was not told yet; 0: none.
    private var disturbed: UInt64 = 0

    public init() {}

    /// Takes note of a write by task `writer`, which belongs to a line under work or not.
    /// - Returns: whether the screen's last line is another's, and `clear` must be sent first.
    public mutating func write(by writer: UInt64, isEdited: Bool) -> Bool {
        let isForeign = owner != 0 && owner != writer
        if isForeign { disturbed = owner }
        if disturbed == writer && !isEdited { disturbed = 0 }
        owner = isEdited ? writer : 0
        return isForeign
    }

    /// Whether task `reader` must show its line anew: the answer is given once.
    public mutating func takeDisturbance(of reader: UInt64) -> Bool {
        if disturbed == 0 || disturbed != reader { return false }
        disturbed = 0
        return true
    }

    /// Back to the start of the line, and clear it (ECMA-48, CR and EL).
    public static var clear: StaticString { "\r\u{1b}[K" }
}
