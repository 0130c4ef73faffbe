// The rows of threads as the runtime starts and joins them.

import BenchmarkStatistics
import KernelABI
import UserRuntime

extension Bench {
    /// Lets the runtime make its threads of a region of the row's own.
    func takeThreads(from memory: Slot) {
        Thread.setResources(
            ThreadResources(
                first: Thread(RootSlot.thread), table: RootSlot.table,
                addressSpace: RootSlot.addressSpace, faultHandler: .none,
                memory: Untyped(memory), slots: Slot(scratch), address: Area.startedThreads,
                locks: Slot(scratch + 64), locksAddress: Area.locks))
    }

    /// From before the start to behind the join. The thread is less urgent, so it runs when it is
    /// joined, and has a page of stack.
    mutating func threadRows() throws(KernelError) {
        if !needs("thread.") { return }
        let memory = try make(.untyped, sizeBits: 16)
        let clock = clock
        func createAndJoin() throws(KernelError) -> UInt64 {
            let start = clock.now
            let thread = try Thread.start("row", priority: 100, context: 1) { $0 + 1 }
            if try thread.join() != 2 { throw .wrongState }
            return clock.now - start
        }
        takeThreads(from: memory)
        try row(RowName("thread.create-join")) { () throws(KernelError) in try createAndJoin() }
        try row(RowName("thread.create-join.first"), samples: 100) { () throws(KernelError) in
            try Untyped(memory).reclaim()
            takeThreads(from: memory)
            return try createAndJoin()
        }
        // The locks of the row's threads go with the memory.
        takeThreads(from: memory)
        try Untyped(memory).reclaim()
    }
}
