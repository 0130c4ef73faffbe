// The longest wait of the most urgent thread while a lower one is in the kernel: a timer's expiry is swept through each long
// operation, tick by tick.
//
// A timer of `period` ticks runs while the operation does, first with its first expiry at one tick, then at the next, until a
// whole period was swept: so every tick of the operation, however long it is, is the instant of an expiry once.

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
    private func sweep(
        _ operation: StaticString, _ timer: Timer, step: UInt64 = 1,
        before: () throws(KernelError) -> Void = { () throws(KernelError) in },
        after: () throws(KernelError) -> Void = { () throws(KernelError) in },
        _ work: () throws(KernelError) -> Void
    ) throws(KernelError) {
        var name = RowName("sweep.")
        name.append(operation)
        if !selection.accepts(name) { return }
        var histogram = Histogram()
        for lead in stride(from: 0 as UInt64, to: period, by: Int(max(step, period / 311))) {
            try before()
            try burst(
                timer, from: bench_counter() &+ firstLead &+ lead, every: period, .toDriver, into: &histogram, work)
            try after()
        }
        report(name, unit: timerClock.unit, histogram)
    }

    /// Short calls, one after the other.
    private mutating func shortSweeps(_ timer: Timer) throws(KernelError) {
        let call = try capabilityCall()
        try setMain(100)
        try sweep("yield", timer) { () throws(KernelError) in
            for _ in 0..<50 { yield() }
        }
        try sweep("ipc-120-words-4-capabilities", timer) { () throws(KernelError) in
            for _ in 0..<3 { _ = measure(call) }
        }
        try setMain(254)
    }

    /// Memory is cleared, cleaned, and becomes objects.
    private mutating func memorySweeps(_ timer: Timer, _ arena: Untyped) throws(KernelError) {
        func reclaim() throws(KernelError) { try arena.reclaim() }
        try sweep("retype-256-endpoints", timer, after: reclaim) { () throws(KernelError) in
            try arena.retype(.endpoint, count: 256, index: Slot(scratch))
        }
        try sweep("retype-256-page-tables", timer, after: reclaim) { () throws(KernelError) in
            try arena.retype(.pageTable, count: 256, index: Slot(scratch))
        }
        if memoryBits < 27 {
            note("Not run for want of memory: sweep.retype-8-frames-of-2-MiB")
        } else {
            // The longest by far, and the same step again and again: every third tick will do.
            try sweep("retype-8-frames-of-2-MiB", timer, step: 3, after: reclaim) { () throws(KernelError) in
                try arena.retype(.frame, sizeBits: 21, count: 8, index: Slot(scratch))
            }
        }
        let large = Frame(try make(.frame, sizeBits: 21))
        try sweep("clean-2-MiB", timer) { () throws(KernelError) in
            try large.maintainCache(.clean, offset: 0, length: 1 << 21)
        }
    }

    private mutating func capabilitySweeps(_ timer: Timer, _ arena: Untyped) throws(KernelError) {
        let source = try make(.endpoint)
        func make256() throws(KernelError) { try arena.retype(.endpoint, count: 256, index: Slot(scratch)) }
        try sweep("reclaim-256-objects", timer, before: make256) { () throws(KernelError) in try arena.reclaim() }
        func copy256() throws(KernelError) {
            for index in 0..<256 as Range<UInt32> { try CapabilityTable.own.copy(source, to: Slot(scratch + index)) }
        }
        try sweep("revoke-256-capabilities", timer, before: copy256) { () throws(KernelError) in
            try CapabilityTable.own.revoke(source)
        }
    }

    /// An endpoint with 200 queued callers is closed; and another is destroyed.
    private mutating func callerSweeps(_ timer: Timer, _ arena: Untyped) throws(KernelError) {
        let endpoint = Endpoint(Slot(scratch + 300))
        let place = Untyped(try make(.untyped, sizeBits: 12))
        let server = try thread(40, in: RootSlot.addressSpace, clock.loops.caller)
        try arena.retype(.thread, count: 200, index: Slot(scratch))
        let callers = scratch..<scratch + 200
        for index in callers {
            let thread = Thread(Slot(index))
            try thread.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
            try thread.setPriority(50, maximum: 50)
            try thread.setEntry(
                programCounter: clock.loops.caller, stackPointer: 0, argument: ControlWord(.call, endpoint.slot).raw,
                threadPointer: 0)
        }
        func queue() throws(KernelError) {
            try place.retype(.endpoint, index: endpoint.slot)
            try endpoint.bindServer(server)
            for index in callers { try Thread(Slot(index)).resume() }
            settle(ticks: 60_000)
        }
        func stop() throws(KernelError) {
            for index in callers { try Thread(Slot(index)).suspend() }
            try place.reclaim()
        }
        try setMain(100)
        try sweep("close-endpoint-with-200-callers", timer, before: queue, after: stop) { () throws(KernelError) in
            try endpoint.close()
        }
        try sweep("destroy-endpoint-with-200-callers", timer, before: queue, after: stop) { () throws(KernelError) in
            try place.reclaim()
        }
        try arena.reclaim()
        try setMain(254)
    }

    /// An address space with 64 mapped frames is destroyed.
    private mutating func spaceSweep(_ timer: Timer, _ arena: Untyped) throws(KernelError) {
        let space = AddressSpace(Slot(scratch + 300))
        func build() throws(KernelError) {
            try arena.retype(.addressSpace, index: space.slot)
            try arena.retype(.pageTable, count: 2, index: Slot(scratch + 301))
            try space.attachTable(Slot(scratch + 301), at: 0)
            try space.attachTable(Slot(scratch + 302), at: 0)
            try arena.retype(.frame, sizeBits: 12, count: 64, index: Slot(scratch))
            for index in 0..<64 as Range<UInt32> {
                try space.map(Slot(scratch + index), at: UInt64(index) << 12, .read)
            }
        }
        try setMain(100)
        try sweep("destroy-address-space-of-64-frames", timer, before: build) { () throws(KernelError) in
            try arena.reclaim()
        }
        try setMain(254)
    }

    /// A server copies 64 KiB of what its caller lent.
    private mutating func loanSweep(_ timer: Timer) throws(KernelError) {
        let bytes: UInt64 = 1 << 16
        try map(try make(.frame, sizeBits: 21), at: Area.large, .read | .write, in: RootSlot.addressSpace)
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        var table = try makeTable()
        table.add(ControlWord(.replyAndReceive, endpoint), UInt64(reply.index))
        table.add(ControlWord(invoke: .loanRead, reply), 0, Area.large + bytes, [bytes, 0, 0, 0, 0, 0, 0, 0])
        let server = try start(
            90, in: RootSlot.addressSpace, clock.loops.repeat, table.address, UInt64(table.count))
        try Endpoint(endpoint).bindServer(server)
        try setMain(100)
        try sweep("copy-64-KiB-of-a-loan", timer) { () throws(KernelError) in
            _ = try Endpoint(endpoint).call(
                RegisterMessage(), Attachment(lending: Area.large, length: bytes, .read))
        }
        try setMain(254)
    }

    /// 63 timers of others that expire at the same tick, and were armed before.
    private mutating func expiriesTogether(_ timer: Timer) throws(KernelError) {
        if !selection.accepts(RowName("sweep.64-expiries-at-once")) { return }
        let nobody = try makeNotification()
        for index in 0..<63 as Range<UInt32> {
            try memory.retype(.timer, index: Slot(scratch + index))
            try Timer(Slot(scratch + index)).bind(nobody, bits: 1)
        }
        var histogram = Histogram()
        try setMain(100)
        for _ in 0..<50 {
            let together = bench_counter() &+ 20_000
            for index in 0..<63 as Range<UInt32> {
                try Timer(Slot(scratch + index)).arm(Instant(ticks: together))
            }
            try burst(timer, from: together, every: 0, .toDriver, into: &histogram) { () throws(KernelError) in }
        }
        for index in 0..<63 as Range<UInt32> { try CapabilityTable.own.delete(Slot(scratch + index)) }
        try setMain(254)
        report(RowName("sweep.64-expiries-at-once"), unit: timerClock.unit, histogram)
    }
}
