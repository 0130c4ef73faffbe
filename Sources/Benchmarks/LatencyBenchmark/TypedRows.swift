// The rows of typed calls, each beside the same call packed by hand: what the generated client
// costs. The server answers both alike; it is a more urgent thread of this task.

import BenchmarkStatistics
import Interfaces

/// What the rows call.
@Service(version: 1)
private protocol Counting {
    /// The number behind `number`.
    @Method(1) func next(after number: UInt64) -> UInt64
}

/// Where the partner finds its endpoint and its reply object.
private let endpointSlot = scratch + 72

extension Bench {
    mutating func typedRows() throws(KernelError) {
        if needs("typed.") { try sharing { bench throws(KernelError) in try bench.typedCalls() } }
    }

    private mutating func typedCalls() throws(KernelError) {
        let endpoint = Endpoint(Slot(endpointSlot))
        try memory.retype(.endpoint, index: endpoint.slot)
        try memory.retype(.reply, index: Slot(endpointSlot + 1))
        let server = try startPartner { _ in
            let (endpoint, reply) = (Endpoint(Slot(endpointSlot)), Reply(Slot(endpointSlot + 1)))
            do throws(KernelError) {
                var request = try endpoint.receive(reply: reply)
                while request[0] != 0 {
                    request = try endpoint.replyAndReceive(
                        RegisterMessage(0, request[1] &+ 1), reply: reply)
                }
                return 0
            } catch { return UInt64(error.rawValue) }
        }
        let clock = clock
        let client = CountingClient(endpoint)
        func rows(
            _ byHand: StaticString, _ typed: StaticString, _ deadline: () -> Instant
        ) throws(KernelError) {
            try row(RowName(byHand)) { () throws(KernelError) in
                let start = clock.now
                let answer = try endpoint.call(RegisterMessage(1, 7), deadline: deadline())
                let end = clock.now
                return answer[0] == 0 && answer[1] == 8 ? end - start : nil
            }
            try row(RowName(typed)) { () throws(KernelError) in
                let start = clock.now
                let number = try? client.next(after: 7, by: deadline())
                let end = clock.now
                return number == 8 ? end - start : nil
            }
        }
        try rows("typed.call.by-hand", "typed.call") { .never }
        try rows("typed.call-with-deadline.by-hand", "typed.call-with-deadline") { .patience }
        try endpoint.send(RegisterMessage(0))
        if try server.join() != 0 { throw .wrongState }
        let table = CapabilityTable(RootSlot.table)
        for index in 0..<2 as Range<UInt32> { try table.delete(Slot(endpointSlot + index)) }
    }
}
