// The thread control block: a thread's registers, its scheduling state and its links to what it waits for.

import HardwareInterface
import KernelABI

/// What the scheduler and the IPC paths ask of a thread at every step, in one 32-bit word, so that the fast path reads and
/// writes it at once.
///
/// | bits | |
/// |---|---|
/// | 0–7 | effective priority |
/// | 11 | while it runs: its slice runs, an update as urgent is pending or a trace is recorded: the general path decides |
/// | 12 | its update is pending (Kernel+Inheritance) |
/// | 13 | it uses floating point: its registers are in the processor while it runs, else in its IPC buffer |
/// | 14 | it is in the deadline queue |
/// | 15 | the message that it sends is a fault's |
/// | 16 | suspended while faulted: the handler's answer must not start it |
/// | 17 | it lends memory with its call |
/// | 18 | bits are set in the notification that is bound to it |
/// | 19 | its deadline has passed, and its update will end its wait |
/// | 20–23 | `RunState` |
struct SchedulingWord: Sendable {
    var raw: UInt32
    init(raw: UInt32) { self.raw = raw }

    static var guardedBit: UInt32 { 1 << 11 }
    static var pendingBit: UInt32 { 1 << 12 }
    static var floatingPointBit: UInt32 { 1 << 13 }
    static var deadlineBit: UInt32 { 1 << 14 }
    static var faultingBit: UInt32 { 1 << 15 }
    static var suspendedBit: UInt32 { 1 << 16 }
    static var lendingBit: UInt32 { 1 << 17 }
    static var signalledBit: UInt32 { 1 << 18 }
    /// What keeps a thread off the fast path: bits 11–18.
    static var attentionMask: UInt32 { 0x7_f800 }
    /// What keeps it off those fast paths too that switch the floating-point registers: bits 11, 12 and 14–18.
    static var seriousMask: UInt32 { attentionMask & ~floatingPointBit }
    /// Bits 0–15: of a `readyServer`, which has no caller, its base priority and whether it uses floating point.
    static var lowHalf: UInt32 { 0xffff }
    static var timedOutBit: UInt32 { 1 << 19 }
    static var stateShift: UInt32 { 20 }

    var effective: UInt8 {
        get { UInt8(truncatingIfNeeded: raw) }
        set { raw = raw & ~0xff | UInt32(newValue) }
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
    private mutating func set(_ bit: UInt32, _ value: Bool) { raw = value ? raw | bit : raw & ~bit }
}

/// What a thread is doing. `running` is 0, so that the fast path sets a state by OR and clears it by AND.
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
    /// Queued at `endpoint` with a one-way message.
    static var sending: RunState { RunState(raw: 4) }
    /// Waiting at `endpoint` for a message, with `reply` held ready.
    static var receiving: RunState { RunState(raw: 5) }
    /// Its call was received; `reply` holds it.
    static var awaitingReply: RunState { RunState(raw: 6) }
    /// Waiting on `notification`.
    static var waiting: RunState { RunState(raw: 7) }
    /// Faulted: without handler, or its handler has not answered (then `endpoint` or `reply` is set as for a call).
    static var faulted: RunState { RunState(raw: 8) }
    static func == (a: RunState, b: RunState) -> Bool { a.raw == b.raw }
}

/// A thread.
///
/// Invariants (checked by `Kernel+Invariants` after every step of a host test):
/// - effective = max(base, effective of every thread in `callers`, effective of `soleCaller`), unless its update is pending;
/// - an update is pending only of a thread that is queued somewhere;
/// - `blockedOn` is set if and only if this is that thread's `soleCaller`, or `callerNode` is in its `callers`;
/// - a thread with a `soleCaller` has no other caller;
/// - ready ⇔ in the ready queue of its effective priority; at most one thread runs;
/// - a thread that uses floating point has an IPC buffer, and its `floatingPointArea` lies there; others have none.
public struct Thread: ~Copyable {
    var header: ObjectHeader
    var scheduling = SchedulingWord(raw: RunState.stopped.raw << SchedulingWord.stateShift)
    var base: UInt8 = 0
    var maximum: UInt8 = 0
    /// Where its capability table's slots begin, and how many there are (0: no table).
    var tableBase: UInt = 0
    var tableCount: UInt = 0
    /// The address space's translation base; the kernel's empty one where there is none.
    var translationBase: UInt64 = 0
    /// Byte 48: 16 bytes that stay zero, from which an exit clears registers in pairs. Byte 64: the registers.
    var zeros: (UInt64, UInt64) = (0, 0)
    var context = UserContext()

    /// The one thread that waits for this one, where the fast path brought it: it is not in `callers` then. `firstCaller` and
    /// `hasCallers` look at both; before another caller is added, this one moves into the queue.
    var soleCaller: Ref<Thread>?
    /// The threads that wait for this one: callers whose reply it holds, and callers queued at its endpoints.
    var callers = WaitQueue()
    /// The thread that this one waits for, in whose `callers` it stands.
    var blockedOn: Ref<Thread>?
    /// The reply object that holds this caller, or that this receiver holds ready.
    var reply: Ref<Reply>?
    var endpoint: Ref<Endpoint>?
    var notification: Ref<Notification>?
    /// The notification that `receive` takes as well.
    var boundNotification: Ref<Notification>?
    var callerNode = WaitNode()
    /// In an endpoint's or a notification's queue.
    var waitNode = WaitNode()
    var deadlineNode = DeadlineNode()
    /// The circle in the ready queue: as a ready thread, or as a blocked one with a pending update.
    var nextReady: Ref<Thread>?
    var previousReady: Ref<Thread>?
    /// What its pending update carries.
    var pendingUrgency: UInt8 = 0
    /// Badge of the capability with which it sends.
    var sendBadge: UInt64 = 0
    /// The threads that are queued with one capability form a list, which the capability heads; the first one refers to it.
    var sentThrough: Ref<Capability>?
    var nextSender: Ref<Thread>?
    var previousSender: Ref<Thread>?
    /// Control word of the message that it sends.
    var sendControl: UInt64 = 0
    /// The loan that goes with its call.
    var loanRights: Rights = .none
    var loanAddress: UInt64 = 0
    var loanLength: UInt64 = 0
    /// Kernel address of its IPC buffer.
    var buffer: Ref<BufferPage>?
    /// Of a thread that uses floating point: the place in its IPC buffer where its registers are kept while it does not run.
    var floatingPointArea: Ref<FloatingPointArea>?
    /// Endpoints that it serves.
    var ownedEndpoints: Ref<Endpoint>?
    /// Round-robin slice in ticks; 0: none.
    var slice: UInt64 = 0
    /// What was left of its slice when it was preempted; 0: a whole one.
    var sliceRest: UInt64 = 0
    var processorTime: UInt64 = 0
    var switches: UInt64 = 0
    var faultKind = FaultKind.other
    var faultAddress: UInt64 = 0
    var faultSyndrome: UInt64 = 0

    var tableSlot = Capability(place: .threadTable)
    var spaceSlot = Capability(place: .threadSpace)
    var bufferSlot = Capability(place: .threadBuffer)
    var faultSlot = Capability(place: .threadFault)
}

/// An IPC buffer as the kernel sees it; user code may write to it at any time, so everything read from it is checked after
/// it was read once.
public struct BufferPage: ~Copyable {
    var words: InlineArray<512, UInt64>
}

extension Ref where Object == Thread {
    /// Bytes from the thread to its context.
    public static var contextOffset: Int { 64 }

    /// The thread that runs, from the assembly's hand.
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
    /// Put x0 to x2 of a system call where the general path looks for them.
    @inline(__always) public func setArguments(
        _ control: UInt64, _ second: UInt64, _ third: UInt64
    ) {
        pointee.context.x.0 = control
        pointee.context.x.1 = second
        pointee.context.x.2 = third
    }
    /// Where the thread goes on.
    public var programCounter: UInt64 { pointee.context.programCounter }

    @inline(__always) var effective: UInt8 { pointee.scheduling.effective }
    @inline(__always) var state: RunState {
        get { pointee.scheduling.state }
        nonmutating set { pointee.scheduling.state = newValue }
    }
    @inline(__always) var header: Ref<ObjectHeader> { rebound(to: ObjectHeader.self) }

    /// The most urgent thread that waits for this one.
    @inline(__always) var firstCaller: Ref<Thread>? {
        pointee.soleCaller ?? pointee.callers.first?.caller
    }
    @inline(__always) var hasCallers: Bool { pointee.soleCaller != nil || !pointee.callers.isEmpty }
}
