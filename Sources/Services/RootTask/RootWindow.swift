// One page of the root task's address space through which it sees a page that is to be
// another task's.

import Interfaces
import KernelABI
import UserRuntime

/// The window, and the root task's heap behind it.
struct RootWindow {
    let address: UInt64
    let frame: ScratchSlot

    /// Maps `source`'s frame in the window, hands its words out, and takes it away again.
    func look<Result>(
        at source: Slot, in table: CapabilityTable,
        _ body: (UnsafeMutableBufferPointer<UInt64>) -> Result
    ) throws(KernelError) -> Result {
        try frame.use { (slot) throws(KernelError) in
            try table.copy(source, to: slot, in: .own)
            try AddressSpace(RootSlot.addressSpace).map(slot, at: address, .read | .write)
            // Safety: the frame's 4096 bytes are mapped here for as long as the slot is lent.
            let words = unsafe UnsafeMutableBufferPointer<UInt64>(
                start: UnsafeMutablePointer(bitPattern: UInt(address)), count: 512)
            return unsafe body(words)
        }
    }
}
