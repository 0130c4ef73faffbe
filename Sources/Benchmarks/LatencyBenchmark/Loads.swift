// What keeps the kernel busy below the rows: four threads, each with a table of calls that it
// makes for ever.
//
// They take turns by a short slice, so that an expiry meets each of them at ever other places.
// Their priority is below that of everything that is measured: they run while the measuring
// thread waits.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

private let loadPriority: UInt8 = 3
/// A load's turn, hardly more than the shortest slice that there is.
private let loadSlice = Duration.microseconds(11)

struct Loads {
    var threads: InlineArray<4, Thread>

    func resume() throws(KernelError) {
        for index in threads.indices { try threads[index].resume() }
    }
    func suspend() throws(KernelError) {
        for index in threads.indices { try threads[index].suspend() }
    }
}

extension Bench {
    mutating func makeLoads() throws(KernelError) -> Loads {
        Loads(threads: [
            try loadThread(.messages, 0), try loadThread(.mappings, 1), try loadThread(.objects, 2),
            try loadThread(.console, 3),
        ])
    }

    /// A stopped thread that plays a load. What it works on is its own.
    private mutating func loadThread(_ load: Load, _ number: UInt32) throws(KernelError) -> Thread {
        let endpoint = try endpoint(clock.loops.server, loadPriority)
        let frame = try make(.frame, sizeBits: 12)
        let mapped = Area.loads + UInt64(number) << 12
        try map(frame, at: mapped, .read, in: RootSlot.addressSpace)
        try AddressSpace(RootSlot.addressSpace).unmap(frame)
        var table = try makeTable()
        table.add(
            load,
            LoadObjects(
                endpoint: endpoint, addressSpace: RootSlot.addressSpace, frame: frame,
                address: mapped,
                arena: try make(.untyped, sizeBits: 16), slots: Slot(scratch + 1000 + 16 * number),
                systemControl: RootSlot.systemControl))
        let thread = try thread(
            loadPriority, in: RootSlot.addressSpace, clock.loops.repeat, table.address,
            UInt64(table.count))
        try thread.setSlice(loadSlice)
        return thread
    }

    /// How late a driver is while each load runs, and while all do by turns; the whole way
    /// under all.
    mutating func timerRowsUnderLoad(_ loads: Loads) throws(KernelError) {
        if !needs("interrupt.timer.") { return }
        let names: InlineArray<4, StaticString> = [
            ".load-messages", ".load-mappings", ".load-objects", ".load-console",
        ]
        let timer = try timer(hasClient: true)
        try setMain(100)
        for index in names.indices {
            try loads.threads[index].resume()
            try expiries(.toDriver, names[index], timer, bursts: 100, every: period) {
                () throws(KernelError) in
                sleep()
            }
            try loads.threads[index].suspend()
        }
        try loads.resume()
        for index in Part.all.indices {
            try expiries(Part.all[index], ".load-all", timer, bursts: 100, every: period) {
                () throws(KernelError) in
                sleep()
            }
        }
        try loads.suspend()
        try setMain(254)
    }
}
