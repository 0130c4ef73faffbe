// UTC over the counter: what each source is worth, how the error grows, and what a restart keeps.

import Protocols
import ServiceCores
import Testing

@Suite struct UTCClockTests {
    private let second: UInt64 = 1_000_000

    @Test func itIsUnsetAtFirst() {
        let clock = UTCClock()
        #expect(clock.reading(at: 5 * second) == UTCReading())
        #expect(clock.wantsClock(at: 0))
    }

    @Test func theTimeRunsWithTheCounterAndItsErrorGrows() throws {
        var clock = UTCClock()
        clock.set(1000 * second, by: .sntp, error: 20_000, at: 7 * second)
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
        clock.take(clock: 100, asked: 0, at: 0)
        #expect(clock.reading(at: 0).source == .rtc)
        #expect(clock.reading(at: 0).error == UTCClock.clockError)
        #expect(!clock.wantsClock(at: UTCClock.clockLife - 1))
        clock.take(clock: 200, asked: 1, at: 1)
        #expect(clock.reading(at: 1).microseconds == 100 * second + 1)
        #expect(clock.wantsClock(at: UTCClock.clockLife))
        clock.take(clock: 4000, asked: UTCClock.clockLife, at: UTCClock.clockLife)
        #expect(clock.reading(at: UTCClock.clockLife).microseconds == 4000 * second)
        for source in [UTCSource.hand, .sntp] {
            clock.set(50 * second, by: source, error: 0, at: 0)
            #expect(!clock.wantsClock(at: .max))
            clock.take(clock: 300, asked: 0, at: 0)
            #expect(clock.reading(at: 0).microseconds == 50 * second)
        }
    }

    @Test func whatCannotBeIsRefused() {
        var clock = UTCClock()
        let last = UTCClock.last
        let isBeyond = clock.set(last + 1, by: .hand, error: 0, at: 0)
        #expect(!isBeyond)
        for source in [UTCSource.unset, .rtc] {
            let isSet = clock.set(1, by: source, error: 0, at: 0)
            #expect(!isSet)
        }
        clock.take(clock: .max, asked: 0, at: 0)
        #expect(clock == UTCClock())
        let isLast = clock.set(last, by: .hand, error: .max, at: 0)
        #expect(isLast)
        #expect(clock.reading(at: .max).source == .hand)
        #expect(clock.reading(at: .max).microseconds == last)
    }

    @Test func theDelayOfTheBoardsClockIsPartOfTheError() {
        var clock = UTCClock()
        clock.take(clock: 100, asked: 5 * second, at: 5 * second + 300)
        #expect(clock.reading(at: 5 * second + 300).error == UTCClock.clockError + 300)
        #expect(clock.reading(at: 5 * second + 300).microseconds == 100 * second)
    }

    @Test func aSilentClockIsAskedRarely() throws {
        var clock = UTCClock()
        clock.take(clock: nil, asked: 0, at: 200_000)
        let next = 200_000 + UTCClock.pause * 200_000
        #expect(!clock.wantsClock(at: 200_001))
        #expect(!clock.wantsClock(at: next - 1))
        #expect(clock.wantsClock(at: next))
        // A clock that says at once that it has no time costs nothing.
        clock.take(clock: .max, asked: next, at: next)
        #expect(clock.wantsClock(at: next))
        clock.take(clock: nil, asked: 0, at: .max / 100)
        #expect(!clock.wantsClock(at: .max / 100))
        // One that answers again is believed.
        clock = UTCClock()
        clock.take(clock: nil, asked: 0, at: 10)
        clock.take(clock: 7, asked: 10 + UTCClock.pause * 10, at: 10 + UTCClock.pause * 10)
        #expect(clock.reading(at: second).source == .rtc)
    }

    // What survives a restart

    /// A service's memory.
    private final class Memory {
        let words = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: UTCClock.keptWords)
        init() { unsafe words.initialize(repeating: 0) }
        deinit { unsafe words.deallocate() }
        func kept(at now: UInt64) -> KeptClock { unsafe KeptClock(memory: words, now: now) }
    }

    @Test func itSurvivesARestartAndNoOtherWords() throws {
        let memory = Memory()
        #expect(memory.kept(at: 5).clock == UTCClock())
        var clock = UTCClock()
        clock.set(9 * second, by: .hand, error: second, at: 5)
        var kept = memory.kept(at: 5)
        kept.keep(clock)
        #expect(kept.clock == clock)
        #expect(memory.kept(at: 5).clock == clock)
        // A counter that is behind is of another start of the machine.
        #expect(memory.kept(at: 4).clock == UTCClock())
        for index in 0..<UTCClock.keptWords where unsafe memory.words[index] != 0 {
            let word = unsafe memory.words[index]
            unsafe memory.words[index] = .max
            #expect(memory.kept(at: 100).clock == UTCClock(), "word \(index)")
            unsafe memory.words[index] = word
        }
    }

    @Test func aDeathWhileItIsKeptLeavesTheOneOrTheOther() throws {
        let memory = Memory()
        var kept = memory.kept(at: 0)
        var before = UTCClock()
        for round in 1...4 {
            var clock = UTCClock()
            clock.set(UInt64(round) * second, by: .sntp, error: 7, at: 10 * UInt64(round))
            let old = unsafe Array(memory.words)
            kept.keep(clock)
            let new = unsafe Array(memory.words)
            let changed = new.indices.filter { old[$0] != new[$0] }
            #expect(changed.count <= 5)
            // In whatever order the words are stored.
            for stored in 0..<(1 << changed.count) {
                for (bit, index) in changed.enumerated() {
                    unsafe memory.words[index] = stored >> bit & 1 == 1 ? new[index] : old[index]
                }
                let found = memory.kept(at: 1000).clock
                let isWhole = stored == 1 << changed.count - 1
                #expect(found == (isWhole ? clock : before), "round \(round), words \(stored)")
            }
            before = clock
        }
    }
}
