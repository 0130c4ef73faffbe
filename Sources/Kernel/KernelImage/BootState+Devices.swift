// Boot: finds the devices' registers. The kernel does not know the devices. It hands out every
// register range that the tree names, except RAM, reserved memory and the pages of its interrupt
// controllers, also of a chained one. If a device's registers share such a page, the kernel reads
// and writes them for a task with the capability (docs/decisions/0013-strays.md).

import AArch64
import DeviceTree
import KernelCore

extension BootState {
    /// Fills `devices` with the register ranges below 2^40 of all enabled nodes.
    ///
    /// - Complexity: one round for each node of the tree.
    mutating func findDevices() {
        keepFromDevices()
        var gap: UInt64 = 0
        var depth = 0
        var node: DeviceNode? = tree.root
        while let current = node {  // once for each node of the tree
            if current.isEnabled { add(current) }
            while devices.count > 48 {  // at most 11 rounds in all, and one for each node
                devices.join(gap: gap, avoiding: &kept)
                if gap == 1 << 30 { break }
                gap = max(gap << 2, 4096)
            }
            node = tree.node(after: current, depth: &depth)
        }
        for index in 0..<kept.count {
            let range = kept[index]
            devices.remove(pagesAround: range.base, range.size)
        }
        devices.join(gap: 0, avoiding: &kept)
    }

    /// Collects the ranges that no task gets as registers.
    private mutating func keepFromDevices() {
        for index in 0..<machine.reserved.count { keep(machine.reserved[index]) }
        for index in 0..<machine.memory.count { keep(machine.memory[index]) }
    }
    private mutating func keep(_ range: RegisterRange) {
        kept.add(pagesAround: range.base, range.size)
    }

    /// Adds the registers of a node. A damaged node is left out; the device manager reports it.
    private mutating func add(_ node: DeviceNode) {
        for index in 0..<8 {
            guard let found = try? node.registers(index) else { return }
            if machine.drives(controller: node.offset) {
                keep(found)
            } else if isInControllersPage(found) {
                addWindow(found)
            } else if kept.contains(found.base, found.end) {
                // Nodes of memory and of reservations: they would take the devices' places.
                continue
            } else if found.base < 1 << 40 && found.size <= 1 << 40 {
                devices.add(pagesAround: found.base, found.size)
            }
        }
    }

    // Registers in pages of the interrupt controllers

    private func pages(of range: RegisterRange) -> Range<UInt64> {
        range.base & ~4095..<(range.base + range.size + 4095) & ~4095
    }
    private func isInControllersPage(_ found: RegisterRange) -> Bool {
        found.size > 0 && found.base < 1 << 48
            && (pages(of: found).overlaps(pages(of: machine.distributor))
                || pages(of: found).overlaps(pages(of: machine.interface)))
    }

    /// Records registers that lie entirely in mapped pages and are not the controllers'. A device
    /// that is left out gets no driver.
    private mutating func addWindow(_ found: RegisterRange) {
        if machine.distributor.overlaps(found) || machine.interface.overlaps(found) { return }
        if found.base & 3 != 0 || windowCount == 8 { return }
        let end = found.base + found.size
        let isFirst = pages(of: machine.distributor).contains(found.base)
        let controller = isFirst ? machine.distributor : machine.interface
        let mapped = isFirst ? controllerAddresses.distributor : controllerAddresses.interface
        if !pages(of: controller).contains(found.base) || end > pages(of: controller).upperBound {
            return
        }
        windows[windowCount] = RegisterWindowPlace(
            range: PhysicalRange(found), address: mapped &+ found.base &- controller.base)
        windowCount += 1
    }
}
