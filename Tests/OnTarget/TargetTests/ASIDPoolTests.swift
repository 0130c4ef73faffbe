// ASID pools: a task that uses up its own pool takes nothing from another task, and the end of a
// pool is the end of its address spaces.

import CTargetTests
import KernelABI
import UserRuntime

/// Slots of the sandbox's table, as the tests fill it.
private enum PoolSlot {
    static var memory: Slot { Slot(4) }
    static var pool: Slot { Slot(5) }
    static var space: Slot { Slot(8) }
}

/// A task that makes address spaces and throws their capabilities away until it is refused. Words
/// of the shared page: how many it made, and the error.
private let greedyTask: @convention(c) (UInt64) -> Void = { _ in
    var made: UInt64 = 0
    do throws(KernelError) {
        while made < 300 {
            try Untyped(PoolSlot.memory).makeAddressSpaces(
                ASIDPool(PoolSlot.pool), index: PoolSlot.space)
            made += 1
            try CapabilityTable.own.delete(PoolSlot.space)
        }
    } catch { poke(SandboxAddress.shared + 8, UInt64(error.rawValue)) }
    poke(SandboxAddress.shared, made)
    endThread()
}

/// A task that counts in the first word of the shared page.
private let countingTask: @convention(c) (UInt64) -> Void = { _ in
    while true { poke(SandboxAddress.shared, peek(SandboxAddress.shared) &+ 1) }
}

extension Checks {
    /// Runs a greedy task with memory and a pool of its own.
    ///
    /// - Returns: how many address spaces it got, and the error that ended it.
    fileprivate mutating func runGreedyTask(_ arena: Untyped, memory: Untyped, pool: ASIDPool)
        throws(Failure)
        -> (made: UInt64, error: UInt64)
    {
        var task = try Sandbox(&self, arena: arena)
        task.give(memory.slot, PoolSlot.memory.index)
        task.give(pool.slot, PoolSlot.pool.index)
        let worker = try task.thread(&self, number: 0, priority: 255, maximum: 255, fault: .none)
        poke(SandboxAddress.sharedHere, 0)
        poke(SandboxAddress.sharedHere + 8, 0)
        try succeed { () throws(KernelError) in try worker.restart(greedyTask) }
        let result = (peek(SandboxAddress.sharedHere), peek(SandboxAddress.sharedHere + 8))
        try succeed { () throws(KernelError) in try arena.reclaim() }
        return result
    }
}

func asidPoolTests(_ runner: inout Runner) {
    runner.test("asid-pool.exhausted-by-one-task-alone") { c throws(Failure) in
        let arena = Untyped(try c.make(.untyped, sizeBits: 20))
        let greedy = Untyped(try c.make(.untyped, sizeBits: 20))
        let modest = Untyped(try c.make(.untyped, sizeBits: 20))
        let memory = c.memory
        let (greedyPool, modestPool) = (try c.asidPool(from: memory), try c.asidPool(from: memory))
        let exhausted = UInt64(KernelError.exhausted.rawValue)
        var result = try c.runGreedyTask(arena, memory: greedy, pool: greedyPool)
        try c.equal(result.made, UInt64(Limits.asidPool), "all of its pool")
        try c.equal(result.error, exhausted)
        try c.refuse(.exhausted) { () throws(KernelError) in
            try memory.makeAddressSpaces(greedyPool, index: Slot(1000))
        }
        // Another task gets all that it was given, and this one too.
        result = try c.runGreedyTask(arena, memory: modest, pool: modestPool)
        try c.equal(result.made, UInt64(Limits.asidPool), "another's pool")
        try c.succeed { () throws(KernelError) in
            try memory.makeAddressSpaces(ASIDPool(RootSlot.asidPool), count: 50, index: Slot(1000))
        }
        try c.succeed { () throws(KernelError) in try greedy.reclaim() }
        result = try c.runGreedyTask(arena, memory: greedy, pool: greedyPool)
        try c.equal(result.made, UInt64(Limits.asidPool), "again after reclaim")
    }
    runner.test("asid-pool.needed") { c throws(Failure) in
        let (memory, target) = (c.memory, c.slot())
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try memory.retype(.addressSpace, index: target)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try memory.makeAddressSpaces(ASIDPool(RootSlot.asidControl), index: target)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try ASIDControl(RootSlot.interruptControl).createPool(from: memory, index: target)
        }
    }
    runner.test("asid-pool.its-end-ends-its-address-spaces") { c throws(Failure) in
        clearNotes()
        let arena = Untyped(try c.make(.untyped, sizeBits: 20))
        let poolMemory = Untyped(try c.make(.untyped, sizeBits: 12))
        let pool = try c.asidPool(from: poolMemory)
        var task = try Sandbox(&c, arena: arena, pool: pool)
        let worker = try task.thread(&c, number: 0, priority: 20, maximum: 20, fault: .none)
        poke(SandboxAddress.sharedHere, 0)
        try c.succeed { () throws(KernelError) in try worker.restart(countingTask) }
        try c.pause(milliseconds: 1, until: { peek(SandboxAddress.sharedHere) > 0 })
        try c.succeed { () throws(KernelError) in try poolMemory.reclaim() }
        let count = peek(SandboxAddress.sharedHere)
        try c.settle()
        try c.equal(peek(SandboxAddress.sharedHere), count, "it still runs")
        let state = try c.information(worker.thread).state
        try c.equal(UInt64(state.rawValue), UInt64(ThreadState.faulted.rawValue))
        let kind = try c.succeed { () throws(KernelError) in
            try CapabilityTable.own.describe(task.space.slot).kind
        }
        try c.equal(UInt64(kind.rawValue), 0, "its address space is reached")
        // The numbers serve another task while the first one's memory is still there.
        let next = try c.asidPool(from: poolMemory)
        let others = Untyped(try c.make(.untyped, sizeBits: 19))
        try c.succeed { () throws(KernelError) in
            try others.makeAddressSpaces(next, count: Limits.asidPool, index: Slot(1000))
            try arena.reclaim()
        }
    }
    runner.test("asid-pool.as-many-as-the-processor-has") { c throws(Failure) in
        let memory = Untyped(try c.make(.untyped, sizeBits: 18))
        var made: UInt64 = 0
        do throws(KernelError) {
            while made < 2000 {
                try ASIDControl(RootSlot.asidControl).createPool(
                    from: memory, index: Slot(1000 + UInt32(made)))
                made += 1
            }
        } catch { try c.equal(UInt64(error.rawValue), UInt64(KernelError.exhausted.rawValue)) }
        // Every processor of the boards has ASIDs of 16 bits: 1,024 ranges, of which the first is
        // the root task's.
        try c.equal(made, 1023)
    }
}
