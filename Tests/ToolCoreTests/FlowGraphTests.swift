// The longest paths of small graphs: branches, loops, looks, and what has no bound.

import XCTest

@testable import ToolCore

final class FlowGraphTests: XCTestCase {
    /// Straight code of so many instructions.
    private func code(_ count: Int, _ to: Int...) -> FlowGraph.Node {
        .init(Lengths(through: Path(count)), to: to)
    }
    private func exit(_ count: Int) -> FlowGraph.Node {
        .init(Lengths(through: Path(count)), isExit: true)
    }
    /// So many instructions, of which the last looks for interrupts.
    private func look(_ count: Int, _ to: Int...) -> FlowGraph.Node {
        .init(Lengths(head: Path(count), tail: Path(0)), to: to)
    }
    private func lengths(
        _ nodes: [FlowGraph.Node], rounds: [Int: Int] = [:], shared: String? = nil,
        branch: FlowGraph.Branch? = nil
    ) throws -> [Int?] {
        let graph = FlowGraph(nodes).reduced().graph
        let structure = graph.structure()
        XCTAssertEqual(structure.irreducible, [])
        let found = try graph.lengths(structure) { loop in
            rounds[structure.loops[loop].header].map {
                FlowGraph.Rounds($0, "", shared: shared, branch: branch)
            }
        }
        return [found.through, found.head, found.tail, found.inner].map { $0?.length }
    }

    func testTheLongerBranchCounts() throws {
        XCTAssertEqual(
            try lengths([code(1, 1, 2), code(10, 3), code(20, 3), exit(100)]), [121, nil, nil, nil])
    }
    func testALoopCountsItsRounds() throws {
        // The header, a body with a short and a long way, the exit.
        let nodes = [code(1, 1), code(2, 2, 5), code(3, 3, 4), code(10, 1), code(20, 1), exit(7)]
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 4]), [1 + 4 * (2 + 3 + 20) + 2 + 7, nil, nil, nil])
    }
    func testInnerLoopsCountInEachRound() throws {
        let nodes = [code(1, 1), code(1, 2, 4), code(1, 3, 1), code(5, 2), exit(1)]
        // A round of the outer loop: its header, ten rounds of the inner one, the inner header
        // again.
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 3, 2: 10]),
            [1 + 3 * (1 + 10 * 6 + 1) + 1 + 1, nil, nil, nil])
    }
    func testLoopsThatShareTheirRoundsTakeTheLongerOne() throws {
        // Two loops, one after the other: rounds of 1 + 5 and of 1 + 9.
        let nodes = [code(1, 1), code(1, 2, 3), code(5, 1), code(1, 4, 5), code(9, 3), exit(7)]
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 22, 3: 22]),
            [1 + 22 * 6 + 1 + 22 * 10 + 1 + 7, nil, nil, nil])
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 22, 3: 22], shared: "a"),
            [1 + 1 + 22 * 10 + 1 + 7, nil, nil, nil])
        let turned = [code(1, 1), code(1, 2, 3), code(9, 1), code(1, 4, 5), code(5, 3), exit(7)]
        XCTAssertEqual(
            try lengths(turned, rounds: [1: 22, 3: 22], shared: "a"),
            [1 + 22 * 10 + 1 + 1 + 7, nil, nil, nil])
    }
    func testALoopWithinAnotherSharesNothingWithIt() throws {
        let nodes = [code(1, 1), code(1, 2, 4), code(1, 3, 1), code(5, 2), exit(1)]
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 3, 2: 10], shared: "a"),
            [1 + 3 * (1 + 10 * 6 + 1) + 1 + 1, nil, nil, nil])
    }
    func testABranchCountsInFewerRounds() throws {
        let nodes = [code(1, 1), code(2, 2, 5), code(3, 3, 4), code(10, 1), code(20, 1), exit(7)]
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 8], branch: .init(count: 3, nodes: [4])),
            [1 + 3 * (2 + 3 + 20) + 5 * (2 + 3 + 10) + 2 + 7, nil, nil, nil])
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 2], branch: .init(count: 3, nodes: [4])),
            [1 + 2 * (2 + 3 + 20) + 2 + 7, nil, nil, nil], "more than the loop has rounds")
    }
    func testThePassThatLeavesALoopMayTakeTheBranch() throws {
        // The test stands at the end: 2, then 10 or 20, then back or on.
        let nodes = [code(1, 1), code(2, 2, 3), code(10, 4), code(20, 4), code(1, 1, 5), exit(7)]
        // Three times 20 in all: eight rounds and the last pass.
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 8], branch: .init(count: 3, nodes: [3])),
            [1 + 3 * 23 + 6 * 13 + 7, nil, nil, nil])
    }
    func testALoopWithoutABoundIsRefused() {
        XCTAssertThrowsError(try lengths([code(1, 1), code(2, 1, 2), exit(1)])) { error in
            XCTAssertEqual((error as? FlowGraph.Unbounded)?.loop, 0)
        }
    }
    func testALookEndsASectionAndBeginsTheNext() throws {
        XCTAssertEqual(
            try lengths([code(5, 1), look(3, 2), code(40, 3), look(2, 4), exit(9)]),
            [nil, 8, 9, 42])
    }
    func testALoopThatLooksInEachRoundNeedsNoBound() throws {
        // Before it 10, a round of 1 + 30 up to the look, 4 behind it, the exit from the header.
        let nodes = [code(10, 1), code(1, 2, 4), look(30, 3), code(4, 1), exit(100)]
        XCTAssertEqual(try lengths(nodes), [10 + 1 + 100, 10 + 1 + 30, 4 + 1 + 100, 4 + 1 + 30])
    }
    func testAWayRoundWithoutALookNeedsABound() throws {
        let nodes = [code(10, 1), code(1, 2, 3, 4), look(30, 1), code(50, 1), exit(100)]
        XCTAssertThrowsError(try lengths(nodes))
        // From the look: back to the header, two rounds of 51, and on.
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 2]),
            [10 + 2 * 51 + 1 + 100, 10 + 2 * 51 + 1 + 30, 2 * 51 + 1 + 100, 2 * 51 + 1 + 30])
    }
    func testASectionMayBeginInALoopWithinALoop() throws {
        // The look stands in the inner loop; the way from it leaves the inner loop, goes round the
        // outer one, and comes back.
        let nodes = [code(1, 1), code(2, 2, 5), code(3, 3, 4), look(4, 2), code(50, 1), exit(6)]
        // Each cycle of the outer loop that does not look: header, inner header, 50.
        XCTAssertEqual(
            try lengths(nodes, rounds: [1: 3]),
            [
                1 + 3 * 55 + 2 + 6, 1 + 3 * 55 + 2 + 3 + 4, 3 + 50 + 3 * 55 + 2 + 6,
                3 + 50 + 3 * 55 + 2 + 3 + 4,
            ])
    }
    func testACycleWithTwoEntriesIsBoundedAsOne() throws {
        // 1 and 2 lead to each other, and the entry leads to both.
        let nodes = [code(1, 1, 2), code(10, 2), code(20, 1, 3), exit(100)]
        let (graph, origins) = FlowGraph(nodes).reduced()
        XCTAssertEqual(origins.count, 5, "one node is copied")
        XCTAssertTrue(graph.structure().irreducible.isEmpty)
        let header = try XCTUnwrap(graph.structure().loops.first?.header)
        let through = try XCTUnwrap(try lengths(nodes, rounds: [header: 3]).first ?? nil)
        // At least the entry, three rounds of 30, and the way out.
        XCTAssertEqual(
            through, header == 2 ? 1 + 10 + 3 * 30 + 20 + 100 : 1 + 20 + 3 * 30 + 10 + 20 + 100)
    }
    func testWhatACalleeLooksAtEndsASectionOfItsCaller() throws {
        let callee = FlowGraph.Node(
            Lengths(through: Path(15), head: Path(7), tail: Path(8), inner: Path(60)), to: [2])
        XCTAssertEqual(try lengths([code(1, 1), callee, exit(2)]), [18, 8, 10, 60])
    }
    func testAPanicIsNoPath() throws {
        let panic = FlowGraph.Node(Lengths())
        XCTAssertEqual(try lengths([code(1, 1, 2), panic, exit(2)]), [3, nil, nil, nil])
    }
}
