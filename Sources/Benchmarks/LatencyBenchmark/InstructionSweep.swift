// Sweeps through one operation, from its first instruction until everything is quiet: an expiry at
// each tick, and then at each instruction around the tick at which the wait was longest.
//
// The measuring thread has the lowest priority of all: where it runs again, nothing is left to be
// done. Beside an operation that takes long runs a periodic timer, as in SweepRows.swift. A kernel
// that records its masked paths knows the longest one without meeting its first instruction: it is
// swept coarsely.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

/// How an operation of a known length is swept.
private struct Sweep {
    /// Ticks between two expiries of the timer, or 0.
    let period: UInt64
    /// The first expiry's places, in ticks from the operation's begin.
    let places: UInt64
    let step: UInt64
    /// Instructions at which the timer expires, on both sides of the worst place.
    static var fine: UInt64 { 16 }
    /// Ticks of the longest operation that a single expiry is swept through.
    static var longest: UInt64 { 3000 }

    init(ticks: UInt64, period: UInt64, isCoarse: Bool) {
        let isLong = ticks > Sweep.longest
        self.period = isLong ? period : 0
        places = isLong ? period : ticks + 2
        step = isCoarse ? 8 : isLong ? 3 : 1
    }
}

extension Bench {
    /// Ticks in which a burst's timer is armed and a worker woken.
    private var preparation: UInt64 { 150 }

    /// One row: what a worker does at an instant. `before` and `after` are not measured.
    func sweepInstructions(
        _ name: RowName, _ timer: Timer, _ worker: Worker, before: () throws(KernelError) -> Void,
        after: () throws(KernelError) -> Void
    ) throws(KernelError) {
        let sweep = Sweep(
            ticks: try length(worker, before, after), period: period, isCoarse: recordsMasked)
        var histogram = Histogram()
        /// The operation begins `lead` units of the clock before the first expiry. Returns whether
        /// the wait was the longest so far.
        func sample(lead: UInt64) throws(KernelError) -> Bool {
            let longest = histogram.maximum
            try before()
            try startMasked()
            let first = bench_counter() &+ preparation &+ lead / timerClock.unitsPerTick
            worker.block.set(instant: timerClock.value(atTick: first) &- lead &- Block.lead)
            try burst(timer, from: first, every: sweep.period) { () throws(KernelError) in
                try worker.go()
            }
            try stopMasked()
            collect(.toDriver, from: first, every: sweep.period, into: &histogram)
            try after()
            return histogram.maximum > longest
        }
        var worst: UInt64 = 0
        for place in stride(from: 0, to: sweep.places, by: Int(sweep.step)) {
            if try sample(lead: place &* timerClock.unitsPerTick) {
                worst = place &* timerClock.unitsPerTick
            }
        }
        if !recordsMasked && timerClock.isCounted {
            for lead in (worst - min(worst, Sweep.fine))...(worst + Sweep.fine) {
                _ = try sample(lead: lead)
            }
        }
        report(name, unit: timerClock.unit, histogram)
    }
    /// Ticks that the operation takes alone.
    private func length(
        _ worker: Worker, _ before: () throws(KernelError) -> Void,
        _ after: () throws(KernelError) -> Void
    ) throws(KernelError) -> UInt64 {
        try before()
        let begin = bench_counter() &+ preparation
        worker.block.set(instant: timerClock.value(atTick: begin))
        try worker.go()
        let length = bench_counter() &- begin
        try after()
        return length
    }

    /// One row: what happens at an instant of the counter, `delay` ticks from when `prepare` is
    /// told. It is not measured.
    func sweepTicks(
        _ name: RowName, _ timer: Timer, delay: UInt64,
        prepare: (Instant) throws(KernelError) -> Void = { (_) throws(KernelError) in },
        work: (Instant) throws(KernelError) -> Void = { (_) throws(KernelError) in }
    ) throws(KernelError) {
        let begin = Instant(ticks: bench_counter() &+ delay)
        try prepare(begin)
        try work(begin)
        passTime(to: begin)
        let sweep = Sweep(
            ticks: bench_counter() &- begin.ticks, period: period, isCoarse: recordsMasked)
        var histogram = Histogram()
        // It begins a little before, so that the operation's own interrupt finds the expiry not yet
        // due.
        for place in stride(from: 0, to: sweep.places + 2, by: Int(sweep.step)) {
            let instant = Instant(ticks: bench_counter() &+ delay)
            try prepare(instant)
            try startMasked()
            let first = instant.ticks &- 2 &+ place
            try burst(timer, from: first, every: sweep.period) { () throws(KernelError) in
                try work(instant)
                passTime(to: instant)
            }
            try stopMasked()
            collect(.toDriver, from: first, every: sweep.period, into: &histogram)
        }
        report(name, unit: timerClock.unit, histogram)
    }
    /// Until an instant has passed, and all that it brings.
    func passTime(to instant: Instant) { while bench_counter() <= instant.ticks {} }
}
