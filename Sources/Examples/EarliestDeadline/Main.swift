// Three periodic threads that need 23/24 of a core, twice: with fixed priorities, the shorter the
// period the more urgent, and by earliest deadline. What each misses goes to the log.

import KernelABI
import Protocols
import UserRuntime

/// A thread's work: milliseconds of the processor in each period.
private struct Load {
    let period: UInt64
    let work: UInt64
    /// The priority under fixed priorities.
    let priority: UInt8
}

/// The order of the periods. Their sum of work and period is 1/4 + 2/6 + 3/8.
private func load(_ number: UInt64) -> Load {
    switch number {
    case 0: Load(period: 4, work: 1, priority: 92)
    case 1: Load(period: 6, work: 2, priority: 91)
    default: Load(period: 8, work: 3, priority: 90)
    }
}
private let threads: UInt64 = 3
/// The periods repeat after this many milliseconds.
private let hyperperiod: UInt64 = 24
private let rounds: UInt64 = 10

/// What all threads of a run share. Written before they start.
private struct Run {
    var start = Instant.immediately
    /// nil: fixed priorities.
    var jobs: Mutex<EarliestDeadline>?
    var counts: Mutex<Counts>
    /// Steps of `compute` in a millisecond.
    var steps: UInt64
}
private struct Counts {
    var jobs: UInt64 = 0
    var missed: UInt64 = 0
}
nonisolated(unsafe) private var run: Run?

@c(EarliestDeadline_main) func earliestDeadline(_ address: UInt) -> Int32 {
    _ = startInformation(address)
    do throws(KernelError) {
        for number in 0..<UInt32(threads) {
            let memory = Untyped(StartSlot.untyped)
            try memory.retype(.timer, index: timer(number).slot)
            try memory.retype(.notification, index: notification(number).slot)
        }
        try TaskLocks.make()
        // The drivers are loaded meanwhile.
        rest()
        let steps = measure()
        tell("fixed priorities", try perform(steps, nil))
        let jobs = try Mutex(EarliestDeadline(lowest: 90, highest: 93))
        tell("earliest deadline", try perform(steps, jobs))
        let changes = try jobs.withLock { $0.changes }
        log("earliest deadline: \(changes) changes of priority")
    } catch { log("the kernel refuses: error \(error.rawValue)") }
    while true { rest() }
}

/// Waits half a second, and shows a sign of life.
private func rest() {
    Notification(StartSlot.notification).pause(until: .after(milliseconds: 500))
    showSignOfLife()
}

private func tell(_ policy: StaticString, _ counts: Counts) {
    log("\(policy): \(counts.jobs) jobs, \(counts.missed) deadlines missed")
}

private func timer(_ number: UInt32) -> Timer {
    Timer(Slot(StartSlot.firstFree.index + 2 * number))
}
private func notification(_ number: UInt32) -> Notification {
    Notification(Slot(StartSlot.firstFree.index + 2 * number + 1))
}

/// Runs all threads for some hyperperiods.
private func perform(
    _ steps: UInt64, _ jobs: Mutex<EarliestDeadline>?
) throws(KernelError) -> Counts {
    let counts = try Mutex(Counts())
    unsafe run = Run(
        start: .after(milliseconds: hyperperiod), jobs: jobs, counts: counts, steps: steps)
    var started: [StartedThread] = []
    for number in 0..<threads {
        let priority = jobs == nil ? load(number).priority : 93
        started.append(
            try Thread.start("worker", priority: priority, context: number) { number in
                work(number)
            })
    }
    for thread in started { _ = try thread.join() }
    return try counts.withLock { $0 }
}

/// A thread of a run.
private func work(_ number: UInt64) -> UInt64 {
    guard let run = unsafe run else { return 0 }
    let load = load(number)
    let place = UInt32(number)
    var done = Counts()
    do throws(KernelError) {
        let periods = try Periodic(
            every: .milliseconds(load.period), timer: timer(place),
            notification: notification(place), from: run.start)
        for tick in periods {
            done.missed += tick.missed
            if tick.index >= rounds * hyperperiod / load.period { break }
            let deadline = tick.due + periods.period
            try run.jobs?.withLock { $0.begin(deadline: deadline) }
            compute(load.work * run.steps)
            done.jobs += 1
            if Instant.now > deadline { done.missed += 1 }
            try run.jobs?.withLock { $0.end() }
        }
        try periods.stop()
        let (jobs, missed) = (done.jobs, done.missed)
        try run.counts.withLock {
            $0.jobs += jobs
            $0.missed += missed
        }
    } catch { log("worker: error \(error.rawValue)") }
    return 0
}

/// Computes for some steps, whoever runs between.
@inline(never) private func compute(_ steps: UInt64) {
    var value = steps
    for _ in 0..<steps { value = value &* 6_364_136_223_846_793_005 &+ 1 }
    if value == 0 { log("the work came out as 0") }
}

/// Returns the steps of `compute` in a millisecond.
private func measure() -> UInt64 {
    let steps: UInt64 = 100_000
    let start = Instant.now
    compute(steps)
    let time = (Instant.now - start).nanoseconds
    return steps * 1_000_000 / max(time, 1)
}
