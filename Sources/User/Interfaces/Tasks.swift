// The root task's service `tasks`: the life of tasks. Tasks are made and ended here, and nowhere
// else.

/// Starts, ends, moves and breaks tasks. A task is named by its number, as `ps` shows it.
@Service(version: 1)
public protocol Tasks {
    /// Starts the task that the manifest calls so.
    @Method(1, .answeredLater) func start(_ name: FixedString<32>) throws(FactoryError)
        -> StartedTask

    /// Starts a task again that was killed.
    ///
    /// - Parameter argument: for a task with the root task's view; else empty.
    @Method(2, .answeredLater) func restart(
        _ task: UInt16, argument: FixedString<32>
    ) throws(FactoryError) -> StartedTask

    /// Starts a task again that was killed, and answers at once. The root task loads it at the
    /// task's own priority, the most urgent task first, and signals the supervisor then. `policy`
    /// of `inspection` tells what became of it, and `kill` takes it back.
    @Method(3) func begin(_ task: UInt16) throws(FactoryError)

    /// Ends a task at once: its callers get `peerDied`, and its memory is taken back. It stays
    /// listed.
    @Method(4) func kill(_ task: UInt16) throws(FactoryError)

    /// Makes a task fault at once, as if its code had jumped to a null pointer.
    @Method(5) func crash(_ task: UInt16) throws(FactoryError)

    /// Makes a task loop for ever at once, as if its code had lost its way.
    @Method(6) func hang(_ task: UInt16) throws(FactoryError)

    /// Has a task run on another processor core from now on.
    @Method(7) func move(_ task: UInt16, to core: UInt8) throws(FactoryError)

    /// Stops a task's first thread, and describes where it is.
    @Method(8) func stop(_ task: UInt16) throws(FactoryError) -> StoppedThread

    /// Stops the thread of a task that stands in a fault, and describes where it is, and why it
    /// faulted.
    @Method(9) func examine(_ task: UInt16, _ fault: ThreadFault) throws(FactoryError)
        -> StoppedThread
}

/// A task that was started.
@Message public struct StartedTask: Equatable, Sendable {
    public var number: UInt16
    /// 1 at its first start.
    public var generation: UInt32

    public init(number: UInt16, generation: UInt32) {
        self.number = number
        self.generation = generation
    }
}

/// A fault, as the kernel tells it.
@Message public struct ThreadFault: Sendable {
    /// A `FaultKind`.
    public var kind: UInt64
    public var address: UInt64
    public var syndrome: UInt64
    /// Program counter and stack pointer tell which thread it is.
    public var programCounter: UInt64
    public var stackPointer: UInt64

    public init(
        kind: UInt64, address: UInt64, syndrome: UInt64, programCounter: UInt64,
        stackPointer: UInt64
    ) {
        self.kind = kind
        self.address = address
        self.syndrome = syndrome
        self.programCounter = programCounter
        self.stackPointer = stackPointer
    }
}

/// Where a thread was stopped.
@Message public struct StoppedThread: Sendable {
    public var programCounter: UInt64
    public var linkRegister: UInt64
    /// Return addresses of its stack, the innermost first.
    public var addresses: Items<UInt64, 10>
    /// The cause of its fault; empty if it is in none.
    public var cause: FixedString<64>
    /// What the task said of that.
    public var saying: FixedString<80>
    /// The thread's name, if the task started it.
    public var name: FixedString<32>

    public init(
        programCounter: UInt64, linkRegister: UInt64, addresses: Items<UInt64, 10>,
        cause: FixedString<64>, saying: FixedString<80>, name: FixedString<32>
    ) {
        self.programCounter = programCounter
        self.linkRegister = linkRegister
        self.addresses = addresses
        self.cause = cause
        self.saying = saying
        self.name = name
    }
    /// Return addresses that it has at most.
    public static var maximumDepth: Int { 10 }
}

/// Why the root task refuses a request to one of its services.
@Message public enum FactoryError: UInt16, ServiceError {
    /// No task of that number or name.
    case noSuchTask = 1
    /// The bundle has no such file.
    case noSuchBinary = 2
    /// The file is not a task's ELF file.
    case badImage = 3
    /// Too little memory.
    case noMemory = 4
    /// The task runs already, or does not run.
    case wrongState = 5
    /// The client's manifest entry does not list it.
    case notPermitted = 6
    /// The request makes no sense.
    case badRequest = 7
    /// No service of that name, or its task was never started.
    case noSuchService = 8
    /// The kernel refused a step.
    case kernel = 9
    /// Too many tasks, interrupts, services or requests.
    case exhausted = 10
    /// The device's registers or its line cannot be had.
    case noSuchDevice = 11
    /// Another driver has a page of the device's registers, or its line, and not both say that
    /// they share it.
    case deviceTaken = 12
    /// Registers of other devices lie in the same page, and the driver's manifest entry does not
    /// say `shares_page`.
    case pageShared = 13
    /// The task's arena is too small for it.
    case arenaTooSmall = 14
    /// A range of the device's registers lies in more pages than a driver's address space has room
    /// for: 64.
    case registersTooLarge = 15
    /// That processor core does not run, or there is no other item of that number.
    case nothingThere = 16

    public var text: StaticString {
        switch self {
        case .noSuchTask: "no such task"
        case .noSuchBinary: "no such file in the bundle"
        case .badImage: "not a task's ELF file"
        case .noMemory: "too little memory"
        case .arenaTooSmall: "its arena is too small"
        case .wrongState: "wrong state"
        case .notPermitted: "not permitted"
        case .badRequest: "bad request"
        case .noSuchService: "no such service"
        case .kernel: "refused by the kernel"
        case .exhausted: "no room for one more task or request"
        case .noSuchDevice: "the device's registers are not there"
        case .registersTooLarge: "a range of the device's registers is larger than 256 KiB"
        case .deviceTaken: "another driver has its registers or its line"
        case .pageShared:
            "other devices have registers in its page (see shares_page)"
        case .nothingThere: "nothing is there"
        }
    }
}

extension SystemError {
    /// The root task's reason, as one of its clients tells it.
    public var reason: StaticString { of(FactoryError.self)?.text ?? text }
}
