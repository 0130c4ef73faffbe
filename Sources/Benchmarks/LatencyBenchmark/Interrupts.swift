// An interrupt's way, in parts: from its cause to the kernel's entry, to the driver's first
// instruction, to the client that the driver wakes.
//
// A timer's cause is the tick at which it expires (PEERS method 5); a device's is the store that
// makes it raise its line. The driver is the most urgent thread, in the other address space. Under
// load the timer is periodic, as cyclictest's is: what a period brings is looked at afterwards, so
// that nothing else has to run in between, and a period that brought nothing counts as missed.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

/// What lies between two of the marks on the way.
enum Part {
    case toKernel, kernelToDriver, toDriver, driverToClient

    static var all: InlineArray<4, Part> {
        [.toKernel, .kernelToDriver, .toDriver, .driverToClient]
    }
    var name: StaticString {
        switch self {
        case .toKernel: "to-kernel"
        case .kernelToDriver: "kernel-to-driver"
        case .toDriver: "to-driver"
        case .driverToClient: "driver-to-client"
        }
    }
    var needsKernelStamp: Bool { self == .toKernel || self == .kernelToDriver }
}

extension Bench {
    /// A driver that waits on `interrupt`, and its client, both more urgent than this thread is
    /// meant to be.
    mutating func startDriver(
        _ loops: BenchLoops, _ interrupt: Slot, hasClient: Bool, register: UInt64 = 0,
        acknowledge: UInt64 = 0
    ) throws(KernelError) {
        var signal: UInt64 = 0
        if hasClient {
            let client = try make(.notification)
            _ = try start(
                254, in: RootSlot.addressSpace, loops.driver, ControlWord(.wait, client).raw,
                Shared.client)
            signal = ControlWord(.signal, client).raw
        }
        _ = try start(
            255, in: otherSpace, loops.driver, ControlWord(.wait, interrupt).raw, Shared.driver,
            signal, register, acknowledge)
    }
    func clearRings() {
        bench_store(Shared.driver, 0)
        bench_store(Shared.client, 0)
    }
    var interruptsSeen: UInt64 { min(bench_load(Shared.driver), Shared.ringPairs) }

    /// The part's length, of the interrupt `index` in the rings, whose cause was at `cause`.
    func length(_ part: Part, of index: UInt64, cause: UInt64) -> UInt64 {
        let driver = bench_load(Shared.driver + 16 + 16 * index)
        // Where the kernel had been entered for something else already, it did not have to be.
        let kernel = max(bench_load(Shared.driver + 24 + 16 * index), cause)
        switch part {
        case .toKernel: return kernel &- cause
        case .kernelToDriver: return driver &- kernel
        case .toDriver: return driver &- cause
        case .driverToClient: return bench_load(Shared.client + 16 + 16 * index) &- driver
        }
    }

    // Timers

    /// Ticks between a timer's expiries: some 11,000 instructions where they are counted (just
    /// above the shortest period that the kernel allows), else a millisecond.
    var period: UInt64 { timerClock.isCounted ? 691 : boot.counterFrequency / 1000 }
    /// Ticks to a burst's first expiry: `arm` itself has returned by then.
    var firstLead: UInt64 { 30 }
    /// Ticks after which an interrupt that was not seen counts as missed.
    var patience: UInt64 { 100 * period }

    mutating func timer(hasClient: Bool) throws(KernelError) -> Timer {
        let notification = try make(.notification)
        let timer = Timer(try make(.timer))
        try timer.bind(Notification(notification), bits: 1)
        try startDriver(timerClock.loops, notification, hasClient: hasClient)
        return timer
    }

    /// Expiries from the tick `first` on while `work` goes on, one at least: every `period` ticks,
    /// or once where it is 0.
    func burst(
        _ timer: Timer, from first: UInt64, every period: UInt64,
        _ work: () throws(KernelError) -> Void
    ) throws(KernelError) {
        clearRings()
        try timer.arm(Instant(ticks: first), period: Duration(ticks: period))
        try work()
        while interruptsSeen == 0 {
            if bench_counter() > first &+ patience { break }
            bench_relax()
        }
        try timer.cancel()
    }
    /// What the last burst brought.
    func collect(
        _ part: Part, from first: UInt64, every period: UInt64, into histogram: inout Histogram
    ) {
        let seen = interruptsSeen
        if seen == 0 { histogram.addMissed() }
        for index in 0..<seen {
            let cause = timerClock.value(atTick: first &+ index &* period)
            histogram.add(length(part, of: index, cause: cause))
            // Later than the next one's cause: a period was missed, and the kernel counts the next
            // ones from then on.
            let late = length(.toDriver, of: index, cause: cause)
            if period > 0 && late >= period &* timerClock.unitsPerTick {
                return histogram.addMissed()
            }
        }
    }

    /// A row of `bursts` bursts.
    func expiries(
        _ part: Part, _ condition: StaticString, _ timer: Timer, bursts: UInt64,
        every period: UInt64, _ work: () throws(KernelError) -> Void
    ) throws(KernelError) {
        var name = RowName("interrupt.timer.")
        name.append(part.name)
        name.append(condition)
        if !selection.accepts(name) || !canTell(part) { return }
        var histogram = Histogram()
        try startMasked()
        for round in 0..<bursts + UInt64(Bench.warmUp) {
            let first = bench_counter() &+ 200 &+ round &* 7 % 211
            try burst(timer, from: first, every: period, work)
            if round >= UInt64(Bench.warmUp) {
                collect(part, from: first, every: period, into: &histogram)
            }
        }
        try stopMasked()
        report(name, unit: timerClock.unit, histogram)
    }
    /// The kernel notes its entry in benchmark builds, by the cycle counter where there is one.
    private func canTell(_ part: Part) -> Bool {
        !part.needsKernelStamp || (recordsMasked && timerClock.isCounter == clock.isCounter)
    }

    /// In a machine that is idle otherwise: user code is interrupted, or nothing runs.
    mutating func timerRows() throws(KernelError) {
        if !needs("interrupt.timer.") { return }
        let timer = try timer(hasClient: true)
        try setMain(100)
        for index in Part.all.indices {
            try expiries(Part.all[index], ".spinning", timer, bursts: 1000, every: 0) {
                () throws(KernelError) in
            }
        }
        try expiries(.toDriver, ".sleeping", timer, bursts: 1000, every: 0) {
            () throws(KernelError) in
            settle(ticks: 1000)
        }
        try setMain(254)
    }
    /// The same where the thread that is interrupted uses floating point: this one, from here on.
    mutating func timerRowsWithFloatingPoint() throws(KernelError) {
        let name = RowName("interrupt.timer.to-driver.spinning.floating-point")
        if !selection.accepts(name) { return }
        let timer = try timer(hasClient: false)
        try setMain(100)
        bench_use_vectors()
        try expiries(.toDriver, ".spinning.floating-point", timer, bursts: 1000, every: 0) {
            () throws(KernelError) in
        }
        try setMain(254)
    }
    /// Wait for some 20 periods, so that what is below runs.
    func sleep() { settle(ticks: 20 * period + period / 2) }
}
