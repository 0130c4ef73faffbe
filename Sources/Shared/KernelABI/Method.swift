// The methods of `invoke`. Arguments are named after their registers; results come in x3–x10 unless the page says otherwise.

/// An operation on the object behind a capability: bits 32–39 of the control word of `invoke`.
@frozen public enum Method: UInt8, Sendable {
    // Untyped memory
    /// Make objects. x1: kind | sizeBits << 8. x2: count. x3: slot of the destination table. x4: first destination index.
    /// x5: for address spaces, the ASID pool that numbers them (right: manage); in a device region,
    /// untyped memory for the descriptors; else `Slot.none`.
    /// x6: byte offset of the first frame within a device region.
    /// Restartable: x3 returns how many were made, also where an error ends it early.
    case retype = 0
    /// Destroy every object made from this memory and make all of it free again. Restartable.
    case reclaim = 1
    /// x3: physical base, x4: sizeBits | device << 8, x5: bytes taken at the low end, x6: bytes taken at the high end.
    case untypedInformation = 2

    // Capability table (the control word's slot: the table, or `Slot.ownTable`)
    /// x1: source index. x2: destination table. x3: destination index. x4: rights to keep. x5: `Placement`.
    case copy = 3
    /// As `copy`; x6: the badge. Only a capability without a badge can be given one.
    case mint = 4
    /// x1: source index. x2: destination table. x3: destination index. Keeps the place in the derivation tree.
    case move = 5
    /// x1: index. Removes the capability and all that was derived from it. Restartable.
    case delete = 6
    /// x1: index. Removes all that was derived from the capability. Restartable.
    case revoke = 7
    /// x1: index. x3: kind, x4: rights, x5: badge, x6: derivation depth. An empty slot is kind `null`.
    case describe = 8

    // Thread
    /// x1: capability table. x2: address space. x3: frame of the IPC buffer. x4: fault-handler endpoint
    /// (its badge names the thread to the handler). Each may be `Slot.none`: left as it is.
    case configure = 9
    /// x1: base priority. x2: maximum priority that this thread may set. Both at most the caller's maximum.
    case setPriority = 10
    /// x1: round-robin slice in ticks of the counter, at least a second / `Limits.expiriesPerSecond`; 0: run until blocked or
    /// preempted.
    case setSlice = 11
    /// Make a stopped thread ready.
    case resume = 12
    /// Stop the thread. A blocked operation ends with `cancelled` when it is resumed.
    case suspend = 13
    /// Copies x0–x30, SP, PC, PSTATE, TPIDR_EL0 (35 words) of a stopped thread into words 8–42 of the caller's IPC buffer.
    case readRegisters = 14
    /// The reverse. PSTATE: the condition flags, TCO, DIT and SSBS; the others are the kernel's.
    case writeRegisters = 15
    /// Set where a stopped thread starts. x1: PC. x2: SP. x3: value of its x0. x4: TPIDR_EL0.
    case setEntry = 16
    /// x1: slot of the notification that `receive` takes as well; `Slot.none` unbinds.
    case bindNotification = 17
    /// x3: `ThreadState` | base << 8 | effective << 16 | maximum << 24. x4: processor time in ticks. x5: PC. x6: SP.
    /// x7: times it was switched to, on the general path (the fast ways of IPC, signals, timers and lines keep no books).
    case threadInformation = 18

    // Address space
    /// x1: slot of the frame. x2: virtual address. x3: rights (read, write, execute; never write and execute).
    case map = 19
    /// x1: slot of the frame, mapped by this very capability.
    case unmap = 20
    /// x1: slot of the mapped frame. x2: new rights.
    case protect = 21
    /// x1: slot of a page table. x2: an address that it shall cover.
    case attachTable = 22

    // Frame
    /// x3: physical address, x4: sizeBits | device << 8, x5: virtual address where it is mapped or 0.
    case frameInformation = 23
    /// x1: `CacheOperation`. x2: offset. x3: length in bytes. Restartable.
    case maintainCache = 24

    // Endpoint
    /// x1: slot of the thread that serves it and inherits from queued callers. Opens a closed endpoint.
    case bindServer = 25
    /// End every queued call with `peerDied`, and refuse new ones until a server is bound. Restartable.
    case close = 26

    // Reply
    /// Copy from the caller's loan. x1: offset in the loan. x2: own address. x3: length in bytes. Restartable.
    case loanRead = 27
    /// Copy to the caller's loan; arguments as `loanRead`.
    case loanWrite = 28

    // Interrupts
    /// On interrupt control: make an interrupt object. x1: line. x2: `Trigger`. x3: untyped memory. x4: destination table.
    /// x5: destination index.
    case createInterrupt = 29
    /// x1: slot of the notification. x2: bits, not 0. Opens the line.
    case bindInterrupt = 30
    /// The device is quiet again: open the line, when all who share it have said so.
    case acknowledge = 31
    /// x3: line, x4: times delivered, x5: bit 0 bound, bit 1 waiting for `acknowledge`.
    case interruptInformation = 32

    // Timer
    /// x1: slot of the notification. x2: bits, not 0.
    case bindTimer = 33
    /// x1: instant in ticks. x2: period in ticks, 0: once; at least a second / `Limits.expiriesPerSecond`.
    case arm = 34
    case cancelTimer = 35

    // System control
    /// Write up to 64 bytes (x1: how many) from x3–x10 to the kernel's own console: for tasks that run before the driver.
    case consoleWrite = 36
    /// Stop the machine. x1: exit status.
    case powerOff = 37
    case reboot = 38
    /// x1: first index, a `Statistic`'s; x3–x10: eight values from there.
    case statistics = 39
    /// Set the statistics that are maxima back to 0.
    case resetStatistics = 40
    /// x1: 1 to record, 0 to stop, 2 to read: x3 returns the number of events, up to two events a call in x4–x9
    /// (three words each: instant, kind | priority << 8 | slot << 16, thread).
    case trace = 41

    // Registers
    /// x1: byte offset, a multiple of 4. x3: what the register's 32 bits read; all ones where nothing answers.
    case readRegister = 42
    /// x1: byte offset, a multiple of 4. x2: the 32 bits to write.
    case writeRegister = 43

    // ASID pools
    /// On ASID control: make a pool of `Limits.asidPool` address-space numbers. x3: untyped memory.
    /// x4: destination table. x5: destination index.
    case createASIDPool = 44
}

/// What `maintainCache` does to a range of a frame.
///
/// There is no invalidation alone: it would show what lay in memory before the kernel's zeros, and undo others' stores.
@frozen public enum CacheOperation: UInt64, Sendable {
    /// Write back: a device sees what the processor wrote.
    case clean = 0
    /// Write back and drop: the processor sees what a device writes from now on.
    case cleanAndInvalidate = 1
    /// Make new instructions visible to instruction fetch.
    case unifyInstructions = 2
}

/// How an interrupt line signals.
@frozen public enum Trigger: UInt64, Sendable {
    case level = 0
    case edge = 1
}

/// What a thread is doing, as `threadInformation` reports it.
@frozen public enum ThreadState: UInt8, Sendable {
    /// Never started, or suspended.
    case stopped = 0
    case ready = 1
    case running = 2
    /// Queued at an endpoint with a call.
    case calling = 3
    /// Queued at an endpoint with a one-way message.
    case sending = 4
    /// Waiting in `receive`.
    case receiving = 5
    /// Its message was received; waiting for the reply.
    case awaitingReply = 6
    /// Waiting on a notification.
    case waiting = 7
    /// Faulted, and its handler has not replied (or it has none).
    case faulted = 8
}

/// Indices of the kernel's statistics.
@frozen public enum Statistic: UInt64, Sendable {
    /// Longest path with interrupts off in ticks of the cycle counter (benchmark builds; else 0).
    case longestMasked = 0
    /// The control word of the system call that set it, or what stands for an interrupt or a fault (`EntryKind`).
    case longestMaskedControl = 1
    /// The program counter that the path returned to.
    case longestMaskedPlace = 2
    /// System calls that took the general path: the fast paths keep no books.
    case systemCalls = 3
    case interrupts = 4
    case kernelTextBytes = 5
    case kernelDataBytes = 6
    /// Ticks from kernel entry to the first user instruction.
    case bootTicks = 7
    /// Interrupts that no binding wanted; their lines were masked.
    case spuriousInterrupts = 8
    /// Times that a pending fast interrupt (FIQ), which is never taken, kept an idle processor from sleeping.
    case fastInterrupts = 9
    /// System errors (SError): late reports of accesses that failed, of whichever thread.
    case systemErrors = 10
}
