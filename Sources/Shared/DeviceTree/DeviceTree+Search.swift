// Nodes by path, by alias and by phandle (Devicetree Specification 2.2.3, 2.3.3, 3.3).

extension DeviceTree {
    /// The node at an absolute path, or below an alias, which `path` bytes spell. A component without unit address finds a
    /// node with one, as long as the name is the same.
    public func node(path: UnsafeRawBufferPointer) -> DeviceNode? {
        var node = root
        var at = 0
        if unsafe path.count > 0 && path[0] != UInt8(ascii: "/") {
            while at < path.count, unsafe path[at] != UInt8(ascii: "/") { at += 1 }
            guard let target = unsafe self.node("/aliases")?.property(UnsafeRawBufferPointer(rebasing: path[0..<at])),
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
            guard let child = unsafe child(of: node, UnsafeRawBufferPointer(rebasing: path[start..<at])) else {
                return nil
            }
            node = child
        }
        return node
    }
    public func node(_ path: StaticString) -> DeviceNode? {
        unsafe node(path: UnsafeRawBufferPointer(start: path.utf8Start, count: path.utf8CodeUnitCount))
    }

    /// The first node that has this phandle.
    ///
    /// - Complexity: once for each property, and once for each node, before it.
    public func node(phandle: UInt32) -> DeviceNode? {
        scan(phandle: phandle).flatMap { node(at: Int32(truncatingIfNeeded: $0)) }
    }

    private func child(of parent: DeviceNode, _ name: UnsafeRawBufferPointer) -> DeviceNode? {
        var depth = 0
        var node = self.node(after: parent, depth: &depth)
        while let current = node, depth > 0 {  // once for each node below the parent
            if unsafe depth == 1 && isName(current.name, name) { return current }
            node = self.node(after: current, depth: &depth)
        }
        return nil
    }

    /// Is `name` what `wanted` asks for, which may leave out the unit address?
    private func isName(_ name: UnsafeRawBufferPointer, _ wanted: UnsafeRawBufferPointer) -> Bool {
        if name.count < wanted.count { return false }
        var hasAddress = false
        for index in 0..<wanted.count {
            if unsafe name[index] != wanted[index] { return false }
            if unsafe wanted[index] == UInt8(ascii: "@") { hasAddress = true }
        }
        return unsafe name.count == wanted.count || !hasAddress && name[wanted.count] == UInt8(ascii: "@")
    }
}
