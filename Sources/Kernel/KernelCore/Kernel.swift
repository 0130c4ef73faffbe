// The kernel's state: one value, generic over the hardware, at one address, built at boot.
//
// The kernel is event-driven: an exception enters with interrupts masked, one operation runs to its end or to its next
// step boundary on the one stack, and the exit resumes the most urgent thread. Long operations look for pending interrupts
// between steps and restart at their `svc` (`Outcome.restart`), so nothing is ever locked.

import HardwareInterface
import KernelABI

/// How an operation ended, for the thread that asked for it.
public enum Outcome {
    /// The results are in the thread's context.
    case done
    /// The thread is blocked or stopped; or it was made to wait for its turn.
    case blocked
    /// An interrupt is pending: perform the call again from where the objects say it stopped.
    case restart
    /// Refused.
    case failed(KernelError)
}

/// What belongs to one processor core. More cores are more of these.
public struct Core: ~Copyable {
    var ready: ReadyQueue
    /// Time-outs and timers, earliest first.
    var deadlines = DeadlineQueue()
    /// The thread that was resumed last; nil while idle. The fast path does not keep it: see `Kernel.enter`.
    var current: Ref<Thread>?
    /// The running thread or the hardware's deadline may not be what they should be any more: `reschedule` chooses anew.
    var isStale = false
    /// A periodic timer whose deadline was taken out: the next one is set by a step before the kernel is left.
    var unarmed: Ref<Timer>?
    /// A thread gave up the rest of its turn: pending updates go before every thread of the same priority.
    var isUpdatesTurn = false
    /// When the running thread's slice ends; `.never` while nobody of its priority is ready.
    var sliceEnd = Instant.never
    /// What the hardware's deadline is set to.
    var armed = Instant.never
    var lastSwitch: UInt64 = 0
    init(ready: consuming ReadyQueue) { self.ready = ready }
}

/// Interrupts that share one line.
public struct InterruptLine {
    var first: Ref<Interrupt>?
    /// Bindings that have not acknowledged the last delivery; one more while some are still to be signalled.
    var outstanding: Int = 0
    init() {}
}

/// Storage that the kernel's state refers to; all-zero is its initial value.
public struct KernelTables: ~Copyable {
    var ready: ReadyHeads
    var deadlineNumbers: DeadlineNumbers
    var lines: InlineArray<1024, InterruptLine>
    var trace: InlineArray<512, TraceEvent>
}

/// The kernel.
public struct Kernel<H: Hardware & ~Copyable>: ~Copyable {
    public var core: Core
    public var hardware: H
    var tables: Ref<KernelTables>
    var statistics = Statistics()
    /// One bit for each range of ASIDs that is a pool's, or that the processor does not have.
    var asidRanges: InlineArray<16, UInt64>
    var traceCount: Int = 0
    var isTracing = false
    /// Benchmark builds: the cycle counter when interrupts were masked, or pending ones looked for.
    var maskedSince: UInt64 = 0
    /// The root task's first thread: its faults have no other reader than the console.
    var rootThread: Ref<Thread>?
    /// Ticks of the counter in a second.
    var counterFrequency: UInt64 = 0
    /// Shortest period of a timer and shortest slice, in ticks: below it, interrupts would leave little time for anything else.
    var shortestPeriod: UInt64 { counterFrequency / Limits.expiriesPerSecond }
    /// Translation base of a thread without address space: an empty table.
    var emptyTranslationBase: UInt64
    var systemControl: Authority
    var interruptControl: Authority
    var asidControl: Authority

    /// - Parameters:
    ///   - tables: zero-filled memory for the larger tables; it stays the kernel's.
    ///   - emptyTable: physical address of an all-zero page table.
    public init(hardware: consuming H, tables memory: UnsafeMutableRawPointer, emptyTable: UInt64) {
        unsafe self.init(
            hardware: hardware, tables: reference(memory, as: KernelTables.self),
            emptyTable: emptyTable)
    }

    init(hardware: consuming H, tables: Ref<KernelTables>, emptyTable: UInt64) {
        emptyTranslationBase = hardware.translationBase(rootTable: emptyTable, asid: 0)
        asidRanges = ASIDPool.ranges(asidBits: hardware.asidBits)
        self.hardware = hardware
        self.tables = tables
        core = Core(ready: ReadyQueue(heads: tables.rebound(to: ReadyHeads.self)))
        systemControl = Authority(header: ObjectHeader(.systemControl))
        interruptControl = Authority(header: ObjectHeader(.interruptControl))
        asidControl = Authority(header: ObjectHeader(.asidControl))
    }

    /// Bytes of zero-filled memory that `init` wants for its tables.
    public static var tableBytes: Int { MemoryLayout<KernelTables>.size }
}

/// Figures that the kernel keeps of itself (`Statistic`).
public struct Statistics {
    var systemCalls: UInt64 = 0
    var interrupts: UInt64 = 0
    var spuriousInterrupts: UInt64 = 0
    var longestMasked: UInt64 = 0
    var longestMaskedControl: UInt64 = 0
    var longestMaskedPlace: UInt64 = 0
    #if BENCHMARK
        var longestOfEntry = InlineArray<96, UInt64>(repeating: 0)
    #endif
    public var kernelTextBytes: UInt64 = 0
    public var kernelDataBytes: UInt64 = 0
    public var bootTicks: UInt64 = 0
    init() {}
}

/// One event of the trace.
public struct TraceEvent {
    var instant: UInt64
    var what: UInt64
    var thread: UInt64
}
