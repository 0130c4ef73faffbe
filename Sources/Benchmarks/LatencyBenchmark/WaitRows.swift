// How long the most urgent thread of a core waits while threads of all other cores make the calls
// that keep the kernel longest.
//
// User code of that core raises a device's line, whose driver is the most urgent thread. An
// emulator that runs the cores in turn must not let others run in between, so the line rises within
// a turn of this core. It begins soon after an instant at which a timer, the cutter, ends the turn
// of another core, which may then be anywhere in the kernel. Others wait for the lock, or come to
// wait for it.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

/// What the other cores do.
private enum Work {
    case messages, mappings, objects, revocation, callsAcross, chain, all

    var name: StaticString {
        switch self {
        case .messages: "messages"
        case .mappings: "mappings"
        case .objects: "objects"
        case .revocation: "revocation"
        case .callsAcross: "calls-across"
        case .chain: "chain-15.callers-200"
        case .all: "all"
        }
    }
    static var single: InlineArray<6, Work> {
        [.messages, .mappings, .objects, .revocation, .callsAcross, .chain]
    }
    /// The load that does it.
    var load: Load? {
        switch self {
        case .messages, .callsAcross: .messages
        case .mappings: .mappings
        case .objects: .objects
        case .revocation: .revocation
        case .chain, .all: nil
        }
    }
}

/// The threads of the other cores, six for each.
private struct Flood {
    var threads: InlineArray<42, Thread?> = InlineArray(repeating: nil)
    static var kinds: Int { 6 }
    let cutter: Cutter
}

/// A periodic timer of another core, and the thread that arms it there.
private struct Cutter {
    let thread: Thread
    /// The call of that thread (`LoadTable`).
    let call: UInt64
    static var period: UInt64 { 4001 }
}

extension Bench {
    /// Below the real-time band, so that cores below it take turns.
    private static var floodPriority: UInt8 { 90 }

    mutating func waitRows() throws(KernelError) {
        if !needs("wait.") { return }
        try findDriver()
        guard let device else {
            return note("Not run for want of a PL011 that interrupts: wait.")
        }
        let flood = try makeFlood()
        try setDriver(of: device, on: home)
        try setMain(100)
        for kind in Work.single.indices {
            try waitRow(Work.single[kind], device, flood) { $0 == kind }
        }
        try waitRow(.all, device, flood) { _ in true }
        try setMain(254)
        try restoreDriver(of: device)
    }

    private func waitRow(
        _ work: Work, _ device: Device, _ flood: Flood, of kinds: (Int) -> Bool
    ) throws(KernelError) {
        var name = RowName("wait.")
        name.append(work.name)
        if !selection.accepts(name) { return }
        let firstCut = try start(flood.cutter)
        for index in flood.threads.indices where kinds(index % Flood.kinds) {
            try flood.threads[index]?.resume()
        }
        var histogram = Histogram()
        for _ in 0..<(selection.isQuick ? 200 : 2000) {
            if beginsTurn(firstCut), let length = interrupt(.toDriver, device) {
                histogram.add(length)
            } else {
                histogram.addMissed()
            }
        }
        for index in flood.threads.indices where kinds(index % Flood.kinds) {
            try flood.threads[index]?.suspend()
        }
        report(name, unit: clock.unit, histogram)
    }

    /// Lets the other cores run until the cutter has ended the turn of one.
    ///
    /// - Parameter first: an instant of the cutter.
    /// - Returns: false if this core never had its next turn so soon that no timer will end it.
    private func beginsTurn(_ first: UInt64) -> Bool {
        for _ in 0..<100 {
            let periods = (bench_counter() &- first) / Cutter.period &+ 1
            let cut = first &+ periods &* Cutter.period
            while bench_counter() < cut { bench_relax() }
            if bench_counter() < cut &+ Cutter.period / 2 { return true }
        }
        return false
    }

    /// Stopped threads on all other cores. What each works on is its own.
    private mutating func makeFlood() throws(KernelError) -> Flood {
        var flood = Flood(cutter: try makeCutter())
        for place in 0..<(coreCount - 1) {
            for kind in Work.single.indices {
                let thread = try floodThread(Work.single[kind], place, kind)
                flood.threads[place * Flood.kinds + kind] = thread
            }
        }
        return flood
    }
    /// The cutter on the last of the other cores, more urgent than all threads there.
    private mutating func makeCutter() throws(KernelError) -> Cutter {
        let timer = Timer(try make(.timer))
        try timer.bind(try makeNotification(), bits: 1)
        var table = try makeTable()
        table.add(ControlWord(invoke: .arm, timer.slot), 0, Cutter.period)
        // A timer belongs to the core of the thread that arms it, and is as urgent as that one.
        core = core(coreCount - 2)
        let thread = try thread(
            254, in: RootSlot.addressSpace, clock.loops.repeat, table.address, 1)
        core = nil
        return Cutter(thread: thread, call: table.address)
    }
    /// Arms the cutter anew: what the kernel does between two rows may take longer than its period.
    ///
    /// - Returns: its first instant, which has passed.
    private func start(_ cutter: Cutter) throws(KernelError) -> UInt64 {
        let first = bench_counter() &+ 8000
        bench_store(cutter.call &+ 8, first)
        try cutter.thread.resume()
        settle(ticks: 4000)
        try cutter.thread.suspend()
        while bench_counter() <= first { bench_relax() }
        return first
    }
    /// The other cores, one after the other.
    private func core(_ place: Int) -> Int { place < home ? place : place + 1 }

    private mutating func floodThread(
        _ work: Work, _ place: Int, _ kind: Int
    ) throws(KernelError) -> Thread? {
        var table = try makeTable()
        if let load = work.load {
            // The server of calls across cores is at home on the next core.
            core = core(work == .callsAcross ? (place + 1) % (coreCount - 1) : place)
            let endpoint = try endpoint(clock.loops.server, Bench.floodPriority)
            let frame = try make(.frame, sizeBits: 12)
            let mapped = Area.loads + UInt64(place * Flood.kinds + kind) << 12
            try map(frame, at: mapped, .read, in: RootSlot.addressSpace)
            try AddressSpace(RootSlot.addressSpace).unmap(frame)
            table.add(
                load,
                LoadObjects(
                    endpoint: endpoint, addressSpace: RootSlot.addressSpace, frame: frame,
                    address: mapped, arena: try make(.untyped, sizeBits: 16), slots: slots(16),
                    systemControl: RootSlot.systemControl))
        } else if place == 0 {
            try addChain(to: &table)
        } else {
            core = nil
            return nil
        }
        // The threads of a core take turns. Slices would do that by timers.
        table.add(ControlWord(.yield, Slot(0)))
        core = core(place)
        let thread = try thread(
            Bench.floodPriority, in: RootSlot.addressSpace, clock.loops.repeat, table.address,
            UInt64(table.count))
        core = nil
        try thread.setPriority(Bench.floodPriority, maximum: 254)
        return thread
    }

    /// A client at the end of a chain of 15 servers on the first of them, each of them among 200
    /// further callers, becomes more and less urgent than all of them.
    private mutating func addChain(to table: inout LoadTable) throws(KernelError) {
        let main = Thread(RootSlot.thread)
        // Threads and timers belong to the core that makes them.
        try main.setCore(core(0))
        let parts = try enterTrees()
        let tree = try makeTree(length: 15, callers: 200, parts.arena)
        try build(tree)
        try tree.client.go()
        try main.setCore(home)
        try setMain(254)
        let client = tree.client.thread.slot
        let priorities: InlineArray<2, UInt8> = [ChainTree.lowPriority, ChainTree.clientPriority]
        for index in priorities.indices {
            table.add(
                ControlWord(invoke: .setPriority, client), UInt64(priorities[index]), 254)
        }
    }
}
