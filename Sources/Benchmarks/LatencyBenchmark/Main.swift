// The benchmark: how long the kernel's paths are, and how late the most urgent thread can be.
//
// It runs as the root task of an image of its own, so that nothing else is in the machine, and builds what it measures: threads
// in its own and in a second address space. Method and goals: docs/realtime.md.

import KernelABI
import UserRuntime

@c(LatencyBenchmark_main) func runBenchmark(_ information: UInt) -> Int32 {
    guard let boot = unsafe UnsafePointer<BootInformation>(bitPattern: information) else { return 1 }
    var bench = Bench(boot: unsafe boot.pointee)
    bench.console.write("# bench begin\n")
    bench.print("# Clock: PMCCNTR_EL0, resolution 1; counter frequency ", bench.boot.counterFrequency, " Hz\n")
    do throws(KernelError) { try measure(&bench) } catch { bench.print("# error ", UInt64(error.rawValue), "\n") }
    bench.console.write("# bench end\n")
    // Within a running system there is no device tree for it: it stops, and leaves the machine on.
    if bench.boot.deviceTreeSize == 0 { try? Thread(RootSlot.thread).suspend() }
    try? bench.console.powerOff(status: 0)
    return 0
}

private func measure(_ bench: inout Bench) throws(KernelError) {
    try bench.prepare()
    bench.checkCounter()
    try bench.pathRows()
    try bench.ipcRows()
    try bench.signalRows()
    try bench.faultRows()
    try bench.objectRows()
    if bench.isCounted { try bench.timerRows() }
    if bench.isCounted { try bench.interruptRows() }
    if !bench.selection.isQuick {
        try bench.inversionRows()
        try bench.heldChainRows()
        if bench.isCounted { try bench.sweepRows() }
        if bench.isCounted { try bench.loadRows() }
    }
    if !bench.isCounted {
        bench.console.write("# Not run, as cycles and ticks have no fixed ratio: timer., interrupt., sweep., load.\n")
    }
    bench.systemRows()
}
