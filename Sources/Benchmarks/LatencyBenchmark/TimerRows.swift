// The rows about lateness: a timer's expiry to the most urgent thread, idle and while a lower thread is anywhere in the kernel.
//
// The counter of cycles and the timer's counter advance together (PEERS method 5): one tick for 16 instructions at
// 62.5 MHz. Their offset is taken once, as the largest difference seen, which is the one without a rounded tick.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

extension Bench {
    /// Instructions for one tick of the counter, under `-icount shift=0`.
    var instructionsPerTick: UInt64 { 1_000_000_000 / boot.counterFrequency }

    func clockOffset() -> UInt64 {
        var offset: UInt64 = 0
        for _ in 0..<4000 {
            let cycles = bench_cycles()
            let ticks = bench_counter()
            let difference = cycles &- ticks &* instructionsPerTick
            if offset == 0 || Int64(bitPattern: difference &- offset) > 0 { offset = difference }
        }
        return offset
    }

    /// The most urgent thread: waits for the timer's notification, and stamps.
    mutating func urgentWaiter(_ notification: Slot) throws(KernelError) {
        let entry = bench_waiter_entry()
        _ = try start(
            255, in: otherSpace, entry, ControlWord(.wait, notification).raw,
            Bench.sharedAddress + 8 * UInt64(Word.stamp),
            Bench.sharedAddress + 8 * UInt64(Word.count))
    }

    /// Ticks after which an expiry that was not seen counts as missed.
    private var patience: UInt64 { 1_000_000 }

    /// Lateness of the urgent thread, with `work` going on when the timer expires at tick `lead` after its start.
    func lateness(
        _ timer: Timer, _ offset: UInt64, lead: UInt64, into histogram: inout Histogram,
        _ work: () throws(KernelError) -> Void
    ) throws(KernelError) {
        let before = load(Word.count)
        let deadline = bench_counter() &+ lead
        try timer.arm(Instant(ticks: deadline))
        try work()
        // Where the work was shorter than the lead, the rest is spent spinning.
        while load(Word.count) == before {
            if bench_counter() > deadline &+ patience { return histogram.addMissed() }
        }
        let seen = load(Word.count) &- before
        if seen > 1 { histogram.addMissed(seen - 1) }
        histogram.add(load(Word.stamp) &- (deadline &* instructionsPerTick &+ offset))
    }

    mutating func timerRows() throws(KernelError) {
        let notification = try make(.notification)
        let timer = Timer(try make(.timer))
        try timer.bind(Notification(notification), bits: 1)
        try urgentWaiter(notification)
        try setMain(100)
        let offset = clockOffset()
        var histogram = Histogram()
        for round in 0..<1000 {
            try lateness(timer, offset, lead: 200 + UInt64(round % 97), into: &histogram) { () throws(KernelError) in }
        }
        report("timer.to-thread.spinning-user-code", goal: 150, histogram)
        try setMain(254)
    }

    /// Sweep the timer's expiry through long system calls of a lower thread.
    mutating func sweepRows() throws(KernelError) {
        let notification = try make(.notification)
        let timer = Timer(try make(.timer))
        try timer.bind(Notification(notification), bits: 1)
        try urgentWaiter(notification)
        let arena = Untyped(try make(.untyped, sizeBits: min(25, memoryBits - 2)))
        let large = Frame(try make(.frame, sizeBits: 21))
        let source = try make(.endpoint)
        try setMain(100)
        let offset = clockOffset()
        try? console.resetStatistics()
        try sweep("sweep.yield", timer, offset, span: 100, step: 1) { () throws(KernelError) in
            for _ in 0..<10 { yield() }
        } after: { () throws(KernelError) in
        }
        try sweep("sweep.retype-256-endpoints", timer, offset, span: 4000, step: 13) { () throws(KernelError) in
            try arena.retype(.endpoint, count: 256, index: Slot(3000))
        } after: { () throws(KernelError) in
            try arena.reclaim()
        }
        try sweep("sweep.retype-256-page-tables", timer, offset, span: 10_000, step: 37) { () throws(KernelError) in
            try arena.retype(.pageTable, count: 256, index: Slot(3000))
        } after: { () throws(KernelError) in
            try arena.reclaim()
        }
        if memoryBits < 27 {
            console.write("# Not run for want of memory: sweep.retype-8-frames-of-2-MiB\n")
        } else {
            try sweep("sweep.retype-8-frames-of-2-MiB", timer, offset, span: 60_000, step: 997) {
                () throws(KernelError) in
                try arena.retype(.frame, sizeBits: 21, count: 8, index: Slot(3000))
            } after: { () throws(KernelError) in
                try arena.reclaim()
            }
        }
        try sweep(
            "sweep.reclaim-256-objects", timer, offset, span: 4000, step: 17,
            before: { () throws(KernelError) in
                try arena.retype(.endpoint, count: 256, index: Slot(3000))
            }
        ) { () throws(KernelError) in
            try arena.reclaim()
        } after: { () throws(KernelError) in
        }
        try sweep(
            "sweep.revoke-256-capabilities", timer, offset, span: 3000, step: 17,
            before: { () throws(KernelError) in
                for index in 0..<256 { try CapabilityTable.own.copy(source, to: Slot(3000 + UInt32(index))) }
            }
        ) { () throws(KernelError) in
            try CapabilityTable.own.revoke(source)
        } after: { () throws(KernelError) in
        }
        try sweep("sweep.clean-2-MiB", timer, offset, span: 8000, step: 41) { () throws(KernelError) in
            try large.maintainCache(.clean, offset: 0, length: 1 << 21)
        } after: { () throws(KernelError) in
        }
        try sweepClose(timer, offset, arena)
        try messageSweep(timer, offset)
        try setMain(254)
    }

    /// An endpoint with 200 queued callers is closed.
    private mutating func sweepClose(_ timer: Timer, _ offset: UInt64, _ arena: Untyped) throws(KernelError) {
        let endpoint = Endpoint(try make(.endpoint))
        let entry = bench_caller_entry()
        try arena.retype(.thread, count: 200, index: Slot(3000))
        for index in 0..<200 {
            let thread = Thread(Slot(3000 + UInt32(index)))
            try thread.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
            try thread.setPriority(50, maximum: 50)
            try thread.setEntry(
                programCounter: entry, stackPointer: 0, argument: ControlWord(.call, endpoint.slot).raw,
                threadPointer: 0)
        }
        let server = try thread(40, in: RootSlot.addressSpace, entry)
        try endpoint.bindServer(server)
        var histogram = Histogram()
        for round in 0..<40 {
            for index in 0..<200 { try? Thread(Slot(3000 + UInt32(index))).resume() }
            try settle()
            try lateness(timer, offset, lead: 30 + UInt64(round) * 67, into: &histogram) { () throws(KernelError) in
                try endpoint.close()
            }
            for index in 0..<200 { try Thread(Slot(3000 + UInt32(index))).suspend() }
            for index in 0..<200 {
                try Thread(Slot(3000 + UInt32(index))).setEntry(
                    programCounter: entry, stackPointer: 0, argument: ControlWord(.call, endpoint.slot).raw,
                    threadPointer: 0)
            }
            try endpoint.bindServer(server)
        }
        report("sweep.close-endpoint-with-200-callers", goal: 1500, histogram)
        try arena.reclaim()
    }

    mutating func sweep(
        _ name: StaticString, _ timer: Timer, _ offset: UInt64, span: UInt64, step: UInt64,
        before: () throws(KernelError) -> Void = { () throws(KernelError) in }, _ work: () throws(KernelError) -> Void,
        after: () throws(KernelError) -> Void
    ) throws(KernelError) {
        var histogram = Histogram()
        // From 30 ticks on: `arm` itself must have returned, or its own path would be measured.
        for lead in stride(from: 30 as UInt64, to: 30 + span, by: Int(step)) {
            try before()
            try lateness(timer, offset, lead: lead, into: &histogram, work)
            try after()
        }
        report(name, goal: 1500, histogram)
    }

    // Inversion

    /// How long the top thread waits for a resource at the end of chains of 1 to 8 servers, while a middle thread spins.
    mutating func inversionRows() throws(KernelError) {
        let relay = bench_relay_entry()
        let last = bench_server_entry()
        let hog = bench_spin_forever_entry()
        var next = try make(.endpoint)
        let reply = try make(.reply)
        var server = try start(
            10, in: RootSlot.addressSpace, last, ControlWord(.replyAndReceive, next).raw, UInt64(reply.index))
        try Endpoint(next).bindServer(server)
        let middle = try thread(120, in: otherSpace, hog)
        for length in 1...8 {
            let control = ControlWord(.call, next).raw
            try setMain(200)
            try middle.resume()
            var histogram = Histogram()
            for round in 0..<105 {
                let value = bench_call(control, 0, ~0)
                if round >= 5 { histogram.add(value) }
            }
            try middle.suspend()
            try setMain(254)
            report("inversion.chain-", number: UInt64(length), goal: 0, histogram)
            if length == 8 { break }
            let front = try make(.endpoint)
            let frontReply = try make(.reply)
            server = try start(
                UInt8(10 + length), in: RootSlot.addressSpace, relay, ControlWord(.replyAndReceive, front).raw,
                UInt64(frontReply.index), ControlWord(.call, next).raw)
            try Endpoint(front).bindServer(server)
            next = front
        }
    }
}
