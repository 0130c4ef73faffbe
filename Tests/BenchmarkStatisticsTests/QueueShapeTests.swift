// The order of arrival that makes an AVL tree as high as it can be.

import LoadGenerator
import XCTest

final class QueueShapeTests: XCTestCase {
    private final class Node {
        let rank: Int
        var left: Node?
        var right: Node?
        init(_ rank: Int) { self.rank = rank }

        /// Puts a node in without turning an edge.
        func insert(_ new: Int) {
            if new < rank {
                if let left { left.insert(new) } else { left = Node(new) }
            } else {
                if let right { right.insert(new) } else { right = Node(new) }
            }
        }
    }
    /// The number of levels; fails where two sides differ by more than one.
    private func height(_ node: Node?) -> Int {
        guard let node else { return 0 }
        let (left, right) = (height(node.left), height(node.right))
        XCTAssertLessThanOrEqual(
            abs(left - right), 1, "the tree would be turned at rank \(node.rank)")
        return max(left, right) + 1
    }

    func testEveryCountGivesABalancedTreeOfTheStatedHeight() {
        for count in 1...QueueShape.capacity {
            let shape = QueueShape(count)
            XCTAssertEqual(Set((0..<count).map { shape[$0] }), Set(0..<count))
            let root = Node(shape[0])
            for place in 1..<max(count, 1) {
                root.insert(shape[place])
                if count % 16 == 0 { _ = height(root) }
            }
            XCTAssertEqual(height(root), shape.height)
        }
    }

    func testHeightsAreTheLargestThatAnAVLTreeMayHave() {
        // A tree of h levels has at least 1, 2, 4, 7, 12, 20, 33, 54, 88, 143, 232 nodes.
        XCTAssertEqual(
            [1, 2, 4, 7, 12, 54, 142, 143, 200, 232, 256].map { QueueShape($0).height },
            [1, 2, 3, 4, 5, 8, 9, 10, 10, 11, 11])
    }

    func testTheHighestRankStandsOnTheLightSide() {
        let shape = QueueShape(143)
        let root = Node(shape[0])
        for place in 1..<143 { root.insert(shape[place]) }
        var steps = 0
        var node: Node? = root
        while let next = node?.right {
            node = next
            steps += 1
        }
        XCTAssertEqual(node?.rank, 142)
        XCTAssertEqual(steps, 4)
    }

    func testNoNodes() {
        XCTAssertEqual(QueueShape(0).height, 0)
        XCTAssertEqual(QueueShape(-1).count, 0)
        XCTAssertEqual(QueueShape(1000).count, 256)
    }
}
