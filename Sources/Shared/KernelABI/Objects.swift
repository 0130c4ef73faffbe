// Kernel objects as a task sees them: kinds, rights, sizes.

/// The kind of object behind a capability.
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
    /// The authority over the machine: console of last resort, power, statistics; made at boot for the root task.
    case systemControl = 13
    /// A device's registers in a page that is the kernel's own: read and written through the kernel, one at a time. Made at
    /// boot for the root task.
    case registers = 14
    /// The authority to make ASID pools; made at boot for the root task.
    case asidControl = 15
    /// A range of address-space numbers: each address space takes one from the pool that it is made
    /// with.
    case asidPool = 16
}

/// What a capability allows. Each kind reads the bits in its own way:
///
/// | | read | write | execute | grant | manage |
/// |---|---|---|---|---|---|
/// | endpoint | receive | call, send | – | send capabilities | bind a server, close |
/// | notification | wait, poll | signal | – | – | bind |
/// | reply | loan read | reply | – | – | – |
/// | frame | map readable | map writable | map executable | – | physical address, cache maintenance |
/// | thread | read state | – | – | – | everything else |
/// | capability table | describe | change | – | – | – |
/// | registers | read | write | – | – | – |
/// | system control | statistics | console | trace | – | power, reset statistics |
/// | all others | describe | – | – | – | everything else |
@frozen public struct Rights: Equatable, Sendable {
    public var raw: UInt8
    @inlinable public init(raw: UInt8) { self.raw = raw }
    @inlinable public static var none: Rights { Rights(raw: 0) }
    @inlinable public static var read: Rights { Rights(raw: 1) }
    @inlinable public static var write: Rights { Rights(raw: 2) }
    @inlinable public static var execute: Rights { Rights(raw: 4) }
    @inlinable public static var grant: Rights { Rights(raw: 8) }
    @inlinable public static var manage: Rights { Rights(raw: 16) }
    @inlinable public static var all: Rights { Rights(raw: 31) }
    @inlinable public static func | (a: Rights, b: Rights) -> Rights { Rights(raw: a.raw | b.raw) }
    @inlinable public static func & (a: Rights, b: Rights) -> Rights { Rights(raw: a.raw & b.raw) }
    @inlinable public static func == (a: Rights, b: Rights) -> Bool { a.raw == b.raw }
    @inlinable public func contains(_ other: Rights) -> Bool { raw & other.raw == other.raw }
}

/// Where a copied or minted capability stands in the derivation tree.
@frozen public enum Placement: UInt64, Sendable {
    /// Below its source: `revoke` or `delete` of the source takes it away.
    case child = 0
    /// Beside its source: it outlives the source, and goes with the source's parent.
    /// An object's first capability has no siblings; its copies are always children.
    case peer = 1
}

/// How a frame is mapped, next to its rights.
@frozen public enum FrameSize: UInt8, Sendable {
    case page = 12
    case block2M = 21
    case block1G = 30
}

/// Sizes in bytes of what objects take from untyped memory. Kinds with `sizeBits` grow with it.
@frozen public enum Footprint {
    /// What an object takes from the low end of an untyped region.
    @inlinable public static func descriptor(_ kind: ObjectKind, sizeBits: Int = 0) -> Int {
        switch kind {
        case .null, .interruptControl, .systemControl, .asidControl: return 0
        case .endpoint, .notification, .reply, .pageTable, .frame, .untyped, .addressSpace,
            .interrupt, .timer,
            .registers, .asidPool:
            return 128
        case .thread: return 1024
        case .capabilityTable: return 128 + (64 << sizeBits)
        }
    }
    /// What it takes from the high end, aligned to its size: memory that is handed to user code or to the MMU.
    @inlinable public static func memory(_ kind: ObjectKind, sizeBits: Int = 0) -> Int {
        switch kind {
        case .frame, .untyped: return 1 << sizeBits
        case .pageTable, .addressSpace: return 4096
        case .null, .endpoint, .notification, .reply, .thread, .capabilityTable, .interrupt, .timer,
            .interruptControl,
            .systemControl, .registers, .asidControl, .asidPool:
            return 0
        }
    }
}
