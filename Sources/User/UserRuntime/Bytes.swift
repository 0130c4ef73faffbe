// Words and bytes of messages, whether they travel in registers or through the IPC buffer.

import KernelABI

extension RegisterMessage {
    /// Sets word `index`, 0 to 127; the length grows to include it.
    public mutating func setWord(_ index: Int, _ value: UInt64) {
        if index < 8 { self[index] = value } else { IPCBufferAccess()[index] = value }
        length = max(length, index + 1)
    }

    /// Puts bytes into words from `word` on, eight a word.
    /// - Precondition: they fit: `word * 8 + bytes.count ≤ 1024`.
    public mutating func setBytes(_ bytes: Span<UInt8>, at word: Int) {
        var packed: UInt64 = 0
        for index in 0..<bytes.count {
            packed |= UInt64(bytes[index]) << UInt64(index % 8 * 8)
            if index % 8 == 7 || index == bytes.count - 1 {
                setWord(word + index / 8, packed)
                packed = 0
            }
        }
    }
}

extension Received {
    /// Word `index`; 0 behind the end. Words from 8 on are valid until this thread's next call.
    public func word(_ index: Int) -> UInt64 {
        if index >= message.length { return 0 }
        return index < 8 ? message[index] : IPCBufferAccess()[index]
    }

    /// Byte `index` of those that start in word `word`.
    public func byte(_ index: Int, at word: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: self.word(word + index / 8) >> UInt64(index % 8 * 8))
    }
}
