// A GUID partition table's header and entries (UEFI Specification 2.10, 5.3). A checksum covers
// each, so a copy is whole or it is none.

/// A globally unique identifier.
public struct GUID: Equatable, Sendable {
    /// Its first and its last eight bytes as they stand on a card, each with the lowest first.
    public var low: UInt64
    public var high: UInt64

    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// C12A7328-F81F-11D2-BA4B-00A0C93EC93B.
    public static var efiSystem: GUID {
        GUID(low: 0x11d2_f81f_c12a_7328, high: 0x3bc9_3ec9_a000_4bba)
    }
    /// EBD0A0A2-B9E5-4433-87C0-68B6B72699C7: file systems of Microsoft's kinds.
    public static var basicData: GUID {
        GUID(low: 0x4433_b9e5_ebd0_a0a2, high: 0xc799_26b7_b668_c087)
    }

    /// `c12a7328-f81f-11d2-ba4b-00a0c93ec93b`: the first three groups are numbers, the
    /// rest is bytes.
    public func write(to text: inout Text) {
        for place in [3, 2, 1, 0, -1, 5, 4, -1, 7, 6, -1, 8, 9, -1, 10, 11, 12, 13, 14, 15] {
            if place < 0 {
                text.add("-")
                continue
            }
            let half = place < 8 ? low : high
            text.hexadecimalByte(UInt8(truncatingIfNeeded: half >> UInt64(place % 8 * 8)))
        }
    }
}

/// The entries of one copy of the table.
struct GUIDEntries {
    struct Entry {
        /// Its place, from 0.
        var index: Int
        var kind: GUID
        /// First and last block.
        var first: UInt64
        var last: UInt64
    }
    private(set) var used: [Entry] = []

    /// Blocks of entries at most: 1,024 of the usual size, eight times what tools make.
    private static var maximumBlocks: UInt64 { 256 }

    /// Reads the copy whose header is in that block; nil where it is not whole.
    ///
    /// - Throws: `unreadable`.
    init?(
        _ source: inout some BlockSource, header place: UInt64, blocks: UInt64
    ) throws(PartitionTableError) {
        guard let header = source.block(place) else { throw .unreadable }
        let length = Int(header.littleEndian(12, 4))
        let first = header.littleEndian(72, 8)
        let number = header.littleEndian(80, 4)
        let size = header.littleEndian(84, 4)
        guard header.littleEndian(0, 8) == GUIDEntries.signature, length >= 92, length <= 512,
            header.littleEndian(24, 8) == place, size >= 128, size & (size - 1) == 0, size <= 512
        else { return nil }
        var sum = CRC32()
        // The header's own checksum counts as zero.
        for index in 0..<length { sum.add(index >= 16 && index < 20 ? 0 : header[index]) }
        let count = (number * size + 511) / 512
        if sum.value != header.littleEndian(16, 4) || count > GUIDEntries.maximumBlocks {
            return nil
        }
        if first < 2 || first >= blocks || count > blocks - first { return nil }
        sum = CRC32()
        for offset in 0..<count {
            guard let block = source.block(first + offset) else { throw .unreadable }
            let end = Int(min(512, number * size - offset * 512))
            for index in 0..<end { sum.add(block[index]) }
            for entry in stride(from: 0, to: end, by: Int(size)) {
                let kind = GUID(
                    low: block.littleEndian(entry, 8), high: block.littleEndian(entry + 8, 8))
                if kind == GUID(low: 0, high: 0) { continue }
                used.append(
                    Entry(
                        index: (Int(offset) * 512 + entry) / Int(size), kind: kind,
                        first: block.littleEndian(entry + 32, 8),
                        last: block.littleEndian(entry + 40, 8)))
            }
        }
        if sum.value != header.littleEndian(88, 4) { return nil }
    }

    /// `EFI PART`.
    private static var signature: UInt64 { 0x5452_4150_2049_4645 }
}

/// The checksum of IEEE 802.3, bytes with the lowest bit first.
struct CRC32 {
    private var state: UInt32 = ~0

    mutating func add(_ byte: UInt8) {
        state ^= UInt32(byte)
        for _ in 0..<8 { state = state >> 1 ^ (state & 1 == 0 ? 0 : 0xedb8_8320) }
    }

    /// The checksum of the bytes so far.
    var value: UInt64 { UInt64(~state) }
}
