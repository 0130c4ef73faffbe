// What the kernel's policy asks of the hardware, in one protocol: the whole kernel core is generic over it, runs on a
// model of it in host tests, and is specialised for the real machine when the image is built (no indirect call remains).

import KernelABI

/// The machine as the kernel core sees it. One value of it lives in `Kernel.hardware`.
///
/// - Context: every member is called with interrupts masked, from the kernel only.
/// - Complexity: every member is constant-time, or linear in a length that its caller bounds.
public protocol Hardware: ~Copyable {
    // Time

    /// The counter's value now.
    var now: Instant { get }
    /// Have the timer interrupt come at `instant`; `.never` turns it off. An instant in the past interrupts at once.
    mutating func setDeadline(_ instant: Instant)
    /// A counter that advances with the work the processor does; used for the longest masked path only.
    var cycles: UInt64 { get }

    // Interrupts

    /// Is an interrupt waiting to be taken? Asked between the steps of long operations.
    var interruptPending: Bool { get }
    /// Take the pending interrupt: its line is quiet until it is opened; others may be taken again from here on.
    ///
    /// The timer's is open at once: a new deadline is set, or none, before any interrupt can be taken.
    func takeInterrupt() -> TakenInterrupt
    /// How often a fast interrupt kept an idle processor awake, and a system error came: nobody is told, and nobody stops.
    var strayExceptions: (fastInterrupts: UInt64, systemErrors: UInt64) { get }
    /// Lines are numbered 0 ..< lineCount, in one space over all controllers.
    var lineCount: Int { get }
    /// May a task be given this line? False for the kernel's own (the timer's) and for those that do not exist.
    func isAssignable(line: Int) -> Bool
    /// Configure the line and let it signal.
    mutating func enable(line: Int, trigger: Trigger)
    /// Keep the line from signalling.
    mutating func disable(line: Int)
    /// Its interrupt was handled: let the line signal again.
    mutating func open(line: Int)

    // Memory

    /// Where the kernel sees a physical address of RAM or of a page table.
    func kernelAddress(physical: UInt64) -> UnsafeMutableRawPointer
    func physicalAddress(kernel: UnsafeMutableRawPointer) -> UInt64
    /// Fill with zeros; both 64-byte aligned. Callers pass at most `KernelLimits.zeroStep` bytes at a time.
    func zero(_ start: UnsafeMutableRawPointer, bytes: Int)
    /// `start` is a kernel address; callers pass at most `KernelLimits.cacheStep` bytes at a time.
    func maintainCache(_ operation: CacheOperation, _ start: UnsafeMutableRawPointer, bytes: Int)

    /// Load and store 32 bits of a register in a page of the kernel's. A load that nothing answers is all ones.
    func readRegister(_ address: UInt64) -> UInt32
    func writeRegister(_ address: UInt64, _ value: UInt32)

    // Address spaces

    /// Bits of an ASID: 8 or 16.
    var asidBits: Int { get }
    /// The value that selects a root table and its ASID (TTBR0_EL1).
    func translationBase(rootTable physical: UInt64, asid: UInt16) -> UInt64
    /// Make the current thread's address space the one that user addresses mean.
    func activate(translationBase: UInt64)
    /// A page-table entry was written: make it visible to the table walker.
    func publishTableEntry()
    /// Forget the translation of one page of one address space.
    func invalidate(page: UInt64, asid: UInt16)
    /// Forget all translations of one address space.
    func invalidate(asid: UInt16)

    // Floating point

    /// Lets user code use the floating-point registers, or makes each use trap. The registers keep their values.
    func setFloatingPoint(enabled: Bool)
    /// Writes FPSR, FPCR and v0–v31 (528 bytes) to `old`, then loads them from `new`, each where there is one. User code
    /// may use the registers afterwards if they were loaded.
    ///
    /// - Precondition: one of the two is there.
    func switchFloatingPoint(from old: UnsafeMutableRawPointer?, to new: UnsafeMutableRawPointer?)

    // Machine

    /// Write to the kernel's console; waits for room, for a bounded time.
    func writeConsole(_ byte: UInt8)
    /// Write if there is room now; false where there is none.
    func offerConsole(_ byte: UInt8) -> Bool
    func powerOff(status: UInt64)
    func reboot()
}
