// Where a device's registers are: addresses through every parent's `ranges` (Devicetree
// Specification 2.3.6–2.3.8).

/// A range of physical addresses.
public struct RegisterRange: Equatable, Sendable {
    public var base: UInt64
    public var size: UInt64
    public init(base: UInt64, size: UInt64) {
        self.base = base
        self.size = size
    }
    /// Do the two share a byte?
    public func overlaps(_ other: RegisterRange) -> Bool {
        if size == 0 || other.size == 0 { return false }
        return base <= other.base &+ (other.size &- 1) && other.base <= base &+ (size &- 1)
    }
}

extension DeviceNode {
    /// Entries of `reg`.
    ///
    /// - Throws: `badLength` where the length is not a multiple of an entry's; `badCells`.
    public func registerCount() throws(DeviceTreeError) -> Int {
        guard let parent, let reg = property("reg") else { return 0 }
        return try entries(reg, parent).count
    }

    /// Entry `index` of `reg` as a physical address; nil behind the last entry, or where not all of
    /// it reaches the CPU.
    public func registers(_ index: Int) throws(DeviceTreeError) -> RegisterRange? {
        guard let parent, let reg = property("reg") else { return nil }
        let (addressCells, sizeCells, count) = try entries(reg, parent)
        if index >= count { return nil }
        let first = index * (addressCells + sizeCells)
        // More than 64 bits: a bus's own way to address its devices, as PCI's.
        guard let address = reg.number(first, cells: addressCells),
            let size = reg.number(first + addressCells, cells: sizeCells)
        else { return nil }
        guard let translated = try parent.translate(address, size: size) else { return nil }
        if size > 0 && translated > UInt64.max - size {
            throw DeviceTreeError(.unreachable, .reg, node: offset)
        }
        return RegisterRange(base: translated, size: size)
    }

    /// Cells of an address and of a size in `reg`, and how many pairs of them it holds.
    private func entries(
        _ reg: DeviceProperty, _ parent: DeviceNode
    ) throws(DeviceTreeError) -> (addressCells: Int, sizeCells: Int, count: Int) {
        let addressCells = try parent.cells(.addressCells, default: 2)
        let sizeCells = try parent.cells(.sizeCells, default: 1)
        if addressCells == 0 {
            throw DeviceTreeError(.badCells, .addressCells, node: parent.offset)
        }
        let bytes = 4 * (addressCells + sizeCells)
        if reg.count % bytes != 0 { throw DeviceTreeError(.badLength, .reg, node: offset) }
        return (addressCells, sizeCells, reg.count / bytes)
    }

    /// A child's address as the CPU sees it; nil where not all of its `size` bytes lie in one
    /// window of every bus above.
    private func translate(
        _ childAddress: UInt64, size: UInt64
    ) throws(DeviceTreeError) -> UInt64? {
        var address = childAddress
        var bus = self
        for _ in 0..<DeviceNode.maximumDepth {
            // The root's children are the CPU's addresses.
            guard let above = bus.parent else { return address }
            guard let ranges = bus.property("ranges") else { return nil }
            if ranges.count > 0 {
                guard let mapped = try bus.map(address, size: size, ranges, above) else {
                    return nil
                }
                address = mapped
            }
            bus = above
        }
        throw DeviceTreeError(.unreachable, .reg, node: offset)
    }

    private func map(
        _ address: UInt64, size length: UInt64, _ ranges: DeviceProperty, _ above: DeviceNode
    ) throws(DeviceTreeError) -> UInt64? {
        let childCells = try cells(.addressCells, default: 2)
        let parentCells = try above.cells(.addressCells, default: 2)
        let sizeCells = try cells(.sizeCells, default: 1)
        let entry = childCells + parentCells + sizeCells
        if entry == 0 || ranges.count % (4 * entry) != 0 {
            throw DeviceTreeError(.badLength, .ranges, node: offset)
        }
        var index = 0
        while (index + entry) * 4 <= ranges.count {  // one entry a round
            // PCI's three-cell addresses carry flags in the first cell; such a range never matches
            // a plain address.
            if let child = ranges.number(index, cells: childCells),
                let parent = ranges.number(index + childCells, cells: parentCells),
                let size = ranges.number(index + childCells + parentCells, cells: sizeCells),
                address >= child, address - child < size, length <= size - (address - child),
                parent <= UInt64.max - (address - child)
            {
                return parent + (address - child)
            }
            index += entry
        }
        return nil
    }
}
