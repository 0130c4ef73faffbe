// The log's ring: it keeps the newest lines, finds itself again after a restart, and is not misled
// by damage.
import Testing

@testable import ServiceCores

@Suite struct LogRingTests {
    private func withMemory(_ entries: Int, _ body: (UnsafeMutableBufferPointer<UInt64>) -> Void) {
        let memory = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: entries * 16 + 3)
        memory.initialize(repeating: 0)
        body(memory)
        memory.deallocate()
    }
    private func add(_ ring: inout LogRing, _ text: String, task: UInt16 = 1) -> UInt64 {
        let bytes = Array(text.utf8)
        return ring.add(task: task, microseconds: 5, text: bytes.span)
    }

    @Test func theNewestLinesAreKept() {
        withMemory(4) { memory in
            var ring = LogRing(memory: memory)
            #expect(ring.entryCount == 4)
            #expect(ring.first == 1 && ring.next == 1)
            for number in 1...6 { #expect(add(&ring, "line \(number)") == UInt64(number)) }
            #expect(ring.first == 3 && ring.next == 7)
            #expect(ring.entry(2) == nil)
            #expect(ring.entry(7) == nil)
            #expect(ring.entry(0) == nil)
            #expect(
                ring.entry(6)
                    == LogEntry(sequence: 6, microseconds: 5, task: 1, text: Array("line 6".utf8)))
        }
    }

    @Test func linesOfEveryLengthComeBack() {
        withMemory(2) { memory in
            var ring = LogRing(memory: memory)
            for length in 0...110 {
                let text = String(repeating: "x", count: length)
                let sequence = add(&ring, text, task: 65535)
                #expect(ring.entry(sequence)?.text.count == min(length, 104))
                #expect(ring.entry(sequence)?.task == 65535)
            }
            let sequence = add(&ring, "a b")
            #expect(ring.entry(sequence)?.text == Array("a b".utf8))
        }
    }

    @Test func aRestartGoesOnWhereItStopped() {
        withMemory(4) { memory in
            var ring = LogRing(memory: memory)
            for number in 1...6 { _ = add(&ring, "\(number)") }
            var again = LogRing(memory: memory)
            #expect(again.next == 7 && again.first == 3)
            #expect(add(&again, "7") == 7)
            #expect(again.entry(4)?.text == Array("4".utf8))
        }
    }

    @Test func damageIsNotBelieved() {
        withMemory(4) { memory in
            for index in 0..<memory.count { memory[index] = ~0 }
            var ring = LogRing(memory: memory)
            #expect(ring.next == 1)
            #expect(ring.entry(~0) == nil)
            #expect(add(&ring, "a") == 1)
            memory[2] = 0xffff_0000
            #expect(ring.entry(1) == nil)
        }
        withMemory(0) { memory in
            var ring = LogRing(memory: memory)
            #expect(add(&ring, "a") == 0)
            #expect(ring.entry(1) == nil)
        }
    }
}
