// The rows of typed calls, each beside the same call packed by hand: what the generated client
// costs. The server answers both alike; it is a more urgent thread of this task.

import BenchmarkStatistics
import Interfaces

/// What the rows call.
@Service(version: 1)
private protocol Counting {
    /// The number behind `number`.
    @Method(1) func next(after number: UInt64) -> UInt64

    /// The same, with memory that is lent.
    @Method(2) func lend(
        _ numbers: borrowing LentForReading<UInt64>, after number: UInt64
    ) -> UInt64

    /// The same, with bytes.
    @Method(3) func send(after number: UInt64, _ bytes: Bytes<104>) -> UInt64
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
        @inline(__always) func rows(
            _ byHand: StaticString, _ typed: StaticString,
            _ callByHand: () throws(KernelError) -> Received,
            _ callTyped: () throws(SystemError) -> UInt64
        ) throws(KernelError) {
            try row(RowName(byHand)) { () throws(KernelError) in
                let start = clock.now
                let answer = try callByHand()
                let end = clock.now
                return answer[0] == 0 && answer[1] == 8 ? end - start : nil
            }
            try row(RowName(typed)) { () throws(KernelError) in
                let start = clock.now
                let number = try? callTyped()
                let end = clock.now
                return number == 8 ? end - start : nil
            }
        }
        try rows("typed.call.by-hand", "typed.call") { () throws(KernelError) in
            try endpoint.call(RegisterMessage(1, 7))
        } _: { () throws(SystemError) in
            try client.next(after: 7, by: .never)
        }
        try rows(
            "typed.call-with-deadline.by-hand", "typed.call-with-deadline"
        ) { () throws(KernelError) in
            try endpoint.call(RegisterMessage(1, 7), deadline: .patience)
        } _: { () throws(SystemError) in
            try client.next(after: 7)
        }
        let numbers = InlineArray<8, UInt64>(repeating: 7)
        try rows("typed.call-with-loan.by-hand", "typed.call-with-loan") { () throws(KernelError) in
            // Safety: only the address is taken; the numbers are there for the whole call.
            try unsafe numbers.span.withUnsafeBytes { (memory) throws(KernelError) in
                let address = UInt64(UInt(bitPattern: memory.baseAddress))
                let loan = Attachment(lending: address, length: UInt64(memory.count), .read)
                return try endpoint.call(RegisterMessage(2, 7), loan)
            }
        } _: { () throws(SystemError) in
            try client.lend(numbers.span, after: 7, by: .never)
        }
        let bytes = InlineArray<100, UInt8>(repeating: 7)
        try rows("typed.call-with-bytes.by-hand", "typed.call-with-bytes") {
            () throws(KernelError) in
            try endpoint.call(RegisterMessage(3, 7, 100), bytes: bytes.span)
        } _: { () throws(SystemError) in
            try client.send(after: 7, Bytes(prefixOf: bytes.span), by: .never)
        }
        try endpoint.send(RegisterMessage(0))
        if try server.join() != 0 { throw .wrongState }
        let table = CapabilityTable(RootSlot.table)
        for index in 0..<2 as Range<UInt32> { try table.delete(Slot(endpointSlot + index)) }
    }
}
