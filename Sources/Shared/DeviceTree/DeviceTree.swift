// A device tree, read in place through libfdt (Devicetree Specification 0.4).
//
// Nothing is copied and nothing allocated, so the kernel's boot code, the device manager and the
// host tools use the same reader. libfdt bounds every access by the tree's header, which is checked
// once here; every loop below is bounded by the number of nodes or by a stated limit, and every
// failure is a typed error.

import CLibFDT

/// A checked device tree in memory.
@safe public struct DeviceTree {
    let base: UnsafeRawPointer
    let blocks: TreeBlocks

    /// No tree is larger (Linux Documentation/arch/arm64/booting.rst).
    public static var maximumBytes: Int { 2 << 20 }

    /// - Parameters:
    ///   - base: where the tree lies, 8-byte aligned; it must stay there unchanged.
    ///   - limit: bytes that may be read there.
    public init(at base: UnsafeRawPointer, limit: Int) throws(DeviceTreeError) {
        // Safety: every read below is within `limit` bytes of `base`, or bounded by the size that
        // was checked against it.
        if unsafe limit < 40 || swiftlet_fdt_has_magic(base) == 0 {
            throw DeviceTreeError(.noMagic)
        }
        if unsafe fdt_check_header(base) != 0 { throw DeviceTreeError(.malformed) }
        let size = unsafe Int(swiftlet_fdt_total_size(base))
        if size > DeviceTree.maximumBytes { throw DeviceTreeError(.tooLarge) }
        if size > limit { throw DeviceTreeError(.truncated) }
        if unsafe fdt_check_full(base, size) != 0 { throw DeviceTreeError(.malformed) }
        unsafe self.base = base
        blocks = unsafe TreeBlocks(
            structure: DeviceTree.headerWord(base, 8),
            structureSize: DeviceTree.headerWord(base, 36),
            strings: DeviceTree.headerWord(base, 12), stringsSize: DeviceTree.headerWord(base, 32))
        // Versions before 17 do not state the structure's size; nobody has written one since 2006.
        let version = unsafe DeviceTree.headerWord(base, 20)
        if version < 17 || (UInt(bitPattern: base) | UInt(blocks.structure)) & 3 != 0 {
            throw DeviceTreeError(.malformed)
        }
    }

    private static func headerWord(_ base: UnsafeRawPointer, _ offset: Int) -> Int {
        // Safety: the header is 40 bytes.
        unsafe Int(UInt32(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }

    /// Bytes of the tree, by its header.
    public var size: Int { unsafe Int(swiftlet_fdt_total_size(base)) }

    /// Bytes up to the end of what is used: structure and strings.
    public var usedSize: Int {
        max(blocks.strings + blocks.stringsSize, blocks.structure + blocks.structureSize)
    }

    public var root: DeviceNode { DeviceNode(tree: self, offset: 0, ancestors: Ancestors()) }

    /// The next node in depth-first order; `depth` is updated (0 is the root). nil after the last.
    public func node(after node: DeviceNode, depth: inout Int) -> DeviceNode? {
        let before = depth
        guard let next = scan(after: Int(node.offset), depth: &depth) else { return nil }
        return DeviceNode(
            tree: self, offset: Int32(truncatingIfNeeded: next),
            ancestors: node.ancestors?.next(after: node, change: depth - before))
    }

    /// The node at a place in the structure that a walk or an error named; nil where there is none.
    ///
    /// - Complexity: once for each node before it.
    public func node(at offset: Int32) -> DeviceNode? {
        var depth = 0
        var node: DeviceNode? = root
        while let current = node, current.offset < offset {
            node = self.node(after: current, depth: &depth)
        }
        return node?.offset == offset ? node : nil
    }

    /// The name of the node at `offset`, without terminator.
    func name(at offset: Int32) -> UnsafeRawBufferPointer {
        var length: Int32 = 0
        guard let name = unsafe fdt_get_name(base, offset, &length), length >= 0 else {
            return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        }
        return unsafe UnsafeRawBufferPointer(start: name, count: Int(length))
    }

    /// Memory reservations of the header, by index; nil at the list's end: an entry of two zeros.
    public func reservation(_ index: Int) -> (base: UInt64, size: UInt64)? {
        var address: UInt64 = 0
        var size: UInt64 = 0
        if unsafe fdt_get_mem_rsv(base, Int32(truncatingIfNeeded: index), &address, &size) != 0 {
            return nil
        }
        if address == 0 && size == 0 { return nil }
        return (address, size)
    }
}

/// Offsets of the nodes above one, the root's first, and whether they are enabled.
struct Ancestors {
    private var offsets: InlineArray<16, Int32>
    private var count = 0
    /// How many of them, from the root on, are enabled before one is not.
    private var enabled = 0
    init() { offsets = InlineArray(repeating: 0) }

    /// The ancestors of the node that follows `node`, whose ancestors these are, in depth-first
    /// order, and stands `change` levels deeper; nil where that cannot be.
    func next(after node: DeviceNode, change: Int) -> Ancestors? {
        let depth = count + change
        if depth < 0 || change > 1 { return nil }
        var path = self
        if change == 1 && count < 16 {
            path.offsets[count] = node.offset
            if enabled == count && node.hasGoodStatus { path.enabled = depth }
        }
        path.count = depth
        path.enabled = min(path.enabled, depth)
        return path
    }
    /// The ancestors of a child.
    func child(of node: DeviceNode) -> Ancestors? { next(after: node, change: 1) }
    /// Deeper down only their number is known, so that a walk finds its way up again.
    var areKept: Bool { count <= 16 }
    var keptCount: Int { min(count, 16) }
    subscript(index: Int) -> Int32 { offsets[index] }
    var areEnabled: Bool { enabled == count }
    /// The parent's offset: the root is its own.
    var last: Int32 { count > 0 ? offsets[count - 1] : 0 }
    var parents: Ancestors {
        var path = self
        path.count = max(count - 1, 0)
        path.enabled = min(enabled, path.count)
        return path
    }
}

/// A node of a tree.
public struct DeviceNode {
    public let tree: DeviceTree
    public let offset: Int32
    /// The nodes above, where the walk that found this one knew them: libfdt has to search the tree
    /// for a parent.
    let ancestors: Ancestors?

    init(tree: DeviceTree, offset: Int32, ancestors: Ancestors? = nil) {
        self.tree = tree
        self.offset = offset
        self.ancestors = ancestors
    }

    /// Nodes above this one that are looked at, at most.
    public static var maximumDepth: Int { 16 }

    public func property(_ name: StaticString) -> DeviceProperty? {
        unsafe property(
            UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
    /// The property whose name `name` bytes spell.
    public func property(_ name: UnsafeRawBufferPointer) -> DeviceProperty? {
        guard let value = unsafe tree.scanProperty(of: Int(offset), named: name) else { return nil }
        // Safety: the tree was checked as a whole.
        return unsafe DeviceProperty(
            start: tree.base + tree.blocks.structure + value.start, count: value.count)
    }

    /// The node's name with unit address, without terminator.
    public var name: UnsafeRawBufferPointer { unsafe tree.name(at: offset) }

    /// Calls `body` with each name of the node's path, the root's empty one left out; one of "..."
    /// stands for those deeper than `maximumDepth`.
    public func eachName(_ body: (UnsafeRawBufferPointer) -> Void) {
        if offset == 0 { return }
        if let ancestors {
            for index in 1..<max(ancestors.keptCount, 1) {
                unsafe body(tree.name(at: ancestors[index]))
            }
            let dots: StaticString = "..."
            if !ancestors.areKept {
                unsafe body(UnsafeRawBufferPointer(start: dots.utf8Start, count: 3))
            }
        }
        unsafe body(name)
    }

    public var parent: DeviceNode? {
        if offset == 0 { return nil }
        if let ancestors, ancestors.areKept {
            return DeviceNode(tree: tree, offset: ancestors.last, ancestors: ancestors.parents)
        }
        let parent = unsafe fdt_parent_offset(tree.base, offset)
        return parent < 0 ? nil : DeviceNode(tree: tree, offset: parent)
    }
    public var firstChild: DeviceNode? {
        let child = unsafe fdt_first_subnode(tree.base, offset)
        if child < 0 { return nil }
        return DeviceNode(tree: tree, offset: child, ancestors: ancestors?.child(of: self))
    }
    public var nextSibling: DeviceNode? {
        let next = unsafe fdt_next_subnode(tree.base, offset)
        return next < 0 ? nil : DeviceNode(tree: tree, offset: next, ancestors: ancestors)
    }

    /// Is `status` absent, "okay" or "ok", here and in every node above? What is on a disabled bus
    /// is not there, and what lies deeper than `maximumDepth` is not looked at.
    public var isEnabled: Bool {
        guard let ancestors else { return false }
        return ancestors.areKept && ancestors.areEnabled && hasGoodStatus
    }
    /// The node's own `status`.
    var hasGoodStatus: Bool {
        guard let status = property("status") else { return true }
        return status.contains("okay") || status.contains("ok")
    }

    public func isCompatible(_ name: StaticString) -> Bool {
        property("compatible")?.contains(name) ?? false
    }

    /// The number of cells that a property states.
    func cells(
        _ name: DeviceTreeError.Property, default value: Int
    ) throws(DeviceTreeError) -> Int {
        guard let property = property(name.name) else { return value }
        guard let cells = property.word(0), cells <= 4 else {
            throw DeviceTreeError(.badCells, name, node: offset)
        }
        return Int(cells)
    }
}

/// A property's value.
@safe public struct DeviceProperty {
    let start: UnsafeRawPointer
    public let count: Int

    public var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: start, count: count)
    }

    /// The 32-bit cell at `index`; nil outside the value.
    public func word(_ index: Int) -> UInt32? {
        if index < 0 || index &* 4 &+ 4 > count { return nil }
        return unsafe UInt32(
            bigEndian: start.loadUnaligned(fromByteOffset: index &* 4, as: UInt32.self))
    }
    /// The number in `cells` cells from `index` on; nil outside the value or above 64 bits.
    public func number(_ index: Int, cells: Int) -> UInt64? {
        var value: UInt64 = 0
        for step in 0..<cells {  // at most 4: cells was checked
            guard let word = word(index &+ step) else { return nil }
            if value >> 32 != 0 { return nil }
            value = value << 32 | UInt64(word)
        }
        return value
    }
    /// Whether `text` is one of the strings of this list.
    public func contains(_ text: StaticString) -> Bool { index(of: text) != nil }
    /// The place of `text` among the strings of this list, from 0 on; nil where it is not there.
    public func index(of text: StaticString) -> Int? {
        let length = text.utf8CodeUnitCount
        var position = 0
        var place = 0
        while position < count {  // one string a round
            var end = position
            while end < count, unsafe bytes[end] != 0 { end += 1 }
            if end - position == length {
                var index = 0
                while index < length, unsafe bytes[position + index] == text.utf8Start[index] {
                    index += 1
                }
                if index == length { return place }
            }
            position = end + 1
            place += 1
        }
        return nil
    }
    /// The first string, without terminator.
    public var string: UnsafeRawBufferPointer {
        var end = 0
        while end < count, unsafe bytes[end] != 0 { end += 1 }
        return unsafe UnsafeRawBufferPointer(start: start, count: end)
    }
}
