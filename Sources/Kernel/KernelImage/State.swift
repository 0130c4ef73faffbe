// The kernel's one value, at its one address.

import CAArch64
import KernelCore

/// The kernel. Valid from `placeKernel` on.
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
                hardware: machine, core: swiftlet_kernel_core_address(),
                shared: swiftlet_shared_state_address(), emptyTable: emptyTable)
        )
}
