// The heap: what it hands out is aligned and overlaps nothing, what comes back is merged, and what
// is freed wrongly is refused. All its blocks and lists are checked after every step.

import CUserEntry
import Testing

/// A heap of its own, with its memory.
private final class Heap {
    let heap = UnsafeMutablePointer<SwiftletHeap>.allocate(capacity: 1)
    private let memory: UnsafeMutableRawPointer

    /// - Parameter offset: of the heap's memory from a page.
    init(bytes: Int, offset: Int = 0) {
        memory = .allocate(byteCount: bytes + offset, alignment: 4096)
        heap.initialize(to: SwiftletHeap())
        swiftlet_heap_start(heap, UInt64(UInt(bitPattern: memory + offset)), UInt64(bytes))
    }
    deinit {
        heap.deallocate()
        memory.deallocate()
    }

    func allocate(_ size: Int, alignment: Int = 16) -> UnsafeMutableRawPointer? {
        swiftlet_heap_allocate(heap, size, alignment)
    }
    func release(_ piece: UnsafeMutableRawPointer) -> Bool {
        swiftlet_heap_release(heap, piece) != 0
    }

    // Checks

    private func block(_ address: UInt64) -> UnsafeMutablePointer<SwiftletBlock> {
        UnsafeMutablePointer(bitPattern: UInt(address))!
    }

    /// The sizes of all blocks in the order of their addresses, negative where free.
    func blocks() throws -> [Int] {
        var sizes: [Int] = []
        var address = heap.pointee.start
        var before: UnsafeMutablePointer<SwiftletBlock>?
        while true {
            let block = block(address)
            try #require(block.pointee.before == before)
            let size = Int(block.pointee.size & ~15)
            if size == 0 { break }
            try #require(size % 16 == 0)
            sizes.append(block.pointee.size & 1 == 1 ? -size : size)
            before = block
            address += 16 + UInt64(size)
            try #require(address < heap.pointee.end)
        }
        try #require(address == heap.pointee.end - 16)
        return sizes
    }

    /// Free blocks are merged, and each is in the list of its size, and in no other.
    func check() throws {
        if heap.pointee.start == heap.pointee.end { return }
        let sizes = try blocks()
        for index in sizes.indices.dropFirst() {
            try #require(sizes[index] > 0 || sizes[index - 1] > 0, "two free neighbours")
        }
        var listed: [Int] = []
        for number in 0..<Int(SWIFTLET_HEAP_CLASSES * SWIFTLET_HEAP_SUBCLASSES) {
            let (list, sub) = (number / 16, number % 16)
            let first = withUnsafeBytes(of: &heap.pointee.lists) {
                $0.load(
                    fromByteOffset: 8 * number, as: UnsafeMutablePointer<SwiftletBlock>?.self)
            }
            let bits = withUnsafeBytes(of: &heap.pointee.subclasses) {
                $0.load(fromByteOffset: 4 * list, as: UInt32.self)
            }
            try #require((first != nil) == (bits >> UInt32(sub) & 1 == 1))
            try #require((bits != 0) == (heap.pointee.classes >> UInt32(list) & 1 == 1))
            // The sizes of a list: its first, and the step to the next list.
            let start = list == 0 ? 16 * sub : 128 << list + (8 << list) * sub
            let step = list == 0 ? 16 : 8 << list
            var previous: UnsafeMutablePointer<SwiftletBlock>?
            var next = first
            while let block = next {
                let size = Int(block.pointee.size & ~15)
                try #require(size >= start && size < start + step)
                try #require(block.pointee.previous == previous)
                listed.append(-size)
                (previous, next) = (block, block.pointee.next)
            }
        }
        #expect(listed.sorted() == sizes.filter { $0 < 0 }.sorted())
    }
}

@Suite struct HeapTests {
    @Test func freedMemoryIsOneBlockAgain() throws {
        let heap = Heap(bytes: 4096)
        try #require(try heap.blocks() == [-4064])
        var pieces = (0..<5).map { heap.allocate(100 * $0 + 1)! }
        try heap.check()
        // In every order of three neighbours: merged with none, with one side, with both.
        for order in [[0, 2, 1, 4, 3], [1, 0, 2, 3, 4], [4, 3, 2, 1, 0]] {
            for index in order {
                #expect(heap.release(pieces[index]))
                try heap.check()
            }
            #expect(try heap.blocks() == [-4064])
            pieces = (0..<5).map { heap.allocate(100 * $0 + 1)! }
        }
    }

    @Test func aFullHeapHasNoBlock() throws {
        let heap = Heap(bytes: 1024)
        #expect(heap.allocate(1024) == nil)
        #expect(heap.allocate(Int.max) == nil)
        #expect(heap.allocate(1 << 31) == nil)
        #expect(heap.allocate(16, alignment: 1 << 40) == nil)
        var pieces: [UnsafeMutableRawPointer] = []
        while let piece = heap.allocate(0) { pieces.append(piece) }
        #expect(pieces.count == (1024 - 16) / 32)
        try heap.check()
        for piece in pieces { #expect(heap.release(piece)) }
        #expect(try heap.blocks() == [-992])
        // A block of a list is large enough for all sizes of the list.
        #expect(heap.allocate(960) != nil)
    }

    @Test func memoryTooSmallForABlockIsNotUsed() throws {
        for bytes in 0..<64 {
            let heap = Heap(bytes: bytes)
            #expect(heap.allocate(1) == nil)
        }
        #expect(Heap(bytes: 64).allocate(32) != nil)
        #expect(Heap(bytes: 79, offset: 1).allocate(32) != nil)
    }

    @Test func alignedBlocksLeaveTheRestFree() throws {
        let heap = Heap(bytes: 65536, offset: 16)
        for alignment in [1, 8, 16, 32, 64, 1024, 4096] {
            let piece = try #require(heap.allocate(100, alignment: alignment))
            #expect(Int(bitPattern: piece) % alignment == 0)
            try heap.check()
            #expect(heap.release(piece))
            #expect(try heap.blocks() == [-65504])
        }
    }

    @Test func whatIsNoBlockInUseIsRefused() throws {
        let heap = Heap(bytes: 4096)
        let pieces = (0..<5).map { _ in heap.allocate(100)! }
        #expect(!heap.release(pieces[1] + 16), "inside a block")
        #expect(!heap.release(pieces[1] + 1))
        #expect(!heap.release(UnsafeMutableRawPointer(bitPattern: 16)!))
        #expect(!heap.release(pieces[0] + 8192))
        #expect(!heap.release(UnsafeMutableRawPointer(bitPattern: UInt(heap.heap.pointee.end))!))
        // Freed twice: merged with none, to the left, to the right, with both.
        for index in [1, 3, 0, 2] {
            #expect(heap.release(pieces[index]))
            for freed in [1, 3, 0, 2].prefix(while: { $0 != index }) + [index] {
                #expect(!heap.release(pieces[freed]), "\(freed) again, after \(index)")
                try heap.check()
            }
        }
        #expect(heap.release(pieces[4]))
        #expect(try heap.blocks() == [-4064])
    }

    @Test func aBlockWhoseEndWasOverwrittenIsRefused() throws {
        let heap = Heap(bytes: 4096)
        let pieces = (0..<3).map { _ in heap.allocate(100)! }
        let behind = pieces[0] + 112
        let kept = behind.load(as: UInt64.self)
        for value: UInt64 in [0, 1, kept + 16, ~0, kept + 1 << 40] {
            behind.storeBytes(of: value, as: UInt64.self)
            #expect(!heap.release(pieces[0]), "its end")
            #expect(!heap.release(pieces[1]), "the header before it")
        }
        behind.storeBytes(of: kept, as: UInt64.self)
        #expect(heap.release(pieces[1]) && heap.release(pieces[0]) && heap.release(pieces[2]))
        #expect(try heap.blocks() == [-4064])
    }

    @Test func aFreeBlockThatWasWrittenToIsNotTaken() throws {
        // Stands for the end of the heap.
        let endMark: UInt64 = 1 << 62
        // Its links, and its header, which lies before it.
        for offset in [0, 8, -8, -16] {
            // Among them addresses behind which a block would end beyond the heap.
            for value: UInt64 in [16, 4096, 1 << 47, ~0, endMark - 17, endMark - 24, endMark - 32] {
                // Two free blocks of one list, apart from one another; the second is its first.
                for (index, use) in [(1, 0), (1, 2), (3, 2), (3, 4), (3, 5)] {
                    let heap = Heap(bytes: 4096)
                    let pieces = (0..<6).map { _ in heap.allocate(100)! }
                    #expect(heap.release(pieces[1]) && heap.release(pieces[3]))
                    let isAtEnd = value < endMark && value > endMark - 64
                    let word = isAtEnd ? heap.heap.pointee.end - (endMark - value) : value
                    (pieces[index] + offset).storeBytes(of: word, as: UInt64.self)
                    if use < 5 {
                        #expect(!heap.release(pieces[use]), "merged with a neighbour")
                    } else {
                        #expect(heap.allocate(100) == nil)
                        #expect(heap.heap.pointee.is_broken == 1)
                    }
                }
            }
        }
    }

    @Test(arguments: 1...40) func anySequenceKeepsTheBlocksApart(seed: UInt64) throws {
        var random = seed &* 0x9e37_79b9_7f4a_7c15
        func next(_ limit: Int) -> Int {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return Int(random % UInt64(limit))
        }
        let heap = Heap(bytes: 64 + next(60_000), offset: next(64))
        var pieces = [(start: UnsafeMutableRawPointer, size: Int)?](repeating: nil, count: 48)
        for step in 0..<1500 {
            let index = next(pieces.count)
            if let piece = pieces[index] {
                for byte in 0..<piece.size {
                    let value = piece.start.load(fromByteOffset: byte, as: UInt8.self)
                    try #require(value == UInt8(index), "overlap")
                }
                try #require(heap.release(piece.start))
                try #require(!heap.release(piece.start))
                pieces[index] = nil
            } else {
                let size = next(8) == 0 ? next(20_000) : next(400)
                let alignment = next(3) == 0 ? 1 << next(12) : 16
                guard let start = heap.allocate(size, alignment: alignment) else { continue }
                try #require(Int(bitPattern: start) % max(16, alignment) == 0)
                start.initializeMemory(as: UInt8.self, repeating: UInt8(index), count: size)
                pieces[index] = (start, size)
            }
            if step % 5 == 0 { try heap.check() }
        }
        for piece in pieces { if let piece { try #require(heap.release(piece.start)) } }
        if heap.heap.pointee.start < heap.heap.pointee.end {
            #expect(try heap.blocks().count == 1)
        }
    }
}
