// Boot: RAM into the linear mapping, and what of it is free.

import AArch64
import CAArch64
import DeviceTree
import HardwareInterface
import KernelABI
import KernelCore

extension BootState {
    /// Map all RAM, and find out what of it is free.
    mutating func mapMemory() throws(BootFailure) {
        for index in 0..<machine.memory.count {
            let range = machine.memory[index]
            if range.base >= KernelLayout.linearBytes { continue }
            free.add(pagesWithin: range.base, min(range.size, KernelLayout.linearBytes - range.base))
        }
        ramBytes = free.bytes
        for index in 0..<machine.reserved.count {
            let range = machine.reserved[index]
            free.remove(pagesAround: range.base, range.size)
        }
        if free.lost > 0 { throw BootFailure(DeviceTreeError(.tooManyRanges)) }
        free.remove(pagesAround: image.base, image.size)
        leaveIdentityMapping()
        try mapFree()
        Translation.invalidateAll()
        findBundle()
        free.remove(pagesAround: bundle.base, bundle.size)
        free.remove(pagesAround: treeAddress, UInt64(tree.size))
    }

    /// Nothing runs at a physical address any more: the user half becomes empty.
    private mutating func leaveIdentityMapping() {
        let base = Translation.base(rootTable: unsafe map.physical(swiftlet_empty_root_address()), asid: 0)
        swiftlet_set_idle_translation_base(base)
        Translation.activate(base)
    }
    /// Bytes of the image, from its start, that hold code which only boot runs. `swiftlet_leave_boot` unmaps it.
    var bootCode: UInt64 {
        mutating get { unsafe map.physical(swiftlet_boot_text_end_address()) - image.base }
    }

    /// The linear mapping: RAM writable, the image's text and constants not. Boot's own code is writable there already: it
    /// becomes ordinary memory before any other code runs.
    private mutating func mapFree() throws(BootFailure) {
        free.sort()
        for index in 0..<free.count {
            try map.mapLinear(free[index].base, bytes: free[index].size, writable: true)
        }
        let text = image.base + bootCode
        let data = unsafe map.physical(swiftlet_rodata_end_address())
        try map.mapLinear(image.base, bytes: bootCode, writable: true)
        try map.mapLinear(text, bytes: data - text, writable: false)
        try map.mapLinear(data, bytes: image.base + image.size - data, writable: true)
    }

    /// The bundle follows the image directly, if it follows at all.
    private mutating func findBundle() {
        let start = image.base + image.size
        let isMemory = free.overlaps(start, start + 4096)
        if !isMemory { return }
        // Safety: this page is RAM and mapped.
        let words = unsafe KernelLayout.pointer(start).assumingMemoryBound(to: UInt64.self)
        if unsafe words[0] != Bundle.magic { return }
        let size = unsafe words[Bundle.sizeOffset / 8]
        if size < 4096 || size > 1 << 30 { return }
        bundle = PhysicalRange(base: start, size: (size + 4095) & ~4095)
    }
}
