// Sets of memory: every byte once, whatever the tree says and in whichever order; what is reserved
// is not in them.

import XCTest

@testable import DeviceTree

final class MemoryMapTests: TreeTestCase {
    private func contents(_ map: inout MemoryMap) -> [ClosedRange<UInt64>] {
        var ranges: [ClosedRange<UInt64>] = []
        for index in 0..<map.count { ranges.append(map[index].base...(map[index].end - 1)) }
        return ranges
    }

    func testRangesThatOverlapAreHeldOnce() {
        var map = MemoryMap(whenFull: .leaveOut)
        map.add(pagesWithin: 0x4000, 0x4000)
        map.add(pagesWithin: 0x6000, 0x4000)
        map.add(pagesWithin: 0x4000, 0x4000)
        map.add(pagesWithin: 0x1000, 0x20000)
        map.add(pagesWithin: 0x5000, 0x1000)
        XCTAssertEqual(map.bytes, 0x20000)
        var nothing = MemoryMap(whenFull: .leaveOut)
        map.join(gap: 0, avoiding: &nothing)
        XCTAssertEqual(contents(&map), [0x1000...0x20fff])
    }

    func testWholePagesOnly() {
        var within = MemoryMap(whenFull: .leaveOut)
        within.add(pagesWithin: 0x1001, 0x2ffe)
        XCTAssertEqual(contents(&within), [0x2000...0x2fff])
        within.add(pagesWithin: 0x8001, 0xfff)
        within.add(pagesWithin: 0x9000, 0)
        XCTAssertEqual(contents(&within), [0x2000...0x2fff])
        var around = MemoryMap(whenFull: .leaveOut)
        around.add(pagesAround: 0x1fff, 2)
        around.add(pagesAround: 0x9000, 0)
        XCTAssertEqual(contents(&around), [0x1000...0x2fff])
    }

    func testEveryPageThatIsTouchedIsTakenOut() {
        var map = MemoryMap(whenFull: .leaveOut)
        map.add(pagesWithin: 0x10000, 0x10000)
        map.remove(pagesAround: 0x14fff, 2)
        XCTAssertEqual(contents(&map), [0x10000...0x13fff, 0x16000...0x1ffff])
        map.remove(pagesAround: 0x0, 0x10001)
        XCTAssertEqual(contents(&map), [0x11000...0x13fff, 0x16000...0x1ffff])
        map.remove(pagesAround: 0x12000, .max)
        XCTAssertEqual(contents(&map), [0x11000...0x11fff])
        map.remove(pagesAround: 0x11000, 0)
        XCTAssertEqual(map.bytes, 0x1000)
    }

    func testTheLargestIsTakenFirst() {
        var map = MemoryMap(whenFull: .leaveOut)
        for (page, count) in [(1, 2), (10, 5), (20, 1), (30, 5)] as [(UInt64, UInt64)] {
            map.add(pagesWithin: page << 12, count << 12)
        }
        var taken: [UInt64] = []
        map.takeAll { taken.append($0.base >> 12) }
        XCTAssertEqual(taken, [10, 30, 1, 20])
        XCTAssertEqual(map.count, 0)
    }

    func testTheEndOfTheAddressSpaceDoesNotWrap() {
        var map = MemoryMap(whenFull: .leaveOut)
        map.add(pagesWithin: 0xffff_ffff_ffff_0000, .max)
        XCTAssertEqual(map.bytes, 0xf000)
        map.remove(pagesAround: 0xffff_ffff_ffff_e000, .max)
        XCTAssertEqual(contents(&map), [0xffff_ffff_ffff_0000...0xffff_ffff_ffff_dfff])
    }

    func testWhatHasNoPlaceIsCountedAndLeftOut() {
        var map = MemoryMap(whenFull: .leaveOut)
        let capacity: UInt64 = 64
        // The smallest go, wherever they come.
        for index in 0..<(capacity + 6) {
            map.add(pagesWithin: index * 0x4000, index % 8 == 3 && index < 48 ? 0x1000 : 0x2000)
        }
        XCTAssertEqual(map.count, 64)
        XCTAssertTrue(map.isCut)
        XCTAssertEqual(map.lost, 6 * 0x1000)
        XCTAssertEqual(map.bytes, capacity * 0x2000)
        map.add(pagesWithin: 0x4000_0000, 0x1000)
        XCTAssertEqual(map.lost, 7 * 0x1000)
        XCTAssertEqual(map.bytes, capacity * 0x2000)
    }

    func testPagesThatAreLeftOutAreLostOnce() {
        var map = MemoryMap(whenFull: .leaveOut)
        map.add(pagesWithin: 0x10000, 0x10000)
        map.leaveOut(0x0, 0x12000)
        map.leaveOut(0x11000, 0x13000)
        XCTAssertEqual(contents(&map), [0x13000...0x1ffff])
        XCTAssertEqual(map.lost, 0x3000)
    }

    func testRangesAreJoinedUnlessSomethingLiesBetween() {
        var kept = MemoryMap(whenFull: .leaveOut)
        kept.add(pagesWithin: 0x5000, 0x1000)
        var map = MemoryMap(whenFull: .leaveOut)
        for base in [0x8000, 0x1000, 0x3000, 0x6000] as [UInt64] {
            map.add(pagesWithin: base, 0x1000)
        }
        map.join(gap: 0x2000, avoiding: &kept)
        XCTAssertEqual(contents(&map), [0x1000...0x3fff, 0x6000...0x8fff])
    }

    func testMemoryOfAMachine() throws {
        let bytes = try compile(
            replacing: "reg = <0x0 0x40000000 0x0 0x10000000>",
            with: """
                reg = <0x0 0x40000000 0x0 0x10000000>, <0x0 0x48000000 0x0 0x10000000>,
                    <0x40 0x0 0x1 0x0>,
                    <0x3f 0xfff00000 0x0 0x200000>
                """, and: ("/dts-v1/;", "/dts-v1/;\n/memreserve/ 0x40000800 0x1000;"))
        try describe(bytes) { _, machine in
            var map = MemoryMap(whenFull: .leaveOut)
            map.add(memoryOf: machine, below: 256 << 30)
            XCTAssertEqual(map.bytes, 0x1800_0000 + 0x10_0000)
            XCTAssertEqual(machine.memory.bytes(above: 256 << 30), 4 << 30)
            map.remove(reservationsOf: machine)
            var nothing = MemoryMap(whenFull: .leaveOut)
            map.join(gap: 0, avoiding: &nothing)
            XCTAssertEqual(
                contents(&map),
                [
                    0x4000_2000...0x4eff_ffff, 0x4f10_0000...0x57ff_ffff,
                    0x3f_fff0_0000...0x3f_ffff_ffff,
                ])
        }
    }

    /// Thousands of layouts against a list of pages: what is memory, and not reserved, is free;
    /// with too few places some of it is not used, and nothing reserved is.
    func testRandomLayoutsAgainstAListOfPages() {
        var random = SystemRandomNumberGenerator()
        func range(_ pages: UInt64) -> RegisterRange {
            RegisterRange(
                base: UInt64.random(in: 0..<(pages * 4096), using: &random),
                size: UInt64.random(
                    in: 0...(1 << UInt64.random(in: 0...15, using: &random)), using: &random))
        }
        var cuts = 0
        for _ in 0..<4000 {
            let pages = UInt64.random(in: 4...200, using: &random)
            var bytes = [Bool](repeating: false, count: Int(pages + 20) * 4096)
            let memory = (0..<Int.random(in: 1...20, using: &random)).map { _ in range(pages) }
            let reserved = (0..<Int.random(in: 0...20, using: &random)).map { _ in range(pages) }
            let later = (0..<Int.random(in: 0...4, using: &random)).map { _ in range(pages) }
            let isTight = Bool.random(using: &random)
            var machine =
                isTight
                ? MachineDescription(memory: RangeList.places(5), reserved: RangeList.places(5))
                : MachineDescription(memory: RangeList.places(21), reserved: RangeList.places(21))
            for range in memory {
                machine.memory.insert(range)
                for byte in range.base..<range.end { bytes[Int(byte)] = true }
            }
            for range in reserved { machine.reserved.insert(range) }
            machine.memory.order()
            machine.reserved.order()
            var free = (0..<(bytes.count / 4096)).map {
                !bytes[($0 * 4096)..<($0 * 4096 + 4096)].contains(false)
            }
            for range in reserved + later where range.size > 0 {
                for page in (range.base / 4096)...((range.end - 1) / 4096) {
                    free[Int(page)] = false
                }
            }
            var map = MemoryMap(RangeList.places(isTight ? 8 : 46), whenFull: .leaveOut)
            map.add(memoryOf: machine, below: .max)
            map.remove(reservationsOf: machine)
            for range in later { map.remove(pagesAround: range.base, range.size) }
            var found = [Bool](repeating: false, count: free.count)
            var last: UInt64?
            for index in 0..<map.count {
                if let last { XCTAssertGreaterThan(map[index].base, last) }
                last = map[index].end
                for page in (map[index].base / 4096)..<(map[index].end / 4096) {
                    found[Int(page)] = true
                }
            }
            if machine.isCut || map.isCut {
                cuts += 1
                for page in 0..<free.count where found[page] { XCTAssertTrue(free[page]) }
            } else {
                XCTAssertEqual(found, free)
            }
        }
        XCTAssertTrue((200...3000).contains(cuts), "\(cuts)")
    }

    /// Page tables that the ends of ranges need: one for each GiB that an end lies in, one for
    /// each 2 MiB.
    private func tables(_ map: inout MemoryMap) -> UInt64 {
        var blocks: [Set<UInt64>] = [[], []]
        for index in 0..<map.count {
            for end in [map[index].base, map[index].end] {
                for (level, size) in [(0, 1 << 30), (1, 2 << 20)] as [(Int, UInt64)]
                where end % size != 0 {
                    blocks[level].insert(end / size)
                }
            }
        }
        return UInt64(blocks[0].count + blocks[1].count)
    }

    /// Ends are left out until the tables suffice, and only then.
    func testRangesAreTrimmedToTheTables() {
        var random = SystemRandomNumberGenerator()
        var trimmed = 0
        for _ in 0..<3000 {
            var map = MemoryMap(whenFull: .leaveOut)
            for _ in 0..<Int.random(in: 0...30, using: &random) {
                let unit = ([4096, 2 << 20, 1 << 30] as [UInt64]).randomElement(using: &random)!
                map.add(
                    pagesWithin: UInt64.random(in: 0...((16 << 30) / unit), using: &random) * unit,
                    UInt64.random(in: 0...((1 << 30) / unit + 2), using: &random) * unit)
            }
            let before = contents(&map)
            let (bytes, need) = (map.bytes, tables(&map))
            XCTAssertEqual(map.tables, need)
            let room = UInt64.random(in: 0...70, using: &random)
            map.trim(toTables: room)
            XCTAssertLessThanOrEqual(tables(&map), room)
            XCTAssertEqual(map.lost, bytes - map.bytes)
            if need <= room { XCTAssertEqual(contents(&map), before) } else { trimmed += 1 }
            for range in contents(&map) {
                XCTAssertTrue(
                    before.contains {
                        $0.contains(range.lowerBound) && $0.contains(range.upperBound)
                    })
            }
        }
        XCTAssertTrue((300...2700).contains(trimmed), "\(trimmed)")
    }
}
