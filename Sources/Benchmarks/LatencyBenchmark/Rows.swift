// The rows about paths: system calls, messages, signals, faults, objects. Each loop drops its first rounds.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

/// Rounds of a row, and those at its start that are not counted.
private let rounds = 1000
private let warmUp = 5

extension Bench {
    /// The counter must advance by one an instruction, or the figures mean something else.
    mutating func checkCounter() {
        print("# Counter check: 0 instructions ", bench_nop(0, 0, 0), "\n")
        print("# Counter check: 1000 instructions ", bench_spin(1000), "\n")
        print("# Counter check: 200000 instructions ", bench_spin(200_000), "\n")
        isCounted = bench_spin(1000) == 1002 && bench_spin(200_000) == 200_002
    }

    private func repeated(_ body: () throws(KernelError) -> UInt64) throws(KernelError) -> Histogram {
        var histogram = Histogram()
        for round in 0..<(rounds + warmUp) {
            let value = try body()
            if round >= warmUp { histogram.add(value) }
        }
        return histogram
    }

    mutating func pathRows() throws(KernelError) {
        let version = ControlWord(.version, Slot(0)).raw
        report("system-call.null", goal: 40, try repeated { () throws(KernelError) in bench_call(version, 0, 0) })
        let yield = ControlWord(.yield, Slot(0)).raw
        report("yield.nobody", goal: 0, try repeated { () throws(KernelError) in bench_call(yield, 0, 0) })
        let other = try self.thread(
            254, in: otherSpace, bench_yielder_entry(), yield,
            Bench.sharedAddress + 8 * UInt64(Word.stamp))
        try other.resume()
        report(
            "yield.other-address-space", goal: 110,
            try repeated { () throws(KernelError) in
                unsafe bench_stamped_call(yield, shared(Word.start), shared(Word.end))
                return load(Word.stamp) &- load(Word.start)
            })
        try other.suspend()
    }

    // Messages

    mutating func ipcRows() throws(KernelError) {
        let server = bench_server_entry()
        let lengths: InlineArray<6, Int> = [0, 4, 8, 16, 64, 120]
        let goals: InlineArray<6, UInt64> = [205, 225, 225, 350, 480, 650]
        for index in lengths.indices {
            let endpoint = try endpoint(server, priority: 254, length: lengths[index])
            let control = ControlWord(.call, endpoint, length: lengths[index]).raw
            report(
                "ipc.round-trip.words-", number: UInt64(lengths[index]), goal: goals[index],
                try repeated { () throws(KernelError) in bench_call(control, 0, ~0) })
        }
        let above = ControlWord(.call, try endpoint(server, priority: 255, length: 0)).raw
        report(
            "ipc.round-trip.client-below", goal: 0, try repeated { () throws(KernelError) in bench_call(above, 0, ~0) })
        let below = ControlWord(.call, try endpoint(server, priority: 100, length: 0)).raw
        report(
            "ipc.round-trip.client-above-server-boosted", goal: 260,
            try repeated { () throws(KernelError) in bench_call(below, 0, ~0) })
        try oneWayRows()
    }
    /// An endpoint with a server in the other address space.
    private mutating func endpoint(_ entry: UInt64, priority: UInt8, length: Int) throws(KernelError) -> Slot {
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        let control = ControlWord(.replyAndReceive, endpoint, length: length).raw
        let server = try start(priority, in: otherSpace, entry, control, UInt64(reply.index))
        try Endpoint(endpoint).bindServer(server)
        return endpoint
    }
    private mutating func oneWayRows() throws(KernelError) {
        let entry = bench_stamping_server_entry()
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        let server = try start(
            254, in: otherSpace, entry, ControlWord(.replyAndReceive, endpoint).raw, UInt64(reply.index),
            Bench.sharedAddress + 8 * UInt64(Word.stamp), Bench.sharedAddress + 8 * UInt64(Word.answer))
        try Endpoint(endpoint).bindServer(server)
        let control = ControlWord(.call, endpoint).raw
        let net = bench_nop(0, 0, 0)
        report(
            "ipc.call.one-way", goal: 100,
            try repeated { () throws(KernelError) in
                unsafe bench_stamped_call(control, shared(Word.start), shared(Word.end))
                // The server has answered by now: its stamp is this call's.
                return load(Word.stamp) &- load(Word.start) &- net
            })
        report(
            "ipc.reply.one-way", goal: 105,
            try repeated { () throws(KernelError) in
                unsafe bench_stamped_call(control, shared(Word.start), shared(Word.end))
                let end = load(Word.end)
                // The server stores when it began an answer at the next call.
                unsafe bench_stamped_call(control, shared(Word.start), shared(Word.end))
                return end &- load(Word.answer) &- net
            })
    }

    // Signals

    mutating func signalRows() throws(KernelError) {
        let nobody = try make(.notification)
        let signal = ControlWord(.signal, nobody).raw
        report("signal.nobody-waits", goal: 70, try repeated { () throws(KernelError) in bench_call(signal, 1, 0) })
        let entry = bench_waiter_entry()
        let higher = try make(.notification)
        _ = try start(
            255, in: otherSpace, entry, ControlWord(.wait, higher).raw, Bench.sharedAddress + 8 * UInt64(Word.stamp),
            Bench.sharedAddress + 8 * UInt64(Word.count))
        let wake = ControlWord(.signal, higher).raw
        try setMain(250)
        report(
            "signal.higher-waiter-runs", goal: 140,
            try repeated { () throws(KernelError) in
                unsafe bench_stamped_call(wake, shared(Word.start), shared(Word.end))
                return load(Word.stamp) &- load(Word.start)
            })
        try setMain(254)
        let lower = try make(.notification)
        _ = try start(
            10, in: otherSpace, entry, ControlWord(.wait, lower).raw, Bench.sharedAddress + 8 * UInt64(Word.stamp),
            Bench.sharedAddress + 8 * UInt64(Word.count))
        let low = ControlWord(.signal, lower).raw
        var histogram = Histogram()
        for _ in 0..<100 {
            histogram.add(bench_call(low, 1, 0))
            try settle()
        }
        report("signal.lower-waiter", goal: 110, histogram)
    }
    // Faults

    mutating func faultRows() throws(KernelError) {
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        let entry = bench_fault_handler_entry()
        _ = try start(
            255, in: otherSpace, entry, ControlWord(.replyAndReceive, endpoint, length: 2).raw, UInt64(reply.index),
            Bench.sharedAddress + 8 * UInt64(Word.stamp), Bench.sharedAddress + 8 * UInt64(Word.answer))
        try Thread(RootSlot.thread).configure(faultHandler: endpoint)
        report(
            "fault.to-handler", goal: 220,
            try repeated { () throws(KernelError) in
                unsafe bench_fault(shared(Word.start), shared(Word.end))
                return load(Word.stamp) &- load(Word.start)
            })
        report(
            "fault.reply-to-faulter", goal: 220,
            try repeated { () throws(KernelError) in
                unsafe bench_fault(shared(Word.start), shared(Word.end))
                let end = load(Word.end)
                unsafe bench_fault(shared(Word.start), shared(Word.end))
                return end &- load(Word.answer)
            })
    }

    // Objects

    private func invoke(
        _ method: Method, _ slot: Slot, _ a: UInt64, _ b: UInt64,
        _ rest: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    ) -> UInt64 {
        var words = rest
        return unsafe withUnsafePointer(to: &words) { pointer in
            unsafe pointer.withMemoryRebound(to: UInt64.self, capacity: 6) {
                unsafe bench_invoke(ControlWord(invoke: method, slot).raw, a, b, $0)
            }
        }
    }

    mutating func objectRows() throws(KernelError) {
        let own = UInt64(Slot.ownTable.index)
        let source = try make(.endpoint)
        var copies = Histogram()
        var deletions = Histogram()
        for _ in 0..<200 {
            copies.add(invoke(.copy, .ownTable, UInt64(source.index), own, (3000, 31, 0, 0, 0, 0)))
            deletions.add(invoke(.delete, .ownTable, 3000, 0, (0, 0, 0, 0, 0, 0)))
        }
        report("capability.copy", goal: 250, copies)
        report("capability.delete", goal: 250, deletions)
        let frame = try make(.frame, sizeBits: 12)
        try map(frame, at: 0xc200_0000, .read, in: RootSlot.addressSpace)
        try AddressSpace(RootSlot.addressSpace).unmap(frame)
        var maps = Histogram()
        var unmaps = Histogram()
        for _ in 0..<200 {
            maps.add(invoke(.map, RootSlot.addressSpace, UInt64(frame.index), 0xc200_0000, (3, 0, 0, 0, 0, 0)))
            unmaps.add(invoke(.unmap, RootSlot.addressSpace, UInt64(frame.index), 0, (0, 0, 0, 0, 0, 0)))
        }
        report("space.map-4k", goal: 250, maps)
        report("space.unmap-4k", goal: 250, unmaps)
        try retypeRow("retype.endpoint", .endpoint, goal: 400)
        try retypeRow("retype.thread", .thread, goal: 700)
    }
    private mutating func retypeRow(_ name: StaticString, _ kind: ObjectKind, goal: UInt64) throws(KernelError) {
        let arena = try make(.untyped, sizeBits: 17)
        var histogram = Histogram()
        for index in 0..<100 {
            histogram.add(
                invoke(
                    .retype, arena, UInt64(kind.rawValue), 1,
                    (UInt64(Slot.ownTable.index), UInt64(3000 + index), UInt64(Slot.none.index), 0, 0, 0)))
        }
        try Untyped(arena).reclaim()
        report(name, goal: goal, histogram)
    }

    mutating func systemRows() {
        let first = (try? console.statistic(.bootTicks)) ?? 0
        print("# Boot: counter ticks from kernel entry to the first user instruction ", first, "\n")
        print("# Kernel: text and constants in bytes ", (try? console.statistic(.kernelTextBytes)) ?? 0, "\n")
        print("# Longest path with interrupts masked ", (try? console.statistic(.longestMasked)) ?? 0, "\n")
        print("# Longest path: control word ", (try? console.statistic(.longestMaskedControl)) ?? 0, "\n")
    }
}
