// Boot: makes the root task and gives it the free memory and the devices.

import AArch64
import CAArch64
import DeviceTree
import HardwareInterface
import KernelABI
import KernelCore

extension BootState {
    /// Makes the root task and hands over all memory and all devices. It runs when boot leaves the
    /// kernel.
    mutating func makeRootTask() throws(BootFailure) {
        if bundle.size == 0 { throw BootFailure(BootError.bundle) }
        let kernel = kernelState
        findDevices()
        var regions = countRegions()
        var memory = try takeBootMemory(&regions)
        let request = BootRequest(
            bundle: bundle, deviceTree: try placeTree(&memory),
            counterFrequency: processor.counterFrequency,
            console: machine.console.base, ramBytes: ramBytes, regions: regions)
        var root: RootTask
        do throws(BootError) {
            root = try kernel.pointee.makeRootTask(request, memory: memory)
        } catch {
            throw BootFailure(error)
        }
        kernel.pointee.grantAuthorities(root)
        giveDevices(&root)
        // The largest come first: a small machine may not have room to list all.
        var lost: UInt64 = 0
        free.takeAll { range in
            lost &+= kernel.pointee.addUntyped(&root, PhysicalRange(range), isDevice: false)
        }
        tellLost(lost, isDevice: false)
        tellLost(free.lost, isDevice: false)
        let kept = try giveLeftovers(&root)
        processor.closeFloatingPoint()
        swiftlet_set_version(abiVersion, processor.counterFrequency)
        let text = unsafe map.physical(swiftlet_rodata_end_address()) - image.base - bootCode
        kernel.pointee.noteBoot(
            textBytes: text, dataBytes: kept - text, ticks: swiftlet_read_counter() - entryTicks)
        kernel.pointee.finishBoot(root, kernelBytes: kept, coreCount: coreCount)
    }

    /// Counts the regions that the root task gets. What boot gives back at its end, and where it
    /// takes memory before, adds some.
    private mutating func countRegions() -> Int {
        var count = 140 + windowCount
        for index in 0..<free.count { count += PhysicalRange(free[index]).untypedRegions }
        for index in 0..<devices.count { count += PhysicalRange(devices[index]).untypedRegions }
        return max(count, RootLayout.fewestRegions)
    }

    /// Takes memory for the root task's objects: mostly its capability table, stack and page
    /// tables. If there is too little, fewer regions are listed.
    private mutating func takeBootMemory(_ regions: inout Int) throws(BootFailure) -> BootMemory {
        while true {  // at most 18 rounds
            let need =
                (1 << 20) + ((bundle.size >> 8) + UInt64(tree.size) + 4095) & ~4095
                + RootLayout.bytes(regions: regions)
            // After the bundle, where alignment is lost anyway; else wherever there is room.
            for attempt in 0..<2 {
                for index in 0..<free.count {
                    let range = free[index]
                    if range.size >= need && (attempt == 1 || range.base >= bundle.base) {
                        free.remove(pagesAround: range.base, need)
                        return BootMemory(base: range.base, end: range.base + need)
                    }
                }
            }
            if regions == RootLayout.fewestRegions { throw BootFailure(BootError.memory) }
            regions = max(regions / 2, RootLayout.fewestRegions)
        }
    }

    /// Returns the tree as the root task sees it: in place or a copy. It is copied if it does not
    /// start on a page, or if it is not in the linear mapping: its memory is reserved, or no RAM.
    private mutating func placeTree(
        _ memory: inout BootMemory
    ) throws(BootFailure) -> PhysicalRange {
        let size = UInt64(tree.size)
        if isTreeMapped { return PhysicalRange(base: treeAddress, size: size) }
        guard let copy = memory.take(size, alignment: 4096) else {
            throw BootFailure(BootError.memory)
        }
        // Safety: the tree is mapped in its window, the copy's place in the linear mapping.
        unsafe KernelLayout.pointer(copy).copyMemory(
            from: UnsafeRawPointer(bitPattern: UInt(swiftlet_tree_base() + treeAddress & 4095))
                .unsafelyUnwrapped,
            byteCount: Int(size))
        return PhysicalRange(base: copy, size: size)
    }

    /// Gives the devices' registers. They come before the memory: no driver does without them.
    private mutating func giveDevices(_ root: inout RootTask) {
        for index in 0..<devices.count { give(&root, devices[index], isDevice: true) }
        tellLost(devices.lost, isDevice: true)
        for index in 0..<windowCount {
            let window = windows[index]
            let lost = kernelState.pointee.addRegisters(
                &root, window.range, mappedAt: window.address)
            tellLost(lost, isDevice: true)
        }
    }

    private mutating func give(_ root: inout RootTask, _ range: RegisterRange, isDevice: Bool) {
        let lost = kernelState.pointee.addUntyped(&root, PhysicalRange(range), isDevice: isDevice)
        tellLost(lost, isDevice: isDevice)
    }
    private func tellLost(_ lost: UInt64, isDevice: Bool) {
        if lost == 0 { return }
        console.write("swiftlet: no room to list ")
        console.write(decimal: lost)
        console.write(isDevice ? " bytes of registers" : " bytes of memory")
        console.endLine()
    }

    /// Gives away the memory that only boot needed: its code, its page tables, the rest of the root
    /// task's memory.
    ///
    /// - Returns: the bytes of RAM that the kernel keeps.
    private mutating func giveLeftovers(_ root: inout RootTask) throws(BootFailure) -> UInt64 {
        var tables = map.leftover
        try map.unmapImage(
            unsafe UInt64(UInt(bitPattern: swiftlet_boot_tables_start_address())),
            bytes: tables.size)
        Translation.invalidateAll()
        var code = RegisterRange(base: image.base, size: bootCode)
        if neverCame {
            // The core runs the first page when it comes, by the tables of the identity mapping.
            code = RegisterRange(base: code.base + 4096, size: code.size - 4096)
            let identity = map.identityTables
            tables = (tables.base + identity, tables.size - identity)
        }
        give(&root, RegisterRange(base: tables.base, size: tables.size), isDevice: false)
        give(&root, code, isDevice: false)
        let lists = map.moreLeft.base - room.base + map.moreLeft.size
        give(&root, RegisterRange(base: room.base, size: lists), isDevice: false)
        // The last range's own descriptors still come from this memory: two pages are more than
        // they need.
        let next = (root.memory.next + 3 * 4096 - 1) & ~4095
        if next < root.memory.end {
            give(&root, RegisterRange(base: next, size: root.memory.end - next), isDevice: false)
        }
        return image.size - tables.size - code.size + coreBytes + room.size - lists
    }
}

extension PhysicalRange {
    init(_ range: RegisterRange) { self.init(base: range.base, size: range.size) }
}
