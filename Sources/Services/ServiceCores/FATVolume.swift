// A FAT32 volume, read only, as far as a file in its root directory needs (Microsoft, FAT32 File
// System Specification 1.03). Files are known by their short names: eight characters, a
// point, three.

/// Where blocks of 512 bytes come from.
public protocol BlockSource {
    /// A block's bytes; nil when it cannot be read.
    mutating func block(_ number: UInt64) -> [UInt8]?
}

public enum FileError: Error, Equatable, Sendable {
    case unreadable
    case noPartition
    case noFileSystem
    case noSuchFile
    case damaged

    public var text: StaticString {
        switch self {
        case .unreadable: "a block cannot be read"
        case .noPartition: "no FAT32 partition"
        case .noFileSystem: "no FAT32 file system"
        case .noSuchFile: "no such file"
        case .damaged: "the file system is damaged"
        }
    }
}

/// A file's place.
public struct FileEntry: Equatable, Sendable {
    /// Bytes.
    public var size: UInt64
    /// Its first block on the card; 0 for an empty file.
    public var firstBlock: UInt64
}

public struct FATVolume: Equatable, Sendable {
    private var blocksPerCluster: UInt64
    /// First block of the allocation table that counts, and of the data (cluster 2).
    private var table: UInt64
    private var data: UInt64
    private var clusters: UInt64
    private var root: UInt64

    /// A directory has at most 65,536 entries (section 6): a longer one is a chain that runs
    /// in a circle.
    private static var maximumDirectoryBlocks: Int { 65_536 / 16 }

    /// Takes up the volume in a partition, by its boot sector (section 3.1).
    public init(_ source: inout some BlockSource, partition: Partition) throws(FileError) {
        guard let block = source.block(partition.first) else { throw .unreadable }
        let isSigned = block.count >= 512 && block.littleEndian(510, 2) == 0xaa55
        if !isSigned || block.littleEndian(11, 2) != 512 { throw .noFileSystem }
        blocksPerCluster = UInt64(block[13])
        let reserved = block.littleEndian(14, 2)
        let tableBlocks = block.littleEndian(36, 4)
        let total = block.littleEndian(32, 4)
        root = block.littleEndian(44, 4)
        let before = reserved + UInt64(block[16]) * tableBlocks
        // Short fields that only the older kinds of FAT use are 0, and so is the version.
        if block.littleEndian(17, 2) != 0 || block.littleEndian(22, 2) != 0
            || block.littleEndian(42, 2) != 0
        {
            throw .noFileSystem
        }
        // NTFS has neither reserved blocks nor tables.
        if reserved == 0 && block[16] == 0 { throw .noFileSystem }
        if blocksPerCluster == 0 || blocksPerCluster & (blocksPerCluster - 1) != 0 {
            throw .damaged
        }
        if reserved == 0 || block[16] == 0 || total > partition.count || before >= total {
            throw .damaged
        }
        // All tables are the same, or one counts, and the flags say which.
        let flags = block.littleEndian(40, 2)
        let active = flags & 0x80 == 0 ? 0 : flags & 0xf
        if active >= UInt64(block[16]) { throw .damaged }
        table = partition.first + reserved + active * tableBlocks
        data = partition.first + before
        // The table's first two entries are no cluster's.
        clusters = min((total - before) / blocksPerCluster, max(tableBlocks * 128, 2) - 2)
    }

    /// Finds the first FAT32 volume of a card.
    ///
    /// - Throws: `noPartition` where no partition may hold one, or what opening them throws.
    public init(
        _ source: inout some BlockSource, firstOf table: PartitionTable
    ) throws(FileError) {
        var problem = FileError.noPartition
        for partition in table.partitions where partition.kind.mayHoldFAT32 {
            do throws(FileError) {
                self = try FATVolume(&source, partition: partition)
                return
            } catch {
                // A GUID's "basic data" may be another kind of file system. Damage is said.
                if error != .noFileSystem { throw error }
                problem = error
            }
        }
        throw problem
    }

    /// Looks for a file in the root directory; letters of either case are the same.
    public func find(
        _ name: [UInt8], in source: inout some BlockSource
    ) throws(FileError) -> FileEntry {
        guard let short = FATVolume.shortName(name) else { throw .noSuchFile }
        var cluster = root
        for step in 0..<FATVolume.maximumDirectoryBlocks {
            let offset = UInt64(step) % blocksPerCluster
            if step > 0 && offset == 0 {
                guard let next = try successor(of: cluster, &source) else { throw .noSuchFile }
                cluster = next
            }
            guard let block = source.block(try firstBlock(of: cluster) + offset) else {
                throw .unreadable
            }
            for entry in stride(from: 0, to: 512, by: 32) {
                if block[entry] == 0 { throw .noSuchFile }
                // Directories, labels and parts of long names are no files (section 6).
                if block[entry + 11] & 0x18 != 0 || !FATVolume.isNamed(block, entry, short) {
                    continue
                }
                let first =
                    block.littleEndian(entry + 20, 2) << 16 | block.littleEndian(entry + 26, 2)
                let size = block.littleEndian(entry + 28, 4)
                return FileEntry(size: size, firstBlock: size == 0 ? 0 : try firstBlock(of: first))
            }
        }
        throw .damaged
    }

    private func firstBlock(of cluster: UInt64) throws(FileError) -> UInt64 {
        if cluster < 2 || cluster - 2 >= clusters { throw .damaged }
        return data + (cluster - 2) * blocksPerCluster
    }

    /// The next cluster of a chain; nil at its end (section 4.1).
    private func successor(
        of cluster: UInt64, _ source: inout some BlockSource
    ) throws(FileError) -> UInt64? {
        guard let block = source.block(table + cluster / 128) else { throw .unreadable }
        let next = block.littleEndian(Int(cluster % 128) * 4, 4) & 0x0fff_ffff
        return next >= 0x0fff_fff8 ? nil : next
    }

    /// A name as a directory keeps it: eleven characters, padded with blanks. Nil where it has no
    /// such form.
    static func shortName(_ name: [UInt8]) -> [UInt8]? {
        var short = [UInt8](repeating: 32, count: 11)
        var place = 0
        var limit = 8
        for byte in name {
            if byte == 46 {
                if limit == 11 || place == 0 { return nil }
                place = 8
                limit = 11
                continue
            }
            if place == limit || byte <= 32 || byte > 126 { return nil }
            short[place] = byte >= 97 && byte <= 122 ? byte - 32 : byte
            place += 1
        }
        return place == 0 ? nil : short
    }

    private static func isNamed(_ block: [UInt8], _ entry: Int, _ short: [UInt8]) -> Bool {
        for index in 0..<11 where block[entry + index] != short[index] { return false }
        return true
    }
}
