// Kernel objects as a task sees them: kinds, rights, sizes.

/// The kind of a capability's object.
@frozen public enum ObjectKind: UInt8, Sendable {
    /// An empty slot.
    case null = 0
    case endpoint = 1
    case notification = 2
    case reply = 3
    case thread = 4
    case capabilityTable = 5
    case addressSpace = 6
    case pageTable = 7
    case frame = 8
    case untyped = 9
    case interrupt = 10
    case timer = 11
    /// The authority to create interrupt objects; made at boot for the root task.
    case interruptControl = 12
    /// The authority over the machine: console of last resort, power, statistics, trace; made at
    /// boot for the root task.
    case systemControl = 13
    /// A device's registers in a page that is the kernel's own. The kernel reads and writes them,
    /// one at a time. Made at boot for the root task.
    case registers = 14
    /// The authority to make ASID pools; made at boot for the root task.
    case asidControl = 15
    /// A range of address-space numbers. Each address space takes one from the pool with which it
    /// is made.
    case asidPool = 16
    /// Processor time that threads share: so much in each period.
    case budget = 17
    /// 2^sizeBits mutexes, and room for as many threads that share them.
    case mutexSet = 18
}

/// The rights of a capability. Each kind reads the bits in its own way:
///
/// | | read | write | execute | grant | manage |
/// |---|---|---|---|---|---|
/// | endpoint | receive | call, send | handle faults | send capabilities | bind a server, close |
/// | notification | wait, poll | signal | – | – | bind |
/// | reply | use the loan | reply | – | reply with capabilities | bind its notification |
/// | frame | map readable | map writable | map executable | – | information, caches |
/// | thread | state | run, stop, registers, priority | – | – | parts, maximum priority, slice |
/// | capability table | describe | change | – | – | – |
/// | registers | read | write | – | – | – |
/// | system control | statistics | console | trace | – | power, reset statistics, set budgets |
/// | budget | information | bind threads | – | – | bind its notification |
/// | mutex set | – | lock, unlock | – | – | page, participants |
/// | all others | information | – | – | – | everything else |
@frozen public struct Rights: Equatable, Sendable {
    public var raw: UInt8
    @inlinable public init(raw: UInt8) { self.raw = raw }
    @inlinable public static var none: Rights { Rights(raw: 0) }
    @inlinable public static var read: Rights { Rights(raw: 1) }
    @inlinable public static var write: Rights { Rights(raw: 2) }
    @inlinable public static var execute: Rights { Rights(raw: 4) }
    /// Of an endpoint: its receiver may be made the handler of a thread's faults. Only the task
    /// that makes another one holds it, so no client can send a fault to a service.
    @inlinable public static var handleFaults: Rights { .execute }
    @inlinable public static var grant: Rights { Rights(raw: 8) }
    @inlinable public static var manage: Rights { Rights(raw: 16) }
    @inlinable public static var all: Rights { Rights(raw: 31) }
    @inlinable public static func | (a: Rights, b: Rights) -> Rights { Rights(raw: a.raw | b.raw) }
    @inlinable public static func & (a: Rights, b: Rights) -> Rights { Rights(raw: a.raw & b.raw) }
    @inlinable public static func == (a: Rights, b: Rights) -> Bool { a.raw == b.raw }
    @inlinable public func contains(_ other: Rights) -> Bool { raw & other.raw == other.raw }
}

/// The place of a copied or minted capability in the derivation tree.
@frozen public enum Placement: UInt64, Sendable {
    /// Below its source: `revoke` or `delete` of the source removes it.
    case child = 0
    /// Beside its source: it outlives the source, and goes with the source's parent.
    /// An object's first capability has no siblings; its copies are always children.
    case peer = 1
}

/// The sizes of a frame, each as the binary logarithm of its bytes.
@frozen public enum FrameSize: UInt8, Sendable {
    case page = 12
    case block2M = 21
    case block1G = 30
}

/// The bytes that objects take from untyped memory. Kinds with `sizeBits` grow with it.
@frozen public enum Footprint {
    /// Returns the bytes that an object takes from the low end of an untyped region.
    ///
    /// - Precondition: `sizeBits` is one that the kind has.
    @inlinable public static func descriptor(_ kind: ObjectKind, sizeBits: Int = 0) -> Int {
        if kind == .capabilityTable { return 128 &+ 64 &<< sizeBits }
        if kind == .mutexSet { return 128 &+ 96 &<< sizeBits }
        switch kind {
        case .null, .interruptControl, .systemControl, .asidControl: return 0
        case .endpoint, .notification, .reply, .pageTable, .frame, .untyped, .addressSpace,
            .interrupt, .timer, .registers, .asidPool, .capabilityTable, .mutexSet:
            return 128
        case .budget: return 384
        case .thread: return 1024
        }
    }
    /// Returns the bytes that it takes from the high end, aligned to their size: memory for user
    /// code or the MMU.
    @inlinable public static func memory(_ kind: ObjectKind, sizeBits: Int = 0) -> Int {
        switch kind {
        case .frame, .untyped: return 1 << sizeBits
        case .pageTable, .addressSpace: return 4096
        case .null, .endpoint, .notification, .reply, .thread, .capabilityTable, .interrupt, .timer,
            .interruptControl,
            .systemControl, .registers, .asidControl, .asidPool, .budget, .mutexSet:
            return 0
        }
    }
}
