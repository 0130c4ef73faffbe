// The kernel's state: one value, generic over the hardware, at one address, built at boot.
//
// The kernel is event-driven. An exception enters with interrupts masked. One operation runs to its
// end, or to its next step boundary, on the one stack. The exit resumes the most urgent thread.
// Long operations look for pending interrupts between steps and restart at their `svc`
// (`Outcome.restart`). So the kernel needs no locks.

import HardwareInterface
import KernelABI

/// The outcome of an operation for the thread that called it.
public enum Outcome {
    /// The results are in the thread's context.
    case done
    /// The thread is blocked or stopped, or it yielded and is ready.
    case blocked
    /// An interrupt is pending. The call restarts, and continues from the progress that objects and
    /// registers keep.
    case restart
    /// The kernel refused the call.
    case failed(KernelError)
}

/// The state of one processor core.
public struct Core: ~Copyable {
    var ready: ReadyQueue
    /// Time-outs and timers, earliest first.
    var deadlines = DeadlineQueue()
    /// The thread that was resumed last; nil while idle. The fast path does not update it: see
    /// `Kernel.enter`.
    var current: Ref<Thread>?
    /// Whether the running thread or the hardware's deadline may be out of date. Then `reschedule`
    /// chooses again.
    var isStale = false
    /// A periodic timer whose deadline was removed. A step sets the next one before the kernel
    /// exits.
    var unarmed: Ref<Timer>?
    /// The level from which on the next step serves a deadline that is due; `.max`: no level.
    var dueLevel = UInt32.max
    /// Whether pending updates go before every thread of the same priority: a thread gave up the
    /// rest of its turn.
    var isUpdatesTurn = false
    /// Whether the running thread offers the processor to its equals, after the steps that go
    /// first.
    var isYielding = false
    /// The end of the running thread's slice; `.never` while no slice runs.
    var sliceEnd = Instant.never
    /// The instant to which the hardware's deadline is set.
    var armed = Instant.never
    var lastSwitch: UInt64 = 0
    init(ready: consuming ReadyQueue) { self.ready = ready }
}

/// The bindings of one interrupt line.
public struct InterruptLine {
    var first: Ref<Interrupt>?
    /// The bindings that have not acknowledged the last delivery; one more while some are still to
    /// be signalled.
    var outstanding: Int = 0
    init() {}
}

/// Memory that the kernel's state refers to. The initial value is all zeros.
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
    /// The cycle counter when the kernel masked interrupts or last looked for pending ones, and
    /// what entered the kernel (benchmark builds).
    var masked: (since: UInt64, control: UInt64) = (0, 0)
    /// The root task's first thread. The console reports its faults if it has no fault handler.
    var rootThread: Ref<Thread>?
    /// The frequency of the counter, in ticks a second.
    var counterFrequency: UInt64 = 0
    /// The shortest period of a timer and the shortest slice, in ticks. Shorter ones would leave
    /// little time besides interrupts.
    var shortestPeriod: UInt64 { counterFrequency / Limits.expiriesPerSecond }
    /// The translation base of a thread without an address space: an empty table.
    var emptyTranslationBase: UInt64
    var systemControl: Authority
    var interruptControl: Authority
    var asidControl: Authority

    /// Creates the kernel's state.
    ///
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

    /// The bytes of zero-filled memory that `init` needs for its tables.
    public static var tableBytes: Int { MemoryLayout<KernelTables>.size }
}

/// The kernel's statistics (`Statistic`).
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
