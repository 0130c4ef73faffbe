// Who reads a line's input, where several tasks may: one at a time. A reader that asks again in
// time keeps the input; another one that asks meanwhile is refused, instead of taking the wait of
// the first away, which would take it back at once.

/// The reader of a line. Tasks are numbers above 0, instants and durations ticks of the counter.
public struct InputLease: Equatable, Sendable {
    private var reader: UInt64 = 0
    private var end: UInt64 = 0
    private let length: UInt64

    /// - Parameter length: how long a reader keeps the input without asking for more.
    public init(length: UInt64) { self.length = length }

    /// Takes note of a request by task `reader`. Returns whether the input is its own: from now on
    /// for the lease's length.
    public mutating func renew(by reader: UInt64, at now: UInt64) -> Bool {
        if self.reader != reader && self.reader != 0 && now < end { return false }
        self.reader = reader
        end = now &+ length
        return true
    }
}
