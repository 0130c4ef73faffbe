// Boot: where devices are. The kernel does not know them; it hands out every register range that the tree names, except RAM,
// what is reserved, and the interrupt controller, whose registers are the kernel's.

import AArch64
import DeviceTree
import KernelCore

extension BootState {
    /// Fill `devices` with the register ranges below 2^40 of all enabled nodes.
    ///
    /// - Complexity: once for each node of the tree.
    mutating func findDevices() {
        keepFromDevices()
        var gap: UInt64 = 0
        var depth = 0
        var node: DeviceNode? = tree.root
        while let current = node {  // once for each node of the tree
            if current.isEnabled { add(current) }
            while devices.count > 48 && gap < 1 << 30 {  // at most 10 rounds in all: make room for more
                devices.join(gap: gap, avoiding: &kept)
                gap = max(gap << 2, 4096)
            }
            node = tree.node(after: current, depth: &depth)
        }
        if kept.lost > 0 { BootState.refuse(DeviceTreeError(.tooManyRanges), nil, &map) }
        for index in 0..<kept.count {
            let range = kept[index]
            devices.remove(pagesAround: range.base, range.size)
        }
        devices.join(gap: 0, avoiding: &kept)
    }

    /// What no task gets as registers: memory swallows the reservations in it, so those come first.
    private mutating func keepFromDevices() {
        for index in 0..<machine.reserved.count { keep(machine.reserved[index]) }
        for index in 0..<machine.memory.count { keep(machine.memory[index]) }
    }
    private mutating func keep(_ range: RegisterRange) { kept.add(pagesAround: range.base, range.size) }

    /// A node that is damaged is left out: the device manager will say so.
    private mutating func add(_ node: DeviceNode) {
        for index in 0..<8 {
            guard let found = try? node.registers(index) else { return }
            if node.offset == machine.controllerNode {
                keep(found)
            } else if found.base < 1 << 40 && found.size <= 1 << 40 {
                devices.add(pagesAround: found.base, found.size)
            }
        }
    }
}
