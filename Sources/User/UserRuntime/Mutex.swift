// A value that the threads of a task share, behind a mutex of the task's own set.

import CUserEntry
import KernelABI

/// A value behind a mutex with priority inheritance, for the threads of one task. It stands on the
/// task's heap.
public final class Mutex<Value>: @unchecked Sendable {
    private let number: Int
    private var value: Value

    /// - Throws: as `Cell.claim`.
    public init(_ value: Value) throws(KernelError) {
        number = try Cell.claim().number
        self.value = value
    }

    /// Runs `body` with the value, while no other thread has it. Makes no system call if the mutex
    /// is free.
    ///
    /// - Returns: what `body` returned.
    /// - Throws: `timedOut`, `deadlock` (the thread has the value already, or its holder waits for
    ///   the thread), `chainTooLong`, `cancelled`; `peerDied` (the thread that had the value last
    ///   ended within `body`: the value may be half changed. The next caller gets it).
    public func withLock<Result>(
        deadline: Instant = .never, _ body: (inout Value) -> Result
    ) throws(KernelError) -> Result {
        let own = TaskLocks.participant
        if try own.lock(number, deadline: deadline) {
            try own.unlock(number)
            throw .peerDied
        }
        let result = body(&value)
        try own.unlock(number)
        return result
    }
}

extension Cell {
    /// Takes a cell of the task's own set that nothing else uses, for ever. Makes the set, if the
    /// task has none.
    ///
    /// - Throws: `exhausted` (all are taken), `insufficientMemory`, `invalidCapability` (the task
    ///   has no untyped memory).
    /// - Precondition: the caller is the task's first thread, or the task has started a thread.
    public static func claim() throws(KernelError) -> Cell {
        try TaskLocks.make()
        let free = UInt32(TaskLocks.cellCount - TaskLocks.firstFreeCell)
        // Threads that claim at one time may count a little further.
        if unsafe claimedCells >= free { throw .exhausted }
        let number = TaskLocks.firstFreeCell + Int(unsafe swiftlet_count_up(&claimedCells))
        if number >= TaskLocks.cellCount { throw .exhausted }
        let own = TaskLocks.participant
        return Cell(own.set, number, page: own.page)
    }
}

/// Cells that were claimed; beyond the set's count also those that were refused.
nonisolated(unsafe) var claimedCells: UInt32 = 0
