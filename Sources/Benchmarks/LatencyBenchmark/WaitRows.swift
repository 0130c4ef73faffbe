// How long the most urgent thread of a core waits while threads of all other cores make the calls
// that keep the kernel longest.
//
// A timer of that core interrupts user code there, at a thousand instants that have nothing to do
// with what the others do. These make their calls for ever. They let one another run behind each
// call, so that an expiry finds one of them somewhere in the kernel, and others that wait for the
// lock.

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
}

extension Bench {
    /// Below the real-time band, so that cores below it take turns.
    private static var floodPriority: UInt8 { 90 }

    mutating func waitRows() throws(KernelError) {
        if !needs("wait.") { return }
        let timer = try timer(hasClient: false)
        let flood = try makeFlood()
        try setMain(100)
        for kind in Work.single.indices {
            try waitRow(Work.single[kind], timer, flood) { $0 == kind }
        }
        try waitRow(.all, timer, flood) { _ in true }
        try setMain(254)
    }

    private func waitRow(
        _ work: Work, _ timer: Timer, _ flood: Flood, of kinds: (Int) -> Bool
    ) throws(KernelError) {
        var name = RowName("wait.")
        name.append(work.name)
        if !selection.accepts(name) { return }
        for index in flood.threads.indices where kinds(index % Flood.kinds) {
            try flood.threads[index]?.resume()
        }
        var histogram = Histogram()
        for round in 0..<(selection.isQuick ? 200 : 2000) as Range<UInt64> {
            // `arm` waits for the lock as well, so there is time for that.
            let first = bench_counter() &+ 2000 &+ round &* 7 % 211
            try burst(timer, from: first, every: 0) { () throws(KernelError) in
                // What is armed too late says nothing about the wait.
                if bench_counter() >= first { histogram.addMissed() }
            }
            collect(.toDriver, from: first, every: 0, into: &histogram)
        }
        for index in flood.threads.indices where kinds(index % Flood.kinds) {
            try flood.threads[index]?.suspend()
        }
        report(name, unit: timerClock.unit, histogram)
    }

    /// Stopped threads on all other cores. What each works on is its own.
    private mutating func makeFlood() throws(KernelError) -> Flood {
        var flood = Flood()
        for place in 0..<(coreCount - 1) {
            for kind in Work.single.indices {
                let thread = try floodThread(Work.single[kind], place, kind)
                flood.threads[place * Flood.kinds + kind] = thread
            }
        }
        return flood
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
        core = core(place)
        let thread = try thread(
            Bench.floodPriority, in: RootSlot.addressSpace, clock.loops.repeat, table.address,
            UInt64(table.count))
        core = nil
        try thread.setPriority(Bench.floodPriority, maximum: 254)
        try thread.setSlice(.microseconds(11))
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
