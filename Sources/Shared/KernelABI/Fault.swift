// A thread's fault as its handler receives it, and the handler's answers.

/// The cause of a fault: word 0 of a fault message.
@frozen public enum FaultKind: UInt8, Sendable {
    case pageRead = 1
    case pageWrite = 2
    case pageExecute = 3
    case alignment = 4
    case illegalInstruction = 5
    case breakpoint = 6
    case unknownSystemCall = 7
    /// Floating point was used without an IPC buffer to keep the registers in.
    case noFloatingPoint = 8
    /// Any other exception of the processor; the syndrome has details.
    case other = 9
}

extension FaultKind {
    /// The cause in words, for reports.
    public var text: StaticString {
        switch self {
        case .pageRead: "read of memory that is not its own"
        case .pageWrite: "write to memory that is not its own"
        case .pageExecute: "jump to memory that is not its code"
        case .alignment: "unaligned access"
        case .illegalInstruction: "illegal instruction"
        case .breakpoint: "trap instruction"
        case .unknownSystemCall: "unknown system call"
        case .noFloatingPoint: "floating point without an IPC buffer"
        case .other: "unexpected exception"
        }
    }

    /// Creates the kind from word 0 of a fault message. An unknown value becomes `other`.
    public init(word: UInt64) {
        self = FaultKind(rawValue: UInt8(truncatingIfNeeded: word)) ?? .other
    }
}

/// Layout of a fault message (delivery `fault`).
@frozen public enum Fault {
    @inlinable public static var words: Int { 7 }
    /// `FaultKind`.
    @inlinable public static var kind: Int { 0 }
    @inlinable public static var programCounter: Int { 1 }
    /// The address that the access touched, or 0.
    @inlinable public static var address: Int { 2 }
    /// ESR_EL1 (Arm ARM D19.2.37).
    @inlinable public static var syndrome: Int { 3 }
    @inlinable public static var stackPointer: Int { 4 }
    /// x30 and x29, for a stack trace.
    @inlinable public static var linkRegister: Int { 5 }
    @inlinable public static var framePointer: Int { 6 }
}

/// Word 0 of the reply to a fault.
@frozen public enum FaultReply: UInt64, Sendable {
    /// The thread runs the instruction again.
    case retry = 0
    /// The thread continues at the address in word 1.
    case resumeAt = 1
    /// The thread stays stopped.
    case stop = 2
}
