// The errors of a refused call. A refused call has changed nothing, except where its reference page
// says how far it came.

/// The error in bits 0–7 of the result word; 0 there means success.
@frozen public enum KernelError: UInt8, Error, Sendable {
    /// The slot is empty or outside the table.
    case invalidCapability = 1
    /// The capability's object is of another kind than the call needs.
    case wrongKind = 2
    /// The capability lacks a right that the call needs.
    case missingRights = 3
    /// An argument is outside its range: a size, an alignment, an address, a number.
    case invalidArgument = 4
    /// The destination slot holds a capability.
    case slotOccupied = 5
    /// The untyped memory has too little room left.
    case insufficientMemory = 6
    /// The deadline passed first.
    case timedOut = 7
    /// There was nothing to take, and the call does not wait.
    case wouldBlock = 8
    /// The server died, closed its endpoint or deleted the reply object.
    case peerDied = 9
    /// Another thread cancelled the operation: the thread was suspended and resumed meanwhile.
    case cancelled = 10
    /// The call would close a cycle of threads that are blocked on one another.
    case deadlock = 11
    /// The caller would wait in a chain of more than `Limits.chain` threads, itself included.
    case chainTooLong = 12
    /// The capability would stand deeper in the derivation tree than `Limits.derivationDepth`.
    case derivationTooDeep = 13
    /// A page-table level is missing (x3: the level, 1 to 3), or the capability's frame is not
    /// mapped.
    case notMapped = 14
    /// Something is mapped there, or the frame's capability is mapped already.
    case alreadyMapped = 15
    /// The object is not in a state that allows this.
    case wrongState = 16
    /// The caller lacks the authority: the priority is above its own maximum.
    case notPermitted = 17
    /// Memory that the call names is not mapped with the access that it needs.
    case memoryFault = 18
    /// The reply object holds no caller, or holds one already, or its caller lends no memory.
    case noCaller = 19
    /// The thread has no IPC buffer, and the message needs one.
    case noBuffer = 20
    /// All of a limited resource is in use: numbers of the ASID pool, ranges for ASID pools,
    /// bindings of a line, numbers of deadlines.
    case exhausted = 21
}

/// Limits that bound the kernel's paths.
@frozen public enum Limits {
    /// The most threads of an inheritance chain, from a caller to the last server, both included.
    @inlinable public static var chain: Int { 16 }
    /// Levels of the derivation tree below an object's first capability.
    @inlinable public static var derivationDepth: Int { 16 }
    /// Priorities: 0 (least urgent) to 255.
    @inlinable public static var priorities: Int { 256 }
    /// The least priority of the real-time band: from here on, cores are served by priority. Below
    /// it they take turns.
    @inlinable public static var realTimeBand: Int { 128 }
    /// Slots of a capability table: a power of two from 2^4 to 2^14.
    @inlinable public static var tableBits: ClosedRange<Int> { 4...14 }
    /// Mutexes of a set, and its participants: a power of two from 2^2 to 2^8.
    @inlinable public static var mutexBits: ClosedRange<Int> { 2...8 }
    /// The address spaces that one ASID pool numbers at once. The root task's first pool has two
    /// fewer: one number is the kernel's, one its own.
    @inlinable public static var asidPool: Int { 64 }
    /// Processor cores.
    @inlinable public static var cores: Int { 8 }
    /// Interrupt lines of all controllers together.
    @inlinable public static var interruptLines: Int { 1024 }
    /// The most expiries of a periodic timer, and the most ends of a slice, in a second.
    @inlinable public static var expiriesPerSecond: UInt64 { 100_000 }
    /// The longest period of a budget, in ticks.
    @inlinable public static var longestPeriod: UInt64 { 1 << 40 }
    /// First address above a user's address space (39 bits: three levels of tables).
    @inlinable public static var userEnd: UInt64 { 1 << 39 }
}
