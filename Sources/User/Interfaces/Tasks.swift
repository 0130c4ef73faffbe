// The root task's service `tasks`: the life of tasks. Tasks are made and ended here, and nowhere
// else.

/// Starts, ends, moves and breaks tasks. A task is named by its number, as `ps` shows it.
@Service(version: 1)
public protocol Tasks {
    /// Starts the task of that name in the manifest.
    ///
    /// The root task loads one task at a time for its clients. Each manifest entry may have two
    /// such requests under way; a third is `exhausted`.
    @Method(1, .answeredLater) func start(_ name: FixedString<32>) throws(RootError)
        -> StartedTask

    /// Starts a task again that was killed. It is a load, as `start`. If it fails, the task's plans
    /// and its argument stay as they were.
    ///
    /// - Parameter argument: for a task with the root task's view; else empty.
    @Method(2, .answeredLater) func restart(
        _ task: UInt16, argument: FixedString<32>
    ) throws(RootError) -> StartedTask

    /// Starts a task again that was killed, and answers at once. The root task loads it at the
    /// task's own priority, the most urgent task first, and signals the supervisor then. `policy`
    /// of `inspection` tells what became of it, and `kill` takes it back.
    @Method(3) func begin(_ task: UInt16) throws(RootError)

    /// Ends a task at once: its callers get `peerDied`, and its memory is taken back. It stays
    /// listed. Requests and plans that would start it are taken back, too.
    @Method(4) func kill(_ task: UInt16) throws(RootError)

    /// Makes a task fault at once, as if its code had jumped to a null pointer.
    @Method(5) func crash(_ task: UInt16) throws(RootError)

    /// Makes a task loop for ever at once, as if its code had lost its way.
    @Method(6) func hang(_ task: UInt16) throws(RootError)

    /// Has a task run on another processor core from now on.
    @Method(7) func move(_ task: UInt16, to core: UInt8) throws(RootError)

    /// Stops a task's first thread, and describes where it is.
    @Method(8) func stop(_ task: UInt16) throws(RootError) -> StoppedThread

    /// Stops the thread of a task that stands in a fault, and describes where it is, and why it
    /// faulted.
    @Method(9) func examine(_ task: UInt16, _ fault: ThreadFault) throws(RootError)
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
