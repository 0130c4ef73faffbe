// Boot: starts the other cores, one after the other.
//
// Each comes up through the same code of Boot.S as the first, and sets up what it has of its own
// while the first waits: nothing here runs on two cores at once. Then it waits in the idle loop. A
// core that does not come in time is left out. It may still come later, so boot keeps what it would
// run on until it finds that nobody wants it (`neverCame`).

import AArch64
import CAArch64
import DeviceTree
import HardwareInterface
import KernelABI
import KernelCore
import MMIO
import PlatformDrivers

/// Why a core does not run.
private enum CoreFailure: Error {
    case tree(DeviceTreeError.Cause)
    case firmware(Int64)
    case other(StaticString)
}

extension BootState {
    /// Starts as many cores as the command line asks for; without a word there, none.
    mutating func startCores() throws(BootFailure) {
        var limit = 1
        switch tree.coreLimit {
        case .absent: return
        case .limit(let number): limit = number
        case .wrong:
            console.write("swiftlet: cores= wants a number from 1 to ")
            console.write(decimal: UInt64(CoreList.capacity))
            console.endLine()
        }
        if limit > 1 { try startOthers(limit) }
        console.write("swiftlet: ")
        console.write(decimal: coreCount)
        console.write(coreCount == 1 ? " core" : " cores")
        console.endLine()
    }

    private mutating func startOthers(_ limit: Int) throws(BootFailure) {
        BootState.openSoftwareInterrupts(&kernelState.pointee.hardware)
        swiftlet_add_core(kernelState.pointee.hardware.target.raw)
        let own = processor.affinity & CoreDescription.affinityMask
        for index in 0..<machine.cores.count where coreCount < UInt64(limit) {
            let core = machine.cores[index]
            if core.affinity == own && !core.isNamedTwice { continue }
            do throws(CoreFailure) {
                try unsafe start(core, record: swiftlet_core_record(UInt64(index)))
                coreCount += 1
            } catch {
                report(core, error)
            }
            if isStuck { throw BootFailure("a core does not leave the code of boot") }
        }
    }

    // Safety, in all of these: a record is static memory. Its fields but the state are written by
    // one core at a time, as the state says.

    /// Starts a core, and waits until it has set itself up.
    private mutating func start(
        _ core: CoreDescription, record: UnsafeMutablePointer<CoreRecord>
    ) throws(CoreFailure) {
        if case .leftOut(let error) = core.start { throw .tree(error.cause) }
        try makeBlock()
        unsafe record.pointee.root = ownRoot
        unsafe record.pointee.affinity = core.affinity | swiftlet_affinity_valid()
        swiftlet_publish()
        try ask(core)
        if unsafe !waits(record, while: 0) {
            neverCame = true
            throw .other("it does not come")
        }
        unsafe swiftlet_set_core_state(record, swiftlet_core_admitted(coreCount))
        swiftlet_send_event()
        if unsafe !waits(record, while: swiftlet_core_admitted(coreCount)) {
            isStuck = true
            throw .other("it does not go on")
        }
        if unsafe swiftlet_core_state(record) != swiftlet_core_ready() {
            throw .other("the interrupt controller has no part for it")
        }
        unsafe swiftlet_add_core(record.pointee.target)
        isBlockFree = false
    }

    /// Waits for a core's next step, for a second.
    ///
    /// - Returns: false if it did not come.
    private func waits(
        _ record: UnsafeMutablePointer<CoreRecord>, while state: UInt64
    ) -> Bool {
        let start = swiftlet_read_counter()
        let patience = max(processor.counterFrequency, 1_000_000)
        while unsafe swiftlet_core_state(record) == state {  // as long as the counter says
            if swiftlet_read_counter() &- start > patience { return false }
            swiftlet_relax()
        }
        return true
    }

    // A core's start

    private mutating func ask(_ core: CoreDescription) throws(CoreFailure) {
        let entry = unsafe map.physical(swiftlet_core_start_address())
        switch core.start {
        case .firmware:
            let (method, function) = machine.firmware
            // A kernel that was entered at EL2 has left it: an `hvc` has no handler there.
            let result = (level == 2 && method == .hvc ? .none : method).startCore(
                function, affinity: core.affinity, entry: entry, CoreFirmware())
            if result != 0 { throw .firmware(result) }
        case .spinTable(let place): try release(place, entry)
        case .mailbox:
            if entry >> 32 != 0 { throw .other("the kernel lies above 4 GiB") }
            if !kernelState.pointee.hardware.startCore(core.affinity, entry: entry) {
                throw .other("the interrupt controller has no part for it")
            }
            swiftlet_send_event()
        case .leftOut: break
        }
    }

    /// Writes the entry where a core waits for it, with its caches off. The place is reserved, so
    /// it is not mapped yet.
    private mutating func release(_ place: UInt64, _ entry: UInt64) throws(CoreFailure) {
        let page = place & ~4095
        if place >= KernelLayout.linearBytes { throw .other("it waits above 256 GiB") }
        let isInTree = RegisterRange(base: treeAddress, size: UInt64(tree.size)).overlaps(
            RegisterRange(base: page, size: 4096))
        if isInTree { throw .other("it waits in the device tree") }
        do throws(BootFailure) {
            try map.mapLinear(page, bytes: 4096, writable: true)
        } catch { throw .other("it waits in memory that the kernel uses") }
        defer { map.unmapLinear(page) }
        if !MemoryProbe.answers(KernelLayout.linear(place)) {
            throw .other("nothing answers where it waits")
        }
        // Safety: the page is mapped, and the address a multiple of 8.
        let word = unsafe KernelLayout.pointer(place).assumingMemoryBound(to: UInt64.self)
        unsafe word.pointee = entry
        unsafe swiftlet_cache_clean(word, 8)
        swiftlet_send_event()
    }

    // A core's memory

    /// Maps the block of the next core, if that is not there from a core that did not start.
    private mutating func makeBlock() throws(CoreFailure) {
        if isBlockFree { return }
        let tableBytes = 4096 * swiftlet_core_tables()
        let bytes = swiftlet_core_memory_bytes() + tableBytes
        guard let memory = takeFree(bytes) else { throw .other("too little memory") }
        unsafe swiftlet_zero(KernelLayout.pointer(memory), bytes)
        let block = swiftlet_core_block(coreCount)
        let state = swiftlet_core_state_bytes()
        let emergency = swiftlet_emergency_bytes()
        do throws(BootFailure) {
            try map.map(block, memory, bytes: state, writable: true, .normal)
            try map.map(
                block + swiftlet_core_emergency(), memory + state, bytes: emergency, writable: true,
                .normal)
            try map.map(
                block + swiftlet_core_stack(), memory + state + emergency,
                bytes: swiftlet_stack_bytes(), writable: true, .normal)
        } catch { throw .other(error.reason) }
        ownRoot = memory + bytes - tableBytes
        makeTables(ownRoot)
        coreBytes += bytes
        isBlockFree = true
    }

    /// Makes the tables by which the next core sees its own block where each core has its own; all
    /// else is as the first core's tables say, which do not change above level 3 any more.
    ///
    /// - Parameter root: the physical address of three pages, zero-filled.
    private func makeTables(_ root: UInt64) {
        // Safety: three tables of 512 entries, in the linear mapping; the others are the kernel's.
        let tables = unsafe KernelLayout.pointer(root).assumingMemoryBound(to: UInt64.self)
        let (second, third) = unsafe (tables + 512, tables + 1024)
        let own = swiftlet_own_block()
        unsafe tables.update(from: KernelLayout.table(swiftlet_kernel_root_address()), count: 512)
        unsafe second.update(from: KernelLayout.table(swiftlet_image_level2_address()), count: 512)
        unsafe tables[PageDescriptor.index(own, level: 1)] = PageDescriptor.table(root + 4096).raw
        unsafe second[PageDescriptor.index(own, level: 2)] = PageDescriptor.table(root + 8192).raw
        let entries = Int(swiftlet_core_entries())
        unsafe third.update(
            from: KernelLayout.table(swiftlet_cores_level3_address()) + entries * Int(coreCount),
            count: entries)
        swiftlet_publish()
    }

    private mutating func takeFree(_ bytes: UInt64) -> UInt64? {
        for index in 0..<free.count where free[index].size >= bytes {
            let base = free[index].base
            free.remove(pagesAround: base, bytes)
            return base
        }
        return nil
    }

    // Words

    private func report(_ core: CoreDescription, _ failure: CoreFailure) {
        console.write("swiftlet: core ")
        if let node = tree.node(at: core.node) { BootState.write(node, console) }
        console.write(" is left out: ")
        switch failure {
        case .tree(let cause): console.write(cause.message)
        case .firmware(let error):
            console.write("the firmware refuses with -")
            console.write(decimal: error.magnitude)
        case .other(let reason): console.write(reason)
        }
        console.endLine()
    }
}

extension CoreDescription {
    fileprivate var isNamedTwice: Bool {
        if case .leftOut(let error) = start { return error.cause == .sameCore }
        return false
    }
}

// On the core itself

extension BootState {
    /// Opens the software interrupts of the core that calls this.
    static func openSoftwareInterrupts(_ machine: inout Machine) {
        machine.enable(line: SoftwareInterrupt.look.rawValue, trigger: .edge)
        machine.enable(line: SoftwareInterrupt.stop.rawValue, trigger: .edge)
    }

    /// Sets up what this core has of its own.
    ///
    /// - Returns: false if the interrupt controller has no part for it.
    static func setUpCore(_ record: UnsafeMutablePointer<CoreRecord>) -> Bool {
        let processor = Processor()
        var machine = firstKernel.pointee.hardware
        if !machine.initializeCore(processor.affinity) { return false }
        processor.openUserRegisters()
        GenericTimer.off()
        machine.enable(line: machine.timerLine, trigger: .level)
        openSoftwareInterrupts(&machine)
        processor.closeFloatingPoint()
        unsafe record.pointee.target = machine.target.raw
        joinKernel(machine)
        return true
    }
}

/// Sets up another core. Boot.S enters here on the core's own stack.
///
/// - Returns: the state of its record.
@c(swiftlet_core_main)
func coreMain(_ record: UnsafeMutablePointer<CoreRecord>) -> UInt64 {
    unsafe BootState.setUpCore(record) ? swiftlet_core_ready() : swiftlet_core_failed()
}
