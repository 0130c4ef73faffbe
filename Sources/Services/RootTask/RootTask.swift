// The root task: the first task, holder of all memory, all devices and all authority. It starts the
// others by the manifest and then serves as their factory, with a low priority of its own: it
// inherits the priorities of waiting callers.
//
// It faults for nobody: every failure of a task's start is reported on the console and leaves the
// rest running.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(RootTask_main) func rootTask(_ address: UInt) -> Int32 {
    // Safety: the kernel maps the information page before it starts this task.
    let boot = unsafe UnsafePointer<BootInformation>(bitPattern: address).unsafelyUnwrapped
    let console = RootConsole()
    do throws(FactoryFailure) {
        var factory = unsafe try makeFactory(boot)
        try factory.show(Name("root"), number: 0)
        factory.startAll()
        factory.serve()
    } catch {
        // Perhaps there is no heap: words that need none.
        console.control.write("root: cannot start: ")
        console.control.write(error.cause.text)
        console.control.write("\n")
        try? console.control.powerOff(status: 70)
    }
    return 0
}

/// Pages of the root task's own heap: 16 bytes of them for each region, and as much to spare.
private func heapPages(_ boot: BootInformation) -> Int { 64 + Int(boot.untypedCount) / 128 }

/// Takes up what the kernel handed over. No heap before the heap is mapped: that order
/// matters here.
private func makeFactory(_ page: UnsafePointer<BootInformation>) throws(FactoryFailure) -> Factory {
    let boot = unsafe page.pointee
    var slots = RootSlots(
        firstFree: UInt32(boot.firstFreeSlot), count: UInt32(boot.slotCount),
        heapPages: heapPages(boot))
    let window = RootWindow(address: boot.firstFreeAddress, frame: slots.window)
    unsafe try makeHeap(page, &slots)
    var memory = RootMemory(boot: boot)
    // Safety: `untypedCount` regions follow the head, in as many pages as they need.
    let regions = unsafe UnsafeRawPointer(page + 1).assumingMemoryBound(to: UntypedRegion.self)
    for index in 0..<Int(boot.untypedCount) { memory.add(unsafe regions[index]) }
    // A page in the window once, so that its page tables are there for good.
    guard let first = slots.own(), let own = slots.own(), let pool = slots.own(),
        let names = slots.own()
    else { throw FactoryFailure(.exhausted) }
    try memory.make(.frame, sizeBits: 12, at: first)
    try mapOwn(first, at: window.address, &memory, &slots)
    do throws(KernelError) { try AddressSpace(RootSlot.addressSpace).unmap(first) } catch {
        throw FactoryFailure(.kernel(error))
    }
    try memory.make(.endpoint, at: own)
    try memory.makePool(at: pool)
    try memory.make(.frame, sizeBits: 12, at: names)
    let bundle = BundleReader(boot: boot)
    guard let manifest = unsafe chooseManifest(boot, bundle, RootConsole()) else {
        throw FactoryFailure(.noSuchBinary)
    }
    return unsafe Factory(
        boot: boot, bundle: bundle, manifestFile: manifest, memory: memory, slots: slots,
        window: window, own: own, asidPool: ASIDPool(pool), namesPage: names, stack: RootStack())
}

func mapOwn(
    _ frame: Slot, at address: UInt64, _ memory: inout RootMemory, _ slots: inout RootSlots
) throws(FactoryFailure) {
    for _ in 0..<3 {
        do throws(KernelError) {
            try AddressSpace(RootSlot.addressSpace).map(frame, at: address, .read | .write)
            return
        } catch {
            if error != .notMapped { throw FactoryFailure(.kernel(error)) }
        }
        guard let table = slots.own() else { throw FactoryFailure(.exhausted) }
        try memory.make(.pageTable, at: table)
        do throws(KernelError) {
            try AddressSpace(RootSlot.addressSpace).attachTable(table, at: address)
        } catch {
            throw FactoryFailure(.kernel(error))
        }
    }
    throw FactoryFailure(.kernel(.notMapped))
}

/// The root task's heap, from the first region that is large enough: everything after this
/// may allocate.
private func makeHeap(
    _ page: UnsafePointer<BootInformation>, _ slots: inout RootSlots
) throws(FactoryFailure) {
    let boot = unsafe page.pointee
    let heap = boot.firstFreeAddress + (1 << 21)
    let pages = heapPages(boot)
    let regions = unsafe UnsafeRawPointer(page + 1).assumingMemoryBound(to: UntypedRegion.self)
    let space = AddressSpace(RootSlot.addressSpace)
    for index in 0..<Int(boot.untypedCount) {
        if unsafe regions[index].isDevice == 1 || regions[index].sizeBits < 20 { continue }
        let untyped = Untyped(Slot(RootSlot.firstUntyped.index + UInt32(index)))
        do throws(KernelError) {
            for number in 0..<pages {
                guard let frame = slots.own() else { throw .exhausted }
                try untyped.retype(.frame, sizeBits: 12, index: frame)
                let address = heap + UInt64(number * 4096)
                var isMapped = false
                while !isMapped {
                    do throws(KernelError) {
                        try space.map(frame, at: address, .read | .write)
                        isMapped = true
                    } catch {
                        if error != .notMapped { throw error }
                        guard let table = slots.own() else { throw .exhausted }
                        try untyped.retype(.pageTable, index: table)
                        try space.attachTable(table, at: address)
                    }
                }
            }
        } catch { throw FactoryFailure(.kernel(error)) }
        addHeap(heap, UInt64(pages * 4096))
        return
    }
    throw FactoryFailure(.noMemory)
}
