// Bounded queues of messages in shared memory: many senders and receivers, of one task or of
// several.

import CUserEntry
import KernelABI
import Protocols

/// A bounded queue that threads share. A message of a higher priority comes first, and among equals
/// the first that was sent.
///
/// The queue takes three cells of a mutex set: a mutex, and the conditions *not empty* and *not
/// full*. Each thread has a handle with its own participation. What a thread that died left half
/// done is mended by the next one that takes the mutex: a message is in the queue, or it is not.
///
/// The tasks of a queue trust each other with its contents. A task never reads or writes outside
/// the queue's memory, whatever the others wrote there.
public struct MessageQueue<Element: BitwiseCopyable>: Sendable {
    private let mutexes: MutexParticipant
    private let mutex: Int
    private let notEmpty: Condition
    private let notFull: Condition
    private let memory: QueueMemory

    /// Priorities of messages: 0 to 31.
    public static var priorities: Int { 32 }
    /// The most messages of a queue.
    public static var maximumCapacity: Int { SharedKind.queueMaximum }

    /// Bytes of memory for so many messages.
    public static func bytes(capacity: Int) -> Int {
        SharedKind.queue.bytes(capacity: capacity, itemBytes: MemoryLayout<Element>.size)
    }

    /// A thread's handle to a queue that `setUp` was called for.
    ///
    /// - Parameters:
    ///   - mutexes: the thread's participation in the set.
    ///   - firstCell: the number of the first of the three cells.
    ///   - address: where the queue's memory is mapped, a multiple of 16; `bytes(capacity:)` bytes.
    ///   - capacity: the most messages in the queue; the same in all handles.
    /// - Throws: `invalidArgument` (the capacity is below 1 or above `maximumCapacity`, or the
    ///   address is no multiple of 16).
    public init(
        _ mutexes: MutexParticipant, firstCell: Int, address: UInt64, capacity: Int
    ) throws(KernelError) {
        if capacity < 1 || capacity > Self.maximumCapacity || address & 15 != 0 {
            throw .invalidArgument
        }
        self.mutexes = mutexes
        mutex = firstCell
        notEmpty = Condition(Cell(mutexes.set, firstCell + 1, page: mutexes.page))
        notFull = Condition(Cell(mutexes.set, firstCell + 2, page: mutexes.page))
        memory = QueueMemory(
            base: UInt(address), capacity: capacity,
            stride: SharedKind.queueStride(MemoryLayout<Element>.size))
    }

    /// Makes the queue empty, before any thread uses it.
    public func setUp() {
        notEmpty.setUp()
        notFull.setUp()
        memory.setUp()
    }

    /// Makes a queue in shared memory ready for a thread that begins to use it. The first one sets
    /// it up. What a task that died left half done is mended.
    ///
    /// - Throws: as `recover`.
    func begin(by deadline: Instant) throws(KernelError) {
        let holderDied = try mutexes.lock(mutex, deadline: deadline)
        if !memory.isSetUp {
            setUp()
        } else if holderDied {
            mend()
        } else {
            wakeAll()
        }
        try mutexes.unlock(mutex)
    }

    /// Sends a message, or waits for room.
    ///
    /// - Throws: `timedOut` (the queue stayed full, or another thread kept its mutex: a `deadline`
    ///   of `.immediately` does not bound the wait for that), `invalidArgument` (no such priority),
    ///   `notPermitted` (the thread is no such participant), `wrongState` (the memory is no
    ///   queue's), `cancelled`, `invalidCapability`.
    /// - Complexity: constant; after a death, as many steps as the square of the capacity.
    public func send(
        _ message: Element, priority: Int = 0, deadline: Instant = .never
    ) throws(KernelError) {
        if priority < 0 || priority >= Self.priorities { throw .invalidArgument }
        let node = try unsafe take(by: notFull, memory.waitingSenders, deadline) {
            memory.firstFree
        }
        if let node {
            unsafe memory.element(node).assumingMemoryBound(to: Element.self).pointee = message
            memory.append(node, priority)
        }
        let isAwaited = unsafe memory.waitingReceivers.pointee != 0
        try mutexes.unlock(mutex)
        if node == nil { throw .wrongState }
        // The message is in the queue, also if the cell was spoilt: the next call meets that.
        if isAwaited { try? notEmpty.signal() }
    }

    /// Receives the most urgent message, or waits for one.
    ///
    /// - Throws: `timedOut` (the queue stayed empty, or another thread kept its mutex); else as
    ///   `send`.
    /// - Complexity: as `send`.
    public func receive(deadline: Instant = .never) throws(KernelError) -> Element {
        let found = try unsafe take(by: notEmpty, memory.waitingReceivers, deadline) {
            memory.firstUsed
        }
        guard let node = found else {
            try mutexes.unlock(mutex)
            throw .wrongState
        }
        // The caller has the message, also if a cell was spoilt: the next call meets that.
        defer {
            memory.remove(node)
            let isAwaited = unsafe memory.waitingSenders.pointee != 0
            try? mutexes.unlock(mutex)
            if isAwaited { try? notFull.signal() }
        }
        return unsafe memory.element(node).load(as: Element.self)
    }

    /// Messages in the queue at this instant.
    public var count: Int { memory.count }

    /// Mends the queue after the death of a task that used it, and lets those that wait look again.
    /// Without it the next `send` or `receive` mends it.
    ///
    /// - Parameter deadline: bounds the wait for the queue's mutex.
    /// - Throws: as `send`; `timedOut` if another thread kept the mutex.
    public func recover(deadline: Instant = .never) throws(KernelError) {
        _ = try mutexes.lock(mutex, deadline: deadline)
        mend()
        try mutexes.unlock(mutex)
    }

    /// Mends the lists and wakes all threads that wait. The thread that died may have been woken in
    /// place of one of them.
    ///
    /// - Precondition: the caller holds the mutex.
    private func mend() {
        memory.mend()
        wakeAll()
    }

    private func wakeAll() {
        try? notEmpty.broadcast()
        try? notFull.broadcast()
    }

    /// Without a wait for the other side, the mutex is waited for: nobody holds it for long.
    @inline(never) private func waitForMutex(_ deadline: Instant) throws(KernelError) {
        let limit = deadline == .immediately ? Instant.never : deadline
        if try mutexes.lock(mutex, deadline: limit) { mend() }
    }

    /// Takes the mutex and waits until `find` finds a node.
    ///
    /// - Parameter waiting: how many threads wait by this condition. One that died there, or whose
    ///   wait failed, is counted for ever, which costs signals that nobody needs.
    /// - Returns: the node, which may be none of the queue's; nil if the memory is no queue's. The
    ///   caller holds the mutex.
    @inline(__always) private func take(
        by condition: Condition, _ waiting: UnsafeMutablePointer<UInt32>, _ deadline: Instant,
        _ find: () -> QueueMemory.Look
    ) throws(KernelError) -> Int? {
        if !mutexes.tryLock(mutex) { try waitForMutex(deadline) }
        while true {
            switch find() {
            case .node(let node): return node
            case .broken: return nil
            case .none: break
            }
            var isLate = deadline == .immediately
            if !isLate {
                unsafe waiting.pointee &+= 1
                let ending = try condition.wait(
                    mutexes, mutex, deadline: deadline, takingBy: deadline)
                unsafe waiting.pointee &-= 1
                if ending.holderDied { mend() }
                isLate = ending.isTimedOut
            }
            if isLate, case .none = find() {
                try mutexes.unlock(mutex)
                throw .timedOut
            }
        }
    }
}

/// The memory of a queue: lists of its nodes by priority, the nodes, and the messages.
///
/// | bytes | |
/// |---|---|
/// | 0–3 | a bit for each priority that has messages |
/// | 4–7 | the first free node, plus 1; 0: none |
/// | 8–15 | the number of the next message |
/// | 16–19 | messages in the queue |
/// | 20–23 | 1 once it was set up |
/// | 24–31 | threads that wait to send, and to receive |
/// | 64–319 | for each priority the first and the last node, plus 1, of 4 bytes each |
/// | from 320 | for each node 16 bytes: the next one, plus 1; what it is; its message's number |
///
/// Every number of a node is checked when it is read.
private struct QueueMemory: Sendable {
    /// What a look for a node finds.
    enum Look {
        case node(Int)
        case none
        /// A number that is no node's.
        case broken
    }
    let base: UInt
    let capacity: Int
    let stride: Int
    /// The address of the first message.
    private let items: UInt

    init(base: UInt, capacity: Int, stride: Int) {
        self.base = base
        self.capacity = capacity
        self.stride = stride
        items = base &+ UInt(bitPattern: SharedKind.queueItems(capacity))
    }

    static var nodes: Int { SharedKind.queueNodes }
    /// Bit 8 of a node's state; bits 0–7 are the priority.
    static var usedBit: UInt32 { 1 << 8 }

    // Safety: all offsets lie within the memory that the owner of the handle mapped: those of nodes
    // are checked by `checked`.
    @inline(__always) private func word(_ offset: Int) -> UnsafeMutablePointer<UInt32> {
        unsafe UnsafeMutablePointer(bitPattern: base &+ UInt(bitPattern: offset)).unsafelyUnwrapped
    }
    @inline(__always) private func number(_ offset: Int) -> UnsafeMutablePointer<UInt64> {
        unsafe UnsafeMutablePointer(bitPattern: base &+ UInt(bitPattern: offset)).unsafelyUnwrapped
    }
    @inline(__always) func element(_ node: Int) -> UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(
            bitPattern: items &+ UInt(bitPattern: node &* stride)
        ).unsafelyUnwrapped
    }
    private var bitmap: UnsafeMutablePointer<UInt32> { unsafe word(0) }
    private var free: UnsafeMutablePointer<UInt32> { unsafe word(4) }
    private var nextNumber: UnsafeMutablePointer<UInt64> { unsafe number(8) }
    private var used: UnsafeMutablePointer<UInt32> { unsafe word(16) }
    private func first(_ priority: Int) -> UnsafeMutablePointer<UInt32> {
        unsafe word(64 &+ 8 &* priority)
    }
    private func last(_ priority: Int) -> UnsafeMutablePointer<UInt32> {
        unsafe word(68 &+ 8 &* priority)
    }
    private func next(_ node: Int) -> UnsafeMutablePointer<UInt32> {
        unsafe word(QueueMemory.nodes &+ 16 &* node)
    }
    private func state(_ node: Int) -> UnsafeMutablePointer<UInt32> {
        unsafe word(QueueMemory.nodes &+ 16 &* node &+ 4)
    }
    private func messageNumber(_ node: Int) -> UnsafeMutablePointer<UInt64> {
        unsafe number(QueueMemory.nodes &+ 16 &* node &+ 8)
    }

    @inline(__always) private func checked(_ stored: UInt32) -> Look {
        if stored == 0 { return .none }
        return stored > UInt32(truncatingIfNeeded: capacity) ? .broken : .node(Int(stored) &- 1)
    }

    var firstFree: Look { checked(unsafe free.pointee) }
    var firstUsed: Look {
        let bits = unsafe bitmap.pointee
        if bits == 0 { return .none }
        let look = checked(unsafe first(31 &- bits.leadingZeroBitCount).pointee)
        if case .none = look { return .broken }
        return look
    }
    var count: Int { min(Int(unsafe used.pointee), capacity) }

    func setUp() {
        for node in 0..<capacity { unsafe state(node).pointee = 0 }
        unsafe nextNumber.pointee = 0
        unsafe waitingSenders.pointee = 0
        unsafe waitingReceivers.pointee = 0
        mend()
        unsafe swiftlet_store_release(word(20), 1)
    }
    var isSetUp: Bool { unsafe word(20).pointee != 0 }
    var waitingSenders: UnsafeMutablePointer<UInt32> { unsafe word(24) }
    var waitingReceivers: UnsafeMutablePointer<UInt32> { unsafe word(28) }

    /// Puts a free node that has its message at the end of a list.
    ///
    /// - Precondition: `firstFree` is the node.
    @inline(__always) func append(_ node: Int, _ priority: Int) {
        let place = unsafe nextNumber.pointee
        unsafe nextNumber.pointee = place &+ 1
        unsafe messageNumber(node).pointee = place
        // From here on the message is in the queue, also if this thread dies.
        unsafe swiftlet_store_release(
            state(node), QueueMemory.usedBit | UInt32(truncatingIfNeeded: priority))
        unsafe free.pointee = next(node).pointee
        link(node, priority)
        unsafe used.pointee &+= 1
    }

    @inline(__always) private func link(_ node: Int, _ priority: Int) {
        unsafe next(node).pointee = 0
        let stored = UInt32(truncatingIfNeeded: node &+ 1)
        let bit = UInt32(1) &<< UInt32(truncatingIfNeeded: priority)
        let bits = unsafe bitmap.pointee
        if bits & bit != 0, case .node(let before) = checked(unsafe last(priority).pointee) {
            unsafe next(before).pointee = stored
        } else {
            unsafe first(priority).pointee = stored
        }
        unsafe last(priority).pointee = stored
        unsafe bitmap.pointee = bits | bit
    }

    /// Frees the node whose message was read.
    ///
    /// - Precondition: `firstUsed` is the node.
    @inline(__always) func remove(_ node: Int) {
        let priority = 31 &- (unsafe bitmap.pointee).leadingZeroBitCount
        // From here on the message is not in the queue, also if this thread dies.
        unsafe swiftlet_store_release(state(node), 0)
        let following = unsafe next(node).pointee
        unsafe first(priority & 31).pointee = following
        if following == 0 {
            unsafe bitmap.pointee &= ~(UInt32(1) &<< UInt32(truncatingIfNeeded: priority))
        }
        unsafe next(node).pointee = free.pointee
        unsafe free.pointee = UInt32(truncatingIfNeeded: node &+ 1)
        unsafe used.pointee &-= 1
    }

    /// Makes all lists anew from what the nodes say they are.
    ///
    /// - Complexity: the square of the capacity.
    func mend() {
        unsafe bitmap.pointee = 0
        unsafe free.pointee = 0
        unsafe used.pointee = 0
        for node in 0..<capacity where unsafe state(node).pointee & QueueMemory.usedBit == 0 {
            unsafe next(node).pointee = free.pointee
            unsafe free.pointee = UInt32(truncatingIfNeeded: node &+ 1)
        }
        // One message a round, in the order in which they were sent. Forged numbers may be equal.
        var last: (UInt64, Int)?
        for _ in 0..<capacity {
            var oldest: (UInt64, Int)?
            for node in 0..<capacity where unsafe state(node).pointee & QueueMemory.usedBit != 0 {
                let place = (unsafe messageNumber(node).pointee, node)
                if let last, place <= last { continue }
                if let oldest, oldest < place { continue }
                oldest = place
            }
            guard let oldest else { return }
            last = oldest
            link(oldest.1, Int(unsafe state(oldest.1).pointee & 31))
            unsafe used.pointee &+= 1
        }
    }
}
