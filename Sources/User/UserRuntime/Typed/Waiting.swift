// Callers that wait for the same kind of event, such as an alarm.

/// Callers that wait for their answers, each with a number by which they are ordered: the instant
/// at which it wants its answer, for example.
///
/// It has room for all callers that a server can hold. Those that have gone stay until
/// `forgetGone`.
public struct Waiting<Result: MessageValue, E: ServiceError>: ~Copyable {
    /// Bit i: the caller that the pool's reply object i holds waits here.
    private var places: UInt64 = 0

    public init() {}
    deinit {
        var left = places
        while left != 0 {
            // A caller that is discarded is answered.
            _ = caller(left.trailingZeroBitCount)
            left &= left &- 1
        }
    }

    public mutating func insert(_ caller: consuming Caller<Result, E>, at number: UInt64) {
        let place = CallerPool.index(of: caller.setAside())
        CallerPool.setNumber(place, number)
        places |= 1 << UInt64(place)
    }

    /// How many wait.
    public var count: Int { places.nonzeroBitCount }

    /// The smallest number.
    ///
    /// - Complexity: O(callers).
    public var first: UInt64? { firstPlace.map { CallerPool.number($0) } }

    /// Takes the caller with the smallest number, if that is at most `number`.
    ///
    /// - Complexity: O(callers).
    public mutating func takeFirst(upTo number: UInt64 = .max) -> Caller<Result, E>? {
        guard let place = firstPlace, CallerPool.number(place) <= number else { return nil }
        return take(place)
    }

    /// Takes the caller that was inserted at `number`: one of them, if there are several.
    ///
    /// - Complexity: O(callers).
    public mutating func take(at number: UInt64) -> Caller<Result, E>? {
        guard let place = place(at: number) else { return nil }
        return take(place)
    }

    /// Whether a caller that was inserted at `number` is there.
    ///
    /// - Complexity: O(callers).
    public func contains(_ number: UInt64) -> Bool { place(at: number) != nil }

    /// Discards the callers that have gone.
    ///
    /// - Returns: whether there was one.
    /// - Complexity: O(callers).
    @discardableResult public mutating func forgetGone() -> Bool {
        let before = places
        var left = places
        while left != 0 {
            let place = left.trailingZeroBitCount
            left &= left &- 1
            if CallerPool.hasGone(CallerPool.reply(place)) { _ = take(place) }
        }
        return places != before
    }

    private func place(at number: UInt64) -> Int? {
        var left = places
        while left != 0 {
            let place = left.trailingZeroBitCount
            if CallerPool.number(place) == number { return place }
            left &= left &- 1
        }
        return nil
    }
    private var firstPlace: Int? {
        var first: Int?
        var left = places
        while left != 0 {
            let place = left.trailingZeroBitCount
            left &= left &- 1
            if let earlier = first, CallerPool.number(earlier) <= CallerPool.number(place) {
                continue
            }
            first = place
        }
        return first
    }
    private mutating func take(_ place: Int) -> Caller<Result, E> {
        places &= ~(1 << UInt64(place))
        return caller(place)
    }
    private func caller(_ place: Int) -> Caller<Result, E> {
        Caller(CallerPool.reply(place))
    }
}
