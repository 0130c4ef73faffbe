// A name of a task, a service or a binary: up to 32 bytes of UTF-8 in four words.
//
// Four words travel in registers, compare in four instructions and need no heap; a `String`
// would cost tens of kilobytes of code in every task that only wants to know whether two names
// are the same.

import Protocols

/// Up to 32 bytes, zero-padded; the first byte is the low byte of `word0`.
public struct Name: Equatable, Sendable {
    public var word0: UInt64
    public var word1: UInt64
    public var word2: UInt64
    public var word3: UInt64

    /// Bytes that a name can hold.
    @inlinable public static var capacity: Int { 32 }
    /// The name of nothing.
    @inlinable public static var empty: Name { Name(0, 0, 0, 0) }

    @inlinable public init(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        self.word0 = word0
        self.word1 = word1
        self.word2 = word2
        self.word3 = word3
    }

    @inlinable public init(_ words: InlineArray<4, UInt64>) {
        self.init(words[0], words[1], words[2], words[3])
    }

    /// A name from a literal; what passes 32 bytes is cut off.
    public init(_ text: StaticString) {
        self = .empty
        text.withUTF8Buffer { buffer in
            // Safety: the index stays below the buffer's count, and the literal lives for ever.
            for index in 0..<buffer.count { unsafe append(buffer[index]) }
        }
    }

    /// A name from bytes up to the first zero; nil when they are more than 32, or none.
    public init?(bytes: Span<UInt8>) {
        self = .empty
        var length = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            if byte == 0 { break }
            if length == Name.capacity { return nil }
            append(byte)
            length += 1
        }
        if length == 0 { return nil }
    }

    @inlinable public static func == (a: Name, b: Name) -> Bool {
        a.word0 == b.word0 && a.word1 == b.word1 && a.word2 == b.word2 && a.word3 == b.word3
    }

    public var words: InlineArray<4, UInt64> { [word0, word1, word2, word3] }

    /// Word 0 to 3; 0 behind the end.
    public subscript(word index: Int) -> UInt64 {
        switch index {
        case 0: word0
        case 1: word1
        case 2: word2
        case 3: word3
        default: 0
        }
    }

    /// The bytes up to the first zero, with `?` for those that are no printable ASCII.
    public var printable: Name {
        var name = Name.empty
        for index in 0..<Name.capacity {
            let byte = self[index]
            if byte == 0 { break }
            name.append(byte > 32 && byte < 127 ? byte : UInt8(ascii: "?"))
        }
        return name
    }

    public var isEmpty: Bool { word0 & 0xff == 0 }

    /// The byte at `index`; 0 behind the end.
    public subscript(index: Int) -> UInt8 {
        let word: UInt64
        switch index >> 3 {
        case 0: word = word0
        case 1: word = word1
        case 2: word = word2
        case 3: word = word3
        default: return 0
        }
        return UInt8(truncatingIfNeeded: word >> UInt64((index & 7) * 8))
    }

    /// Length in bytes.
    public var count: Int {
        var length = 0
        while length < Name.capacity && self[length] != 0 { length += 1 }
        return length
    }

    /// Adds a byte at the end; a full name stays as it is.
    public mutating func append(_ byte: UInt8) {
        let index = count
        guard index < Name.capacity else { return }
        let bits = UInt64(byte) << UInt64((index & 7) * 8)
        switch index >> 3 {
        case 0: word0 |= bits
        case 1: word1 |= bits
        case 2: word2 |= bits
        default: word3 |= bits
        }
    }

    /// This name with `.` and a number behind it, as the second device of a kind is called; cut
    /// at 32 bytes.
    public func numbered(_ number: Int) -> Name {
        var result = self
        result.append(UInt8(ascii: "."))
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            result.append(UInt8(truncatingIfNeeded: 48 + (number / divisor) % 10))
            divisor /= 10
        }
        return result
    }

    /// This name up to its first `.`.
    public var withoutNumber: Name {
        var plain = Name.empty
        for index in 0..<count {
            if self[index] == UInt8(ascii: ".") { break }
            plain.append(self[index])
        }
        return plain
    }

    /// The bytes without their padding.
    public var bytes: [UInt8] {
        var result: [UInt8] = []
        for index in 0..<count { result.append(self[index]) }
        return result
    }
}

extension LineInterpolation {
    public mutating func appendInterpolation(_ name: Name) {
        for index in 0..<name.count { line.add(byte: name[index]) }
    }
}
