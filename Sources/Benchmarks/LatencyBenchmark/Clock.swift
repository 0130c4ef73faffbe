// What the rows read: the cycle counter where user code may, else the generic timer's counter, and
// how the two go together.

import CBenchmark
import KernelABI
import UserRuntime

/// What a row's values count.
enum Unit {
    case instructions, cycles, ticks, bytes

    var name: StaticString {
        switch self {
        case .instructions: "instructions"
        case .cycles: "cycles"
        case .ticks: "ticks"
        case .bytes: "bytes"
        }
    }
    /// The register that counts it, and its step.
    var source: StaticString {
        switch self {
        case .instructions, .cycles: " (PMCCNTR_EL0, resolution 1)"
        case .ticks: " (CNTVCT_EL0, resolution 1)"
        case .bytes: ""
        }
    }
    /// Whether the goals are stated in it: a time on some machine says nothing about a
    /// path's length.
    var hasGoals: Bool { self == .instructions || self == .bytes }
}

/// A clock that user code can read, and the loops that read it.
@safe struct Clock {
    /// CNTVCT_EL0; else PMCCNTR_EL0.
    let isCounter: Bool
    /// It advances by exactly one an instruction: QEMU counts instructions.
    private(set) var isCounted = false
    /// Its units in a tick of the counter, and its value at tick 0: known where it is counted, and
    /// for the counter itself.
    private(set) var unitsPerTick: UInt64 = 1
    private(set) var offset: UInt64 = 0

    /// Where threads start, and what is called.
    var loops: BenchLoops { isCounter ? bench_loops_cntvct_el0 : bench_loops_pmccntr_el0 }

    /// Its value.
    var now: UInt64 { isCounter ? Instant.now.ticks : readCycleCounter() }

    static var counter: Clock { Clock(isCounter: true) }
    /// The cycle counter, which user code was seen to read.
    static func cycles(counterFrequency: UInt64) -> Clock {
        var clock = Clock(isCounter: false)
        clock.isCounted =
            clock.loops.pair() == 1 && clock.loops.spin(1000) == 1001
            && clock.loops.spin(200_000) == 200_001
        if clock.isCounted {
            clock.unitsPerTick = 1_000_000_000 / counterFrequency
            clock.offset = bench_offset(clock.unitsPerTick, 4000)
        }
        return clock
    }
    private init(isCounter: Bool) { self.isCounter = isCounter }

    /// Whether it can tell how late something is that was to happen at a tick.
    var knowsTicks: Bool { isCounter || isCounted }
    /// Its value when the counter reaches `tick`.
    func value(atTick tick: UInt64) -> UInt64 { tick &* unitsPerTick &+ offset }

    var unit: Unit { isCounter ? .ticks : isCounted ? .instructions : .cycles }
}

extension Bench {
    /// May user code read the cycle counter? A thread tries, and is looked at.
    mutating func findClock() throws(KernelError) {
        let probe = try start(
            50, in: RootSlot.addressSpace, bench_loops_pmccntr_el0.probe, Shared.start)
        if try probe.information().state != .faulted {
            clock = .cycles(counterFrequency: boot.counterFrequency)
        }
        try probe.suspend()
        timerClock = clock.knowsTicks ? clock : .counter
    }

    func describeClock() {
        note(
            clock.isCounter
                ? "Clock: CNTVCT_EL0, resolution 1 tick" : "Clock: PMCCNTR_EL0, resolution 1 cycle")
        note(
            "Counter and timer: CNTVCT_EL0, resolution in ns: ",
            1_000_000_000 / boot.counterFrequency)
        note(
            timerClock.isCounter
                ? "Lateness of expiries: CNTVCT_EL0"
                : "Lateness of expiries: PMCCNTR_EL0, one an instruction")
        note("Clock check: 0 instructions ", clock.loops.pair())
        note("Clock check: 1000 instructions ", clock.loops.spin(1000))
        note("Clock check: 200000 instructions ", clock.loops.spin(200_000))
    }
}
