// The manifest: what tasks there are, and what each may have. It comes from `platform/system.toml`
// and a board's `platform/*/system.toml`; the host's tool encodes one for each board into the
// bundle, and the root task decodes the one for the board that it finds itself on. Reasons for
// priorities stay in the TOML files.

import KernelABI
import Protocols

/// All tasks of a system, in the files' order.
public struct Manifest: Equatable, Sendable {
    public var boards: Boards
    public var tasks: [TaskDescription]
    /// What tasks share by a name.
    public var shares: [SharedDescription]
    public init(
        boards: Boards = Boards(), tasks: [TaskDescription] = [], shares: [SharedDescription] = []
    ) {
        self.boards = boards
        self.tasks = tasks
        self.shares = shares
    }

    /// What a manifest is called in the bundle, ahead of a `.` and the board's name.
    public static var entryName: StaticString { "manifest" }
    /// Tasks of the largest manifest.
    public static let maximumTasks = 64

    /// The supervisor's description.
    public var supervisor: TaskDescription? { tasks.first { $0.provides == Name("supervisor") } }

    /// The description called `name`.
    public func task(named name: Name) -> TaskDescription? {
        for task in tasks where task.name == name { return task }
        return nil
    }
}

/// When a task is started.
public enum StartMode: UInt8, Sendable {
    /// By the root task at boot, in the order of `TaskDescription.order`.
    case boot = 0
    /// By the device manager, once for each device that `compatible` matches.
    case device = 1
    /// When somebody asks for it; until then it is listed as waiting.
    case demand = 2
}

/// What happens to a task that died more often than its restart policy allows.
public enum GiveUp: UInt8, Sendable {
    /// It stays dead until a person starts it.
    case stayDead = 0
    /// The board starts anew.
    case reboot = 1
    /// It is started again without end, each time after the policy's maximum back-off.
    case keepTrying = 2
}

/// What happens when a task dies.
public struct RestartPolicy: Equatable, Sendable {
    /// Restarts without a stable run between them, after which the supervisor gives up; 0:
    /// never restart.
    public var maximumRestarts: UInt16
    /// Delay before the first restart in milliseconds; it doubles with each further one.
    public var initialBackOff: UInt32
    /// Upper bound of the delay in milliseconds.
    public var maximumBackOff: UInt32
    /// A run of this many milliseconds is stable: it resets the count and the delay.
    public var stableRun: UInt32
    public var onGiveUp: GiveUp

    public init(
        maximumRestarts: UInt16, initialBackOff: UInt32, maximumBackOff: UInt32, stableRun: UInt32,
        onGiveUp: GiveUp = .stayDead
    ) {
        self.maximumRestarts = maximumRestarts
        self.initialBackOff = initialBackOff
        self.maximumBackOff = maximumBackOff
        self.stableRun = stableRun
        self.onGiveUp = onGiveUp
    }
}

/// How much processor time a task's threads have together at their own priorities.
public struct TimeBudget: Equatable, Sendable {
    /// Microseconds in each period, 10 or more; 0: no limit.
    public var limit: UInt32 = 0
    /// Microseconds, at least `limit`.
    public var period: UInt32 = 0
    /// The largest base priority of the threads while the time is used up.
    public var background: UInt8 = 0

    public init() {}
    public var isSet: Bool { limit != 0 }

    /// The shortest limit in microseconds, as the kernel has it.
    public static let shortest: UInt32 = 10

    /// - Parameter priority: the task's.
    func isGood(_ priority: UInt8) -> Bool {
        if !isSet { return period == 0 && background == 0 }
        return limit >= TimeBudget.shortest && limit <= period && background <= priority
    }
}

/// A thread that a task starts by its name.
public struct ThreadDescription: Equatable, Sendable {
    public var name: Name
    public var priority: UInt8
    /// The core on which it runs, 0 to 7; nil: that of the thread that starts it.
    public var core: UInt8?
    /// Bytes of the stack, a multiple of 4096.
    public var stackBytes: UInt32 = 4096

    public init(name: Name, priority: UInt8) {
        self.name = name
        self.priority = priority
    }

    /// - Parameter task: the one that starts it.
    func isGood(_ task: TaskDescription) -> Bool {
        if let core, core >= TaskDescription.cores { return false }
        return priority <= task.maximumPriority && stackBytes > 0 && stackBytes % 4096 == 0
            && stackBytes <= UInt32(ThreadMemory.maximumStack)
    }
}

/// One task, or for `StartMode.device` one kind of driver.
public struct TaskDescription: Equatable, Sendable {
    public var name: Name
    /// Name of the ELF file's entry in the bundle.
    public var binary: Name
    public var start: StartMode = .boot
    /// Place in the boot sequence; smaller starts first.
    public var order: UInt8 = 0
    public var priority: UInt8 = 0
    /// The highest priority that the task may give to itself or to its threads.
    public var maximumPriority: UInt8 = 0
    /// It may be as urgent as the supervisor or more, and the system file says why.
    public var isAboveSupervisor = false
    /// The core on which it runs, 0 to 7; where that one does not run, the first.
    public var core: UInt8 = 0
    public var privileges: Privileges = .none
    /// Bytes of the stack, a multiple of 4096.
    public var stackBytes: UInt32 = 16384
    /// Bytes of the heap, a multiple of 4096; 0: the task has none.
    public var heapBytes: UInt32 = 0
    /// Size of the untyped region that all of the task's objects come from, as a power of two.
    public var arenaBits: UInt8 = 18
    /// Size of a further untyped region that the task itself holds, as a power of two; 0: none.
    public var untypedBits: UInt8 = 0
    /// Bytes of the frame that survives restarts, a multiple of 4096; 0: none.
    public var persistentBytes: UInt32 = 0
    /// Round-robin slice in microseconds; 0: run until blocked or preempted.
    public var sliceMicroseconds: UInt32 = 0
    public var budget = TimeBudget()
    /// Register ranges and interrupt lines that a driver takes from its device's node.
    public var registerCount: UInt8 = 0
    public var interruptCount: UInt8 = 0
    /// Other devices' registers may lie in the pages that a driver gets with its own.
    public var sharesPage = false
    /// Other devices may raise the line that a driver gets.
    public var sharesLine = false
    /// The task must show a sign of life at least this often in milliseconds; 0: not watched.
    public var heartbeat: UInt32 = 0
    /// The lines that the task sends to the log: up to this level.
    public var logLevel = LogLevel.notice
    public var restart = RestartPolicy(
        maximumRestarts: 0, initialBackOff: 0, maximumBackOff: 0, stableRun: 0)
    /// Service that the task answers; empty: none. A driver's further instances are numbered:
    /// `serial`, `serial.1`.
    public var provides: Name = .empty
    /// Callers that the task's server can hold for a later answer.
    public var waiting = UInt8(CallerLimits.least)
    /// The methods of its service that a client may call whose manifest entry names none, a bit
    /// each as in `ServiceAccess`.
    public var openMethods = UInt32.max
    /// Services that the task may open, each once.
    public var opens: [ServiceAccess] = []
    /// Values of a device node's `compatible` property that the driver knows.
    public var compatible: [Compatible] = []
    /// Threads that the task starts by their names.
    public var threads: [ThreadDescription] = []

    public init(name: Name, binary: Name) {
        self.name = name
        self.binary = binary
    }

    /// The priority at which the supervisor looks whether something keeps it from running; no other
    /// task has it.
    public static let watchPriority: UInt8 = 255

    /// Whether a board cannot do without the task: it starts at boot, or it drives the console.
    public var isEssential: Bool { start == .boot || provides == Name("serial") }

    /// Whether the task's runtime can start threads, and its table holds them.
    public var startsThreads: Bool { untypedBits != 0 && !privileges.contains(.rootView) }

    /// Bytes of untyped memory that all the threads take which are listed.
    public var threadMemory: Int {
        if threads.isEmpty { return 0 }
        return threads.reduce(ThreadMemory.pageTables + ThreadMemory.locks) {
            $0 + ThreadMemory.place(pages: Int($1.stackBytes / 4096))
        }
    }

    /// The largest number of cores.
    public static let cores: UInt8 = 8
    /// Bytes of the largest stack, and of the largest heap.
    public static let maximumMemory: UInt32 = 1 << 24
    /// Bytes of the largest `persistentBytes`: the root task keeps a slot for each page.
    public static let maximumPersistent: UInt32 = 32 * 4096
    /// Interrupt lines that one driver may take.
    public static let maximumInterrupts = 4
    /// Entries that say what one task may open: one for each service, and one more for each further
    /// set of numbers.
    public static let maximumOpens = 24
    /// Values of `compatible` that one driver may know.
    public static let maximumCompatible = 16

    /// Whether the manifest gives the task the service.
    public func mayOpen(_ service: Name) -> Bool { methods(of: service) != 0 }
}

/// One value of `compatible`: 1 to 64 bytes, none of them zero.
public struct Compatible: Equatable, Sendable {
    public var bytes: [UInt8]
    public init(bytes: [UInt8]) { self.bytes = bytes }
    public static let maximumLength = 64

    var isGood: Bool {
        bytes.count > 0 && bytes.count <= Compatible.maximumLength && !bytes.contains(0)
    }
}

/// Why bytes are not a manifest, or a manifest cannot be encoded.
public enum ManifestError: Error, Equatable, Sendable {
    /// The bytes end inside a field.
    case truncated
    case wrongMagic
    case wrongVersion
    /// No boards or too many, or a value that is no `Compatible`.
    case badBoards
    /// More than `Manifest.maximumTasks`.
    case tooManyTasks
    /// A name is empty where one is needed, or longer than 32 bytes, or has a byte behind
    /// its padding.
    case badName(task: Int)
    /// Two tasks have the same name, provide the same service, or drive the same devices; or a task
    /// provides a service of the root task.
    case duplicate(task: Int)
    /// A number is outside its range.
    case badValue(task: Int, ManifestField)
    /// More than `Manifest.maximumShares`.
    case tooManyShares
    /// What a share, by its number, breaks.
    case badShare(Int, SharedFault)
    /// Bytes follow the last share.
    case trailingBytes
}

/// The field that a `ManifestError.badValue` names.
public enum ManifestField: UInt8, Sendable {
    case start, priority, maximumPriority, privileges, stackBytes, heapBytes, arenaBits,
        untypedBits, persistentBytes
    case restart, opens, compatible, heartbeat, logLevel, registerCount, interruptCount, shares
    case onGiveUp, aboveSupervisor, core, budget, threads, threadMemory, waiting
}
