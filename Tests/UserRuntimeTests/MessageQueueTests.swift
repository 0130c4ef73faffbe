// Message queues in memory of the host: order, bounds, what a death leaves, and what others write.
// Nobody contends, so the only call of the kernel is the one that tells of a death.

import CUserEntry
import KernelABI
import Testing

@testable import UserRuntime

private struct Item: BitwiseCopyable, Equatable {
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    init(_ number: UInt64) { words = (number, ~number, number &* 3) }
    var number: UInt64? {
        words.1 == ~words.0 && words.2 == words.0 &* 3 ? words.0 : nil
    }
    static func == (a: Item, b: Item) -> Bool { a.words == b.words }
}

/// A queue with its memory, between two guarded areas.
private final class QueueModel {
    static let guards = 256
    let capacity: Int
    let words: UnsafeMutableRawPointer
    let memory: UnsafeMutableRawPointer
    let queue: MessageQueue<Item>

    init(capacity: Int) throws {
        self.capacity = capacity
        words = .allocate(byteCount: 4096, alignment: 4096)
        words.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        let size = MessageQueue<Item>.bytes(capacity: capacity)
        memory = .allocate(byteCount: size + 2 * QueueModel.guards, alignment: 64)
        memory.initializeMemory(
            as: UInt8.self, repeating: 0xa5, count: size + 2 * QueueModel.guards)
        let set = MutexParticipant(
            MutexSet(Slot(99)), number: 0, page: UInt64(UInt(bitPattern: words)))
        queue = try MessageQueue(
            set, firstCell: 0, address: UInt64(UInt(bitPattern: memory + QueueModel.guards)),
            capacity: capacity)
        queue.setUp()
    }
    deinit {
        words.deallocate()
        memory.deallocate()
    }

    var bytes: UnsafeMutableBufferPointer<UInt32> {
        let size = MessageQueue<Item>.bytes(capacity: capacity)
        return UnsafeMutableBufferPointer(
            start: (memory + QueueModel.guards).assumingMemoryBound(to: UInt32.self),
            count: size / 4)
    }
    /// The last holder of the mutex died with it.
    func die() { words.storeBytes(of: MutexWord.abandoned.raw, as: UInt32.self) }

    /// Lets this thread's calls of `lock` be performed: of a mutex whose holder died.
    func enter() {
        swiftlet_model_kernel(
            { context, registers in
                let word = context.assumingMemoryBound(to: UInt32.self)
                precondition(ControlWord(raw: registers[0]).systemCall == .lock)
                precondition(word.pointee == MutexWord.abandoned.raw)
                word.pointee = MutexWord(holder: 0, isContended: false).raw
                registers[0] = 0
                registers[1] = 1
            }, words, 0)
    }

    func send(_ number: UInt64, _ priority: Int = 0) -> KernelError? {
        enter()
        do {
            try queue.send(Item(number), priority: priority, deadline: .immediately)
            return nil
        } catch { return error }
    }
    /// The number of the next message; nil if there is none.
    func receive() -> UInt64? {
        enter()
        guard let item = try? queue.receive(deadline: .immediately) else { return nil }
        #expect(item.number != nil, "a message is torn")
        return item.number
    }
    func drain() -> [UInt64] {
        var numbers: [UInt64] = []
        while let number = receive(), numbers.count <= capacity { numbers.append(number) }
        return numbers
    }
    func expectGuards() {
        let size = MessageQueue<Item>.bytes(capacity: capacity)
        let raw = UnsafeRawBufferPointer(start: memory, count: size + 2 * QueueModel.guards)
        #expect(raw.prefix(QueueModel.guards).allSatisfy { $0 == 0xa5 })
        #expect(raw.suffix(QueueModel.guards).allSatisfy { $0 == 0xa5 })
    }
}

@Suite struct MessageQueueTests {
    @Test func messagesComeByPriorityThenInOrder() throws {
        let model = try QueueModel(capacity: 8)
        for (number, priority) in [(1, 0), (2, 31), (3, 5), (4, 31), (5, 0), (6, 5)] {
            #expect(model.send(UInt64(number), priority) == nil)
        }
        #expect(model.queue.count == 6)
        #expect(model.drain() == [2, 4, 3, 6, 1, 5])
        #expect(model.queue.count == 0)
    }

    @Test func aFullQueueAndAnEmptyOne() throws {
        let model = try QueueModel(capacity: 3)
        #expect(model.receive() == nil)
        for number in 1...3 as ClosedRange<UInt64> { #expect(model.send(number) == nil) }
        #expect(model.send(4) == .timedOut)
        #expect(model.receive() == 1)
        #expect(model.send(4) == nil)
        #expect(model.drain() == [2, 3, 4])
        #expect(model.send(1, 32) == .invalidArgument && model.send(1, -1) == .invalidArgument)
        model.expectGuards()
    }

    @Test(arguments: [0, 257, -1]) func capacitiesThatAreNone(capacity: Int) {
        let set = MutexParticipant(MutexSet(Slot(99)), number: 0, page: 4096)
        #expect(throws: KernelError.invalidArgument) {
            _ = try MessageQueue<Item>(set, firstCell: 0, address: 4096, capacity: capacity)
        }
        #expect(throws: KernelError.invalidArgument) {
            _ = try MessageQueue<Item>(set, firstCell: 0, address: 4104, capacity: 8)
        }
    }

    /// A random walk against lists of the standard library.
    @Test func itBehavesAsItsModel() throws {
        let model = try QueueModel(capacity: 7)
        var lists = [[UInt64]](repeating: [], count: 32)
        var random = SystemRandomNumberGenerator()
        for number in 1...4000 as ClosedRange<UInt64> {
            let isFull = lists.reduce(0) { $0 + $1.count } == 7
            if random.next() % 2 == 0 {
                let priority = Int(random.next() % 32)
                #expect(model.send(number, priority) == (isFull ? .timedOut : nil))
                if !isFull { lists[priority].append(number) }
            } else if let priority = lists.lastIndex(where: { !$0.isEmpty }) {
                #expect(model.receive() == lists[priority].removeFirst())
            } else {
                #expect(model.receive() == nil)
            }
            if random.next() % 16 == 0 { model.die() }
        }
        model.expectGuards()
    }

    /// A thread dies after any of the stores of a `send` or a `receive`: the queue has the messages
    /// from before it or from after it.
    @Test(arguments: [true, false]) func aDeathAtAnyStore(sends: Bool) throws {
        for prepared in 0...3 as ClosedRange<UInt64> {
            let model = try QueueModel(capacity: 4)
            for number in 0..<prepared { _ = model.send(number, Int(number) & 1) }
            let before = Array(model.bytes)
            if sends { _ = model.send(9, 1) } else { _ = model.receive() }
            let after = Array(model.bytes)
            let changed = before.indices.filter { before[$0] != after[$0] }
            let outcomes = try [before, after].map { contents in
                let other = try QueueModel(capacity: 4)
                _ = other.bytes.update(fromContentsOf: contents)
                return other.drain()
            }
            // The word that decides: a node's state.
            let states = (0..<4).map { (QueueMemoryLayout.nodes + 16 * $0 + 4) / 4 }
            for subset in 0..<(1 << changed.count) {
                var torn = before
                for (bit, index) in changed.enumerated() where subset >> bit & 1 != 0 {
                    torn[index] = after[index]
                }
                // A message and its number are stored before the state.
                let isSent = states.contains { torn[$0] != before[$0] }
                let isWhole = changed.allSatisfy {
                    torn[$0] == after[$0] || !QueueMemoryLayout.isContents($0 * 4, capacity: 4)
                }
                if sends && isSent && !isWhole { continue }
                _ = model.bytes.update(fromContentsOf: torn)
                model.die()
                let numbers = model.drain()
                #expect(numbers == outcomes[isSent ? 1 : 0])
                #expect(model.drain() == [] && model.send(1) == nil && model.drain() == [1])
            }
        }
    }

    /// Whatever stands in the memory, a task touches nothing outside it, and every call ends.
    @Test func anyContentsAreSafe() throws {
        var random = SystemRandomNumberGenerator()
        for round in 0..<3000 {
            let model = try QueueModel(capacity: 5)
            for index in model.bytes.indices {
                let value = UInt32(truncatingIfNeeded: random.next())
                switch round % 3 {
                case 0: model.bytes[index] = value
                case 1: model.bytes[index] = value % 8
                default: if value % 8 == 0 { model.bytes[index] = value >> 20 }
                }
            }
            for number in 0..<12 as Range<UInt64> {
                if random.next() % 2 == 0 {
                    _ = model.send(number, Int(random.next() % 32))
                } else {
                    model.enter()
                    _ = try? model.queue.receive(deadline: .immediately)
                }
                if random.next() % 8 == 0 { model.die() }
            }
            model.expectGuards()
        }
    }

    /// A queue whose memory was spoilt works again once it is mended.
    @Test func recoveryMakesTheListsAnew() throws {
        let model = try QueueModel(capacity: 4)
        for number in 1...3 as ClosedRange<UInt64> { _ = model.send(number, 3) }
        for index in 0..<80 { model.bytes[index] = 0xffff }
        #expect(model.send(4) == .wrongState)
        try model.queue.recover()
        #expect(model.queue.count == 3 && model.send(4, 3) == nil)
        #expect(model.drain() == [1, 2, 3, 4])
    }

    /// Forged numbers of messages: each place for a message is still found once.
    @Test(arguments: [0, 7, UInt64.max]) func forgedNumbers(number: UInt64) throws {
        let model = try QueueModel(capacity: 4)
        for item in 1...4 as ClosedRange<UInt64> { _ = model.send(item, 3) }
        for node in 0..<4 {
            let index = (QueueMemoryLayout.nodes + 16 * node + 8) / 4
            model.bytes[index] = UInt32(truncatingIfNeeded: number)
            model.bytes[index + 1] = UInt32(truncatingIfNeeded: number >> 32)
        }
        try model.queue.recover()
        #expect(Set(model.drain()) == [1, 2, 3, 4])
        for item in 5...8 as ClosedRange<UInt64> { #expect(model.send(item) == nil) }
        #expect(model.drain() == [5, 6, 7, 8])
    }
}

/// Where the test looks into a queue's memory.
private enum QueueMemoryLayout {
    static let nodes = 320
    /// Whether a byte belongs to a message, to its number, or to the number of the next one.
    static func isContents(_ offset: Int, capacity: Int) -> Bool {
        if offset >= nodes + 16 * capacity { return true }
        return offset >= nodes && (offset - nodes) % 16 >= 8
    }
}
