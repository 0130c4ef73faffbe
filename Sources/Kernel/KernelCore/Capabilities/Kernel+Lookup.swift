// Look-up: from a slot number that user code supplies to a capability, and from a capability to its
// object.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Returns a slot of the thread's own table, empty or not; nil outside the table.
    @inline(__always) func slot(_ thread: Ref<Thread>, _ slot: Slot) -> Ref<Capability>? {
        let index = UInt(slot.index)
        if index >= thread.pointee.tableCount { return nil }
        // Safety: `refreshParts` sets tableBase and tableCount from a live table, and `detachPart`
        // clears them.
        return unsafe Ref(
            UnsafeMutablePointer(bitPattern: thread.pointee.tableBase &+ index &<< 6)
                .unsafelyUnwrapped)
    }

    /// Returns the object of a capability in the thread's own table.
    ///
    /// - Throws: `invalidCapability`, `wrongKind` or `missingRights`, unless the capability is of
    ///   this kind and carries `right`.
    @inline(__always) func object<Object: ~Copyable>(
        _ thread: Ref<Thread>, _ number: Slot, _ kind: ObjectKind, _ right: Rights
    ) throws(KernelError) -> Ref<Object> {
        guard let found = slot(thread, number) else { throw .invalidCapability }
        if found.pointee.kind == kind && found.pointee.rights.contains(right) {
            return found.fastObject()
        }
        throw refusal(of: found, kind)
    }

    @inline(never) private func refusal(
        of slot: Ref<Capability>, _ kind: ObjectKind
    ) -> KernelError {
        if slot.pointee.object == nil { return .invalidCapability }
        return slot.pointee.kind == kind ? .missingRights : .wrongKind
    }

    /// Returns the slot at `index` of the table in slot `table`; `Slot.ownTable` is the thread's
    /// own.
    ///
    /// - Throws: an error if `index` is outside the table, or if the capability to a named table
    ///   lacks `right`.
    func slot(
        _ thread: Ref<Thread>, table: Slot, index: UInt64, right: Rights
    ) throws(KernelError) -> Ref<Capability> {
        let object: Ref<CapabilityTable>
        if table == .ownTable {
            guard index < UInt64(thread.pointee.tableCount) else { throw .invalidCapability }
            return fastSlot(thread, UInt(index))
        }
        object = try self.object(thread, table, .capabilityTable, right)
        if index >= UInt64(truncatingIfNeeded: object.pointee.count) { throw .invalidCapability }
        return object.slot(Int(truncatingIfNeeded: index))
    }

    /// Returns a capability of the thread's own table.
    ///
    /// - Throws: `invalidCapability` if there is none, `missingRights` if it lacks `right`.
    func need(
        _ thread: Ref<Thread>, _ number: Slot, _ right: Rights
    ) throws(KernelError) -> Ref<Capability> {
        guard let found = slot(thread, number), found.pointee.object != nil else {
            throw .invalidCapability
        }
        if !found.pointee.rights.contains(right) { throw .missingRights }
        return found
    }
}

extension Ref where Object == CapabilityTable {
    /// Bytes from the table's header to its first slot.
    static var slotOffset: Int { 128 }

    /// Returns the slot at `index`.
    ///
    /// - Precondition: 0 ≤ index < count.
    func slot(_ index: Int) -> Ref<Capability> {
        // Safety: retype reserved count slots after the header.
        unsafe reference(raw + (Ref.slotOffset &+ index &<< 6), as: Capability.self)
    }
}

extension Ref where Object == Capability {
    // The object if it is of this kind, else nil.
    @inline(__always) var endpoint: Ref<Endpoint>? { typed(.endpoint) }
    @inline(__always) var reply: Ref<Reply>? { typed(.reply) }
    @inline(__always) var notification: Ref<Notification>? { typed(.notification) }
    @inline(__always) var capabilityTable: Ref<CapabilityTable>? { typed(.capabilityTable) }
    @inline(__always) var frame: Ref<Frame>? { typed(.frame) }
    @inline(__always) var addressSpace: Ref<AddressSpace>? { typed(.addressSpace) }

    @inline(__always) func typed<T: ~Copyable>(_ kind: ObjectKind) -> Ref<T>? {
        if pointee.kind != kind { return nil }
        return pointee.object?.rebound(to: T.self)
    }
    func object<T: ~Copyable>(_ kind: ObjectKind) throws(KernelError) -> Ref<T> {
        guard let object: Ref<T> = typed(kind) else { throw .wrongKind }
        return object
    }

    /// The badge of a copy. A frame's badge is the address of this capability's mapping, and is not
    /// copied.
    var badgeToCopy: UInt64 { pointee.kind == .frame ? 0 : pointee.badge }
}
