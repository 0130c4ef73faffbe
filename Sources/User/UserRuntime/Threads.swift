// Threads of a task: started, joined, and started again.
//
// A thread has a place: its kernel objects, a stack with an unmapped page below it, and an IPC
// buffer above it. A place is made when no free one fits, and is never given back: the next thread
// gets it. So only the first threads cost memory and the time to map it.
//
// Each thread is the server of an endpoint of its own. To join it is to call that endpoint. It
// answers when its body has ended, so until then it inherits the priority of the thread that waits
// for it, and the kernel refuses a join that would close a cycle. Then it receives on: the next
// start is a message to that endpoint.

import CUserEntry
import KernelABI

/// What a task's threads are made of.
public struct ThreadResources: Sendable {
    /// The first thread; the others have its task's table and address space.
    public var first: Thread
    public var table: Slot
    public var addressSpace: Slot
    /// Empty, or what takes the threads' faults.
    public var faultHandler: Slot
    public var memory: Untyped
    /// Four empty slots for each of `Thread.maximumCount` threads.
    public var slots: Slot
    /// `Thread.maximumCount` times `Thread.stride` bytes, a multiple of 2 MiB, that are not mapped.
    public var address: UInt64
    /// Two empty slots for the mutexes that the threads share (`TaskLocks`).
    public var locks: Slot
    /// A page that is not mapped and whose page tables are there.
    public var locksAddress: UInt64
    /// The address of the table of threads that the manifest lists (`ListedThread`); 0: none.
    public var listed: UInt64
    /// Where the names of the threads go, four words for each place; 0: nowhere.
    public var names: UInt64

    public init(
        first: Thread, table: Slot, addressSpace: Slot, faultHandler: Slot, memory: Untyped,
        slots: Slot, address: UInt64, locks: Slot, locksAddress: UInt64,
        listed: UInt64 = 0, names: UInt64 = 0
    ) {
        self.first = first
        self.table = table
        self.addressSpace = addressSpace
        self.faultHandler = faultHandler
        self.memory = memory
        self.slots = slots
        self.address = address
        self.locks = locks
        self.locksAddress = locksAddress
        self.listed = listed
        self.names = names
    }
}

nonisolated(unsafe) var resources = ThreadResources(
    first: Thread(StartSlot.thread), table: StartSlot.table, addressSpace: StartSlot.addressSpace,
    faultHandler: StartSlot.faultHandler, memory: Untyped(StartSlot.untyped),
    slots: StartSlot.threads, address: TaskAddress.threads.lowerBound,
    locks: StartSlot.locks, locksAddress: TaskAddress.locks, listed: TaskAddress.listedThreads,
    names: TaskAddress.threadNames)

/// A thread that was started, and is to be joined.
public struct StartedThread: Sendable {
    private let place: Place
    private let generation: UInt64

    fileprivate init(_ place: Place, generation: UInt64) {
        self.place = place
        self.generation = generation
    }

    /// The kernel's thread, until it is joined.
    ///
    /// - Throws: `wrongState` (it was joined: another body may have its place).
    public var thread: Thread {
        get throws(KernelError) {
            let state = unsafe swiftlet_place_state(place.record)
            for phase: Place.Phase in [.running, .joining]
            where state == Place.state(phase, generation) {
                return place.thread
            }
            throw .wrongState
        }
    }

    /// Waits until the thread's body has ended. The thread inherits the caller's priority
    /// meanwhile.
    ///
    /// - Returns: what the body returned, or what the thread gave to `Thread.exit`.
    /// - Throws: `timedOut` (it can be joined again), `deadlock` (it waits for the caller),
    ///   `wrongState` (it was joined, or another thread joins it), `cancelled`, `chainTooLong`.
    public func join(deadline: Instant = .never) throws(KernelError) -> UInt64 {
        try place.change(.running, .joining, generation)
        do throws(KernelError) {
            let reply = try place.endpoint.call(RegisterMessage(), deadline: deadline)
            // Nobody else changes the state of a place that is being joined.
            try place.change(.joining, .free, generation)
            return reply[0]
        } catch {
            try place.change(.joining, .running, generation)
            throw error
        }
    }
}

extension Thread {
    /// Threads that a task can have besides its first.
    public static var maximumCount: Int { ThreadMemory.maximumCount }
    /// Bytes of addresses for each of them.
    public static var stride: UInt64 { 0x2_0000 }
    /// Bytes of the largest stack: all but an unmapped page and the IPC buffer.
    public static var maximumStack: Int { ThreadMemory.maximumStack }

    /// Starts a thread of this task. What is left out is what the manifest says of the thread
    /// called `name` (`[[task.thread]]`).
    ///
    /// - Parameters:
    ///   - name: what `Thread.currentName` is in the thread, and `ps` shows.
    ///   - priority: at most the caller's maximum.
    ///   - core: where it runs. Where the manifest says none, or one that does not run, it is where
    ///     the caller runs.
    ///   - stackSize: bytes, rounded up to pages; at most `maximumStack`. Where the manifest says
    ///     none: 4096.
    ///   - context: the body's argument.
    ///   - body: what the thread does; it captures nothing.
    /// - Throws: `notPermitted` (the priority), `invalidArgument` (the core does not run, the stack
    ///   is too large, or there is no priority), `exhausted` (no place is free),
    ///   `insufficientMemory`, `invalidCapability` (the task has no untyped memory).
    /// - Complexity: constant where a free place fits; else that of mapping its pages.
    public static func start(
        _ name: StaticString, priority: UInt8? = nil, core: Int? = nil, stackSize: Int? = nil,
        context: UInt64 = 0, _ body: @convention(c) (UInt64) -> UInt64
    ) throws(KernelError) -> StartedThread {
        let words = name.nameWords
        let listed = ListedThread.find(words)
        guard let priority = priority ?? listed?.priority else { throw .invalidArgument }
        let stackSize = stackSize ?? Int(listed?.stackBytes ?? 4096)
        if stackSize <= 0 || stackSize > maximumStack { throw .invalidArgument }
        let caller = try current.information()
        if priority > caller.maximum { throw .notPermitted }
        let pages = (stackSize + 4095) / 4096
        let place = try Place.claim(pages: pages)
        do throws(KernelError) {
            try place.make(pages: pages)
            try place.thread.setPriority(priority, maximum: caller.maximum)
            try place.thread.setCore(core ?? Int(caller.core))
            // A core of the manifest that this machine does not have is none.
            if core == nil, let listed = listed?.core { try? place.thread.setCore(Int(listed)) }
            let isNew = unsafe place.record.pointee.body == nil
            unsafe place.record.pointee.body = body
            unsafe place.record.pointee.context = context
            unsafe place.record.pointee.name = name.utf8Start
            unsafe place.record.pointee.name_length = UInt64(name.utf8CodeUnitCount)
            place.setName(words)
            swiftlet_begin_thread(place.threadPointer)
            // No slot that the place's last thread named takes a capability of this one's messages.
            IPCBufferAccess(threadPointer: place.threadPointer).setReceiveSlot(.none)
            // Safety: the word is one of the page of the place's own IPC buffer.
            unsafe UnsafeMutablePointer<UInt64>(bitPattern: UInt(place.threadPointer) + 8)?
                .pointee =
                UInt64(place.number) + 1
            let generation = place.generation + 1
            unsafe place.record.pointee.state = Place.state(.running, generation)
            if isNew {
                try place.thread.resume()
            } else {
                // It waits for this message, unless somebody stopped it: so nobody waits here.
                try place.wake()
                try place.endpoint.send(RegisterMessage())
            }
            return StartedThread(place, generation: generation)
        } catch {
            place.setName([0, 0, 0, 0])
            unsafe place.record.pointee.state = Place.state(.free, place.generation)
            throw error
        }
    }

    /// Ends the calling thread with a result for the thread that joins it.
    ///
    /// - Precondition: not the task's first thread, whose end is the task's.
    public static func exit(_ result: UInt64) -> Never {
        guard let place = Place.own else { fatalError("the first thread of a task cannot exit") }
        // What the body may have done to its thread.
        try? place.thread.bindNotification(nil)
        try? place.thread.setSlice(Duration(ticks: 0))
        TaskLocks.endBody(place)
        place.awaitStart(result)
        swiftlet_enter_thread(UInt64(place.number))
    }

    /// The calling thread.
    public static var current: Thread {
        if let place = Place.own { return place.thread }
        return unsafe resources.first
    }

    /// The name with which the calling thread was started; empty for a task's first thread.
    public static var currentName: UnsafeBufferPointer<UInt8> {
        guard let place = Place.own else { return unsafe UnsafeBufferPointer(start: nil, count: 0) }
        // Safety: a `StaticString` lives as long as the program.
        return unsafe UnsafeBufferPointer(
            start: place.record.pointee.name, count: Int(place.record.pointee.name_length))
    }

    /// Sets what the threads are made of, for a task whose first capabilities are others than
    /// `StartSlot` says. All places are without memory then.
    ///
    /// - Precondition: no thread runs that was started before.
    public static func setResources(_ new: ThreadResources) {
        unsafe resources = new
        swiftlet_locks_start(SwiftletLocks())
        unsafe claimedCells = 0
        for number in 0..<maximumCount {
            unsafe swiftlet_place(UInt64(number)).pointee = SwiftletPlace()
        }
    }
}

/// A word of which each thread has its own, 0 when the thread starts. A task numbers its words.
public struct ThreadLocal: Sendable {
    private let number: UInt64
    public static var count: Int { Int(SWIFTLET_THREAD_WORDS) }

    /// - Precondition: `number` is below `count`.
    @inline(__always) public init(_ number: Int) {
        precondition(number >= 0 && number < ThreadLocal.count)
        self.number = UInt64(number)
    }

    /// The calling thread's value.
    @inline(__always) public var value: UInt64 {
        get { unsafe swiftlet_thread_word(number).pointee }
        nonmutating set { unsafe swiftlet_thread_word(number).pointee = newValue }
    }
}
