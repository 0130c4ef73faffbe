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
    /// The board's clock is not asked before this instant of the counter.
    private var nextLook: UInt64 = 0

    public init() {}

    /// The last microsecond of 9999.
    public static let last: UInt64 = 253_402_300_800_000_000 - 1
    /// The counter's drift: 100 parts in a million, the worst of the boards' crystals.
    public static let driftParts: UInt64 = 10_000
    /// The board's clock counts seconds.
    public static let clockError: UInt64 = 1_000_000
    /// The board's clock is read again after an hour, when the counter may have drifted by 0.36 s.
    public static let clockLife: UInt64 = 3_600_000_000
    /// After a look in vain the next one waits for so many times as long as that one took: callers
    /// wait for a silent driver for 1/50 of the time.
    public static let pause: UInt64 = 50

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
    /// - Returns: whether it was set: not to a time after `last`, nor by another source.
    @discardableResult public mutating func set(
        _ time: UInt64, by source: UTCSource, error: UInt64, at now: UInt64
    ) -> Bool {
        if time > UTCClock.last || source != .hand && source != .sntp { return false }
        self = UTCClock(source: source, time: time, setAt: now, error: min(error, UTCClock.last))
        return true
    }

    /// Whether to read the board's clock: the time is unset or comes from an old reading of it, and
    /// the last look in vain is long past.
    public func wantsClock(at now: UInt64) -> Bool {
        if now < nextLook { return false }
        return switch source {
        case .unset: true
        case .rtc: reading(at: now).age >= UTCClock.clockLife
        case .hand, .sntp: false
        }
    }

    /// Takes the board's clock, if `wantsClock`.
    ///
    /// - Parameters:
    ///   - seconds: that it shows; nil: it did not answer.
    ///   - asked: when it was asked. It showed the time at some instant from then to `now`.
    public mutating func take(clock seconds: UInt64?, asked: UInt64, at now: UInt64) {
        if !wantsClock(at: now) { return }
        let delay = now - min(asked, now)
        guard let seconds, seconds <= UTCClock.last / 1_000_000 else {
            nextLook = now + UTCClock.pause * min(delay, UTCClock.clockLife)
            return
        }
        self = UTCClock(
            source: .rtc, time: seconds * 1_000_000, setAt: now, error: UTCClock.clockError + delay)
    }

    private init(source: UTCSource, time: UInt64, setAt: UInt64, error: UInt64) {
        self.source = source
        self.time = time
        self.setAt = setAt
        self.error = error
    }

    // What survives a restart

    /// Words of a clock in memory.
    fileprivate static let words = 5
    /// Words of the memory of a `KeptClock`.
    public static let keptWords = 2 * words

    /// The clock in words; the last one checks the others.
    fileprivate var words: InlineArray<5, UInt64> {
        let words: InlineArray<5, UInt64> = [source.rawValue, time, setAt, error, 0]
        return [words[0], words[1], words[2], words[3], UTCClock.check(words)]
    }

    /// The clock of a former life; nil if the words are no clock, or if the machine was
    /// started anew since.
    fileprivate init?(words: InlineArray<5, UInt64>, now: UInt64) {
        guard words[4] == UTCClock.check(words), let source = UTCSource(rawValue: words[0]),
            words[1] <= UTCClock.last, words[2] <= now, words[3] <= UTCClock.last
        else { return nil }
        self.init(source: source, time: words[1], setAt: words[2], error: words[3])
    }

    /// FNV-1a over the words, with a start of its own: zeros are no clock.
    private static func check(_ words: InlineArray<5, UInt64>) -> UInt64 {
        var check: UInt64 = 0x454d_4954_4354_5553
        for index in 0..<4 { check = (check ^ words[index]) &* 0x100_0000_01b3 }
        return check
    }
}

/// A clock in memory that survives the service. It stands there twice, and is written to the older
/// place: a death at any instant leaves the one or the other.
@safe public struct KeptClock {
    private let memory: UnsafeMutableBufferPointer<UInt64>
    /// The place of the newer one, 0 or 1.
    private var place = 0
    public private(set) var clock = UTCClock()

    /// Takes up what a former life kept in `UTCClock.keptWords` words, or an unset clock.
    public init(memory: UnsafeMutableBufferPointer<UInt64>, now: UInt64) {
        precondition(memory.count >= UTCClock.keptWords)
        unsafe self.memory = memory
        var newest: UInt64 = 0
        for place in 0..<2 {
            let words = words(at: place)
            guard let clock = UTCClock(words: words, now: now), words[2] >= newest else { continue }
            newest = words[2]
            self.place = place
            self.clock = clock
        }
    }

    /// Changes the clock, and keeps it.
    public mutating func keep(_ clock: UTCClock) {
        self.clock = clock
        place = 1 - place
        let words = clock.words
        // Safety: the memory has room for two clocks.
        for index in 0..<UTCClock.words {
            unsafe memory[place * UTCClock.words + index] = words[index]
        }
    }

    private func words(at place: Int) -> InlineArray<5, UInt64> {
        var words = InlineArray<5, UInt64>(repeating: 0)
        // Safety: as in `keep`.
        for index in 0..<UTCClock.words {
            words[index] = unsafe memory[place * UTCClock.words + index]
        }
        return words
    }
}
