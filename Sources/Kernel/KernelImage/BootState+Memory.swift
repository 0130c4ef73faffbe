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
        var usable = MemoryMap()
        for index in 0..<machine.memory.count {
            let range = machine.memory[index]
            if range.base >= KernelLayout.linearBytes { continue }
            usable.add(pagesWithin: range.base, min(range.size, KernelLayout.linearBytes - range.base))
        }
        ramBytes = usable.bytes
        for index in 0..<machine.reserved.count {
            usable.remove(pagesAround: machine.reserved[index].base, machine.reserved[index].size)
        }
        if machine.memory.lost + machine.reserved.lost > 0 || usable.lost > 0 {
            throw BootFailure("the device tree describes memory in too many pieces")
        }
        usable.remove(pagesAround: image.base, image.size)
        try leaveIdentityMapping()
        try mapUsable(&usable)
        Translation.invalidateAll()
        findBundle(usable)
        usable.remove(pagesAround: bundle.base, bundle.size)
        usable.remove(pagesAround: treeAddress, UInt64(tree.size))
        free = usable
    }

    /// Nothing runs at a physical address any more: the user half becomes empty, and the page of boot code goes.
    private mutating func leaveIdentityMapping() throws(BootFailure) {
        let base = Translation.base(rootTable: unsafe map.physical(swiftlet_empty_root_address()), asid: 0)
        swiftlet_set_idle_translation_base(base)
        Translation.activate(base)
        try map.unmapImage(unsafe UInt64(UInt(bitPattern: swiftlet_image_start_address())), bytes: BootState.bootCode)
    }
    /// Bytes of the image, from its start, that hold the code of Boot.S.
    static var bootCode: UInt64 { 4096 }

    /// The linear mapping: RAM writable, the image's text and constants not.
    private mutating func mapUsable(_ usable: inout MemoryMap) throws(BootFailure) {
        usable.sort()
        for index in 0..<usable.count {
            try map.mapLinear(usable[index].base, bytes: usable[index].size, writable: true)
        }
        let text = image.base + BootState.bootCode
        let data = unsafe map.physical(swiftlet_rodata_end_address())
        try map.mapLinear(image.base, bytes: BootState.bootCode, writable: true)
        try map.mapLinear(text, bytes: data - text, writable: false)
        try map.mapLinear(data, bytes: image.base + image.size - data, writable: true)
    }

    /// The bundle follows the image directly, if it follows at all.
    private mutating func findBundle(_ usable: borrowing MemoryMap) {
        let start = image.base + image.size
        let isMemory = usable.overlaps(start, start + 4096)
        if !isMemory { return }
        // Safety: this page is RAM and mapped.
        let words = unsafe KernelLayout.pointer(start).assumingMemoryBound(to: UInt64.self)
        if unsafe words[0] != Bundle.magic { return }
        let size = unsafe words[Bundle.sizeOffset / 8]
        if size < 4096 || size > 1 << 30 { return }
        bundle = PhysicalRange(base: start, size: (size + 4095) & ~4095)
    }
}
