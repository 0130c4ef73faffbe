// How much the kernel does between two looks at the pending interrupts.

/// Step sizes of long operations. Each step stays below the bound on the masked path (docs/realtime.md).
public enum KernelLimits {
    /// Bytes zeroed in a step.
    public static var zeroStep: Int { 1024 }
    /// Bytes of cache maintenance in a step.
    public static var cacheStep: Int { 4096 }
    /// Steps in which the kernel's console takes nothing, until a byte for it is dropped.
    public static var consolePatience: UInt64 { 100_000 }
    /// Bytes copied through a loan in a step; a step never crosses a page on either side.
    public static var loanStep: Int { 1024 }
    /// Slots of a table looked at in a step.
    public static var slotStep: Int { 32 }
    /// Interrupt objects that may share a line.
    public static var sharedLine: Int { 8 }
    /// Interrupt objects signalled in one interrupt of a level; further ones at the next, which comes at once.
    public static var deliveryStep: Int { 3 }
    /// Bytes of a text that the kernel itself writes to its console at once.
    public static var reportText: Int { 64 }
    /// Events that the trace keeps.
    public static var traceEvents: Int { 512 }
}
