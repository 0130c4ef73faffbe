// Boot: where devices are. The kernel does not know them; it hands out every register range that the tree names, except RAM
// and the interrupt controller, whose registers are the kernel's.

import DeviceTree
import KernelCore

extension BootState {
    /// Register ranges below 2^40 of all enabled nodes.
    ///
    /// - Complexity: once for each node of the tree.
    func findDevices() -> MemoryMap {
        var kept = MemoryMap()
        for index in 0..<machine.memory.count {
            kept.add(pagesAround: machine.memory[index].base, machine.memory[index].size)
        }
        kept.add(pagesAround: machine.distributor.base, machine.distributor.size)
        kept.add(pagesAround: machine.interface.base, machine.interface.size)
        var devices = MemoryMap()
        var gap: UInt64 = 0
        var depth = 0
        var node: DeviceNode? = tree.root
        while let current = node {  // once for each node of the tree
            if current.isEnabled { add(current, &devices) }
            while devices.count > 48 && gap < 1 << 30 {  // at most 10 rounds in all: make room for more
                devices.join(gap: gap, avoiding: kept)
                gap = max(gap << 2, 4096)
            }
            node = tree.node(after: current, depth: &depth)
        }
        for index in 0..<kept.count { devices.remove(pagesAround: kept[index].base, kept[index].size) }
        devices.join(gap: 0, avoiding: kept)
        return devices
    }

    /// A node that is damaged is left out: the device manager will say so.
    private func add(_ node: DeviceNode, _ devices: inout MemoryMap) {
        for index in 0..<8 {
            guard let found = try? node.registers(index) else { return }
            if found.base < 1 << 40 && found.size <= 1 << 40 { devices.add(pagesAround: found.base, found.size) }
        }
    }
}
