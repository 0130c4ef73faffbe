// The long operations that the sweep goes through: memory, revocation, callers, address spaces,
// loans, timers.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

extension Bench {
    /// Memory is cleared, cleaned, and becomes objects.
    mutating func memorySweeps(_ timer: Timer, _ arena: Untyped) throws(KernelError) {
        func reclaim() throws(KernelError) { try arena.reclaim() }
        try sweep("retype-256-endpoints", timer, step: 3, after: reclaim) {
            () throws(KernelError) in
            try arena.retype(.endpoint, count: 256, index: Slot(scratch))
        }
        try sweep("retype-256-page-tables", timer, step: 3, after: reclaim) {
            () throws(KernelError) in
            try arena.retype(.pageTable, count: 256, index: Slot(scratch))
        }
        if memoryBits < 27 {
            note("Not run for want of memory: sweep.retype-8-frames-of-2-MiB")
        } else {
            // The longest by far, and the same step again and again: every seventh tick will do.
            try sweep("retype-8-frames-of-2-MiB", timer, step: 7, after: reclaim) {
                () throws(KernelError) in
                try arena.retype(.frame, sizeBits: 21, count: 8, index: Slot(scratch))
            }
        }
        let large = Frame(try make(.frame, sizeBits: 21))
        try sweep("clean-2-MiB", timer, step: 3) { () throws(KernelError) in
            try large.maintainCache(.clean, offset: 0, length: 1 << 21)
        }
    }

    mutating func capabilitySweeps(_ timer: Timer, _ arena: Untyped) throws(KernelError) {
        let source = try make(.endpoint)
        func make256() throws(KernelError) {
            try arena.retype(.endpoint, count: 256, index: Slot(scratch))
        }
        try sweep("reclaim-256-objects", timer, before: make256) { () throws(KernelError) in
            try arena.reclaim()
        }
        func copy256() throws(KernelError) {
            for index in 0..<256 as Range<UInt32> {
                try CapabilityTable.own.copy(source, to: Slot(scratch + index))
            }
        }
        try sweep("revoke-256-capabilities", timer, before: copy256) { () throws(KernelError) in
            try CapabilityTable.own.revoke(source)
        }
    }

    /// An endpoint with 200 queued callers is closed; and another is destroyed.
    mutating func callerSweeps(_ timer: Timer, _ arena: Untyped) throws(KernelError) {
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
                programCounter: clock.loops.caller, stackPointer: 0,
                argument: ControlWord(.call, endpoint.slot).raw, threadPointer: 0)
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
        try sweep("close-endpoint-with-200-callers", timer, step: 3, before: queue, after: stop) {
            () throws(KernelError) in
            try endpoint.close()
        }
        try sweep("destroy-endpoint-with-200-callers", timer, step: 3, before: queue, after: stop) {
            () throws(KernelError) in
            try place.reclaim()
        }
        try arena.reclaim()
        try setMain(254)
    }

    /// An address space with 64 mapped frames is destroyed.
    mutating func spaceSweep(_ timer: Timer, _ arena: Untyped) throws(KernelError) {
        let space = AddressSpace(Slot(scratch + 300))
        func build() throws(KernelError) {
            try arena.makeAddressSpaces(ASIDPool(RootSlot.asidPool), index: space.slot)
            try arena.retype(.pageTable, count: 2, index: Slot(scratch + 301))
            try space.attachTable(Slot(scratch + 301), at: 0)
            try space.attachTable(Slot(scratch + 302), at: 0)
            try arena.retype(.frame, sizeBits: 12, count: 64, index: Slot(scratch))
            for index in 0..<64 as Range<UInt32> {
                try space.map(Slot(scratch + index), at: UInt64(index) << 12, .read)
            }
        }
        try setMain(100)
        try sweep("destroy-address-space-of-64-frames", timer, before: build) {
            () throws(KernelError) in
            try arena.reclaim()
        }
        try setMain(254)
    }

    /// A server copies 64 KiB of what its caller lent.
    mutating func loanSweep(_ timer: Timer) throws(KernelError) {
        let bytes: UInt64 = 1 << 16
        try map(
            try make(.frame, sizeBits: 21), at: Area.large, .read | .write,
            in: RootSlot.addressSpace)
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        var table = try makeTable()
        table.add(ControlWord(.replyAndReceive, endpoint), UInt64(reply.index))
        table.add(
            ControlWord(invoke: .loanRead, reply), 0, Area.large + bytes,
            [bytes, 0, 0, 0, 0, 0, 0, 0])
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

    /// 64 timers that less urgent threads armed expire at the tick that counts.
    mutating func expiriesTogether(_ timer: Timer) throws(KernelError) {
        if !selection.accepts(RowName("sweep.64-expiries-at-once")) { return }
        let first = try armer(firstTimer: scratch)
        let second = try armer(firstTimer: scratch + 32)
        var histogram = Histogram()
        try setMain(100)
        for _ in 0..<50 {
            let together = bench_counter() &+ 60_000
            for call in 1...32 {
                first.table.set(second: together, ofCall: call)
                second.table.set(second: together, ofCall: call)
            }
            try first.go.signal(1)
            try second.go.signal(1)
            settle()
            try startMasked()
            try burst(timer, from: together, every: 0) { () throws(KernelError) in }
            try stopMasked()
            collect(.toDriver, from: together, every: 0, into: &histogram)
        }
        for index in 0..<64 as Range<UInt32> {
            try CapabilityTable.own.delete(Slot(scratch + index))
        }
        try setMain(254)
        report(RowName("sweep.64-expiries-at-once"), unit: timerClock.unit, histogram)
    }

    /// A thread of priority 90 that arms 32 timers each time it is told to; their notification has
    /// no waiter.
    private mutating func armer(firstTimer: UInt32) throws(KernelError) -> Armer {
        let nobody = try makeNotification()
        let go = try makeNotification()
        var table = try makeTable()
        table.add(ControlWord(.wait, go.slot))
        for index in 0..<32 as Range<UInt32> {
            let slot = Slot(firstTimer + index)
            try memory.retype(.timer, index: slot)
            try Timer(slot).bind(nobody, bits: 1)
            table.add(ControlWord(invoke: .arm, slot))
        }
        _ = try start(
            90, in: RootSlot.addressSpace, clock.loops.repeat, table.address, UInt64(table.count))
        return Armer(go: go, table: table)
    }
}

/// See `armer`.
private struct Armer: ~Copyable {
    let go: Notification
    let table: LoadTable
}
