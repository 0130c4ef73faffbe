// A chain of servers, each of which waits for the next one, among many other callers of it: the
// tree in which priority inheritance has most to do.
//
// Server n is bound to endpoint n and is queued with a call, which has a deadline, at endpoint n -
// 1; the first, where the chain ends, waits on a notification among as many waiters. So a change of
// priority moves each server in two queues and in the order of deadlines. The queues are filled in
// the order that makes them highest (QueueShape). The client stands at the other end, above all of
// them or below.
//
//     client → [ server n → … → server 2 → server 1 ] → a notification that nobody signals
//                   ↑ callers        ↑ callers              ↑ waiters

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

/// Where the tree's capabilities stand, behind `scratch`, and its blocks.
enum TreePlace {
    static let endpoints = scratch
    static let servers = scratch + 200
    /// Callers that are not needed any more once they are queued.
    static let passing = scratch + 400
    /// Callers of the servers that die: of the last one, and of the one in the middle.
    static let callersOfLast = scratch + 600
    static let callersOfMiddle = scratch + 800
    /// What else a tree has.
    static let others = scratch + 1000
    /// Links that there is room for, and callers at each.
    static let links = 200

    static func callerBlock(_ link: Int) -> Block { Block(link) }
    static func serverBlock(_ number: Int) -> Block { Block(links + 1 + number) }
    static let freeBlocks = 2 * links + 2
}

struct ChainTree {
    /// Servers, and further callers of each.
    let length: Int
    let callers: Int
    /// The servers' priority: above all further callers', below the client's.
    let ceiling: UInt8
    /// Whether the last server watches the clock when the chain's end is signalled.
    let watchesEnd: Bool
    let shape: QueueShape
    /// Where all of it lies, and what those lie in that die: client, last server, middle server.
    let arena: Untyped
    let graves: InlineArray<3, Untyped>
    let client: Worker
    /// The thread that makes the calls which are not the client's.
    let other: Worker
    /// Where a thread waits that has nothing to do any more; nobody signals it. The chain's end.
    let parking: Slot
    let end: Slot

    static var clientPriority: UInt8 { 250 }
    static var lowPriority: UInt8 { 3 }
    var middle: Int { (length + 1) / 2 }

    func endpoint(_ number: Int) -> Endpoint {
        Endpoint(Slot(TreePlace.endpoints + UInt32(number - 1)))
    }
    func server(_ number: Int) -> Thread { Thread(Slot(TreePlace.servers + UInt32(number - 1))) }
    /// Whether the client can call only before the chain has grown.
    var isBeyondLimit: Bool { length >= Limits.chain }
    /// `prefix`.N.callers-K
    func rowName(_ prefix: StaticString) -> RowName { ChainTree.rowName(prefix, length, callers) }
    static func rowName(_ prefix: StaticString, _ length: Int, _ callers: Int) -> RowName {
        var name = RowName(prefix, length, ".callers-")
        name.append(callers)
        return name
    }

    /// What a server that dies was made from.
    func grave(ofServer number: Int) -> Untyped? {
        number == 1 ? graves[1] : number == middle ? graves[2] : nil
    }
    /// The first slot of a server's callers, where they are kept.
    func keptCallers(_ link: Int) -> UInt32? {
        link == 1 ? TreePlace.callersOfLast : link == middle ? TreePlace.callersOfMiddle : nil
    }

    /// The priority of the further caller of this rank: all different, from 4 up to below the
    /// ceiling.
    func priority(ofRank rank: Int) -> UInt8 {
        UInt8(4 + rank * (Int(ceiling) - 5) / max(callers, 1))
    }

    /// What waits at the chain's end (0), or calls server `link`.
    func request(_ link: Int) -> ControlWord {
        link == 0 ? ControlWord(.wait, end) : ControlWord(.call, endpoint(link).slot)
    }
    /// A deadline far away, that differs from the others'.
    static func farDeadline(_ number: Int) -> Instant { Instant(ticks: 1 << 50 + UInt64(number)) }
}

extension Bench {
    /// The next of the slots of what a tree has besides its threads and endpoints.
    private mutating func treeSlot() -> Slot {
        treeSlots += 1
        return Slot(TreePlace.others + treeSlots)
    }
    mutating func makeForTree(
        _ kind: ObjectKind, sizeBits: Int = 0, _ arena: Untyped
    ) throws(KernelError) -> Slot {
        let target = treeSlot()
        try arena.retype(kind, sizeBits: sizeBits, index: target)
        return target
    }
    /// A worker whose thread is still to be made.
    mutating func makeWorker(_ block: Block, _ arena: Untyped) throws(KernelError) -> Worker {
        let wake = try makeForTree(.notification, arena)
        block.prepare(wake: wake, Request(ControlWord(.version, Slot(0))))
        return Worker(thread: Thread(treeSlot()), block: block, wake: Notification(wake))
    }

    /// Objects and blocks of a tree, from which `build` makes its threads.
    mutating func makeTree(
        length: Int, callers: Int, ceiling: UInt8 = 244, watchesEnd: Bool = false, _ arena: Untyped
    ) throws(KernelError) -> ChainTree {
        treeSlots = 0
        let graves: InlineArray<3, Untyped> = [
            Untyped(try makeForTree(.untyped, sizeBits: 12, arena)),
            Untyped(try makeForTree(.untyped, sizeBits: 12, arena)),
            Untyped(try makeForTree(.untyped, sizeBits: 12, arena)),
        ]
        let tree = ChainTree(
            length: length, callers: callers, ceiling: ceiling, watchesEnd: watchesEnd,
            shape: QueueShape(callers + 1), arena: arena, graves: graves,
            client: try makeWorker(Block(TreePlace.freeBlocks), arena),
            other: try makeWorker(Block(TreePlace.freeBlocks + 1), arena),
            parking: try makeForTree(.notification, arena),
            end: try makeForTree(.notification, arena))
        try arena.retype(.endpoint, count: length, index: tree.endpoint(1).slot)
        for number in 1...length {
            TreePlace.serverBlock(number).prepare(
                wake: watchesEnd && number == 1 ? tree.end : tree.parking,
                Request(tree.request(number - 1), by: ChainTree.farDeadline(number)))
        }
        for link in 0...length {
            TreePlace.callerBlock(link).prepare(wake: tree.parking, Request(tree.request(link)))
        }
        tree.client.block.prepare(wake: tree.client.wake.slot, Request(tree.request(length)))
        return tree
    }

    /// The tree's threads, from the client's end to the chain's; so the chain grows where it ends,
    /// and may be longer than what a new caller may wait for. The client is queued first
    /// (`withClient`), or waits to be woken.
    ///
    /// - Throws: `chainTooLong` where the kernel has no chains of this length.
    func build(_ tree: ChainTree, withClient: Bool = false) throws(KernelError) {
        for number in 1...tree.length { try makeServer(tree, number) }
        try start(tree.other, 2, from: tree.arena)
        try start(tree.client, ChainTree.clientPriority, from: tree.graves[0])
        if withClient { try tree.client.go() }
        for link in (0...tree.length).reversed() { try fill(tree, link) }
        try tree.client.block.check()
    }

    /// A stopped thread that is bound to its endpoint.
    private func makeServer(_ tree: ChainTree, _ number: Int) throws(KernelError) {
        let thread = tree.server(number)
        try (tree.grave(ofServer: number) ?? tree.arena).retype(.thread, index: thread.slot)
        let isWatcher = tree.watchesEnd && number == 1
        try configure(
            thread, tree.ceiling, isWatcher ? timerClock.loops.watcher : timerClock.loops.performer,
            TreePlace.serverBlock(number))
        try tree.endpoint(number).bindServer(thread)
    }

    /// New threads queue at the endpoint of server `link` (0: the chain's end), and in its turn the
    /// server before it.
    private func fill(_ tree: ChainTree, _ link: Int) throws(KernelError) {
        let slots = tree.keptCallers(link) ?? TreePlace.passing
        if tree.callers > 0 {
            try tree.arena.retype(.thread, count: tree.callers, index: Slot(slots))
            for rank in 0..<tree.callers {
                try configure(
                    Thread(Slot(slots + UInt32(rank))), tree.priority(ofRank: rank),
                    timerClock.loops.performer,
                    TreePlace.callerBlock(link))
            }
        }
        try queue(tree, link, slots)
        if tree.keptCallers(link) != nil { return }
        for rank in 0..<UInt32(tree.callers) { try CapabilityTable.own.delete(Slot(slots + rank)) }
    }

    /// Let stopped threads call, in the order of the shape: the callers, and the server whose place
    /// is the highest rank's.
    private func queue(_ tree: ChainTree, _ link: Int, _ callers: UInt32) throws(KernelError) {
        for place in 0...tree.callers {
            let rank = tree.shape[place]
            if rank < tree.callers {
                try Thread(Slot(callers + UInt32(rank))).resume()
            } else if link < tree.length {
                TreePlace.serverBlock(link + 1).clearResult()
                try tree.server(link + 1).resume()
                try TreePlace.serverBlock(link + 1).check()
            }
        }
    }

    // Back to what it was

    /// The client gives up what it waits for, and waits to be woken.
    func recall(_ tree: ChainTree) throws(KernelError) {
        try tree.client.thread.suspend()
        try tree.client.thread.resume()
    }
    /// A dead client again.
    func reviveClient(_ tree: ChainTree) throws(KernelError) {
        try start(tree.client, ChainTree.clientPriority, from: tree.graves[0])
    }
    /// A dead server again, and those that had called it. Where they wait by now each of them calls
    /// anew.
    func revive(_ tree: ChainTree, server number: Int) throws(KernelError) {
        try makeServer(tree, number)
        try tree.server(number).resume()
        guard let callers = tree.keptCallers(number) else { return }
        for rank in 0..<UInt32(tree.callers) {
            try callAnew(Thread(Slot(callers + rank)), TreePlace.callerBlock(number))
        }
        if number < tree.length {
            try callAnew(tree.server(number + 1), TreePlace.serverBlock(number + 1))
        }
        try queue(tree, number, callers)
    }
    /// Stop a parked thread where it begins.
    private func callAnew(_ thread: Thread, _ block: Block) throws(KernelError) {
        try thread.suspend()
        try thread.setEntry(
            programCounter: timerClock.loops.performer, stackPointer: 0, argument: block.address,
            threadPointer: 0)
    }
}
