// Ranges are joined before they are counted, and what has no place costs memory, never a reservation.

import XCTest

@testable import DeviceTree

final class RangeListTests: XCTestCase {
    private func contents(_ list: RangeList) -> [ClosedRange<UInt64>] {
        (0..<list.count).map { list[$0].base...(list[$0].end - 1) }
    }

    func testRangesThatTouchAreOne() {
        var list = RangeList(whenFull: .widen)
        for base in [0x5000, 0x1000, 0x4000, 0x2000, 0x3000] as [UInt64] {
            list.insert(RegisterRange(base: base, size: 0x1000))
        }
        XCTAssertEqual(contents(list), [0x1000...0x5fff])
        list.insert(RegisterRange(base: 0x8000, size: 0))
        list.insert(RegisterRange(base: 0x7000, size: 0x10))
        list.insert(RegisterRange(base: 0x7011, size: 0x10))
        XCTAssertEqual(contents(list), [0x1000...0x5fff, 0x7000...0x700f, 0x7011...0x7020])
        list.insert(RegisterRange(base: 0x800, size: 0x7000))
        XCTAssertEqual(contents(list), [0x800...0x77ff])
        list.insert(RegisterRange(base: .max - 0xfff, size: .max))
        XCTAssertEqual(list[1].end, .max)
    }

    /// Against a plain set of numbers, in random order; both kinds of overflow keep their promise.
    func testAgainstASet() {
        var random = SystemRandomNumberGenerator()
        for span in [500, 2000, 20000] as [UInt64] {
            var memory = RangeList(whenFull: .leaveOut)
            var kept = RangeList(whenFull: .widen)
            var all = Set<UInt64>()
            for _ in 0..<400 {
                let base = UInt64.random(in: 0..<span, using: &random)
                let size = UInt64.random(in: 0..<6, using: &random)
                all.formUnion(base..<(base + size))
                memory.insert(RegisterRange(base: base, size: size))
                kept.insert(RegisterRange(base: base, size: size))
                for list in [memory, kept] {
                    for index in 1..<max(list.count, 1) {
                        XCTAssertGreaterThan(list[index].base, list[index - 1].end)
                    }
                    XCTAssertLessThanOrEqual(list.count, RangeList.capacity)
                }
            }
            let inMemory = Set(contents(memory).flatMap { $0 })
            XCTAssertTrue(inMemory.isSubset(of: all))
            XCTAssertTrue(Set(contents(kept).flatMap { $0 }).isSuperset(of: all))
            if span == 500 {
                XCTAssertEqual(inMemory, all)
                XCTAssertEqual(Set(contents(kept).flatMap { $0 }), all)
                XCTAssertEqual(memory.lost, 0)
            } else if span == 20000 {
                XCTAssertGreaterThan(memory.lost, 0)
            }
        }
    }

    func testAFullListOfReservationsClosesItsSmallestGap() {
        var list = RangeList(whenFull: .widen)
        let capacity = UInt64(RangeList.capacity)
        for index in 0..<capacity { list.insert(RegisterRange(base: index * 0x10000, size: 0x1000)) }
        list.insert(RegisterRange(base: 5 * 0x10000 + 0xf000, size: 0x800))
        // The new one is closest to its neighbour; before it came, all gaps were equal.
        list.insert(RegisterRange(base: capacity * 0x10000, size: 0x1000))
        XCTAssertEqual(list.count, RangeList.capacity)
        XCTAssertTrue(contents(list).contains(0x5_f000...0x6_0fff))
        XCTAssertEqual(list.lost, 0)
    }
}
