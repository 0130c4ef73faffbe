// Rows' names, and the goals that are found by them.

import BenchmarkStatistics
import XCTest

final class RowNameTests: XCTestCase {
    private func text(_ name: RowName) -> String {
        String(decoding: (0..<name.count).map { name[$0] }, as: UTF8.self)
    }

    func testParts() {
        XCTAssertEqual(text(RowName("a.b")), "a.b")
        XCTAssertEqual(text(RowName("words-", 0)), "words-0")
        XCTAssertEqual(text(RowName("words-", 120, ".client-below")), "words-120.client-below")
        XCTAssertEqual(text(RowName("a").underLoad), "load.a")
        var name = RowName("a.")
        name.append("b")
        XCTAssertEqual(name, RowName("a.b"))
        name.append(200)
        XCTAssertEqual(text(name), "a.b200")
        name = RowName("a.b")
        XCTAssertNotEqual(name, RowName("a.c"))
        XCTAssertNotEqual(name, RowName("a.bc"))
    }

    func testWhatDoesNotFitIsCutOff() {
        var name = RowName("")
        for _ in 0..<20 { name.append("abcd") }
        XCTAssertEqual(text(name), String(String(repeating: "abcd", count: 20).prefix(63)))
    }

    func testPatterns() {
        XCTAssertTrue(RowName("sweep.yield").matches("sweep.*"))
        XCTAssertTrue(RowName("sweep.yield").underLoad.matches("sweep.*"))
        XCTAssertTrue(RowName("a.b").matches("a.b"))
        XCTAssertTrue(RowName("a.b").underLoad.matches("a.b"))
        XCTAssertFalse(RowName("a.bc").matches("a.b"))
        XCTAssertFalse(RowName("a.b").matches("a.bc"))
        XCTAssertFalse(RowName("swee").matches("sweep.*"))
        XCTAssertFalse(RowName("a.b").matches("b"))
    }

    func testGoals() {
        XCTAssertEqual(RowName("system-call.null").goal, 40)
        XCTAssertEqual(RowName("system-call.null").underLoad.goal, 40)
        XCTAssertEqual(RowName("ipc.round-trip.words-", 16).goal, 350)
        XCTAssertEqual(RowName("ipc.round-trip.words-", 0, ".client-above").goal, 260)
        XCTAssertNil(RowName("ipc.round-trip.words-", 16, ".client-above").goal)
        XCTAssertEqual(RowName("interrupt.timer.to-driver.spinning").goal, 150)
        XCTAssertEqual(RowName("interrupt.timer.to-driver.load-all").goal, 1500)
        XCTAssertNil(RowName("interrupt.timer.to-kernel.load-all").goal)
        XCTAssertEqual(RowName("sweep.clean-2-MiB").goal, 1500)
        XCTAssertEqual(RowName("chain.15.callers-", 200, ".time-out").goal, 1500)
        XCTAssertEqual(RowName("together.timers-", 64).goal, 1500)
        XCTAssertNil(RowName("walk.chain-", 15, ".callers-0").goal)
        XCTAssertEqual(RowName("kernel.longest-masked").goal, RowName.maskedGoal)
        XCTAssertNil(RowName("nothing").goal)
    }

    func testGoalsOfSeveralCores() {
        let call = RowName("ipc.round-trip.words-", 0)
        XCTAssertEqual(text(call.on(cores: 4)), "cores-4.ipc.round-trip.words-0")
        XCTAssertEqual(call.goal, 205)
        for count in 2...4 { XCTAssertEqual(call.on(cores: count).goal, 230) }
        let across = RowName("ipc.round-trip.words-0.other-core")
        XCTAssertEqual(across.on(cores: 2).goal, 700)
        XCTAssertNil(across.goal)
        let interrupt = RowName("interrupt.timer.to-driver.spinning")
        XCTAssertEqual(interrupt.on(cores: 3).goal, 170)
        XCTAssertEqual(RowName("wait.objects").on(cores: 3).goal, 1600)
        XCTAssertNil(RowName("wait.objects").goal)
        XCTAssertNil(RowName("system-call.null").on(cores: 4).goal)
    }
}
