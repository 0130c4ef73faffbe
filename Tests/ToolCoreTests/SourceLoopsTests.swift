// The loops of sources, and their bounds.

import XCTest

@testable import ToolCore

final class SourceLoopsTests: XCTestCase {
    private func loops(_ text: String) -> SourceLoops { SourceLoops([("A.swift", text)]) }
    private func bound(_ text: String, line: Int) -> Int? {
        loops(text).around("A.swift", line).last?.bound
    }

    func testLoopsNestByTheirLines() {
        let text = "while a {\n    for x in list {\n        f()\n    }\n}\n"
        XCTAssertEqual(loops(text).around("A.swift", 3).map(\.lines), [1...5, 2...4])
        XCTAssertEqual(loops(text).around("A.swift", 5).map(\.lines), [1...5])
    }
    func testABoundStandsAboveItsLoop() {
        XCTAssertEqual(
            bound("var rounds = LoopBound(12)\nwhile a {\n    rounds.count()\n}\n", line: 3), 12)
        XCTAssertNil(
            bound("var rounds = LoopBound(12)\nwhile a {\n    f()\n}\n", line: 3),
            "it is not counted")
        let two =
            "var a = LoopBound(1)\nvar b = LoopBound(2)\nwhile x {\n    a.count()\n"
            + "    while y {\n        b.count()\n    }\n}\n"
        XCTAssertEqual(loops(two).around("A.swift", 6).map(\.bound), [1, 2])
    }
    func testLoopsThatCountOneBoundShareIt() {
        let text = """
            var rounds = LoopBound(12)
            while a {
                rounds.count()
            }
            while b {
                rounds.count()
            }
            var others = LoopBound(12)
            while c {
                others.count()
            }
            """
        XCTAssertEqual(loops(text).around("A.swift", 3).map(\.declaration), [1])
        XCTAssertEqual(loops(text).around("A.swift", 6).map(\.declaration), [1])
        XCTAssertEqual(loops(text).around("A.swift", 10).map(\.declaration), [8])
    }
    func testABranchHasItsOwnBound() {
        let text = """
            var rounds = LoopBound(8)
            var deliveries = LoopBound(3)
            while a {
                rounds.count()
                if b {
                    deliveries.count()
                    deliver()
                }
                skip()
            }
            """
        let loop = loops(text).around("A.swift", 4).first
        XCTAssertEqual(loop?.bound, 8)
        XCTAssertEqual(loop?.branch, SourceLoop.Branch(lines: 6...7, bound: 3))
        let inner = """
            var rounds = LoopBound(8)
            while a {
                rounds.count()
                var rounds = LoopBound(2)
                while b {
                    rounds.count()
                }
            }
            """
        XCTAssertNil(loops(inner).around("A.swift", 3).first?.branch, "that is the inner loop's")
    }
    func testARangeOfConstantsIsItsBound() {
        XCTAssertEqual(bound("for _ in 0..<4 {\n}\n", line: 1), 4)
        XCTAssertEqual(bound("for i in 1...4 {\n}\n", line: 1), 4)
        XCTAssertEqual(
            bound(
                "enum L {\n    static var step: Int { 8 }\n}\nfor i in 2..<L.step {\n}\n", line: 5),
            6)
        XCTAssertNil(bound("for i in 0..<count {\n}\n", line: 1))
        XCTAssertEqual(
            bound("let most = 1_000\nfor _ in 0..<most where f() { return }\n", line: 2), 1000)
    }
    func testCommentsAndTextsHoldNoLoops() {
        XCTAssertEqual(
            loops("// while true {\nlet a = \"for x in y {\"\n").around("A.swift", 2), [])
    }
    func testExpressionsAreEvaluated() {
        let sources = loops(
            "enum A {\n    static var n: Int { B.m * 2 }\n}\n"
                + "struct B {\n    static var m: Int { 0x10 }\n}\n#define SIZE 64\n"
        )
        XCTAssertEqual(sources.value("A.n"), 32)
        XCTAssertEqual(sources.value("(A.n + 4) / 4 - 1 << 2"), 5)
        XCTAssertEqual(sources.value("1 << 5"), 32)
        XCTAssertEqual(sources.value("SIZE"), 64)
        XCTAssertNil(sources.value("unknown"))
        XCTAssertNil(sources.value("4 apples"))
    }
    func testACommentBoundsTheBranchOnItsLine() {
        let sources = SourceLoops([
            ("M.S", "#define STEP 128\n1:  nop\n    b.ne 1b  // bound: STEP / 64\n")
        ])
        XCTAssertEqual(sources.comment("M.S", 3), 2)
        XCTAssertNil(sources.comment("M.S", 2))
    }
}
