// A second order over a queue: deadlines stand by time, and each is as urgent as a thread.
//
// Every node knows the greatest urgency in its subtree, so that both questions of the timer are answered on one way down: which
// of the deadlines that are due is the most urgent, and when is the next one that is urgent enough. That is a priority search
// tree (McCreight 1985) in the simple form that a balanced tree allows.

import HardwareInterface
import KernelABI

extension Ref where Object == QueueNode {
    @inline(__always) func noteGreatest() {
        var greatest = pointee.urgency
        if let left = pointee.left, left.pointee.greatest > greatest { greatest = left.pointee.greatest }
        if let right = pointee.right, right.pointee.greatest > greatest { greatest = right.pointee.greatest }
        pointee.greatest = greatest
    }
}

extension OrderedQueue {
    /// - Complexity: O(log n), as all here.
    @inline(__always) mutating func insert(_ node: Ref<QueueNode>, key: UInt64, urgency: UInt8) {
        node.pointee.urgency = urgency
        node.pointee.greatest = urgency
        if root == nil {
            insert(node, key: key)
        } else {
            insertUrgent(node, key: key)
        }
    }
    @inline(never) private mutating func insertUrgent(_ node: Ref<QueueNode>, key: UInt64) {
        insert(node, key: key)
        refresh(from: node)
    }

    /// - Precondition: the node is in this queue.
    @inline(__always) mutating func removeUrgent(_ node: Ref<QueueNode>) {
        if let start = remove(node) { refresh(from: start) }
    }

    /// - Precondition: as for `removeUrgent`.
    @inline(never) mutating func setUrgency(_ node: Ref<QueueNode>, _ urgency: UInt8) {
        node.pointee.urgency = urgency
        refresh(from: node)
    }

    /// Bring the greatest urgencies up to date, from a node to the root.
    @inline(never) private func refresh(from start: Ref<QueueNode>) {
        var at: Ref<QueueNode>? = start
        var rounds = LoopBound(24)
        while let node = at {
            rounds.count()
            node.noteGreatest()
            at = node.pointee.parent
        }
    }

    /// The most urgent of the nodes with this key or a larger one; of equals, the one that is served first.
    @inline(never) func mostUrgent(from key: UInt64) -> Ref<QueueNode>? {
        var best: Ref<QueueNode>?
        var isSubtree = false
        var urgency = -1
        var at = root
        var rounds = LoopBound(24)
        while let node = at {
            rounds.count()
            if node.pointee.key < key {
                at = node.pointee.left
                continue
            }
            if let left = node.pointee.left, Int(left.pointee.greatest) > urgency {
                (best, isSubtree, urgency) = (left, true, Int(left.pointee.greatest))
            }
            if Int(node.pointee.urgency) > urgency {
                (best, isSubtree, urgency) = (node, false, Int(node.pointee.urgency))
            }
            at = node.pointee.right
        }
        guard let best, isSubtree else { return best }
        return first(below: best, atLeast: UInt8(truncatingIfNeeded: urgency))
    }

    /// The node that is served first among those that are at least so urgent.
    func first(atLeast urgency: UInt8) -> Ref<QueueNode>? {
        guard let root, root.pointee.greatest >= urgency else { return nil }
        return first(below: root, atLeast: urgency)
    }

    /// - Precondition: there is one in the subtree.
    private func first(below top: Ref<QueueNode>, atLeast urgency: UInt8) -> Ref<QueueNode> {
        var at = top
        var rounds = LoopBound(24)
        while true {
            rounds.count()
            if let left = at.pointee.left, left.pointee.greatest >= urgency {
                at = left
            } else if at.pointee.urgency < urgency, let right = at.pointee.right {
                at = right
            } else {
                return at
            }
        }
    }
}
