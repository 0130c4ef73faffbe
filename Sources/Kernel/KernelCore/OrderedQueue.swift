// The one ordered queue of the kernel: threads by priority, deadlines by time.
//
// An AVL tree (Adelson-Velsky and Landis 1962) whose nodes stand in the objects themselves. The most urgent node is cached,
// so that looking at it costs one load. Insert, remove and re-key take at most 1.44·log2(n) steps down and as many up, in
// the worst case and not on average: that is why it is a tree and neither a list nor a heap with amortised bounds.

import HardwareInterface

/// A place in an `OrderedQueue`, embedded in the object that queues.
///
/// Invariant: a node in no queue has nil links and height 0, as a leaf has: entering an empty queue changes no node.
public struct QueueNode: ~Copyable {
    var left: Ref<QueueNode>?
    var right: Ref<QueueNode>?
    var parent: Ref<QueueNode>?
    /// Larger is served first; equals are served in the order of their arrival.
    var key: UInt64 = 0
    /// The object that this node stands in.
    var owner: Ref<ObjectHeader>?
    /// Height of the subtree below: 0 for a leaf.
    var height: Int32 = 0
    /// How urgent this node is apart from its key, and the greatest urgency in its subtree (OrderedQueue+Urgency). 0 in queues
    /// that know only keys.
    var urgency: UInt8 = 0
    var greatest: UInt8 = 0
    init() {}
}

/// A queue ordered by key, largest first, first-come first-served among equals.
public struct OrderedQueue: ~Copyable {
    var root: Ref<QueueNode>?
    /// The node that is served next.
    var first: Ref<QueueNode>?
    init() {}

    @inline(__always) var isEmpty: Bool { root == nil }

    /// - Complexity: O(log n).
    @inline(never) mutating func insert(_ node: Ref<QueueNode>, key: UInt64) {
        node.pointee.key = key
        guard var at = root else {
            root = node
            first = node
            return
        }
        var isFirst = true
        var rounds = LoopBound(24)
        while true {
            rounds.count()
            if key > at.pointee.key {
                guard let next = at.pointee.left else {
                    at.pointee.left = node
                    break
                }
                at = next
            } else {
                isFirst = false
                guard let next = at.pointee.right else {
                    at.pointee.right = node
                    break
                }
                at = next
            }
        }
        node.pointee.parent = at
        if isFirst { first = node }
        rebalance(from: at)
    }

    /// - Precondition: the node is in this queue.
    /// - Returns: the lowest node whose subtree lost it.
    /// - Complexity: O(log n).
    @inline(never) @discardableResult mutating func remove(_ node: Ref<QueueNode>) -> Ref<QueueNode>? {
        if root == node && node.pointee.height == 0 {
            root = nil
            first = nil
            return nil
        }
        if first == node { first = successor(node) }
        let start: Ref<QueueNode>?
        if let left = node.pointee.left, let right = node.pointee.right {
            // Two children: the successor takes the node's place.
            var heir = right
            var levels = LoopBound(24)
            while let next = heir.pointee.left {
                levels.count()
                heir = next
            }
            if heir == right {
                start = heir
            } else {
                let parent = heir.pointee.parent
                replaceChild(of: parent, heir, by: heir.pointee.right)
                heir.pointee.right = right
                right.pointee.parent = heir
                start = parent
            }
            heir.pointee.left = left
            left.pointee.parent = heir
            heir.pointee.height = node.pointee.height
            replaceChild(of: node.pointee.parent, node, by: heir)
        } else {
            start = node.pointee.parent
            replaceChild(of: node.pointee.parent, node, by: node.pointee.left ?? node.pointee.right)
        }
        node.pointee.left = nil
        node.pointee.right = nil
        node.pointee.parent = nil
        node.pointee.height = 0
        if let start { rebalance(from: start) }
        return start
    }

    /// Give a queued node another key; it goes behind those that have it already.
    @inline(never) mutating func rekey(_ node: Ref<QueueNode>, key: UInt64) {
        remove(node)
        insert(node, key: key)
    }

    /// The node served after this one.
    @inline(never) private func successor(_ node: Ref<QueueNode>) -> Ref<QueueNode>? {
        if var at = node.pointee.right {
            var levels = LoopBound(24)
            while let next = at.pointee.left {
                levels.count()
                at = next
            }
            return at
        }
        var at = node
        var rounds = LoopBound(24)
        while let parent = at.pointee.parent {
            rounds.count()
            if parent.pointee.left == at { return parent }
            at = parent
        }
        return nil
    }

    private mutating func replaceChild(
        of parent: Ref<QueueNode>?, _ child: Ref<QueueNode>, by new: Ref<QueueNode>?
    ) {
        if let parent {
            if parent.pointee.left == child { parent.pointee.left = new } else { parent.pointee.right = new }
        } else {
            root = new
        }
        new?.pointee.parent = parent
    }

    /// Of a subtree, where an empty one counts -1.
    private func height(_ node: Ref<QueueNode>?) -> Int32 { node?.pointee.height ?? -1 }

    private func updateHeight(_ node: Ref<QueueNode>) {
        let left = height(node.pointee.left)
        let right = height(node.pointee.right)
        node.pointee.height = (left > right ? left : right) &+ 1
        node.noteGreatest()
    }

    /// Turn the edge between a node and one of its children; returns the child, which now stands above.
    @inline(never) private mutating func rotate(_ node: Ref<QueueNode>, leftwards: Bool) -> Ref<QueueNode> {
        guard let child = leftwards ? node.pointee.right : node.pointee.left else { return node }
        let inner = leftwards ? child.pointee.left : child.pointee.right
        replaceChild(of: node.pointee.parent, node, by: child)
        if leftwards {
            node.pointee.right = inner
            child.pointee.left = node
        } else {
            node.pointee.left = inner
            child.pointee.right = node
        }
        inner?.pointee.parent = node
        node.pointee.parent = child
        updateHeight(node)
        updateHeight(child)
        return child
    }

    /// Restore the balance on the way from a changed node to the root; stops where the height did not change.
    private mutating func rebalance(from start: Ref<QueueNode>) {
        var at: Ref<QueueNode>? = start
        var rounds = LoopBound(24)
        while var node = at {
            rounds.count()
            let before = node.pointee.height
            let balance = height(node.pointee.left) &- height(node.pointee.right)
            if balance > 1, let left = node.pointee.left {
                if height(left.pointee.left) < height(left.pointee.right) { _ = rotate(left, leftwards: true) }
                node = rotate(node, leftwards: false)
            } else if balance < -1, let right = node.pointee.right {
                if height(right.pointee.right) < height(right.pointee.left) { _ = rotate(right, leftwards: false) }
                node = rotate(node, leftwards: true)
            } else {
                updateHeight(node)
                if node.pointee.height == before && !(node == start) { return }
            }
            at = node.pointee.parent
        }
    }
}
