// A ring of bytes in memory that survives its task: two counters that only grow, and the bytes.

/// Invariant: `taken ≤ added ≤ taken + capacity`; byte n lies at n modulo the capacity.
@safe public struct ByteRing {
    private let words: UnsafeMutableBufferPointer<UInt64>
    /// Bytes that fit: a power of two.
    public static var capacity: UInt64 { 1024 }
    /// Words of memory that a ring takes.
    public static var wordCount: Int { 8 + 128 }
    private static var magic: UInt64 { 0x474e_4952_4554_5942 }

    /// Takes up a ring in `memory`, at least `wordCount` words; what is no sound ring becomes an
    /// empty one.
    public init(memory: UnsafeMutableBufferPointer<UInt64>) {
        unsafe words = memory
        if word(0) != ByteRing.magic || added &- taken > ByteRing.capacity {
            setWord(1, 0)
            setWord(2, 0)
            setWord(0, ByteRing.magic)
        }
    }

    // Safety: indices are below wordCount, which the memory has.
    private func word(_ index: Int) -> UInt64 { unsafe words[index] }
    private func setWord(_ index: Int, _ value: UInt64) { unsafe words[index] = value }
    /// The place of byte `number`, behind eight words.
    private func place(_ number: UInt64) -> UnsafeMutableRawPointer {
        // Safety: 64 + 1023 is below 8 * wordCount.
        unsafe UnsafeMutableRawPointer(words.baseAddress.unsafelyUnwrapped)
            + Int(64 + number & (ByteRing.capacity - 1))
    }

    /// Bytes ever added.
    public var added: UInt64 { word(1) }
    /// Bytes ever taken.
    public var taken: UInt64 { word(2) }
    public var count: UInt64 { added &- taken }
    /// Bytes that still fit.
    public var room: UInt64 { ByteRing.capacity - count }
    public var isFull: Bool { room == 0 }

    /// Adds a byte. - Precondition: not full. The counter moves last, so that a task that dies here
    /// adds nothing.
    public mutating func add(_ byte: UInt8) {
        let number = added
        unsafe place(number).storeBytes(of: byte, as: UInt8.self)
        setWord(1, number &+ 1)
    }

    /// Byte number `number`, taken ≤ number < added.
    public subscript(number: UInt64) -> UInt8 { unsafe place(number).load(as: UInt8.self) }

    /// Lets go of all bytes before `number`; false when that is not between `taken` and `added`.
    public mutating func take(upTo number: UInt64) -> Bool {
        if number &- taken > count { return false }
        setWord(2, number)
        return true
    }
}
