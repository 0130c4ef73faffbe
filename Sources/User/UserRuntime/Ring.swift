// Rings: bulk data from one thread to another, through memory that both map, without copies.

import CUserEntry
import KernelABI
import Protocols

/// The memory of a ring. Each side writes only to its own area, so the other one may map that area
/// without the right to write.
///
/// | area | bytes | |
/// |---|---|---|
/// | the producer's | 0–3 | items that it has published, modulo 2^32 |
/// | | 4–7 | 1 while it sleeps |
/// | | from 64 | the items |
/// | the consumer's | 0–3 | items that it has released, modulo 2^32 |
/// | | 4–7 | 1 while it sleeps |
public struct RingMemory: Sendable {
    /// Where the producer's area is mapped: a multiple of 64.
    public let producer: UInt64
    /// Where the consumer's area is mapped: a multiple of 64.
    public let consumer: UInt64

    public init(producer: UInt64, consumer: UInt64) {
        self.producer = producer
        self.consumer = consumer
    }
    /// Bytes of the producer's area.
    public static func producerBytes<Element: BitwiseCopyable>(
        of type: Element.Type, capacity: Int
    ) -> Int {
        SharedKind.ring.bytes(capacity: capacity, itemBytes: MemoryLayout<Element>.stride)
    }
    /// Bytes of the consumer's area.
    public static var consumerBytes: Int { 8 }

    static var firstItem: Int { SharedKind.ringItems }

    // Safety: the owner of the ring mapped both areas there.
    @inline(__always) private func word(_ address: UInt64) -> UnsafeMutablePointer<UInt32> {
        unsafe UnsafeMutablePointer(bitPattern: UInt(address)).unsafelyUnwrapped
    }
    fileprivate var published: UInt32 {
        @inline(__always) get { unsafe swiftlet_load_acquire(word(producer)) }
        @inline(__always) nonmutating set {
            unsafe swiftlet_store_release(word(producer), newValue)
        }
    }
    fileprivate var released: UInt32 {
        @inline(__always) get { unsafe swiftlet_load_acquire(word(consumer)) }
        @inline(__always) nonmutating set {
            unsafe swiftlet_store_release(word(consumer), newValue)
        }
    }
    fileprivate var producerSleeps: Bool {
        @inline(__always) get { unsafe word(producer &+ 4).pointee != 0 }
        @inline(__always) nonmutating set { unsafe word(producer &+ 4).pointee = newValue ? 1 : 0 }
    }
    fileprivate var consumerSleeps: Bool {
        @inline(__always) get { unsafe word(consumer &+ 4).pointee != 0 }
        @inline(__always) nonmutating set { unsafe word(consumer &+ 4).pointee = newValue ? 1 : 0 }
    }
}

/// What both sides of a ring share: its memory, its capacity, and how each one wakes the other.
public struct RingEnd: Sendable {
    let memory: RingMemory
    let capacity: UInt32
    /// On which this side waits.
    let own: Notification
    /// Which this side signals.
    let other: Notification
    /// The bit by which the sides wake each other.
    public static var itemBit: UInt64 { 1 }

    /// - Parameters:
    ///   - capacity: items in the ring, a power of two; the same on both sides.
    ///   - own: on which this side waits, or which is bound to its thread.
    ///   - other: that of the other side (right: write).
    /// - Throws: `invalidArgument` (the capacity is no power of two, or above 2^30).
    public init(
        _ memory: RingMemory, capacity: Int, own: Notification, other: Notification
    ) throws(KernelError) {
        if capacity < 1 || capacity > 1 << 30 || capacity & (capacity - 1) != 0 {
            throw .invalidArgument
        }
        self.memory = memory
        self.capacity = UInt32(capacity)
        self.own = own
        self.other = other
    }

    /// The memory of an item.
    @inline(__always) fileprivate func item<Element>(
        _ number: UInt32, as type: Element.Type
    ) -> UnsafeMutablePointer<Element> {
        let place = Int(number & (capacity &- 1))
        let offset = RingMemory.firstItem &+ place &* MemoryLayout<Element>.stride
        // Safety: the number is below the capacity, and the producer's area has room for as many.
        return unsafe UnsafeMutablePointer(
            bitPattern: UInt(memory.producer) &+ UInt(bitPattern: offset)
        ).unsafelyUnwrapped
    }
}

/// The side of a ring that fills items. One thread uses it.
///
/// An item belongs to the producer until it is published, then to the consumer until that releases
/// it. What the other side writes to its area never makes this side read or write elsewhere.
public struct RingProducer<Element: BitwiseCopyable>: ~Copyable {
    private let end: RingEnd
    private var count: UInt32
    /// Items that found no room.
    public private(set) var lost: UInt64 = 0

    /// A new producer, or one that goes on where its former life stopped: what was published is
    /// still in the ring, and what was not is not.
    public init(_ end: RingEnd) {
        self.end = end
        count = end.memory.published
        end.memory.producerSleeps = false
        // The former life may have died before its signal.
        wakeConsumer()
    }

    /// Items published so far, of all lives of this side, modulo 2^32: the number of the next item.
    public var published: UInt32 { count }

    /// Items for which there is room now; 0 also where the consumer's count cannot be.
    public var room: Int {
        let used = count &- end.memory.released
        return used > end.capacity ? 0 : Int(end.capacity &- used)
    }

    /// Fills the next item in place, and publishes it. Never waits.
    ///
    /// - Returns: false if there was no room: the item counts as lost.
    @discardableResult @inline(__always) public mutating func push(
        _ fill: (UnsafeMutablePointer<Element>) -> Void
    ) -> Bool {
        if room == 0 {
            lost &+= 1
            return false
        }
        unsafe fill(end.item(count, as: Element.self))
        count &+= 1
        end.memory.published = count
        wakeConsumer()
        return true
    }
    /// Publishes a copy of an item. Never waits.
    ///
    /// - Returns: false if there was no room: the item counts as lost.
    @discardableResult public mutating func push(_ item: Element) -> Bool {
        unsafe push { place in unsafe place.pointee = item }
    }

    /// Waits until there is room.
    ///
    /// - Throws: `timedOut`, `cancelled`; `wrongState` (the consumer's count cannot be: it has to
    ///   be made anew), `invalidCapability` (the notification is gone).
    public mutating func waitForRoom(deadline: Instant = .never) throws(KernelError) {
        defer { end.memory.producerSleeps = false }
        while room == 0 {
            if isBroken { throw .wrongState }
            end.memory.producerSleeps = true
            swiftlet_fence()
            if room == 0 { _ = try end.own.wait(deadline: deadline) }
        }
    }

    private func wakeConsumer() {
        swiftlet_fence()
        if end.memory.consumerSleeps { try? end.other.signal(RingEnd.itemBit) }
    }
    private var isBroken: Bool {
        count &- end.memory.released > end.capacity
    }
}

/// The side of a ring that reads items. One thread uses it.
///
/// A broken or hostile producer can give wrong items, and no more: use an `Element` for which all
/// bits are valid, such as integers and structs of them. A `Bool` or an enum is none.
public struct RingConsumer<Element: BitwiseCopyable>: ~Copyable {
    private let end: RingEnd
    private var count: UInt32
    /// Whether this side asked for a signal.
    private var isAsleep = false

    /// A new consumer, or one that goes on where its former life stopped: with the first item that
    /// it did not release. If its own count cannot be, all items are given up.
    public init(_ end: RingEnd) {
        self.end = end
        count = end.memory.released
        end.memory.consumerSleeps = false
        if isBroken { discardAll() }
        // The former life may have died before its signal.
        wakeProducer()
    }

    /// Items released so far, of all lives of this side, modulo 2^32: the number of the next item.
    public var released: UInt32 { count }

    /// Items that can be read now; 0 also where the producer's count cannot be.
    public var available: Int {
        let left = end.memory.published &- count
        return left > end.capacity ? 0 : Int(left)
    }

    /// Reads the next item in place, and releases it. Never waits.
    ///
    /// - Returns: what `read` returned; nil if there is no item.
    @inline(__always) public mutating func pop<Result>(
        _ read: (UnsafePointer<Element>) -> Result
    ) -> Result? {
        if available == 0 { return nil }
        stayAwake()
        let result = unsafe read(UnsafePointer(end.item(count, as: Element.self)))
        release()
        return result
    }
    /// Returns a copy of the next item, and releases it. Never waits.
    public mutating func pop() -> Element? { unsafe pop { unsafe $0.pointee } }

    /// Waits until there is an item.
    ///
    /// - Throws: `timedOut`, `cancelled`; `wrongState` (the producer's count cannot be; see
    ///   `discardAll`), `invalidCapability` (the notification is gone).
    public mutating func waitForItem(deadline: Instant = .never) throws(KernelError) {
        defer { stayAwake() }
        while available == 0 {
            if isBroken { throw .wrongState }
            if !prepareToSleep() { return }
            _ = try end.own.wait(deadline: deadline)
        }
    }

    /// Asks for a signal with the next item, for a thread that waits for other things as well: its
    /// notification brings the bit 0.
    ///
    /// - Returns: false if there is an item already, and no signal may come.
    public mutating func prepareToSleep() -> Bool {
        isAsleep = true
        end.memory.consumerSleeps = true
        swiftlet_fence()
        if available == 0 { return true }
        stayAwake()
        return false
    }

    /// Gives up all items that are in the ring, also where the producer's count cannot be.
    public mutating func discardAll() {
        count = end.memory.published &- 1
        release()
    }

    private var isBroken: Bool {
        end.memory.published &- count > end.capacity
    }

    private mutating func stayAwake() {
        if !isAsleep { return }
        isAsleep = false
        end.memory.consumerSleeps = false
    }
    private mutating func release() {
        count &+= 1
        end.memory.released = count
        wakeProducer()
    }
    private func wakeProducer() {
        swiftlet_fence()
        if end.memory.producerSleeps { try? end.other.signal(RingEnd.itemBit) }
    }
}
