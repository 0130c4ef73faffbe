// A stopped task, as the root task describes it.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

struct StoppedTask {
    let programCounter: UInt64
    let linkRegister: UInt64
    /// Return addresses, the innermost first.
    private(set) var addresses: [UInt64] = []
    /// Why it faulted, in words, and what it said of that; empty of a task that is in no fault.
    private(set) var cause: [UInt8] = []
    private(set) var saying: [UInt8] = []
    /// The thread's name, if the task started it.
    let thread: Name

    /// Takes a reply that is laid out as `StackRecord` says.
    init(_ reply: inout LongMessage) {
        programCounter = reply[StackRecord.programCounter]
        linkRegister = reply[StackRecord.linkRegister]
        thread = Name(
            reply[StackRecord.thread], reply[StackRecord.thread + 1],
            reply[StackRecord.thread + 2], reply[StackRecord.thread + 3])
        let depth = min(reply[StackRecord.depth], UInt64(FactoryOperation.maximumDepth))
        for number in 0..<Int(depth) {
            addresses.append(reply[StackRecord.addresses + number])
        }
        let lengths = reply[StackRecord.lengths]
        for index in 0..<Int(lengths & 0xff) {
            cause.append(reply.byte(index, at: StackRecord.cause))
        }
        for index in 0..<Int(lengths >> 8 & 0xff) {
            saying.append(reply.byte(index, at: StackRecord.saying))
        }
    }
}
