// The rows under load: the most urgent thread's lateness, and the short paths, while others keep the kernel busy.
//
// The loads are threads of one lower priority that take turns by a short slice, so that a timer's expiry meets each of them
// at ever other places. The measuring thread lies between: while it waits they run, when it is woken they have left caches,
// tables and queues as they like.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

/// Where the loads' tables of calls lie in this address space, and the pages that they map.
private let tableAddress: UInt64 = 0xc300_0000
private let mappedAddress: UInt64 = 0xc400_0000
private let loadPriority: UInt8 = 50
/// Ticks of a load's turn: some 2,400 instructions.
private let loadSlice = Duration(ticks: 150)

extension Bench {
    /// The way of an interrupt: expiry, driver in the other address space, client that the driver wakes.
    mutating func interruptRows() throws(KernelError) {
        let interrupt = try make(.notification)
        let client = try make(.notification)
        let timer = Timer(try make(.timer))
        try timer.bind(Notification(interrupt), bits: 1)
        _ = try start(
            254, in: RootSlot.addressSpace, bench_waiter_entry(), ControlWord(.wait, client).raw,
            Bench.sharedAddress + 8 * UInt64(Word.answer), Bench.sharedAddress + 8 * UInt64(Word.count))
        _ = try start(
            255, in: otherSpace, bench_driver_entry(), ControlWord(.wait, interrupt).raw,
            ControlWord(.signal, client).raw,
            Bench.sharedAddress + 8 * UInt64(Word.stamp))
        try setMain(100)
        let offset = clockOffset()
        var driver = Histogram()
        var woken = Histogram()
        for round in 0..<1000 as Range<UInt64> {
            // Through a cycle of single ticks, as PEERS' method 5 asks.
            try lateness(timer, offset, lead: 200 + round % 101, into: &driver) { () throws(KernelError) in }
            woken.add(load(Word.answer) &- load(Word.stamp))
        }
        report("interrupt.to-driver", goal: 150, driver)
        report("interrupt.driver-to-woken-client", goal: 0, woken)
        try setMain(254)
    }

    /// Each load alone, then all of them together.
    mutating func loadRows() throws(KernelError) {
        let messages = try loadThread(.messages, 0)
        let mappings = try loadThread(.mappings, 1)
        let objects = try loadThread(.objects, 2)
        let console = try loadThread(.console, 3)
        let notification = try make(.notification)
        let timer = Timer(try make(.timer))
        try timer.bind(Notification(notification), bits: 1)
        try urgentWaiter(notification)
        try setMain(100)
        try latenessRow("timer.to-thread.idle", timer, rounds: 1000)
        try under(messages) { (bench) throws(KernelError) in
            try bench.latenessRow("timer.to-thread.load-messages", timer, rounds: 1000)
        }
        try under(mappings) { (bench) throws(KernelError) in
            try bench.latenessRow("timer.to-thread.load-mappings", timer, rounds: 1000)
        }
        try under(objects) { (bench) throws(KernelError) in
            try bench.latenessRow("timer.to-thread.load-objects", timer, rounds: 1000)
        }
        try under(console) { (bench) throws(KernelError) in
            try bench.latenessRow("timer.to-thread.load-console", timer, rounds: 100)
        }
        let all: InlineArray<4, Thread> = [messages, mappings, objects, console]
        for index in all.indices { try all[index].resume() }
        try latenessRow("timer.to-thread.load-all", timer, rounds: 400)
        try pathsUnderLoad()
        for index in all.indices { try all[index].suspend() }
        try setMain(254)
    }

    private mutating func under(
        _ thread: Thread, _ body: (inout Bench) throws(KernelError) -> Void
    ) throws(KernelError) {
        try thread.resume()
        try body(&self)
        try thread.suspend()
    }

    /// A stopped thread that plays a load. What it works on is its own.
    private mutating func loadThread(_ load: Load, _ number: UInt32) throws(KernelError) -> Thread {
        let address = tableAddress + UInt64(number) << 12
        try map(try make(.frame, sizeBits: 12), at: address, .read | .write, in: RootSlot.addressSpace)
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        let server = try start(
            loadPriority, in: otherSpace, bench_server_entry(), ControlWord(.replyAndReceive, endpoint).raw,
            UInt64(reply.index))
        try Endpoint(endpoint).bindServer(server)
        let frame = try make(.frame, sizeBits: 12)
        let mapped = mappedAddress + UInt64(number) << 12
        try map(frame, at: mapped, .read, in: RootSlot.addressSpace)
        try AddressSpace(RootSlot.addressSpace).unmap(frame)
        var table = unsafe LoadTable(
            UnsafeMutableBufferPointer(start: pointer(address), count: LoadTable.capacity * LoadTable.stride))
        table.add(
            load,
            LoadObjects(
                endpoint: endpoint, addressSpace: RootSlot.addressSpace, frame: frame, address: mapped,
                arena: try make(.untyped, sizeBits: 16), slots: Slot(3500 + 16 * number),
                systemControl: RootSlot.systemControl))
        let thread = try thread(
            loadPriority, in: RootSlot.addressSpace, bench_repeat_entry(), address, UInt64(table.count))
        try thread.setSlice(loadSlice)
        return thread
    }

    /// Lateness while this thread waits, so that what is below it runs until the timer expires.
    private mutating func latenessRow(_ name: StaticString, _ timer: Timer, rounds: UInt64) throws(KernelError) {
        let offset = clockOffset()
        let pause = Notification(try make(.notification))
        var histogram = Histogram()
        for round in 0..<rounds {
            try lateness(timer, offset, lead: 200 + round * 7 % 211, into: &histogram) { () throws(KernelError) in
                _ = try? pause.wait(deadline: Instant.now + Duration(ticks: 600))
            }
        }
        endLoadLine()
        report(name, goal: 1500, histogram)
    }

    /// The short paths, each call after the loads ran for a while.
    private mutating func pathsUnderLoad() throws(KernelError) {
        try pathUnderLoad("load.system-call.null", goal: 40, ControlWord(.version, Slot(0)))
        try pathUnderLoad("load.signal.nobody-waits", goal: 70, ControlWord(.signal, try make(.notification)))
        try pathUnderLoad("load.ipc.round-trip.words-0", goal: 205, try serverControl(length: 0))
        try pathUnderLoad("load.ipc.round-trip.words-8", goal: 225, try serverControl(length: 8))
        try pathUnderLoad("load.ipc.round-trip.words-120", goal: 650, try serverControl(length: 120))
    }

    /// The control word of a call to a new server above this thread, in the other address space.
    private mutating func serverControl(length: Int) throws(KernelError) -> ControlWord {
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        let server = try start(
            200, in: otherSpace, bench_server_entry(),
            ControlWord(.replyAndReceive, endpoint, length: length).raw, UInt64(reply.index))
        try Endpoint(endpoint).bindServer(server)
        return ControlWord(.call, endpoint, length: length)
    }

    private mutating func pathUnderLoad(_ name: StaticString, goal: UInt64, _ control: ControlWord) throws(KernelError)
    {
        let pause = Notification(try make(.notification))
        var histogram = Histogram()
        for round in 0..<100 as Range<UInt64> {
            _ = try? pause.wait(deadline: Instant.now + Duration(ticks: 400 + round % 37))
            histogram.add(bench_call(control.raw, 1, Instant.never.ticks))
        }
        endLoadLine()
        report(name, goal: goal, histogram)
    }

    /// The console's load may stand in the middle of a line.
    private func endLoadLine() { console.write("\n") }
}
