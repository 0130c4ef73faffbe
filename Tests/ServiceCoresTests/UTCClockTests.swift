// UTC over the counter: what each source is worth, how the error grows, and what a restart keeps.

import Protocols
import ServiceCores
import Testing

@Suite struct UTCClockTests {
    private let second: UInt64 = 1_000_000
    private func error(_ body: () throws(TimeError) -> Void) -> TimeError? {
        do { try body() } catch { return error }
        return nil
    }

    @Test func itIsUnsetAtFirst() {
        let clock = UTCClock()
        #expect(clock.reading(at: 5 * second) == UTCReading())
        #expect(clock.wantsClock(at: 0))
    }

    @Test func theTimeRunsWithTheCounterAndItsErrorGrows() throws {
        var clock = UTCClock()
        try clock.set(1000 * second, by: .sntp, error: 20_000, at: 7 * second)
        var reading = clock.reading(at: 7 * second)
        #expect(reading.microseconds == 1000 * second)
        #expect((reading.error, reading.age) == (20_000, 0))
        reading = clock.reading(at: 107 * second)
        #expect(reading.microseconds == 1100 * second)
        // 100 parts in a million of 100 s are 10 ms.
        #expect((reading.error, reading.age) == (30_000, 100 * second))
        #expect(reading.source == .sntp)
        // A counter that is read before it was set says nothing of the past.
        #expect(clock.reading(at: 0).microseconds == 1000 * second)
    }

    @Test func theBoardsClockGivesWayToBetterSources() throws {
        var clock = UTCClock()
        clock.take(clock: 100, at: 0)
        #expect(clock.reading(at: 0).source == .rtc)
        #expect(clock.reading(at: 0).error == UTCClock.clockError)
        #expect(!clock.wantsClock(at: UTCClock.clockLife - 1))
        clock.take(clock: 200, at: 1)
        #expect(clock.reading(at: 1).microseconds == 100 * second + 1)
        #expect(clock.wantsClock(at: UTCClock.clockLife))
        clock.take(clock: 4000, at: UTCClock.clockLife)
        #expect(clock.reading(at: UTCClock.clockLife).microseconds == 4000 * second)
        for source in [UTCSource.hand, .sntp] {
            try clock.set(50 * second, by: source, error: 0, at: 0)
            #expect(!clock.wantsClock(at: .max))
            clock.take(clock: 300, at: 0)
            #expect(clock.reading(at: 0).microseconds == 50 * second)
        }
    }

    @Test func whatCannotBeIsRefused() {
        var clock = UTCClock()
        let last = UTCClock.last
        #expect(
            error { () throws(TimeError) in
                try clock.set(last + 1, by: .hand, error: 0, at: 0)
            } == .badValue)
        for source in [UTCSource.unset, .rtc] {
            #expect(
                error { () throws(TimeError) in
                    try clock.set(1, by: source, error: 0, at: 0)
                } == .badValue)
        }
        clock.take(clock: .max, at: 0)
        #expect(clock == UTCClock())
        #expect(
            error { () throws(TimeError) in
                try clock.set(last, by: .hand, error: .max, at: 0)
            } == nil)
        #expect(clock.reading(at: .max).source == .hand)
        #expect(clock.reading(at: .max).microseconds == last)
    }

    @Test func itSurvivesARestartAndNoOtherWords() throws {
        var clock = UTCClock()
        try clock.set(9 * second, by: .hand, error: second, at: 5)
        #expect(UTCClock(words: clock.words, now: 5) == clock)
        // A counter that is behind is of another start of the machine.
        #expect(UTCClock(words: clock.words, now: 4) == UTCClock())
        for index in 0..<5 {
            var words = clock.words
            words[index] = .max
            #expect(UTCClock(words: words, now: 100) == UTCClock(), "word \(index)")
        }
        #expect(UTCClock(words: InlineArray(repeating: 0), now: 5) == UTCClock())
    }

    @Test func aReadingTravelsInWords() {
        var reading = UTCReading()
        reading.microseconds = 1
        reading.source = .hand
        reading.error = 2
        reading.age = 3
        #expect(UTCReading(reading.words) == reading)
        #expect(UTCReading([1, 9, 2, 3]) == nil)
    }
}
