// Messages as task code handles them: eight words in registers, the rest through this thread's
// IPC buffer.

import CUserEntry
import KernelABI

/// A message of up to 8 words.
public struct RegisterMessage: Sendable {
    public var words: SwiftletWords
    /// Words that mean something, 0 to 128: above 8 the rest lies in the IPC buffer.
    public var length: Int

    @inline(__always) public init() { self.init(length: 0) }
    @inline(__always) public init(length: Int) {
        words = SwiftletWords(w0: 0, w1: 0, w2: 0, w3: 0, w4: 0, w5: 0, w6: 0, w7: 0)
        self.length = length
    }
    @inline(__always) public init(_ w0: UInt64) {
        self.init(length: 1)
        words.w0 = w0
    }
    @inline(__always) public init(_ w0: UInt64, _ w1: UInt64) {
        self.init(length: 2)
        words.w0 = w0
        words.w1 = w1
    }
    @inline(__always) public init(_ w0: UInt64, _ w1: UInt64, _ w2: UInt64) {
        self.init(w0, w1)
        length = 3
        words.w2 = w2
    }
    @inline(__always) public init(_ w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64) {
        self.init(w0, w1, w2)
        length = 4
        words.w3 = w3
    }
    /// Word 0 to 7.
    public subscript(index: Int) -> UInt64 {
        get {
            switch index {
            case 0: return words.w0
            case 1: return words.w1
            case 2: return words.w2
            case 3: return words.w3
            case 4: return words.w4
            case 5: return words.w5
            case 6: return words.w6
            case 7: return words.w7
            default: return 0
            }
        }
        set {
            switch index {
            case 0: words.w0 = newValue
            case 1: words.w1 = newValue
            case 2: words.w2 = newValue
            case 3: words.w3 = newValue
            case 4: words.w4 = newValue
            case 5: words.w5 = newValue
            case 6: words.w6 = newValue
            case 7: words.w7 = newValue
            default: break
            }
        }
    }
}

/// What a `receive` or a `call` brought.
public struct Received: Sendable {
    public var result: ResultWord
    /// The sender's badge, or the bits of the notification.
    public var badge: UInt64
    /// Bytes that came with the call as a loan.
    public var loanLength: UInt64
    public var message: RegisterMessage

    @inline(__always) init(_ raw: SwiftletResult, _ words: SwiftletWords) {
        result = ResultWord(raw: raw.result)
        badge = raw.badge
        loanLength = raw.loan
        message = RegisterMessage(length: result.length)
        message.words = words
    }
    @inline(__always) public var delivery: Delivery { result.delivery ?? .message }
    @inline(__always) public var capabilityCount: Int { result.capabilityCount }
    /// Word 0 to 7; 0 behind the end, whatever the sender left in the registers there.
    @inline(__always) public subscript(index: Int) -> UInt64 {
        index < message.length ? message[index] : 0
    }
}

/// Capabilities and a loan that go with a message.
public struct Attachment: Sendable {
    public var capabilities: (Slot, Slot, Slot, Slot) = (.none, .none, .none, .none)
    public var count = 0
    public var loanAddress: UInt64 = 0
    public var loanLength: UInt64 = 0
    public var loanRights = Rights.none
    public init() {}
    public init(_ capability: Slot) {
        capabilities.0 = capability
        count = 1
    }
    /// Lend `length` bytes at `address` for the time of the call.
    public init(lending address: UInt64, length: UInt64, _ rights: Rights) {
        loanAddress = address
        loanLength = length
        loanRights = rights
    }
}

/// This thread's IPC buffer, at a fixed distance from its thread pointer.
public struct IPCBufferAccess {
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
    public func set(_ attachment: Attachment) {
        unsafe word(IPCBuffer.sendSlots).pointee = UInt64(attachment.capabilities.0.index)
        unsafe word(IPCBuffer.sendSlots + 8).pointee = UInt64(attachment.capabilities.1.index)
        unsafe word(IPCBuffer.sendSlots + 16).pointee = UInt64(attachment.capabilities.2.index)
        unsafe word(IPCBuffer.sendSlots + 24).pointee = UInt64(attachment.capabilities.3.index)
        unsafe word(IPCBuffer.loanAddress).pointee = attachment.loanAddress
        unsafe word(IPCBuffer.loanLength).pointee = attachment.loanLength
        unsafe word(IPCBuffer.loanRights).pointee = UInt64(attachment.loanRights.raw)
    }
    /// Empty slots for capabilities that the next messages bring.
    public func setReceiveSlots(
        _ a: Slot, _ b: Slot = .none, _ c: Slot = .none, _ d: Slot = .none
    ) {
        unsafe word(IPCBuffer.receiveSlots).pointee = UInt64(a.index)
        unsafe word(IPCBuffer.receiveSlots + 8).pointee = UInt64(b.index)
        unsafe word(IPCBuffer.receiveSlots + 16).pointee = UInt64(c.index)
        unsafe word(IPCBuffer.receiveSlots + 24).pointee = UInt64(d.index)
    }
}
