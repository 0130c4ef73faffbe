// Building a task: from an arena of untyped memory, a checked ELF file and its manifest entry to a
// thread that runs.
//
// Everything of the task comes from its arena, so that one `reclaim` ends it. What must outlive it
// (its endpoint, its persistent pages, memory of its own) comes from the root task's memory.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// One task under construction.
struct TaskBuilder {
    let slots: TaskSlots
    /// The frame that is being filled and mapped, and the page table that is being attached.
    let frame: ScratchSlot
    let pageTable: ScratchSlot
    let window: RootWindow
    let asidPool: ASIDPool
    var held: UInt32 = 0

    var arena: Untyped { Untyped(slots.arena) }
    var space: AddressSpace { AddressSpace(slots.space) }

    func kernel(_ body: () throws(KernelError) -> Void) throws(FactoryFailure) {
        do throws(KernelError) { try body() } catch {
            throw FactoryFailure(error == .insufficientMemory ? .arenaTooSmall : .kernel(error))
        }
    }

    /// The objects that every task has.
    func makeObjects(tableBits: Int, holdingBits: Int) throws(FactoryFailure) {
        if holdingBits > Limits.tableBits.upperBound { throw FactoryFailure(.exhausted) }
        try kernel { () throws(KernelError) in
            try arena.retype(.capabilityTable, sizeBits: tableBits, index: slots.table)
            try arena.retype(.capabilityTable, sizeBits: holdingBits, index: slots.holding)
            try arena.makeAddressSpaces(asidPool, index: slots.space)
            try arena.retype(.thread, index: slots.thread)
        }
    }

    /// What a server's loop needs.
    func makeServerObjects(waiting: Int) throws(FactoryFailure) {
        try kernel { () throws(KernelError) in
            try arena.retype(.notification, table: slots.table, index: StartSlot.notification)
            try arena.retype(.timer, table: slots.table, index: StartSlot.timer)
            try arena.retype(
                .reply, count: waiting + 1, table: slots.table,
                index: StartSlot.replies(waiting: waiting))
        }
    }

    /// Moves a capability from a scratch slot to the holding table.
    ///
    /// - Returns: its place there.
    private mutating func hold(_ slot: Slot) throws(FactoryFailure) -> UInt32 {
        let place = held
        try kernel { () throws(KernelError) in
            try CapabilityTable.own.move(slot, to: Slot(place), in: CapabilityTable(slots.holding))
        }
        held += 1
        return place
    }

    /// Maps the frame in `slot`; page tables that are missing come from the arena.
    mutating func map(_ slot: Slot, at address: UInt64, _ rights: Rights) throws(FactoryFailure) {
        for _ in 0..<3 {
            do throws(KernelError) {
                try space.map(slot, at: address, rights)
                return
            } catch {
                if error != .notMapped { throw FactoryFailure(.kernel(error)) }
            }
            _ = try pageTable.use { (table) throws(FactoryFailure) in
                try kernel { () throws(KernelError) in
                    try arena.retype(.pageTable, index: table)
                    try space.attachTable(table, at: address)
                }
                return try hold(table)
            }
        }
        throw FactoryFailure(.kernel(.notMapped))
    }

    /// A new page at `address`, filled by `fill` where there is one.
    mutating func page(
        at address: UInt64, _ rights: Rights, fill: ((UnsafeMutableBufferPointer<UInt64>) -> Void)?
    ) throws(FactoryFailure) -> UInt32 {
        let (arena, window) = (arena, window)
        return try place(at: address, rights) { (slot) throws(KernelError) in
            try arena.retype(.frame, sizeBits: 12, index: slot)
            guard let fill = unsafe fill else { return }
            unsafe try window.look(at: slot, in: .own) { words in unsafe fill(words) }
            if rights.contains(.execute) {
                try Frame(slot).maintainCache(.unifyInstructions, offset: 0, length: 4096)
            }
        }
    }

    /// Has `make` put a frame into a scratch slot, maps it, and moves it to the holding table.
    ///
    /// - Returns: its place there.
    private mutating func place(
        at address: UInt64, _ rights: Rights, _ make: (Slot) throws(KernelError) -> Void
    ) throws(FactoryFailure) -> UInt32 {
        try frame.use { (slot) throws(FactoryFailure) in
            try kernel { () throws(KernelError) in try make(slot) }
            try map(slot, at: address, rights)
            return try hold(slot)
        }
    }

    /// The file's segments, copied. Behind each page, here and below, `pause` is called.
    mutating func load(
        _ image: ElfImage, _ file: UnsafeBufferPointer<UInt8>, _ pause: () -> Void
    ) throws(FactoryFailure) {
        for index in 0..<image.segmentCount {
            let segment = image.segment(index)
            var rights = Rights.read
            if segment.isWritable { rights = rights | .write }
            if segment.isExecutable { rights = rights | .execute }
            for number in 0..<segment.pageCount {
                let start = number * 4096
                let count = max(0, min(4096, segment.fileSize - start))
                _ = unsafe try page(at: segment.virtualAddress + UInt64(start), rights) { words in
                    if count == 0 { return }
                    // Safety: the reader checked that the segment's bytes lie in the file; a page
                    // holds 4096.
                    let source = unsafe UnsafeRawBufferPointer(
                        rebasing: UnsafeRawBufferPointer(file)[
                            (segment.fileOffset + start)..<(segment.fileOffset + start + count)])
                    unsafe UnsafeMutableRawBufferPointer(words).copyMemory(from: source)
                }
                pause()
            }
        }
    }

    /// The stack, painted up to the names of threads, below `TaskAddress.stackTop`; the place of
    /// its lowest page.
    mutating func makeStack(pages: Int, _ pause: () -> Void) throws(FactoryFailure) -> UInt32 {
        let first = held
        var lowest: UInt32 = first
        for number in 0..<pages {
            let address = TaskAddress.stackTop - UInt64((pages - number) * 4096)
            let place = unsafe try page(at: address, .read | .write) { words in
                for index in 0..<512 {
                    let isName = address + UInt64(8 * index) >= TaskAddress.threadNames
                    unsafe words[index] = isName ? 0 : StackPaint.word
                }
            }
            if number == 0 { lowest = place }
            pause()
        }
        return lowest
    }

    mutating func makeHeap(pages: Int, _ pause: () -> Void) throws(FactoryFailure) {
        for number in 0..<pages {
            _ = unsafe try page(
                at: TaskAddress.heap + UInt64(number * 4096), .read | .write, fill: nil)
            pause()
        }
    }

    /// Maps a copy of a frame that outlives the task.
    mutating func share(
        _ frame: Slot, from table: CapabilityTable = .own, at address: UInt64, _ rights: Rights
    ) throws(FactoryFailure) {
        _ = try place(at: address, rights) { (slot) throws(KernelError) in
            try table.copy(frame, to: slot, in: .own)
        }
    }

    /// Maps device registers.
    mutating func mapRegisters(
        _ region: (slot: Slot, offset: UInt64), at address: UInt64
    ) throws(FactoryFailure) {
        let arena = slots.arena
        _ = try place(at: address, .read | .write) { (slot) throws(KernelError) in
            try Untyped(region.slot).retype(
                .frame, sizeBits: 12, index: slot, descriptors: arena, offset: region.offset)
        }
    }
}
