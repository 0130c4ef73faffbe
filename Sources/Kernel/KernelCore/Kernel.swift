// The kernel's state: one value, generic over the hardware, at one address, built at boot.
//
// The kernel is event-driven. An exception enters with interrupts masked. One operation runs to its
// end, or to its next step boundary, on the one stack. The exit resumes the most urgent thread.
// Long operations look for pending interrupts between steps and restart at their `svc`
// (`Outcome.restart`). On several cores the core that is in the kernel holds its one lock
// (docs/decisions/0025-several-cores.md); nothing within the kernel takes another.

import HardwareInterface
import KernelABI

/// The outcome of an operation for the thread that called it.
public enum Outcome {
    /// The results are in the thread's context.
    case done
    /// The thread is blocked or stopped, or it yielded and is ready.
    case blocked
    /// An interrupt is pending, or something more urgent than the thread. The call restarts, and
    /// continues from the progress that objects and registers keep.
    case restart
    /// The kernel refused the call.
    case failed(KernelError)
}

/// The state of one processor core. Other cores change it only while they hold the kernel's lock.
public struct Core: ~Copyable {
    // The first members: `make wcet` knows their values.
    /// Whether the kernel runs on several cores.
    var isShared = false
    /// Whether a budget was ever set.
    var hasBudgets = false
    var ready: ReadyQueue
    /// Time-outs and timers, earliest first.
    var deadlines = DeadlineQueue()
    /// Whether the running thread or the hardware's deadline may be out of date. Then `reschedule`
    /// chooses again.
    var isStale = false
    /// Whether pending updates go before every thread of the same priority: a thread gave up the
    /// rest of its turn.
    var isUpdatesTurn = false
    /// Whether the running thread offers the processor to its equals, after the steps that go
    /// first.
    var isYielding = false
    /// Whether a trace is recorded, on all cores.
    var isTracing = false
    /// Whether the running thread's address space or its right to floating point was changed by
    /// another core, and is to be set anew.
    var mustReload = false
    /// The translation base that its thread had when that was first asked: the hardware may still
    /// use it.
    var lostBase: UInt64 = 0
    /// Whether the core has not yet answered other cores and told them of the updates, since it
    /// last began to choose.
    var isUntold = false
    /// Whether the lock is to be passed to a more urgent core. The entry passes it and calls
    /// `goOn`.
    public internal(set) var isPassing = false
    /// The core's number: 0 is the one that boots.
    var number: UInt8 = 0
    /// The cores that run, by number, at the addresses at which this core reaches them.
    var peers = InlineArray<8, Ref<Core>?>(repeating: nil)
    /// The level from which on the next step serves a deadline that is due; `.max`: no level.
    var dueLevel = UInt32.max
    /// A periodic timer or a budget whose deadline was removed. A step sets the next one before the
    /// kernel exits.
    var unarmed: Ref<ObjectHeader>?
    /// The budget to which the time since `lastSwitch` is charged; nil: to none.
    var paying: Ref<Budget>?
    /// The instant at which that budget is used up.
    var budgetEnd = Instant.never
    /// The end of the running thread's slice; `.never` while no slice runs.
    var sliceEnd = Instant.never
    /// The instant to which the hardware's deadline is set.
    var armed = Instant.never
    var lastSwitch: UInt64 = 0
    /// The counter when the general path began, if several cores run.
    var heldSince: UInt64 = 0
    /// The thread that was resumed last; nil while idle. The fast path does not update it: see
    /// `Kernel.enter`.
    var current: Ref<Thread>?
    /// The largest urgency of the requests of other cores for which an inter-processor interrupt is
    /// on its way; -1 if there is none.
    var asked = -1
    /// Twice the number of changes that other cores made to `deadlines`; one more while one is
    /// under way.
    var deadlineChanges: UInt64 = 0
    /// The access that was repeated last: where the thread was, what it reached, and how many
    /// entries the core had counted.
    var repeated: (place: UInt64, address: UInt64, entries: UInt64) = (0, 0, 0)
    /// Where threads of other cores wait for this core's answer.
    var answers = Notification(header: ObjectHeader(.notification))
    var statistics = Statistics()
    /// The cycle counter when the kernel masked interrupts or last looked for pending ones, and
    /// what entered the kernel (benchmark builds).
    var masked: (since: UInt64, control: UInt64) = (0, 0)

    init(ready: consuming ReadyQueue, number: Int) {
        self.ready = ready
        self.number = UInt8(truncatingIfNeeded: number)
    }
}

/// The bindings of one interrupt line.
public struct InterruptLine {
    var first: Ref<Interrupt>?
    /// The bindings that have not acknowledged the last delivery; one more while some are still to
    /// be signalled.
    var outstanding: Int = 0
    init() {}
}

/// The state that all cores share. The initial value is all zeros, except for what `Kernel.init`
/// sets.
public struct SharedState: ~Copyable {
    /// The cores that run, by number, at addresses that mean the same on all of them.
    var cores: InlineArray<8, Ref<Core>?>
    /// The pending updates of priority inheritance.
    var updates: PriorityLists
    /// One bit for each range of ASIDs that is a pool's, or that the processor does not have.
    var asidRanges: InlineArray<16, UInt64>
    /// The root task's first thread. The console reports its faults if it has no fault handler.
    var rootThread: Ref<Thread>?
    var systemControl: Authority
    var interruptControl: Authority
    var asidControl: Authority
    var deadlineNumbers: DeadlineNumbers
    var lines: InlineArray<1024, InterruptLine>
    /// What the interrupt controller knows of each line: its urgency (0: it may be out of date),
    /// and the core that it goes to.
    var lineUrgencies: InlineArray<1024, UInt8>
    var lineHomes: InlineArray<1024, UInt8>
    var traceCount: Int
    var trace: InlineArray<512, TraceEvent>
    var updateHeads: PriorityHeads
}

/// The kernel as one core sees it.
///
/// What other cores can change stands behind references. So the compiler assumes nothing about it
/// while a method runs.
public struct Kernel<H: Hardware & ~Copyable>: ~Copyable {
    private let known: Ref<Core>
    let shared: Ref<SharedState>
    public var hardware: H
    /// The frequency of the counter, in ticks a second.
    var counterFrequency: UInt64 = 0
    /// The shortest period of a timer and the shortest slice, in ticks. Shorter ones would leave
    /// little time besides interrupts.
    var shortestPeriod: UInt64 { counterFrequency / Limits.expiriesPerSecond }
    /// The translation base of a thread without an address space: an empty table.
    var emptyTranslationBase: UInt64

    /// This core.
    var own: Ref<Core> {
        // Safety: `init` made a core of this memory.
        @inline(__always) get { unsafe reference(H.coreState(known.raw), as: Core.self) }
    }
    /// The state of this core.
    public var core: Core {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(own.address) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe own.address }
    }

    /// Creates the state of the first core, and the state that all cores share.
    ///
    /// - Parameters:
    ///   - memory: `coreBytes` of zero-filled memory for the core's state; it stays the kernel's.
    ///     The address means the same on all cores.
    ///   - shared: `sharedBytes` of such memory for the shared state.
    ///   - emptyTable: physical address of an all-zero page table.
    public init(
        hardware: consuming H, core memory: UnsafeMutableRawPointer,
        shared: UnsafeMutableRawPointer, emptyTable: UInt64
    ) {
        // Safety: the caller gives both memories away, and they are large enough.
        unsafe self.init(
            hardware: hardware, core: reference(memory, as: Core.self),
            shared: reference(shared, as: SharedState.self), emptyTable: emptyTable)
        self.shared.initialize(asidBits: self.hardware.asidBits)
        self.shared.pointee.cores[0] = known
        own.pointee.peers[0] = own
    }

    /// Creates the state of a further core of a kernel that runs. From now on all cores share it.
    ///
    /// - Parameters:
    ///   - number: the core's number, which no core has yet; 1 to 7.
    ///   - memory: `coreBytes` of zero-filled memory for the core's state; it stays the kernel's.
    ///   - first: the kernel as another core sees it.
    /// - Context: with the kernel's lock.
    public init(
        hardware: consuming H, number: Int, core memory: UnsafeMutableRawPointer,
        joining first: borrowing Kernel
    ) {
        emptyTranslationBase = first.emptyTranslationBase
        counterFrequency = first.counterFrequency
        self.hardware = hardware
        shared = first.shared
        // Safety: the caller gives the memory away, and it is large enough.
        known = unsafe reference(memory, as: Core.self)
        own.initialize(at: known, number: number)
        shared.pointee.cores[number] = known
        own.pointee.peers = shared.pointee.cores
        own.pointee.peers[number] = own
        own.pointee.isShared = true
        own.pointee.lastSwitch = self.hardware.now.ticks
        var rounds = LoopBound(Limits.cores)
        for other in 0..<Limits.cores where other != number {
            rounds.count()
            guard let other = shared.pointee.cores[other] else { continue }
            own.pointee.isTracing = other.pointee.isTracing
            own.pointee.hasBudgets = other.pointee.hasBudgets
            other.pointee.peers[number] = known
            other.pointee.isShared = true
        }
    }

    private init(
        hardware: consuming H, core: Ref<Core>, shared: Ref<SharedState>, emptyTable: UInt64
    ) {
        emptyTranslationBase = hardware.translationBase(rootTable: emptyTable, asid: 0)
        self.hardware = hardware
        self.shared = shared
        known = core
        own.initialize(at: known, number: 0)
    }

    /// The bytes that a core's state needs.
    public static var coreBytes: Int {
        MemoryLayout<Core>.stride + MemoryLayout<PriorityHeads>.stride
    }
    /// The bytes of zero-filled memory for the state that all cores share.
    public static var sharedBytes: Int { MemoryLayout<SharedState>.size }
}

extension Ref where Object == Core {
    /// Initialises zero-filled memory. The heads of the ready threads follow the core itself.
    ///
    /// - Parameter place: the same memory, at an address that means the same on all cores.
    fileprivate func initialize(at place: Ref<Core>, number: Int) {
        // Safety: the memory has `Kernel.coreBytes`.
        let heads = unsafe reference(place.raw + MemoryLayout<Core>.stride, as: PriorityHeads.self)
        unsafe address.initialize(to: Core(ready: ReadyQueue(heads: heads), number: number))
    }
    /// Whether `isShared` and `hasBudgets` lie at the start of a core (`swiftlet_is_shared` in
    /// linker/kernel.ld).
    var hasFlagsInPlace: Bool {
        let first = unsafe withUnsafeMutablePointer(to: &address.pointee.isShared) {
            UnsafeMutableRawPointer($0)
        }
        let second = unsafe withUnsafeMutablePointer(to: &address.pointee.hasBudgets) {
            UnsafeMutableRawPointer($0)
        }
        return unsafe first == raw && second == raw + 1
    }
    /// The place where threads of other cores wait for this core's answer.
    var answers: Ref<Notification> {
        unsafe withUnsafeMutablePointer(to: &address.pointee.answers) {
            unsafe Ref<Notification>($0)
        }
    }
}

extension Ref where Object == SharedState {
    /// Initialises zero-filled memory.
    fileprivate func initialize(asidBits: Int) {
        let heads = unsafe withUnsafeMutablePointer(to: &address.pointee.updateHeads) {
            unsafe Ref<PriorityHeads>($0)
        }
        pointee.updates = PriorityLists(heads: heads)
        pointee.asidRanges = ASIDPool.ranges(asidBits: asidBits)
        pointee.systemControl.header.kind = .systemControl
        pointee.interruptControl.header.kind = .interruptControl
        pointee.asidControl.header.kind = .asidControl
    }
}

/// What a core has counted, by the numbers of `Statistic`, and eight zeros behind.
public struct Statistics {
    #if BENCHMARK
        static var count: Int { 168 }
        private var values = InlineArray<168, UInt64>(repeating: 0)
    #else
        static var count: Int { 25 }
        private var values = InlineArray<25, UInt64>(repeating: 0)
    #endif
    init() {}

    subscript(which: Statistic) -> UInt64 {
        @inline(__always) get { values[Int(which.rawValue)] }
        @inline(__always) set { values[Int(which.rawValue)] = newValue }
    }
}

/// Eight statistics side by side.
struct StatisticsBlock {
    var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (
        0, 0, 0, 0, 0, 0, 0, 0
    )

    @inline(__always) mutating func add(_ other: StatisticsBlock) {
        words.0 &+= other.words.0
        words.1 &+= other.words.1
        words.2 &+= other.words.2
        words.3 &+= other.words.3
        words.4 &+= other.words.4
        words.5 &+= other.words.5
        words.6 &+= other.words.6
        words.7 &+= other.words.7
    }
}

extension Ref where Object == Core {
    /// The statistics from a number on.
    ///
    /// - Precondition: `first` is at most `Statistics.count` - 8.
    @inline(__always) func statistics(from first: Int) -> Ref<StatisticsBlock> {
        // Safety: the eight words lie within the core's statistics.
        unsafe withUnsafeMutablePointer(to: &address.pointee.statistics) {
            unsafe reference(UnsafeMutableRawPointer($0) + 8 * first, as: StatisticsBlock.self)
        }
    }
}

/// One event of the trace.
public struct TraceEvent {
    var instant: UInt64
    var what: UInt64
    var thread: UInt64
}
