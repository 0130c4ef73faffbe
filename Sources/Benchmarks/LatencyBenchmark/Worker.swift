// Threads that make one system call at an exact instant, so that an expiry meets the kernel at
// every instruction of it.

import CBenchmark
import KernelABI
import UserRuntime

/// What a thread performs (`bench_worker` in Loops.S): sixteen words in memory.
struct Block {
    let address: UInt64
    /// Instructions from the clock's value that the block names to the `svc`.
    static var lead: UInt64 { 14 }
    /// Blocks that there is room for.
    static var count: Int { 512 }

    init(_ index: Int) { self.init(at: Area.blocks + 128 * UInt64(index)) }
    init(at address: UInt64) { self.address = address }

    /// - Parameter wake: the notification on which the thread waits before each call.
    func prepare(wake: Slot, _ call: Request) {
        bench_store(address, 0)
        bench_store(address + 8, ControlWord(.wait, wake).raw)
        call.store(at: address + 16)
        clearResult()
    }
    /// x2 of the call.
    func set(deadline: Instant) { bench_store(address + 32, deadline.ticks) }
    /// The clock's value at which the thread begins the call; 0: at once.
    func set(instant: UInt64) { bench_store(address, instant) }

    func clearResult() { bench_store(address + 104, 0) }
    /// Throws the error with which the latest call ended; a call that has not ended has none.
    func check() throws(KernelError) {
        if let error = ResultWord(raw: bench_load(address + 104)).error { throw error }
    }
    /// The clock behind the latest call; of a watcher, its read.
    var end: UInt64 { bench_load(address + 112) }
}

/// A thread with a block of its own, and the notification that makes it go.
struct Worker {
    let thread: Thread
    let block: Block
    let wake: Notification

    func go() throws(KernelError) { try wake.signal(1) }
}

extension Bench {
    /// Pages for the blocks.
    mutating func mapBlocks() throws(KernelError) {
        for offset in stride(from: 0, to: UInt64(128 * Block.count), by: 4096) {
            try map(
                try make(.frame, sizeBits: 12), at: Area.blocks + offset, .read | .write,
                in: RootSlot.addressSpace)
        }
    }

    /// Give a new thread its parts, without stack and IPC buffer: it makes calls of up to eight
    /// words.
    func configure(_ thread: Thread, _ priority: UInt8, _ entry: UInt64, _ block: Block)
        throws(KernelError)
    {
        try thread.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
        try thread.setPriority(priority, maximum: 254)
        try thread.setEntry(
            programCounter: entry, stackPointer: 0, argument: block.address, threadPointer: 0)
    }

    /// A thread of its own untyped memory, which waits to be woken.
    func start(_ worker: Worker, _ priority: UInt8, from memory: Untyped) throws(KernelError) {
        try memory.retype(.thread, index: worker.thread.slot)
        try configure(worker.thread, priority, timerClock.loops.worker, worker.block)
        try worker.thread.resume()
    }
}
