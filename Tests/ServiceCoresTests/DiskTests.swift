// Partition tables and FAT volumes, right ones and each way of being wrong.
import Testing

@testable import ServiceCores

private func put(_ value: UInt64, _ count: Int, at offset: Int, in block: inout [UInt8]) {
    for index in 0..<count { block[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
}
private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

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

/// A first block with entries of (status, kind, first, count).
private func table(_ entries: [(UInt8, UInt8, UInt64, UInt64)]) -> Blocks {
    var block = [UInt8](repeating: 0, count: 512)
    put(0xaa55, 2, at: 510, in: &block)
    for (index, entry) in entries.enumerated() {
        block[446 + 16 * index] = entry.0
        block[450 + 16 * index] = entry.1
        put(entry.2, 4, at: 454 + 16 * index, in: &block)
        put(entry.3, 4, at: 458 + 16 * index, in: &block)
    }
    return Blocks(content: [0: block])
}

extension PartitionTable {
    fileprivate init(_ card: Blocks, blocks: UInt64) throws(PartitionTableError) {
        var card = card
        try self.init(&card, blocks: blocks)
    }
}

@Suite struct PartitionTableTests {
    @Test func entriesComeInOrderWithTheirNumbers() throws {
        let card = table([(0x80, 12, 8192, 1000), (0, 0, 0, 0), (0, 0x83, 9192, 8)])
        #expect(
            try PartitionTable(card, blocks: 9200).partitions == [
                Partition(number: 1, kind: .number(12), first: 8192, count: 1000),
                Partition(number: 3, kind: .number(0x83), first: 9192, count: 8),
            ])
        #expect(try PartitionTable(table([]), blocks: 1).partitions.isEmpty)
    }

    @Test func whatIsNoTableIsSaid() {
        #expect(throws: PartitionTableError.missing) { try PartitionTable(Blocks(), blocks: 100) }
        #expect(throws: PartitionTableError.missing) {
            try PartitionTable(Blocks(content: [0: []]), blocks: 100)
        }
        #expect(throws: PartitionTableError.unreadable) {
            try PartitionTable(Blocks(unreadable: [0]), blocks: 100)
        }
        var boot = table([])
        boot.content[0]![0] = 0xeb
        put(512, 2, at: 11, in: &boot.content[0]!)
        #expect(throws: PartitionTableError.fileSystemInstead) { try PartitionTable(boot, blocks: 100) }
        boot.content[0]![446] = 0x6f
        boot.content[0]![450] = 0x20
        #expect(throws: PartitionTableError.fileSystemInstead) { try PartitionTable(boot, blocks: 100) }
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

    @Test func theEntriesOfAHybridCountInEitherOrder() throws {
        let guarding: (UInt8, UInt8, UInt64, UInt64) = (0, 0xee, 1, 2047)
        let fat: (UInt8, UInt8, UInt64, UInt64) = (0x80, 12, 2048, 1000)
        for (entries, number) in [([fat, guarding], 1), ([guarding, fat], 2)] {
            #expect(
                try PartitionTable(table(entries), blocks: 4000).partitions
                    == [Partition(number: number, kind: .number(12), first: 2048, count: 1000)])
        }
    }
}

/// A card of 10,000 blocks with both copies of a GUID table: entries of (type, first, last).
private struct GUIDCard {
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
        for (place, first) in [(1, 2), (GUIDCard.blocks - 1, GUIDCard.blocks - 1 - count)] as [(UInt64, UInt64)] {
            var header = [UInt8](repeating: 0, count: 512)
            for (offset, length, value) in [
                (0, 8, 0x5452_4150_2049_4645), (8, 4, 0x10000), (12, 4, 92), (24, 8, place), (72, 8, first),
                (80, 4, UInt64(number)), (84, 4, UInt64(size)), (88, 4, checksum(bytes[..<(size * number)])),
            ] as [(Int, Int, UInt64)] { put(value, length, at: offset, in: &header) }
            source.content[place] = header
            seal(place)
            for block in 0..<count {
                source.content[first + block] = Array(bytes[Int(block * 512)..<Int(block * 512 + 512)])
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
private func checksum(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var sum = CRC32()
    for byte in bytes { sum.add(byte) }
    return sum.value
}

@Suite struct GUIDPartitionTableTests {
    private var card = GUIDCard([
        (.efiSystem, 2048, 3047), (GUIDCard.linux, 3048, 3048), (GUID(low: 0, high: 0), 1, 1),
        (.basicData, 5000, 9000),
    ])

    @Test func theChecksumIsTheFieldsOne() { #expect(checksum("123456789".utf8) == 0xcbf4_3926) }

    @Test mutating func partitionsComeInOrderWithTheirNumbers() throws {
        let table = try card.read()
        #expect(
            table.partitions == [
                Partition(number: 1, kind: .guid(.efiSystem), first: 2048, count: 1000),
                Partition(number: 2, kind: .guid(GUIDCard.linux), first: 3048, count: 1),
                Partition(number: 4, kind: .guid(.basicData), first: 5000, count: 4001),
            ])
        #expect(table.partitions.map { $0.kind.mayHoldFAT32 } == [true, false, true])
        let numbers = (0...0xff as ClosedRange<UInt8>).filter { PartitionKind.number($0).mayHoldFAT32 }
        #expect(numbers == [0x07, 0x0b, 0x0c, 0xef])
        #expect(!table.isCopy)
        for (size, number) in [(128, 1), (128, 1024), (256, 3), (512, 2)] {
            var card = GUIDCard([(.efiSystem, 2048, 3047)], size: size, number: number)
            let partitions = try card.read().partitions
            #expect(partitions.map(\.count) == [1000], "\(number) of \(size)")
        }
    }

    @Test func typesAreWrittenAsTheFieldWritesThem() {
        var text = Text()
        PartitionKind.guid(.efiSystem).write(to: &text)
        text.add(" ")
        PartitionKind.guid(GUIDCard.linux).write(to: &text)
        text.add(" ")
        PartitionKind.number(12).write(to: &text)
        #expect(
            text.bytes == bytes("c12a7328-f81f-11d2-ba4b-00a0c93ec93b 0fc63daf-8483-4772-8e79-3d69d8477de4 0x0c"))
    }

    @Test mutating func aDamagedCopyIsReplacedByTheOther() throws {
        let sound = try card.read().partitions
        for (block, offset) in [(1, 0), (1, 20), (1, 91), (2, 0), (2, 32), (33, 511)] as [(UInt64, Int)] {
            var damaged = card
            damaged.source.content[block]![offset] ^= 1
            let table = try damaged.read()
            #expect(table.partitions == sound && table.isCopy, "byte \(offset) of block \(block)")
            damaged.source.content[GUIDCard.blocks - 1] = nil
            #expect(throws: PartitionTableError.damagedGUIDTable) { try damaged.read() }
        }
        var unreadable = card
        unreadable.source.unreadable = [2]
        #expect(throws: PartitionTableError.unreadable) { try unreadable.read() }
    }

    @Test func headersThatCannotBeAreRefused() throws {
        for (offset, count, value) in [
            (12, 4, 91), (12, 4, 513), (12, 4, 0xffff_ffff), (24, 8, 2), (72, 8, 1), (72, 8, 9_990), (72, 8, ~0),
            (80, 4, 0xffff_ffff), (80, 4, 1025), (84, 4, 0), (84, 4, 64), (84, 4, 192), (84, 4, 1024),
        ] as [(Int, Int, UInt64)] {
            var changed = card
            changed.change(offset, count, value)
            #expect(throws: PartitionTableError.damagedGUIDTable, "\(value) at \(offset)") { try changed.read() }
            #expect(changed.source.reads < 1000)
        }
        #expect(throws: PartitionTableError.damagedGUIDTable) {
            try PartitionTable(table([(0, 0xee, 1, 99)]), blocks: 100)
        }
        #expect(throws: PartitionTableError.damagedGUIDTable) {
            try PartitionTable(table([(0, 0xee, 1, 99)]), blocks: 1)
        }
    }

    @Test func entriesThatCannotBeAreRefused() throws {
        for (first, last, error) in [
            (2048, 2047, .damaged), (0, 5, .damaged), (2048, 10_000, .beyondEnd), (10_000, 10_000, .beyondEnd),
            (1, ~0, .beyondEnd), (0, ~0, .beyondEnd), (5, ~0 - 1, .beyondEnd), (~0, ~0, .beyondEnd),
        ] as [(UInt64, UInt64, PartitionTableError)] {
            var card = GUIDCard([(.efiSystem, first, last)])
            #expect(throws: error, "\(first) to \(last)") { try card.read() }
        }
        var card = GUIDCard([(.efiSystem, 2048, 3000), (.basicData, 3000, 4000)])
        #expect(throws: PartitionTableError.overlapping) { try card.read() }
    }
}

/// A volume at block 100: 32 blocks reserved, one table of 600 blocks, data from block 732 on; the
/// root directory is clusters 2 and 5.
private struct Volume {
    static let partition = Partition(number: 1, kind: .number(12), first: 100, count: 70_000)
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

    @Test func theFirstVolumeOfACardIsFound() throws {
        var volume = Volume()
        volume.addEntry(0, "CONFIG  TXT", cluster: 9, size: 5)
        let own: (GUID, UInt64, UInt64) = (.efiSystem, 100, 9000)
        put(8000, 4, at: 32, in: &volume.source.content[100]!)
        put(600, 4, at: 36, in: &volume.source.content[100]!)
        // An NTFS volume has no reserved blocks and no tables.
        var other = [UInt8](repeating: 0, count: 512)
        put(512, 2, at: 11, in: &other)
        put(0xaa55, 2, at: 510, in: &other)
        for (entries, error) in [
            ([own], nil), ([(.basicData, 40, 60), own], nil), ([(GUIDCard.linux, 40, 60), own], nil),
            ([(.basicData, 40, 60)], .noFileSystem), ([(GUIDCard.linux, 100, 9000)], .noPartition), ([], .noPartition),
        ] as [([(GUID, UInt64, UInt64)], FileError?)] {
            var card = GUIDCard(entries).source
            card.content.merge(volume.source.content) { own, _ in own }
            card.content[40] = other
            let table = try PartitionTable(card, blocks: GUIDCard.blocks)
            do throws(FileError) {
                let file = try FATVolume(&card, firstOf: table).find(bytes("config.txt"), in: &card)
                #expect(error == nil && file.firstBlock == 739)
            } catch let found { #expect(found == error) }
        }
    }

    @Test func whereOneTableCountsItIsRead() throws {
        // Four tables of 100 blocks: data from block 532 on.
        var volume = Volume()
        put(100, 4, at: 36, in: &volume.source.content[100]!)
        put(4, 1, at: 16, in: &volume.source.content[100]!)
        volume.source.content[532] = volume.source.content[732]
        volume.source.content[535] = [UInt8](repeating: 0, count: 512)
        volume.addEntry(0, "FILE    TXT", cluster: 7, size: 5)
        volume.source.content[535] = volume.source.content[735]
        // The first says that the directory ends, the third that it goes on.
        volume.source.content[332] = volume.source.content[132]
        volume.setNext(2, 0x0fff_ffff)
        for (flags, isFound) in [(0, false), (2, false), (0x80, false), (0x82, true), (0xff72, false)] {
            put(UInt64(flags), 2, at: 40, in: &volume.source.content[100]!)
            if isFound {
                #expect(try volume.find("file.txt").firstBlock == 532 + 5)
            } else {
                #expect(throws: FileError.noSuchFile, "\(flags)") { try volume.find("file.txt") }
            }
        }
        for flags in [0x84, 0x8f] as [UInt64] {
            put(flags, 2, at: 40, in: &volume.source.content[100]!)
            #expect(throws: FileError.damaged) { try volume.find("file.txt") }
        }
    }

    @Test func bootSectorsThatAreNotFAT32AreRefused() throws {
        for (offset, count, value, error) in [
            (510, 2, 0, .noFileSystem), (11, 2, 4096, .noFileSystem), (17, 2, 512, .noFileSystem),
            (22, 2, 9, .noFileSystem), (42, 2, 1, .noFileSystem), (14, 3, 0, .noFileSystem),
            (13, 1, 0, .damaged), (13, 1, 3, .damaged), (14, 2, 0, .damaged), (16, 1, 0, .damaged),
            (32, 4, 70_001, .damaged), (36, 4, 70_000, .damaged), (36, 4, 0xffff_ffff, .damaged), (44, 4, 1, .damaged),
        ] as [(Int, Int, UInt64, FileError)] {
            var volume = Volume()
            put(value, count, at: offset, in: &volume.source.content[100]!)
            #expect(throws: error) { try volume.find("config.txt") }
        }
    }
}
