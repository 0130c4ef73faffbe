// A task of its own for a test: a copy of this program in another address space, with
// another capability table, everything from one piece of memory, so that all of it can be
// destroyed at once.

import CTargetTests
import KernelABI
import UserRuntime

/// Where a sandbox keeps its own things: behind the copy of the image, which ends below.
enum SandboxAddress {
    /// A page that the test sees as well, at `sharedHere`.
    static var shared: UInt64 { 0x0070_0000 }
    static var buffers: UInt64 { 0x0071_0000 }
    static var sharedHere: UInt64 { 0xa210_0000 }
    /// Where the test fills pages of the sandbox.
    static var window: UInt64 { 0xa200_0000 }
}

/// A second task. Its objects stand in the test's table from slot 2000 on.
struct Sandbox {
    let arena: Untyped
    let space: AddressSpace
    let table: CapabilityTable
    private var nextSlot: UInt32

    static var firstSlot: UInt32 { 2000 }

    /// - Parameters:
    ///   - arena: empty; it needs half a MiB, and what the test wants beyond.
    ///   - pool: numbers the address space.
    init(
        _ checks: inout Checks, arena: Untyped, pool: ASIDPool = ASIDPool(RootSlot.asidPool)
    ) throws(Failure) {
        self.arena = arena
        space = AddressSpace(Slot(Sandbox.firstSlot))
        table = CapabilityTable(Slot(Sandbox.firstSlot + 1))
        nextSlot = Sandbox.firstSlot + 2
        let (space, table) = (space, table)
        try checks.succeed { () throws(KernelError) in
            try arena.makeAddressSpaces(pool, index: space.slot)
            try arena.retype(.capabilityTable, sizeBits: 6, index: table.slot)
        }
        try copyImage(&checks)
        let shared = try page(&checks, at: SandboxAddress.shared, .read | .write)
        let here = slot()
        try checks.succeed { () throws(KernelError) in
            try CapabilityTable.own.copy(shared, to: here)
        }
        try checks.mapFrame(here, at: SandboxAddress.sharedHere, .read | .write)
    }

    private mutating func slot() -> Slot {
        nextSlot += 1
        return Slot(nextSlot - 1)
    }
    mutating func make(
        _ checks: Checks, _ kind: ObjectKind, sizeBits: Int = 0
    ) throws(Failure) -> Slot {
        let (arena, target) = (arena, slot())
        try checks.succeed { () throws(KernelError) in
            try arena.retype(kind, sizeBits: sizeBits, index: target)
        }
        return target
    }

    /// The bundle tells which pages this program consists of; they are copied as they are at
    /// this moment.
    private mutating func copyImage(_ checks: inout Checks) throws(Failure) {
        let bundle = checks.boot.bundleAddress
        let segments = peek(bundle + UInt64(Bundle.rootSegmentCountOffset))
        for index in 0..<segments {
            let entry =
                bundle + UInt64(Bundle.rootSegmentsOffset) + index
                * UInt64(Bundle.rootSegmentStride)
            let start = peek(entry + 8)
            let rights = Rights(raw: UInt8(truncatingIfNeeded: peek(entry + 24)))
            for offset in stride(from: 0 as UInt64, to: peek(entry + 16), by: 4096) {
                _ = try page(&checks, at: start + offset, rights, from: start + offset)
            }
        }
    }

    /// A new page of the sandbox, with what stands at `source` in this task.
    mutating func page(
        _ checks: inout Checks, at address: UInt64, _ rights: Rights, from source: UInt64? = nil
    ) throws(Failure) -> Slot {
        let frame = try make(checks, .frame, sizeBits: 12)
        if let source {
            try checks.mapFrame(frame, at: SandboxAddress.window, .read | .write)
            for offset in stride(from: 0 as UInt64, to: 4096, by: 8) {
                poke(SandboxAddress.window + offset, peek(source + offset))
            }
            try checks.succeed { () throws(KernelError) in
                try Frame(frame).maintainCache(.unifyInstructions, offset: 0, length: 4096)
                try AddressSpace(RootSlot.addressSpace).unmap(frame)
            }
        }
        try map(checks, frame, at: address, rights)
        return frame
    }

    mutating func map(
        _ checks: Checks, _ frame: Slot, at address: UInt64, _ rights: Rights
    ) throws(Failure) {
        let space = space
        for _ in 0..<2 {
            if (try? space.map(frame, at: address, rights)) != nil { return }
            let table = try make(checks, .pageTable)
            try checks.succeed { () throws(KernelError) in
                try space.attachTable(table, at: address)
            }
        }
        try checks.succeed { () throws(KernelError) in try space.map(frame, at: address, rights) }
    }

    /// A stopped thread of the sandbox; `number` chooses its stack.
    mutating func thread(
        _ checks: inout Checks, number: Int, priority: UInt8, maximum: UInt8, fault: Slot,
        withBuffer: Bool = true
    ) throws(Failure) -> SandboxThread {
        let thread = Thread(try make(checks, .thread))
        let address = SandboxAddress.buffers + UInt64(number) * 0x2000
        let buffer = withBuffer ? try page(&checks, at: address, .read | .write) : Slot.none
        let (table, space) = (table.slot, space.slot)
        try checks.succeed { () throws(KernelError) in
            try thread.configure(
                table: table, addressSpace: space, ipcBuffer: buffer, faultHandler: fault)
            try thread.setPriority(priority, maximum: maximum)
        }
        return SandboxThread(thread: thread, number: number, buffer: withBuffer ? address : 0)
    }

    /// Give a copy of a capability of this task; refused where the slot holds one, or there is
    /// nothing to give.
    func give(_ source: Slot, _ index: UInt32, rights: Rights = .all, badge: UInt64 = 0) {
        try? CapabilityTable.own.mint(
            source, to: Slot(index), in: table, rights: rights, badge: badge)
    }
}

/// A thread of a sandbox, and where it starts.
struct SandboxThread {
    let thread: Thread
    let number: Int
    let buffer: UInt64

    /// Start it at `entry` with its number, whatever it is doing.
    func restart(_ entry: @convention(c) (UInt64) -> Void) throws(KernelError) {
        let start = unsafe UInt64(UInt(bitPattern: unsafeBitCast(entry, to: UnsafeRawPointer.self)))
        try thread.suspend()
        try thread.setEntry(
            programCounter: start, stackPointer: stackTop(number), argument: UInt64(number),
            threadPointer: IPCBuffer.threadPointer(buffer))
        try thread.resume()
    }
}
