// Partition tables and FAT volumes, right ones and each way of being wrong.
import Testing

@testable import ServiceCores

private func put(_ value: UInt64, _ count: Int, at offset: Int, in block: inout [UInt8]) {
    for index in 0..<count { block[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
}
private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A first block with entries of (status, kind, first, count).
private func table(_ entries: [(UInt8, UInt8, UInt64, UInt64)]) -> [UInt8] {
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

@Suite struct PartitionTableTests {
    @Test func entriesComeInOrderWithTheirNumbers() throws {
        let read = try PartitionTable(table([(0x80, 12, 8192, 1000), (0, 0, 0, 0), (0, 0x83, 9192, 8)]), blocks: 9200)
        #expect(
            read.partitions == [
                Partition(number: 1, kind: 12, isActive: true, first: 8192, count: 1000),
                Partition(number: 3, kind: 0x83, isActive: false, first: 9192, count: 8),
            ])
        #expect(try PartitionTable(table([]), blocks: 1).partitions.isEmpty)
    }

    @Test func whatIsNoTableIsSaid() {
        #expect(throws: PartitionTableError.missing) {
            try PartitionTable([UInt8](repeating: 0, count: 512), blocks: 100)
        }
        #expect(throws: PartitionTableError.missing) { try PartitionTable([], blocks: 100) }
        var boot = table([])
        boot[0] = 0xeb
        put(512, 2, at: 11, in: &boot)
        #expect(throws: PartitionTableError.fileSystemInstead) { try PartitionTable(boot, blocks: 100) }
        boot[446] = 0x6f
        boot[450] = 0x20
        #expect(throws: PartitionTableError.fileSystemInstead) { try PartitionTable(boot, blocks: 100) }
        #expect(throws: PartitionTableError.guidTable) { try PartitionTable(table([(0, 0xee, 1, 99)]), blocks: 100) }
    }

    @Test func entriesThatCannotBeAreRefused() {
        for (entry, blocks, error) in [
            ((0x12, 12, 8, 8), 100, .damaged), ((0, 12, 0, 8), 100, .damaged), ((0, 12, 8, 0), 100, .damaged),
            ((0, 12, 8, 93), 100, .beyondEnd), ((0, 12, 0xffff_ffff, 0xffff_ffff), 1 << 32, .beyondEnd),
        ] as [((UInt8, UInt8, UInt64, UInt64), UInt64, PartitionTableError)] {
            #expect(throws: error) { try PartitionTable(table([entry]), blocks: blocks) }
        }
        #expect(throws: PartitionTableError.overlapping) {
            try PartitionTable(table([(0, 12, 8, 8), (0, 12, 15, 8)]), blocks: 100)
        }
    }
}

/// Blocks by number; the rest is empty.
private struct Blocks: BlockSource {
    var content: [UInt64: [UInt8]] = [:]
    var unreadable: Set<UInt64> = []
    var reads = 0
    mutating func block(_ number: UInt64) -> [UInt8]? {
        reads += 1
        return unreadable.contains(number) ? nil : content[number] ?? [UInt8](repeating: 0, count: 512)
    }
}

/// A volume at block 100: 32 blocks reserved, one table of 600 blocks, data from block 732 on; the root directory is clusters 2 and 5.
private struct Volume {
    static let partition = Partition(number: 1, kind: 12, isActive: true, first: 100, count: 70_000)
    var source = Blocks()

    init() {
        var boot = [UInt8](repeating: 0, count: 512)
        for (offset, count, value) in [
            (11, 2, 512), (13, 1, 1), (14, 2, 32), (16, 1, 1), (32, 4, 70_000), (36, 4, 600), (44, 4, 2),
            (510, 2, 0xaa55),
        ] as [(Int, Int, UInt64)] { put(value, count, at: offset, in: &boot) }
        source.content[100] = boot
        setNext(2, 5)
        setNext(5, 0x0fff_ffff)
        // Sixteen entries to a block: the first is full of deleted ones.
        var full = [UInt8](repeating: 0, count: 512)
        for entry in 0..<16 { full[32 * entry] = 0xe5 }
        source.content[732] = full
    }
    mutating func setNext(_ cluster: UInt64, _ next: UInt64) {
        var block = source.content[132 + cluster / 128] ?? [UInt8](repeating: 0, count: 512)
        put(next, 4, at: Int(cluster % 128) * 4, in: &block)
        source.content[132 + cluster / 128] = block
    }
    mutating func addEntry(_ index: Int, _ name: String, attributes: UInt8 = 0x20, cluster: UInt64, size: UInt64) {
        var block = source.content[735] ?? [UInt8](repeating: 0, count: 512)
        let entry = 32 * index
        for (place, byte) in bytes(name).enumerated() { block[entry + place] = byte }
        block[entry + 11] = attributes
        put(cluster >> 16, 2, at: entry + 20, in: &block)
        put(cluster & 0xffff, 2, at: entry + 26, in: &block)
        put(size, 4, at: entry + 28, in: &block)
        source.content[735] = block
    }
    mutating func find(_ name: String) throws(FileError) -> FileEntry {
        try FATVolume(&source, partition: Volume.partition).find(bytes(name), in: &source)
    }
}

@Suite struct FATVolumeTests {
    @Test func aFileIsFoundInTheSecondClusterOfTheDirectory() throws {
        var volume = Volume()
        volume.addEntry(0, "CONFIG  TXT", attributes: 0x08, cluster: 0, size: 0)
        volume.addEntry(1, "OVERLAYS   ", attributes: 0x10, cluster: 9, size: 0)
        volume.addEntry(2, "CONFIG  TXT", cluster: 0x1_0001, size: 829)
        volume.addEntry(3, "EMPTY      ", cluster: 0, size: 0)
        #expect(try volume.find("config.txt") == FileEntry(size: 829, firstBlock: 732 + 0xffff))
        #expect(try volume.find("Empty") == FileEntry(size: 0, firstBlock: 0))
        for name in ["overlays", "config.tx", "none", "raspberry-pi-3.dtb", "", ".", "a.b.c", ".txt"] {
            #expect(throws: FileError.noSuchFile) { try volume.find(name) }
        }
    }

    @Test func aChainInACircleEnds() throws {
        var volume = Volume()
        volume.source.content[735] = volume.source.content[732]
        volume.setNext(5, 2)
        #expect(throws: FileError.damaged) { try volume.find("config.txt") }
        #expect(volume.source.reads < 10_000)
    }

    @Test func clustersOutsideOfTheVolumeAreDamage() throws {
        var volume = Volume()
        volume.addEntry(0, "LOST    TXT", cluster: 70_000, size: 5)
        volume.addEntry(1, "LOST1   TXT", cluster: 1, size: 5)
        #expect(throws: FileError.damaged) { try volume.find("lost.txt") }
        #expect(throws: FileError.damaged) { try volume.find("lost1.txt") }
        // The table has 600 · 128 entries less two; 4 blocks of it 510.
        put(4, 4, at: 36, in: &volume.source.content[100]!)
        volume.source.content[136] = volume.source.content[732]
        volume.addEntry(2, "LAST    TXT", cluster: 511, size: 5)
        volume.addEntry(3, "BEHIND  TXT", cluster: 512, size: 5)
        volume.source.content[139] = volume.source.content[735]
        #expect(try volume.find("last.txt").firstBlock == 136 + 509)
        #expect(throws: FileError.damaged) { try volume.find("behind.txt") }
        volume.setNext(2, 1)
        #expect(throws: FileError.damaged) { try volume.find("config.txt") }
    }

    @Test func blocksThatCannotBeReadAreSaid() throws {
        for number in [100, 132, 732, 735] as [UInt64] {
            var volume = Volume()
            volume.source.unreadable = [number]
            #expect(throws: FileError.unreadable) { try volume.find("config.txt") }
        }
    }

    @Test func bootSectorsThatAreNotFAT32AreRefused() throws {
        for (offset, count, value, error) in [
            (510, 2, 0, .noFileSystem), (11, 2, 4096, .noFileSystem), (17, 2, 512, .noFileSystem),
            (22, 2, 9, .noFileSystem),
            (13, 1, 0, .damaged), (13, 1, 3, .damaged), (14, 2, 0, .damaged), (16, 1, 0, .damaged),
            (32, 4, 70_001, .damaged), (36, 4, 70_000, .damaged), (36, 4, 0xffff_ffff, .damaged), (44, 4, 1, .damaged),
        ] as [(Int, Int, UInt64, FileError)] {
            var volume = Volume()
            put(value, count, at: offset, in: &volume.source.content[100]!)
            #expect(throws: error) { try volume.find("config.txt") }
        }
    }
}
