// Where a device reaches memory: its bus's `dma-ranges` (Devicetree Specification 2.3.9).

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
}

extension DeviceNode {
    /// The largest window of the device's bus; all of memory at the processor's addresses where the bus has none.
    ///
    /// - Throws: `badLength` where the property's length is not a multiple of an entry's; `badCells`.
    public func memoryWindow() throws(DeviceTreeError) -> MemoryWindow {
        var best = MemoryWindow(bus: 0, physical: 0, bytes: ~0)
        guard let bus = parent, let above = bus.parent, let ranges = bus.property("dma-ranges"), ranges.count > 0 else {
            return best
        }
        let childCells = try bus.cells(.addressCells, default: 2)
        let parentCells = try above.cells(.addressCells, default: 2)
        let sizeCells = try bus.cells(.sizeCells, default: 1)
        let entry = childCells + parentCells + sizeCells
        if entry == 0 || ranges.count % (4 * entry) != 0 {
            throw DeviceTreeError(.badLength, .dmaRanges, node: bus.offset)
        }
        best.bytes = 0
        for first in stride(from: 0, to: ranges.count / 4, by: entry) {
            guard let child = ranges.number(first, cells: childCells),
                let parent = ranges.number(first + childCells, cells: parentCells),
                let size = ranges.number(first + childCells + parentCells, cells: sizeCells), size > best.bytes
            else { continue }
            best = MemoryWindow(bus: child, physical: parent, bytes: size)
        }
        return best
    }
}
