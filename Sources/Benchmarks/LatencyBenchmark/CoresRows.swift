// The rows of several cores: paths that lead from one core to another, and how long the most urgent
// thread of one core waits while all others are in the kernel.
//
// Under QEMU with counted instructions the cores run in turn, and the clock counts the instructions
// of all. A path on one core is exact as long as the others sleep. A path across cores is the sum
// over both. A wait includes the polls of the cores that wait for the lock meanwhile.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

extension Bench {
    /// The core at the other end of paths across cores.
    private var other: Int { home == 1 ? 0 : 1 }

    /// The rows of a machine in which several cores run.
    mutating func coresRows() throws(KernelError) {
        try callRow()
        let lead = try leadOfOtherCore()
        try signalRow(lead)
        try interruptRow(lead)
        try waitRows()
    }

    /// What the other core reads from the clock, less what this one reads at the same time: each
    /// core's cycle counter began when the core did.
    private func leadOfOtherCore() throws(KernelError) -> UInt64 {
        if !clock.isCounted { return 0 }
        try Thread(RootSlot.thread).setCore(other)
        let offset = bench_offset(clock.unitsPerTick, 4000)
        try Thread(RootSlot.thread).setCore(home)
        return offset &- clock.offset
    }

    // Paths across cores: the other core sleeps until something comes.

    private mutating func callRow() throws(KernelError) {
        let name = RowName("ipc.round-trip.words-0.other-core")
        if !selection.accepts(name) { return }
        core = other
        let endpoint = try endpoint(clock.loops.server, 254)
        core = nil
        let request = Request(ControlWord(.call, endpoint))
        try row(name) { () throws(KernelError) in
            settle()
            return try measure(request)
        }
    }
    /// From the signal to the waiter's first instruction.
    private mutating func signalRow(_ lead: UInt64) throws(KernelError) {
        let name = RowName("signal.other-core")
        if !selection.accepts(name) { return }
        core = other
        let request = Request(ControlWord(.signal, try waiter(255)), 1)
        core = nil
        try row(name) { () throws(KernelError) in
            bench_store(Shared.driver, 0)
            _ = try measure(request)
            settle()
            return bench_load(Shared.driver + 16) &- lead &- bench_load(Shared.start)
        }
    }
    /// The device's driver waits on the other core. Its own binding is gone meanwhile.
    private mutating func interruptRow(_ lead: UInt64) throws(KernelError) {
        if !selection.accepts(RowName("interrupt.device.to-driver.other-core")) { return }
        try findDriver()
        guard let device else {
            return note("Not run for want of a PL011 that interrupts: to-driver.other-core")
        }
        try setDriver(of: device, on: other)
        try setMain(100)
        try deviceRow(.toDriver, device, ".other-core", lead: lead)
        try setMain(254)
        try restoreDriver(of: device)
    }
}
