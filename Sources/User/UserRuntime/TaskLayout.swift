// Where a task finds itself: its address space, its first capabilities, and the page that describes
// them. The root task builds every task by this file, and every task's runtime reads it.

import KernelABI
import Protocols

/// Addresses in a task's address space, all in its first GiB. Between any two areas there are
/// unmapped pages.
public enum TaskAddress {
    /// `StartInformation`, read-only; x0 of the task's first thread.
    public static var information: UInt64 { 0x0010_0000 }
    /// Behind `StartInformation`, in the same page: up to 64 rules (`ResourceRule`) for clients of
    /// the task's service, two words each. A client's badge has the number of its first rule, from
    /// 1.
    public static var resourceRules: UInt64 { information + 1024 }
    /// Behind them, in the same page: the number of the threads that the manifest
    /// lists for the task, and then the words of each (`ListedThread`).
    public static var listedThreads: UInt64 { information + 2048 }
    /// Behind them, in the same page: the number of the task's shares, and then the words of each
    /// (`ListedShare`).
    public static var listedShares: UInt64 { information + 3072 }
    /// The first thread's IPC buffer.
    public static var ipcBuffer: UInt64 { 0x0010_2000 }
    /// The head of a bundle with the task's own segments, for tasks that are shown the root
    /// task's view.
    public static var bundle: UInt64 { 0x0010_4000 }
    /// The names of all tasks, read-only, for a task with the privilege `task_names`: see
    /// `TaskNames`.
    public static var taskNames: UInt64 { 0x0010_6000 }
    /// The page of the mutexes that the task's threads share, once it has started one: see
    /// `TaskLocks`.
    public static var locks: UInt64 { 0x0010_8000 }
    /// Device registers: the first range; each further one stands in the next `registerStride`.
    public static var registers: UInt64 { 0x0020_0000 }
    public static var registerStride: UInt64 { 0x0004_0000 }
    /// Where a task's ELF segments may lie.
    public static var image: Range<UInt64> { 0x0040_0000..<0x1000_0000 }
    /// Bytes from a task's entry to an instruction that branches to itself (CUserEntry/Start.S).
    public static var loopBehindEntry: UInt64 { 16 }
    public static var heap: UInt64 { 0x1000_0000 }
    /// End of the stack; the page below its start is not mapped.
    public static var stackTop: UInt64 { 0x2000_0000 }
    /// Where the names of the threads in places stand, four words each; zeros where no body runs.
    /// In a task that may start threads its first thread's stack ends below them. The root task
    /// reads them there: the page is its own, so no task can take it away meanwhile.
    public static var threadNames: UInt64 { stackTop - 512 }
    /// The places of the threads that the task starts (Threads.swift): each has a stack that ends
    /// below the thread's IPC buffer, and at least one page below it that is not mapped.
    public static var threads: Range<UInt64> { 0x2400_0000..<0x2420_0000 }
    /// Where a stack with that place may lie: below the IPC buffer.
    public static func threadStack(_ place: Int) -> Range<UInt64> {
        let start = threads.lowerBound + UInt64(place) * Thread.stride
        return start..<(start + Thread.stride - 4096)
    }
    /// Memory that survives restarts.
    public static var persistent: UInt64 { 0x3000_0000 }
    /// Memory that the task shares with its device.
    public static var deviceMemory: UInt64 { 0x3400_0000 }
    public static var deviceTree: UInt64 { 0x3800_0000 }
    /// Memory that the task shares with others: one area behind the other, each with a page behind
    /// it that is not mapped.
    public static var shared: UInt64 { 0x3c00_0000 }
}

/// A task's first capabilities. Those that its manifest does not give it are empty slots.
public enum StartSlot {
    public static var table: Slot { Slot(1) }
    public static var addressSpace: Slot { Slot(2) }
    public static var thread: Slot { Slot(3) }
    /// The task's own service, to receive from.
    public static var endpoint: Slot { Slot(4) }
    public static var notification: Slot { Slot(5) }
    public static var timer: Slot { Slot(6) }
    /// The three reply objects of a server that keeps two callers waiting: `reply` to `reply + 2`.
    public static var reply: Slot { Slot(7) }
    /// The first reply object of a server that can hold so many callers; there is one more. Beyond
    /// two they are behind the slots of other tasks.
    public static func replies(waiting: Int) -> Slot { waiting > 2 ? Slot(128) : reply }
    public static var log: Slot { Slot(10) }
    public static var names: Slot { Slot(11) }
    public static var supervisor: Slot { Slot(12) }
    public static var systemControl: Slot { Slot(14) }
    public static var interruptControl: Slot { Slot(15) }
    public static var untyped: Slot { Slot(16) }
    /// Up to four interrupts.
    public static var interrupt: Slot { Slot(17) }
    /// Up to three ranges of registers that the kernel reads and writes for the task, by the
    /// range's number: those whose address is 0.
    public static func registers(_ range: Int) -> Slot { Slot(21 + UInt32(range)) }
    /// Numbers for address spaces that the task makes.
    public static var asidPool: Slot { Slot(24) }
    /// Takes the faults of the threads that the task makes, for a task with untyped memory.
    public static var faultHandler: Slot { Slot(25) }
    /// The mutex set of the task's threads, and then the frame of its page: empty until the task
    /// starts a thread.
    public static var locks: Slot { Slot(26) }
    /// Two slots for each of `ShareLimits.ofTask` shares: of a ring the notification on which
    /// the task waits, and the one that it signals; of another share the mutex set.
    public static func share(_ number: Int) -> Slot { Slot(28 + 2 * UInt32(number)) }
    /// One of the root task's services.
    public static func root(_ service: RootService) -> Slot {
        Slot(share(ShareLimits.ofTask).index + UInt32(service.rawValue) - 1)
    }
    public static var firstFree: Slot {
        Slot(share(ShareLimits.ofTask).index + UInt32(RootService.count))
    }
    /// Four slots for each thread that the task starts, up to the end of the table; the first of
    /// them is the thread.
    public static var threads: Slot { Slot(64) }
    /// The thread in a place.
    public static func thread(_ place: Int) -> Slot { Slot(threads.index + 4 * UInt32(place)) }
}

/// The page in which a task reads what it was given. Sizes in bytes; an address of 0: not given.
public struct StartInformation: Sendable {
    public var magic: UInt64 = StartInformation.magicNumber
    public var version: UInt64 = abiVersion
    /// The task's number: the badge under which its servers know it.
    public var task: UInt64 = 0
    /// 1 for the first start.
    public var generation: UInt64 = 1
    public var heapBytes: UInt64 = 0
    public var stackBytes: UInt64 = 0
    public var persistentBytes: UInt64 = 0
    public var deviceTreeBytes: UInt64 = 0
    public var registerRanges: UInt64 = 0
    /// Address of the first register in each range; 0 for one that is a capability
    /// (`StartSlot.registers`).
    public var registers = InlineArray<4, UInt64>(repeating: 0)
    public var interrupts: UInt64 = 0
    /// Which of the manifest's `compatible` values the device has, from 0.
    public var variant: UInt64 = 0
    /// Where the device reaches memory.
    public var memory = DMAWindow()
    /// Ticks between signs of life; 0: not watched.
    public var heartbeatTicks: UInt64 = 0
    public var untypedBits: UInt64 = 0
    /// The largest `LogLevel` of lines that the task sends.
    public var logLevel = UInt64(LogLevel.notice.rawValue)
    /// What the device manager tells a driver of this kind beyond registers and lines: for a bank
    /// of pins its reserved pins, a bit each, and its keys.
    public var parameterCount: UInt64 = 0
    public var parameters = InlineArray<32, UInt64>(repeating: 0)
    public var name = InlineArray<4, UInt64>(repeating: 0)
    /// How many callers the task's server can hold, and how many of one client.
    public var waiting = UInt64(CallerLimits.least)
    public var waitingOfClient = UInt64(CallerLimits.least)

    public static var magicNumber: UInt64 { 0x5452_4154_534c_5753 }
    public init() {}
}
