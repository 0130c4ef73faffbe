// The kernel's one value, at its one address.

import CAArch64
import KernelCore

/// The kernel as this core sees it. Valid from `placeKernel` on, and from `joinKernel` on another
/// core.
var kernelState: Ref<Kernel<Machine>> {
    // Safety: this memory is the kernel's state and nothing else; `placeKernel` compared the sizes
    // and initialised it.
    @inline(__always) get {
        unsafe Ref(swiftlet_kernel_state_address().assumingMemoryBound(to: Kernel<Machine>.self))
    }
}

/// Initialises the kernel's state in its static memory.
///
/// - Context: boot, once.
func placeKernel(_ machine: Machine, emptyTable: UInt64) {
    if MemoryLayout<Kernel<Machine>>.size > Int(swiftlet_state_bytes())
        || Kernel<Machine>.coreBytes > Int(swiftlet_kernel_core_bytes())
        || Kernel<Machine>.sharedBytes > Int(swiftlet_shared_bytes())
    {
        panic("the kernel's state is larger than its memory")
    }
    // Safety: sizes were compared; the memories are zero-filled and have no other user.
    unsafe swiftlet_kernel_state_address().bindMemory(to: Kernel<Machine>.self, capacity: 1)
        .initialize(
            to: Kernel(
                hardware: machine, core: swiftlet_core_state_of(0),
                shared: swiftlet_shared_state_address(), emptyTable: emptyTable)
        )
}

/// Initialises the state of a further core in its own block.
///
/// - Parameter machine: the machine as this core uses it.
/// - Context: boot, once on each core but the first, while the first waits for it.
func joinKernel(_ machine: Machine) {
    let number = swiftlet_read_core_number()
    // Safety: this block is zero-filled and has no other user; the first core's holds the kernel.
    unsafe swiftlet_kernel_state_address().bindMemory(to: Kernel<Machine>.self, capacity: 1)
        .initialize(
            to: Kernel(
                hardware: machine, number: Int(truncatingIfNeeded: number),
                core: swiftlet_core_state_of(number), joining: firstKernel.pointee))
}

/// The kernel as the first core sees it, at an address that every core can reach.
var firstKernel: Ref<Kernel<Machine>> {
    // Safety: `placeKernel` initialised it.
    unsafe Ref(swiftlet_block_of(0).assumingMemoryBound(to: Kernel<Machine>.self))
}
