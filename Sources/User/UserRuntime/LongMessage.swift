// Messages of more than eight words.

import KernelABI

/// A message of up to 128 words in the task's own memory: 1 KiB, which is never copied as a whole.
/// So it is passed `inout` where it is only read, too: the compiler copies what is borrowed.
///
/// A call copies its words from 8 on into the IPC buffer, and those of the reply out of it. The
/// target test `message.cost` bounds what that costs.
public struct LongMessage: ~Copyable {
    public static var capacity: Int { 128 }
    private var words = InlineArray<128, UInt64>(repeating: 0)
    /// Words that travel, 0 to 128.
    public private(set) var length = 0

    public init() {}
    public init(_ message: RegisterMessage) { set(message) }

    /// Becomes a message with these words alone.
    public mutating func set(_ message: RegisterMessage) {
        length = message.length
        for index in 0..<length { words[index] = message[index] }
    }

    /// Word `index`; 0 behind the end. When it is set, the length grows to include it, with zeros
    /// between. A word from 128 on is not kept.
    public subscript(index: Int) -> UInt64 {
        mutating get { index >= 0 && index < length ? words[index] : 0 }
        set {
            if index < 0 || index >= LongMessage.capacity { return }
            while length <= index {
                words[length] = 0
                length += 1
            }
            words[index] = newValue
        }
    }

    /// Byte `index` of those that start in word `word`; 0 behind the end.
    public mutating func byte(_ index: Int, at word: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: self[word + index / 8] >> UInt64(index % 8 * 8))
    }

    /// The words that travel in registers.
    mutating func registers() -> RegisterMessage {
        var message = RegisterMessage(length: length)
        for index in 0..<message.length { message[index] = words[index] }
        return message
    }
    /// Puts the other words where the kernel takes them from.
    mutating func fill(_ buffer: IPCBufferAccess) {
        if length <= 8 { return }
        let count = length
        // Safety: the words from 8 on to the length, which is at most 128.
        unsafe withUnsafeBytes(of: &words) {
            unsafe UnsafeMutableRawPointer(buffer.word(64)).copyMemory(
                from: $0.baseAddress.unsafelyUnwrapped + 64, byteCount: 8 &* (count &- 8))
        }
    }
    /// Takes what a system call brought.
    mutating func take(_ received: Received, from buffer: IPCBufferAccess) {
        length = min(received.length, LongMessage.capacity)
        for index in 0..<min(length, 8) { words[index] = received[index] }
        if length <= 8 { return }
        let count = length
        // Safety: as in `fill`.
        unsafe withUnsafeMutableBytes(of: &words) {
            unsafe ($0.baseAddress.unsafelyUnwrapped + 64).copyMemory(
                from: buffer.word(64), byteCount: 8 &* (count &- 8))
        }
    }
}

/// Gives `set` the words, from `word` on, that bytes make, eight a word.
@inline(__always) func pack(_ bytes: Span<UInt8>, at word: Int, _ set: (Int, UInt64) -> Void) {
    var packed: UInt64 = 0
    for index in 0..<bytes.count {
        packed |= UInt64(bytes[index]) << UInt64(index % 8 * 8)
        if index % 8 == 7 || index == bytes.count - 1 {
            set(word + index / 8, packed)
            packed = 0
        }
    }
}
