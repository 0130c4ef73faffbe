// The thread control block: a thread's registers, its scheduling state and the links of its waits.

import HardwareInterface
import KernelABI

/// The scheduling state of a thread in one 32-bit word, which the fast path reads and writes at
/// once.
///
/// | bits | |
/// |---|---|
/// | 0–7 | effective priority |
/// | 8–10 | home core |
/// | 11 | guarded: its slice or budget runs, an update as urgent is pending, or a trace runs |
/// | 12 | its update is pending (Kernel+Inheritance) |
/// | 13 | it uses floating point: its IPC buffer holds the registers while it does not run |
/// | 15 | the message that it sends is a fault's |
/// | 16 | it was suspended while faulted, ending or on another core: it stops instead of running |
/// | 18 | bits are set in the notification that is bound to it |
/// | 19 | it has a budget, or runs on one (Kernel+Budgets) |
/// | 20–23 | `RunState` |
/// | 24 | its deadline has passed, and its update will end its wait |
/// | 25 | it waits with a deadline |
/// | 26 | it lends memory with its call |
struct SchedulingWord: Sendable {
    var raw: UInt32
    init(raw: UInt32) { self.raw = raw }

    static var guardedBit: UInt32 { 1 << 11 }
    static var pendingBit: UInt32 { 1 << 12 }
    static var floatingPointBit: UInt32 { 1 << 13 }
    static var faultingBit: UInt32 { 1 << 15 }
    static var suspendedBit: UInt32 { 1 << 16 }
    static var signalledBit: UInt32 { 1 << 18 }
    static var limitedBit: UInt32 { 1 << 19 }
    /// The bits that keep a thread off the fast path: 11–19, of which 14 and 17 are free.
    static var attentionMask: UInt32 { 0xf_f800 }
    /// The bits that also keep it off the fast paths with floating point: all of these but 13.
    static var seriousMask: UInt32 { attentionMask & ~floatingPointBit }
    /// Bits 0–15. A `readyServer` has no caller, so they are its base priority, its home core and
    /// bit 13.
    static var lowHalf: UInt32 { 0xffff }
    /// Bits 0–10: effective priority and home core.
    static var urgencyMask: UInt32 { 0x7ff }
    static var homeMask: UInt32 { 0x700 }
    static var homeShift: UInt32 { 8 }
    static var timedOutBit: UInt32 { 1 << 24 }
    static var deadlineBit: UInt32 { 1 << 25 }
    static var lendingBit: UInt32 { 1 << 26 }
    /// All that a wait sets and its end clears: bits 20–26.
    static var waitMask: UInt32 { 0x7f0_0000 }
    /// The bits with which a waiting thread is not woken plainly: the serious ones, and a deadline.
    static var plainWaitMask: UInt32 { seriousMask | deadlineBit }
    static var stateShift: UInt32 { 20 }

    var effective: UInt8 {
        get { UInt8(truncatingIfNeeded: raw) }
        set { raw = raw & ~0xff | UInt32(newValue) }
    }
    var home: Int {
        get { Int((raw & SchedulingWord.homeMask) &>> SchedulingWord.homeShift) }
        set {
            raw =
                raw & ~SchedulingWord.homeMask
                | UInt32(truncatingIfNeeded: newValue) &<< SchedulingWord.homeShift
        }
    }
    var state: RunState {
        get { RunState(raw: (raw &>> SchedulingWord.stateShift) & 15) }
        set {
            raw =
                raw & ~(15 << SchedulingWord.stateShift) | newValue.raw << SchedulingWord.stateShift
        }
    }
    var isGuarded: Bool {
        get { raw & SchedulingWord.guardedBit != 0 }
        set { set(SchedulingWord.guardedBit, newValue) }
    }
    var isPending: Bool {
        get { raw & SchedulingWord.pendingBit != 0 }
        set { set(SchedulingWord.pendingBit, newValue) }
    }
    var usesFloatingPoint: Bool {
        get { raw & SchedulingWord.floatingPointBit != 0 }
        set { set(SchedulingWord.floatingPointBit, newValue) }
    }
    var hasDeadline: Bool {
        get { raw & SchedulingWord.deadlineBit != 0 }
        set { set(SchedulingWord.deadlineBit, newValue) }
    }
    var isTimedOut: Bool {
        get { raw & SchedulingWord.timedOutBit != 0 }
        set { set(SchedulingWord.timedOutBit, newValue) }
    }
    var isFaulting: Bool {
        get { raw & SchedulingWord.faultingBit != 0 }
        set { set(SchedulingWord.faultingBit, newValue) }
    }
    var isSuspended: Bool {
        get { raw & SchedulingWord.suspendedBit != 0 }
        set { set(SchedulingWord.suspendedBit, newValue) }
    }
    var isLending: Bool {
        get { raw & SchedulingWord.lendingBit != 0 }
        set { set(SchedulingWord.lendingBit, newValue) }
    }
    var isSignalled: Bool {
        get { raw & SchedulingWord.signalledBit != 0 }
        set { set(SchedulingWord.signalledBit, newValue) }
    }
    var isLimited: Bool {
        get { raw & SchedulingWord.limitedBit != 0 }
        set { set(SchedulingWord.limitedBit, newValue) }
    }
    private mutating func set(_ bit: UInt32, _ value: Bool) { raw = value ? raw | bit : raw & ~bit }
}

/// The state of a thread. `running` is 0, so that the fast path sets a state by OR and clears it by
/// AND.
struct RunState: Equatable, Sendable {
    let raw: UInt32
    init(raw: UInt32) { self.raw = raw }
    /// The thread that the processor executes.
    static var running: RunState { RunState(raw: 0) }
    /// In the ready queue.
    static var ready: RunState { RunState(raw: 1) }
    static var stopped: RunState { RunState(raw: 2) }
    /// Queued at `endpoint` with a call.
    static var calling: RunState { RunState(raw: 3) }
    /// Waiting at `endpoint` for a message, with a free reply object in `reply`. The fast path of a
    /// reply sets it by one instruction, which takes no number with a gap between its bits.
    static var receiving: RunState { RunState(raw: 4) }
    /// Queued at `endpoint` with a one-way message.
    static var sending: RunState { RunState(raw: 5) }
    /// Its call was received; `reply` holds it.
    static var awaitingReply: RunState { RunState(raw: 6) }
    /// Waiting on `notification`.
    static var waiting: RunState { RunState(raw: 7) }
    /// Faulted, without a handler or before its handler has answered. Then `endpoint` or `reply` is
    /// set as for a call.
    static var faulted: RunState { RunState(raw: 8) }
    /// Waiting until another core has answered a request; its system call restarts then.
    static var awaitingCore: RunState { RunState(raw: 9) }
    /// Waiting for a mutex, at its `place`.
    static var locking: RunState { RunState(raw: 10) }
    static func == (a: RunState, b: RunState) -> Bool { a.raw == b.raw }
}

/// A thread.
///
/// Invariants (checked by `Thread+Invariants` after every step of a host test):
/// - effective = max(base, effective of every thread in `callers`, effective of `soleCaller`),
///   unless its update is pending;
/// - a thread in no queue has no pending update;
/// - `blockedOn` is set if and only if this is that thread's `soleCaller`, or `callerNode` is in
///   its `callers`;
/// - a thread with a `soleCaller` has no other caller, and neither of the two is limited;
/// - `payer` is the thread at the end of the chain from which the urgency comes, if that thread has
///   a budget and is not demoted, unless an update is pending in that chain;
/// - ready ⇔ in the ready queue of its effective priority; at most one thread runs;
/// - a thread that uses floating point has an IPC buffer, and its `floatingPointArea` lies there;
///   others have none.
public struct Thread: ~Copyable {
    var header: ObjectHeader
    var scheduling = SchedulingWord(raw: RunState.stopped.raw << SchedulingWord.stateShift)
    /// Base priority and home core, as bits 0–10 of the scheduling word of a thread that inherits
    /// no more: the fast path of a reply takes both at once.
    private(set) var restingWord: UInt16 = 0
    var maximum: UInt8 = 0
    /// The core to which a running thread is to move; its home core otherwise.
    var destination: UInt8 = 0
    /// The address of the first slot of its capability table, and the number of slots (0: no
    /// table).
    var tableBase: UInt = 0
    var tableCount: UInt = 0
    /// The address space's translation base, or the kernel's empty one.
    var translationBase: UInt64 = 0
    /// Byte 48: 16 bytes that stay zero. An exit clears registers from them in pairs. Byte 64: the
    /// registers.
    var zeros: (UInt64, UInt64) = (0, 0)
    var context = UserContext()

    /// The only caller, if the fast path brought it: it is not in `callers` then. `firstCaller` and
    /// `hasCallers` cover both. Before a second caller is added, this one moves into `callers`. The
    /// rows `ipc.round-trip.words-…` of the benchmark pay for it (Kernel+FastPath).
    var soleCaller: Ref<Thread>?
    /// The callers of this thread: those whose reply it holds, and those queued at its endpoints.
    var callers = WaitQueue()
    /// The thread that this one is blocked on.
    var blockedOn: Ref<Thread>?
    /// The reply object that holds this caller, or the free one of this receiver.
    var reply: Ref<Reply>?
    var endpoint: Ref<Endpoint>?
    var notification: Ref<Notification>?
    /// The notification that `receive` takes as well.
    var boundNotification: Ref<Notification>?
    var callerNode = WaitNode()
    /// The node in the queue of an endpoint or a notification.
    var waitNode = WaitNode()
    /// The node among the threads of its budget, by `ownBase`.
    var budgetNode = WaitNode()
    var deadlineNode = DeadlineNode()
    var faultKind = FaultKind.other
    /// Links of a circle in the ready queue: of a ready thread, or of a blocked one with a pending
    /// update.
    var nextReady: Ref<Thread>?
    var previousReady: Ref<Thread>?
    /// Badge of the capability with which it sends.
    var sendBadge: UInt64 = 0
    /// Links in the list of the threads that are queued with one capability. The first thread
    /// refers to the capability, which is the list's head.
    var sentThrough: Ref<Capability>?
    var nextSender: Ref<Thread>?
    var previousSender: Ref<Thread>?
    /// Control word of the message that it sends; the `MutexArgument` of the `lock` in which it
    /// waits.
    var sendControl: UInt64 = 0
    /// The loan that goes with its call, with `loanRights`. Valid while the lending bit is set.
    var loanAddress: UInt64 = 0
    var loanLength: UInt64 = 0
    /// Kernel address of its IPC buffer.
    var buffer: Ref<BufferPage>?
    /// The place in its IPC buffer of its floating-point registers while it does not run; nil if it
    /// does not use them.
    var floatingPointArea: Ref<FloatingPointArea>?
    /// Endpoints that it serves.
    var ownedEndpoints: Ref<Endpoint>?
    /// What it is in the mutex sets that it has joined.
    var participations: Ref<Participant>?
    /// Round-robin slice in ticks; 0: none.
    var slice: UInt64 = 0
    /// The rest of its slice when it was preempted; 0: a whole one.
    var sliceRest: UInt64 = 0
    /// The budget that it shares.
    var budget: Ref<Budget>?
    /// The thread to whose budget its time is charged: itself, or the caller at the end of the
    /// chain from which its urgency comes. nil: its time is not limited.
    var payer: Ref<Thread>?
    /// The payer of which the thread that it waits for knows.
    var passedPayer: Ref<Thread>?
    var processorTime: UInt64 = 0
    var switches: UInt64 = 0
    // The small parts stand together, and `faultKind` where a node leaves a byte. Else the thread
    // would not fit its 1024 bytes.
    /// ESR_EL1, bits 0–31.
    var faultSyndrome: UInt32 = 0
    /// The urgency of its pending update.
    var pendingUrgency: UInt8 = 0
    var loanRights: Rights = .none
    /// Its base priority without regard to its budget.
    var ownBase: UInt8 = 0
    /// Whether its budget is used up, so that its base priority is at most the background priority.
    var isDemoted = false
    var faultAddress: UInt64 = 0

    var base: UInt8 {
        get { UInt8(truncatingIfNeeded: restingWord) }
        set { restingWord = restingWord & ~0xff | UInt16(newValue) }
    }
    /// The core on which it runs.
    var home: Int {
        get { scheduling.home }
        set {
            scheduling.home = newValue
            restingWord = restingWord & 0xff | UInt16(truncatingIfNeeded: newValue) &<< 8
            destination = UInt8(truncatingIfNeeded: newValue)
        }
    }

    var tableSlot = Capability(place: .threadTable)
    var spaceSlot = Capability(place: .threadSpace)
    var bufferSlot = Capability(place: .threadBuffer)
    var faultSlot = Capability(place: .threadFault)
}

/// An IPC buffer as the kernel sees it. User code may write to it at any time, so the kernel checks
/// each value after it has read it.
public struct BufferPage: ~Copyable {
    var words: InlineArray<512, UInt64>
}

extension Ref where Object == Thread {
    /// Bytes from the thread to its context.
    public static var contextOffset: Int { 64 }

    /// Creates a reference to the running thread from the address that the assembly passes.
    @inline(__always) public init(running thread: UnsafeMutableRawPointer) {
        // Safety: the assembly passes the address that an exit gave it, which is a thread's.
        unsafe self.init(thread.assumingMemoryBound(to: Thread.self))
    }
    @inline(__always) public var contextAddress: UnsafeMutableRawPointer {
        unsafe raw + Ref.contextOffset
    }
    @inline(__always) public var translationBase: UInt64 { pointee.translationBase }
    /// x0 of the system call that is being performed.
    public var firstArgument: UInt64 { pointee.context.x.0 }
    /// Stores x0 to x2 of a system call for the general path.
    @inline(__always) public func setArguments(
        _ control: UInt64, _ second: UInt64, _ third: UInt64
    ) {
        pointee.context.x.0 = control
        pointee.context.x.1 = second
        pointee.context.x.2 = third
    }
    /// The address at which the thread continues.
    public var programCounter: UInt64 { pointee.context.programCounter }
    /// Makes the thread perform its `svc` again when it next runs. Its arguments are in its
    /// context.
    public func repeatCall() { pointee.context.programCounter &-= 4 }

    /// The effective priority, also for a core that waits for the lock.
    public var priority: Int { Int(effective) }

    @inline(__always) var effective: UInt8 { pointee.scheduling.effective }
    /// The number of the core on which it runs.
    @inline(__always) var home: Int { pointee.scheduling.home }
    @inline(__always) var state: RunState {
        get { pointee.scheduling.state }
        nonmutating set { pointee.scheduling.state = newValue }
    }
    @inline(__always) var header: Ref<ObjectHeader> { rebound(to: ObjectHeader.self) }

    /// The most urgent caller that waits for this thread.
    @inline(__always) var firstCaller: Ref<Thread>? {
        pointee.soleCaller ?? pointee.callers.first?.caller
    }
    @inline(__always) var hasCallers: Bool { pointee.soleCaller != nil || !pointee.callers.isEmpty }
}
