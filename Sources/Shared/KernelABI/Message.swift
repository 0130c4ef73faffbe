// Messages: the result word, and the layout of the page through which long messages travel.

/// Limits of a message.
@frozen public enum Message {
    /// Words that travel in x3–x10. All eight registers always travel; the length counts the valid
    /// words.
    @inlinable public static var registerWords: Int { 8 }
    /// Words of the longest message.
    @inlinable public static var maximumWords: Int { 128 }
    /// Capabilities of one message.
    @inlinable public static var maximumCapabilities: Int { 4 }
}

/// The kind of a delivery.
@frozen public enum Delivery: UInt8, Sendable {
    /// A message whose sender waits for a reply; also: a reply.
    case message = 0
    /// The bits of the bound notification, in x1.
    case notification = 1
    /// A message that expects no reply.
    case oneWay = 2
    /// A thread's fault; its words are a `Fault`'s. The reply resumes the thread.
    case fault = 3
}

/// x0 on return from a system call.
///
/// | bits | |
/// |---|---|
/// | 0–7 | 0, or the `KernelError` |
/// | 8–15 | `Delivery` |
/// | 32–39 | length of the message in words |
/// | 48–51 | number of capabilities that were received |
/// | 52 | a loan came with the message |
@frozen public struct ResultWord: Sendable {
    public var raw: UInt64
    @inlinable public init(raw: UInt64) { self.raw = raw }
    @inlinable public init(error: KernelError) { raw = UInt64(error.rawValue) }
    @inlinable public init(_ delivery: Delivery, message: UInt64 = 0) {
        raw = message & ControlWord.messageMask | UInt64(delivery.rawValue) << 8
    }
    @inlinable public static var success: ResultWord { ResultWord(raw: 0) }
    @inlinable public var error: KernelError? {
        KernelError(rawValue: UInt8(truncatingIfNeeded: raw))
    }
    @inlinable public var isSuccess: Bool { raw & 0xff == 0 }
    @inlinable public var delivery: Delivery? {
        Delivery(rawValue: UInt8(truncatingIfNeeded: raw &>> 8))
    }
    @inlinable public var length: Int { Int(truncatingIfNeeded: (raw &>> 32) & 0xff) }
    @inlinable public var capabilityCount: Int { Int(truncatingIfNeeded: (raw &>> 48) & 15) }
    @inlinable public var hasLoan: Bool { raw & ControlWord.loanBit != 0 }
}

/// Byte offsets within a thread's IPC buffer, a page of its own that the kernel reads and writes.
@frozen public enum IPCBuffer {
    @inlinable public static var size: Int { 4096 }
    /// Message words: word *i* at 8·*i*. Words 0–7 travel in registers and their places here are
    /// not touched.
    @inlinable public static var words: Int { 0 }
    /// Up to four slots of the capabilities to send (one word each).
    @inlinable public static var sendSlots: Int { 0x400 }
    /// Up to four empty slots of the thread's own table for received capabilities (one word each;
    /// `Slot.none` ends the list).
    @inlinable public static var receiveSlots: Int { 0x420 }
    /// The loan: address, length in bytes, and rights (`Rights.read`, `Rights.write`), one word
    /// each.
    @inlinable public static var loanAddress: Int { 0x440 }
    @inlinable public static var loanLength: Int { 0x448 }
    @inlinable public static var loanRights: Int { 0x450 }
    /// The floating-point registers of a thread that uses them, while it does not run: FPSR, FPCR,
    /// v0–v31. A thread that uses floating point needs an IPC buffer.
    @inlinable public static var floatingPoint: Int { 0x800 }
    /// From here on the page belongs to the thread's runtime. The thread pointer (TPIDR_EL0) is the
    /// address of this byte: so the kernel starts the root task.
    @inlinable public static var runtime: Int { 0xc00 }
    /// The runtime's own two words at the thread pointer. The thread-local variables follow them
    /// (ELF for AArch64, variant 1 of thread-local storage).
    @inlinable public static var controlBytes: Int { 16 }
    /// Most bytes of a program's thread-local variables; `linker/task.ld` states them too.
    @inlinable public static var localBytes: Int { size - runtime - controlBytes }
    /// Returns the thread pointer of a thread whose IPC buffer lies at `address`.
    @inlinable public static func threadPointer(_ address: UInt64) -> UInt64 {
        address &+ UInt64(runtime)
    }
}
