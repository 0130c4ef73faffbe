// The longest wait of the most urgent thread while a lower one is in the kernel: a timer's expiry
// is swept through each long operation, tick by tick.
//
// A timer of `period` ticks runs while the operation does, first with its first expiry at one tick,
// then at the next, until a whole period was swept: so every tick of the operation, however long it
// is, is the instant of an expiry once. Where the operation is long, every `step`-th. Short
// operations are repeated until a timer that is armed once expires.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

extension Bench {
    mutating func sweepRows() throws(KernelError) {
        if !needs("sweep.") { return }
        let timer = try timer(hasClient: false)
        let arena = Untyped(try make(.untyped, sizeBits: min(25, memoryBits - 2)))
        try shortSweeps(timer)
        try chainSweep(timer)
        try setMain(100)
        try memorySweeps(timer, arena)
        try capabilitySweeps(timer, arena)
        try setMain(254)
        try callerSweeps(timer, arena)
        try spaceSweep(timer, arena)
        try loanSweep(timer)
        try expiriesTogether(timer)
    }

    /// One row: `work` while the timer runs, `before` and `after` while it does not.
    func sweep(
        _ operation: StaticString, _ timer: Timer, step: UInt64 = 1, isShort: Bool = false,
        before: () throws(KernelError) -> Void = { () throws(KernelError) in },
        after: () throws(KernelError) -> Void = { () throws(KernelError) in },
        _ work: () throws(KernelError) -> Void
    ) throws(KernelError) {
        var name = RowName("sweep.")
        name.append(operation)
        if !selection.accepts(name) { return }
        let period = isShort ? 0 : self.period
        var histogram = Histogram()
        try startMasked()
        for lead in stride(from: 0, to: self.period, by: Int(max(step, self.period / 691))) {
            try before()
            let first = bench_counter() &+ firstLead &+ lead
            try burst(timer, from: first, every: period) { () throws(KernelError) in
                repeat { try work() } while isShort && interruptsSeen == 0
            }
            collect(.toDriver, from: first, every: period, into: &histogram)
            try after()
        }
        try stopMasked()
        report(name, unit: timerClock.unit, histogram)
    }

    /// Short calls, again and again.
    private mutating func shortSweeps(_ timer: Timer) throws(KernelError) {
        try setMain(100)
        try sweep("yield", timer, isShort: true) { () throws(KernelError) in yield() }
        let words = Request(
            ControlWord(.call, try endpoint(clock.loops.server, 200, length: 8), length: 8))
        try sweep("ipc-8-words", timer, isShort: true) { () throws(KernelError) in
            _ = try measure(words)
        }
        let capabilities = try capabilityCall()
        try sweep("ipc-120-words-4-capabilities", timer, isShort: true) { () throws(KernelError) in
            _ = try measure(capabilities)
        }
        let wake = Request(ControlWord(.signal, try waiter(200, Shared.client)), 1)
        try sweep("signal-and-wake", timer, isShort: true) { () throws(KernelError) in
            _ = try measure(wake)
        }
        let own = CapabilityTable.own
        let source = try make(.endpoint)
        try sweep("copy-and-delete", timer, isShort: true) { () throws(KernelError) in
            try own.copy(source, to: Slot(scratch))
            try own.delete(Slot(scratch))
        }
        let frame = try make(.frame, sizeBits: 12)
        let space = AddressSpace(RootSlot.addressSpace)
        try map(frame, at: Area.mapped, .read, in: RootSlot.addressSpace)
        try space.unmap(frame)
        try sweep("map-and-unmap", timer, isShort: true) { () throws(KernelError) in
            try space.map(frame, at: Area.mapped, .read)
            try space.unmap(frame)
        }
        try setMain(254)
    }

    /// The priority of a thread changes that waits for 14 others, each for the next, and the last
    /// of them for nothing that comes.
    private mutating func chainSweep(_ timer: Timer) throws(KernelError) {
        let last = try make(.endpoint)
        let reply = try make(.reply)
        var table = try makeTable()
        table.add(ControlWord(.receive, last), UInt64(reply.index))
        table.add(ControlWord(.wait, try make(.notification)))
        let server = try start(
            10, in: RootSlot.addressSpace, clock.loops.repeat, table.address, UInt64(table.count))
        try Endpoint(last).bindServer(server)
        var control = ControlWord(.call, last)
        for link in 1..<14 as Range<UInt8> {
            control = ControlWord(.call, try endpoint(clock.loops.relay, 10 + link, control.raw))
        }
        let client = try start(5, in: RootSlot.addressSpace, clock.loops.caller, control.raw)
        try setMain(100)
        try sweep("set-priority-along-chain-of-14", timer, isShort: true) {
            () throws(KernelError) in
            try client.setPriority(31, maximum: 255)
            try client.setPriority(30, maximum: 255)
        }
        try setMain(254)
    }
}
