// Where a device's registers are, and which interrupt lines it has: addresses through every parent's `ranges`, interrupts
// through the inherited controller (Devicetree Specification 2.3.6–2.3.8, 2.4).

/// A range of physical addresses.
public struct RegisterRange: Equatable, Sendable {
    public var base: UInt64
    public var size: UInt64
    public init(base: UInt64, size: UInt64) {
        self.base = base
        self.size = size
    }
}

/// One interrupt of a device.
public struct DeviceInterrupt: Equatable, Sendable {
    /// The controller's number for it: an INTID at a GIC.
    public var line: Int
    public var isEdge: Bool
    /// The controller's node offset.
    public var controller: Int32
}

extension DeviceNode {
    /// Entry `index` of `reg` as a physical address; nil behind the last entry, or where the address does not reach the CPU.
    public func registers(_ index: Int) throws(DeviceTreeError) -> RegisterRange? {
        guard let parent, let reg = property("reg") else { return nil }
        let addressCells = try parent.cells("#address-cells", default: 2)
        let sizeCells = try parent.cells("#size-cells", default: 1)
        let entry = addressCells + sizeCells
        if entry == 0 || reg.count % 4 != 0 { throw DeviceTreeError(.badProperty, node: offset) }
        if (index + 1) * entry * 4 > reg.count { return nil }
        guard let address = reg.number(index * entry, cells: addressCells),
            let size = reg.number(index * entry + addressCells, cells: sizeCells)
        else { throw DeviceTreeError(.badProperty, node: offset) }
        guard let translated = try parent.translate(address) else { return nil }
        if size > 0 && translated > UInt64.max - size { throw DeviceTreeError(.badProperty, node: offset) }
        return RegisterRange(base: translated, size: size)
    }

    /// A child's address as the CPU sees it.
    func translate(_ childAddress: UInt64) throws(DeviceTreeError) -> UInt64? {
        var address = childAddress
        var bus = self
        for _ in 0..<DeviceNode.maximumDepth {
            guard let above = bus.parent else { return address }  // the root's children are the CPU's addresses
            guard let ranges = bus.property("ranges") else { return nil }
            if ranges.count > 0 {
                guard let mapped = try bus.map(address, ranges, above) else { return nil }
                address = mapped
            }
            bus = above
        }
        throw DeviceTreeError(.badProperty, node: offset)
    }

    private func map(_ address: UInt64, _ ranges: DeviceProperty, _ above: DeviceNode) throws(DeviceTreeError)
        -> UInt64?
    {
        let childCells = try cells("#address-cells", default: 2)
        let parentCells = try above.cells("#address-cells", default: 2)
        let sizeCells = try cells("#size-cells", default: 1)
        let entry = childCells + parentCells + sizeCells
        if entry == 0 { throw DeviceTreeError(.badProperty, node: offset) }
        var index = 0
        while (index + entry) * 4 <= ranges.count {  // one entry a round
            // PCI's three-cell addresses carry flags in the first cell; such a range never matches a plain address.
            if let child = ranges.number(index, cells: childCells),
                let parent = ranges.number(index + childCells, cells: parentCells),
                let size = ranges.number(index + childCells + parentCells, cells: sizeCells),
                address >= child, address - child < size, parent <= UInt64.max - (address - child)
            {
                return parent + (address - child)
            }
            index += entry
        }
        return nil
    }

    /// The controller that this node's `interrupts` belong to, inherited from the parents.
    public var interruptParent: DeviceNode? {
        var node = self
        for _ in 0..<DeviceNode.maximumDepth {
            if let phandle = node.property("interrupt-parent")?.word(0) { return tree.node(phandle: phandle) }
            guard let parent = node.parent else { return nil }
            node = parent
            if node.property("interrupt-controller") != nil && node.property("interrupt-parent") == nil { return node }
        }
        return nil
    }

    /// Interrupt `index` of the node; nil behind the last, or where its controller is of no known kind.
    public func interrupt(_ index: Int) throws(DeviceTreeError) -> DeviceInterrupt? {
        if let extended = property("interrupts-extended") { return try interrupt(index, extended: extended) }
        guard let interrupts = property("interrupts"), let controller = interruptParent else { return nil }
        let cells = try controller.cells("#interrupt-cells", default: 0)
        if cells == 0 { throw DeviceTreeError(.badProperty, node: offset) }
        if (index + 1) * cells * 4 > interrupts.count { return nil }
        return controller.decode(interrupts, at: index * cells, cells: cells)
    }

    private func interrupt(_ index: Int, extended: DeviceProperty) throws(DeviceTreeError) -> DeviceInterrupt? {
        var position = 0
        for current in 0...index {
            guard let phandle = extended.word(position), let controller = tree.node(phandle: phandle) else {
                return nil
            }
            let cells = try controller.cells("#interrupt-cells", default: 0)
            if (position + 1 + cells) * 4 > extended.count { throw DeviceTreeError(.badProperty, node: offset) }
            if current == index { return controller.decode(extended, at: position + 1, cells: cells) }
            position += 1 + cells
        }
        return nil
    }

    /// An interrupt specifier of this controller. GIC: <type number flags> (Linux bindings, arm,gic.yaml).
    private func decode(_ property: DeviceProperty, at index: Int, cells: Int) -> DeviceInterrupt? {
        guard gicVersion != nil, cells >= 3, let type = property.word(index), let number = property.word(index + 1),
            let flags = property.word(index + 2), type <= 1, number < 988
        else { return nil }
        return DeviceInterrupt(
            line: Int(number) + (type == 0 ? 32 : 16), isEdge: flags & 0xf == 1 || flags & 0xf == 2, controller: offset)
    }

    /// 2 or 3 where this node is a GIC.
    public var gicVersion: Int? { property("compatible")?.gicVersion }
}

extension DeviceProperty {
    /// 2 or 3 where this is the `compatible` of a GIC.
    var gicVersion: Int? {
        if contains("arm,gic-v3") { return 3 }
        if contains("arm,cortex-a15-gic") || contains("arm,gic-400") || contains("arm,cortex-a9-gic")
            || contains("arm,cortex-a7-gic")
        {
            return 2
        }
        return nil
    }
}
