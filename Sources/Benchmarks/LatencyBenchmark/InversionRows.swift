// Priority inversion: the top thread calls for what is held at the end of a chain of servers, while
// a middle thread spins.
//
// First the chain is free, and the row is the length of the way. Then a low client keeps it busy:
// when the top thread calls, some server of the chain, mostly the last, is in the middle of the low
// client's request. Without inheritance the middle thread would run for ever and no row would end.
// With it the top thread waits for the rest of one request, which is `work`, and the replies and
// calls along the chain.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

/// Instructions that the last server spends on a request where the chain is busy.
private let work: UInt64 = 1000
private let lastPriority: UInt8 = 10

extension Bench {
    mutating func inversionRows() throws(KernelError) {
        try inversionRows("inversion.chain-", clock.loops.server, isHeld: false)
        try inversionRows("inversion.held-chain-", clock.loops.working_server, isHeld: true)
    }

    private mutating func inversionRows(
        _ prefix: StaticString, _ last: UInt64, isHeld: Bool
    ) throws(KernelError) {
        if !needs(prefix) { return }
        let hog = try thread(120, in: otherSpace, clock.loops.hog)
        var control = ControlWord(.call, try endpoint(last, lastPriority, work / 2))
        for length in 1...8 {
            if length > 1 {
                control = ControlWord(
                    .call,
                    try endpoint(clock.loops.relay, lastPriority + UInt8(length), control.raw))
            }
            let client = try thread(5, in: RootSlot.addressSpace, clock.loops.caller, control.raw)
            let call = Request(control)
            try setMain(200)
            if isHeld { try client.resume() }
            try row(RowName(prefix, length), samples: 200) { () throws(KernelError) in
                // The client runs meanwhile, and is at another place of its request each time.
                if isHeld { settle(ticks: 300 + bench_counter() &* 7919 % 509) }
                try hog.resume()
                let value = try measure(call)
                try hog.suspend()
                return value
            }
            try client.suspend()
            // The servers come to rest before the chain grows.
            settle()
            try setMain(254)
        }
    }
}
