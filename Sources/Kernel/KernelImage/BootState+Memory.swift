// Boot: maps RAM in the linear mapping, finds its free part, and finds the bundle.

import AArch64
import CAArch64
import DeviceTree
import HardwareInterface
import KernelABI
import KernelCore
import PlatformDrivers

extension BootState {
    /// Finds the RAM.
    mutating func findMemory() {
        free.add(memoryOf: machine, below: KernelLayout.linearBytes)
        ramBytes = free.bytes
    }

    /// Maps all RAM and finds its free part.
    mutating func mapMemory() throws(BootFailure) {
        free.remove(reservationsOf: machine)
        free.remove(pagesAround: image.base, image.size)
        free.remove(pagesAround: room.base, room.size)
        leaveIdentityMapping()
        try mapFree()
        Translation.invalidateAll()
        try checkMemory()
        isTreeMapped =
            treeAddress & 4095 == 0
            && free.contains(treeAddress, treeAddress + (UInt64(tree.size) + 4095) & ~4095)
        free.remove(pagesAround: treeAddress, UInt64(tree.size))
        findBundle()
        free.remove(pagesAround: bundle.base, bundle.size)
    }

    /// Tests samples of the free memory. A tree may name more than there is, and a task that gets
    /// it would stop the kernel. Memory that answers with wrong data is not noticed.
    ///
    /// - Complexity: one load for each 64 MiB, and two for each range.
    private mutating func checkMemory() throws(BootFailure) {
        let step: UInt64 = 64 << 20
        for index in 0..<free.count {
            let end = free[index].base + free[index].size
            var address = free[index].base
            while address < end {  // once a step
                try check(address)
                address = (address & ~(step - 1)) + step
            }
            try check(end - 4)
        }
    }
    func check(_ address: UInt64) throws(BootFailure) {
        if MemoryProbe.answers(KernelLayout.linear(address)) { return }
        console.write("swiftlet: nothing answers at 0x")
        console.write(hexadecimal: address)
        console.endLine()
        throw BootFailure("the device tree names memory that is not there")
    }

    /// Makes the user half empty: no code runs at a physical address any more.
    private mutating func leaveIdentityMapping() {
        let base = Translation.base(
            rootTable: unsafe map.physical(swiftlet_empty_root_address()), asid: 0)
        swiftlet_set_idle_translation_base(base)
        Translation.activate(base)
    }
    /// The bytes at the start of the image that hold code which only boot runs.
    /// `swiftlet_leave_boot` unmaps them.
    var bootCode: UInt64 {
        mutating get { unsafe map.physical(swiftlet_boot_text_end_address()) - image.base }
    }

    /// Maps RAM in the linear mapping: writable, but for the image's text and constants. Boot's own
    /// code is writable there already: it becomes ordinary memory before any other code runs.
    private mutating func mapFree() throws(BootFailure) {
        free.trim(toTables: tablesForRAM)
        for index in 0..<free.count {
            try map.mapLinear(free[index].base, bytes: free[index].size, writable: true)
        }
        let text = image.base + bootCode
        let data = unsafe map.physical(swiftlet_rodata_end_address())
        try map.mapLinear(image.base, bytes: bootCode, writable: true)
        try map.mapLinear(text, bytes: data - text, writable: false)
        try map.mapLinear(data, bytes: image.base + image.size - data, writable: true)
    }

    /// Finds the bundle of tasks: the initial RAM disk if that is a bundle, else the data directly
    /// after the image.
    private mutating func findBundle() {
        if let disk = tree.initialDisk {
            guard let problem = take(bundleAt: disk.base, limit: disk.size) else { return }
            console.write("swiftlet: the initial RAM disk is not used: ")
            console.write(problem)
            console.endLine()
        }
        if let problem = take(bundleAt: image.base + image.size, limit: .max) {
            console.write("swiftlet: behind the kernel, where the tasks should be: ")
            console.write(problem)
            console.endLine()
        }
    }

    /// Takes a bundle with its whole pages.
    ///
    /// - Parameter limit: the most bytes that it may have.
    /// - Returns: nil if it was taken, else the reason.
    private mutating func take(bundleAt start: UInt64, limit: UInt64) -> StaticString? {
        let noMemory: StaticString = "memory there is reserved, or absent"
        if start & 4095 != 0 { return "it does not start on a page" }
        if start >= KernelLayout.linearBytes || !free.contains(start, start + 4096) {
            return noMemory
        }
        // Safety: this page is RAM and mapped.
        let words = unsafe KernelLayout.pointer(start).assumingMemoryBound(to: UInt64.self)
        guard let size = unsafe Bundle.bytes(words) else { return "it is no bundle of tasks" }
        if size == 0 || size & 4095 != 0 || size > limit {
            return "its size is wrong, or it is cut short"
        }
        if size > KernelLayout.linearBytes || !free.contains(start, start + size) {
            return noMemory
        }
        // Safety: all of its pages are RAM and mapped.
        if unsafe words[Int(size) / 8 - 1] != Bundle.magic { return "it is cut short" }
        bundle = PhysicalRange(base: start, size: size)
        return nil
    }
}

extension Bundle {
    /// The size that a bundle's first page states; nil if it is no bundle's.
    static func bytes(_ words: UnsafePointer<UInt64>) -> UInt64? {
        unsafe words[0] == magic ? words[sizeOffset / 8] : nil
    }
}
