// The rows of a task's heap: the longest paths of its two calls, in a task with one thread, and
// with the lock of a task that has started threads.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

extension Bench {
    mutating func heapRows() throws(KernelError) {
        if !needs("heap.") { return }
        let memory = Untyped(try make(.untyped, sizeBits: 16))
        for page in 0..<Bench.heapPages {
            let frame = Slot(scratch + UInt32(page))
            try memory.retype(.frame, sizeBits: 12, index: frame)
            try map(frame, at: Area.heap + page * 4096, .read | .write, in: RootSlot.addressSpace)
        }
        try allocationRow("heap.allocate")
        try freeRow("heap.free")
        takeThreads(from: memory.slot)
        try TaskLocks.make()
        try allocationRow("heap.allocate.locked")
        try freeRow("heap.free.locked")
        takeThreads(from: memory.slot)
        try memory.reclaim()
    }

    private static var heapPages: UInt64 { 8 }
    private func startHeap() { addHeap(Area.heap, Bench.heapPages * 4096) }

    /// The only free block is of a larger class, and leaves a block before the piece and one behind
    /// it, in lists that are not empty.
    private mutating func allocationRow(_ name: StaticString) throws(KernelError) {
        let clock = clock
        try row(RowName(name)) { () throws(KernelError) in
            startHeap()
            let gap = bench_allocate(16, 2032)
            _ = bench_allocate(16, 16)
            bench_free(gap)
            let before = clock.now
            _ = bench_allocate(4096, 5000)
            return clock.now - before
        }
    }

    /// Both neighbours are free, and each is the only one of its class; the list of the merged
    /// block is not empty.
    private mutating func freeRow(_ name: StaticString) throws(KernelError) {
        let clock = clock
        try row(RowName(name)) { () throws(KernelError) in
            startHeap()
            let left = bench_allocate(16, 400)
            let piece = bench_allocate(16, 5000)
            let right = bench_allocate(16, 800)
            _ = bench_allocate(16, 16)
            let alike = bench_allocate(16, 6240)
            _ = bench_allocate(16, 16)
            bench_free(left)
            bench_free(right)
            bench_free(alike)
            let before = clock.now
            bench_free(piece)
            return clock.now - before
        }
    }
}
