// Which interrupts a device has, and to which line of which controller each one leads: through the
// inherited controller, or the controllers that `interrupts-extended` names, and through the
// `interrupt-map` of every nexus on the way (Devicetree Specification 2.4).

/// One interrupt of a device.
public struct DeviceInterrupt: Equatable, Sendable {
    /// Its place among the interrupts of the device, from 0 on.
    public var index: Int
    /// The kernel's number for it: an INTID at a GIC, as `BCM2836` says otherwise. nil where the
    /// interrupt leads to no controller of a kind that the kernel drives.
    public var line: Int?
    public var isEdge: Bool
    /// The controller's node offset; -1 where the interrupt leads to none.
    public var controller: Int32

    /// An interrupt without a controller.
    fileprivate static func nowhere(_ index: Int) -> DeviceInterrupt {
        DeviceInterrupt(index: index, line: nil, isEdge: false, controller: -1)
    }
}

extension DeviceNode {
    /// Returns the interrupts of the node, in their order; nil where it has none.
    ///
    /// - Throws: `badCells` where the controller says nothing valid about a specifier's size.
    public func interrupts() throws(DeviceTreeError) -> InterruptList? {
        guard let list = property(interruptProperty.name) else { return nil }
        return try InterruptList(of: self, list)
    }

    /// Returns interrupt `index` of the node; nil behind the last.
    ///
    /// - Throws: `noSuchLine` where the controller does not have it, `badCells`, `badLength`.
    /// - Complexity: O(index) look-ups of controllers, and a search of each nexus's map.
    public func interrupt(_ index: Int) throws(DeviceTreeError) -> DeviceInterrupt? {
        guard var list = try interrupts() else { return nil }
        for _ in 0..<index {  // at most once for each cell of the property
            guard let earlier = try list.nextSpecifier() else { return nil }
            // Where the list cannot be read on, this interrupt has no controller either.
            if earlier.junction == nil { return .nowhere(earlier.index) }
        }
        return try list.next()
    }

    /// Returns the interrupt at place `index` among those that the kernel's controllers deliver;
    /// nil where there are fewer. Interrupts that lead elsewhere are passed over.
    ///
    /// - Throws: what `interrupt` throws.
    public func interrupt(
        _ index: Int, of machine: borrowing MachineDescription
    ) throws(DeviceTreeError) -> DeviceInterrupt? {
        guard var list = try interrupts() else { return nil }
        var remaining = index
        while let interrupt = try list.next() {  // once an interrupt
            if !machine.delivers(interrupt) { continue }
            if remaining == 0 { return interrupt }
            remaining -= 1
        }
        return nil
    }

    /// Returns the index of `name` in `interrupt-names`; nil where it is not there. `default` where
    /// the node does not name its interrupts.
    func interruptIndex(of name: StaticString, default index: Int) -> Int? {
        guard let names = property("interrupt-names") else { return index }
        return names.index(of: name)
    }

    /// Which property holds the node's interrupts: where there are both, `interrupts-extended`
    /// counts (2.4.1).
    var interruptProperty: DeviceTreeError.Property {
        property("interrupts-extended") == nil ? .interrupts : .interruptsExtended
    }

    /// The controller or nexus that this node's `interrupts` belong to: the nearest node with
    /// `#interrupt-cells` along `interrupt-parent` where there is one, else along the parents.
    public var interruptParent: DeviceNode? {
        var node = self
        for _ in 0..<(2 * DeviceNode.maximumDepth) {
            let named = node.property("interrupt-parent")
            guard let next = named.map({ tree.controller($0.word(0) ?? 0) }) ?? node.parent else {
                return nil
            }
            if next.property("#interrupt-cells") != nil { return next }
            node = next
        }
        return nil
    }

    /// The number of cells of a specifier at this controller or nexus.
    ///
    /// - Throws: `badCells` for none, or more than four.
    func interruptCells() throws(DeviceTreeError) -> Int {
        let cells = try cells(.interruptCells, default: 0)
        if cells == 0 { throw DeviceTreeError(.badCells, .interruptCells, node: offset) }
        return cells
    }

    /// What kind of interrupt controller this node is, if any.
    public var controllerKind: ControllerKind { property("compatible")?.controllerKind ?? .none }
}

/// The interrupts of a node, one after the other.
public struct InterruptList {
    private let node: DeviceNode
    private let property: DeviceProperty
    private let isExtended: Bool
    /// The controller or nexus of the entry that was read last.
    private var junction: Junction?
    private var junctions: Junctions
    /// The next cell to read.
    private var position = 0
    private var index = 0
    /// Interrupts of one device: four times the lines of a controller.
    private static var maximumCount: Int { 4096 }

    init(of node: DeviceNode, _ property: DeviceProperty) throws(DeviceTreeError) {
        self.node = node
        self.property = property
        isExtended = node.interruptProperty == .interruptsExtended
        junctions = Junctions(of: node.tree)
        if !isExtended, let parent = node.interruptParent { junction = try Junction(parent) }
    }

    /// Returns the next interrupt, through every nexus on the way; nil behind the last. An
    /// interrupt without controller is the last: nobody says where the next one begins. So is the
    /// one behind `maximumCount`.
    ///
    /// - Throws: `noSuchLine` where the controller does not have it; `badCells`, `badLength`.
    public mutating func next() throws(DeviceTreeError) -> DeviceInterrupt? {
        try nextSpecifier()?.route(&junctions)
    }

    /// Returns the next interrupt as the node's controller or nexus numbers it.
    fileprivate mutating func nextSpecifier() throws(DeviceTreeError) -> InterruptSpecifier? {
        if position * 4 >= property.count { return nil }
        if isExtended {
            guard let phandle = property.word(position) else {
                throw DeviceTreeError(.badLength, .interruptsExtended, node: node.offset)
            }
            position += 1
            junction = try junctions.find(phandle)
        }
        if index == InterruptList.maximumCount { junction = nil }
        var specifier = InterruptSpecifier(of: node, index, junction)
        guard let cells = junction?.cells else {
            position = property.count
            return specifier
        }
        if (position + cells) * 4 > property.count {
            throw DeviceTreeError(.badLength, node.interruptProperty, node: node.offset)
        }
        specifier.take(property, at: position, cells: cells)
        position += cells
        index += 1
        return specifier
    }
}

/// A controller or a nexus.
private struct Junction {
    let node: DeviceNode
    /// The number of cells of a specifier here.
    let cells: Int
    /// Where interrupts go on from here. A controller that also has a map handles them itself.
    let map: DeviceProperty?
    let kind: ControllerKind

    init(_ node: DeviceNode) throws(DeviceTreeError) {
        self.node = node
        cells = try node.interruptCells()
        map = node.property("interrupt-controller") == nil ? node.property("interrupt-map") : nil
        kind = node.controllerKind
    }
}

/// The controllers and nexuses on the ways of a device's interrupts, by phandle. Each search goes
/// through the whole tree, so the last ones are kept, and the number of searches is limited.
private struct Junctions {
    private let tree: DeviceTree
    private var known = InlineArray<4, (phandle: UInt32, junction: Junction)?>(repeating: nil)
    private var oldest = 0
    private var remaining = 256
    /// Entries of maps that may still be looked at.
    var entries = 1 << 18

    init(of tree: DeviceTree) { self.tree = tree }

    mutating func find(_ phandle: UInt32) throws(DeviceTreeError) -> Junction? {
        for index in 0..<4 {
            if let entry = known[index], entry.phandle == phandle { return entry.junction }
        }
        if remaining == 0 { return nil }
        remaining -= 1
        guard let node = tree.controller(phandle) else { return nil }
        let junction = try Junction(node)
        known[oldest] = (phandle, junction)
        oldest = (oldest + 1) & 3
        return junction
    }
}

/// An interrupt as a controller or a nexus numbers it.
private struct InterruptSpecifier {
    private let node: DeviceNode
    let index: Int
    /// Whose interrupt it is; nil: nobody's.
    private(set) var junction: Junction?
    private var words = InlineArray<4, UInt32>(repeating: 0)
    private var count = 0
    /// Where the device lies for the nexus, whose map may ask for it: the first cells of `reg`.
    private var address = InlineArray<4, UInt32>(repeating: 0)

    init(of node: DeviceNode, _ index: Int, _ junction: Junction?) {
        self.node = node
        self.index = index
        self.junction = junction
    }

    mutating func take(_ property: DeviceProperty, at position: Int, cells: Int) {
        for cell in 0..<cells { words[cell] = property.word(position + cell) ?? 0 }
        count = cells
    }

    /// Returns the controller's line that this interrupt is, through every nexus on the way.
    func route(_ junctions: inout Junctions) throws(DeviceTreeError) -> DeviceInterrupt {
        var hop = self
        if hop.junction?.map != nil, let reg = node.property("reg") {
            for cell in 0..<4 { hop.address[cell] = reg.word(cell) ?? 0 }
        }
        for _ in 0..<DeviceNode.maximumDepth {
            guard let junction = hop.junction else { break }
            guard let map = junction.map else { return try hop.decode(junction) }
            try hop.pass(junction.node, map, &junctions)
        }
        return .nowhere(index)
    }

    /// Becomes what the first entry of the nexus's map makes of it (2.4.3.1): each entry has the
    /// unit address and the specifier at the nexus, then those at the next controller, as many
    /// cells as that one says. Where no entry is for it, the interrupt has no controller.
    private mutating func pass(
        _ nexus: DeviceNode, _ map: DeviceProperty, _ junctions: inout Junctions
    ) throws(DeviceTreeError) {
        let addressCells = try nexus.cells(.addressCells, default: 2)
        let mask = nexus.property("interrupt-map-mask")
        junction = nil
        var phandle: UInt32?
        var parent: Junction?
        var cells = (address: 0, specifier: 0)
        var position = 0
        while position * 4 < map.count, junctions.entries > 0 {  // once an entry
            junctions.entries -= 1
            let isMatch = matches(map, at: position, mask, addressCells)
            position += addressCells + count + 1
            guard let named = map.word(position - 1) else { throw nexus.isCutShort }
            if named != phandle {
                phandle = named
                parent = try junctions.find(named)
                guard let parent else { return }
                // A parent that says nothing of addresses has none.
                cells = (try parent.node.cells(.addressCells, default: 0), parent.cells)
            }
            let next = position + cells.address + cells.specifier
            if next * 4 > map.count { throw nexus.isCutShort }
            if isMatch, let parent, parent.node.hasGoodStatus {
                for cell in 0..<4 {
                    address[cell] = cell < cells.address ? map.word(position + cell) ?? 0 : 0
                }
                take(map, at: position + cells.address, cells: cells.specifier)
                junction = parent
                return
            }
            position = next
        }
    }

    /// Whether the map's entry at `position` is for this interrupt. Without a mask all bits count.
    private func matches(
        _ map: DeviceProperty, at position: Int, _ mask: DeviceProperty?, _ addressCells: Int
    ) -> Bool {
        for cell in 0..<(addressCells + count) {  // at most 8
            let own = cell < addressCells ? address[cell] : words[cell - addressCells]
            let bits = mask.map { $0.word(cell) ?? 0 } ?? ~0
            guard let entry = map.word(position + cell), (entry ^ own) & bits == 0 else {
                return false
            }
        }
        return true
    }

    /// The line at a controller (Linux bindings: arm,gic.yaml; brcm,bcm2836-l1-intc.yaml,
    /// <line flags>; brcm,bcm2835-armctrl-ic.yaml, <bank number>).
    private func decode(_ controller: Junction) throws(DeviceTreeError) -> DeviceInterrupt {
        var interrupt = DeviceInterrupt(
            index: index, line: nil, isEdge: false, controller: controller.node.offset)
        if count < (controller.kind.isGIC ? 3 : 2) { return interrupt }
        var flags: UInt32 = 4
        switch controller.kind {
        case .none: return interrupt
        case .gicv2, .gicv3:
            // <type number flags>: type 0 counts the shared lines 32 to 1019, type 1 the private
            // ones 16 to 31.
            if words[0] > 1 { return interrupt }
            let (first, end): (Int, UInt32) = words[0] == 0 ? (32, 988) : (16, 16)
            interrupt.line = words[1] >= end ? nil : Int(words[1]) + first
            flags = words[2]
        case .bcm2836:
            interrupt.line = words[0] > 9 ? nil : Int(words[0]) + 16
            flags = words[1]
        case .armctrl:
            let isBase = words[0] == 0
            let first = isBase ? 96 : Int(words[0] & 3) * 32
            let isThere = words[0] <= 2 && words[1] < (isBase ? 8 : 32)
            interrupt.line = isThere ? first + Int(words[1]) : nil
        }
        if interrupt.line == nil {
            throw DeviceTreeError(.noSuchLine, node.interruptProperty, node: node.offset)
        }
        interrupt.isEdge = flags & 0xf == 1 || flags & 0xf == 2
        return interrupt
    }
}

extension DeviceNode {
    fileprivate var isCutShort: DeviceTreeError {
        DeviceTreeError(.badLength, .interruptMap, node: offset)
    }
}

extension DeviceTree {
    /// Returns the node that interrupts refer to by this phandle. The nodes above it hardly ever
    /// matter, and are left to be found.
    fileprivate func controller(_ phandle: UInt32) -> DeviceNode? {
        scan(phandle: phandle).map { DeviceNode(tree: self, offset: Int32(truncatingIfNeeded: $0)) }
    }
}

extension DeviceProperty {
    /// Of what interrupt controller this is the `compatible`.
    var controllerKind: ControllerKind {
        if contains("arm,gic-v3") { return .gicv3 }
        if contains("arm,cortex-a15-gic") || contains("arm,gic-400")
            || contains("arm,cortex-a9-gic") || contains("arm,cortex-a7-gic")
        {
            return .gicv2
        }
        if contains("brcm,bcm2836-l1-intc") { return .bcm2836 }
        return contains("brcm,bcm2836-armctrl-ic") ? .armctrl : .none
    }
}
