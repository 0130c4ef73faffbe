// What a fault was, in words: the supervisor reports the tasks' faults with them, the root task the supervisor's.

import KernelABI

extension FaultKind {
    public var text: StaticString {
        switch self {
        case .pageRead: "read of memory that is not its own"
        case .pageWrite: "write to memory that is not its own"
        case .pageExecute: "jump to memory that is not its code"
        case .alignment: "unaligned access"
        case .illegalInstruction: "illegal instruction"
        case .breakpoint: "breakpoint or failed check"
        case .unknownSystemCall: "unknown system call"
        case .noFloatingPoint: "floating point without an IPC buffer"
        case .other: "unexpected exception"
        }
    }

    /// The kind in word 0 of a fault message; what this runtime does not know is `other`.
    public init(word: UInt64) { self = FaultKind(rawValue: UInt8(truncatingIfNeeded: word)) ?? .other }
}
