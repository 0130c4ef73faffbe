// The partitions of a card: the classic table of four entries in its first block (master boot
// record), or the GUID table that this one guards (UEFI Specification 2.10, 5.2 and 5.3). A hybrid
// has both; the classic entries count then, since the Raspberry Pi's firmware boots from these. What
// is not right with a card is said, never guessed around.

/// What a partition is for.
public enum PartitionKind: Equatable, Sendable {
    /// The type byte of the classic table: 0x0b and 0x0c are FAT32, 0x83 is Linux. 0x07 and 0xef are
    /// what a hybrid's tools make of a GUID table's "basic data" and "EFI system".
    case number(UInt8)
    /// The type of a GUID table.
    case guid(GUID)

    /// Whether the partition may hold a FAT32 file system; its boot sector says whether it does.
    public var mayHoldFAT32: Bool {
        switch self {
        case .number(let number): number == 0x0b || number == 0x0c || number == 0x07 || number == 0xef
        case .guid(let guid): guid == .efiSystem || guid == .basicData
        }
    }

    /// The type as `0x0c` or as a GUID.
    public func write(to text: inout Text) {
        switch self {
        case .number(let number): text.hexadecimal(UInt64(number), digits: 2)
        case .guid(let guid): guid.write(to: &text)
        }
    }
}

/// One partition.
public struct Partition: Equatable, Sendable {
    /// The entry's place in the table, from 1.
    public var number: Int
    public var kind: PartitionKind
    /// First block, and how many.
    public var first: UInt64
    public var count: UInt64
}

/// Why a card has no partitions to show.
public enum PartitionTableError: Error, Equatable, Sendable {
    /// A block of the table cannot be read.
    case unreadable
    /// No signature at the block's end: an empty card, or one that was never partitioned.
    case missing
    /// A file system begins in the first block.
    case fileSystemInstead
    /// The first block guards a GUID table, of which neither copy is whole.
    case damagedGUIDTable
    /// An entry says what none can.
    case damaged
    /// A partition reaches beyond the card's end: an image that was made for a larger card, or a
    /// damaged table.
    case beyondEnd
    case overlapping

    public var text: StaticString {
        switch self {
        case .unreadable: "a block cannot be read"
        case .missing: "no partition table"
        case .fileSystemInstead: "a file system without a partition table"
        case .damagedGUIDTable: "a damaged GUID partition table"
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
    /// The GUID table's first copy is damaged, and the one at the card's end was read.
    public private(set) var isCopy = false

    /// Reads the table.
    ///
    /// - Parameter blocks: the card's size in blocks.
    public init(_ source: inout some BlockSource, blocks: UInt64) throws(PartitionTableError) {
        guard let block = source.block(0) else { throw .unreadable }
        if block.count < 512 || block.littleEndian(510, 2) != 0xaa55 { throw .missing }
        var isGuarded = false
        for index in 0..<4 {
            let entry = 446 + 16 * index
            let kind = block[entry + 4]
            if kind == 0 { continue }
            // A file system's boot sector has code where the entries stand: their first byte is
            // neither value.
            if block[entry] & 0x7f != 0 {
                throw PartitionTable.isBootSector(block) ? .fileSystemInstead : .damaged
            }
            if kind == 0xee {
                isGuarded = true
                continue
            }
            let first = block.littleEndian(entry + 8, 4)
            try add(index, .number(kind), first, block.littleEndian(entry + 12, 4), blocks)
        }
        if !partitions.isEmpty { return }
        if isGuarded {
            try readGUIDTable(&source, blocks)
        } else if PartitionTable.isBootSector(block) {
            throw .fileSystemInstead
        }
    }

    private mutating func readGUIDTable(
        _ source: inout some BlockSource, _ blocks: UInt64
    ) throws(PartitionTableError) {
        if blocks < 2 { throw .damagedGUIDTable }
        var entries = try GUIDEntries(&source, header: 1, blocks: blocks)
        if entries == nil {
            isCopy = true
            entries = try GUIDEntries(&source, header: blocks - 1, blocks: blocks)
        }
        guard let entries else { throw .damagedGUIDTable }
        for entry in entries.used {
            if entry.last < entry.first { throw .damaged }
            let (count, isOverflow) = (entry.last - entry.first).addingReportingOverflow(1)
            if isOverflow { throw .beyondEnd }
            try add(entry.index, .guid(entry.kind), entry.first, count, blocks)
        }
    }

    private mutating func add(
        _ index: Int, _ kind: PartitionKind, _ first: UInt64, _ count: UInt64, _ blocks: UInt64
    ) throws(PartitionTableError) {
        if first == 0 || count == 0 { throw .damaged }
        if first >= blocks || count > blocks - first { throw .beyondEnd }
        for other in partitions
        where first < other.first + other.count && other.first < first + count {
            throw .overlapping
        }
        partitions.append(Partition(number: index + 1, kind: kind, first: first, count: count))
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
