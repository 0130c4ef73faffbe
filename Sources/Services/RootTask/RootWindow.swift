// One page of the root task's address space through which it sees a page that is to be another task's.

import KernelABI
import UserRuntime

/// The window, and the root task's heap behind it.
struct RootWindow {
    let address: UInt64
    let frame: Slot

    /// Maps `source`'s frame in the window, hands its words out, and takes it away again.
    func look<Result>(
        at source: Slot, in table: CapabilityTable, _ body: (UnsafeMutableBufferPointer<UInt64>) -> Result
    )
        throws(KernelError) -> Result
    {
        try table.copy(source, to: frame, in: .own)
        do throws(KernelError) {
            try AddressSpace(RootSlot.addressSpace).map(frame, at: address, .read | .write)
        } catch {
            try CapabilityTable.own.delete(frame)
            throw error
        }
        // Safety: the frame's 4096 bytes are mapped here until the capability is deleted below.
        let words = unsafe UnsafeMutableBufferPointer<UInt64>(
            start: UnsafeMutablePointer(bitPattern: UInt(address)), count: 512)
        let result = unsafe body(words)
        try CapabilityTable.own.delete(frame)
        return result
    }
}
