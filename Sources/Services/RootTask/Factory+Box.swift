// A task that is shown the root task's view: it finds its information page, its first capabilities
// and its memory where a root task does. So a program that takes over a whole machine (the
// benchmark, the tests) runs unchanged within a system.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Factory {
    /// The information page, and a bundle's head that lists the task's own segments. There is no
    /// device tree in a box.
    func giveRootView(
        _ number: Int, _ builder: inout TaskBuilder, _ image: ElfImage
    ) throws(FactoryFailure) {
        var information = BootInformation()
        information.abiVersion = abiVersion
        information.bundleAddress = TaskAddress.bundle
        information.bundleSize = 4096
        information.counterFrequency = boot.counterFrequency
        information.firstFreeSlot = UInt64(RootSlot.firstUntyped.index) + 1
        information.slotCount = 1 << UInt64(tasks[number].description.tableBits)
        information.firstFreeAddress = 0x8000_0000
        information.ipcBufferAddress = TaskAddress.ipcBuffer
        let bits = tasks[number].description.untypedBits
        information.ramBytes = 1 << UInt64(bits)
        let memory = try? Untyped(slots.task(number).untyped).information()
        let region = UntypedRegion(
            physicalBase: memory?.physicalBase ?? 0, sizeBits: UInt32(bits), isDevice: 0)
        information.untypedCount = tasks[number].hasUntyped ? 1 : 0
        let head = information
        _ = unsafe try builder.page(at: TaskAddress.information, .read) { words in
            // Safety: head and region together are smaller than the page, and both are
            // aligned to 8.
            let page = unsafe UnsafeMutableRawPointer(words.baseAddress.unsafelyUnwrapped)
            unsafe page.storeBytes(of: head, as: BootInformation.self)
            let behind = MemoryLayout<BootInformation>.size
            unsafe page.storeBytes(of: region, toByteOffset: behind, as: UntypedRegion.self)
        }
        let argument = tasks[number].argument
        _ = unsafe try builder.page(at: TaskAddress.bundle, .read) { words in
            unsafe Factory.writeHead(image, words)
            if !argument.isEmpty { unsafe Factory.writeArgument(argument, words) }
        }
    }

    private static func writeHead(_ image: ElfImage, _ words: UnsafeMutableBufferPointer<UInt64>) {
        // Safety: a head with four segments takes 0xa8 bytes of the page.
        unsafe words[0] = Bundle.magic
        unsafe words[Bundle.sizeOffset / 8] = 4096
        let count = min(image.segmentCount, Bundle.maximumRootSegments)
        unsafe words[Bundle.rootSegmentCountOffset / 8] = UInt64(count)
        unsafe words[Bundle.rootEntryOffset / 8] = image.entry
        for index in 0..<count {
            let segment = image.segment(index)
            var rights = Rights.read
            if segment.isWritable { rights = rights | .write }
            if segment.isExecutable { rights = rights | .execute }
            let at = (Bundle.rootSegmentsOffset + index * Bundle.rootSegmentStride) / 8
            unsafe words[at + 1] = segment.virtualAddress
            unsafe words[at + 2] = UInt64(segment.pageCount) * 4096
            unsafe words[at + 3] = UInt64(rights.raw)
        }
    }

    /// The bundle's only file, `arguments`, at the end of the page.
    private static func writeArgument(
        _ argument: Name, _ words: UnsafeMutableBufferPointer<UInt64>
    ) {
        let file = 512 - 4
        let entry = Bundle.entriesOffset / 8
        let name = Name("arguments")
        // Safety: head, entry and text lie within the page's 512 words.
        unsafe words[Bundle.entryCountOffset / 8] = 1
        unsafe words[entry] = UInt64(8 * file)
        unsafe words[entry + 1] = UInt64(argument.count)
        unsafe words[entry + 2] = name.word0
        unsafe words[entry + 3] = name.word1
        unsafe words[file] = argument.word0
        unsafe words[file + 1] = argument.word1
        unsafe words[file + 2] = argument.word2
        unsafe words[file + 3] = argument.word3
    }

    /// The root task's first capabilities, as far as the manifest grants them.
    func giveRootCapabilities(_ number: Int) throws(FactoryFailure) {
        let place = slots.task(number)
        let table = CapabilityTable(place.table)
        let privileges = tasks[number].description.privileges
        do throws(KernelError) {
            try CapabilityTable.own.copy(place.table, to: RootSlot.table, in: table)
            try CapabilityTable.own.copy(place.space, to: RootSlot.addressSpace, in: table)
            try CapabilityTable.own.copy(place.thread, to: RootSlot.thread, in: table)
            try giveSystemControl(privileges, RootSlot.systemControl, in: table)
            if privileges.contains(.interruptControl) {
                try CapabilityTable.own.copy(
                    RootSlot.interruptControl, to: RootSlot.interruptControl, in: table)
            }
            if privileges.contains(.asidPool) { try giveASIDPool(number, RootSlot.asidPool) }
            if tasks[number].hasUntyped {
                try CapabilityTable.own.copy(place.untyped, to: RootSlot.firstUntyped, in: table)
            }
        } catch { throw FactoryFailure(.kernel(error)) }
    }
}
