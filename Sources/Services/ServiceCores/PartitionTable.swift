// The partitions of a card: the classic table of four entries in its first block (master boot
// record), with the logical partitions of an extended one, or the GUID table that this one guards
// (UEFI Specification 2.10, 5.2 and 5.3). A hybrid has both; the classic entries count then, since
// the Raspberry Pi's firmware boots from these. What is not right with a card is said, never
// guessed around.

/// What a partition is for.
public enum PartitionKind: Equatable, Sendable {
    /// The type byte of the classic table: 0x0b and 0x0c are FAT32, 0x83 is Linux. 0x07 and 0xef
    /// are what a hybrid's tools make of a GUID table's "basic data" and "EFI system".
    case number(UInt8)
    /// The type of a GUID table.
    case guid(GUID)

    /// Whether the partition may hold a FAT32 file system; its boot sector says whether it does.
    public var mayHoldFAT32: Bool {
        switch self {
        case .number(let number):
            number == 0x0b || number == 0x0c || number == 0x07 || number == 0xef
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
    /// The entry's place in the table, from 1; logical partitions count from 5.
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

/// The partitions of a card. An extended partition is none: its logical ones count.
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
        var extended: Range<UInt64>?
        for index in 0..<4 {
            guard let entry = try MasterEntry(index, of: block) else { continue }
            if entry.kind == 0xee {
                isGuarded = true
            } else if !entry.isExtended {
                try add(index, .number(entry.kind), entry.first, entry.count, blocks)
            } else if extended == nil {
                extended = entry.first..<entry.first + entry.count
            } else {
                throw .damaged
            }
        }
        if let extended {
            try check(extended.lowerBound, UInt64(extended.count), blocks)
            try readLogicalPartitions(&source, extended)
        } else if partitions.isEmpty && isGuarded {
            try readGUIDTable(&source, blocks)
        } else if partitions.isEmpty && PartitionTable.isBootSector(block) {
            throw .fileSystemInstead
        }
    }

    /// Tables of logical partitions at most.
    private static var maximumTables: Int { 128 }

    /// Reads the chain of tables in an extended partition: each describes logical partitions, which
    /// it counts from itself, and the next table, which it counts from the chain's first.
    private mutating func readLogicalPartitions(
        _ source: inout some BlockSource, _ extended: Range<UInt64>
    ) throws(PartitionTableError) {
        var tables: [UInt64] = []
        var number = 4
        var next: UInt64? = extended.lowerBound
        while let place = next {  // once a table
            // A chain may go back and forth, not in a circle.
            if tables.contains(place) || tables.count == PartitionTable.maximumTables {
                throw .damaged
            }
            tables.append(place)
            next = nil
            guard let block = source.block(place) else { throw .unreadable }
            if block.count < 512 || block.littleEndian(510, 2) != 0xaa55 { throw .damaged }
            for index in 0..<4 {
                guard let entry = try MasterEntry(index, of: block) else { continue }
                let first = entry.first + (entry.isExtended ? extended.lowerBound : place)
                if !extended.contains(first) || entry.count > extended.upperBound - first {
                    throw .damaged
                }
                if !entry.isExtended {
                    if entry.first == 0 { throw .damaged }
                    try add(number, .number(entry.kind), first, entry.count, extended.upperBound)
                    number += 1
                } else if next == nil {
                    next = first
                } else {
                    throw .damaged
                }
            }
        }
        // No table lies in a partition.
        for place in tables { try check(place, 1, extended.upperBound) }
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
        try check(first, count, blocks)
        partitions.append(Partition(number: index + 1, kind: kind, first: first, count: count))
    }

    /// Throws unless these blocks are the card's, and no partition's.
    private func check(
        _ first: UInt64, _ count: UInt64, _ blocks: UInt64
    ) throws(PartitionTableError) {
        if first == 0 || count == 0 { throw .damaged }
        if first >= blocks || count > blocks - first { throw .beyondEnd }
        for other in partitions
        where first < other.first + other.count && other.first < first + count {
            throw .overlapping
        }
    }

    /// A jump at its start, and a block size that a FAT file system has.
    fileprivate static func isBootSector(_ block: [UInt8]) -> Bool {
        (block[0] == 0xeb || block[0] == 0xe9) && block.littleEndian(11, 2) == 512
    }
}

/// An entry of a classic table.
private struct MasterEntry {
    /// The type byte.
    let kind: UInt8
    /// First block, counted from a place that depends on the entry, and how many; below 2^32.
    let first: UInt64
    let count: UInt64
    /// Whether logical partitions lie there: the types of CHS, of LBA and of Linux.
    var isExtended: Bool { kind == 0x05 || kind == 0x0f || kind == 0x85 }

    /// Takes entry `index` of the table in `block`; nil where it is not used.
    init?(_ index: Int, of block: [UInt8]) throws(PartitionTableError) {
        let entry = 446 + 16 * index
        kind = block[entry + 4]
        first = block.littleEndian(entry + 8, 4)
        count = block.littleEndian(entry + 12, 4)
        if kind == 0 { return nil }
        // A file system's boot sector has code where the entries stand: their first byte is neither
        // value.
        if block[entry] & 0x7f != 0 {
            throw PartitionTable.isBootSector(block) ? .fileSystemInstead : .damaged
        }
    }
}

extension [UInt8] {
    /// `count` bytes (at most 8) from `offset` on, the lowest first. - Precondition: they
    /// are there.
    func littleEndian(_ offset: Int, _ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (0..<count).reversed() { value = value << 8 | UInt64(self[offset + index]) }
        return value
    }
}
