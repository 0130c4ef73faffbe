// How urgently a core asks for the lock when its timer has rung: as urgently as the most urgent of
// its deadlines that are due, whatever other cores do to its queue meanwhile.

import KernelABI
import Testing

@testable import KernelCore

/// Core 1, which runs a thread, and threads of it that sleep. It takes no interrupt.
private struct SleepersElsewhere {
    let s = TestSystem()
    let other: OtherCore
    private(set) var threads: [TestThread] = []

    /// - Parameter sleepers: their priorities, and the instants at which they wake.
    init(_ sleepers: [(priority: UInt64, instant: UInt64)], beside running: UInt64 = 100) {
        other = s.addCore()
        s.go()
        for (priority, instant) in sleepers {
            let thread = s.thread(priority, on: 1)
            #expect(other.running == thread.ref)
            s.wait(thread, s.make(.notification), deadline: instant)
            threads.append(thread)
        }
        let busy = s.thread(running, on: 1)
        #expect(other.running == busy.ref)
        other.isHeld = true
    }

    var kernel: UnsafeMutablePointer<Kernel<ModelHardware>> { other.kernel }

    /// What core 1 finds, and after how many steps. nil: the search ended, since the queue changed.
    ///
    /// - Parameter meanwhile: what other cores do before the step of that number.
    func search(before number: Int = -1, _ meanwhile: () -> Void = {}) -> (found: Int?, steps: Int)
    {
        var search = DeadlineSearch()
        if !kernel.pointee.start(&search) { return (-1, 0) }
        var step = 0
        repeat {
            if step == number { meanwhile() }
            step += 1
        } while kernel.pointee.goOn(&search)
        if step == number { meanwhile() }
        return (kernel.pointee.conclude(search), step)
    }
}

@Suite struct DeadlineSearchTests {
    @Test func nothingIsFoundBeforeADeadlineIsDue() {
        let core = SleepersElsewhere([(200, 5000)])
        #expect(core.search().found == -1)
        core.s.hardware.now = 5000
        #expect(core.search().found == 200)
    }

    /// The less urgent deadline stays queued, since it may not interrupt the running thread.
    @Test func aLessUrgentDeadlineHidesNoOther() {
        let core = SleepersElsewhere([(30, 2000), (20, 2500), (200, 5000), (150, 4900)])
        core.s.hardware.now = 3000
        #expect(core.search().found == 30)
        core.s.hardware.now = 4900
        #expect(core.search().found == 150)
        core.s.hardware.now = 5000
        #expect(core.search().found == 200)
        #expect(core.kernel.pointee.timerPriority == 30, "that of the earliest")
    }

    @Test func theMostUrgentOfManyIsFoundInFewSteps() {
        var generator = SeededGenerator(seed: 28)
        for _ in 1...3 {
            let sleepers = (1...16).map { _ in
                (
                    priority: UInt64.random(in: 101...254, using: &generator),
                    instant: UInt64.random(in: 1 << 20...1 << 21, using: &generator)
                )
            }
            let core = SleepersElsewhere(sleepers)
            for now in sleepers.map(\.instant).sorted() {
                core.s.hardware.now = now
                let due = sleepers.filter { $0.instant <= now }.map(\.priority).max()
                let (found, steps) = core.search()
                #expect(found == due.map(Int.init))
                #expect(steps <= DeadlineQueue.levelDepth)
            }
        }
    }

    /// A sleeper moves away with its deadline, or another one comes.
    @Test(arguments: [true, false]) func aChangeByAnotherCoreEndsTheSearch(goes: Bool) {
        let sleepers = (1...9 as ClosedRange<UInt64>).map { number in
            (priority: 100 + 10 * number, instant: 20_000 + number)
        }
        for step in 0...4 {
            let core = SleepersElsewhere(sleepers)
            let stranger = core.s.thread(200, on: 0)
            core.s.wait(stranger, core.s.make(.notification), deadline: 1 << 30)
            core.s.hardware.now = 30_000
            let length = core.search().steps
            #expect(length > 1)
            if step > length { continue }
            let moved = goes ? core.threads[8] : stranger
            let result = core.search(before: step) {
                core.s.perform(.setCore, moved.slot, goes ? 0 : 1)
            }
            #expect(result.found == nil, "before step \(step)")
            core.s.hardware.now = 1 << 30
            #expect(core.search().found == (goes ? 180 : 200))
        }
    }

    @Test func noSearchBeginsDuringAChange() {
        let core = SleepersElsewhere([(200, 5000), (150, 4000)])
        core.s.hardware.now = 5000
        var counts: [UInt64] = []
        var searches: [Int?] = []
        core.s.hardware.onStoreOrder = {
            counts.append(core.kernel.pointee.core.deadlineChanges)
            searches.append(core.search().found)
        }
        core.s.perform(.setCore, core.threads[0].slot, 0)
        core.s.hardware.onStoreOrder = {}
        #expect(counts == [1, 1], "before the change, and after it")
        #expect(searches == [-1, -1])
        #expect(core.search().found == 150)
    }

    @Test func aCoreDoesNotCountItsOwnChanges() {
        let core = SleepersElsewhere([(200, 5000)])
        let before = core.kernel.pointee.core.deadlineChanges
        let sleeper = core.s.thread(250, on: 1, starts: false)
        core.other.isHeld = false
        core.s.start(sleeper)
        core.s.wait(sleeper, core.s.make(.notification), deadline: 9000)
        #expect(core.kernel.pointee.core.deadlineChanges == before)
    }
}
