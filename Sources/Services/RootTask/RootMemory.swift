// The root task's memory: untyped regions to take from, device regions to cut registers from, and a
// window through which it fills pages that belong to others.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// Slots of the root task's own table behind those that the kernel filled.
struct RootSlots {
    /// Frames that are being filled and mapped: of `TaskBuilder`.
    let frame: ScratchSlot
    /// Page tables that are being attached: of `TaskBuilder`.
    let pageTable: ScratchSlot
    /// Frames that the root task looks at: of `RootWindow`.
    let window: ScratchSlot
    /// Capabilities on their way to another task: of `Factory`.
    let outgoing: ScratchSlot
    /// Mutex sets that threads join: of `Factory`.
    let joined: ScratchSlot
    /// Further capabilities of root's own: page tables, its heap's frames, the factory's objects.
    private var nextOwn: UInt32
    private let endOwn: UInt32
    private let firstTask: UInt32
    let tasks: Int

    init(firstFree: UInt32, count: UInt32, heapPages: Int) {
        frame = ScratchSlot(Slot(firstFree))
        pageTable = ScratchSlot(Slot(firstFree + 1))
        window = ScratchSlot(Slot(firstFree + 2))
        outgoing = ScratchSlot(Slot(firstFree + 3))
        joined = ScratchSlot(Slot(firstFree + 4))
        nextOwn = firstFree + 5
        endOwn =
            nextOwn + 192 + UInt32(heapPages + Manifest.maximumShares + CallerLimits.most + 2)
        firstTask = endOwn
        tasks = min(64, Int(count - endOwn) / TaskSlots.count)
    }

    mutating func own() -> Slot? {
        if nextOwn == endOwn { return nil }
        nextOwn += 1
        return Slot(nextOwn - 1)
    }

    func task(_ number: Int) -> TaskSlots {
        TaskSlots(base: firstTask + UInt32(number * TaskSlots.count))
    }
}

/// What the root task keeps of one task.
struct TaskSlots {
    static let count = 48
    let base: UInt32
    var arena: Slot { Slot(base) }
    var table: Slot { Slot(base + 1) }
    var space: Slot { Slot(base + 2) }
    var thread: Slot { Slot(base + 3) }
    var ipcBuffer: Slot { Slot(base + 4) }
    /// A table, in the arena, of the frames and page tables that the task consists of.
    var holding: Slot { Slot(base + 5) }
    var endpoint: Slot { Slot(base + 6) }
    var faultHandler: Slot { Slot(base + 7) }
    var untyped: Slot { Slot(base + 8) }
    var budget: Slot { Slot(base + 9) }
    func interrupt(_ index: Int) -> Slot { Slot(base + 10 + UInt32(index)) }
    func persistent(_ page: Int) -> Slot { Slot(base + 16 + UInt32(page)) }
    static let persistentPages = Int(TaskDescription.maximumPersistent / 4096)
}

/// Regions that the kernel handed over.
struct RootMemory {
    private let boot: BootInformation
    private var regions: [UntypedRegion] = []
    private(set) var givenBytes: UInt64 = 0

    /// `add` takes the regions of the information, in the order of their slots.
    init(boot: BootInformation) {
        self.boot = boot
        regions.reserveCapacity(Int(boot.untypedCount))
    }

    mutating func add(_ region: UntypedRegion) { regions.append(region) }

    private func slot(_ index: Int) -> Slot { Slot(RootSlot.firstUntyped.index + UInt32(index)) }

    /// Makes an object from the smallest region that has the room, of those that lie in a
    /// window wholly.
    mutating func make(
        _ kind: ObjectKind, sizeBits: Int = 0, at index: Slot,
        within window: DMAWindow = DMAWindow()
    ) throws(FactoryFailure) {
        var failure = KernelError.insufficientMemory
        // A range of 256 GiB is the largest that the kernel hands over.
        search: for bits in max(12, sizeBits)...38 {
            for candidate in 0..<regions.count
            where regions[candidate].sizeBits == bits && regions[candidate].isDevice == 0
                && regions[candidate].lies(in: window)
            {
                do throws(KernelError) {
                    try Untyped(slot(candidate)).retype(kind, sizeBits: sizeBits, index: index)
                    if kind == .untyped { givenBytes += 1 << UInt64(sizeBits) }
                    return
                } catch { failure = error }
                if failure != .insufficientMemory { break search }
            }
        }
        if kind == .untyped && failure == .insufficientMemory
            && takeWhole(sizeBits: sizeBits, at: index, within: window)
        {
            return
        }
        if failure != .insufficientMemory { throw FactoryFailure(.kernel(failure)) }
        let needed = max(
            Footprint.memory(kind, sizeBits: sizeBits),
            Footprint.descriptor(kind, sizeBits: sizeBits))
        throw FactoryFailure(.noMemory).lacking(
            Shortage(
                needed: UInt64(needed), total: boot.ramBytes, free: freeBytes(),
                largest: largestPiece(within: window)))
    }

    /// Looks for a region with room for so many bytes of descriptors and pages: then each of the
    /// objects that take them finds room.
    ///
    /// - Throws: `noMemory`.
    func require(_ bytes: Int) throws(FactoryFailure) {
        var largest: UInt64 = 0
        for index in 0..<regions.count where regions[index].isDevice == 0 {
            guard let state = try? Untyped(slot(index)).information() else { continue }
            largest = max(
                largest, (1 << UInt64(state.sizeBits)) - state.lowBytes - state.highBytes)
        }
        if largest >= UInt64(bytes) { return }
        throw FactoryFailure(.noMemory).lacking(
            Shortage(
                needed: UInt64(bytes), total: boot.ramBytes, free: freeBytes(), largest: largest))
    }

    /// Makes an ASID pool from the first region that has the room.
    func makePool(at index: Slot) throws(FactoryFailure) {
        var failure = KernelError.insufficientMemory
        for candidate in 0..<regions.count where regions[candidate].isDevice == 0 {
            do throws(KernelError) {
                return try ASIDControl(RootSlot.asidControl).createPool(
                    from: Untyped(slot(candidate)), index: index)
            } catch { failure = error }
            if failure != .insufficientMemory { break }
        }
        throw FactoryFailure(failure == .insufficientMemory ? .noMemory : .kernel(failure))
    }

    /// Gives away a region as it is: an object as large as its region leaves no room for its
    /// descriptor there.
    private mutating func takeWhole(
        sizeBits: Int, at index: Slot, within window: DMAWindow
    ) -> Bool {
        for candidate in 0..<regions.count
        where regions[candidate].isDevice == 0 && Int(regions[candidate].sizeBits) == sizeBits {
            guard regions[candidate].lies(in: window),
                let state = try? Untyped(slot(candidate)).information(), state.lowBytes == 0,
                state.highBytes == 0,
                (try? CapabilityTable.own.copy(slot(candidate), to: index)) != nil
            else { continue }
            regions[candidate].isDevice = RootMemory.given
            givenBytes += 1 << UInt64(sizeBits)
            return true
        }
        return false
    }
    /// In the place of `isDevice`: the region belongs to a task.
    private static let given: UInt32 = 3

    /// Bytes of ordinary memory that nothing was made from yet.
    func freeBytes() -> UInt64 {
        var total: UInt64 = 0
        for index in 0..<regions.count where regions[index].isDevice == 0 {
            guard let state = try? Untyped(slot(index)).information() else { continue }
            total += (1 << UInt64(state.sizeBits)) - state.lowBytes - state.highBytes
        }
        return total
    }

    /// Bytes of the largest piece that an object can have, in regions that lie in a window wholly.
    func largestPiece(within window: DMAWindow = DMAWindow()) -> UInt64 {
        var largest: UInt64 = 0
        for index in 0..<regions.count
        where regions[index].isDevice == 0 && regions[index].lies(in: window) {
            guard let state = try? Untyped(slot(index)).information() else { continue }
            let end: UInt64 = (1 << UInt64(state.sizeBits)) - state.highBytes
            // A whole region is given without a descriptor.
            if state.lowBytes == 0 && state.highBytes == 0 { largest = max(largest, end) }
            let start = state.lowBytes + UInt64(Footprint.descriptor(.untyped))
            for bits in 12..<max(12, UInt64(state.sizeBits)) {
                let size: UInt64 = 1 << bits
                if end >= size && (end - size) & ~(size - 1) >= start {
                    largest = max(largest, size)
                }
            }
        }
        return largest
    }

    /// The capability to registers from `base` on that lie in a page of the kernel's.
    func registers(from base: UInt64) -> Slot? {
        for index in 0..<regions.count
        where regions[index].isDevice == 2 && regions[index].physicalBase == base {
            return slot(index)
        }
        return nil
    }

    /// The device region that holds a page, and the page's offset in it.
    func deviceRegion(_ page: UInt64) -> (slot: Slot, offset: UInt64)? {
        for index in 0..<regions.count where regions[index].isDevice == 1 {
            let region = regions[index]
            if page < region.physicalBase { continue }
            let offset = page - region.physicalBase
            if offset < 1 << UInt64(region.sizeBits) { return (slot(index), offset) }
        }
        return nil
    }
}

extension UntypedRegion {
    func lies(in window: DMAWindow) -> Bool {
        window.address(of: physicalBase, length: 1 << UInt64(sizeBits)) != nil
    }
}
