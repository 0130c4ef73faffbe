// The root task's service: tasks are made, ended and looked at here, and nowhere else.
//
// Tasks with one of the privileges `factory.…` hold a capability of this endpoint, and those whose
// threads share a mutex set. Its badge is the caller's task number. Each operation needs a
// privilege of its own (ServiceCores/Privileges.swift), except `join`, and `service` for the
// caller's own services. Every request is a `call`. Word 0 of a request is the operation; word 0 of
// a reply is 0 or a `FactoryError`. Names are four words: 32 bytes, zero-padded.

import KernelABI

/// What the root task is asked to do: the low byte of word 0.
@frozen public enum FactoryOperation: UInt8, Sendable {
    /// Copy the encoded manifest into the lent memory. Word 1: first byte. Reply: 1: bytes of the
    /// manifest, 2: bytes copied.
    case manifest = 1
    /// Start the task of the manifest called words 1–4. Reply: 1: its number.
    case spawn = 2
    /// Start a driver for one device: see `DriverRequest`. Reply: 1: the task's number.
    case spawnDriver = 3
    /// End task word 1 at once: its callers get `peerDied`, its memory is taken back. It
    /// stays listed.
    case kill = 4
    /// Start task word 1 again, which was killed. Words 2–5: an argument for it, or nothing; only a
    /// task with the root task's view takes one. Reply: 1: its new generation.
    case restart = 5
    /// Word 1: number. Reply: a `TaskRecord`; `noSuchTask` behind the last.
    case task = 6
    /// Word 1: number. Reply: a `TaskMemory`.
    case taskMemory = 7
    /// Word 1: index. Reply: an `InterruptRecord`; `noSuchTask` behind the last.
    case interrupt = 8
    /// Word 1: task. Word 2: slot. Reply: 1: kind, 2: rights, 3: badge, 4: derivation depth, 5:
    /// slots of the table.
    case capability = 9
    /// Reply: 1: RAM, 2: the kernel's part, 3: untyped memory left, 4: memory given to tasks,
    /// all in bytes.
    case memory = 10
    /// Words 1–4: name of a service. Word 5: task that asks, whose manifest entry must list the
    /// service under `opens`. Word 6: the bits of that task's notification that tell it when the
    /// service's task ends or runs again; 0: none. Reply: 1: task that answers it; 1 capability,
    /// badged with the number of the task that asks.
    case service = 11
    /// Word 1: 0 power off, 1 reboot. Word 2: exit status. Does not return.
    case power = 12
    /// Make task word 1 fault at once, as if its code had jumped to a null pointer.
    case crash = 13
    /// Word 1: number. Reply: 1: ms between signs of life, 2: restarts | initial back-off << 16,
    /// 3: maximum back-off | what happens on giving up, as the manifest encodes it, << 32, 4:
    /// stable run, 5: `TaskPhase` | generation << 8, 6: privileges, as the manifest encodes them,
    /// 7: what became of `begin`, see `StartProgress`.
    case policy = 14
    /// Reply: a `TaskRecord` of the root task itself.
    case root = 15
    /// Stop task word 1 and look where it is. Words 2–6: the fault in which it stands, see
    /// `StackRecord`; 0: it is in none. Reply: a `StackRecord`.
    case stack = 16
    /// Make task word 1 loop for ever at once, as if its code had lost its way.
    case hang = 17
    /// Start task word 1 again, and reply at once: it is loaded at its own priority, the most
    /// urgent first, and the supervisor's notification gets `startedBit` then. `policy` tells what
    /// became of it. `kill` takes it back.
    case begin = 18
    /// Have task word 1 run on core word 2 from now on.
    case move = 20
    /// Word 1: number of a processor core. Reply: a `CoreRecord`; `noSuchTask` where that core does
    /// not run.
    case core = 21
    /// Word 1: number of a task. Word 2: a place from 0 on. Reply: the `TaskRecord` of the first
    /// thread from that place on that the task has started, and word 14: its place; `noSuchTask`
    /// where there is none. It has no stack and no budget of its own.
    case thread = 22
    /// Make the caller's thread in place word 2 a participant of the mutex set of its share word 1.
    /// Needs no privilege. The caller opens the share then: `ListedShare.participant`.
    case join = 23
    /// What tasks do, without the first word 1 of them. Reply: see `ActivityRecord`.
    case activity = 19

    /// Bit of the supervisor's notification: a task with the root task's view is about to run; it
    /// has the machine for itself.
    @inlinable public static var machineTakenBit: UInt64 { 4 }
    /// Bit of the notifications of supervisor and name service: a task runs. Of the supervisor's,
    /// also: a start that it asked for with `begin` has failed.
    @inlinable public static var startedBit: UInt64 { 2 }
    @inlinable public static var maximumDepth: Int { 10 }
}

/// Why the root task refused.
@frozen public enum FactoryError: UInt64, Error, Sendable {
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
    /// The caller may not ask for this.
    case notPermitted = 6
    /// The request makes no sense.
    case badRequest = 7
    /// No service of that name, or its task was never started.
    case noSuchService = 8
    /// The kernel refused a step; word 1: its `KernelError`.
    case kernel = 9
    /// Too many tasks, interrupts or services.
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
    /// A range of the device's registers lies in more pages than a driver's address space has
    /// room for: 64.
    case registersTooLarge = 15
}

/// What became of the last `begin`: word 7 of a reply to `policy`.
@frozen public enum StartProgress: Equatable, Sendable {
    /// The task was started, or none was asked for.
    case ended
    case underWay
    case failed(FactoryError)

    @inlinable public var word: UInt64 {
        switch self {
        case .ended: 0
        case .underWay: 1
        case .failed(let error): 2 | error.rawValue << 8
        }
    }
    @inlinable public init(word: UInt64) {
        switch word & 0xff {
        case 0: self = .ended
        case 1: self = .underWay
        default: self = .failed(FactoryError(rawValue: word >> 8) ?? .kernel)
        }
    }
}

/// Where a task is in its life.
@frozen public enum TaskPhase: UInt8, Sendable {
    /// Listed in the manifest, not started yet.
    case waiting = 0
    case running = 1
    /// Killed; it may be started again.
    case dead = 2
}

/// Words 1–13 of a reply to `task` or `root`.
@frozen public struct TaskRecord: Sendable {
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
    public var name: InlineArray<4, UInt64>
    /// The time of its budget in microseconds; 0: it has none.
    public var budget: UInt32
    public var budgetPeriod: UInt32
    /// What of that time is used up at this moment; more than `budget`: a debt.
    public var budgetSpent: UInt32
    /// How often the budget was used up, in this generation.
    public var overruns: UInt64

    @inlinable public static var words: Int { 14 }

    @inlinable public init(name: InlineArray<4, UInt64>) {
        self.name = name
        phase = .waiting
        state = .stopped
        basePriority = 0
        effectivePriority = 0
        maximumPriority = 0
        start = 0
        core = 0
        generation = 0
        processorTicks = 0
        stackBytes = 0
        stackUsed = 0
        switches = 0
        programCounter = 0
        budget = 0
        budgetPeriod = 0
        budgetSpent = 0
        overruns = 0
    }

    /// Word `index` of the reply, 1 to 13.
    @inlinable public func word(_ index: Int) -> UInt64 {
        switch index {
        case 1:
            return UInt64(phase.rawValue) | UInt64(state.rawValue) << 8 | UInt64(basePriority) << 16
                | UInt64(effectivePriority) << 24 | UInt64(maximumPriority) << 32
                | UInt64(start) << 40 | UInt64(core) << 48
        case 2: return UInt64(generation)
        case 3: return processorTicks
        case 4: return UInt64(stackBytes)
        case 5: return UInt64(stackUsed)
        case 6: return switches
        case 7: return name[0]
        case 8: return name[1]
        case 9: return name[2]
        case 10: return name[3]
        case 11: return UInt64(budget) | UInt64(budgetPeriod) << 32
        case 12: return UInt64(budgetSpent)
        case 13: return overruns
        default: return 0
        }
    }

    /// Takes word `index` of a reply; unknown phases and states read as `waiting` and `stopped`.
    @inlinable public mutating func setWord(_ index: Int, _ value: UInt64) {
        switch index {
        case 1:
            phase = TaskPhase(rawValue: UInt8(truncatingIfNeeded: value)) ?? .waiting
            state = ThreadState(rawValue: UInt8(truncatingIfNeeded: value >> 8)) ?? .stopped
            basePriority = UInt8(truncatingIfNeeded: value >> 16)
            effectivePriority = UInt8(truncatingIfNeeded: value >> 24)
            maximumPriority = UInt8(truncatingIfNeeded: value >> 32)
            start = UInt8(truncatingIfNeeded: value >> 40)
            core = UInt8(truncatingIfNeeded: value >> 48)
        case 2: generation = UInt32(truncatingIfNeeded: value)
        case 3: processorTicks = value
        case 4: stackBytes = UInt32(truncatingIfNeeded: value)
        case 5: stackUsed = UInt32(truncatingIfNeeded: value)
        case 6: switches = value
        case 7: name[0] = value
        case 8: name[1] = value
        case 9: name[2] = value
        case 10: name[3] = value
        case 11:
            budget = UInt32(truncatingIfNeeded: value)
            budgetPeriod = UInt32(truncatingIfNeeded: value >> 32)
        case 12: budgetSpent = UInt32(truncatingIfNeeded: value)
        case 13: overruns = value
        default: break
        }
    }
}

/// Layout of a reply to `taskMemory`.
@frozen public enum TaskMemory {
    /// Bytes of the arena.
    @inlinable public static var arena: Int { 1 }
    /// Bytes of it taken by descriptors, at the low end.
    @inlinable public static var descriptors: Int { 2 }
    /// Bytes of it taken by pages, at the high end.
    @inlinable public static var pages: Int { 3 }
    /// Bytes that survive a restart.
    @inlinable public static var persistent: Int { 4 }
    /// Bytes of untyped memory that the task itself holds.
    @inlinable public static var untyped: Int { 5 }
    /// Physical addresses of the arena and of that untyped memory.
    @inlinable public static var arenaBase: Int { 6 }
    @inlinable public static var untypedBase: Int { 7 }
    @inlinable public static var words: Int { 8 }
}

/// Layout of a reply to `activity`. Word 1: how many tasks follow, in the order of their numbers.
@frozen public enum ActivityRecord {
    /// The first task's words: word 1 of its `TaskRecord`, and its processor time in ticks.
    @inlinable public static var start: Int { 2 }
    @inlinable public static var stride: Int { 2 }
    /// Tasks of one reply, which bounds what it costs.
    @inlinable public static var maximumCount: Int { 32 }
}

/// Layout of a request and a reply of `stack`.
@frozen public enum StackRecord {
    /// In the request: words 0, 2 and 3 of the fault message (`Fault`).
    @inlinable public static var kind: Int { 2 }
    @inlinable public static var address: Int { 3 }
    @inlinable public static var syndrome: Int { 4 }
    /// In the request: words 4 and 1 of the fault message. They tell which thread it is.
    @inlinable public static var stackPointer: Int { 5 }
    @inlinable public static var faultedAt: Int { 6 }
    /// PC and LR.
    @inlinable public static var programCounter: Int { 1 }
    @inlinable public static var linkRegister: Int { 2 }
    /// How many return addresses of its stack follow, at most `FactoryOperation.maximumDepth`, the
    /// innermost first.
    @inlinable public static var depth: Int { 3 }
    @inlinable public static var addresses: Int { 4 }
    /// Of a fault: the bytes of its cause in words | the bytes of what the task said << 8; then
    /// the texts.
    @inlinable public static var lengths: Int { addresses + FactoryOperation.maximumDepth }
    @inlinable public static var cause: Int { lengths + 1 }
    /// At most 64 bytes of the cause stand before it.
    @inlinable public static var saying: Int { cause + 8 }
    /// At most 80 bytes of what it said stand before it. Four words: the name of the thread, if the
    /// task started it.
    @inlinable public static var thread: Int { saying + 10 }
}

/// Layout of a reply to `interrupt`.
@frozen public enum InterruptRecord {
    /// Number of the task that holds the interrupt.
    @inlinable public static var task: Int { 1 }
    /// The line: the interrupt controller's number.
    @inlinable public static var line: Int { 2 }
    /// Times it was delivered, of this generation of the task.
    @inlinable public static var count: Int { 3 }
    /// Bit 0: bound; bit 1: waits for `acknowledge`.
    @inlinable public static var flags: Int { 4 }
    @inlinable public static var words: Int { 5 }
}

/// Layout of a reply to `core`: what a core has counted since boot.
@frozen public enum CoreRecord {
    /// Ticks in which no thread ran.
    @inlinable public static var idleTicks: Int { 1 }
    /// Inter-processor interrupts that other cores sent.
    @inlinable public static var coreInterrupts: Int { 2 }
    /// Ticks of holding the kernel's lock, without the fast paths.
    @inlinable public static var lockHeldTicks: Int { 3 }
    /// Ticks of waiting for it, and how often it was not free.
    @inlinable public static var lockWaitTicks: Int { 4 }
    @inlinable public static var lockWaits: Int { 5 }
    /// Threads at home there.
    @inlinable public static var threads: Int { 6 }
    @inlinable public static var interrupts: Int { 7 }
}

/// Layout of a request `spawnDriver`: which binary, how the task is called, and what of the
/// device it gets.
///
/// Words 9… : for each register range its physical base and its size in bytes, then one word for
/// each line: its number, and `Trigger` << 32; then the window through which the device reaches
/// memory: its base as the device addresses it, as the processor does, and its bytes; then the
/// driver's parameters, which the root task passes on as they are: for a bank of pins its reserved
/// pins, a bit each, and its keys (`PinKey`).
@frozen public enum DriverRequest {
    /// Words 1–4: the name of the driver's entry in the manifest.
    @inlinable public static var entry: Int { 1 }
    /// Words 5–8: the name of the new task.
    @inlinable public static var name: Int { 5 }
    @inlinable public static var device: Int { 9 }
    /// Register ranges and lines of the largest device.
    @inlinable public static var maximumRanges: Int { 4 }
    @inlinable public static var maximumLines: Int { 4 }
    @inlinable public static var maximumParameters: Int { 32 }
    @inlinable public static func window(ranges: Int, lines: Int) -> Int {
        device + 2 * ranges + lines
    }
    /// Words of a request.
    @inlinable public static func length(ranges: Int, lines: Int, parameters: Int) -> Int {
        window(ranges: ranges, lines: lines) + 3 + parameters
    }
    /// Word 0: the operation, the number of register ranges, of lines, and of the instance (0: the
    /// first of its kind), which of the manifest's `compatible` values the device has, and the
    /// number of parameters.
    @inlinable public static func head(
        ranges: Int, lines: Int, instance: Int, variant: Int, parameters: Int
    ) -> UInt64 {
        func byte(_ number: Int) -> UInt64 { UInt64(UInt8(truncatingIfNeeded: number)) }
        return UInt64(FactoryOperation.spawnDriver.rawValue) | byte(ranges) << 8
            | byte(lines) << 16 | byte(instance) << 24 | byte(variant) << 32 | byte(parameters)
            << 40
    }
}

extension FactoryError {
    /// The error in words.
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
        }
    }
}
