// Random numbers from any of the chips' sources, and the one check that they all need: that a
// source which got stuck is not taken for a random one.

/// A source of random words in hardware.
public protocol RandomSource {
    /// A word of 32 random bits; nil while there is none.
    func next() -> UInt32?
}

/// A source, with the continuous test of FIPS 140-2 (4.9.2): the first word is only compared with,
/// and a word like the one before it is thrown away. Of good words that costs one in 2³²; a source
/// that got stuck gives nothing.
public struct CheckedRandom<Source: RandomSource> {
    private let source: Source
    private var last: UInt32?
    /// A word that waits for its other half.
    private var half: UInt32?

    public init(_ source: Source) { self.source = source }

    /// A word of 32 random bits; nil while there is none, or no other than before.
    public mutating func next() -> UInt32? {
        guard let word = source.next() else { return nil }
        defer { last = word }
        return last == nil || word == last ? nil : word
    }

    /// 64 random bits; nil while there are not so many. What there is by then stays for the
    /// next time.
    public mutating func nextDouble() -> UInt64? {
        if half == nil { half = next() }
        guard let low = half, let high = next() else { return nil }
        half = nil
        return UInt64(low) | UInt64(high) << 32
    }
}
