// A second thread of the supervisor: it waits on a notification, and shares one word with the
// first. It has no IPC buffer, so its calls pass their words in registers.

import KernelABI
import UserRuntime

enum HelperThread {
    private static let stackBytes = 1024

    /// Makes the thread and its notification from the task's own untyped memory. It does not run
    /// before it is resumed.
    ///
    /// - Parameters:
    ///   - thread: an empty slot for the thread.
    ///   - notification: an empty slot for the notification.
    ///   - run: its function; the argument is the word's address.
    /// - Returns: the word, which is 0. It is never freed.
    static func make(
        _ thread: Slot, _ notification: Slot, run: @convention(c) (UInt64) -> Void
    ) throws(KernelError) -> UnsafeMutablePointer<UInt64> {
        // Safety: neither is ever freed; the stack is used by the new thread alone.
        let word = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        unsafe word.pointee = 0
        let stack = UnsafeMutableRawPointer.allocate(byteCount: stackBytes, alignment: 16)
        let memory = Untyped(StartSlot.untyped)
        try memory.retype(.notification, index: notification)
        try memory.retype(.thread, index: thread)
        try Thread(thread).configure(table: StartSlot.table, addressSpace: StartSlot.addressSpace)
        // Safety: a C function is its address.
        let start = unsafe UInt(bitPattern: unsafeBitCast(run, to: UnsafeRawPointer.self))
        try Thread(thread).setEntry(
            programCounter: UInt64(start),
            stackPointer: UInt64(UInt(bitPattern: stack)) + UInt64(stackBytes),
            argument: UInt64(UInt(bitPattern: word)), threadPointer: 0)
        return unsafe word
    }
}
