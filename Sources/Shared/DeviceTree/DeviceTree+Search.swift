// Nodes by path, by alias and by phandle (Devicetree Specification 2.2.3, 2.3.3, 3.3).

extension DeviceTree {
    /// The node at an absolute path, or below an alias, which `path` bytes spell. A component
    /// without unit address finds a node with one, as long as the name is the same.
    public func node(path: UnsafeRawBufferPointer) -> DeviceNode? {
        var node = root
        var at = 0
        if unsafe path.count > 0 && path[0] != UInt8(ascii: "/") {
            while at < path.count, unsafe path[at] != UInt8(ascii: "/") { at += 1 }
            guard
                let target = unsafe self.node("/aliases")?.property(
                    UnsafeRawBufferPointer(rebasing: path[0..<at])),
                unsafe target.string.count > 0 && target.string[0] == UInt8(ascii: "/"),
                let aliased = unsafe self.node(path: target.string)
            else { return nil }
            node = aliased
        }
        while at < path.count {  // one component a round
            if unsafe path[at] == UInt8(ascii: "/") {
                at += 1
                continue
            }
            let start = at
            while at < path.count, unsafe path[at] != UInt8(ascii: "/") { at += 1 }
            let name = unsafe UnsafeRawBufferPointer(rebasing: path[start..<at])
            guard let child = unsafe child(of: node, name) else { return nil }
            node = child
        }
        return node
    }
    public func node(_ path: StaticString) -> DeviceNode? {
        unsafe node(
            path: UnsafeRawBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount))
    }

    /// The first node that has this phandle.
    ///
    /// - Complexity: once for each property, and once for each node, before it.
    public func node(phandle: UInt32) -> DeviceNode? {
        scan(phandle: phandle).flatMap { node(at: Int32(truncatingIfNeeded: $0)) }
    }

    /// Returns the child of that name, straight from the structure block: boot looks for a few
    /// nodes by path, and asking libfdt for each name on the way took a twentieth of its time.
    private func child(of parent: DeviceNode, _ name: UnsafeRawBufferPointer) -> DeviceNode? {
        var depth = 0
        var next = scan(after: Int(parent.offset), depth: &depth)
        while let offset = next, depth > 0 {  // once for each node below the parent
            if unsafe depth == 1 && isNamed(offset, name) {
                return DeviceNode(
                    tree: self, offset: Int32(truncatingIfNeeded: offset),
                    ancestors: parent.ancestors?.child(of: parent))
            }
            next = scan(after: offset, depth: &depth)
        }
        return nil
    }

    /// Whether the node's name is what `wanted` asks for, which may leave out the unit address.
    private func isNamed(_ offset: Int, _ wanted: UnsafeRawBufferPointer) -> Bool {
        let start = offset + 4
        var hasAddress = false
        for index in 0..<wanted.count {
            let character = unsafe wanted[index]
            if byte(start + index) != character { return false }
            if character == UInt8(ascii: "@") { hasAddress = true }
        }
        let end = byte(start + wanted.count)
        return end == 0 || !hasAddress && end == UInt8(ascii: "@")
    }
}
