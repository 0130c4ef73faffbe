// Ranges are joined before they are counted, and what has no place costs memory, never a
// reservation.

import XCTest

@testable import DeviceTree

final class RangeListTests: XCTestCase {
    /// The list's ranges, which it must hold apart and in ascending order.
    private func contents(_ list: inout RangeList) -> [ClosedRange<UInt64>] {
        list.order()
        var ranges: [ClosedRange<UInt64>] = []
        for index in 0..<list.count {
            if index > 0 { XCTAssertGreaterThan(list[index].base, list[index - 1].end) }
            ranges.append(list[index].base...(list[index].end - 1))
        }
        return ranges
    }

    func testRangesThatTouchAreOne() {
        var list = RangeList(8, whenFull: .widen)
        for base in [0x5000, 0x1000, 0x4000, 0x2000, 0x3000] as [UInt64] {
            list.insert(RegisterRange(base: base, size: 0x1000))
        }
        XCTAssertEqual(contents(&list), [0x1000...0x5fff])
        list.insert(RegisterRange(base: 0x8000, size: 0))
        list.insert(RegisterRange(base: 0x7000, size: 0x10))
        list.insert(RegisterRange(base: 0x7011, size: 0x10))
        XCTAssertEqual(contents(&list), [0x1000...0x5fff, 0x7000...0x700f, 0x7011...0x7020])
        list.insert(RegisterRange(base: 0x800, size: 0x7000))
        XCTAssertEqual(contents(&list), [0x800...0x77ff])
        list.insert(RegisterRange(base: .max - 0xfff, size: .max))
        list.order()
        XCTAssertEqual(list[1].end, .max)
        XCTAssertFalse(list.isCut)
    }

    /// Against a plain set of numbers, in random order: exact while there are places, and without
    /// them each kind of overflow keeps its promise.
    func testAgainstASet() {
        var random = SystemRandomNumberGenerator()
        var cuts = 0
        for round in 0..<2000 {
            let places = Int.random(in: 1...40, using: &random)
            let span = UInt64.random(in: 20...400, using: &random)
            var memory = RangeList(places, whenFull: .leaveOut)
            var kept = RangeList(places, whenFull: .widen)
            var all = Set<UInt64>()
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                let base = UInt64.random(in: 0..<span, using: &random)
                let size = UInt64.random(in: 0..<6, using: &random)
                all.formUnion(base..<(base + size))
                memory.insert(RegisterRange(base: base, size: size))
                kept.insert(RegisterRange(base: base, size: size))
                if round % 2 == 0 { memory.order() }
            }
            let inMemory = Set(contents(&memory).flatMap { $0 })
            let inKept = Set(contents(&kept).flatMap { $0 })
            XCTAssertLessThanOrEqual(memory.count, places)
            XCTAssertLessThanOrEqual(kept.count, places)
            XCTAssertTrue(inMemory.isSubset(of: all))
            XCTAssertTrue(inKept.isSuperset(of: all))
            if memory.isCut { cuts += 1 } else { XCTAssertEqual(inMemory, all) }
            if !kept.isCut { XCTAssertEqual(inKept, all) }
            XCTAssertEqual(memory.lost > 0, memory.isCut)
        }
        XCTAssertTrue((200...1800).contains(cuts), "\(cuts)")
    }

    /// As many places as ranges were inserted are enough, in whichever order they come.
    func testAsManyPlacesAsRangesAreEnough() {
        let ranges = (0..<1000).map { RegisterRange(base: UInt64($0) * 0x2000, size: 0x1000) }
        for order in [ranges, ranges.reversed(), ranges.shuffled()] {
            var list = RangeList(ranges.count, whenFull: .widen)
            for range in order { list.insert(range) }
            XCTAssertEqual(list.inserted, 1000)
            XCTAssertEqual(contents(&list).count, 1000)
            XCTAssertFalse(list.isCut)
        }
    }

    /// The most ranges that a tree can name, in the worst orders: a sort that is quadratic
    /// takes minutes.
    func testTheMostRangesOfATree() {
        let count = RangeList.maximum
        let shuffled = (0..<count).shuffled()
        for order in [Array((0..<count).reversed()), shuffled] {
            var list = RangeList(count, whenFull: .widen)
            for index in order { list.insert(RegisterRange(base: UInt64(index) * 16, size: 8)) }
            list.order()
            XCTAssertEqual(list.count, count)
            XCTAssertEqual(list[count - 1], RegisterRange(base: UInt64(count - 1) * 16, size: 8))
        }
    }

    func testAFullListOfReservationsClosesItsSmallestGap() {
        var list = RangeList(64, whenFull: .widen)
        for index in 0..<UInt64(64) {
            list.insert(RegisterRange(base: index * 0x10000, size: 0x1000))
        }
        XCTAssertFalse(list.isCut)
        list.insert(RegisterRange(base: 5 * 0x10000 + 0xf000, size: 0x800))
        XCTAssertTrue(list.isCut)
        XCTAssertEqual(list.count, 64)
        XCTAssertTrue(contents(&list).contains(0x5_f000...0x6_0fff))
        XCTAssertEqual(list.lost, 0)
    }
}
