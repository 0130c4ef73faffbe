// Priority inversion: the top thread calls for what is held at the end of a chain of servers, while a middle thread spins.
//
// A low client keeps the chain busy: when the top thread calls, some server of it, mostly the last, is in the middle of the
// low client's request. Without inheritance the middle thread would run for ever and no row would end. With it the top
// thread waits for the rest of one request, which is `work`, and the replies and calls along the chain.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

/// Instructions that the last server spends on a request.
private let work: UInt64 = 1000
private let lowPriority: UInt8 = 5

extension Bench {
    mutating func heldChainRows() throws(KernelError) {
        var next = try make(.endpoint)
        var server = try start(
            6, in: RootSlot.addressSpace, bench_working_server_entry(), ControlWord(.replyAndReceive, next).raw,
            UInt64(try make(.reply).index), work)
        try Endpoint(next).bindServer(server)
        let middle = try thread(120, in: otherSpace, bench_spin_forever_entry())
        for length in 1...8 {
            let client = try thread(
                lowPriority, in: otherSpace, bench_caller_entry(), ControlWord(.call, next).raw)
            report(
                "inversion.held-chain-", number: UInt64(length), goal: 0,
                try heldChain(ControlWord(.call, next).raw, client, middle))
            if length == 8 { break }
            let front = try make(.endpoint)
            server = try start(
                UInt8(6 + length), in: RootSlot.addressSpace, bench_relay_entry(),
                ControlWord(.replyAndReceive, front).raw,
                UInt64(try make(.reply).index), ControlWord(.call, next).raw)
            try Endpoint(front).bindServer(server)
            next = front
        }
    }

    /// The top thread's calls, each begun at another place of the low client's.
    private mutating func heldChain(
        _ call: UInt64, _ client: Thread, _ middle: Thread
    ) throws(KernelError) -> Histogram {
        let pause = Notification(try make(.notification))
        var histogram = Histogram()
        try setMain(200)
        try client.resume()
        for round in 0..<200 as Range<UInt64> {
            _ = try? pause.wait(deadline: Instant.now + Duration(ticks: 300 + round * 7 % 181))
            try middle.resume()
            histogram.add(bench_call(call, 0, Instant.never.ticks))
            try middle.suspend()
        }
        try client.suspend()
        // Let the servers come to rest before the chain grows.
        try settle()
        try setMain(254)
        return histogram
    }
}
