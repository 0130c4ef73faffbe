// Partition tables, right ones and each way of being wrong.

import Testing

@testable import ServiceCores

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
        #expect(throws: PartitionTableError.fileSystemInstead) {
            try PartitionTable(boot, blocks: 100)
        }
        boot.content[0]![446] = 0x6f
        boot.content[0]![450] = 0x20
        #expect(throws: PartitionTableError.fileSystemInstead) {
            try PartitionTable(boot, blocks: 100)
        }
    }

    @Test func entriesThatCannotBeAreRefused() {
        for (entry, blocks, error) in [
            ((0x12, 12, 8, 8), 100, .damaged), ((0, 12, 0, 8), 100, .damaged),
            ((0, 12, 8, 0), 100, .damaged),
            ((0, 12, 8, 93), 100, .beyondEnd),
            ((0, 12, 0xffff_ffff, 0xffff_ffff), 1 << 32, .beyondEnd),
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

@Suite struct LogicalPartitionTests {
    typealias Entry = (UInt8, UInt8, UInt64, UInt64)
    /// A card of 4,000 blocks whose extended partition has blocks 1,000 to 2,999, with the tables
    /// at these blocks.
    private func card(_ tables: [UInt64: [Entry]], _ kind: UInt8 = 0x0f) -> Blocks {
        var card = table([(0, 12, 100, 900), (0, kind, 1000, 2000), (0, 0x83, 3000, 1000)])
        for (place, entries) in tables { card.content[place] = tableBlock(entries) }
        return card
    }
    private func logical(_ card: Blocks) throws(PartitionTableError) -> [Partition] {
        let all = try PartitionTable(card, blocks: 4000).partitions
        #expect(all.prefix(2).map(\.number) == [1, 3])
        return Array(all.dropFirst(2))
    }

    @Test func theyCountFromFive() throws {
        for kind in [0x05, 0x0f, 0x85] as [UInt8] {
            let tables: [UInt64: [Entry]] = [
                1000: [(0, 12, 63, 100), (0, kind, 500, 300)],
                // Backwards, and the table's own partition stands second.
                1500: [(0, kind, 200, 1), (0, 0x83, 1, 299)], 1200: [(0, 0x82, 8, 8)],
            ]
            #expect(
                try logical(card(tables, kind)) == [
                    Partition(number: 5, kind: .number(12), first: 1063, count: 100),
                    Partition(number: 6, kind: .number(0x83), first: 1501, count: 299),
                    Partition(number: 7, kind: .number(0x82), first: 1208, count: 8),
                ])
        }
        #expect(try logical(card([1000: []])).isEmpty)
        #expect(
            try logical(card([1000: [(0, 0, 0, 0), (0, 5, 9, 1)], 1009: [(0, 12, 1, 1)]])).map(
                \.first) == [1010])
    }

    @Test func theirTablesAreChecked() {
        for (tables, error) in [
            ([:], .damaged), ([1000: [(0x12, 12, 1, 1)]], .damaged),
            ([1000: [(0, 12, 0, 8)]], .damaged),
            ([1000: [(0, 12, 8, 0)]], .damaged), ([1000: [(0, 12, 2000, 1)]], .damaged),
            ([1000: [(0, 12, 1, 2000)]], .damaged),
            ([1000: [(0, 12, 0xffff_ffff, 0xffff_ffff)]], .damaged),
            ([1000: [(0, 5, 2000, 1)]], .damaged), ([1000: [(0, 5, 1999, 2)]], .damaged),
            ([1000: [(0, 5, 0xffff_ffff, 1)]], .damaged), ([1000: [(0, 5, 9, 1)]], .damaged),
            ([1000: [(0, 5, 9, 1), (0, 5, 10, 1)], 1009: [], 1010: []], .damaged),
            ([1000: [(0, 12, 1, 8), (0, 12, 8, 8)]], .overlapping),
            ([1000: [(0, 12, 1, 20), (0, 5, 9, 1)], 1009: []], .overlapping),
        ] as [([UInt64: [Entry]], PartitionTableError)] {
            #expect(throws: error, "\(tables)") { try logical(card(tables)) }
        }
        var unreadable = card([1000: [(0, 5, 9, 1)]])
        unreadable.unreadable = [1009]
        #expect(throws: PartitionTableError.unreadable) { try logical(unreadable) }
        for (entries, error) in [
            ([(0, 5, 8, 8), (0, 5, 16, 8)], .damaged), ([(0, 5, 0, 8)], .damaged),
            ([(0, 5, 8, 0)], .damaged),
            ([(0, 5, 8, 93)], .beyondEnd), ([(0, 12, 15, 8), (0, 5, 8, 8)], .overlapping),
            ([(0, 5, 8, 8), (0, 12, 15, 8)], .overlapping),
        ] as [([Entry], PartitionTableError)] {
            #expect(throws: error, "\(entries)") { try PartitionTable(table(entries), blocks: 100) }
        }
    }

    @Test func aChainInACircleEnds() {
        for circle in [
            [1000: [(0, 5, 0, 1)]], [1000: [(0, 5, 9, 1)], 1009: [(0, 5, 0, 1)]],
            [1000: [(0, 5, 9, 1)], 1009: [(0, 5, 11, 1)], 1011: [(0, 5, 9, 1)]],
        ] as [[UInt64: [Entry]]] {
            #expect(throws: PartitionTableError.damaged) { try logical(card(circle)) }
        }
    }

    @Test func aChainHasSoManyTablesAtMost() throws {
        for count in [128, 129] as [UInt64] {
            var tables: [UInt64: [Entry]] = [:]
            for index in 0..<count {
                tables[1000 + 2 * index] =
                    index == count - 1
                    ? [(0, 12, 1, 1)] : [(0, 12, 1, 1), (0, 5, 2 * index + 2, 2)]
            }
            if count == 128 {
                #expect(try logical(card(tables)).last?.number == 132)
            } else {
                #expect(throws: PartitionTableError.damaged) { try logical(card(tables)) }
            }
        }
    }
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
        let numbers = (0...0xff as ClosedRange<UInt8>).filter {
            PartitionKind.number($0).mayHoldFAT32
        }
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
            text.bytes
                == bytes(
                    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b 0fc63daf-8483-4772-8e79-3d69d8477de4 0x0c"
                ))
    }

    @Test mutating func aDamagedCopyIsReplacedByTheOther() throws {
        let sound = try card.read().partitions
        let places: [(UInt64, Int)] = [(1, 0), (1, 20), (1, 91), (2, 0), (2, 32), (33, 511)]
        for (block, offset) in places {
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
            (12, 4, 91), (12, 4, 513), (12, 4, 0xffff_ffff), (24, 8, 2), (72, 8, 1), (72, 8, 9_990),
            (72, 8, ~0),
            (80, 4, 0xffff_ffff), (80, 4, 1025), (84, 4, 0), (84, 4, 64), (84, 4, 192),
            (84, 4, 1024),
        ] as [(Int, Int, UInt64)] {
            var changed = card
            changed.change(offset, count, value)
            #expect(throws: PartitionTableError.damagedGUIDTable, "\(value) at \(offset)") {
                try changed.read()
            }
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
            (2048, 2047, .damaged), (0, 5, .damaged), (2048, 10_000, .beyondEnd),
            (10_000, 10_000, .beyondEnd),
            (1, ~0, .beyondEnd), (0, ~0, .beyondEnd), (5, ~0 - 1, .beyondEnd), (~0, ~0, .beyondEnd),
        ] as [(UInt64, UInt64, PartitionTableError)] {
            var card = GUIDCard([(.efiSystem, first, last)])
            #expect(throws: error, "\(first) to \(last)") { try card.read() }
        }
        var card = GUIDCard([(.efiSystem, 2048, 3000), (.basicData, 3000, 4000)])
        #expect(throws: PartitionTableError.overlapping) { try card.read() }
    }
}
