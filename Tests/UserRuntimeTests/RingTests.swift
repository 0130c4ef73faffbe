// Rings in memory of the host: order, bounds, restarts of either side, and what the other writes.
// Nobody sleeps, so no call of the kernel is made.

import CUserEntry
import KernelABI
import Testing

@testable import UserRuntime

private final class RingModel {
    static let guards = 128
    let capacity: Int
    private let bytes: Int
    private let producerArea: UnsafeMutableRawPointer
    private let consumerArea: UnsafeMutableRawPointer
    let end: RingEnd

    init(capacity: Int) throws {
        self.capacity = capacity
        bytes = RingMemory.producerBytes(of: UInt64.self, capacity: capacity)
        producerArea = .allocate(byteCount: bytes + RingModel.guards, alignment: 64)
        consumerArea = .allocate(byteCount: 64, alignment: 64)
        producerArea.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        (producerArea + bytes).initializeMemory(
            as: UInt8.self, repeating: 0xa5, count: RingModel.guards)
        consumerArea.initializeMemory(as: UInt8.self, repeating: 0, count: 64)
        end = try RingEnd(
            RingMemory(
                producer: UInt64(UInt(bitPattern: producerArea)),
                consumer: UInt64(UInt(bitPattern: consumerArea))),
            capacity: capacity, own: Notification(Slot(98)), other: Notification(Slot(99)))
    }
    deinit {
        producerArea.deallocate()
        consumerArea.deallocate()
    }
    /// What each side says of itself.
    var published: UInt32 {
        get { producerArea.load(as: UInt32.self) }
        set { producerArea.storeBytes(of: newValue, as: UInt32.self) }
    }
    var released: UInt32 {
        get { consumerArea.load(as: UInt32.self) }
        set { consumerArea.storeBytes(of: newValue, as: UInt32.self) }
    }
    var producerSleeps: Bool {
        get { producerArea.load(fromByteOffset: 4, as: UInt32.self) != 0 }
        set { producerArea.storeBytes(of: newValue ? 1 : 0, toByteOffset: 4, as: UInt32.self) }
    }
    var consumerSleeps: Bool {
        get { consumerArea.load(fromByteOffset: 4, as: UInt32.self) != 0 }
        set { consumerArea.storeBytes(of: newValue ? 1 : 0, toByteOffset: 4, as: UInt32.self) }
    }
    func expectGuards() {
        let raw = UnsafeRawBufferPointer(
            start: producerArea + bytes, count: RingModel.guards)
        #expect(raw.allSatisfy { $0 == 0xa5 })
    }
}

/// How often `body` signals.
private func countSignals(_ body: () -> Void) -> Int {
    let count = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    defer { count.deallocate() }
    count.pointee = 0
    swiftlet_model_kernel(
        { context, registers in
            precondition(ControlWord(raw: registers[0]).systemCall == .signal)
            context.assumingMemoryBound(to: Int.self).pointee += 1
            registers[0] = 0
        }, count, 0)
    body()
    return count.pointee
}

/// A producer as a test uses it.
private final class Producer {
    private var ring: RingProducer<UInt64>
    init(_ model: RingModel) { ring = RingProducer(model.end) }
    var room: Int { ring.room }
    var lost: UInt64 { ring.lost }
    func push(_ item: UInt64) -> Bool { ring.push(item) }
    func fill(_ item: UInt64) -> Bool { ring.push { $0.pointee = item } }
    func waitForRoom() throws { try ring.waitForRoom(deadline: .immediately) }
}
/// A consumer.
private final class Consumer {
    private var ring: RingConsumer<UInt64>
    init(_ model: RingModel) { ring = RingConsumer(model.end) }
    var available: Int { ring.available }
    func pop() -> UInt64? { ring.pop() }
    func read() -> UInt64? { ring.pop { $0.pointee } }
    func discardAll() { ring.discardAll() }
    func prepareToSleep() -> Bool { ring.prepareToSleep() }
    func waitForItem() throws { try ring.waitForItem(deadline: .immediately) }
}

@Suite struct RingTests {
    @Test(arguments: [0, 0xffff_fffc] as [UInt32])
    func itemsComeInOrder(from start: UInt32) throws {
        let model = try RingModel(capacity: 4)
        model.published = start
        model.released = start
        let producer = Producer(model)
        let consumer = Consumer(model)
        #expect(consumer.pop() == nil && producer.room == 4)
        for round in 0..<10 as Range<UInt64> {
            for item in 0..<4 as Range<UInt64> { #expect(producer.push(10 * round + item)) }
            #expect(!producer.push(99) && producer.lost == round + 1 && producer.room == 0)
            #expect(consumer.available == 4)
            for item in 0..<4 as Range<UInt64> { #expect(consumer.pop() == 10 * round + item) }
            #expect(consumer.pop() == nil)
        }
        model.expectGuards()
    }

    @Test func itemsAreFilledAndReadInPlace() throws {
        let model = try RingModel(capacity: 2)
        let producer = Producer(model)
        let consumer = Consumer(model)
        #expect(producer.fill(5))
        #expect(consumer.read() == 5)
    }

    /// Each side goes on where its former life stopped.
    @Test func eitherSideStartsAnew() throws {
        let model = try RingModel(capacity: 4)
        let producer = Producer(model)
        let consumer = Consumer(model)
        for item in 1...3 as ClosedRange<UInt64> { #expect(producer.push(item)) }
        #expect(consumer.pop() == 1)
        let second = Producer(model)
        #expect(second.push(4) && second.room == 1)
        let reader = Consumer(model)
        #expect([reader.pop(), reader.pop(), reader.pop()] == [2, 3, 4])
    }

    /// A side died before its signal: its next life gives it. No side signals one that is awake.
    @Test func aNewLifeGivesTheSignal() throws {
        let model = try RingModel(capacity: 1)
        let producer = Producer(model)
        let consumer = Consumer(model)
        #expect(producer.push(1))
        model.consumerSleeps = true
        #expect(countSignals { _ = Producer(model) } == 1)
        model.consumerSleeps = false
        #expect(countSignals { _ = consumer.pop() } == 0)
        model.producerSleeps = true
        #expect(countSignals { _ = Consumer(model) } == 1)
        model.producerSleeps = false
        #expect(consumer.prepareToSleep())
        #expect(countSignals { _ = producer.push(2) } == 1)
        // It is awake from its first look on.
        #expect(consumer.pop() == 2 && countSignals { _ = producer.push(3) } == 0)
    }

    /// Counts that cannot be: nothing is read or written, and the fault is told.
    @Test func wrongCountsOfTheOtherSide() throws {
        let model = try RingModel(capacity: 4)
        let producer = Producer(model)
        let consumer = Consumer(model)
        for wrong: UInt32 in [5, 100, 0x8000_0000, 0xffff_fff0] {
            model.published = wrong
            #expect(consumer.available == 0 && consumer.pop() == nil)
            #expect(throws: KernelError.wrongState) {
                try consumer.waitForItem()
            }
            model.published = 0
            model.released = wrong
            #expect(producer.room == 0 && !producer.push(1))
            #expect(throws: KernelError.wrongState) {
                try producer.waitForRoom()
            }
            model.released = 0
        }
        // A consumer gives up what is there, and goes on.
        model.published = 77
        consumer.discardAll()
        #expect(consumer.available == 0 && model.released == 77)
        let next = Producer(model)
        #expect(next.push(8) && consumer.pop() == 8)
        // A new consumer does so by itself.
        model.released = 3
        let reader = Consumer(model)
        #expect(reader.available == 0 && model.released == 78)
        #expect(next.push(9) && reader.pop() == 9)
        model.expectGuards()
    }

    @Test(arguments: [0, -1, 3, 1 << 31]) func capacitiesThatAreNone(capacity: Int) {
        #expect(throws: KernelError.invalidArgument) {
            _ = try RingEnd(
                RingMemory(producer: 4096, consumer: 8192), capacity: capacity,
                own: Notification(Slot(1)), other: Notification(Slot(2)))
        }
    }
}
