// The rows of signals and faults.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

extension Bench {
    mutating func signalRows() throws(KernelError) {
        if !needs("signal.") { return }
        let nobody = Request(ControlWord(.signal, try make(.notification)), 1)
        try row(RowName("signal.nobody-waits")) { () throws(KernelError) in try measure(nobody) }
        try setMain(250)
        let higher = Request(ControlWord(.signal, try waiter(255)), 1)
        try row(RowName("signal.higher-waiter-runs")) { () throws(KernelError) in
            bench_store(Shared.driver, 0)
            return try measure(higher, to: Shared.driver + 16)
        }
        try setMain(254)
        let lower = Request(ControlWord(.signal, try waiter(10)), 1)
        try row(RowName("signal.lower-waiter")) { () throws(KernelError) in
            let value = try measure(lower)
            settle()
            return value
        }
    }
    /// The notification on which a new thread of the other address space waits.
    mutating func waiter(
        _ priority: UInt8, _ ring: UInt64 = Shared.driver
    ) throws(KernelError) -> Slot {
        let notification = try make(.notification)
        let wait = ControlWord(.wait, notification).raw
        _ = try start(priority, in: otherSpace, clock.loops.driver, wait, ring)
        return notification
    }

    mutating func faultRows() throws(KernelError) {
        if !needs("fault.") { return }
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        _ = try start(
            255, in: otherSpace, clock.loops.fault_handler,
            ControlWord(.replyAndReceive, endpoint, length: 2).raw,
            UInt64(reply.index), Shared.received)
        try Thread(RootSlot.thread).configure(faultHandler: endpoint)
        try row(RowName("fault.to-handler")) { () throws(KernelError) in
            _ = clock.loops.fault(0, Shared.start, 0)
            return bench_load(Shared.received) &- bench_load(Shared.start)
        }
        try row(RowName("fault.reply-to-faulter")) { () throws(KernelError) in
            _ = clock.loops.fault(0, Shared.start, 0)
            let end = bench_load(Shared.end)
            // The handler notes when it began an answer once it has the next fault.
            _ = clock.loops.fault(0, Shared.start, 0)
            return end &- bench_load(Shared.answered)
        }
        try row(RowName("fault.round-trip")) { () throws(KernelError) in
            clock.loops.fault(0, Shared.start, 0)
        }
    }

    /// A thread's first use of floating point. It loses its registers with its IPC buffer before
    /// each sample.
    mutating func firstUseRow() throws(KernelError) {
        if !needs("floating-point.") { return }
        let wake = try makeNotification()
        let user = try start(
            200, in: otherSpace, clock.loops.vector_user, ControlWord(.wait, wake.slot).raw,
            Shared.start)
        let buffer = try make(.frame, sizeBits: 12)
        try setMain(100)
        try row(RowName("floating-point.first-use")) { () throws(KernelError) in
            try CapabilityTable.own.revoke(buffer)
            try user.configure(ipcBuffer: buffer)
            try wake.signal(1)
            return bench_load(Shared.end) &- bench_load(Shared.start)
        }
        try setMain(254)
    }
}
