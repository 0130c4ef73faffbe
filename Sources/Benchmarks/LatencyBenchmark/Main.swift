// The benchmark: how long the kernel's paths are, and how late the most urgent thread can be.
//
// It runs as the root task of an image of its own, so that nothing else is in the machine, and
// builds what it measures: threads in its own and in a second address space. What it prints:
// docs/reference/benchmark-format.md; goals: Goals.swift.

import CBenchmark
import KernelABI
import UserRuntime

@c(LatencyBenchmark_main) func runBenchmark(_ information: UInt) -> Int32 {
    guard let boot = unsafe UnsafePointer<BootInformation>(bitPattern: information) else {
        return 1
    }
    let coreCount = unsafe bench_load(UInt64(information) + UInt64(boot.pointee.coreCountOffset))
    var bench = Bench(boot: unsafe boot.pointee, coreCount: max(1, Int(coreCount)))
    bench.note("bench begin")
    do throws(KernelError) { try measure(&bench) } catch {
        bench.note("error ", UInt64(error.rawValue))
    }
    bench.summarize()
    bench.note("bench end")
    // Within a running system there is no device tree for it: it stops, and leaves the machine on.
    if bench.boot.deviceTreeSize == 0 { try? Thread(RootSlot.thread).suspend() }
    try? bench.console.powerOff(status: 0)
    return 0
}

private func measure(_ bench: inout Bench) throws(KernelError) {
    try bench.prepare()
    if bench.home != 0 { try Thread(RootSlot.thread).setCore(bench.home) }
    try bench.findClock()
    bench.describeClock()
    try bench.pathRows()
    try bench.timerRows()
    if bench.coreCount > 1 { return try bench.coresRows() }
    if !bench.selection.isQuick { try bench.inversionRows() }
    if bench.selection.isAlone { try bench.chainRows() }
    if !bench.selection.isQuick && bench.selection.isAlone {
        try bench.sweepRows()
        try bench.walkRows()
        try bench.togetherRows()
        try bench.tracedRows()
        let loads = try bench.makeLoads()
        try bench.timerRowsUnderLoad(loads)
        bench.loads = loads
        try loads.resume()
        try bench.pathRows()
        try loads.suspend()
        bench.loads = nil
    }
    // The last of those that measure paths: this thread uses floating point from then on.
    try bench.timerRowsWithFloatingPoint()
    try bench.kernelRows()
    try bench.budgetRows()
}

extension Bench {
    /// The rows that run in an idle machine and again under load.
    fileprivate mutating func pathRows() throws(KernelError) {
        try systemCallRows()
        try messageRows()
        try signalRows()
        try faultRows()
        try firstUseRow()
        try objectRows()
        try threadRows()
        try heapRows()
        try mutexRows()
        try sharingRows()
        try typedRows()
        try deviceRows()
    }
}
