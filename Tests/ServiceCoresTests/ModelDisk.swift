// Cards as the tests of partition tables and of FAT volumes make them.

@testable import ServiceCores

func put(_ value: UInt64, _ count: Int, at offset: Int, in block: inout [UInt8]) {
    for index in 0..<count {
        block[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
}
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Blocks by number; the rest is empty.
struct Blocks: BlockSource {
    var content: [UInt64: [UInt8]] = [:]
    var unreadable: Set<UInt64> = []
    var reads = 0
    mutating func block(_ number: UInt64) -> [UInt8]? {
        reads += 1
        return unreadable.contains(number)
            ? nil : content[number] ?? [UInt8](repeating: 0, count: 512)
    }
}

/// A first block with entries of (status, kind, first, count).
func table(_ entries: [(UInt8, UInt8, UInt64, UInt64)]) -> Blocks {
    Blocks(content: [0: tableBlock(entries)])
}
func tableBlock(_ entries: [(UInt8, UInt8, UInt64, UInt64)]) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    put(0xaa55, 2, at: 510, in: &block)
    for (index, entry) in entries.enumerated() {
        block[446 + 16 * index] = entry.0
        block[450 + 16 * index] = entry.1
        put(entry.2, 4, at: 454 + 16 * index, in: &block)
        put(entry.3, 4, at: 458 + 16 * index, in: &block)
    }
    return block
}

extension PartitionTable {
    init(_ card: Blocks, blocks: UInt64) throws(PartitionTableError) {
        var card = card
        try self.init(&card, blocks: blocks)
    }
}

/// A card of 10,000 blocks with both copies of a GUID table: entries of (type, first, last).
struct GUIDCard {
    static let blocks: UInt64 = 10_000
    static let linux = GUID(low: 0x4772_8483_0fc6_3daf, high: 0xe47d_47d8_693d_798e)
    var source = table([(0, 0xee, 1, 0xffff_ffff)])

    init(_ entries: [(GUID, UInt64, UInt64)], size: Int = 128, number: Int = 128) {
        var bytes = [UInt8](repeating: 0, count: (size * number + 511) / 512 * 512)
        for (index, entry) in entries.enumerated() {
            put(entry.0.low, 8, at: index * size, in: &bytes)
            put(entry.0.high, 8, at: index * size + 8, in: &bytes)
            put(entry.1, 8, at: index * size + 32, in: &bytes)
            put(entry.2, 8, at: index * size + 40, in: &bytes)
        }
        let count = UInt64(bytes.count / 512)
        let last = GUIDCard.blocks - 1
        for (place, first) in [(1, 2), (last, last - count)] as [(UInt64, UInt64)] {
            var header = [UInt8](repeating: 0, count: 512)
            for (offset, length, value) in [
                (0, 8, 0x5452_4150_2049_4645), (8, 4, 0x10000), (12, 4, 92), (24, 8, place),
                (72, 8, first),
                (80, 4, UInt64(number)), (84, 4, UInt64(size)),
                (88, 4, checksum(bytes[..<(size * number)])),
            ] as [(Int, Int, UInt64)] { put(value, length, at: offset, in: &header) }
            source.content[place] = header
            seal(place)
            for block in 0..<count {
                source.content[first + block] = Array(
                    bytes[Int(block * 512)..<Int(block * 512 + 512)])
            }
        }
    }
    /// Makes the header's checksum right again.
    mutating func seal(_ place: UInt64) {
        put(0, 4, at: 16, in: &source.content[place]!)
        put(checksum(source.content[place]![..<92]), 4, at: 16, in: &source.content[place]!)
    }
    /// Changes both headers in one place, and makes them whole.
    mutating func change(_ offset: Int, _ count: Int, _ value: UInt64) {
        for place in [1, GUIDCard.blocks - 1] {
            put(value, count, at: offset, in: &source.content[place]!)
            seal(place)
        }
    }
    mutating func read() throws(PartitionTableError) -> PartitionTable {
        try PartitionTable(&source, blocks: GUIDCard.blocks)
    }
}
func checksum(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var sum = CRC32()
    for byte in bytes { sum.add(byte) }
    return sum.value
}
