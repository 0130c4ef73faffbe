// Where a device reaches memory: the `dma-ranges` of its bus and of every bus above (Devicetree
// Specification 2.3.9).

/// Device addresses from `bus` on are physical ones from `physical` on.
public struct MemoryWindow: Equatable, Sendable {
    public var bus: UInt64
    public var physical: UInt64
    public var bytes: UInt64
    public init(bus: UInt64, physical: UInt64, bytes: UInt64) {
        self.bus = bus
        self.physical = physical
        self.bytes = bytes
    }
    /// All of memory, at the processor's addresses.
    public static var everything: MemoryWindow { MemoryWindow(bus: 0, physical: 0, bytes: ~0) }
}

extension DeviceNode {
    /// Returns the largest window through which the device reaches memory: of its bus, as the buses
    /// above pass it. A bus that says nothing passes all addresses as they are.
    ///
    /// - Throws: `badLength` where a property's length is not a multiple of an entry's; `badCells`.
    /// - Complexity: O(`maximumEntries`) searches for a parent. Where buses have more entries
    ///   together, the largest of the first ones counts.
    public func memoryWindow() throws(DeviceTreeError) -> MemoryWindow {
        var search = WindowSearch()
        try search.pass(.everything, parent, levels: 0)
        return search.best
    }
}

/// The way from a device to memory, through every entry of every bus.
private struct WindowSearch {
    var best = MemoryWindow(bus: 0, physical: 0, bytes: 0)
    private var remaining = maximumEntries

    /// Entries that are looked at; trees of boards have up to a dozen.
    private static var maximumEntries: Int { 1024 }

    init() {}

    /// Goes on from a bus, where the window has its physical addresses so far, to the buses above.
    mutating func pass(
        _ window: MemoryWindow, _ bus: DeviceNode?, levels: Int
    ) throws(DeviceTreeError) {
        if window.bytes <= best.bytes || levels > DeviceNode.maximumDepth { return }
        guard let bus, let above = bus.parent else {
            best = window
            return
        }
        guard let ranges = bus.property("dma-ranges"), ranges.count > 0 else {
            return try pass(window, above, levels: levels + 1)
        }
        let childCells = try bus.cells(.addressCells, default: 2)
        let parentCells = try above.cells(.addressCells, default: 2)
        let sizeCells = try bus.cells(.sizeCells, default: 1)
        let entry = childCells + parentCells + sizeCells
        if entry == 0 || ranges.count % (4 * entry) != 0 {
            throw DeviceTreeError(.badLength, .dmaRanges, node: bus.offset)
        }
        for first in stride(from: 0, to: ranges.count / 4, by: entry) where remaining > 0 {
            remaining -= 1
            guard let child = ranges.number(first, cells: childCells),
                let parent = ranges.number(first + childCells, cells: parentCells),
                let size = ranges.number(first + childCells + parentCells, cells: sizeCells),
                let part = window.part(from: child, size, at: parent)
            else { continue }
            try pass(part, above, levels: levels + 1)
        }
    }
}

extension MemoryWindow {
    /// Returns what an entry passes: the part whose physical addresses are the `size` ones from
    /// `child` on, at `parent`. nil where there is none.
    fileprivate func part(from child: UInt64, _ size: UInt64, at parent: UInt64) -> MemoryWindow? {
        let start = max(physical, child)
        let end = min(physical &+ min(bytes, ~physical), child &+ min(size, ~child))
        if end <= start { return nil }
        let (place, isOverflow) = parent.addingReportingOverflow(start - child)
        if isOverflow { return nil }
        return MemoryWindow(
            bus: bus + (start - physical), physical: place, bytes: min(end - start, ~place))
    }
}
