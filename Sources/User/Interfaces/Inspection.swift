// The root task's service `inspection`: what tasks and the machine do, without a change to them.

/// Looks at tasks, memory, interrupts, capabilities and processor cores. Listings are read by
/// number: behind the last, a method throws `noSuchTask` or `nothingThere`.
@Service(version: 1)
public protocol Inspection {
    /// Describes a task; 0 is the root task.
    @Method(1) func task(_ number: UInt16) throws(RootError) -> TaskRecord

    /// Describes the first thread from a place on that a task has started.
    @Method(2) func thread(of task: UInt16, from place: UInt8) throws(RootError)
        -> ThreadRecord

    /// What tasks do, without the first tasks: in the order of their numbers, as many as fit into
    /// an answer.
    @Method(3) func activity(without first: UInt16) -> Items<TaskActivity, 25>

    /// The memory of a task.
    @Method(4) func memory(of task: UInt16) throws(RootError) -> TaskMemory

    /// What the manifest says of a task's life, and where in that life it is.
    @Method(5) func policy(of task: UInt16) throws(RootError) -> TaskPolicy

    /// Describes an interrupt that a task holds, by its place among all of them.
    @Method(6) func interrupt(_ index: UInt32) throws(RootError) -> InterruptRecord

    /// Describes what is in a slot of a task's table. It throws `badRequest` behind the last slot.
    @Method(7) func capability(in slot: UInt32, of task: UInt16) throws(RootError)
        -> CapabilityRecord

    /// The machine's memory.
    @Method(8) func machineMemory() -> MachineMemory

    /// What a processor core has counted since boot.
    @Method(9) func core(_ number: UInt8) throws(RootError) -> CoreCounts

    /// The number of the task that provides a service.
    @Method(10) func provider(of service: FixedString<32>) throws(RootError) -> UInt16
}

/// Where a task is in its life.
@Message public enum TaskPhase: UInt8, Sendable {
    /// Listed in the manifest, not started yet.
    case waiting = 0
    case running = 1
    /// Killed; it may be started again.
    case dead = 2
}

/// A task.
@Message public struct TaskRecord: Sendable {
    public var name: FixedString<32>
    public var phase: TaskPhase
    /// That of its first thread; `faulted` if any thread of it stands in a fault.
    public var state: ThreadState
    public var basePriority: UInt8
    public var effectivePriority: UInt8
    public var maximumPriority: UInt8
    /// When it is started, as the manifest encodes it: at boot, for a device, or on demand.
    public var start: UInt8
    /// The core on which its first thread runs.
    public var core: UInt8
    public var generation: UInt32
    /// Processor time in ticks.
    public var processorTicks: UInt64
    public var stackBytes: UInt32
    /// Most bytes of the stack that were ever in use; 0 when unknown.
    public var stackUsed: UInt32
    public var switches: UInt64
    public var programCounter: UInt64
    /// The time of its budget in microseconds; 0: it has none.
    public var budget: UInt32
    public var budgetPeriod: UInt32
    /// What of that time is used up at this moment; more than `budget`: a debt.
    public var budgetSpent: UInt32
    /// How often the budget was used up, in this generation.
    public var overruns: UInt64

    public init(
        name: FixedString<32>, phase: TaskPhase = .waiting, state: ThreadState = .stopped,
        basePriority: UInt8 = 0, effectivePriority: UInt8 = 0, maximumPriority: UInt8 = 0,
        start: UInt8 = 0, core: UInt8 = 0, generation: UInt32 = 0, processorTicks: UInt64 = 0,
        stackBytes: UInt32 = 0, stackUsed: UInt32 = 0, switches: UInt64 = 0,
        programCounter: UInt64 = 0, budget: UInt32 = 0, budgetPeriod: UInt32 = 0,
        budgetSpent: UInt32 = 0, overruns: UInt64 = 0
    ) {
        self.name = name
        self.phase = phase
        self.state = state
        self.basePriority = basePriority
        self.effectivePriority = effectivePriority
        self.maximumPriority = maximumPriority
        self.start = start
        self.core = core
        self.generation = generation
        self.processorTicks = processorTicks
        self.stackBytes = stackBytes
        self.stackUsed = stackUsed
        self.switches = switches
        self.programCounter = programCounter
        self.budget = budget
        self.budgetPeriod = budgetPeriod
        self.budgetSpent = budgetSpent
        self.overruns = overruns
    }
}

/// A thread that a task has started.
@Message public struct ThreadRecord: Sendable {
    /// Its place among the task's threads.
    public var place: UInt8
    public var name: FixedString<32>
    public var state: ThreadState
    public var basePriority: UInt8
    public var effectivePriority: UInt8
    public var core: UInt8
    /// Processor time in ticks.
    public var processorTicks: UInt64

    public init(
        place: UInt8, name: FixedString<32>, state: ThreadState, basePriority: UInt8,
        effectivePriority: UInt8, core: UInt8, processorTicks: UInt64
    ) {
        self.place = place
        self.name = name
        self.state = state
        self.basePriority = basePriority
        self.effectivePriority = effectivePriority
        self.core = core
        self.processorTicks = processorTicks
    }
}

/// What a task does.
@Message public struct TaskActivity: Sendable {
    public var phase: TaskPhase
    /// That of its first thread.
    public var state: ThreadState
    public var effectivePriority: UInt8
    /// How many times it was started.
    public var generation: UInt32
    /// Processor time in ticks.
    public var processorTicks: UInt64

    public init(
        phase: TaskPhase, state: ThreadState, effectivePriority: UInt8, generation: UInt32,
        processorTicks: UInt64
    ) {
        self.phase = phase
        self.generation = generation
        self.state = state
        self.effectivePriority = effectivePriority
        self.processorTicks = processorTicks
    }
}

/// The memory of a task, in bytes.
@Message public struct TaskMemory: Sendable {
    /// Bytes of the arena; 0: the task was never started.
    public var arena: UInt64 = 0
    /// Bytes of it taken by descriptors, at the low end.
    public var descriptors: UInt64 = 0
    /// Bytes of it taken by pages, at the high end.
    public var pages: UInt64 = 0
    /// Bytes that survive a restart.
    public var persistent: UInt64 = 0
    /// Bytes of untyped memory that the task itself holds.
    public var untyped: UInt64 = 0
    /// The arena's physical address.
    public var arenaBase: UInt64 = 0
    /// The physical address of that untyped memory.
    public var untypedBase: UInt64 = 0

    public init(
        arena: UInt64 = 0, descriptors: UInt64 = 0, pages: UInt64 = 0, persistent: UInt64 = 0,
        untyped: UInt64 = 0, arenaBase: UInt64 = 0, untypedBase: UInt64 = 0
    ) {
        self.arena = arena
        self.descriptors = descriptors
        self.pages = pages
        self.persistent = persistent
        self.untyped = untyped
        self.arenaBase = arenaBase
        self.untypedBase = untypedBase
    }
}

/// A task's life, and its rules.
@Message public struct TaskPolicy: Sendable {
    public var phase: TaskPhase
    public var generation: UInt32
    /// What became of the last `begin`.
    public var progress: StartProgress
    /// Milliseconds between signs of life; 0: it shows none.
    public var heartbeat: UInt32
    public var maximumRestarts: UInt16
    /// Milliseconds before the first restart, and before the last.
    public var initialBackOff: UInt32
    public var maximumBackOff: UInt32
    /// Milliseconds after which earlier deaths no longer count.
    public var stableRun: UInt32
    /// What happens on giving up, as the manifest encodes it.
    public var onGiveUp: UInt8
    /// Whether it has the root task's view: while it runs it has the machine for itself.
    public var takesMachine: Bool

    public init(
        phase: TaskPhase, generation: UInt32, progress: StartProgress, heartbeat: UInt32,
        maximumRestarts: UInt16, initialBackOff: UInt32, maximumBackOff: UInt32,
        stableRun: UInt32, onGiveUp: UInt8, takesMachine: Bool
    ) {
        self.phase = phase
        self.generation = generation
        self.progress = progress
        self.heartbeat = heartbeat
        self.maximumRestarts = maximumRestarts
        self.initialBackOff = initialBackOff
        self.maximumBackOff = maximumBackOff
        self.stableRun = stableRun
        self.onGiveUp = onGiveUp
        self.takesMachine = takesMachine
    }
}

/// What became of the last `begin` of a task.
public enum StartProgress: Equatable, Sendable, MessageValue {
    /// The task was started, or none was asked for.
    case ended
    case underWay
    case failed(RootError)

    @_transparent public static var words: UInt { 1 }
    public static var shape: UInt64 {
        var hash = InterfaceHash("StartProgress", version: 1)
        hash.add(RootError.shape)
        return hash.raw
    }
    public func put(into message: inout MessageWriter) {
        switch self {
        case .ended: message.put(0)
        case .underWay: message.put(1)
        case .failed(let error): message.put(1 << 16 | UInt64(error.rawValue))
        }
    }
    public static func take(from message: inout MessageReader) -> StartProgress? {
        guard let word = message.takeWord() else { return nil }
        if word < 2 { return word == 0 ? .ended : .underWay }
        guard word >> 16 == 1 else { return nil }
        return RootError(rawValue: UInt16(truncatingIfNeeded: word)).map { .failed($0) }
    }
}

/// An interrupt that a task holds.
@Message public struct InterruptRecord: Sendable {
    /// Number of the task that holds it.
    public var task: UInt16
    /// The interrupt controller's number of the line.
    public var line: UInt32
    /// Times it was delivered, of this generation of the task.
    public var count: UInt64
    public var isBound: Bool
    /// Whether it was delivered and waits for `acknowledge`.
    public var isOutstanding: Bool

    public init(task: UInt16, line: UInt32, count: UInt64, isBound: Bool, isOutstanding: Bool) {
        self.task = task
        self.line = line
        self.count = count
        self.isBound = isBound
        self.isOutstanding = isOutstanding
    }
}

/// A capability.
@Message public struct CapabilityRecord: Sendable {
    /// `null`: the slot is empty.
    public var kind: ObjectKind
    /// The bits of `Rights`.
    public var rights: UInt8
    public var badge: UInt64
    /// Its depth in the derivation tree.
    public var depth: UInt64

    public init(kind: ObjectKind, rights: UInt8, badge: UInt64, depth: UInt64) {
        self.kind = kind
        self.rights = rights
        self.badge = badge
        self.depth = depth
    }
}

/// The machine's memory, in bytes.
@Message public struct MachineMemory: Sendable {
    public var ram: UInt64
    /// The kernel's part.
    public var kernel: UInt64
    /// Untyped memory that is left.
    public var free: UInt64
    /// Memory that was given to tasks.
    public var given: UInt64

    public init(ram: UInt64, kernel: UInt64, free: UInt64, given: UInt64) {
        self.ram = ram
        self.kernel = kernel
        self.free = free
        self.given = given
    }
}

/// What a processor core has counted since boot.
@Message public struct CoreCounts: Sendable {
    /// Ticks in which no thread ran.
    public var idleTicks: UInt64
    /// Inter-processor interrupts that other cores sent.
    public var coreInterrupts: UInt64
    /// Ticks of holding the kernel's lock, without the fast paths.
    public var lockHeldTicks: UInt64
    /// Ticks of waiting for it.
    public var lockWaitTicks: UInt64
    /// How often it was not free.
    public var lockWaits: UInt64
    /// Threads at home there.
    public var threads: UInt64
    public var interrupts: UInt64

    public init(
        idleTicks: UInt64, coreInterrupts: UInt64, lockHeldTicks: UInt64, lockWaitTicks: UInt64,
        lockWaits: UInt64, threads: UInt64, interrupts: UInt64
    ) {
        self.idleTicks = idleTicks
        self.coreInterrupts = coreInterrupts
        self.lockHeldTicks = lockHeldTicks
        self.lockWaitTicks = lockWaitTicks
        self.lockWaits = lockWaits
        self.threads = threads
        self.interrupts = interrupts
    }
}

// The kernel's own enumerations.

extension ThreadState: MessageValue {
    /// A new case has a new version.
    public static var shape: UInt64 { InterfaceHash("ThreadState", version: 1).raw }
}
extension ObjectKind: MessageValue {
    /// A new case has a new version.
    public static var shape: UInt64 { InterfaceHash("ObjectKind", version: 1).raw }
}
