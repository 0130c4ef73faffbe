// Several tasks write to one screen, and one of them may have a line under work there: a prompt, and what somebody types. Who
// writes meanwhile takes that line's place, and its owner shows it anew. That it must is a number that the owner compares with the
// one it knows, not an answer given once: an answer may come to a reader whose time-out was a moment earlier.

/// Whose line is under work. Tasks are numbers above 0.
public struct ScreenLine: Equatable, Sendable {
    /// The task whose line is the last on the screen; 0: nobody's.
    private var owner: UInt64 = 0
    /// How often a line under work was taken away.
    public private(set) var disturbances: UInt64 = 0

    public init() {}

    /// Takes note of a write by task `writer`, which belongs to a line under work or not.
    /// - Returns: whether the screen's last line is another's, and `clear` must be sent first.
    public mutating func write(by writer: UInt64, isEdited: Bool) -> Bool {
        let isForeign = owner != 0 && owner != writer
        if isForeign { disturbances &+= 1 }
        owner = isEdited ? writer : 0
        return isForeign
    }

    /// Back to the start of the line, and clear it (ECMA-48, CR and EL).
    public static var clear: StaticString { "\r\u{1b}[K" }
}
