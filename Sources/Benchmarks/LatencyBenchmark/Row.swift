// How a row is made: its name, its samples, and the environment in which they are taken.
//
// The same rows run twice: in a machine that is idle but for them, and with the loads let run
// before each sample. The loads' priority is below everything that is measured, so they change what
// a path finds (tables, queues, caches), not who runs.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

/// x0–x10 of a system call that is measured.
struct Request {
    private var words = InlineArray<11, UInt64>(repeating: 0)

    init(_ control: ControlWord, _ second: UInt64 = 0) {
        words[0] = control.raw
        words[1] = second
    }
    /// A call with a deadline.
    init(_ control: ControlWord, by deadline: Instant) {
        words[0] = control.by(deadline).raw
        words[2] = deadline.ticks
    }
    init(
        _ method: Method, _ slot: Slot, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
        _ d: UInt64 = 0, _ e: UInt64 = 0
    ) {
        words[0] = ControlWord(invoke: method, slot).raw
        words[1] = a
        words[2] = b
        words[3] = c
        words[4] = d
        words[5] = e
    }
    /// Puts the words where the measured loops read them.
    func stage() { store(at: Shared.request) }
    func store(at address: UInt64) {
        for index in words.indices { bench_store(address + 8 * UInt64(index), words[index]) }
    }
}

extension Bench {
    /// Rounds at a row's start that are not counted.
    static var warmUp: Int { 5 }

    /// Whether rows are to run whose names begin with `prefix`.
    func needs(_ prefix: StaticString) -> Bool {
        selection.needs(loads == nil ? RowName(prefix) : RowName(prefix).underLoad)
    }

    /// One row: `sample` gives a value of the clock, or nil where the cycle brought none.
    func row(
        _ name: RowName, clock: Clock? = nil, samples: Int = 1000,
        _ sample: () throws(KernelError) -> UInt64?
    ) throws(KernelError) {
        let name = loads == nil ? name : name.underLoad
        if !selection.accepts(name) { return }
        var histogram = Histogram()
        try startMasked()
        for round in 0..<(loads == nil ? samples : 100) + Bench.warmUp {
            if loads != nil { settle(ticks: 400 + UInt64(round * 7 % 37)) }
            let value = try sample()
            if round < Bench.warmUp { continue }
            if let value { histogram.add(value) } else { histogram.addMissed() }
        }
        try stopMasked()
        report(name, unit: (clock ?? self.clock).unit, histogram)
    }

    /// A row with one value that is known already.
    func row(_ name: RowName, unit: Unit, _ value: UInt64) {
        if !selection.accepts(name) { return }
        var histogram = Histogram()
        histogram.add(value)
        report(name, unit: unit, histogram)
    }

    /// One system call, from just before its `svc` to just after.
    func measure(_ request: Request) throws(KernelError) -> UInt64 {
        request.stage()
        let length = clock.loops.call(Shared.request, Shared.start, 0)
        // A refusal is short, and no figure.
        if let error = ResultWord(raw: bench_load(Shared.result)).error { throw error }
        return length
    }
    /// The part of a call that ends in another thread, which left its clock at `stamp`.
    func measure(_ request: Request, to stamp: UInt64) throws(KernelError) -> UInt64 {
        _ = try measure(request)
        return bench_load(stamp) &- bench_load(Shared.start)
    }
}
