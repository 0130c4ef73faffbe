// This thread's IPC buffer: what of a message does not travel in registers.

import CUserEntry
import KernelABI

/// This thread's IPC buffer, at a fixed distance from its thread pointer.
///
/// Each call of the thread uses the same one. Task code has no need of it; tests of the kernel and
/// benchmarks make calls of their own.
@_spi(IPCBuffer) public struct IPCBufferAccess {
    let base: UInt
    @inline(__always) public init() { self.init(threadPointer: swiftlet_thread_pointer()) }
    @inline(__always) init(threadPointer: UInt64) {
        base = UInt(threadPointer) &- UInt(IPCBuffer.runtime)
    }

    // Safety: the task's loader mapped a page there for this thread alone, and offsets stay
    // within it.
    @inline(__always) func word(_ offset: Int) -> UnsafeMutablePointer<UInt64> {
        unsafe UnsafeMutablePointer(bitPattern: base &+ UInt(offset & 0xff8)).unsafelyUnwrapped
    }
    /// Word 8 to 127 of a message.
    public subscript(index: Int) -> UInt64 {
        @inline(__always) get { unsafe word(8 &* (index & 127)).pointee }
        @inline(__always) nonmutating set { unsafe word(8 &* (index & 127)).pointee = newValue }
    }
    /// What goes with the next message whose control word says so.
    public func set(_ attachment: Attachment) {
        unsafe word(IPCBuffer.sendSlots).pointee = UInt64(attachment.capabilities.0.index)
        unsafe word(IPCBuffer.sendSlots + 8).pointee = UInt64(attachment.capabilities.1.index)
        unsafe word(IPCBuffer.sendSlots + 16).pointee = UInt64(attachment.capabilities.2.index)
        unsafe word(IPCBuffer.sendSlots + 24).pointee = UInt64(attachment.capabilities.3.index)
        unsafe word(IPCBuffer.loanAddress).pointee = attachment.loanAddress
        unsafe word(IPCBuffer.loanLength).pointee = attachment.loanLength
        unsafe word(IPCBuffer.loanRights).pointee = UInt64(attachment.loanRights.raw)
    }
    /// The empty slot for a capability that the next message brings; `.none`: it brings none.
    @inline(__always) public func setReceiveSlot(_ slot: Slot) {
        unsafe word(IPCBuffer.receiveSlots).pointee = UInt64(slot.index)
        unsafe word(IPCBuffer.receiveSlots + 8).pointee = UInt64(Slot.none.index)
    }
}
