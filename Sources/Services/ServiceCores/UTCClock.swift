// UTC as a line over the monotonic counter: where it was set, when, and how far off it may be now.

import Protocols

/// The time of the service `time`. All times are microseconds; `now` is the monotonic counter's.
public struct UTCClock: Equatable, Sendable {
    private var source = UTCSource.unset
    /// UTC when it was set.
    private var time: UInt64 = 0
    /// The counter then.
    private var setAt: UInt64 = 0
    /// How far off it may have been then.
    private var error: UInt64 = 0

    public init() {}

    /// The last microsecond of 9999.
    public static let last: UInt64 = 253_402_300_800_000_000 - 1
    /// The counter's drift: 100 parts in a million, the worst of the boards' crystals.
    public static let driftParts: UInt64 = 10_000
    /// The board's clock counts seconds.
    public static let clockError: UInt64 = 1_000_000
    /// The board's clock is read again after an hour, when the counter may have drifted by 0.36 s.
    public static let clockLife: UInt64 = 3_600_000_000

    /// The time at `now`; no later than `last`.
    public func reading(at now: UInt64) -> UTCReading {
        var reading = UTCReading()
        if source == .unset { return reading }
        reading.source = source
        reading.age = now > setAt ? now - setAt : 0
        reading.microseconds = time + min(reading.age, UTCClock.last - time)
        reading.error = error + reading.age / UTCClock.driftParts
        return reading
    }

    /// Sets the time by a person or by the network.
    ///
    /// - Throws: `badValue`. Nothing was set then.
    public mutating func set(
        _ time: UInt64, by source: UTCSource, error: UInt64, at now: UInt64
    ) throws(TimeError) {
        if time > UTCClock.last || source != .hand && source != .sntp { throw .badValue }
        self = UTCClock(source: source, time: time, setAt: now, error: min(error, UTCClock.last))
    }

    /// Whether the board's clock is to be read: nothing is known that is as good.
    public func wantsClock(at now: UInt64) -> Bool {
        switch source {
        case .unset: true
        case .rtc: reading(at: now).age >= UTCClock.clockLife
        case .hand, .sntp: false
        }
    }

    /// Takes the board's clock, if `wantsClock`.
    ///
    /// - Parameter seconds: that it shows.
    public mutating func take(clock seconds: UInt64, at now: UInt64) {
        if !wantsClock(at: now) || seconds > UTCClock.last / 1_000_000 { return }
        self = UTCClock(
            source: .rtc, time: seconds * 1_000_000, setAt: now, error: UTCClock.clockError)
    }

    private init(source: UTCSource, time: UInt64, setAt: UInt64, error: UInt64) {
        self.source = source
        self.time = time
        self.setAt = setAt
        self.error = error
    }

    // What survives a restart

    private static var mark: UInt64 { 0x454d_4954_4354_5553 }

    /// The clock in words, for memory that survives a restart of the service.
    public var words: InlineArray<5, UInt64> {
        [UTCClock.mark, source.rawValue, time, setAt, error]
    }

    /// The clock of a former life; one that is unset if the words are none's.
    public init(words: InlineArray<5, UInt64>, now: UInt64) {
        self.init()
        guard words[0] == UTCClock.mark, let source = UTCSource(rawValue: words[1]),
            words[2] <= UTCClock.last, words[3] <= now, words[4] <= UTCClock.last
        else { return }
        self = UTCClock(source: source, time: words[2], setAt: words[3], error: words[4])
    }
}
