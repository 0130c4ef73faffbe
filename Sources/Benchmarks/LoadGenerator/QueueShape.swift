// The shape in which an AVL tree costs most: one that is as high as its number
// of nodes allows.
//
// In an AVL tree of height h the two subtrees of a node may differ by one level. Where they do so
// everywhere, the tree has the fewest nodes for its height (a Fibonacci tree): ways down are
// longest, and a removal on the light side turns an edge at every level. A tree that is filled
// level by level is never turned while it is built.

/// The order of arrival that gives the highest AVL tree of `count` nodes, with the light side where
/// the ranks are highest.
public struct QueueShape: Sendable {
    /// Nodes that it has room for.
    public static var capacity: Int { 256 }

    public let count: Int
    /// Levels of the tree.
    public let height: Int
    private var ranks = InlineArray<256, UInt8>(repeating: 0)

    /// The rank (0: the least urgent) of the node that arrives at this place.
    public subscript(place: Int) -> Int { Int(ranks[place]) }

    /// - Parameter count: 0 to `capacity`.
    public init(_ count: Int) {
        self.count = min(max(count, 0), QueueShape.capacity)
        var levels = 0
        while QueueShape.fewest(levels + 1) <= self.count { levels += 1 }
        height = levels
        arrange()
    }

    /// The fewest nodes of a tree with so many levels.
    private static func fewest(_ levels: Int) -> Int {
        var (lower, upper) = (0, 1)
        for _ in 0..<levels { (lower, upper) = (upper, upper + lower + 1) }
        return levels == 0 ? 0 : lower
    }

    /// Goes through the tree level by level; each subtree that is still to be placed is a range of
    /// ranks.
    private mutating func arrange() {
        var subtrees = InlineArray<513, Subtree>(repeating: Subtree(first: 0, count: 0, height: 0))
        subtrees[0] = Subtree(first: 0, count: count, height: height)
        var (next, end, place) = (0, 1, 0)
        while next < end {
            let tree = subtrees[next]
            next += 1
            if tree.count == 0 { continue }
            // The heavy side has one level less than the tree; what it has no room for goes to the
            // light side.
            let room = 1 << (tree.height - 1) - 1
            let light = max(QueueShape.fewest(max(tree.height - 2, 0)), tree.count - 1 - room)
            let heavy = tree.count - 1 - light
            let isLight = light <= 1 << max(tree.height - 2, 0) - 1
            ranks[place] = UInt8(tree.first + heavy)
            place += 1
            subtrees[end] = Subtree(first: tree.first, count: heavy, height: tree.height - 1)
            subtrees[end + 1] = Subtree(
                first: tree.first + heavy + 1, count: light, height: tree.height - (isLight ? 2 : 1)
            )
            end += 2
        }
    }
}

/// Ranks that form a subtree of a known height.
private struct Subtree {
    var first: Int
    var count: Int
    var height: Int
}
