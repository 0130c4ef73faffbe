// Limits of the kernel's work between two looks at the pending interrupts.

/// The step sizes of long operations. Each step stays below the bound on the masked path
/// (docs/realtime.md).
public enum KernelLimits {
    /// Bytes zeroed in a step.
    public static var zeroStep: Int { 1024 }
    /// Bytes of cache maintenance in a step.
    public static var cacheStep: Int { 4096 }
    /// Steps in which the kernel's console accepts nothing before a byte for it is dropped.
    public static var consolePatience: UInt64 { 100_000 }
    /// Bytes copied through a loan in a step; a step never crosses a page on either side.
    public static var loanStep: Int { 1024 }
    /// Slots of a table examined in a step.
    public static var slotStep: Int { 32 }
    /// Mutexes or participants of a set examined in a step.
    public static var mutexStep: Int { 16 }
    /// Interrupt objects that may share a line.
    public static var sharedLine: Int { 8 }
    /// The bindings of a line behind its first.
    public static var furtherBindings: Int { 7 }
    /// Interrupt objects signalled in one interrupt of a level-triggered line. The next interrupt,
    /// which comes at once, signals further ones.
    public static var deliveryStep: Int { 3 }
    /// The longest text that the kernel itself writes to its console, in bytes.
    public static var reportText: Int { 64 }
    /// Events that the trace keeps.
    public static var traceEvents: Int { 512 }
}
