// How tests start threads by the runtime, and join them.

import KernelABI
import UserRuntime

extension Checks {
    /// Lets the runtime make the test's threads, from `memory`.
    func takeThreads(
        from memory: Untyped? = nil, faultHandler: Slot = .none, listed: [2 of ListedThread]? = nil
    ) {
        if let listed {
            unsafe table[0] = 2
            for index in 0..<2 {
                for word in 0..<4 { unsafe table[1 + 5 * index + word] = listed[index].name[word] }
                unsafe table[5 + 5 * index] = listed[index].word
            }
        }
        let address = unsafe withUnsafePointer(to: &table) { UInt64(UInt(bitPattern: $0)) }
        Thread.setResources(
            ThreadResources(
                first: Thread(RootSlot.thread), table: RootSlot.table,
                addressSpace: RootSlot.addressSpace, faultHandler: faultHandler,
                memory: memory ?? self.memory, slots: Slot(2000), address: 0xa000_0000,
                locks: Slot(2064), locksAddress: Checks.locksPage,
                listed: listed == nil ? 0 : address, names: namesStart()))
    }
    func start(
        priority: UInt8 = 100, core: Int? = nil, stackSize: Int = 4096, context: UInt64 = 0,
        line: UInt = #line, _ body: @convention(c) (UInt64) -> UInt64
    ) throws(Failure) -> StartedThread {
        try succeed(line: line) { () throws(KernelError) in
            try Thread.start(
                "test", priority: priority, core: core, stackSize: stackSize, context: context,
                body)
        }
    }
    func thread(of started: StartedThread, line: UInt = #line) throws(Failure) -> Thread {
        try succeed(line: line) { () throws(KernelError) in try started.thread }
    }
    /// Answers a fault: the thread stays stopped.
    func stop(_ reply: Reply, line: UInt = #line) throws(Failure) {
        try succeed(line: line) { () throws(KernelError) in
            try reply.reply(RegisterMessage(FaultReply.stop.rawValue))
        }
    }
    func join(_ thread: StartedThread, line: UInt = #line) throws(Failure) -> UInt64 {
        try succeed(line: line) { () throws(KernelError) in
            try thread.join(deadline: Checks.patience)
        }
    }
}

/// The names of the threads in places, and where they stand.
nonisolated(unsafe) private var names = InlineArray<64, UInt64>(repeating: 0)
func namesStart() -> UInt64 {
    unsafe withUnsafePointer(to: &names) { UInt64(UInt(bitPattern: $0)) }
}

/// The table of threads that a manifest would list.
nonisolated(unsafe) private var table = InlineArray<11, UInt64>(repeating: 0)
