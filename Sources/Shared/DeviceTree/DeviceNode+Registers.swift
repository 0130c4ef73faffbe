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
    /// Do the two share a byte?
    public func overlaps(_ other: RegisterRange) -> Bool {
        if size == 0 || other.size == 0 { return false }
        return base <= other.base &+ (other.size &- 1) && other.base <= base &+ (size &- 1)
    }
}

/// One interrupt of a device.
public struct DeviceInterrupt: Equatable, Sendable {
    /// The kernel's number for it: an INTID at a GIC, as `BCM2836` says otherwise.
    public var line: Int
    public var isEdge: Bool
    /// The controller's node offset.
    public var controller: Int32
}

extension DeviceNode {
    /// Entries of `reg`.
    ///
    /// - Throws: `badLength` where the length is not a multiple of an entry's; `badCells`.
    public func registerCount() throws(DeviceTreeError) -> Int {
        guard let parent, let reg = property("reg") else { return 0 }
        return try entries(reg, parent).count
    }

    /// Entry `index` of `reg` as a physical address; nil behind the last entry, or where not all of it reaches the CPU.
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
        if size > 0 && translated > UInt64.max - size { throw DeviceTreeError(.unreachable, .reg, node: offset) }
        return RegisterRange(base: translated, size: size)
    }

    /// Cells of an address and of a size in `reg`, and how many pairs of them it holds.
    private func entries(
        _ reg: DeviceProperty, _ parent: DeviceNode
    ) throws(DeviceTreeError) -> (addressCells: Int, sizeCells: Int, count: Int) {
        let addressCells = try parent.cells(.addressCells, default: 2)
        let sizeCells = try parent.cells(.sizeCells, default: 1)
        if addressCells == 0 { throw DeviceTreeError(.badCells, .addressCells, node: parent.offset) }
        let bytes = 4 * (addressCells + sizeCells)
        if reg.count % bytes != 0 { throw DeviceTreeError(.badLength, .reg, node: offset) }
        return (addressCells, sizeCells, reg.count / bytes)
    }

    /// A child's address as the CPU sees it; nil where not all of its `size` bytes lie in one window of every bus above.
    private func translate(_ childAddress: UInt64, size: UInt64) throws(DeviceTreeError) -> UInt64? {
        var address = childAddress
        var bus = self
        for _ in 0..<DeviceNode.maximumDepth {
            guard let above = bus.parent else { return address }  // the root's children are the CPU's addresses
            guard let ranges = bus.property("ranges") else { return nil }
            if ranges.count > 0 {
                guard let mapped = try bus.map(address, size: size, ranges, above) else { return nil }
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
        if entry == 0 || ranges.count % (4 * entry) != 0 { throw DeviceTreeError(.badLength, .ranges, node: offset) }
        var index = 0
        while (index + entry) * 4 <= ranges.count {  // one entry a round
            // PCI's three-cell addresses carry flags in the first cell; such a range never matches a plain address.
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

    /// The controller that this node's `interrupts` belong to: the nearest node with `#interrupt-cells` along
    /// `interrupt-parent` where there is one, else along the parents.
    public var interruptParent: DeviceNode? {
        var node = self
        for _ in 0..<(2 * DeviceNode.maximumDepth) {
            guard
                let next = node.property("interrupt-parent").map({ controller($0.word(0) ?? 0) }) ?? node.parent
            else { return nil }
            if next.property("#interrupt-cells") != nil { return next }
            node = next
        }
        return nil
    }

    /// The node that a device's interrupts refer to. What is above it hardly ever matters, and is left to be found.
    private func controller(_ phandle: UInt32) -> DeviceNode? {
        tree.scan(phandle: phandle).map { DeviceNode(tree: tree, offset: Int32(truncatingIfNeeded: $0)) }
    }

    /// Which property holds the node's interrupts: where there are both, `interrupts-extended` counts (2.4.1).
    var interruptProperty: DeviceTreeError.Property {
        property("interrupts-extended") == nil ? .interrupts : .interruptsExtended
    }

    /// Interrupt `index` of the node; nil behind the last, or where its controller is of no known kind.
    ///
    /// - Throws: `noSuchLine` where the controller does not have it, `badCells`, `badLength`.
    public func interrupt(_ index: Int) throws(DeviceTreeError) -> DeviceInterrupt? {
        if let extended = property("interrupts-extended") { return try interrupt(index, extended: extended) }
        guard let interrupts = property("interrupts"), let controller = interruptParent else { return nil }
        let cells = try controller.cells(.interruptCells, default: 0)
        if cells == 0 { throw DeviceTreeError(.badCells, .interruptCells, node: controller.offset) }
        if (index + 1) * cells * 4 > interrupts.count { return nil }
        return try decode(interrupts, at: index * cells, cells: cells, controller)
    }

    private func interrupt(_ index: Int, extended: DeviceProperty) throws(DeviceTreeError) -> DeviceInterrupt? {
        var position = 0
        for current in 0...index {
            guard let phandle = extended.word(position), let controller = controller(phandle) else {
                return nil
            }
            let cells = try controller.cells(.interruptCells, default: 0)
            if (position + 1 + cells) * 4 > extended.count {
                throw DeviceTreeError(.badLength, .interruptsExtended, node: offset)
            }
            if current == index { return try decode(extended, at: position + 1, cells: cells, controller) }
            position += 1 + cells
        }
        return nil
    }

    /// An interrupt specifier of this node (Linux bindings: arm,gic.yaml; brcm,bcm2836-l1-intc.yaml, <line flags>;
    /// brcm,bcm2835-armctrl-ic.yaml, <bank number>).
    private func decode(
        _ property: DeviceProperty, at index: Int, cells: Int, _ controller: DeviceNode
    ) throws(DeviceTreeError) -> DeviceInterrupt? {
        guard let first = property.word(index), let second = property.word(index + 1), cells >= 2 else { return nil }
        let line: Int?
        var flags: UInt32 = 4
        switch controller.controllerKind {
        case .none: return nil
        case .gicv2, .gicv3:
            // <type number flags>: type 0 counts the shared lines 32 to 1019, type 1 the private ones 16 to 31.
            guard cells >= 3, let third = property.word(index + 2), first <= 1 else { return nil }
            line = second >= (first == 0 ? 988 : 16) ? nil : Int(second) + (first == 0 ? 32 : 16)
            flags = third
        case .bcm2836:
            line = first > 9 ? nil : Int(first) + 16
            flags = second
        case .armctrl:
            let base = first == 0 ? 96 : Int(first & 3) * 32
            line = first > 2 || second >= (first == 0 ? 8 : 32) ? nil : base + Int(second)
        }
        guard let line else { throw DeviceTreeError(.noSuchLine, interruptProperty, node: offset) }
        return DeviceInterrupt(
            line: line, isEdge: flags & 0xf == 1 || flags & 0xf == 2, controller: controller.offset)
    }

    /// What kind of interrupt controller this node is, if any.
    public var controllerKind: ControllerKind { property("compatible")?.controllerKind ?? .none }
}

extension DeviceProperty {
    /// Of what interrupt controller this is the `compatible`.
    var controllerKind: ControllerKind {
        if contains("arm,gic-v3") { return .gicv3 }
        if contains("arm,cortex-a15-gic") || contains("arm,gic-400") || contains("arm,cortex-a9-gic")
            || contains("arm,cortex-a7-gic")
        {
            return .gicv2
        }
        if contains("brcm,bcm2836-l1-intc") { return .bcm2836 }
        return contains("brcm,bcm2836-armctrl-ic") ? .armctrl : .none
    }
}
