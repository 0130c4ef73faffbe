// The sweep through the longest message: 120 words and four capabilities each way through the kernel.
//
// The server plays a table of calls: take the message, then delete what it brought, so that the slots are empty for the next.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

private let tableAddress: UInt64 = 0xc380_0000
private let words = 120
/// The server's slots for received capabilities, from here on.
private let receiveSlot: UInt32 = 3600

extension Bench {
    mutating func messageSweep(_ timer: Timer, _ offset: UInt64) throws(KernelError) {
        let endpoint = try make(.endpoint)
        try startTakingServer(endpoint)
        var attachment = Attachment()
        attachment.capabilities = (try sent(), try sent(), try sent(), try sent())
        attachment.count = 4
        IPCBufferAccess().set(attachment)
        let control = ControlWord(.call, endpoint, length: words, capabilities: 4).raw
        var roundTrip = Histogram()
        for _ in 0..<200 { roundTrip.add(bench_call(control, 0, Instant.never.ticks)) }
        report("ipc.round-trip.words-120.capabilities-4", goal: 0, roundTrip)
        try sweep("sweep.ipc-120-words-4-capabilities", timer, offset, span: 400, step: 1) { () throws(KernelError) in
            _ = bench_call(control, 0, Instant.never.ticks)
            _ = bench_call(control, 0, Instant.never.ticks)
        } after: { () throws(KernelError) in
        }
    }

    /// A capability to send: a notification's.
    private mutating func sent() throws(KernelError) -> Slot { try make(.notification) }

    /// A server that takes four capabilities with each call.
    private mutating func startTakingServer(_ endpoint: Slot) throws(KernelError) {
        try map(try make(.frame, sizeBits: 12), at: tableAddress, .read | .write, in: RootSlot.addressSpace)
        let reply = try make(.reply)
        var table = unsafe LoadTable(
            UnsafeMutableBufferPointer(start: pointer(tableAddress), count: LoadTable.capacity * LoadTable.stride))
        table.add(ControlWord(.replyAndReceive, endpoint), UInt64(reply.index), Instant.never.ticks)
        for index in 0..<4 as Range<UInt64> {
            table.add(ControlWord(invoke: .delete, .ownTable), UInt64(receiveSlot) + index)
        }
        let server = try thread(200, in: RootSlot.addressSpace, bench_repeat_entry(), tableAddress, UInt64(table.count))
        // Its IPC buffer lies three pages below the start of its stack pointer.
        let buffer = try server.information().stackPointer - 0x3000
        for index in 0..<4 as Range<UInt64> {
            unsafe bench_store(
                pointer(buffer + UInt64(IPCBuffer.receiveSlots) + 8 * index), UInt64(receiveSlot) + index)
        }
        try server.resume()
        try settle()
        try Endpoint(endpoint).bindServer(server)
    }
}
