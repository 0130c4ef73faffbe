// FAT volumes, right ones and each way of being wrong.

import Testing

@testable import ServiceCores

/// A volume at block 100: 32 blocks reserved, one table of 600 blocks, data from block 732 on; the
/// root directory is clusters 2 and 5.
private struct Volume {
    static let partition = Partition(number: 1, kind: .number(12), first: 100, count: 70_000)
    var source = Blocks()

    init() {
        var boot = [UInt8](repeating: 0, count: 512)
        for (offset, count, value) in [
            (11, 2, 512), (13, 1, 1), (14, 2, 32), (16, 1, 1), (32, 4, 70_000), (36, 4, 600),
            (44, 4, 2), (510, 2, 0xaa55),
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
    mutating func addEntry(
        _ index: Int, _ name: String, attributes: UInt8 = 0x20, cluster: UInt64, size: UInt64
    ) {
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
        for name in [
            "overlays", "config.tx", "none", "raspberry-pi-3.dtb", "", ".", "a.b.c", ".txt",
        ] {
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
            ([own], nil), ([(.basicData, 40, 60), own], nil),
            ([(GUIDCard.linux, 40, 60), own], nil),
            ([(.basicData, 40, 60)], .noFileSystem), ([(GUIDCard.linux, 100, 9000)], .noPartition),
            ([], .noPartition),
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
        for (flags, isFound) in [
            (0, false), (2, false), (0x80, false), (0x82, true), (0xff72, false),
        ] {
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
            (32, 4, 70_001, .damaged), (36, 4, 70_000, .damaged), (36, 4, 0xffff_ffff, .damaged),
            (44, 4, 1, .damaged),
        ] as [(Int, Int, UInt64, FileError)] {
            var volume = Volume()
            put(value, count, at: offset, in: &volume.source.content[100]!)
            #expect(throws: error) { try volume.find("config.txt") }
        }
    }
}
