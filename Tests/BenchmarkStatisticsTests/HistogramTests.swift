// The figures that a histogram gives, against figures computed the long way.

import BenchmarkStatistics
import XCTest

final class HistogramTests: XCTestCase {
    func testEmpty() {
        let histogram = Histogram()
        XCTAssertEqual(histogram.average, 0)
        XCTAssertEqual(histogram.percentile(50_000), 0)
        XCTAssertEqual(histogram.total, 0)
    }

    func testFiguresOfKnownValues() {
        var histogram = Histogram()
        for value in 1...1000 { histogram.add(UInt64(value)) }
        XCTAssertEqual(histogram.minimum, 1)
        XCTAssertEqual(histogram.maximum, 1000)
        XCTAssertEqual(histogram.average, 500)
        XCTAssertEqual(histogram.percentile(50_000), 500)
        XCTAssertEqual(histogram.percentile(90_000), 900)
        XCTAssertEqual(histogram.percentile(99_000), 990)
        XCTAssertEqual(histogram.percentile(99_900), 999)
        XCTAssertEqual(histogram.percentile(99_990), 1000)
    }

    func testPercentilesAgainstSorting() {
        var state: UInt64 = 88_172_645_463_325_252
        var histogram = Histogram()
        var values: [UInt64] = []
        for _ in 0..<5_000 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            values.append(state % 2000)
            histogram.add(state % 2000)
        }
        values.sort()
        for part in [1_000, 50_000, 90_000, 99_000, 99_900, 99_990, 100_000] as [UInt64] {
            let rank = max(1, (values.count * Int(part) + 99_999) / 100_000)
            XCTAssertEqual(histogram.percentile(part), values[rank - 1])
        }
    }

    func testOverflowsAreCountedAndKeepTheMaximum() {
        var histogram = Histogram()
        histogram.add(10)
        histogram.add(1_000_000)
        XCTAssertEqual(histogram.overflows, 1)
        XCTAssertEqual(histogram.maximum, 1_000_000)
        XCTAssertEqual(histogram.percentile(99_000), 1_000_000)
        XCTAssertEqual(histogram.percentile(50_000), 10)
    }

    func testLastBucketAndFirstOverflow() {
        var histogram = Histogram()
        histogram.add(UInt64(Histogram.buckets - 1))
        XCTAssertEqual(histogram.overflows, 0)
        XCTAssertEqual(histogram.count(Histogram.buckets - 1), 1)
        histogram.add(UInt64(Histogram.buckets))
        XCTAssertEqual(histogram.overflows, 1)
    }

    func testFullBucketOverflowsAndKeepsTotals() {
        var histogram = Histogram()
        for _ in 0..<65_540 { histogram.add(3) }
        XCTAssertEqual(histogram.count(3), 65_535)
        XCTAssertEqual(histogram.overflows, 5)
        XCTAssertEqual(histogram.total, 65_540)
        XCTAssertEqual(histogram.sum, 3 * 65_540)
        XCTAssertEqual(histogram.average, 3)
    }

    func testMissedCyclesAreNoValues() {
        var histogram = Histogram()
        histogram.add(10)
        histogram.addMissed()
        histogram.addMissed(3)
        XCTAssertEqual(histogram.missed, 4)
        XCTAssertEqual(histogram.total, 1)
        XCTAssertEqual(histogram.minimum, 10)
        XCTAssertEqual(histogram.maximum, 10)
    }

    func testGoalIsKeptByTheMaximumAndByMissingNothing() {
        var histogram = Histogram()
        XCTAssertFalse(histogram.keeps(10))
        histogram.add(10)
        XCTAssertTrue(histogram.keeps(10))
        XCTAssertFalse(histogram.keeps(9))
        histogram.addMissed()
        XCTAssertFalse(histogram.keeps(10))
    }
}
