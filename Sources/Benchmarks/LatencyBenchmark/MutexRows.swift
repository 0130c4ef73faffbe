// The rows of mutexes and semaphores.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

extension Bench {
    mutating func mutexRows() throws(KernelError) {
        if !needs("mutex.") && !needs("semaphore.") { return }
        let set = MutexSet(try make(.mutexSet, sizeBits: 2))
        let frame = try make(.frame, sizeBits: 12)
        try map(frame, at: Area.mutexes, .read | .write, in: RootSlot.addressSpace)
        try set.bindPage(Frame(frame))
        try set.join(Thread(RootSlot.thread), as: 0)
        let own = MutexParticipant(set, number: 0, page: Area.mutexes)
        let clock = clock
        try row(RowName("mutex.uncontended")) { () throws(KernelError) in
            let start = clock.now
            _ = try own.lock(0)
            try own.unlock(0)
            return clock.now - start
        }
        let waiter = Worker(
            thread: Thread(try make(.thread)), block: Block(at: Shared.block),
            wake: try makeNotification())
        let argument = MutexArgument(mutex: 0, participant: 1)
        waiter.block.prepare(
            wake: waiter.wake.slot, Request(ControlWord(.lock, set.slot), argument.raw))
        try setMain(250)
        try configure(waiter.thread, 254, clock.loops.worker, waiter.block)
        try waiter.thread.resume()
        let unlock = Request(
            ControlWord(.unlock, set.slot), MutexArgument(mutex: 0, participant: 0).raw)
        try row(RowName("mutex.hand-over")) { () throws(KernelError) in
            try set.join(waiter.thread, as: 1)
            _ = try own.lock(0)
            try waiter.go()
            let value = try measure(unlock, to: waiter.block.address + 112)
            try waiter.block.check()
            // It keeps the mutex, so it leaves.
            try set.leave(1)
            return value
        }
        try waiter.thread.suspend()
        try semaphoreRows(set, waiter)
        try setMain(254)
        try AddressSpace(RootSlot.addressSpace).unmap(frame)
    }

    /// The waiter is more urgent than this thread, and sleeps at cell 1.
    private mutating func semaphoreRows(_ set: MutexSet, _ waiter: Worker) throws(KernelError) {
        let semaphore = Semaphore(Cell(set, 1, page: Area.mutexes))
        try semaphore.setUp(units: 1)
        let clock = clock
        try row(RowName("semaphore.uncontended")) { () throws(KernelError) in
            let start = clock.now
            try semaphore.take()
            try semaphore.give()
            return clock.now - start
        }
        try semaphore.setUp(units: 0)
        let argument = CellArgument(cell: 1)
        waiter.block.prepare(
            wake: waiter.wake.slot, Request(ControlWord(.wait, set.slot), argument.raw))
        try configure(waiter.thread, 254, clock.loops.worker, waiter.block)
        try waiter.thread.resume()
        let signal = Request(ControlWord(.signal, set.slot), argument.raw)
        try row(RowName("semaphore.higher-waiter-runs")) { () throws(KernelError) in
            try waiter.go()
            let value = try measure(signal, to: waiter.block.address + 112)
            try waiter.block.check()
            return value
        }
        try waiter.thread.suspend()
    }
}
