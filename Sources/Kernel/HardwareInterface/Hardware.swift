// The hardware as the kernel core needs it, in one protocol. The core is generic over it: host
// tests run it on a model, and the image specialises it for the real machine, so no indirect call
// remains.

import KernelABI

/// The machine as the kernel core sees it. `Kernel.hardware` holds its value.
///
/// - Context: every member is called with interrupts masked, from the kernel only.
/// - Complexity: every member is constant-time, or linear in a length that its caller bounds.
public protocol Hardware: ~Copyable {
    // Time

    /// The counter's present value.
    var now: Instant { get }
    /// Sets the timer to interrupt at `instant`; `.never` turns it off. An instant in the past
    /// interrupts at once.
    mutating func setDeadline(_ instant: Instant)
    /// A counter that advances with the processor's work; used for the longest masked path only.
    var cycles: UInt64 { get }

    // Interrupts

    /// Whether an interrupt is pending. The kernel asks between the steps of long operations.
    var interruptPending: Bool { get }
    /// Takes the pending interrupt. Its line stays quiet until `open`; others may be taken again.
    ///
    /// The timer's line is open at once: the kernel sets a new deadline, or none, before it can
    /// take an interrupt.
    func takeInterrupt() -> TakenInterrupt
    /// The number of fast interrupts that kept an idle core awake, and of system errors. The kernel
    /// only counts them.
    ///
    /// - Parameter isShared: whether the counts of all cores are added; else the first core's.
    mutating func strayExceptions(
        isShared: Bool
    ) -> (fastInterrupts: UInt64, systemErrors: UInt64)
    /// The number of lines. Lines are numbered from 0, in one space over all controllers.
    var lineCount: Int { get }
    /// Returns whether a task may have this line: it exists, and it is not the kernel's own (the
    /// timer's).
    func isAssignable(line: Int) -> Bool
    /// Configures the line and lets it signal.
    mutating func enable(line: Int, trigger: Trigger)
    /// Keeps the line from signalling.
    mutating func disable(line: Int)
    /// Lets the line signal again after its interrupt was handled.
    mutating func open(line: Int)
    /// How urgent the line is among those that are pending, if the controller has priorities. As
    /// urgently a core that waits for the kernel's lock asks for it.
    mutating func setUrgency(_ priority: UInt8, ofLine line: Int)
    /// Sends the line to another core from now on, if the controller can. An interrupt that is
    /// pending or taken goes neither lost nor twice.
    mutating func route(line: Int, to core: Int)
    /// Handles an interrupt that no task is bound to: masks its line, and opens it. A software
    /// interrupt of another core comes here as well.
    mutating func dismiss(line: Int)

    // Cores

    /// Returns the memory of this core's state.
    ///
    /// - Parameter known: the address that the kernel was created with. Hardware that finds it in a
    ///   shorter way does not look at it.
    static func coreState(_ known: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer
    /// Sends an inter-processor interrupt to another core: it takes the kernel's lock and chooses
    /// again. To take that interrupt gives `.nothing`.
    mutating func interrupt(core number: Int)
    /// Orders the loads before it before all loads and stores behind it, as other cores see them.
    func orderLoads()
    /// Orders the stores before it before those behind it, as other cores see them.
    func orderStores()
    /// Returns whether another core waits for the kernel's lock that is more urgent than this
    /// priority, which is -1 or more, and than this core's own pending interrupt.
    func isWanted(above priority: Int) -> Bool
    /// Returns whether another core waits for the kernel's lock that is more urgent than this
    /// priority. For a look that has just found no interrupt pending.
    func isOvertaken(at priority: Int) -> Bool
    /// Returns whether another core should have the lock before a further step of this priority: a
    /// more urgent one; below the real-time band, any one.
    func shouldPass(before priority: Int) -> Bool

    // Memory

    /// Returns the kernel's address for a physical address of RAM or of a page table.
    func kernelAddress(physical: UInt64) -> UnsafeMutableRawPointer
    func physicalAddress(kernel: UnsafeMutableRawPointer) -> UInt64
    /// Fills memory with zeros. Start and length are multiples of 64; after boot the length is at
    /// most `KernelLimits.zeroStep`.
    func zero(_ start: UnsafeMutableRawPointer, bytes: Int)
    /// Performs a cache operation on memory at a kernel address; after boot the length is at most
    /// `KernelLimits.cacheStep`.
    func maintainCache(_ operation: CacheOperation, _ start: UnsafeMutableRawPointer, bytes: Int)

    /// Replaces a 32-bit word of a task's memory at a kernel address, which other cores may change
    /// at the same time: with acquire and release.
    ///
    /// - Returns: false if the word is not `old`, or another core came between. Nothing has changed
    ///   then.
    func replace(_ old: UInt32, by new: UInt32, at word: UnsafeMutablePointer<UInt32>) -> Bool

    /// Stores a 32-bit word of a task's memory at a kernel address, with release.
    func release(_ value: UInt32, at word: UnsafeMutablePointer<UInt32>)

    /// Loads and stores 32 bits of a register in a page of the kernel's. A load that nothing
    /// answers returns all ones.
    func readRegister(_ address: UInt64) -> UInt32
    func writeRegister(_ address: UInt64, _ value: UInt32)

    // Address spaces

    /// The width of an ASID in bits: 8 or 16.
    var asidBits: Int { get }
    /// Returns the value that selects a root table and its ASID (TTBR0_EL1).
    func translationBase(rootTable physical: UInt64, asid: UInt16) -> UInt64
    /// Switches user addresses to the address space of a translation base.
    func activate(translationBase: UInt64)
    /// Makes a written page-table entry visible to the table walker.
    func publishTableEntry()
    /// Returns whether user code could read this address now. Walks the tables of the active
    /// address space.
    func isMapped(_ address: UInt64) -> Bool
    /// Invalidates the translation of one page of one address space.
    func invalidate(page: UInt64, asid: UInt16)
    /// Invalidates all translations of one address space.
    func invalidate(asid: UInt16)

    // Floating point

    /// Lets user code use the floating-point registers, or makes each use trap. The registers keep
    /// their values.
    func setFloatingPoint(enabled: Bool)
    /// Writes FPSR, FPCR and v0–v31 (528 bytes) to `old`, then loads them from `new`; nil leaves a
    /// part out. User code may use the registers afterwards if they were loaded.
    ///
    /// - Precondition: at least one of the two is not nil.
    func switchFloatingPoint(from old: UnsafeMutableRawPointer?, to new: UnsafeMutableRawPointer?)

    // Machine

    /// Writes to the kernel's console. Waits for room, for a bounded time.
    func writeConsole(_ byte: UInt8)
    /// Writes to the kernel's console if there is room now.
    ///
    /// - Returns: false if there is none.
    func offerConsole(_ byte: UInt8) -> Bool
    func powerOff(status: UInt64)
    func reboot()
}

extension Hardware where Self: ~Copyable {
    public mutating func dismiss(line: Int) {
        if line < 0 || line >= Limits.interruptLines { return }
        disable(line: line)
        open(line: line)
    }
}
