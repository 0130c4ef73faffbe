// The ring that survives its task: order, bounds, acknowledgement, and what it makes of
// damaged memory.
import Testing

@testable import DriverCores

final class Memory {
    let words = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: ByteRing.wordCount)
    init(_ value: UInt64 = 0) { words.initialize(repeating: value) }
    deinit { words.deallocate() }
}

@Suite struct ByteRingTests {
    @Test func bytesComeBackInOrderAcrossTheWrap() {
        let memory = Memory()
        var ring = ByteRing(memory: memory.words)
        for round in 0..<5000 as Range<UInt64> {
            ring.add(UInt8(truncatingIfNeeded: round &* 7))
            #expect(ring.added == round + 1)
            #expect(ring[round] == UInt8(truncatingIfNeeded: round &* 7))
            if round % 3 == 0 { _ = ring.take(upTo: round + 1) }
            #expect(ring.count <= ByteRing.capacity)
        }
    }

    @Test func itIsFullAtItsCapacity() {
        let memory = Memory()
        var ring = ByteRing(memory: memory.words)
        for index in 0..<ByteRing.capacity {
            #expect(!ring.isFull)
            ring.add(UInt8(truncatingIfNeeded: index))
        }
        #expect(ring.isFull)
        for index in 0..<ByteRing.capacity {
            #expect(ring[index] == UInt8(truncatingIfNeeded: index))
        }
    }

    @Test func onlyWhatIsThereCanBeTaken() {
        let memory = Memory()
        var ring = ByteRing(memory: memory.words)
        for _ in 0..<10 { ring.add(1) }
        do {
            let isTaken = ring.take(upTo: 11)
            #expect(!isTaken)
        }
        do {
            let isTaken = ring.take(upTo: 4)
            #expect(isTaken)
        }
        do {
            let isTaken = ring.take(upTo: 3)
            #expect(!isTaken)
        }
        #expect(ring.taken == 4 && ring.count == 6)
        do {
            let isTaken = ring.take(upTo: 4)
            #expect(isTaken)
        }
        do {
            let isTaken = ring.take(upTo: 10)
            #expect(isTaken)
        }
        #expect(ring.count == 0)
    }

    @Test func aRestartFindsWhatWasNotTaken() {
        let memory = Memory()
        var ring = ByteRing(memory: memory.words)
        for byte in 65..<75 as Range<UInt8> { ring.add(byte) }
        _ = ring.take(upTo: 3)
        let again = ByteRing(memory: memory.words)
        #expect(again.taken == 3 && again.added == 10)
        #expect(again[3] == 68 && again[9] == 74)
    }

    @Test func damagedMemoryBecomesAnEmptyRing() {
        let noise = Memory(~0)
        #expect(ByteRing(memory: noise.words).count == 0)
        let memory = Memory()
        _ = ByteRing(memory: memory.words)
        memory.words[1] = 5000
        #expect(ByteRing(memory: memory.words).count == 0)
    }
}
