// Sets of memory: every byte once, whatever the tree says and in whichever order; what is reserved is not in them.

import DeviceTree
import XCTest

final class MemoryMapTests: TreeTestCase {
    private func contents(_ map: MemoryMap) -> [ClosedRange<UInt64>] {
        var map = map
        return (0..<map.count).map { map[$0].base...(map[$0].base + map[$0].size - 1) }
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
        XCTAssertEqual(contents(map), [0x1000...0x20fff])
    }

    func testWholePagesOnly() {
        var within = MemoryMap(whenFull: .leaveOut)
        within.add(pagesWithin: 0x1001, 0x2ffe)
        XCTAssertEqual(contents(within), [0x2000...0x2fff])
        within.add(pagesWithin: 0x8001, 0xfff)
        within.add(pagesWithin: 0x9000, 0)
        XCTAssertEqual(contents(within), [0x2000...0x2fff])
        var around = MemoryMap(whenFull: .leaveOut)
        around.add(pagesAround: 0x1fff, 2)
        around.add(pagesAround: 0x9000, 0)
        XCTAssertEqual(contents(around), [0x1000...0x2fff])
    }

    func testEveryPageThatIsTouchedIsTakenOut() {
        var map = MemoryMap(whenFull: .leaveOut)
        map.add(pagesWithin: 0x10000, 0x10000)
        map.remove(pagesAround: 0x14fff, 2)
        XCTAssertEqual(contents(map), [0x10000...0x13fff, 0x16000...0x1ffff])
        map.remove(pagesAround: 0x0, 0x10001)
        XCTAssertEqual(contents(map), [0x11000...0x13fff, 0x16000...0x1ffff])
        map.remove(pagesAround: 0x12000, .max)
        XCTAssertEqual(contents(map), [0x11000...0x11fff])
        map.remove(pagesAround: 0x11000, 0)
        XCTAssertEqual(map.bytes, 0x1000)
    }

    func testTheLargestIsTakenFirst() {
        var map = MemoryMap(whenFull: .leaveOut)
        for (page, count) in [(1, 2), (10, 5), (20, 1), (30, 5)] as [(UInt64, UInt64)] {
            map.add(pagesWithin: page << 12, count << 12)
        }
        var taken: [UInt64] = []
        while let range = map.takeLargest() { taken.append(range.base >> 12) }
        XCTAssertEqual(taken, [10, 30, 1, 20])
        XCTAssertEqual(map.count, 0)
    }

    func testTheEndOfTheAddressSpaceDoesNotWrap() {
        var map = MemoryMap(whenFull: .leaveOut)
        map.add(pagesWithin: 0xffff_ffff_ffff_0000, .max)
        XCTAssertEqual(map.bytes, 0xf000)
        map.remove(pagesAround: 0xffff_ffff_ffff_e000, .max)
        XCTAssertEqual(contents(map), [0xffff_ffff_ffff_0000...0xffff_ffff_ffff_dfff])
    }

    func testWhatHasNoPlaceIsCountedAndLeftOut() {
        var map = MemoryMap(whenFull: .leaveOut)
        let capacity = UInt64(RangeList.capacity)
        // The smallest go, wherever they come.
        for index in 0..<(capacity + 6) {
            map.add(pagesWithin: index * 0x4000, index % 8 == 3 && index < 48 ? 0x1000 : 0x2000)
        }
        XCTAssertEqual(map.count, RangeList.capacity)
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
        XCTAssertEqual(contents(map), [0x13000...0x1ffff])
        XCTAssertEqual(map.lost, 0x3000)
    }

    func testRangesAreJoinedUnlessSomethingLiesBetween() {
        var kept = MemoryMap(whenFull: .leaveOut)
        kept.add(pagesWithin: 0x5000, 0x1000)
        var map = MemoryMap(whenFull: .leaveOut)
        for base in [0x8000, 0x1000, 0x3000, 0x6000] as [UInt64] { map.add(pagesWithin: base, 0x1000) }
        map.join(gap: 0x2000, avoiding: &kept)
        XCTAssertEqual(contents(map), [0x1000...0x3fff, 0x6000...0x8fff])
    }

    func testMemoryOfAMachine() throws {
        let bytes = try compile(
            replacing: "reg = <0x0 0x40000000 0x0 0x10000000>",
            with: """
                reg = <0x0 0x40000000 0x0 0x10000000>, <0x0 0x48000000 0x0 0x10000000>, <0x40 0x0 0x1 0x0>,
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
                contents(map), [0x4000_2000...0x4eff_ffff, 0x4f10_0000...0x57ff_ffff, 0x3f_fff0_0000...0x3f_ffff_ffff])
        }
    }
}
