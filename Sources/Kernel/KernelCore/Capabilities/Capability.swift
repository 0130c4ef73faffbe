// A capability in its slot, and its place in the derivation tree.
//
// An object's capabilities form one list in preorder, each with its depth. The capabilities that
// derive from one follow it directly, with a larger depth. Inserting, moving and removing take
// constant time. A capability is removed only after all that derive from it, so the list spells a
// tree. (While the object is destroyed, the order does not matter.)

import KernelABI

/// The IPC operations that a capability allows, by its kind and rights. Each such call tests one
/// bit.
public struct Uses: Equatable, Sendable {
    let raw: UInt8
    static var none: Uses { Uses(raw: 0) }
    /// An endpoint's rights `read` and `write` are bits 0 and 1, a notification's bits 2 and 3, a
    /// mutex set's bits 6 and 7. A reply's `write` is bit 5.
    static var receive: Uses { Uses(raw: 1) }
    static var call: Uses { Uses(raw: 2) }
    static var wait: Uses { Uses(raw: 4) }
    static var signal: Uses { Uses(raw: 8) }
    static var reply: Uses { Uses(raw: 32) }
    static var sleep: Uses { Uses(raw: 64) }
    static var wake: Uses { Uses(raw: 128) }
    init(raw: UInt8) { self.raw = raw }

    init(_ kind: ObjectKind, _ rights: Rights) {
        let access = rights.raw & 3
        switch kind {
        case .endpoint: raw = access
        case .notification: raw = access &<< 2
        case .reply: raw = (access & 2) &<< 4
        case .mutexSet: raw = access &<< 6
        case .null, .thread, .capabilityTable, .addressSpace, .pageTable, .frame, .untyped,
            .interrupt, .timer,
            .interruptControl, .systemControl, .registers, .asidControl, .asidPool, .budget:
            raw = 0
        }
    }
    @inline(__always) func contains(_ use: Uses) -> Bool { raw & use.raw != 0 }
    @inline(__always) func limited(to rights: Rights) -> Uses {
        let access = rights.raw & 3
        return Uses(raw: raw & (access | access &<< 2 | access &<< 4 | access &<< 6))
    }
}

/// A slot of 64 bytes, a cache line.
public struct Capability: ~Copyable {
    /// The place of a slot: in a capability table, or as a part of a thread control block or of a
    /// mutex set. Clearing a part changes the thread or the set.
    public enum Place: UInt8 {
        case table = 0
        case threadTable = 1
        case threadSpace = 2
        case threadBuffer = 3
        case threadFault = 4
        case mutexPage = 5
    }

    /// nil in an empty slot.
    var object: Ref<ObjectHeader>?
    var kind: ObjectKind = .null
    var rights: Rights = .none
    /// Depth in the derivation tree; 0 is the object's first capability.
    var depth: UInt8 = 0
    var place: Place = .table
    /// The operations that `kind` and `rights` allow together, so that a call tests one bit for
    /// both. The rows `ipc.round-trip.words-…` and `signal.…` of the benchmark pay for it
    /// (Kernel+FastPath).
    var uses: Uses = .none
    /// The badge that a receiver gets; the virtual address of a mapped frame.
    var badge: UInt64 = 0
    var next: Ref<Capability>?
    var previous: Ref<Capability>?
    /// The object that uses this capability; its kind depends on `kind`: see `mappedIn` and
    /// `firstSender`.
    var usedBy: Ref<ObjectHeader>?
    /// Links in the address space's list of mappings, for a mapped frame.
    var nextMapping: Ref<Capability>?
    var previousMapping: Ref<Capability>?

    init(place: Place) { self.place = place }

    var isEmpty: Bool { object == nil }

    /// The address space in which this capability maps its frame; nil for other kinds.
    var mappedIn: Ref<AddressSpace>? {
        get { kind == .frame ? usedBy?.rebound(to: AddressSpace.self) : nil }
        set { usedBy = newValue?.rebound(to: ObjectHeader.self) }
    }
    /// The first thread that is queued at the endpoint with this capability; nil for other kinds.
    var firstSender: Ref<Thread>? {
        get { kind == .endpoint ? usedBy?.rebound(to: Thread.self) : nil }
        set { usedBy = newValue?.rebound(to: ObjectHeader.self) }
    }
}

extension Ref where Object == Capability {
    /// Whether a capability derives from this one.
    var hasChildren: Bool {
        guard let next = pointee.next else { return false }
        return next.pointee.depth > pointee.depth
    }

    /// Takes all rights from a capability that is going to be removed.
    @inline(__always) func dropRights() {
        pointee.rights = .none
        pointee.uses = .none
    }

    /// Makes this empty slot the first capability of an object.
    func makeFirst(of object: Ref<ObjectHeader>, kind: ObjectKind) {
        pointee.object = object
        pointee.kind = kind
        pointee.rights = .all
        pointee.uses = Uses(kind, .all)
        pointee.depth = 0
        pointee.badge = 0
        pointee.next = nil
        pointee.previous = nil
        object.pointee.firstCapability = self
    }

    /// Makes this empty slot a copy of `source` in the derivation tree.
    ///
    /// - Returns: nil, or an error, after which nothing has changed.
    /// - Complexity: constant.
    func derive(from source: Ref<Capability>, rights: Rights, badge: UInt64, placement: Placement)
        -> KernelError?
    {
        guard let object = source.pointee.object, !object.pointee.isDying else {
            return .invalidCapability
        }
        let isPeer = placement == .peer && source.pointee.depth > 0
        let depth = Int(source.pointee.depth) &+ (isPeer ? 0 : 1)
        if depth > Limits.derivationDepth { return .derivationTooDeep }
        pointee.object = object
        pointee.kind = source.pointee.kind
        pointee.rights = rights & source.pointee.rights
        pointee.uses = source.pointee.uses.limited(to: rights)
        pointee.badge = badge
        pointee.depth = UInt8(truncatingIfNeeded: depth)
        if isPeer, let before = source.pointee.previous {
            link(after: before)
        } else {
            link(after: source)
        }
        return nil
    }

    private func link(after: Ref<Capability>) {
        pointee.previous = after
        pointee.next = after.pointee.next
        after.pointee.next?.pointee.previous = self
        after.pointee.next = self
    }

    /// Removes a capability without children from its list and empties the slot. The caller updates
    /// the objects that used the capability.
    ///
    /// - Complexity: constant.
    func unlink() {
        if let previous = pointee.previous {
            previous.pointee.next = pointee.next
        } else {
            pointee.object?.pointee.firstCapability = pointee.next
        }
        pointee.next?.pointee.previous = pointee.previous
        pointee.object = nil
        pointee.kind = .null
        pointee.rights = .none
        pointee.uses = .none
        pointee.depth = 0
        pointee.badge = 0
        pointee.next = nil
        pointee.previous = nil
    }

    /// Moves the capability to an empty slot, with its place in the derivation tree, its mapping
    /// and its queued senders.
    ///
    /// - Complexity: constant.
    func move(to destination: Ref<Capability>) {
        destination.pointee.object = pointee.object
        destination.pointee.kind = pointee.kind
        destination.pointee.rights = pointee.rights
        destination.pointee.uses = pointee.uses
        destination.pointee.depth = pointee.depth
        destination.pointee.badge = pointee.badge
        destination.pointee.next = pointee.next
        destination.pointee.previous = pointee.previous
        destination.pointee.usedBy = pointee.usedBy
        destination.pointee.nextMapping = pointee.nextMapping
        destination.pointee.previousMapping = pointee.previousMapping
        if let previous = pointee.previous {
            previous.pointee.next = destination
        } else {
            pointee.object?.pointee.firstCapability = destination
        }
        pointee.next?.pointee.previous = destination
        pointee.nextMapping?.pointee.previousMapping = destination
        if let previous = pointee.previousMapping {
            previous.pointee.nextMapping = destination
        } else if let space = pointee.mappedIn {
            space.pointee.mappings = destination
        } else if let sender = pointee.firstSender {
            sender.pointee.sentThrough = destination
        }
        pointee.object = nil
        pointee.kind = .null
        pointee.rights = .none
        pointee.uses = .none
        pointee.depth = 0
        pointee.badge = 0
        pointee.next = nil
        pointee.previous = nil
        pointee.usedBy = nil
        pointee.nextMapping = nil
        pointee.previousMapping = nil
    }
}
