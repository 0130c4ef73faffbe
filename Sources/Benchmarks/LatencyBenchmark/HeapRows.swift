// The rows of a task's heap: the longest paths of its two calls.

import BenchmarkStatistics
import CUserEntry
import KernelABI
import UserRuntime

extension Bench {
    mutating func heapRows() throws(KernelError) {
        if !needs("heap.") { return }
        let memory = Untyped(try make(.untyped, sizeBits: 16))
        let pages: UInt64 = 8
        for page in 0..<pages {
            let frame = Slot(scratch + UInt32(page))
            try memory.retype(.frame, sizeBits: 12, index: frame)
            try map(frame, at: Area.heap + page * 4096, .read | .write, in: RootSlot.addressSpace)
        }
        let clock = clock
        // Safety: the pages are mapped, for this row alone; the heap's lists lie in the first.
        let heap = unsafe UnsafeMutablePointer<SwiftletHeap>(bitPattern: UInt(Area.heap))
            .unsafelyUnwrapped
        let bytes = (pages - 1) * 4096
        func start() {
            unsafe UnsafeMutableRawPointer(heap).initializeMemory(
                as: UInt64.self, repeating: 0, count: 512)
            unsafe swiftlet_heap_start(heap, Area.heap + 4096, bytes)
        }
        func allocate(_ size: Int, _ alignment: Int = 16) throws(KernelError) -> UInt {
            let piece = unsafe swiftlet_heap_allocate(heap, size, alignment)
            guard let piece = unsafe piece else { throw .insufficientMemory }
            return UInt(bitPattern: piece)
        }
        func release(_ address: UInt) throws(KernelError) {
            // Safety: what is no block in use is refused.
            let piece = unsafe UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
            if unsafe swiftlet_heap_release(heap, piece) == 0 { throw .wrongState }
        }
        // The only free block is of a larger class, and leaves a block before the piece and one
        // behind it, in lists that are not empty.
        try row(RowName("heap.allocate")) { () throws(KernelError) in
            start()
            let gap = try allocate(2032)
            _ = try allocate(16)
            try release(gap)
            let before = clock.now
            _ = try allocate(5000, 4096)
            return clock.now - before
        }
        // Both neighbours are free, and each is the only one of its class; the list of the merged
        // block is not empty.
        try row(RowName("heap.free")) { () throws(KernelError) in
            start()
            let left = try allocate(400)
            let piece = try allocate(5000)
            let right = try allocate(800)
            _ = try allocate(16)
            let alike = try allocate(6240)
            _ = try allocate(16)
            try release(left)
            try release(right)
            try release(alike)
            let before = clock.now
            try release(piece)
            return clock.now - before
        }
        try memory.reclaim()
    }
}
