// Calls on their longest way, for the comparison with the proven bounds (`make wcet`): the queues
// are as deep as they can be, and the kernel records a trace.
//
// Only the kernel that records its masked sections runs them. What a call returns does not matter,
// so some are refused behind the section that counts.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

/// Threads that wait at one place.
private let crowd = 200

extension Bench {
    mutating func tracedRows() throws(KernelError) {
        if !recordsMasked || !needs("traced.") { return }
        let parts = try enterTrees()
        _ = try console.trace(1)
        isTraced = true
        let calls = RowName("traced.calls")
        if selection.accepts(calls) {
            try startMasked()
            try timedCalls(parts)
            try steppingCalls(parts)
            try crowdedReceiver(parts)
            try setMain(254)
            try plainCalls(parts)
            try stopMasked()
            row(calls, unit: clock.unit, MaskedPath.ofRow.length)
            try setMain(1)
        }
        try chainRows(15, crowd, parts)
        try sharedLineRow(parts)
        isTraced = false
        _ = try console.trace(0)
        try leaveTrees(parts)
    }

    /// Makes a call, whatever it returns.
    private func attempt(_ request: Request) {
        request.stage()
        _ = clock.loops.call(Shared.request, Shared.start, 0)
    }

    /// Calls with a deadline by a thread whose previous deadline is still in the queue, the
    /// earliest of all. It is later than the call's, so it must go. Beside the way down to the far
    /// timers, each level has another deadline.
    private mutating func timedCalls(_ parts: TreeParts) throws(KernelError) {
        let priorities: InlineArray<_, UInt8> = [10, 140, 200, 230, 244, 249, 252, 254]
        let block = Block(TreePlace.freeBlocks + 2)
        block.prepare(
            wake: parts.nobody.slot,
            Request(ControlWord(.wait, parts.nobody.slot), by: ChainTree.farDeadline(9000)))
        let first = TreePlace.passing
        try parts.arena.retype(.thread, count: priorities.count, index: Slot(first))
        for index in priorities.indices {
            let thread = Thread(Slot(first + UInt32(index)))
            try configure(thread, priorities[index], timerClock.loops.performer, block)
            try thread.resume()
        }
        let note = try makeNotification()
        var table = try makeTable()
        table.add(ControlWord(.signal, note.slot), 1)
        let helper = try thread(
            2, in: RootSlot.addressSpace, clock.loops.repeat, table.address, UInt64(table.count))
        try setMain(100)
        try helper.resume()
        let calls: InlineArray<_, SystemCall> = [
            .call, .send, .receive, .reply, .replyAndReceive, .signal, .wait, .poll, .yield,
            .version,
        ]
        let deadline = ChainTree.farDeadline(0)
        let earlier = Instant(ticks: deadline.ticks - 1)
        for index in calls.indices {
            note.pause(until: deadline)
            attempt(Request(ControlWord(calls[index], Slot(0)), by: earlier))
        }
        try helper.suspend()
        try setMain(1)
        try endTimers(parts)
        try destroy(parts.arena)
    }

    /// A chain is let down while a more urgent thread receives: it performs a step of the change
    /// before it takes a caller. The caller of a thread that is resumed leaves it in a step, too.
    private mutating func steppingCalls(_ parts: TreeParts) throws(KernelError) {
        let tree = try makeTree(length: 15, callers: crowd, parts.arena)
        try build(tree)
        let endpoint = Endpoint(try makeForTree(.endpoint, parts.arena))
        let replies: InlineArray<2, Slot> = [
            try makeForTree(.reply, parts.arena), try makeForTree(.reply, parts.arena),
        ]
        try endpoint.bindServer(Thread(RootSlot.thread))
        let block = Block(TreePlace.freeBlocks + 2)
        block.prepare(wake: tree.parking, Request(ControlWord(.call, endpoint.slot)))
        try parts.arena.retype(.thread, count: 3, index: Slot(TreePlace.passing))
        for index in 0..<3 as Range<UInt32> {
            let caller = Thread(Slot(TreePlace.passing + index))
            try configure(caller, 2, timerClock.loops.performer, block)
            try caller.resume()
        }
        for index in replies.indices {
            try setMain(1)
            try tree.client.go()
            try setMain(254)
            try tree.client.thread.setCore(0)
            try tree.client.thread.suspend()
            if index == 0 {
                attempt(Request(ControlWord(.receive, endpoint.slot), UInt64(replies[0].index)))
            } else {
                attempt(
                    Request(ControlWord(.replyAndReceive, endpoint.slot), UInt64(replies[0].index)))
            }
            try tree.client.thread.resume()
        }
        try setMain(1)
        try tree.endpoint(3).close()
        try tree.client.go()
        try endFault(tree)
        // Each of these leaves a step behind, and meets the step that the one before it left.
        try setMain(254)
        for number in (2...tree.length).reversed() {
            attempt(Request(.suspend, tree.server(number).slot))
        }
        for rank in 0..<UInt64(crowd) {
            attempt(Request(.delete, .ownTable, UInt64(TreePlace.callersOfMiddle) + rank))
        }
        try destroy(parts.arena)
    }

    /// A thread whose handler is the chain's last server faults. Its fault ends with the endpoint,
    /// and it is resumed before the step that takes it from the queue.
    private func endFault(_ tree: ChainTree) throws(KernelError) {
        let thread = Thread(Slot(TreePlace.passing + 3))
        try tree.arena.retype(.thread, index: thread.slot)
        try configure(thread, 253, 0, Block(TreePlace.freeBlocks + 3))
        try thread.configure(faultHandler: tree.endpoint(1).slot)
        try thread.resume()
        try setMain(254)
        try tree.endpoint(1).close()
        attempt(Request(.resume, thread.slot))
        // Their calls have ended too, and their steps are pending.
        for rank in 0..<UInt32(crowd) {
            attempt(Request(.suspend, Slot(TreePlace.callersOfLast + rank)))
        }
        try setMain(1)
    }

    /// How bits or a fault reach the crowded receiver.
    private enum Way { case signal, binding, interrupt, fault, unknownCall }

    /// A receiver that stands at the top of the queue of many receivers takes the bits of its
    /// notification, and faults of others. It serves a second endpoint, at which many callers are
    /// queued.
    private mutating func crowdedReceiver(_ parts: TreeParts) throws(KernelError) {
        try findDriver()
        try device?.arena.reclaim()
        let ways: InlineArray<_, Way> = [.signal, .binding, .interrupt, .fault, .unknownCall]
        for index in ways.indices {
            let way = ways[index]
            treeSlots = 0
            let arena = parts.arena
            let endpoint = try makeForTree(.endpoint, arena)
            let queue = Endpoint(try makeForTree(.endpoint, arena))
            let parking = try makeForTree(.notification, arena)
            let bound = Notification(try makeForTree(.notification, arena))
            try arena.retype(.reply, count: crowd + 1, index: Slot(TreePlace.endpoints))
            let server = Thread(Slot(TreePlace.callersOfLast))
            try arena.retype(.thread, index: server.slot)
            try queue.bindServer(server)
            let isFault = way == .fault || way == .unknownCall
            try receive(server, crowd, isFault ? 250 : 108, endpoint, parking)
            try fill(queue.slot, TreePlace.passing, parking, arena)
            try arena.retype(.thread, count: crowd, index: Slot(TreePlace.callersOfMiddle))
            let shape = QueueShape(crowd)
            for place in 0..<crowd {
                let receiver = Thread(Slot(TreePlace.callersOfMiddle + UInt32(place)))
                try receive(receiver, place, UInt8(10 + shape[place]), endpoint, parking)
            }
            try setMain(254)
            // Beside it, a step of the receiver's own inheritance is pending.
            try Thread(Slot(TreePlace.passing)).setPriority(200, maximum: 254)
            switch way {
            case .signal:
                try server.bindNotification(bound)
                try bound.signal(1)
            case .binding:
                try bound.signal(1)
                try server.bindNotification(bound)
            case .interrupt:
                try server.bindNotification(bound)
                try interrupt(bound, arena)
            case .fault: try fault(0, handler: endpoint, parking, arena)
            case .unknownCall:
                try fault(timerClock.loops.performer, handler: endpoint, parking, arena)
            }
            try destroy(arena)
        }
        if let device { try bind(device) }
    }

    /// Starts a thread that receives, with a block and a reply of its own.
    private func receive(
        _ thread: Thread, _ number: Int, _ priority: UInt8, _ endpoint: Slot, _ parking: Slot
    ) throws(KernelError) {
        let reply = UInt64(TreePlace.endpoints) + UInt64(number)
        Block(number).prepare(
            wake: parking, Request(ControlWord(.receive, endpoint), reply))
        try configure(thread, priority, timerClock.loops.performer, Block(number))
        try thread.resume()
    }

    /// Queues callers of different priorities at an endpoint.
    private func fill(_ endpoint: Slot, _ first: UInt32, _ parking: Slot, _ arena: Untyped)
        throws(KernelError)
    {
        let (block, shape) = (Block(TreePlace.freeBlocks + 2), QueueShape(crowd))
        block.prepare(wake: parking, Request(ControlWord(.call, endpoint)))
        try arena.retype(.thread, count: crowd, index: Slot(first))
        for place in 0..<crowd {
            let caller = Thread(Slot(first + UInt32(place)))
            try configure(caller, UInt8(4 + shape[place] / 2), timerClock.loops.performer, block)
            try caller.resume()
        }
    }

    /// A thread faults: it starts at address 0, or makes an unknown system call.
    private func fault(_ entry: UInt64, handler: Slot, _ parking: Slot, _ arena: Untyped)
        throws(KernelError)
    {
        let thread = Thread(Slot(TreePlace.callersOfLast + 1))
        let block = Block(TreePlace.freeBlocks + 3)
        block.prepare(wake: parking, Request(ControlWord(raw: 100 << 40)))
        try arena.retype(.thread, index: thread.slot)
        try configure(thread, 254, entry, block)
        try thread.configure(faultHandler: handler)
        try thread.resume()
        yield()
    }

    /// The device interrupts; its line signals the notification.
    private func interrupt(_ notification: Notification, _ arena: Untyped)
        throws(KernelError)
    {
        guard let device else { return }
        let interrupt = Interrupt(Slot(TreePlace.callersOfLast + 2))
        try InterruptControl(RootSlot.interruptControl).create(
            line: device.line, .level, from: arena, index: interrupt.slot)
        try interrupt.bind(notification, bits: 1)
        _ = clock.loops.raise(device.mask, Shared.start, Device.transmitted)
        bench_store32(device.mask, 0)
    }

    /// The ends of two timers whose deadline is the earliest of many.
    private mutating func endTimers(_ parts: TreeParts) throws(KernelError) {
        for round in 0..<2 {
            let timer = Timer(try make(.timer))
            try timer.bind(parts.nobody, bits: 1)
            try timer.arm(ChainTree.farDeadline(0))
            attempt(
                Request(round == 0 ? .revoke : .delete, .ownTable, UInt64(timer.slot.index)))
            try? CapabilityTable.own.delete(timer.slot)
        }
    }

    /// The calls that no other row makes.
    private mutating func plainCalls(_ parts: TreeParts) throws(KernelError) {
        treeSlots = 0
        let arena = parts.arena
        let (own, target) = (UInt64(Slot.ownTable.index), UInt64(scratch))
        let endpoint = try makeForTree(.endpoint, arena)
        let source = UInt64(endpoint.index)
        let all = UInt64(Rights.all.raw)
        try CapabilityTable.own.mint(endpoint, to: Slot(scratch), badge: 7)
        attempt(Request(.move, .ownTable, target, own, target + 1))
        attempt(Request(.copy, .ownTable, source, own, target, all))
        attempt(Request(.describe, .ownTable, target))
        attempt(Request(.untypedInformation, arena.slot))
        let frame = try makeForTree(.frame, sizeBits: 12, arena)
        try map(frame, at: Area.mapped, .read | .write, in: RootSlot.addressSpace)
        attempt(
            Request(.protect, RootSlot.addressSpace, UInt64(frame.index), UInt64(Rights.read.raw)))
        attempt(Request(.frameInformation, frame))
        attempt(Request(.trace, console.slot, 2, 0))
        let interrupt = Slot(scratch + 3)
        try InterruptControl(RootSlot.interruptControl).create(
            line: 100, .level, from: arena, index: interrupt)
        attempt(Request(.interruptInformation, interrupt))
        // Refused behind the lookup: there is no such right, or no such window.
        let refused: InlineArray<_, Method> = [.powerOff, .reboot, .readRegister, .writeRegister]
        for index in refused.indices { attempt(Request(refused[index], endpoint)) }
        let pool = try makeForTree(.untyped, sizeBits: 14, arena)
        let asids = RootSlot.asidControl
        attempt(Request(.createASIDPool, asids, 0, 0, UInt64(pool.index), own, target + 2))
        try loanedWrite()
        try arena.reclaim()
    }

    /// A server writes what its caller lent.
    private mutating func loanedWrite() throws(KernelError) {
        let bytes: UInt64 = 1 << 12
        for page in 16..<19 as Range<UInt64> {
            try map(
                try make(.frame, sizeBits: 12), at: Area.mapped + page << 12, .read | .write,
                in: RootSlot.addressSpace)
        }
        let (endpoint, reply) = (try make(.endpoint), try make(.reply))
        let lent = Area.mapped + (16 << 12)
        var table = try makeTable()
        table.add(ControlWord(.replyAndReceive, endpoint), UInt64(reply.index))
        let place = lent + bytes + 1
        table.add(ControlWord(invoke: .loanWrite, reply), 1, place, [bytes, 0, 0, 0, 0, 0, 0, 0])
        let server = try start(
            254, in: RootSlot.addressSpace, clock.loops.repeat, table.address, UInt64(table.count))
        try Endpoint(endpoint).bindServer(server)
        _ = try Endpoint(endpoint).call(
            RegisterMessage(), Attachment(lending: lent, length: 2 * bytes, .read | .write))
        try server.suspend()
    }
}
