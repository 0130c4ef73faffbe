// Which console the kernel writes to: what /chosen names, or else what is likely to be one.

extension DeviceTree {
    /// Find the first console that the kernel can write to: what `stdout-path` names (a path or an
    /// alias, with options behind a colon), the alias `serial0`, any enabled node.
    public func describeConsole(_ machine: inout MachineDescription) {
        find(chosenConsole, &machine)
        if machine.consoleKind == .none { find(self.node("serial0"), &machine) }
        var depth = 0
        var node: DeviceNode? = root
        while machine.consoleKind == .none, let current = node {  // once for each node of the tree
            find(current, &machine)
            node = self.node(after: current, depth: &depth)
        }
    }

    /// What `stdout-path` names, whatever it is.
    public var chosenConsole: DeviceNode? {
        guard let path = unsafe node("/chosen")?.property("stdout-path")?.string else { return nil }
        var length = 0
        while length < path.count, unsafe path[length] != UInt8(ascii: ":") { length += 1 }
        return unsafe node(path: UnsafeRawBufferPointer(rebasing: path[0..<length]))
    }

    /// Take the node where it is a console that works.
    private func find(_ node: DeviceNode?, _ machine: inout MachineDescription) {
        guard let node, node.isEnabled, let kind = node.consoleKind else { return }
        do throws(DeviceTreeError) {
            machine.console = try node.kernelRegisters(0, atLeast: kind == .miniUART ? 0x18 : 0x1c)
            machine.consoleKind = kind
            machine.consoleNode = node.offset
            machine.consoleProblem = nil
        } catch { machine.consoleProblem = machine.consoleProblem ?? error }
    }
}

extension DeviceNode {
    fileprivate var consoleKind: ConsoleKind? {
        guard let compatible = property("compatible") else { return nil }
        if compatible.contains("arm,pl011") || compatible.contains("arm,sbsa-uart") {
            return .pl011
        }
        if compatible.contains("brcm,bcm2835-aux-uart") { return .miniUART }
        return nil
    }
}
