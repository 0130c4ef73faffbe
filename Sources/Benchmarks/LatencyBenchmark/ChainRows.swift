// What threads without privilege do to a tree of callers, and how long the most urgent thread waits
// meanwhile.
//
// A worker makes its call at an exact instant; a timer of the most urgent thread expires once at
// each tick from then on until everything is quiet again, and once at every instruction around the
// tick at which the wait was longest. The measuring thread has the lowest priority of all: where it
// runs again, nothing is left to be done. Operations that take longer than a few periods have a
// periodic timer beside them, first with its first expiry at one tick, then at the next
// (SweepRows.swift).

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

enum ChainOperation {
    case call, callWithDeadline, timeOut, priorityUp, priorityDown, suspend, resume, deathOfFirst,
        deathOfMiddle,
        deathOfLast

    static var all: InlineArray<10, ChainOperation> {
        [
            .call, .callWithDeadline, .timeOut, .priorityUp, .priorityDown, .suspend, .resume,
            .deathOfFirst,
            .deathOfMiddle, .deathOfLast,
        ]
    }
    var name: StaticString {
        switch self {
        case .call: ".call"
        case .callWithDeadline: ".call-with-deadline"
        case .timeOut: ".time-out"
        case .priorityUp: ".priority-up"
        case .priorityDown: ".priority-down"
        case .suspend: ".suspend"
        case .resume: ".resume"
        case .deathOfFirst: ".death-of-first"
        case .deathOfMiddle: ".death-of-middle"
        case .deathOfLast: ".death-of-last"
        }
    }
    /// Whether the client itself makes the measured call.
    var isClients: Bool { self == .call || self == .callWithDeadline }
    /// Whether it can be made while the client stays where it is, in a chain too long to be called
    /// again.
    var keepsClient: Bool { self == .priorityUp || self == .priorityDown }
}

/// What the rows of trees share.
struct TreeParts {
    /// The most urgent thread's.
    let timer: Timer
    let arena: Untyped
    /// A notification that nobody signals.
    let nobody: Notification
    /// The first of the timers that are armed meanwhile.
    let farTimers: Slot
    static var farTimerCount: Int { 200 }
}

extension Bench {
    mutating func chainRows() throws(KernelError) {
        if !needs("chain.") { return }
        let parts = try enterTrees()
        let lengths: InlineArray<4, Int> = [1, 4, 8, 15]
        let callers: InlineArray<4, Int> = [0, 8, 64, 200]
        for index in lengths.indices {
            for second in callers.indices {
                if selection.isQuick && (lengths[index] != 4 || callers[second] != 8) { continue }
                try chainRows(lengths[index], callers[second], parts)
            }
        }
        if !selection.isQuick {
            try longChainRows(64, parts)
            try longChainRows(200, parts)
        }
        try leaveTrees(parts)
    }

    /// This thread stands below all others from here on, and many deadlines that never come make
    /// their order as high as it may be, until `leaveTrees`.
    mutating func enterTrees() throws(KernelError) -> TreeParts {
        if trees == nil { trees = try makeTreeParts() }
        guard let parts = trees else { throw .wrongState }
        let shape = QueueShape(TreeParts.farTimerCount)
        for place in 0..<shape.count {
            try farTimer(parts, place).arm(ChainTree.farDeadline(1000 + shape[place]))
        }
        try setMain(1)
        return parts
    }
    func leaveTrees(_ parts: TreeParts) throws(KernelError) {
        try setMain(254)
        for place in 0..<TreeParts.farTimerCount { try farTimer(parts, place).cancel() }
    }
    private func farTimer(_ parts: TreeParts, _ number: Int) -> Timer {
        Timer(Slot(parts.farTimers.index + UInt32(number)))
    }
    private mutating func makeTreeParts() throws(KernelError) -> TreeParts {
        try mapBlocks()
        let parts = TreeParts(
            timer: try timer(hasClient: false),
            arena: Untyped(try make(.untyped, sizeBits: min(22, memoryBits - 2))),
            nobody: try makeNotification(), farTimers: slots(TreeParts.farTimerCount))
        try memory.retype(.timer, count: TreeParts.farTimerCount, index: parts.farTimers)
        for number in 0..<TreeParts.farTimerCount {
            try farTimer(parts, number).bind(parts.nobody, bits: 1)
        }
        return parts
    }

    mutating func chainRows(_ length: Int, _ callers: Int, _ parts: TreeParts) throws(KernelError) {
        if !selection.needs(name(ChainTree.rowName("chain.", length, callers))) { return }
        let tree = try makeTree(length: length, callers: callers, parts.arena)
        try build(tree)
        for index in ChainOperation.all.indices {
            let operation = ChainOperation.all[index]
            if operation == .deathOfMiddle && tree.middle == 1 { continue }
            try row(operation, tree, parts.timer)
        }
        try destroy(parts.arena)
    }

    /// Chains that have grown where they end beyond what a caller may wait for.
    private mutating func longChainRows(_ length: Int, _ parts: TreeParts) throws(KernelError) {
        let callers: InlineArray<2, Int> = [0, 8]
        for index in callers.indices {
            if !selection.needs(ChainTree.rowName("chain.", length, callers[index])) { continue }
            let tree = try makeTree(length: length, callers: callers[index], parts.arena)
            do throws(KernelError) {
                try build(tree, withClient: true)
                try row(.priorityUp, tree, parts.timer)
                try row(.priorityDown, tree, parts.timer)
            } catch {
                if error != .chainTooLong { throw error }
                note("Not run, since the kernel refuses a chain of this length: ", UInt64(length))
            }
            try destroy(parts.arena)
        }
    }

    // One row

    private func row(
        _ operation: ChainOperation, _ tree: ChainTree, _ timer: Timer
    ) throws(KernelError) {
        var name = name(tree.rowName("chain."))
        name.append(operation.name)
        if !selection.accepts(name) { return }
        let performer = operation.isClients ? tree.client : tree.other
        tree.client.block.prepare(wake: tree.client.wake.slot, Request(tree.request(tree.length)))
        if operation == .timeOut { return try timeOutRow(name, tree, timer) }
        performer.block.prepare(wake: performer.wake.slot, request(operation, tree))
        try sweepInstructions(
            name, timer, performer,
            before: { () throws(KernelError) in try prepare(operation, tree) },
            after: { () throws(KernelError) in try restore(operation, tree) })
    }

    private func request(_ operation: ChainOperation, _ tree: ChainTree) -> Request {
        let client = tree.client.thread.slot
        switch operation {
        case .call, .timeOut: return Request(tree.request(tree.length))
        case .callWithDeadline:
            return Request(tree.request(tree.length), by: ChainTree.farDeadline(500))
        case .priorityUp:
            return Request(.setPriority, client, UInt64(ChainTree.clientPriority), 254)
        case .priorityDown: return Request(.setPriority, client, UInt64(ChainTree.lowPriority), 254)
        case .suspend: return Request(.suspend, client)
        case .resume: return Request(.resume, client)
        case .deathOfFirst: return Request(.reclaim, tree.graves[0].slot)
        case .deathOfLast: return Request(.reclaim, tree.graves[1].slot)
        case .deathOfMiddle: return Request(.reclaim, tree.graves[2].slot)
        }
    }

    /// Before the operation. The client waits to be woken, or is queued for good.
    private func prepare(_ operation: ChainOperation, _ tree: ChainTree) throws(KernelError) {
        let client = tree.client.thread
        switch operation {
        case .call, .callWithDeadline, .timeOut: return
        // Once it goes on, it calls.
        case .resume: return try client.suspend()
        case .priorityUp: try client.setPriority(ChainTree.lowPriority, maximum: 254)
        case .priorityDown: try client.setPriority(ChainTree.clientPriority, maximum: 254)
        case .suspend, .deathOfFirst, .deathOfMiddle, .deathOfLast: break
        }
        if !tree.isBeyondLimit { try tree.client.go() }
    }

    /// Behind it: the tree is as it was, and the client waits to be woken.
    private func restore(_ operation: ChainOperation, _ tree: ChainTree) throws(KernelError) {
        switch operation {
        case .call, .callWithDeadline, .resume: try recall(tree)
        case .timeOut: break
        case .priorityUp, .priorityDown:
            if tree.isBeyondLimit { return }
            try recall(tree)
            try tree.client.thread.setPriority(ChainTree.clientPriority, maximum: 254)
        case .suspend: try tree.client.thread.resume()
        case .deathOfFirst: try reviveClient(tree)
        case .deathOfMiddle:
            try recall(tree)
            try revive(tree, server: tree.middle)
        case .deathOfLast:
            // Its own caller has an answer already.
            if tree.length > 1 { try recall(tree) }
            try revive(tree, server: 1)
        }
    }

    /// The client's wait ends at its deadline.
    private func timeOutRow(
        _ name: RowName, _ tree: ChainTree, _ timer: Timer
    ) throws(KernelError) {
        try sweepTicks(
            name, timer, delay: 4000,
            prepare: { (instant) throws(KernelError) in
                tree.client.block.prepare(
                    wake: tree.client.wake.slot, Request(tree.request(tree.length), by: instant))
                try tree.client.go()
            })
    }
}
