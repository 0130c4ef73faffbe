// Which pin a node names: at the bank of its `gpios`, or through the `gpio-map` of every nexus on
// the way, such as a connector (Devicetree Specification 0.4, 2.5).

/// A pin, as a node names it.
public struct DevicePin {
    /// The node of the pin's bank.
    public let bank: DeviceNode
    public let pin: UInt32
    public let isActiveLow: Bool
}

/// Banks of pins and nexuses by phandle. Each search goes through the whole tree, so the last ones
/// are kept, and the number of searches is limited.
public struct DevicePins {
    private struct Bank {
        let node: DeviceNode
        /// The number of cells of a pin here: 1 to 4.
        let cells: Int
        /// Where pins go on from here.
        let map: DeviceProperty?

        /// - Returns: nil for more cells, or none.
        init?(_ node: DeviceNode) {
            self.node = node
            cells = Int(node.property("#gpio-cells").map { $0.word(0) ?? 0 } ?? 2)
            map = node.property("gpio-map")
            if cells < 1 || cells > 4 { return nil }
        }
    }
    private let tree: DeviceTree
    private var known = InlineArray<8, (phandle: UInt32, bank: Bank)?>(repeating: nil)
    private var oldest = 0
    private var searches = 1024
    /// Entries of maps that may still be looked at.
    private var entries = 1 << 16

    public init(of tree: DeviceTree) { self.tree = tree }

    /// Whether nothing more is looked up, so that a pin which was not found may be there.
    public var isExhausted: Bool { searches == 0 || entries == 0 }

    /// Returns the first pin of a property; nil where it leads to no bank.
    ///
    /// - Complexity: a search of the tree for each bank and nexus on the way that is not known yet.
    public mutating func pin(
        of node: DeviceNode, _ name: StaticString = "gpios"
    ) -> DevicePin? {
        guard let property = node.property(name), let phandle = property.word(0),
            var bank = find(phandle)
        else { return nil }
        var words = InlineArray<4, UInt32>(repeating: 0)
        for cell in 0..<bank.cells {
            guard let word = property.word(1 + cell) else { return nil }
            words[cell] = word
        }
        for _ in 0..<DeviceNode.maximumDepth {
            guard let map = bank.map else {
                // The flags stand last (Linux bindings, gpio.txt).
                let flags = bank.cells > 1 ? words[bank.cells - 1] : 0
                return DevicePin(bank: bank.node, pin: words[0], isActiveLow: flags & 1 != 0)
            }
            guard let next = pass(bank, map, &words) else { return nil }
            bank = next
        }
        return nil
    }

    /// Turns a pin at a nexus into what the first entry for it says: each entry has the pin here,
    /// and the phandle and the pin at the next bank, as many cells as that one says.
    ///
    /// - Returns: the next bank or nexus; nil where no entry is for the pin.
    private mutating func pass(
        _ nexus: Bank, _ map: DeviceProperty, _ words: inout InlineArray<4, UInt32>
    ) -> Bank? {
        let mask = nexus.node.property("gpio-map-mask")
        let kept = nexus.node.property("gpio-map-pass-thru")
        var position = 0
        while position * 4 < map.count, entries > 0 {  // once an entry
            entries -= 1
            var isMatch = true
            for cell in 0..<nexus.cells {
                // Without a mask all bits count.
                let bits = mask.map { $0.word(cell) ?? 0 } ?? ~0
                if ((map.word(position + cell) ?? 0) ^ words[cell]) & bits != 0 { isMatch = false }
            }
            let place = position + nexus.cells
            guard let phandle = map.word(place), let next = find(phandle) else { return nil }
            position = place + 1 + next.cells
            if position * 4 > map.count { return nil }
            if !isMatch || !next.node.hasGoodStatus { continue }
            let own = words
            for cell in 0..<next.cells {
                let bits = cell < nexus.cells ? kept?.word(cell) ?? 0 : 0
                words[cell] = (map.word(place + 1 + cell) ?? 0) & ~bits | own[cell] & bits
            }
            return next
        }
        return nil
    }

    private mutating func find(_ phandle: UInt32) -> Bank? {
        for index in 0..<8 {
            if let entry = known[index], entry.phandle == phandle { return entry.bank }
        }
        if searches == 0 { return nil }
        searches -= 1
        guard let bank = tree.node(phandle: phandle).flatMap(Bank.init) else { return nil }
        known[oldest] = (phandle, bank)
        oldest = (oldest + 1) & 7
        return bank
    }
}
