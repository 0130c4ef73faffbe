// Messages as task code handles them: eight words in registers, or up to 128 in the task's own
// memory.
//
// More than eight words, the slots for capabilities and a loan travel through the thread's IPC
// buffer, which all its calls share. So the buffer is filled right before a system call and emptied
// right after it, in one function of this module; no task sees it. What a message brought is the
// task's own, whatever it calls meanwhile.

import CUserEntry
import KernelABI
import Protocols

/// A message of up to 8 words.
public struct RegisterMessage: Sendable {
    public var words: SwiftletWords
    /// Words that travel, 0 to 8.
    public private(set) var length: Int

    @inline(__always) public init() { self.init(length: 0) }
    /// So many words, 8 at most, all 0.
    @inline(__always) public init(length: Int) {
        words = SwiftletWords(w0: 0, w1: 0, w2: 0, w3: 0, w4: 0, w5: 0, w6: 0, w7: 0)
        self.length = min(max(length, 0), 8)
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
    /// Sets word `index`, 0 to 7; the length grows to include it.
    @inline(__always) public mutating func setWord(_ index: Int, _ value: UInt64) {
        self[index] = value
        length = min(max(length, index + 1), 8)
    }
    /// Word 0 to 7. Other words read as 0, and are not kept.
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

/// What a `receive` or a `call` brought. Of a message that is longer than eight words it has the
/// first eight: who expects more receives into a `LongMessage`.
public struct Received: Sendable {
    public var result: ResultWord
    /// The sender's badge, or the bits of the notification.
    public var badge: UInt64
    /// Bytes that came with the call as a loan.
    public var loanLength: UInt64
    /// Words that came, 0 to 128.
    public let length: Int
    private let words: RegisterMessage

    @inline(__always) init(_ raw: SwiftletResult, _ words: SwiftletWords) {
        self.init(raw, words, length: ResultWord(raw: raw.result).length)
    }
    @inline(__always) init(_ raw: SwiftletResult, _ words: SwiftletWords, length: Int) {
        result = ResultWord(raw: raw.result)
        badge = raw.badge
        loanLength = raw.loan
        self.length = length
        var message = RegisterMessage(length: length)
        message.words = words
        self.words = message
    }
    /// The sender, as a server knows its clients.
    @inline(__always) public var client: ClientBadge { ClientBadge(raw: badge) }
    @inline(__always) public var delivery: Delivery { result.delivery ?? .message }
    @inline(__always) public var capabilityCount: Int { result.capabilityCount }
    /// Word 0 to 7; 0 behind the end, whatever the sender left in the registers there.
    @inline(__always) public subscript(index: Int) -> UInt64 {
        index < words.length ? words[index] : 0
    }
    /// Byte `index` of those that start in word `word`; 0 behind the end, and behind word 7.
    public func byte(_ index: Int, at word: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: self[word + index / 8] >> UInt64(index % 8 * 8))
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
