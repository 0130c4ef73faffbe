// The rows of short system calls: nothing, yield, messages.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
@_spi(IPCBuffer) import UserRuntime

extension Bench {
    mutating func systemCallRows() throws(KernelError) {
        let version = Request(ControlWord(.version, Slot(0)))
        try row(RowName("system-call.null")) { () throws(KernelError) in try measure(version) }
        if !needs("yield.") { return }
        let yield = ControlWord(.yield, Slot(0))
        let request = Request(yield)
        try row(RowName("yield.nobody")) { () throws(KernelError) in try measure(request) }
        let other = try thread(254, in: otherSpace, clock.loops.yielder, yield.raw, Shared.yielded)
        try other.resume()
        try row(RowName("yield.other-address-space")) { () throws(KernelError) in
            try measure(request, to: Shared.yielded)
        }
        try other.suspend()
    }

    // Messages

    mutating func messageRows() throws(KernelError) {
        if !needs("ipc.") { return }
        let lengths: InlineArray<_, Int> = [0, 4, 8, 16, 64, 120]
        for index in lengths.indices {
            try roundTrip(lengths[index], server: 254, "")
            try roundTrip(lengths[index], server: 255, ".client-below")
            try roundTrip(lengths[index], server: 100, ".client-above")
        }
        try roundTripsWithMore()
        try roundTripWithCapabilities()
        try roundTripWithFloatingPoint()
        try oneWayRows()
    }
    /// This thread's priority is 254; where it is above the server's, the server inherits it.
    private mutating func roundTrip(
        _ length: Int, server: UInt8, _ suffix: StaticString
    ) throws(KernelError) {
        let endpoint = try endpoint(clock.loops.server, server, length: length)
        let request = Request(ControlWord(.call, endpoint, length: length))
        try row(RowName("ipc.round-trip.words-", length, suffix)) { () throws(KernelError) in
            try measure(request)
        }
    }

    /// A call with a deadline that does not pass, and one that lends a page, which stays untouched.
    private mutating func roundTripsWithMore() throws(KernelError) {
        let endpoint = try endpoint(clock.loops.server, 254)
        let timed = Request(ControlWord(.call, endpoint), by: .after(.seconds(3600)))
        try row(RowName("ipc.round-trip.deadline")) { () throws(KernelError) in
            try measure(timed)
        }
        IPCBufferAccess().set(Attachment(lending: Area.tables, length: 4096, .read))
        let lending = Request(ControlWord(.call, endpoint, loan: true))
        try row(RowName("ipc.round-trip.loan")) { () throws(KernelError) in
            try measure(lending)
        }
        let bell = try makeNotification()
        let bind = Request(.bindAbandonment, try make(.reply), UInt64(bell.slot.index), 1)
        try row(RowName("ipc.reply.bind-abandonment")) { () throws(KernelError) in
            try measure(bind)
        }
    }

    private mutating func roundTripWithCapabilities() throws(KernelError) {
        let request = try capabilityCall()
        try row(RowName("ipc.round-trip.words-120.capabilities-4")) { () throws(KernelError) in
            try measure(request)
        }
    }

    /// A thread of its own calls: this one leaves floating point alone. It touches a register
    /// before the call, the server when it received, and it again after the answer, so that both
    /// switches of the unit lie between the reads.
    private mutating func roundTripWithFloatingPoint() throws(KernelError) {
        let endpoint = try endpoint(clock.loops.vector_server, 200)
        let wake = try makeNotification()
        _ = try start(
            200, in: RootSlot.addressSpace, clock.loops.vector_client,
            ControlWord(.wait, wake.slot).raw, ControlWord(.call, endpoint).raw, Shared.received)
        try setMain(100)
        try row(RowName("ipc.round-trip.words-0.floating-point")) { () throws(KernelError) in
            try wake.signal(1)
            return bench_load(Shared.answered) &- bench_load(Shared.received)
        }
        try setMain(254)
    }

    /// Net: less the same code with `nop` for `svc`.
    private mutating func oneWayRows() throws(KernelError) {
        let endpoint = try endpoint(clock.loops.stamping_server, 254, Shared.received)
        let request = Request(ControlWord(.call, endpoint))
        let net = clock.loops.nop(Shared.request, Shared.start, 0)
        try row(RowName("ipc.call.one-way")) { () throws(KernelError) in
            // The server has answered by now: its stamp is this call's.
            try measure(request, to: Shared.received) &- net
        }
        try row(RowName("ipc.reply.one-way")) { () throws(KernelError) in
            _ = try measure(request)
            let end = bench_load(Shared.end)
            // The server notes when it began an answer once it has the next request.
            _ = try measure(request)
            return end &- bench_load(Shared.answered) &- net
        }
    }

    // The longest message

    /// A call with 120 words and four capabilities to a server of this address space, which deletes
    /// what the call brings, so that its slots are empty for the next.
    mutating func capabilityCall() throws(KernelError) -> Request {
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        var table = try makeTable()
        table.add(ControlWord(.replyAndReceive, endpoint), UInt64(reply.index))
        for index in 0..<4 as Range<UInt64> {
            table.add(ControlWord(invoke: .delete, .ownTable), UInt64(scratch) + 900 + index)
        }
        let server = try thread(
            254, in: RootSlot.addressSpace, clock.loops.repeat, table.address, UInt64(table.count))
        let slots = try ipcBuffer(server) + UInt64(IPCBuffer.receiveSlots)
        for index in 0..<4 as Range<UInt64> {
            bench_store(slots + 8 * index, UInt64(scratch) + 900 + index)
        }
        try server.resume()
        settle()
        try Endpoint(endpoint).bindServer(server)
        var attachment = Attachment()
        attachment.capabilities = (
            try make(.notification), try make(.notification), try make(.notification),
            try make(.notification)
        )
        IPCBufferAccess().set(attachment)
        return Request(ControlWord(.call, endpoint, length: 120, capabilities: 4))
    }

    /// A page for a table of calls.
    mutating func makeTable() throws(KernelError) -> LoadTable {
        let address = Area.tables + UInt64(tableCount) << 12
        tableCount += 1
        try map(
            try make(.frame, sizeBits: 12), at: address, .read | .write, in: RootSlot.addressSpace)
        return LoadTable(at: address)
    }
}
