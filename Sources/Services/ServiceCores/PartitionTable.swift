// The partition table in the first block of a card: the classic one with four entries (master boot record). What is not
// right with a card is said, never guessed around.

/// One partition.
public struct Partition: Equatable, Sendable {
    /// The entry's place in the table, from 1.
    public var number: Int
    /// The type byte: 0x0b and 0x0c are FAT32, 0x83 is Linux.
    public var kind: UInt8
    public var isActive: Bool
    /// First block, and how many.
    public var first: UInt64
    public var count: UInt64
}

/// Why a card's first block gives no partitions.
public enum PartitionTableError: Error, Equatable, Sendable {
    /// No signature at the block's end: an empty card, or one that was never partitioned.
    case missing
    /// A file system begins in the first block.
    case fileSystemInstead
    /// The table only guards a newer one (GUID).
    case guidTable
    /// An entry says what none can.
    case damaged
    /// A partition reaches beyond the card's end: an image that was made for a larger card, or a damaged table.
    case beyondEnd
    case overlapping

    public var text: StaticString {
        switch self {
        case .missing: "no partition table"
        case .fileSystemInstead: "a file system without a partition table"
        case .guidTable: "a GUID partition table, which is not known here"
        case .damaged: "a damaged partition table"
        case .beyondEnd: "a partition reaches beyond the card's end"
        case .overlapping: "two partitions overlap"
        }
    }
}

/// The partitions of a card.
///
/// Invariant: each lies within the card, and no two have a block in common.
public struct PartitionTable: Equatable, Sendable {
    public private(set) var partitions: [Partition] = []

    /// - Parameters:
    ///   - block: the card's first block.
    ///   - blocks: the card's size in blocks.
    public init(_ block: [UInt8], blocks: UInt64) throws(PartitionTableError) {
        if block.count < 512 || block.littleEndian(510, 2) != 0xaa55 { throw .missing }
        for index in 0..<4 {
            let entry = 446 + 16 * index
            let kind = block[entry + 4]
            if kind == 0 { continue }
            // A boot sector of a file system has code where the entries stand: their first byte is neither value.
            if block[entry] & 0x7f != 0 { throw PartitionTable.isBootSector(block) ? .fileSystemInstead : .damaged }
            if kind == 0xee { throw .guidTable }
            let first = block.littleEndian(entry + 8, 4)
            let count = block.littleEndian(entry + 12, 4)
            if first == 0 || count == 0 { throw .damaged }
            if first + count > blocks { throw .beyondEnd }
            for other in partitions where first < other.first + other.count && other.first < first + count {
                throw .overlapping
            }
            partitions.append(
                Partition(number: index + 1, kind: kind, isActive: block[entry] != 0, first: first, count: count))
        }
        if partitions.isEmpty && PartitionTable.isBootSector(block) { throw .fileSystemInstead }
    }

    /// A jump at its start, and a block size that a FAT file system has.
    private static func isBootSector(_ block: [UInt8]) -> Bool {
        (block[0] == 0xeb || block[0] == 0xe9) && block.littleEndian(11, 2) == 512
    }
}

extension [UInt8] {
    /// `count` bytes (at most 8) from `offset` on, the lowest first. - Precondition: they are there.
    func littleEndian(_ offset: Int, _ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (0..<count).reversed() { value = value << 8 | UInt64(self[offset + index]) }
        return value
    }
}
