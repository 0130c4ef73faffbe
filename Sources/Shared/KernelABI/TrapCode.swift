// Why a task's own code stopped it: the number in its trap instruction, which a fault message
// carries in the syndrome.

/// The immediate of a `brk` (ESR_EL1 bits 0–15, Arm ARM D19.2.37).
///
/// The compiler makes all its checks `brk #1`. `swiftlet mark-traps` gives each the number of its
/// cause, which the debug information names. The numbers from `returned` to `lockRefused` are the
/// runtime's own (CUserEntry's TrapCodes.h has them too).
@frozen public enum TrapCode: UInt16, Sendable {
    case failedCheck = 1
    /// `main` returned.
    case returned = 0x5301
    /// x1: bytes of a text, which stands in x5 to x14. x2, x3: address and bytes of the source
    /// file's name. x4: its line.
    case fatalError = 0x5302
    /// x0: the bytes that were asked for.
    case heapExhausted = 0x5303
    /// A server's own endpoint refuses to receive.
    case noEndpoint = 0x5304
    case stackSmashed = 0x5305
    /// x0: an address that was freed, where no block in use is, or one that was overwritten.
    case heapMisused = 0x5306
    /// A thread ended in `malloc` or `free`.
    case heapAbandoned = 0x5307
    /// x0: the token of a global value whose initialiser needs the value.
    case onceRecursive = 0x5308
    /// x0: the token of a global value whose initialising thread ended.
    case onceAbandoned = 0x5309
    /// x0: the kernel's error for a lock of the runtime.
    case lockRefused = 0x530a
    case overflow = 0x5310
    case doesNotFit = 0x5311
    case indexOutOfRange = 0x5312
    case nilUnwrapped = 0x5313
    case divisionByZero = 0x5314
    case emptyRange = 0x5315
    case failedPrecondition = 0x5316

    /// The code of a fault's syndrome; nil where it is no trap instruction's, or the number
    /// means nothing.
    public init?(syndrome: UInt64) {
        if syndrome >> 26 & 0x3f != 0x3c { return nil }
        self.init(rawValue: UInt16(truncatingIfNeeded: syndrome))
    }

    /// The cause in words, for reports.
    public var text: StaticString {
        switch self {
        case .failedCheck: "failed check"
        case .returned: "main returned"
        case .fatalError: "fatal error"
        case .heapExhausted: "heap exhausted"
        case .noEndpoint: "its endpoint is gone"
        case .stackSmashed: "write beyond a variable on the stack"
        case .heapMisused: "memory freed twice, or the heap overwritten"
        case .heapAbandoned: "a thread ended while it changed the heap"
        case .onceRecursive: "a global value's initialiser needs the value"
        case .onceAbandoned: "a thread ended in a global value's initialiser"
        case .lockRefused: "the kernel refuses the runtime's lock"
        case .overflow: "arithmetic overflow"
        case .doesNotFit: "a number does not fit its type"
        case .indexOutOfRange: "index out of range"
        case .nilUnwrapped: "nil was unwrapped"
        case .divisionByZero: "division by zero"
        case .emptyRange: "a range ends below its start"
        case .failedPrecondition: "failed precondition"
        }
    }
}
