// The methods of `invoke`. Arguments are named after their registers; results come in x3–x10 unless
// the page says otherwise.

/// An operation on the object of a capability: bits 32–39 of the control word of `invoke`.
@frozen public enum Method: UInt8, Sendable {
    // Untyped memory
    /// Makes objects. x1: kind | sizeBits << 8. x2: count. x3: slot of the destination table.
    /// x4: first destination index. x5: for address spaces, the ASID pool that numbers them (right:
    /// manage); in a device region, untyped memory for the descriptors; else `Slot.none`. x6: byte
    /// offset of the first object within a device region. x7: 0. Restartable: x3 returns how many
    /// were made, also where an error ends it early.
    case retype = 0
    /// Destroys every object made from this memory and makes all of it free again. Restartable.
    case reclaim = 1
    /// x3: physical base, x4: sizeBits | device << 8, x5: bytes taken at the low end, x6: bytes
    /// taken at the high end.
    case untypedInformation = 2

    // Capability table (the control word's slot: the table, or `Slot.ownTable`)
    /// x1: source index. x2: destination table. x3: destination index. x4: rights to keep.
    /// x5: `Placement`.
    case copy = 3
    /// As `copy`; x6: the badge. Only a capability without a badge can be given one.
    case mint = 4
    /// x1: source index. x2: destination table. x3: destination index. Keeps the place in the
    /// derivation tree.
    case move = 5
    /// x1: index. Removes the capability and all that was derived from it. Restartable.
    case delete = 6
    /// x1: index. Removes all that was derived from the capability. Restartable.
    case revoke = 7
    /// x1: index. x3: kind, x4: rights, x5: badge, x6: derivation depth. An empty slot is kind
    /// `null`.
    case describe = 8

    // Thread
    /// x1: capability table. x2: address space. x3: frame of the IPC buffer. x4: fault-handler
    /// endpoint with the rights write and `handleFaults` (its badge names the thread to the
    /// handler). Each may be `Slot.none`: left as it is.
    case configure = 9
    /// x1: base priority. x2: maximum priority that this thread may set. Both at most the caller's
    /// maximum. Without the right manage, x2 is the maximum that the thread has.
    case setPriority = 10
    /// x1: round-robin slice in ticks of the counter, at least a second /
    /// `Limits.expiriesPerSecond`; 0: run until blocked or preempted.
    case setSlice = 11
    /// Makes a stopped thread ready.
    case resume = 12
    /// Stops the thread. A blocked operation ends with `cancelled` when the thread is resumed.
    case suspend = 13
    /// Copies x0–x30, SP, PC, PSTATE, TPIDR_EL0 (35 words) of a stopped or faulted thread into
    /// words 8–42 of the caller's IPC buffer.
    case readRegisters = 14
    /// Copies the words back into the registers. Of PSTATE only the condition flags, TCO, DIT and
    /// SSBS are set; the other bits are the kernel's.
    case writeRegisters = 15
    /// Sets where a stopped or faulted thread starts. x1: PC. x2: SP. x3: value of its x0.
    /// x4: TPIDR_EL0.
    case setEntry = 16
    /// x1: slot of the notification that `receive` takes as well; `Slot.none` unbinds.
    case bindNotification = 17
    /// x3: `ThreadState` | base << 8 | effective << 16 | maximum << 24 | core << 32 | 1 << 40 if
    /// its budget is used up. x4: processor time in ticks. x5: PC. x6: SP. x7: switches to it on
    /// the general path; the fast paths do not count.
    case threadInformation = 18

    // Address space
    /// x1: slot of the frame. x2: virtual address. x3: rights (read, write, execute; never write
    /// and execute).
    case map = 19
    /// x1: slot of the frame, mapped by this very capability.
    case unmap = 20
    /// x1: slot of the mapped frame. x2: new rights.
    case protect = 21
    /// x1: slot of a page table. x2: an address that it is to cover.
    case attachTable = 22

    // Frame
    /// x3: physical address, x4: sizeBits | device << 8, x5: virtual address where it is mapped or
    /// 0.
    case frameInformation = 23
    /// x1: `CacheOperation`. x2: offset. x3: length in bytes. Restartable.
    case maintainCache = 24

    // Endpoint
    /// x1: slot of the thread that serves it and inherits from queued callers. Opens a closed
    /// endpoint.
    case bindServer = 25
    /// Ends every queued call and send with `peerDied`, and refuses new ones until a server is
    /// bound. Restartable.
    case close = 26

    // Reply
    /// Copies from the caller's loan. x1: offset in the loan. x2: own address. x3: length in bytes.
    /// Restartable.
    case loanRead = 27
    /// Copies to the caller's loan; arguments as `loanRead`. Restartable.
    case loanWrite = 28

    // Interrupts
    /// On interrupt control: makes an interrupt object. x1: line. x2: `Trigger`. x3: untyped
    /// memory. x4: destination table. x5: destination index. Restartable.
    case createInterrupt = 29
    /// x1: slot of the notification. x2: bits, not 0. Opens the line.
    case bindInterrupt = 30
    /// Reports that the device is quiet again. The line opens when all interrupts that share it are
    /// acknowledged.
    case acknowledge = 31
    /// x3: line, x4: times delivered, x5: bit 0 bound, bit 1 waiting for `acknowledge`.
    case interruptInformation = 32

    // Timer
    /// x1: slot of the notification. x2: bits, not 0.
    case bindTimer = 33
    /// x1: instant in ticks. x2: period in ticks, 0: once; at least a second /
    /// `Limits.expiriesPerSecond`.
    case arm = 34
    case cancelTimer = 35

    // System control
    /// Writes up to 64 bytes (x1: how many) from x3–x10 to the kernel's own console: for tasks that
    /// run before the driver. x2: 0. Restartable.
    case consoleWrite = 36
    /// Stops the machine. x1: exit status.
    case powerOff = 37
    case reboot = 38
    /// x1: first index, a `Statistic`'s; x3–x10: eight values from there.
    case statistics = 39
    /// Sets the longest masked path, with its control word and place, back to 0.
    case resetStatistics = 40
    /// x1: 1 to record, 0 to stop, 2 to read from the event with index x2 on. A read returns the
    /// number of events in x3, and up to two events in x4–x9. An event has three words: instant;
    /// kind | priority << 8 | detail << 16; thread. The detail is a system call's number (plus 128
    /// for an extended one), an interrupt's line or a `FaultKind`; else 0.
    case trace = 41

    // Registers
    /// x1: byte offset, a multiple of 4. x3: what the register's 32 bits read; all ones where
    /// nothing answers.
    case readRegister = 42
    /// x1: byte offset, a multiple of 4. x2: the 32 bits to write.
    case writeRegister = 43

    // ASID pools
    /// On ASID control: makes a pool of `Limits.asidPool` address-space numbers. x3: untyped
    /// memory. x4: destination table. x5: destination index. Restartable.
    case createASIDPool = 44

    // Thread
    /// x1: the number of the core on which the thread runs from now on. Right: manage. A thread
    /// that runs on another core is stopped there first. Restartable.
    case setCore = 45

    // Budgets
    /// On system control (right: manage): sets what a budget allows. x1: the budget (right: write).
    /// x2: ticks in a period, at least a second / `Limits.expiriesPerSecond`. x3: the period in
    /// ticks, from x2 to `Limits.longestPeriod`. x4: the priority of its threads while it is used
    /// up, at most the caller's maximum.
    case setBudget = 46
    /// On a thread (right: manage). x1: the budget that the thread shares from now on (right:
    /// write), which must be set; `Slot.none`: none. A thread that has a budget cannot change that
    /// of a thread that has one. A new thread shares the budget of the thread that makes it.
    /// Restartable.
    case bindBudget = 47
    /// On a budget. x1: the notification that is signalled when the budget is used up; `Slot.none`:
    /// none. x2: bits, not 0.
    case bindOverrun = 48
    /// On a budget. x3: ticks in a period. x4: the period. x5: what is left in ticks, negative for
    /// a debt. x6: ticks used since it was made. x7: times used up. x8: the background priority.
    case budgetInformation = 49

    // Mutexes
    /// On a mutex set. x1: the frame of a page (rights: read, write) that holds the words. A set
    /// takes one page, and keeps it.
    case bindPage = 50
    /// On a mutex set. x1: a number that no participant has. x2: the thread that has it from now on
    /// (right: write).
    case join = 51
    /// On a mutex set. x1: the number of a participant, which holds and waits for nothing from now
    /// on. What it held counts as left by the dead. Restartable.
    case leave = 52

    // Reply
    /// x1: the notification (right: manage) that is signalled when a caller leaves the reply object
    /// before its answer; `Slot.none`: none. x2: bits, not 0. x3: 1 if a caller is held, else 0.
    case bindAbandonment = 53
}

/// An operation of `maintainCache` on a range of a frame.
///
/// There is no invalidation without write-back: it would show the memory's contents from before the
/// kernel's zeros, and undo the stores of other tasks.
@frozen public enum CacheOperation: UInt64, Sendable {
    /// Writes back: a device then sees what the processor wrote.
    case clean = 0
    /// Writes back and drops: the processor then sees what a device writes.
    case cleanAndInvalidate = 1
    /// Makes new instructions visible to instruction fetch.
    case unifyInstructions = 2
}

/// The way in which an interrupt line signals.
@frozen public enum Trigger: UInt64, Sendable {
    case level = 0
    case edge = 1
}

/// The state of a thread, as `threadInformation` reports it.
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
    /// Faulted: the handler has not replied, or there is none.
    case faulted = 8
}

/// Indices of the kernel's statistics: of one core, or summed over all cores. Maxima are those of
/// the core on which the caller runs, if no core is named.
@frozen public enum Statistic: UInt64, Sendable {
    /// The longest path with interrupts off, in ticks of the cycle counter (benchmark builds; else
    /// 0).
    case longestMasked = 0
    /// The control word of the system call that took it, or the stand-in for an interrupt or a
    /// fault (`EntryKind`).
    case longestMaskedControl = 1
    /// The program counter to which the path returned.
    case longestMaskedPlace = 2
    /// System calls on the general path. The fast paths do not count.
    case systemCalls = 3
    case interrupts = 4
    case kernelTextBytes = 5
    case kernelDataBytes = 6
    /// Ticks from kernel entry to the first user instruction.
    case bootTicks = 7
    /// Interrupts of lines without a binding. The kernel masked those lines.
    case spuriousInterrupts = 8
    /// Pending fast interrupts (FIQ), which are never taken, that kept an idle processor from
    /// sleeping.
    case fastInterrupts = 9
    /// System errors (SError): late reports of failed accesses of any thread.
    case systemErrors = 10
    /// Ticks in which no thread ran.
    case idleTicks = 11
    /// Inter-processor interrupts that other cores sent.
    case coreInterrupts = 12
    /// Ticks between the general path's first and last instruction in Swift, if several cores run.
    /// Fast paths do not count.
    case lockHeldTicks = 13
    /// Ticks of waiting for the kernel's lock, and how often it was not free.
    case lockWaitTicks = 14
    case lockWaits = 15
    /// Threads that are at home there.
    case threads = 16
}
