// What is wrong with the tree, for the log: a device whose node is damaged gets no driver, and the
// rest goes on.

import DeviceTree
import Protocols
import ServiceCores
import UserRuntime

/// Two lines: the node's path and its property, and what helps.
func logPlace(of error: DeviceTreeError, _ tree: DeviceTree) {
    guard let node = tree.node(at: error.node) else { return }
    log("  at \(path(of: node)), property \(error.property.name)", .warning)
    log("  \(error.cause.remedy)", .warning)
}

/// One line: the node's path.
func logPlace(of node: DeviceNode) {
    log("  at \(path(of: node))", .warning)
}

/// Two lines: interrupts of a device lead to controllers that the kernel does not drive, and its
/// driver gets the next ones.
func logSkipped(_ count: Int, _ driver: Name, _ node: DeviceNode) {
    log(
        """
        \(driver) does without \(count) of its interrupts, which lead to no controller of the \
        kernel:
        """, .warning)
    logPlace(of: node)
}

private func path(of node: DeviceNode) -> Line {
    var path = Line()
    if node.offset == 0 { path.add("/") }
    unsafe node.eachName { name in
        path.add("/")
        path.add(unsafe copy(name).span)
    }
    return path
}

/// What the task's heap has room for; the largest trees of Linux have some 1,500.
private var maximumPhandles: Int { 4096 }

/// Two nodes must not have one phandle: what refers to it may mean either.
///
/// - Complexity: O(n log n) in the nodes with a phandle.
func logSharedPhandles(_ tree: DeviceTree) {
    var owners: [(phandle: UInt32, node: Int32)] = []
    var depth = 0
    var node: DeviceNode? = tree.root
    while let current = node, owners.count < maximumPhandles {
        if let phandle = current.property("phandle")?.word(0) {
            owners.append((phandle, current.offset))
        }
        node = tree.node(after: current, depth: &depth)
    }
    if let left = node {
        log(
            "the device tree has more than 4096 phandles; from here on they are not compared:",
            .warning)
        logPlace(of: left)
    }
    owners.sort { $0.phandle != $1.phandle ? $0.phandle < $1.phandle : $0.node < $1.node }
    for index in 1..<max(owners.count, 1) where owners[index].phandle == owners[index - 1].phandle {
        guard let first = tree.node(at: owners[index - 1].node),
            let second = tree.node(at: owners[index].node)
        else { continue }
        log(
            "the device tree has one phandle for two nodes; what names it means the first",
            .warning)
        log("  at \(path(of: first)) and \(path(of: second))", .warning)
    }
}
