// Boot: where its lists of ranges lie. A tree of a board names a dozen ranges, and a static page
// or two hold them. If a tree names more, what the short lists found free is free for sure: boot
// takes memory of it, sized by the tree, and reads the tree again
// (docs/decisions/0024-lists-sized-by-the-tree.md).

import AArch64
import CAArch64
import DeviceTree
import HardwareInterface
import KernelABI
import KernelCore
import PlatformDrivers

/// Memory for lists, taken in ascending order.
@safe struct BootPlaces {
    /// Places of the static lists; one of each stays free.
    static var memory: Int { 49 }
    static var reserved: Int { 65 }
    static var devices: Int { 128 }
    /// Each reservation cuts a range in two, and so do the image, the tree, the bundle and the
    /// like.
    static var pieces: Int { pieces(memory + reserved) }
    static func pieces(_ ranges: Int) -> Int { ranges + 21 }

    private var next: UnsafeMutableRawPointer

    /// The static memory.
    init() { unsafe next = swiftlet_boot_lists_address() }
    /// - Precondition: the memory is in the linear mapping.
    init(physical: UInt64) { unsafe next = KernelLayout.pointer(physical) }

    static func bytes(_ count: Int) -> UInt64 {
        UInt64(count * MemoryLayout<RegisterRange>.stride)
    }
    mutating func take(_ count: Int) -> RangeList.Places {
        let stride = MemoryLayout<RegisterRange>.stride
        // Safety: who takes them counted them before; nobody else has these bytes.
        let start = unsafe next.bindMemory(to: RegisterRange.self, capacity: count)
        unsafe next += count * stride
        return unsafe RangeList.Places(start: start, count: count)
    }
}

extension BootState {
    /// Gives each range of the tree a place and its page tables, if the static lists and the pool
    /// have too few.
    mutating func makePlaces() throws(BootFailure) {
        free.add(memoryOf: machine, below: KernelLayout.linearBytes)
        free.remove(reservationsOf: machine)
        free.remove(pagesAround: image.base, image.size)
        let (memory, reserved) = (machine.memory.inserted + 1, machine.reserved.inserted + 1)
        let pieces = BootPlaces.pieces(memory + reserved)
        let devices = BootPlaces.devices + memory + reserved
        let bytes = (BootPlaces.bytes(memory + reserved + 2 * pieces + devices) + 4095) & ~4095
        let tables = machine.isCut ? mostTables(UInt64(memory + reserved)) : free.tables
        if machine.isCut || tables > tablesForRAM {
            try takeRoom(lists: bytes, tables: tables + BootState.spareTables)
        }
        free.takeAll { _ in }
        if room.size == 0 { return }
        var places = BootPlaces(physical: room.base)
        machine = unsafe MachineDescription(
            memory: places.take(memory), reserved: places.take(reserved))
        free = unsafe MemoryMap(places.take(pieces), whenFull: .leaveOut)
        kept = unsafe MemoryMap(places.take(pieces), whenFull: .widen)
        // Where something is kept between them, devices are not joined.
        self.devices = unsafe MemoryMap(places.take(devices), whenFull: .leaveOut)
        map.addTables(room.base + bytes, bytes: room.size - bytes)
        tree.describeConsole(&machine)
        do throws(DeviceTreeError) {
            try tree.describeMachine(&machine)
        } catch {
            BootState.refuse(error, tree, &map)
        }
    }

    /// The tables that the image and the controllers' registers take at most.
    private static var spareTables: UInt64 { 12 }
    /// Page tables that RAM can have.
    var tablesForRAM: UInt64 {
        map.tablesLeft > BootState.spareTables ? map.tablesLeft - BootState.spareTables : 0
    }
    /// Bounds the page tables for so many ranges: two for each end, and no more than there are
    /// blocks of memory.
    private func mostTables(_ ranges: UInt64) -> UInt64 {
        let bytes = machine.memory.bytes(above: 0) + machine.memory.lost
        return min(4 * ranges, (bytes >> 21) + (bytes >> 30) + 4 * UInt64(machine.memory.inserted))
    }

    /// Takes the end of the largest range that is free by the short lists, and maps it. Without
    /// one that is large enough, boot goes on with the short lists.
    private mutating func takeRoom(lists: UInt64, tables: UInt64) throws(BootFailure) {
        free.remove(pagesAround: treeAddress, UInt64(tree.size))
        if let disk = tree.initialDisk { free.remove(pagesAround: disk.base, disk.size) }
        free.remove(pagesAround: image.base + image.size, try bundleBytesBehindImage())
        var best: RegisterRange?
        free.takeAll { range in if best == nil { best = range } }
        guard let best, best.size / 2 >= lists else { return }
        let size = lists + min(tables << 12, (best.size / 2 - lists) & ~4095)
        room = PhysicalRange(base: best.end - size, size: size)
        try map.mapLinear(room.base, bytes: room.size, writable: true)
        try check(room.base)
        try check(room.base + room.size - 4)
    }

    /// The size of a possible bundle behind the image. Its memory is not mapped yet: its first page
    /// is seen behind the tree's window.
    private mutating func bundleBytesBehindImage() throws(BootFailure) -> UInt64 {
        let window = swiftlet_tree_base() + UInt64(2 * DeviceTree.maximumBytes)
        let start = image.base + image.size
        try map.map(window, start, bytes: 4096, writable: false, .normal)
        if !MemoryProbe.answers(window) { return 0 }
        // Safety: a page is mapped there.
        let words = unsafe UnsafePointer<UInt64>(bitPattern: UInt(window)).unsafelyUnwrapped
        return unsafe Bundle.bytes(words) ?? 0
    }
}
