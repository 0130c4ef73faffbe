// Heartbeats and processor time: a hang is noticed within its period, and no task is blamed for
// another one's.
import Testing

@testable import ServiceCores

@Suite struct LivenessTests {
    @Test func aHangIsNoticedWithinThePeriod() {
        var heartbeat = Heartbeat(period: 1000, now: 50)
        #expect(heartbeat.nextLook == 800)
        #expect(heartbeat.look(at: 799) == .alive)
        #expect(heartbeat.look(at: 800) == .suspect)
        #expect(heartbeat.nextLook == 925)
        #expect(heartbeat.look(at: 924) == .suspect)
        #expect(heartbeat.look(at: 925) == .silent)
        #expect(heartbeat.look(at: 926) == .silent)
    }

    /// Whenever the last sign of life came: looks that come in time end a hanging task before its
    /// period is over, and never one that shows its four signs.
    @Test func looksInTimeFindEveryHang() {
        for period in [10, 80, 1000, 5000] as [UInt32] {
            for phase in 0..<8 as Range<UInt64> {
                var heartbeat = Heartbeat(period: period, now: 0)
                let sign = UInt64(period) / 4
                var last: UInt64 = 0
                for number in 1...20 as ClosedRange<UInt64> {
                    while let look = heartbeat.nextLook, look < number * sign {
                        #expect(heartbeat.look(at: look) != .silent)
                    }
                    last = number * sign + phase * sign / 16
                    heartbeat.seen(at: last)
                }
                var now = last
                while heartbeat.look(at: now) != .silent {
                    now = max(now + 1, heartbeat.nextLook ?? 0)
                }
                #expect(now - last < UInt64(period), "period \(period), phase \(phase)")
                #expect(now - last >= UInt64(period) * 3 / 4)
            }
        }
    }

    @Test func aSignOfLifeClearsASuspect() {
        var heartbeat = Heartbeat(period: 1000, now: 0)
        #expect(heartbeat.look(at: 760) == .suspect)
        heartbeat.seen(at: 870)
        #expect(heartbeat.look(at: 900) == .alive)
        #expect(heartbeat.nextLook == 1620)
    }

    /// A look that comes late gives the task its eighth all the same: its sign may wait
    /// to be taken.
    @Test func aLateLookDoesNotBlameAtOnce() {
        var heartbeat = Heartbeat(period: 1000, now: 0)
        #expect(heartbeat.look(at: 100_000) == .suspect)
        #expect(heartbeat.look(at: 100_001) == .suspect)
        #expect(heartbeat.look(at: 100_125) == .silent)
    }

    @Test func whatHasNoHeartbeatIsNeverSilent() {
        var heartbeat = Heartbeat(period: 0, now: 0)
        #expect(heartbeat.nextLook == nil)
        #expect(heartbeat.look(at: ~0) == .alive)
    }

    /// Looks at a task of 60 without a sign of life, whenever a look is due; when it is taken to
    /// hang, if it is.
    private func hang(
        isRunnable: Bool, mostUrgent: UInt8 = 60, couldRun: Bool? = nil, used: (UInt64) -> UInt64
    ) -> UInt64? {
        var heartbeat = Heartbeat(period: 1000, now: 0)
        while let now = heartbeat.nextLook, now < 100_000 {
            let urgency = Urgency(priority: 60, isRunnable: isRunnable)
            let isHanging = heartbeat.isHanging(
                at: now, urgency, used: used(now), mostUrgent: mostUrgent, couldRun: couldRun)
            if isHanging { return now }
        }
        return nil
    }

    /// The neighbour of a task that computes at the same priority never runs, and does not hang.
    @Test func aTaskWithoutProcessorTimeIsNotToBlame() {
        #expect(hang(isRunnable: true) { _ in 7 } == nil)
        #expect(hang(isRunnable: true) { $0 } == 875)
        // It ran until it became a suspect, and since 5 s again.
        #expect(hang(isRunnable: true) { min($0, 750) } == nil)
        let late = hang(isRunnable: true) { max($0, 5000) } ?? 0
        #expect(late > 5000 && late < 6000)
        // Something more urgent can run.
        #expect(hang(isRunnable: true, mostUrgent: 61) { $0 } == nil)
    }

    /// A task that waits needs no processor time to hang. It is spared where a thread in its place
    /// could not run, whoever can run at the looks.
    @Test func aTaskThatWaitsForEverHangs() {
        for mostUrgent in [0, 59, 60, 61, 254] as [UInt8] {
            let hang = { (couldRun: Bool?) in
                self.hang(isRunnable: false, mostUrgent: mostUrgent, couldRun: couldRun) { _ in 7 }
            }
            #expect(hang(true) == 875)
            #expect(hang(false) == nil)
            // Nobody has tried.
            #expect(hang(nil) == nil)
        }
    }

    /// The thread that tries may be busy for another task: the suspect is judged an eighth of its
    /// period after that.
    @Test func aSuspectWaitsForItsTurn() {
        var heartbeat = Heartbeat(period: 1000, now: 0)
        let urgency = Urgency(priority: 60, isRunnable: false)
        func isHanging(_ now: UInt64, _ couldRun: Bool?) -> Bool {
            heartbeat.isHanging(at: now, urgency, used: 7, mostUrgent: 0, couldRun: couldRun)
        }
        #expect(!isHanging(750, nil))
        #expect(heartbeat.isSuspect)
        #expect(!isHanging(875, nil))
        #expect(heartbeat.isSuspect && heartbeat.nextLook == 1000)
        #expect(!isHanging(900, true))
        #expect(isHanging(1000, true))
        #expect(!isHanging(1000, false))
        #expect(!heartbeat.isSuspect && heartbeat.nextLook == 1750)
    }

    /// What was used between two looks of a short period may be less than a millisecond: it counts
    /// from the first suspicion on.
    @Test func aHangIsNoticedHoweverShortItsPeriod() {
        var heartbeat = Heartbeat(period: 4, now: 0)
        let urgency = Urgency(priority: 60, isRunnable: true)
        var now: UInt64 = 0
        while now < 20,
            !heartbeat.isHanging(at: now, urgency, used: now, mostUrgent: 60, couldRun: nil)
        { now += 1 }
        #expect(now < 10)
    }

    @Test func computingWithoutAWaitIsToldAtEachDoubling() {
        var watch = ProcessorWatch(now: 0, used: 7)
        var told: [UInt64] = []
        for look in 1...100 as ClosedRange<UInt64> {
            if let stretch = watch.look(at: look * 500, used: 7 + look * 500, isRunnable: true) {
                told.append(stretch)
            }
        }
        #expect(told == [2000, 4000, 8000, 16_000, 32_000])
    }

    @Test func aWaitEndsTheStretch() {
        var watch = ProcessorWatch(now: 0, used: 0)
        for look in 1...3 as ClosedRange<UInt64> {
            #expect(watch.look(at: look * 500, used: look * 500, isRunnable: true) == nil)
        }
        #expect(watch.look(at: 2000, used: 2000, isRunnable: false) == nil)
        #expect(watch.look(at: 3999, used: 3900, isRunnable: true) == nil)
        #expect(watch.look(at: 4000, used: 3901, isRunnable: true) == 2000)
    }

    /// Four that take turns compute without a wait; one that wants the processor and does not get
    /// it does not compute.
    @Test func aShareOfTheProcessorCounts() {
        var quarter = ProcessorWatch(now: 0, used: 0)
        var starved = ProcessorWatch(now: 0, used: 0)
        var told: UInt64?
        for look in 1...4 as ClosedRange<UInt64> {
            told = quarter.look(at: look * 500, used: look * 125, isRunnable: true)
            #expect(starved.look(at: look * 500, used: look * 124, isRunnable: true) == nil)
        }
        #expect(told == 2000)
    }

    @Test func aNewLifeStartsANewStretch() {
        var watch = ProcessorWatch(now: 0, used: 0)
        for look in 1...3 as ClosedRange<UInt64> {
            _ = watch.look(at: look * 500, used: look * 500, isRunnable: true)
        }
        // The processor time of the task's next thread starts at nothing.
        #expect(watch.look(at: 2000, used: 400, isRunnable: true) == nil)
        #expect(watch.look(at: 3999, used: 2399, isRunnable: true) == nil)
        #expect(watch.look(at: 4000, used: 2400, isRunnable: true) == 2000)
    }
}
