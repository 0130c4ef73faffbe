// How large a task's arena must be. The root task's `TaskBuilder` makes everything of a task there;
// a test holds the two together.

import KernelABI
import Protocols

/// What the start of a task takes from its arena.
public struct ArenaNeed: Equatable, Sendable {
    /// Bytes of the objects' descriptors.
    public private(set) var descriptorBytes = 0
    /// Bytes of pages and page tables.
    public private(set) var pageBytes = 0
    /// Pages, page tables and notifications of rings that the root task lists of it.
    public let heldCount: Int

    /// - Parameters:
    ///   - registerPages: of the task's device; those that only the kernel may map are not counted.
    ///   - lines: interrupt lines of its device.
    ///   - treeBytes: of the device tree, for a task with the privilege `device_tree`.
    ///   - shares: all shares of the manifest.
    public init(
        _ task: TaskDescription, _ image: ElfImage, registerPages: Int, lines: Int, treeBytes: Int,
        shares: [SharedDescription] = []
    ) {
        let isBoxed = task.privileges.contains(.rootView)
        let copy = task.privileges.contains(.deviceTree) ? ArenaNeed.pages(treeBytes) : 0
        let areas = [
            ArenaNeed.pages(Int(task.stackBytes)), ArenaNeed.pages(Int(task.heapBytes)), copy,
        ]
        var own = isBoxed ? 3 : 2
        for pages in areas { own += pages }
        for index in 0..<image.segmentCount { own += image.segment(index).pageCount }
        let persistent = ArenaNeed.pages(Int(task.persistentBytes))
        let names = task.privileges.contains(.taskNames) ? 1 : 0
        var sharedPages = 0
        var sharedEnd = 0
        var notifications = 0
        for part in shares.parts(of: task.name) {
            let share = shares[part.index]
            let hasPage = share.hasPage(share.users[part.user])
            sharedPages += share.pages + (hasPage ? 1 : 0)
            sharedEnd = part.page + share.pages + (hasPage ? 2 : 0)
            if share.kind == .ring { notifications += 2 }
        }
        // All areas lie in one GiB, and each in 2 MiB of its own.
        var tables = 2 + ArenaNeed.regions(of: image) + ArenaNeed.regions(persistent)
        tables += ArenaNeed.regions(sharedEnd)
        if registerPages > 0 { tables += 1 }
        for pages in areas { tables += ArenaNeed.regions(pages) }
        // All but the IPC buffer, which has a place of its own.
        let pages = own - 1 + persistent + names + sharedPages + registerPages
        heldCount = pages + tables + notifications

        add(.capabilityTable, sizeBits: task.tableBits)
        add(.capabilityTable, sizeBits: holdingBits)
        add(.addressSpace)
        add(.thread)
        if !isBoxed {
            add(.notification)
            add(.timer)
            add(.reply, count: Int(task.waiting) + 1)
        }
        add(.frame, count: own)
        // Descriptors alone: the memory is the device's.
        descriptorBytes += registerPages * Footprint.descriptor(.frame)
        add(.interrupt, count: lines)
        if task.privileges.contains(.asidPool) { add(.asidPool) }
        if task.budget.isSet { add(.budget) }
        add(.pageTable, count: tables)
    }

    /// Binary logarithm of the slots of the table that lists the pages: beyond `Limits.tableBits`
    /// where the task has more pages than a table has slots.
    public var holdingBits: Int {
        var bits = 5
        while 1 << bits < heldCount { bits += 1 }
        return bits
    }
    /// Bytes in all.
    public var bytes: Int { descriptorBytes + pageBytes }
    /// The smallest `arena_bits` with that many bytes.
    public var arenaBits: Int {
        var bits = 0
        while 1 << bits < bytes { bits += 1 }
        return bits
    }

    private mutating func add(_ kind: ObjectKind, sizeBits: Int = 0, count: Int = 1) {
        descriptorBytes += count * Footprint.descriptor(kind, sizeBits: sizeBits)
        pageBytes += count * Footprint.memory(kind, sizeBits: kind == .frame ? 12 : sizeBits)
    }

    private static func pages(_ bytes: Int) -> Int { (bytes + 4095) / 4096 }
    /// Pages from the start of 2 MiB on: how many page tables map them.
    private static func regions(_ pages: Int) -> Int { (pages + 511) / 512 }

    /// How many 2 MiB regions the segments lie in.
    private static func regions(of image: ElfImage) -> Int {
        var count = 0
        for index in 0..<image.segmentCount {
            let segment = image.segment(index)
            var region = segment.virtualAddress >> 21
            while region << 21 < segment.pageEnd {
                let isKnown = (0..<index).contains { earlier in
                    let other = image.segment(earlier)
                    return other.virtualAddress >> 21 <= region && region << 21 < other.pageEnd
                }
                if !isKnown { count += 1 }
                region += 1
            }
        }
        return count
    }
}

extension TaskDescription {
    /// Binary logarithm of the slots of the task's capability table.
    public var tableBits: Int {
        if privileges.contains(.rootView) { return 12 }
        return Int(waiting) > CallerLimits.least ? 8 : 7
    }
}
