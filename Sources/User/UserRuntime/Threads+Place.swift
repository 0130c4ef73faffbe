// The places of a task's threads: their states, objects and memory, and what a thread does between
// two starts.

import CUserEntry
import KernelABI

/// A place for a thread.
struct Place: Sendable {
    enum Phase: UInt64 {
        case free = 0
        /// A start prepares it.
        case claimed = 1
        case running = 2
        /// A thread waits for its end, which may have come already.
        case joining = 3
    }
    let number: Int

    init(_ number: Int) { self.number = number }

    /// The calling thread's; nil for the first thread.
    static var own: Place? {
        let number = swiftlet_own_place()
        return number == 0 ? nil : Place(Int(number) - 1)
    }

    var record: UnsafeMutablePointer<SwiftletPlace> { unsafe swiftlet_place(UInt64(number)) }

    // State

    static func state(_ phase: Phase, _ generation: UInt64) -> UInt64 {
        phase.rawValue | generation << 8
    }
    var generation: UInt64 { unsafe swiftlet_place_state(record) >> 8 }

    /// - Throws: `wrongState` where the phase or the generation is another.
    func change(
        _ from: Phase, _ to: Phase, _ generation: UInt64
    ) throws(KernelError) {
        let old = Place.state(from, generation)
        if unsafe swiftlet_place_change(record, old, Place.state(to, generation)) == 0 {
            throw .wrongState
        }
    }

    /// Claims the free place with the least stack that is large enough, or one without memory.
    ///
    /// - Throws: `exhausted`
    /// - Complexity: constant unless other threads claim places at the same time; then at most as
    ///   many rounds as they make claims.
    static func claim(pages: Int) throws(KernelError) -> Place {
        while true {
            var best: Place?
            for number in 0..<Thread.maximumCount {
                let place = Place(number)
                if unsafe swiftlet_place_state(place.record) & 0xff != Phase.free.rawValue {
                    continue
                }
                let size = unsafe place.record.pointee.pages
                if size != 0 && size < UInt64(pages) { continue }
                // One without memory comes last: as if its stack were the largest.
                if let best, unsafe size &- 1 >= best.record.pointee.pages &- 1 { continue }
                best = place
            }
            guard let best else { throw .exhausted }
            let generation = best.generation
            if (try? best.change(.free, .claimed, generation)) == nil { continue }
            // It may have been made by another thread meanwhile, with a smaller stack.
            let size = unsafe best.record.pointee.pages
            if size == 0 || size >= UInt64(pages) { return best }
            unsafe best.record.pointee.state = Place.state(.free, generation)
        }
    }

    // Objects and memory

    private func slot(_ index: UInt32) -> Slot {
        unsafe Slot(resources.slots.index + 4 * UInt32(number) + index)
    }
    var thread: Thread { Thread(slot(0)) }
    var endpoint: Endpoint { Endpoint(slot(1)) }
    /// Before the reply object is made, its slot is where pages pass through.
    private var reply: Reply { Reply(slot(2)) }
    /// A table with the capabilities of the place's pages and page tables.
    private var holding: CapabilityTable { CapabilityTable(slot(3)) }

    private var bufferAddress: UInt64 {
        unsafe resources.address + UInt64(number + 1) * Thread.stride - 4096
    }
    var threadPointer: UInt64 { IPCBuffer.threadPointer(bufferAddress) }

    /// Makes the objects and the pages of a place that has none. Its thread is stopped at its entry
    /// until the first start, which gives it its first body.
    ///
    /// - Throws: `insufficientMemory`, and nothing was made.
    /// - Postcondition: after an error the place has none.
    func make(pages: Int) throws(KernelError) {
        if unsafe record.pointee.pages != 0 { return }
        try checkMemory(pages: pages)
        let bits = ThreadMemory.holdingBits(pages: pages)
        try TaskLocks.make()
        var held: UInt32 = 0
        do throws(KernelError) {
            try makeObjects(pages: pages, holdingBits: bits, &held)
        } catch {
            unmap(held)
            for index in 0..<4 { try? CapabilityTable.own.delete(slot(UInt32(index))) }
            throw error
        }
        unsafe record.pointee.pages = UInt64(pages)
    }

    private func checkMemory(pages: Int) throws(KernelError) {
        var isFirst = true
        for other in 0..<Thread.maximumCount {
            if unsafe Place(other).record.pointee.pages != 0 { isFirst = false }
        }
        var need = ThreadMemory.place(pages: pages)
        if isFirst { need += ThreadMemory.pageTables }
        if !TaskLocks.isMade { need += ThreadMemory.locks }
        try Footprint.require(need)
    }

    private func makeObjects(
        pages: Int, holdingBits: Int, _ held: inout UInt32
    ) throws(KernelError) {
        let memory = unsafe resources.memory
        try memory.retype(.endpoint, index: endpoint.slot)
        try memory.retype(.capabilityTable, sizeBits: holdingBits, index: holding.slot)
        try memory.retype(.thread, index: thread.slot)
        for page in 1...pages {
            try map(at: bufferAddress - UInt64(page * 4096), &held) { _ in }
        }
        try map(at: bufferAddress, &held) { (frame) throws(KernelError) in
            try unsafe thread.configure(
                table: resources.table, addressSpace: resources.addressSpace, ipcBuffer: frame,
                faultHandler: faultHandler)
        }
        try memory.retype(.reply, index: reply.slot)
        try thread.setEntry(
            programCounter: swiftlet_thread_entry(), stackPointer: bufferAddress,
            argument: UInt64(number), threadPointer: threadPointer)
        try endpoint.bindServer(thread)
        try TaskLocks.join(self)
    }

    /// What takes the thread's faults, if the task was given it.
    private var faultHandler: Slot {
        let slot = unsafe resources.faultHandler
        let kind = (try? CapabilityTable.own.describe(slot))?.kind
        return kind == .endpoint ? slot : .none
    }

    /// Maps a new page, hands its capability to `use`, and keeps it in the holding table.
    private func map(
        at address: UInt64, _ held: inout UInt32, _ use: (Slot) throws(KernelError) -> Void
    ) throws(KernelError) {
        let passing = reply.slot
        let space = AddressSpace(unsafe resources.addressSpace)
        try unsafe resources.memory.retype(.frame, sizeBits: 12, index: passing)
        var isMapped = false
        while !isMapped {
            do throws(KernelError) {
                try space.map(passing, at: address, .read | .write)
                isMapped = true
            } catch {
                if error != .notMapped { throw error }
                try addTable(at: address, &held)
            }
        }
        try use(passing)
        try keep(passing, &held)
    }

    /// Adds the next page table that is missing for an address.
    private func addTable(at address: UInt64, _ held: inout UInt32) throws(KernelError) {
        // The page waits in the holding table meanwhile: at the index that the table takes next.
        let page = Slot(held + 1)
        try CapabilityTable.own.move(reply.slot, to: page, in: holding)
        try unsafe resources.memory.retype(.pageTable, index: reply.slot)
        do throws(KernelError) {
            try AddressSpace(unsafe resources.addressSpace).attachTable(reply.slot, at: address)
            try keep(reply.slot, &held)
        } catch {
            // Another thread that makes a place was faster.
            if error != .alreadyMapped { throw error }
            try CapabilityTable.own.delete(reply.slot)
        }
        try holding.move(page, to: reply.slot)
    }

    /// Takes the pages in the holding table out of the address space. Page tables stay there: the
    /// pages of other places may lie below them.
    private func unmap(_ held: UInt32) {
        for index in 0..<held {
            let kind = (try? holding.describe(Slot(index)))?.kind
            if kind == .frame { try? holding.delete(Slot(index)) }
        }
    }

    private func keep(_ slot: Slot, _ held: inout UInt32) throws(KernelError) {
        try CapabilityTable.own.move(slot, to: Slot(held), in: holding)
        held += 1
    }

    // The thread itself

    /// Writes the thread's name, or zeros, where the root task reads it for `ps` and for reports.
    func setName(_ name: InlineArray<4, UInt64>) {
        let names = unsafe resources.names
        if names == 0 { return }
        // Safety: there is room for four words of each of the 16 places.
        let words = unsafe UnsafeMutablePointer<UInt64>(
            bitPattern: UInt(names) + UInt(32 * number)
        ).unsafelyUnwrapped
        for index in 0..<4 { unsafe words[index] = name[index] }
    }

    /// Runs the body, once for each start.
    func run() -> Never {
        let body = unsafe record.pointee.body.unsafelyUnwrapped
        Thread.exit(unsafe body(record.pointee.context))
    }

    /// Lets the thread go on, if it is stopped.
    func wake() throws(KernelError) {
        do throws(KernelError) { try thread.resume() } catch {
            if error != .wrongState { throw error }
        }
    }

    /// Gives the result to the thread that joins this one, and waits for the next start.
    func awaitStart(_ result: UInt64) {
        var isAsked = false
        while true {
            do throws(KernelError) {
                let received =
                    isAsked
                    ? try endpoint.replyAndReceive(RegisterMessage(result), reply: reply)
                    : try endpoint.receive(reply: reply)
                if received.delivery == .oneWay { return }
                isAsked = received.delivery == .message
            } catch {
                switch error {
                // The thread that joins this one has given up meanwhile.
                case .noCaller: isAsked = false
                case .cancelled: break
                default: fatalError("the objects of a thread were deleted")
                }
            }
        }
    }
}

extension Footprint {
    /// - Throws: `insufficientMemory` unless the task has so many bytes of untyped memory left;
    ///   `invalidCapability` (it has none).
    static func require(_ bytes: Int) throws(KernelError) {
        let memory = try unsafe resources.memory.information()
        let left = 1 << UInt64(memory.sizeBits) - memory.lowBytes - memory.highBytes
        if left < UInt64(bytes) { throw .insufficientMemory }
    }
}

@c(swiftlet_run_thread) public func runThread(_ number: UInt64) -> Never {
    Place(Int(number)).run()
}
