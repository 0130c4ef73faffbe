// The log's ring: it keeps the newest lines, finds itself again after a restart, and is not misled
// by damage.
import Protocols
import Testing

@testable import ServiceCores

@Suite struct LogRingTests {
    private func withMemory(_ entries: Int, _ body: (UnsafeMutableBufferPointer<UInt64>) -> Void) {
        let memory = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: entries * 32 + 3)
        memory.initialize(repeating: 0)
        body(memory)
        memory.deallocate()
    }
    private func add(_ ring: inout LogRing, _ text: String, task: UInt16 = 1) -> UInt64 {
        let bytes = Array(text.utf8)
        return ring.add(task: task, microseconds: 5, text: bytes.span)
    }
    /// Line `sequence`, if it is there.
    private func line(_ ring: LogRing, _ sequence: UInt64) -> LogEntry? {
        ring.entry(from: sequence).flatMap { $0.sequence == sequence ? $0 : nil }
    }
    private func first(_ ring: LogRing) -> UInt64? { ring.entry(from: 0)?.sequence }

    @Test func theNewestLinesAreKept() {
        withMemory(4) { memory in
            var ring = LogRing(memory: memory)
            #expect(ring.entryCount == 4)
            #expect(first(ring) == nil && ring.next == 1)
            for number in 1...6 { #expect(add(&ring, "line \(number)") == UInt64(number)) }
            #expect(first(ring) == 3 && ring.next == 7)
            #expect(line(ring, 2) == nil)
            #expect(line(ring, 7) == nil)
            #expect(line(ring, 0) == nil)
            #expect(
                line(ring, 6)
                    == LogEntry(
                        sequence: 6, microseconds: 5, task: 1, level: .notice,
                        text: Array("line 6".utf8)))
        }
    }

    @Test func linesOfEveryLengthComeBack() {
        withMemory(2) { memory in
            var ring = LogRing(memory: memory)
            for length in [0, 1, 7, 8, 9, 104, 231, 232, 233, 300] {
                let text = String(repeating: "x", count: length)
                let sequence = add(&ring, text, task: 65535)
                #expect(line(ring, sequence)?.text.count == min(length, 232))
                #expect(line(ring, sequence)?.task == 65535)
            }
            let sequence = add(&ring, "a b")
            #expect(line(ring, sequence)?.text == Array("a b".utf8))
        }
    }

    @Test func aRestartGoesOnWhereItStopped() {
        withMemory(4) { memory in
            var ring = LogRing(memory: memory)
            for number in 1...6 { _ = add(&ring, "\(number)") }
            var again = LogRing(memory: memory)
            #expect(again.next == 7 && first(again) == 3)
            #expect(add(&again, "7") == 7)
            #expect(line(again, 4)?.text == Array("4".utf8))
        }
    }

    /// The log dies between any two stores of a line: what was there of it is no line.
    @Test func aLineThatIsNotWholeIsNone() {
        withMemory(2) { memory in
            var ring = LogRing(memory: memory)
            _ = add(&ring, "first")
            _ = add(&ring, "second")
            memory[32] = 0
            memory[33] = 77
            var again = LogRing(memory: memory)
            #expect(again.next == 2 && line(again, 2) == nil)
            #expect(line(again, 1)?.text == Array("first".utf8))
            #expect(add(&again, "third") == 2 && line(again, 1) != nil)
        }
    }
    /// Entries of another layout are free: the version stands above the sequence number.
    @Test(arguments: [0, 1, 3, 0xffff] as [UInt64]) func anotherLayoutIsNotRead(version: UInt64) {
        withMemory(2) { memory in
            memory[0] = 5 | version << 48
            var ring = LogRing(memory: memory)
            #expect(ring.next == 1 && first(ring) == nil)
            #expect(add(&ring, "a") == 1 && add(&ring, "b") == 2 && first(ring) == 1)
        }
    }

    @Test func damageIsNotBelieved() {
        withMemory(4) { memory in
            for index in 0..<memory.count { memory[index] = ~0 }
            var ring = LogRing(memory: memory)
            #expect(ring.next == 1)
            #expect(line(ring, ~0) == nil)
            #expect(add(&ring, "a") == 1)
            memory[2] = 0xffff_0000
            #expect(line(ring, 1) == nil)
        }
        withMemory(0) { memory in
            var ring = LogRing(memory: memory)
            #expect(add(&ring, "a") == 0)
            #expect(line(ring, 1) == nil)
        }
    }

    /// A task that writes without end overwrites its own lines; the history of the others stays.
    @Test func noTaskFlushesTheHistory() {
        withMemory(12) { memory in
            var ring = LogRing(memory: memory)
            for number in 1...4 { _ = add(&ring, "boot \(number)", task: 2) }
            for number in 1...1000 {
                _ = add(&ring, "flood \(number)", task: 9)
                if number == 500 { ring = LogRing(memory: memory) }
            }
            for number in 1...4 {
                #expect(line(ring, UInt64(number))?.text == Array("boot \(number)".utf8))
            }
            // Of its own lines the newest stay, and all come in order.
            var at: UInt64 = 5
            for number in 993...1000 {
                let entry = ring.entry(from: at)
                #expect(entry?.text == Array("flood \(number)".utf8))
                at = (entry?.sequence ?? 0) + 1
            }
            #expect(ring.entry(from: at) == nil)
            // A third task takes from the one with the most.
            for number in 1...5 { _ = add(&ring, "third \(number)", task: 30) }
            #expect(first(ring) == 1 && line(ring, 4) != nil)
            var lines: [UInt16: Int] = [:]
            at = 0
            while let entry = ring.entry(from: at) {
                lines[entry.task, default: 0] += 1
                at = entry.sequence + 1
            }
            #expect(lines == [2: 4, 9: 4, 30: 4])
        }
    }

    /// However many tasks write however much, each keeps its share.
    @Test func eachTaskKeepsItsShare() {
        withMemory(16) { memory in
            var ring = LogRing(memory: memory)
            var random = SystemRandomNumberGenerator()
            var last: [UInt16: [UInt64]] = [:]
            for _ in 0..<2000 {
                let task = UInt16.random(in: 0...3, using: &random)
                let times = task == 3 ? Int.random(in: 1...20, using: &random) : 1
                for _ in 0..<times { last[task, default: []].append(add(&ring, "x", task: task)) }
                for (task, written) in last {
                    for sequence in written.suffix(4) {
                        #expect(line(ring, sequence)?.task == task)
                    }
                }
            }
        }
    }

    @Test func levelsComeBack() {
        withMemory(4) { memory in
            var ring = LogRing(memory: memory)
            for level in [LogLevel.error, .warning, .notice, .debug] {
                ring.add(task: 1, microseconds: 0, level: level, text: [65].span)
                #expect(ring.entry(from: ring.next - 1)?.level == level)
            }
        }
    }
}
