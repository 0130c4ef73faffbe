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

    /// A message of 64 bytes to a more urgent thread of this task, and its answer: by two queues.
    mutating func queueRows() throws(KernelError) {
        if !needs("queue.") { return }
        let memory = try make(.untyped, sizeBits: 16)
        takeThreads(from: memory)
        try TaskLocks.make()
        let frame = try make(.frame, sizeBits: 12)
        try map(frame, at: Area.mutexes, .read | .write, in: RootSlot.addressSpace)
        let (requests, answers) = (try queue(0), try queue(1))
        requests.setUp()
        answers.setUp()
        let message = Message64(repeating: 5)
        let clock = clock
        try row(RowName("queue.send-receive")) { () throws(KernelError) in
            let start = clock.now
            try requests.send(message)
            _ = try requests.receive()
            return clock.now - start
        }
        let partner = try Thread.start("queue", priority: 254) { _ in
            do throws(KernelError) {
                let (requests, answers) = (try queue(0), try queue(1))
                while true {
                    let message = try requests.receive()
                    if message[0] == 0 { return 0 }
                    try answers.send(message)
                }
            } catch { return UInt64(error.rawValue) }
        }
        try setMain(250)
        try row(RowName("queue.round-trip")) { () throws(KernelError) in
            let start = clock.now
            try requests.send(message)
            _ = try answers.receive()
            return clock.now - start
        }
        try setMain(254)
        try requests.send(Message64(repeating: 0))
        if try partner.join() != 0 { throw .wrongState }
        try AddressSpace(RootSlot.addressSpace).unmap(frame)
        takeThreads(from: memory)
        try Untyped(memory).reclaim()
    }
}

private typealias Message64 = InlineArray<8, UInt64>

/// The queue of a direction, as the calling thread uses it.
private func queue(_ number: Int) throws(KernelError) -> MessageQueue<Message64> {
    try MessageQueue(
        TaskLocks.participant, firstCell: TaskLocks.firstFreeCell + 3 * number,
        address: Area.mutexes + 0x800 * UInt64(number), capacity: 4)
}
