// The lines that a run of the benchmark ends with.

import XCTest

@testable import BenchmarkStatistics

final class DigestTests: XCTestCase {
    private func text(_ name: RowName) -> String {
        String(decoding: (0..<name.count).map { name[$0] }, as: UTF8.self)
    }
    private func names(_ digest: Digest) -> [String] {
        (0..<digest.count).map { text(digest[$0].name) }
    }

    func testRowsThatStandForTheKernelComeFirst() {
        var digest = Digest()
        var histogram = Histogram()
        histogram.add(10)
        histogram.add(15)
        for number in 0..<8 {
            digest.add(RowName("other.", number), histogram, goal: nil, unit: "cycles")
        }
        XCTAssertEqual(names(digest), (0..<8).map { "other.\($0)" })
        digest.add(RowName("fault.to-handler"), histogram, goal: 15, unit: "cycles")
        digest.add(RowName("system-call.null"), histogram, goal: 14, unit: "cycles")
        XCTAssertEqual(
            names(digest), ["fault.to-handler", "system-call.null"] + (0..<6).map { "other.\($0)" })
        // Not the same row under load.
        digest.add(RowName("fault.to-handler").underLoad, histogram, goal: 15, unit: "cycles")
        XCTAssertEqual(digest.count, 8)
        XCTAssertEqual(text(digest[7].name), "other.5")
        XCTAssertEqual([digest.rows, digest.goalsKept, digest.goalsMissed], [11, 2, 1])
        let row = digest[0]
        XCTAssertEqual([row.minimum, row.average, row.maximum, row.goal], [10, 12, 15, 15])
        XCTAssertEqual("\(row.unit)", "cycles")
    }

    func testARowWithoutValuesKeepsNoGoal() {
        var digest = Digest()
        digest.add(RowName("yield.other-address-space"), Histogram(), goal: 110, unit: "ticks")
        XCTAssertEqual([digest.goalsKept, digest.goalsMissed], [0, 1])
        XCTAssertEqual([digest[0].minimum, digest[0].maximum], [0, 0])
    }

    func testNoMoreRowsStandForTheKernelThanFit() {
        var digest = Digest()
        let names: [StaticString] = [
            "system-call.null", "yield.other-address-space", "ipc.round-trip.words-0",
            "ipc.round-trip.words-120", "signal.higher-waiter-runs", "fault.to-handler",
            "interrupt.timer.to-driver.spinning", "interrupt.timer.to-driver.sleeping",
        ]
        for name in names {
            XCTAssertTrue(RowName(name).isHeadline, "\(name)")
            digest.add(RowName(name), Histogram(), goal: nil, unit: "cycles")
        }
        digest.add(RowName("other"), Histogram(), goal: nil, unit: "cycles")
        XCTAssertEqual(self.names(digest), names.map { "\($0)" })
    }
}
