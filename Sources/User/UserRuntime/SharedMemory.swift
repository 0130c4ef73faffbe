// What a task shares with others by the manifest: `[[shared]]`. The memory, the mutex set and the
// notifications are the root task's, so they outlive each task. The root task maps the memory,
// makes the task's first thread a participant, and lists all of it behind the start information.

import CUserEntry
import KernelABI
import Protocols

/// The methods of the root task's service `shares` (Sources/User/Interfaces/Shares.swift).
private enum SharesMethod {
    static var join: UInt64 { 1 }
}

/// What the root task lists of one thing that the task shares.
public struct ListedShare: Sendable {
    public var name: InlineArray<4, UInt64>
    public var kind: SharedKind
    /// Whether the task writes to the first area: the producer of a ring, a writer.
    public var isWriter: Bool
    /// Which of the task's shares it is, from 0.
    public var number: Int
    /// The number of the task's first thread in the mutex set.
    public var firstParticipant: Int
    /// Items of a queue or ring, bytes of memory.
    public var capacity: Int
    public var itemBytes: Int
    /// The area that the writers, or the producer, write to.
    public var area: UInt64
    /// The page of the mutex set, or of the ring's consumer; 0: none.
    public var page: UInt64

    /// Words of a share in the list, which starts with their number.
    public static var words: Int { 8 }

    public init(
        name: InlineArray<4, UInt64>, kind: SharedKind, isWriter: Bool, number: Int,
        firstParticipant: Int, capacity: Int, itemBytes: Int, area: UInt64, page: UInt64
    ) {
        self.name = name
        self.kind = kind
        self.isWriter = isWriter
        self.number = number
        self.firstParticipant = firstParticipant
        self.capacity = capacity
        self.itemBytes = itemBytes
        self.area = area
        self.page = page
    }

    /// The words behind the name.
    public var rest: InlineArray<4, UInt64> {
        [
            UInt64(kind.rawValue) | (isWriter ? 1 << 8 : 0) | UInt64(number) << 16
                | UInt64(firstParticipant) << 32,
            UInt64(capacity) | UInt64(itemBytes) << 32, area, page,
        ]
    }

    private init?(name: InlineArray<4, UInt64>, rest: InlineArray<4, UInt64>) {
        guard let kind = SharedKind(rawValue: UInt8(truncatingIfNeeded: rest[0])) else {
            return nil
        }
        self.init(
            name: name, kind: kind, isWriter: rest[0] >> 8 & 1 == 1,
            number: Int(rest[0] >> 16 & 0xff), firstParticipant: Int(rest[0] >> 32),
            capacity: Int(rest[1] & 0xffff_ffff), itemBytes: Int(rest[1] >> 32), area: rest[2],
            page: rest[3])
    }

    /// The task's share of that name and kind.
    ///
    /// - Throws: `invalidCapability` (the manifest lists none for the task), `wrongKind`.
    /// - Complexity: O(shares), of which there are 8 at most.
    static func find(_ name: StaticString, _ kind: SharedKind) throws(KernelError) -> ListedShare {
        let wanted = name.nameWords
        // Safety: the list lies in a page that is mapped for good.
        let list = unsafe UnsafePointer<UInt64>(
            bitPattern: UInt(TaskAddress.listedShares)
        ).unsafelyUnwrapped
        for number in 0..<min(Int(unsafe list[0]), ShareLimits.ofTask) {
            let at = 1 + words * number
            let name: InlineArray<4, UInt64> = unsafe [
                list[at], list[at + 1], list[at + 2], list[at + 3],
            ]
            let rest: InlineArray<4, UInt64> = unsafe [
                list[at + 4], list[at + 5], list[at + 6], list[at + 7],
            ]
            if (0..<4).allSatisfy({ name[$0] == wanted[$0] }),
                let share = ListedShare(name: name, rest: rest)
            {
                if share.kind != kind { throw .wrongKind }
                return share
            }
        }
        throw .invalidCapability
    }

    /// Throws `invalidArgument` where the items are larger or smaller than the manifest says.
    func check<Element>(_ type: Element.Type) throws(KernelError) {
        if MemoryLayout<Element>.stride != itemBytes { throw .invalidArgument }
    }

    private var slot: Slot { StartSlot.share(number) }

    /// The calling thread's participation in the mutex set.
    ///
    /// - Throws: `notPermitted` (the task only reads, or the share has no cells); `timedOut` (the
    ///   root task did not make the thread a participant by `deadline`), and why the kernel refused
    ///   that to it.
    func participant(by deadline: Instant) throws(KernelError) -> MutexParticipant {
        if kind == .ring || page == 0 { throw .notPermitted }
        var own = firstParticipant
        if let place = Place.own {
            try join(place, by: deadline)
            own += 1 + place.number
        }
        return MutexParticipant(MutexSet(slot), number: own, page: page)
    }

    /// Has the root task make the calling thread a participant, once for all bodies of its place.
    private func join(_ place: Place, by deadline: Instant) throws(KernelError) {
        let bit: UInt64 = 1 << UInt64(number)
        if unsafe place.record.pointee.joined_shares & bit != 0 { return }
        do throws(SystemError) {
            var request = RequestWriter(method: SharesMethod.join)
            request.put(UInt8(place.number))
            request.put(UInt8(number))
            try request.call(Endpoint(StartSlot.root(.shares)), by: deadline).end()
        } catch { throw error.kernelError }
        unsafe place.record.pointee.joined_shares |= bit
    }

    func ringEnd() throws(KernelError) -> RingEnd {
        try RingEnd(
            RingMemory(producer: area, consumer: page), capacity: capacity,
            own: Notification(slot), other: Notification(Slot(slot.index + 1)))
    }
}

/// Memory that tasks share by a name of the manifest.
public struct SharedMemory: Sendable {
    /// Where it is mapped. It starts as zeros, and survives the tasks.
    public let address: UInt64
    public let bytes: Int
    /// Whether the task may write to it.
    public let isWritable: Bool
    private let share: ListedShare

    /// Returns the memory that the manifest calls `name`.
    ///
    /// - Throws: `invalidCapability` (the manifest lists none for the task), `wrongKind` (it is a
    ///   queue or a ring).
    public static func open(_ name: StaticString) throws(KernelError) -> SharedMemory {
        let share = try ListedShare.find(name, .memory)
        return SharedMemory(
            address: share.area, bytes: share.capacity, isWritable: share.isWriter, share: share)
    }

    /// The calling thread as a participant of the memory's mutexes.
    ///
    /// - Throws: `notPermitted` (the task only reads, or the manifest says no `cells`).
    public var mutexes: MutexParticipant {
        get throws(KernelError) { try share.participant(by: .never) }
    }

    /// A cell of the memory's mutex set, for a semaphore or a condition.
    ///
    /// - Parameter number: below the manifest's `cells`.
    /// - Throws: as `mutexes`.
    public func cell(_ number: Int) throws(KernelError) -> Cell {
        let mutexes = try mutexes
        return Cell(mutexes.set, number, page: mutexes.page)
    }
}

extension MessageQueue {
    /// Returns the calling thread's handle to the queue that the manifest calls `name`. The first
    /// thread that opens it sets it up; later ones mend what a dead task left.
    ///
    /// - Parameter deadline: bounds the wait for the root task, which lets a started thread join,
    ///   and the wait for the queue's mutex.
    /// - Throws: `invalidCapability` (the manifest lists none for the task), `wrongKind` (it is no
    ///   queue), `invalidArgument` (`item_bytes` is not the element's stride), and what `recover`
    ///   throws.
    public static func open(
        _ name: StaticString, deadline: Instant = .never
    ) throws(KernelError) -> MessageQueue {
        let share = try ListedShare.find(name, .queue)
        try share.check(Element.self)
        let queue = try MessageQueue(
            share.participant(by: deadline), firstCell: 0, address: share.area,
            capacity: share.capacity)
        try queue.begin(by: deadline)
        return queue
    }
}

extension RingProducer {
    /// Returns the producer's side of the ring that the manifest calls `name`, in the state in
    /// which the task's former life left it. One thread of the task opens it.
    ///
    /// - Throws: `invalidCapability` (the manifest lists none for the task), `wrongKind` (it is no
    ///   ring), `notPermitted` (the task is the consumer), `invalidArgument` (`item_bytes` is not
    ///   the element's stride).
    public static func open(_ name: StaticString) throws(KernelError) -> RingProducer {
        let share = try ListedShare.find(name, .ring)
        if !share.isWriter { throw .notPermitted }
        try share.check(Element.self)
        return RingProducer(try share.ringEnd())
    }
}

extension RingConsumer {
    /// Returns the consumer's side of the ring that the manifest calls `name`, in the state in
    /// which the task's former life left it. One thread of the task opens it.
    ///
    /// - Throws: as `RingProducer.open`; `notPermitted` if the task is the producer.
    public static func open(_ name: StaticString) throws(KernelError) -> RingConsumer {
        let share = try ListedShare.find(name, .ring)
        if share.isWriter { throw .notPermitted }
        try share.check(Element.self)
        return RingConsumer(try share.ringEnd())
    }
}
