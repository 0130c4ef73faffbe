// The wait queue: threads in the order of their effective priority, first come first served among
// equals.
//
// It is a digital search tree (Coffman and Eve 1970; Knuth, TAOCP vol. 3, 6.3) over the eight bits
// of the priority. The node at depth d shares its first d bits with every node below it, and
// branches on the next bit. The tree has one node for each distinct priority; further threads of
// that priority form a ring with it. So the tree is at most nine nodes deep without any balancing.
// The bound of an operation depends neither on the number of threads nor on their priorities. The
// most urgent node is cached. A single waiter is in no tree: inserting into an empty queue costs
// two stores.

import HardwareInterface

/// A place in a `WaitQueue`, embedded in a thread.
///
/// Invariant: a node in no queue, and the only node of a queue, has nil links.
public struct WaitNode: ~Copyable {
    /// The subtree of the nodes whose next bit is 0.
    var left: Ref<WaitNode>?
    /// The subtree of the nodes whose next bit is 1: they are more urgent than those on the left.
    var right: Ref<WaitNode>?
    var parent: Ref<WaitNode>?
    /// The ring of the nodes with this priority, oldest first; nil for a node that has no equal.
    var next: Ref<WaitNode>?
    var previous: Ref<WaitNode>?
    /// The priority under which the thread stands in the queue.
    var key: UInt8 = 0
    init() {}
}

/// A queue of threads by priority.
///
/// Invariants: `first` is the oldest node of the largest key; `root` is nil if and only if there
/// are fewer than two nodes.
public struct WaitQueue: ~Copyable {
    /// The node that is served next.
    var first: Ref<WaitNode>?
    var root: Ref<WaitNode>?
    init() {}

    /// The largest depth of a tree over eight bits, in nodes.
    static var depth: Int { 9 }
    /// The largest number of nodes on a path beside its first one.
    private static var steps: Int { 8 }

    @inline(__always) var isEmpty: Bool { first == nil }

    /// Inserts a node after those that have its key.
    ///
    /// - Precondition: the node is in no queue.
    /// - Complexity: constant; at most `depth` nodes are visited.
    @inline(__always) mutating func insert(_ node: Ref<WaitNode>, key: UInt8) {
        guard let first else { return insertFirst(node, key: key) }
        node.pointee.key = key
        insertBeside(first, node)
    }

    /// Inserts a node into an empty queue.
    ///
    /// - Precondition: the queue is empty, and the node is in no queue.
    @inline(__always) mutating func insertFirst(_ node: Ref<WaitNode>, key: UInt8) {
        node.pointee.key = key
        first = node
    }

    @inline(never) private mutating func insertBeside(
        _ most: Ref<WaitNode>, _ node: Ref<WaitNode>
    ) {
        let key = node.pointee.key
        if key > most.pointee.key { first = node }
        var at = root ?? most
        root = at
        var bit: UInt8 = 0x80
        var rounds = LoopBound(WaitQueue.steps)
        while at.pointee.key != key {
            rounds.count()
            let isRight = key & bit != 0
            guard let next = isRight ? at.pointee.right : at.pointee.left else {
                if isRight { at.pointee.right = node } else { at.pointee.left = node }
                node.pointee.parent = at
                return
            }
            at = next
            bit = bit &>> 1
        }
        // `at` is the oldest of the ring, so the node before it is the youngest.
        let last = at.pointee.previous ?? at
        last.pointee.next = node
        node.pointee.previous = last
        node.pointee.next = at
        at.pointee.previous = node
    }

    /// Removes a node.
    ///
    /// - Precondition: the node is in this queue.
    /// - Complexity: constant; at most `depth` nodes are visited.
    @inline(__always) mutating func remove(_ node: Ref<WaitNode>) {
        if root == nil { first = nil } else { removeFromTree(node) }
    }

    @inline(never) private mutating func removeFromTree(_ node: Ref<WaitNode>) {
        if let next = node.pointee.next, let previous = node.pointee.previous {
            leaveRing(node, next, previous)
        } else {
            leaveTree(node)
        }
        if let root, root.pointee.next == nil, root.pointee.left == nil, root.pointee.right == nil {
            self.root = nil
        }
    }

    /// Removes one of several equals. If it is in the tree, the next oldest takes its place.
    @inline(__always) private mutating func leaveRing(
        _ node: Ref<WaitNode>, _ next: Ref<WaitNode>, _ previous: Ref<WaitNode>
    ) {
        if next == previous {
            next.pointee.next = nil
            next.pointee.previous = nil
        } else {
            next.pointee.previous = previous
            previous.pointee.next = next
        }
        node.pointee.next = nil
        node.pointee.previous = nil
        if node.pointee.parent != nil || root == node { replace(node, by: next) }
        if first == node { first = next }
    }

    /// Removes a node that has no equal. A leaf below it, if there is one, takes its place: it
    /// shares the bits that lead there.
    ///
    /// The greatest node is on the path that goes right wherever it can. If it is removed, the next
    /// greatest is above it or below it on that path, or, if it was a leaf, its parent or below.
    @inline(__always) private mutating func leaveTree(_ node: Ref<WaitNode>) {
        let parent = node.pointee.parent
        if node.pointee.left == nil && node.pointee.right == nil {
            detach(node)
            guard first == node, let parent else { return }
            first = search(below: parent, above: parent.pointee.parent, beside: parent).greatest
        } else {
            let isFirst = first == node
            let (leaf, greatest) = search(below: node, above: isFirst ? parent : nil, beside: nil)
            if isFirst { first = greatest }
            detach(leaf)
            replace(node, by: leaf)
        }
    }

    /// Follows the path below a node that goes right wherever it can, and the path from `above` to
    /// the root.
    ///
    /// - Returns: the end of the path below, and the node with the largest key on both paths and
    ///   `other`.
    @inline(__always) private func search(
        below node: Ref<WaitNode>, above: Ref<WaitNode>?, beside other: Ref<WaitNode>?
    ) -> (end: Ref<WaitNode>, greatest: Ref<WaitNode>?) {
        var greatest = other
        var largest = other.map { Int($0.pointee.key) } ?? -1
        var end = node
        var rounds = LoopBound(WaitQueue.steps)
        while let next = end.pointee.right ?? end.pointee.left {
            rounds.count()
            next.note(&greatest, &largest)
            end = next
        }
        var above = above
        while let next = above {
            rounds.count()
            next.note(&greatest, &largest)
            above = next.pointee.parent
        }
        return (end, greatest)
    }

    /// Detaches a leaf from its parent.
    @inline(__always) private func detach(_ leaf: Ref<WaitNode>) {
        guard let parent = leaf.pointee.parent else { return }
        if parent.pointee.right == leaf {
            parent.pointee.right = nil
        } else {
            parent.pointee.left = nil
        }
        leaf.pointee.parent = nil
    }

    /// Puts another node into the node's place in the tree, with its subtrees.
    @inline(__always) private mutating func replace(
        _ node: Ref<WaitNode>, by heir: Ref<WaitNode>
    ) {
        let (left, right, parent) = (node.pointee.left, node.pointee.right, node.pointee.parent)
        heir.pointee.left = left
        heir.pointee.right = right
        heir.pointee.parent = parent
        left?.pointee.parent = heir
        right?.pointee.parent = heir
        if let parent {
            if parent.pointee.left == node {
                parent.pointee.left = heir
            } else {
                parent.pointee.right = heir
            }
        } else {
            root = heir
        }
        node.pointee.left = nil
        node.pointee.right = nil
        node.pointee.parent = nil
    }

    /// Changes the key of a queued node and moves it after those that have the key already.
    ///
    /// - Precondition: the node is in this queue.
    /// - Complexity: constant, as `remove` and `insert` together.
    @inline(never) mutating func rekey(_ node: Ref<WaitNode>, key: UInt8) {
        if root == nil {
            node.pointee.key = key
        } else {
            removeFromTree(node)
            insert(node, key: key)
        }
    }
}

extension Ref where Object == WaitNode {
    /// Takes this node as the greatest if its key is larger.
    @inline(__always) fileprivate func note(
        _ greatest: inout Ref<WaitNode>?, _ largest: inout Int
    ) {
        let key = Int(pointee.key)
        if key <= largest { return }
        greatest = self
        largest = key
    }
}
