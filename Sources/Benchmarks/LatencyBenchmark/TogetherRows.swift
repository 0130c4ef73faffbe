// What happens many times at one instant: time-outs, with and without a chain that each of them
// lets down a little; timers that an urgent thread has armed; and a line that three drivers share,
// each of which waits among many.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import LoadGenerator
import UserRuntime

/// Threads that wait at each notification, less urgent than the one that counts.
private let crowd = 200

extension Bench {
    mutating func togetherRows() throws(KernelError) {
        if !needs("together.") { return }
        let parts = try enterTrees()
        let counts: InlineArray<3, Int> = [2, 8, 64]
        for index in counts.indices {
            try timeOutsRow(counts[index], nil, parts)
            try timersRow(counts[index], waiters: 0, parts)
            try timersRow(counts[index], waiters: crowd, parts)
        }
        for index in counts.indices { try timeOutsRow(counts[index], 64, parts) }
        for index in 0..<2 { try timeOutsRow(counts[index], 200, parts) }
        try sharedLineRow(parts)
        try leaveTrees(parts)
    }

    // Time-outs

    /// The threads are more urgent than all in the tree, and as many as do not reach down to its
    /// servers' priority.
    private func urgency(ofThread number: Int) -> UInt8 { UInt8(252 - number) }

    /// - Parameter callers: where the threads call the end of a chain of 15, its servers' further
    /// callers; nil: they wait on
    ///   a notification.
    private mutating func timeOutsRow(_ count: Int, _ callers: Int?, _ parts: TreeParts)
        throws(KernelError)
    {
        var name = RowName("together.time-outs-", count)
        if let callers {
            name.append(".chain-15.callers-")
            name.append(callers)
        }
        if !selection.accepts(name) { return }
        treeSlots = 0
        var wait = ControlWord(.wait, parts.nobody.slot)
        if let callers {
            let tree = try makeTree(
                length: 15, callers: callers, ceiling: urgency(ofThread: count), parts.arena)
            try build(tree)
            wait = tree.request(15)
        }
        let wake = Notification(try makeForTree(.notification, parts.arena))
        let block = Block(TreePlace.freeBlocks + 2)
        block.prepare(wake: wake.slot, Request(wait))
        for number in 0..<count {
            let thread = Thread(Slot(TreePlace.passing + UInt32(number)))
            try parts.arena.retype(.thread, index: thread.slot)
            try configure(thread, urgency(ofThread: number), timerClock.loops.worker, block)
            try thread.resume()
        }
        try sweepTicks(
            name, parts.timer, delay: 3000 + 300 * UInt64(count),
            prepare: { (instant) throws(KernelError) in
                block.prepare(wake: wake.slot, Request(wait, by: instant))
                for _ in 0..<count { try wake.signal(1) }
            })
        try destroy(parts.arena)
    }

    // Timers

    /// Timers of an urgent thread, which is less urgent than the one that counts and does not own
    /// its timer. Their notification has that thread's own waiter, and less urgent ones after it.
    private mutating func timersRow(_ count: Int, waiters: Int, _ parts: TreeParts)
        throws(KernelError)
    {
        var name = RowName("together.timers-", count)
        if waiters > 0 {
            name.append(".waiters-")
            name.append(waiters)
        }
        if !selection.accepts(name) { return }
        treeSlots = 0
        let notification = Notification(try makeForTree(.notification, parts.arena))
        try startWaiters(notification, waiters, parts.arena)
        try startWaiter(notification, 252, parts.arena)
        let wake = Notification(try makeForTree(.notification, parts.arena))
        let block = Block(TreePlace.freeBlocks + 2)
        let first = TreePlace.servers
        try parts.arena.retype(.timer, count: count, index: Slot(first))
        for index in 0..<UInt32(count) {
            try Timer(Slot(first + index)).bind(notification, bits: 1)
        }
        block.prepare(wake: wake.slot, Request(ControlWord(invoke: .cancelTimer, Slot(first))))
        let owner = Thread(Slot(TreePlace.passing))
        try parts.arena.retype(.thread, index: owner.slot)
        try configure(owner, 253, timerClock.loops.worker, block)
        try owner.setPriority(253, maximum: 253)
        try owner.resume()
        try sweepTicks(
            name, parts.timer, delay: 1000 + 200 * UInt64(count),
            prepare: { (instant) throws(KernelError) in
                for index in 0..<UInt32(count) {
                    let arm = ControlWord(invoke: .arm, Slot(first + index))
                    block.prepare(wake: wake.slot, Request(arm, instant.ticks))
                    try wake.signal(1)
                }
            })
        try destroy(parts.arena)
    }

    /// Threads that wait for ever, in the order that makes their queue highest.
    private func startWaiters(_ notification: Notification, _ count: Int, _ arena: Untyped)
        throws(KernelError)
    {
        let shape = QueueShape(count)
        for place in 0..<count { try startWaiter(notification, UInt8(4 + shape[place]), arena) }
    }
    private func startWaiter(
        _ notification: Notification, _ priority: UInt8, _ arena: Untyped
    ) throws(KernelError) {
        let thread = Thread(Slot(TreePlace.passing))
        try arena.retype(.thread, index: thread.slot)
        try thread.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
        try thread.setPriority(priority, maximum: priority)
        try thread.setEntry(
            programCounter: timerClock.loops.caller, stackPointer: 0,
            argument: ControlWord(.wait, notification.slot).raw, threadPointer: 0)
        try thread.resume()
        try CapabilityTable.own.delete(thread.slot)
    }

    // A shared line

    /// Three drivers of the device's line, each the most urgent waiter of a notification with many
    /// others. The device's own binding is gone meanwhile.
    mutating func sharedLineRow(_ parts: TreeParts) throws(KernelError) {
        let name = name(RowName("together.lines-3.waiters-", crowd))
        if !selection.accepts(name) { return }
        try findDriver()
        guard let device else {
            return note("Not run for want of a PL011 that interrupts: together.lines-3")
        }
        try device.arena.reclaim()
        treeSlots = 0
        let drivers: InlineArray<3, Thread> = [
            try startDriver(0, device, parts.arena), try startDriver(1, device, parts.arena),
            try startDriver(2, device, parts.arena),
        ]
        try sweepTicks(
            name, parts.timer, delay: 300,
            work: { (instant) throws(KernelError) in
                while bench_counter() < instant.ticks {}
                _ = clock.loops.raise(device.mask, Shared.start, Device.transmitted)
            })
        // They would try again and again to wait on what is gone.
        for index in drivers.indices { try drivers[index].suspend() }
        try destroy(parts.arena)
        try bind(device)
    }
    private mutating func startDriver(
        _ number: UInt32, _ device: Device, _ arena: Untyped
    ) throws(KernelError) -> Thread {
        let interrupt = Interrupt(Slot(TreePlace.servers + number))
        try InterruptControl(RootSlot.interruptControl).create(
            line: device.line, .level, from: arena, index: interrupt.slot)
        let notification = Notification(try makeForTree(.notification, arena))
        try startWaiters(notification, crowd, arena)
        let driver = try start(
            252 - UInt8(number), in: otherSpace, clock.loops.driver,
            ControlWord(.wait, notification.slot).raw,
            Shared.client, 0, device.mask, ControlWord(invoke: .acknowledge, interrupt.slot).raw)
        try interrupt.bind(notification, bits: 1)
        return driver
    }
}
