// Address spaces: mappings of frames, and page tables that user land supplies.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Returns the table that holds the entry for `address` at `level`, by its kernel address.
    ///
    /// - Throws: the level of the first table that is missing.
    /// - Complexity: at most two loads.
    @inline(__always) func table(
        _ space: Ref<AddressSpace>, _ address: UInt64, level: Int
    ) throws(MissingLevel) -> Ref<TableEntries> {
        var at: Ref<TableEntries> = unsafe reference(
            hardware.kernelAddress(physical: space.pointee.rootPhysical), as: TableEntries.self)
        var depth = 1
        var rounds = LoopBound(2)
        while depth < level {
            rounds.count()
            let entry = at.pointee.entries[PageDescriptor.index(address, level: depth)]
            if !entry.isValid || !entry.isTable {
                throw MissingLevel(level: depth &+ 1, isBlock: entry.isValid)
            }
            at = unsafe reference(
                hardware.kernelAddress(physical: entry.address), as: TableEntries.self)
            depth = depth &+ 1
        }
        return at
    }

    /// Maps the frame of a capability.
    ///
    /// - Precondition: the capability is a frame's.
    /// - Throws: the refusal; `notMapped` comes with the level of the missing table.
    func map(
        _ slot: Ref<Capability>, in space: Ref<AddressSpace>, at address: UInt64, rights: Rights
    ) throws(MapError) {
        let frame: Ref<Frame> = slot.fastObject()
        if slot.pointee.usedBy != nil { throw MapError(.alreadyMapped) }
        let size = frame.pointee.size
        let bytes: UInt64 = 1 << UInt64(size.rawValue)
        if address & (bytes &- 1) != 0 || address >= Limits.userEnd {
            throw MapError(.invalidArgument)
        }
        try checkAccess(rights, slot, frame)
        let level = PageDescriptor.level(size)
        let index = PageDescriptor.index(address, level: level)
        let entries: Ref<TableEntries>
        do throws(MissingLevel) { entries = try table(space, address, level: level) } catch {
            throw error.isBlock
                ? MapError(.alreadyMapped) : MapError(.notMapped, level: error.level)
        }
        if entries.pointee.entries[index].isValid { throw MapError(.alreadyMapped) }
        entries.pointee.entries[index] = .user(
            frame.pointee.physical, size, rights, frame.pointee.isDevice ? .device : .normal)
        hardware.publishTableEntry()
        slot.pointee.badge = address
        slot.pointee.mappedIn = space
        slot.pointee.nextMapping = space.pointee.mappings
        space.pointee.mappings?.pointee.previousMapping = slot
        space.pointee.mappings = slot
    }

    /// Refuses rights that W^X, the capability or the kind of memory does not allow.
    private func checkAccess(_ rights: Rights, _ slot: Ref<Capability>, _ frame: Ref<Frame>)
        throws(MapError)
    {
        let access = rights & (.read | .write | .execute)
        if access == .none || access != rights || !access.contains(.read) {
            throw MapError(.invalidArgument)
        }
        if access.contains(.write | .execute) { throw MapError(.invalidArgument) }
        if frame.pointee.isDevice && access.contains(.execute) { throw MapError(.invalidArgument) }
        if !slot.pointee.rights.contains(access) { throw MapError(.missingRights) }
    }

    /// Removes the mapping that this capability made. Where its page table is gone already, only
    /// the capability's own record is left to clear.
    func unmap(_ slot: Ref<Capability>) {
        guard let space = slot.pointee.mappedIn, let frame = slot.frame else { return }
        let address = slot.pointee.badge
        let level = PageDescriptor.level(frame.pointee.size)
        if let entries = try? table(space, address, level: level) {
            let index = PageDescriptor.index(address, level: level)
            let entry = entries.pointee.entries[index]
            if entry.isValid && entry.address == frame.pointee.physical {
                entries.pointee.entries[index] = .invalid
                hardware.publishTableEntry()
                hardware.invalidate(page: address, asid: space.pointee.asid)
            }
        }
        forgetMapping(slot)
    }

    /// Removes a capability from its address space's list of mappings.
    func forgetMapping(_ slot: Ref<Capability>) {
        guard let space = slot.pointee.mappedIn else { return }
        if let previous = slot.pointee.previousMapping {
            previous.pointee.nextMapping = slot.pointee.nextMapping
        } else {
            space.pointee.mappings = slot.pointee.nextMapping
        }
        slot.pointee.nextMapping?.pointee.previousMapping = slot.pointee.previousMapping
        slot.pointee.mappedIn = nil
        slot.pointee.nextMapping = nil
        slot.pointee.previousMapping = nil
        slot.pointee.badge = 0
    }

    /// Changes the rights of a mapping.
    ///
    /// - Precondition: the capability is a frame's.
    /// - Throws: `notMapped`, or the refusal of the rights.
    func protect(_ slot: Ref<Capability>, in space: Ref<AddressSpace>, rights: Rights)
        throws(MapError)
    {
        let frame: Ref<Frame> = slot.fastObject()
        if slot.pointee.mappedIn != space { throw MapError(.notMapped) }
        try checkAccess(rights, slot, frame)
        let level = PageDescriptor.level(frame.pointee.size)
        let address = slot.pointee.badge
        let index = PageDescriptor.index(address, level: level)
        guard let entries = try? table(space, address, level: level),
            entries.pointee.entries[index].isValid,
            entries.pointee.entries[index].address == frame.pointee.physical
        else { throw MapError(.notMapped) }
        // Only the permissions change, which needs no break before make (Arm ARM D8.17.1). So a
        // thread of another core that uses the page meanwhile does not fault.
        entries.pointee.entries[index] = .user(
            frame.pointee.physical, frame.pointee.size, rights,
            frame.pointee.isDevice ? .device : .normal)
        hardware.publishTableEntry()
        hardware.invalidate(page: address, asid: space.pointee.asid)
    }

    /// Inserts a page table as the next missing level for `address`.
    func attach(_ table: Ref<PageTable>, to space: Ref<AddressSpace>, at address: UInt64)
        throws(MapError)
    {
        if table.pointee.addressSpace != nil { throw MapError(.alreadyMapped) }
        if address >= Limits.userEnd { throw MapError(.invalidArgument) }
        var level = 1
        var rounds = LoopBound(2)
        while level <= 2 {
            rounds.count()
            guard let entries = try? self.table(space, address, level: level) else {
                throw MapError(.alreadyMapped)
            }
            let index = PageDescriptor.index(address, level: level)
            let entry = entries.pointee.entries[index]
            if !entry.isValid {
                entries.pointee.entries[index] = .table(table.pointee.physical)
                hardware.publishTableEntry()
                table.pointee.level = level &+ 1
                table.pointee.address = address
                table.pointee.addressSpace = space
                table.pointee.previous = nil
                table.pointee.next = space.pointee.tables
                space.pointee.tables?.pointee.previous = table
                space.pointee.tables = table
                return
            }
            if !entry.isTable { throw MapError(.alreadyMapped) }
            level = level &+ 1
        }
        throw MapError(.alreadyMapped)
    }

    /// Removes a page table from its address space. The mappings through it end.
    func detach(_ table: Ref<PageTable>) {
        guard let space = table.pointee.addressSpace else { return }
        let above = table.pointee.level &- 1
        if let entries = try? self.table(space, table.pointee.address, level: above) {
            let index = PageDescriptor.index(table.pointee.address, level: above)
            if entries.pointee.entries[index] == .table(table.pointee.physical) {
                entries.pointee.entries[index] = .invalid
                hardware.publishTableEntry()
            }
        }
        hardware.invalidate(asid: space.pointee.asid)
        // Another address space may get this table: its entries must not hold there.
        unsafe hardware.zero(hardware.kernelAddress(physical: table.pointee.physical), bytes: 4096)
        if let previous = table.pointee.previous {
            previous.pointee.next = table.pointee.next
        } else {
            space.pointee.tables = table.pointee.next
        }
        table.pointee.next?.pointee.previous = table.pointee.previous
        table.pointee.addressSpace = nil
        table.pointee.next = nil
        table.pointee.previous = nil
    }

    /// Translates a user address by the tables, as the given access would.
    ///
    /// Only here does an address that user code supplies become memory.
    ///
    /// - Returns: the kernel address of the byte, and the number of bytes from it to the end of its
    ///   4 KiB page; nil if the access would fault, or for device memory.
    func translate(
        _ thread: Ref<Thread>, _ address: UInt64, write: Bool
    ) -> (UnsafeMutableRawPointer, Int)? {
        guard let space = thread.spaceSlot.addressSpace, address < Limits.userEnd else {
            return nil
        }
        var level = 1
        var rounds = LoopBound(3)
        while level <= 3 {
            rounds.count()
            guard let entries = try? table(space, address, level: level) else { return nil }
            let entry = entries.pointee.entries[PageDescriptor.index(address, level: level)]
            if !entry.isValid { return nil }
            if level == 3 || !entry.isTable {
                if entry.isDevice || (write && !entry.isUserWritable) { return nil }
                let bytes: UInt64 = 1 << UInt64(truncatingIfNeeded: 39 &- 9 &* level)
                let offset = address & (bytes &- 1)
                let left = 4096 &- Int(truncatingIfNeeded: address & 4095)
                return unsafe (hardware.kernelAddress(physical: entry.address &+ offset), left)
            }
            level = level &+ 1
        }
        return nil
    }
}

/// The 512 entries of a page table.
public struct TableEntries: ~Copyable {
    var entries: InlineArray<512, PageDescriptor>
}

/// The error of a walk that found no table of this level.
struct MissingLevel: Error {
    var level: Int
    /// Whether a larger mapping is there instead.
    var isBlock: Bool
}

/// The refusal of a mapping. `level` goes with `notMapped`.
struct MapError: Error {
    var error: KernelError
    var level = 0
    init(_ error: KernelError, level: Int = 0) {
        self.error = error
        self.level = level
    }
}
