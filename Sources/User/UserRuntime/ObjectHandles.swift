// Memory, threads, address spaces, interrupts, timers: typed handles over slots.
//
// Each method is one `invoke`, for any thread, and never blocks; a restartable one lets interrupts
// in between its steps. All throw `invalidCapability`, `wrongKind` and `missingRights` for a handle
// that names nothing fitting; what else they throw stands with them, and with rights and bounds in
// docs/reference.

import CUserEntry
import KernelABI

/// Memory to make objects from.
public struct Untyped: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }

    /// Make `count` objects; their capabilities go to `index` and the slots behind it. Restartable.
    ///
    /// - Parameters:
    ///   - sizeBits: log2 of a frame's or region's bytes, or of a table's slots; 0 for other kinds.
    ///   - descriptors: ordinary memory for the descriptors of a device region's objects; for
    ///     address spaces see `makeAddressSpaces`.
    ///   - offset: bytes into a device region, a multiple of the object's size.
    /// - Throws: `invalidArgument`, `insufficientMemory`, `slotOccupied`, `wrongState` (being
    ///   reclaimed), `exhausted`.
    public func retype(
        _ kind: ObjectKind, sizeBits: Int = 0, count: Int = 1, table: Slot = .ownTable, index: Slot,
        descriptors: Slot = .none, offset: UInt64 = 0
    ) throws(KernelError) {
        try invoke(
            .retype, slot, UInt64(kind.rawValue) | UInt64(sizeBits) << 8, UInt64(count),
            UInt64(table.index), UInt64(index.index), UInt64(descriptors.index), offset)
    }
    /// Makes address spaces that get their numbers from a pool (right: manage). Restartable.
    ///
    /// - Throws: as `retype`; `exhausted` where the pool has no number left, `wrongState` also
    ///   while it is being destroyed.
    public func makeAddressSpaces(
        _ pool: ASIDPool, count: Int = 1, table: Slot = .ownTable, index: Slot
    ) throws(KernelError) {
        try retype(.addressSpace, count: count, table: table, index: index, descriptors: pool.slot)
    }
    /// Destroy everything made from it; the memory is whole again. Restartable.
    ///
    /// - Throws: `wrongState` for a device region.
    public func reclaim() throws(KernelError) { try invoke(.reclaim, slot) }

    public struct Information: Sendable {
        public var physicalBase: UInt64
        public var sizeBits: Int
        public var isDevice: Bool
        public var lowBytes: UInt64
        public var highBytes: UInt64
    }
    /// Where it lies, and how many bytes are taken at its low and its high end.
    public func information() throws(KernelError) -> Information {
        let words = try invokeForResults(.untypedInformation, slot)
        return Information(
            physicalBase: words.w0, sizeBits: Int(words.w1 & 0xff), isDevice: words.w1 & 256 != 0,
            lowBytes: words.w2, highBytes: words.w3)
    }
}

/// A table of capabilities; `.own` is this thread's.
public struct CapabilityTable: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }
    public static var own: CapabilityTable { CapabilityTable(.ownTable) }

    /// A further capability to what `source` names, in an empty slot.
    ///
    /// - Throws: `slotOccupied`, `derivationTooDeep`, `invalidArgument`.
    public func copy(
        _ source: Slot, to index: Slot, in table: CapabilityTable = .own, rights: Rights = .all,
        placement: Placement = .child
    ) throws(KernelError) {
        try invoke(
            .copy, slot, UInt64(source.index), UInt64(table.slot.index), UInt64(index.index),
            UInt64(rights.raw), placement.rawValue)
    }
    /// As `copy`, with a badge; `invalidArgument` where `source` has one already.
    public func mint(
        _ source: Slot, to index: Slot, in table: CapabilityTable = .own, rights: Rights = .all,
        badge: UInt64, placement: Placement = .child
    ) throws(KernelError) {
        try invoke(
            .mint, slot, UInt64(source.index), UInt64(table.slot.index), UInt64(index.index),
            UInt64(rights.raw), placement.rawValue, badge)
    }
    /// Keeps rights, badge, mapping and the place in the derivation tree. Throws `slotOccupied`.
    public func move(
        _ source: Slot, to index: Slot, in table: CapabilityTable = .own
    ) throws(KernelError) {
        try invoke(.move, slot, UInt64(source.index), UInt64(table.slot.index), UInt64(index.index))
    }
    /// Remove a capability and all that was derived from it. Restartable.
    public func delete(_ index: Slot) throws(KernelError) {
        try invoke(.delete, slot, UInt64(index.index))
    }
    /// Remove all that was derived from a capability. Restartable.
    public func revoke(_ index: Slot) throws(KernelError) {
        try invoke(.revoke, slot, UInt64(index.index))
    }

    public struct Description: Sendable {
        public var kind: ObjectKind
        public var rights: Rights
        public var badge: UInt64
        public var depth: Int
    }
    /// What a slot holds; an empty one is of kind `null`.
    public func describe(_ index: Slot) throws(KernelError) -> Description {
        let words = try invokeForResults(.describe, slot, UInt64(index.index))
        return Description(
            kind: ObjectKind(rawValue: UInt8(truncatingIfNeeded: words.w0)) ?? .null,
            rights: Rights(raw: UInt8(truncatingIfNeeded: words.w1)), badge: words.w2,
            depth: Int(words.w3))
    }
}

/// A thread.
public struct Thread: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }

    /// Give a thread its parts; what is `.none` stays as it is. The thread gets children of these
    /// capabilities. Needs the right manage, which a task does not hold over its own first thread.
    ///
    /// - Throws: `missingRights` (a fault handler needs write and `handleFaults`),
    ///   `invalidArgument` (a buffer that is no ordinary 4 KiB frame), `derivationTooDeep`.
    public func configure(
        table: Slot = .none, addressSpace: Slot = .none, ipcBuffer: Slot = .none,
        faultHandler: Slot = .none
    ) throws(KernelError) {
        try invoke(
            .configure, slot, UInt64(table.index), UInt64(addressSpace.index),
            UInt64(ipcBuffer.index), UInt64(faultHandler.index))
    }
    /// Base priority, and the highest that the thread may set; 0 to 255, larger is more urgent.
    ///
    /// - Throws: `notPermitted` above the caller's own maximum; `missingRights` where the maximum
    ///   changes without the right manage.
    public func setPriority(_ base: UInt8, maximum: UInt8) throws(KernelError) {
        try invoke(.setPriority, slot, UInt64(base), UInt64(maximum))
    }
    /// Round-robin slice, 10 µs or more; zero: none. Needs the right manage. Throws
    /// `invalidArgument`.
    public func setSlice(_ slice: Duration) throws(KernelError) {
        try invoke(.setSlice, slot, slice.ticks)
    }
    /// The core on which it runs from now on. Needs the right manage. Throws `invalidArgument` for
    /// a core that does not run.
    public func setCore(_ number: Int) throws(KernelError) {
        try invoke(.setCore, slot, UInt64(truncatingIfNeeded: number))
    }
    /// Where a stopped thread starts. Throws `wrongState` where it is not stopped.
    public func setEntry(
        programCounter: UInt64, stackPointer: UInt64, argument: UInt64, threadPointer: UInt64
    ) throws(KernelError) {
        try invoke(.setEntry, slot, programCounter, stackPointer, argument, threadPointer)
    }
    /// Let a stopped thread run; one whose fault nobody answers tries again. Throws `wrongState`.
    public func resume() throws(KernelError) { try invoke(.resume, slot) }
    /// Stop it; what it is blocked in ends with `cancelled` when it is resumed.
    public func suspend() throws(KernelError) { try invoke(.suspend, slot) }
    /// Its `receive` takes this notification's bits too; nil: no more. Throws `wrongState` (bound
    /// to another).
    public func bindNotification(_ notification: Notification?) throws(KernelError) {
        try invoke(.bindNotification, slot, UInt64(notification?.slot.index ?? Slot.none.index))
    }
    /// What a stopped thread goes on with.
    public struct Registers: Sendable {
        /// x0–x30, SP, PC, PSTATE and TPIDR_EL0.
        fileprivate var words = InlineArray<35, UInt64>(repeating: 0)
        /// x0 to x30; SP is number 31.
        public subscript(number: Int) -> UInt64 {
            get { words[number & 31] }
            set { words[number & 31] = newValue }
        }
        public var framePointer: UInt64 { words[29] }
        public var linkRegister: UInt64 { words[30] }
        public var programCounter: UInt64 {
            get { words[32] }
            set { words[32] = newValue }
        }
        public var processorState: UInt64 {
            get { words[33] }
            set { words[33] = newValue }
        }
    }
    /// The registers of a stopped thread.
    ///
    /// - Throws: `wrongState` (not stopped), `noBuffer`.
    public func readRegisters() throws(KernelError) -> Registers {
        try invoke(.readRegisters, slot)
        // The kernel puts them where words from 8 on of a message lie.
        let buffer = IPCBufferAccess()
        var registers = Registers()
        for index in 0..<35 { registers.words[index] = buffer[8 + index] }
        return registers
    }
    /// The reverse; of PSTATE only the condition flags, TCO, DIT and SSBS.
    public func writeRegisters(_ registers: Registers) throws(KernelError) {
        let buffer = IPCBufferAccess()
        for index in 0..<35 { buffer[8 + index] = registers.words[index] }
        try invoke(.writeRegisters, slot)
    }

    public struct Information: Sendable {
        public var state: ThreadState
        public var base: UInt8
        public var effective: UInt8
        public var maximum: UInt8
        /// The core on which it runs.
        public var core: UInt8
        public var processorTime: Duration
        public var programCounter: UInt64
        public var stackPointer: UInt64
        public var switches: UInt64
    }
    /// State, priorities, and processor time, which may be that of a caller or its server (decision
    /// 3).
    public func information() throws(KernelError) -> Information {
        let words = try invokeForResults(.threadInformation, slot)
        return Information(
            state: ThreadState(rawValue: UInt8(truncatingIfNeeded: words.w0)) ?? .stopped,
            base: UInt8(truncatingIfNeeded: words.w0 >> 8),
            effective: UInt8(truncatingIfNeeded: words.w0 >> 16),
            maximum: UInt8(truncatingIfNeeded: words.w0 >> 24),
            core: UInt8(truncatingIfNeeded: words.w0 >> 32),
            processorTime: Duration(ticks: words.w1),
            programCounter: words.w2, stackPointer: words.w3, switches: words.w4)
    }
}

/// Page tables under one address-space number.
public struct AddressSpace: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }

    /// Map a frame at an address aligned to its size, for reading and either writing or executing.
    ///
    /// - Throws: `notMapped` (a table level is missing), `alreadyMapped`, `invalidArgument`.
    public func map(_ frame: Slot, at address: UInt64, _ rights: Rights) throws(KernelError) {
        try invoke(.map, slot, UInt64(frame.index), address, UInt64(rights.raw))
    }
    /// Undo the mapping that this capability made. Throws `notMapped`.
    public func unmap(_ frame: Slot) throws(KernelError) {
        try invoke(.unmap, slot, UInt64(frame.index))
    }
    /// Change the rights of the mapping that this capability made. Throws `notMapped`,
    /// `invalidArgument`.
    public func protect(_ frame: Slot, _ rights: Rights) throws(KernelError) {
        try invoke(.protect, slot, UInt64(frame.index), UInt64(rights.raw))
    }
    /// A page table becomes the next missing level for an address. Throws `alreadyMapped`,
    /// `invalidArgument`.
    public func attachTable(_ table: Slot, at address: UInt64) throws(KernelError) {
        try invoke(.attachTable, slot, UInt64(table.index), address)
    }
}

/// Memory to map.
public struct Frame: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }
    /// What a device is told (right: manage).
    public func physicalAddress() throws(KernelError) -> UInt64 {
        try invokeForResults(.frameInformation, slot).w0
    }
    /// A range in bytes, in steps of 4 KiB. Throws `invalidArgument` (a device frame, or outside
    /// it). Restartable.
    public func maintainCache(
        _ operation: CacheOperation, offset: UInt64, length: UInt64
    ) throws(KernelError) {
        try invoke(.maintainCache, slot, operation.rawValue, offset, length)
    }
}

/// A device's registers in a page of the kernel's.
public struct RegisterWindow: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }
    /// 32 bits at a byte offset (right: read). Throws `invalidArgument`: not a multiple of 4,
    /// or outside.
    public func read(_ offset: UInt64) throws(KernelError) -> UInt32 {
        UInt32(truncatingIfNeeded: try invokeForResults(.readRegister, slot, offset).w0)
    }
    /// The reverse (right: write).
    public func write(_ offset: UInt64, _ value: UInt32) throws(KernelError) {
        try invoke(.writeRegister, slot, offset, UInt64(value))
    }
}

/// One binding of an interrupt line.
public struct Interrupt: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }
    /// Have the line signal `bits`, not 0, and open it.
    ///
    /// - Throws: `invalidArgument`, `exhausted` (8 bindings share it), `wrongState` (they trigger
    ///   otherwise).
    public func bind(_ notification: Notification, bits: UInt64) throws(KernelError) {
        try invoke(.bindInterrupt, slot, UInt64(notification.slot.index), bits)
    }
    /// The device is quiet: the line may signal again. Throws `wrongState` where nothing was
    /// delivered.
    public func acknowledge() throws(KernelError) { try invoke(.acknowledge, slot) }
    /// As `acknowledge`: a line that waits for nothing is open. Another refusal ends the task,
    /// which would hear no more of its device.
    public func reopen() {
        do throws(KernelError) { try acknowledge() } catch {
            if error != .wrongState { fatalError("the interrupt cannot be acknowledged") }
        }
    }
    /// The line, how often it was delivered, and whether it waits for `acknowledge`.
    public func information() throws(KernelError) -> (
        line: Int, count: UInt64, isBound: Bool, isOutstanding: Bool
    ) {
        let words = try invokeForResults(.interruptInformation, slot)
        return (Int(words.w0), words.w1, words.w2 & 1 != 0, words.w2 & 2 != 0)
    }
}

/// Signals a notification at an instant.
public struct Timer: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }
    /// What an expiry signals; `bits` is not 0. Throws `invalidArgument`.
    public func bind(_ notification: Notification, bits: UInt64) throws(KernelError) {
        try invoke(.bindTimer, slot, UInt64(notification.slot.index), bits)
    }
    /// Signal at an instant, and then each `period` (10 µs or more) unless it is zero; an armed
    /// timer is armed anew.
    ///
    /// - Throws: `wrongState` (not bound), `invalidArgument`.
    public func arm(
        _ deadline: Instant, period: Duration = Duration(ticks: 0)
    ) throws(KernelError) {
        try invoke(.arm, slot, deadline.ticks, period.ticks)
    }
    /// No expiry from here on; one that was signalled stays.
    public func cancel() throws(KernelError) { try invoke(.cancelTimer, slot) }
}
