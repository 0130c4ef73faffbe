// The deadline queue: time-outs and timers, each with an instant and an urgency.
//
// A radix priority search tree (McCreight 1985) whose nodes stand in the objects themselves. By instant it is a heap: no node is
// later than those below it. By place it is a digital tree: the node at depth d shares the first d bits of its place with
// everything below it, and branches on the next bit. A place is the urgency above a number that no other deadline has
// (`DeadlineNumbers`), so the tree is at most `depth` nodes deep without any balancing, whoever adds what in which order. Both
// questions of the timer need the bits of the urgency only: which deadline that is due is the most urgent, and
// which is the first that is urgent enough.

import HardwareInterface
import KernelABI

/// A place in the `DeadlineQueue`, embedded in a thread or a timer.
///
/// Invariant: a node that is not queued has nil links.
public struct DeadlineNode: ~Copyable {
    /// The subtree of the nodes whose next bit is 0.
    var left: Ref<DeadlineNode>?
    /// The subtree of the nodes whose next bit is 1: as long as that is a bit of the urgency, they are more urgent.
    var right: Ref<DeadlineNode>?
    var parent: Ref<DeadlineNode>?
    /// The thread or the timer that this node stands in.
    var owner: Ref<ObjectHeader>?
    var instant = Instant.never
    /// The urgency (8 bits) above the number (12 bits).
    var place: UInt32 = 0
    /// The number is this node's until the object is destroyed.
    var hasNumber = false
    init() {}

    var urgency: UInt8 { UInt8(truncatingIfNeeded: place &>> DeadlineNumbers.bits) }
    var number: UInt32 { place & (1 &<< DeadlineNumbers.bits &- 1) }
}

/// Deadlines by instant and urgency.
public struct DeadlineQueue: ~Copyable {
    /// The earliest deadline.
    var root: Ref<DeadlineNode>?
    init() {}

    /// The largest depth, in nodes: one for each bit of a place, and the root.
    static var depth: Int { 8 + 12 + 1 }
    /// The largest depth at which nodes of different urgency stand.
    static var urgencyDepth: Int { 8 + 1 }
    private static var firstBit: UInt32 { 1 &<< 19 }

    /// Adds a deadline.
    ///
    /// - Precondition: the node has a number and is not queued.
    /// - Complexity: constant; at most `depth` nodes are visited.
    @inline(never) mutating func insert(_ node: Ref<DeadlineNode>, at instant: Instant, urgency: UInt8) {
        node.pointee.instant = instant
        node.pointee.place = node.pointee.number | UInt32(urgency) &<< DeadlineNumbers.bits
        guard var here = root else {
            root = node
            return
        }
        // The earlier of both stays; the later one goes on downwards.
        var lower = node
        var bit = DeadlineQueue.firstBit
        var rounds = LoopBound(DeadlineQueue.depth)
        while true {
            rounds.count()
            if lower.isEarlier(than: here) {
                replace(here, by: lower)
                (here, lower) = (lower, here)
            }
            let isRight = lower.pointee.place & bit != 0
            guard let next = isRight ? here.pointee.right : here.pointee.left else {
                if isRight { here.pointee.right = lower } else { here.pointee.left = lower }
                lower.pointee.parent = here
                return
            }
            here = next
            bit = bit &>> 1
        }
    }

    /// Gives the node's place in the tree, with its subtrees, to another node.
    @inline(__always) private mutating func replace(_ node: Ref<DeadlineNode>, by heir: Ref<DeadlineNode>) {
        let (left, right, parent) = (node.pointee.left, node.pointee.right, node.pointee.parent)
        heir.pointee.left = left
        heir.pointee.right = right
        heir.pointee.parent = parent
        left?.pointee.parent = heir
        right?.pointee.parent = heir
        setChild(of: parent, isRight: parent?.pointee.right == node, heir)
        node.pointee.left = nil
        node.pointee.right = nil
        node.pointee.parent = nil
    }

    /// Links a node, or nil, below its parent; without a parent it is the root.
    @inline(__always) private mutating func setChild(
        of parent: Ref<DeadlineNode>?, isRight: Bool, _ child: Ref<DeadlineNode>?
    ) {
        guard let parent else {
            root = child
            return
        }
        if isRight { parent.pointee.right = child } else { parent.pointee.left = child }
    }

    /// Takes a deadline out: the earlier of two children moves up, level by level.
    ///
    /// - Precondition: the node is queued.
    /// - Complexity: constant; at most `depth` nodes are moved.
    @inline(never) mutating func remove(_ node: Ref<DeadlineNode>) {
        var (left, right, parent) = (node.pointee.left, node.pointee.right, node.pointee.parent)
        var isRight = parent?.pointee.right == node
        node.pointee.left = nil
        node.pointee.right = nil
        node.pointee.parent = nil
        var rounds = LoopBound(DeadlineQueue.depth)
        while true {
            rounds.count()
            let goesRight: Bool
            if let left, let right { goesRight = right.isEarlier(than: left) } else { goesRight = left == nil }
            guard let child = goesRight ? right : left else { break }
            let (lowerLeft, lowerRight) = (child.pointee.left, child.pointee.right)
            setChild(of: parent, isRight: isRight, child)
            child.pointee.parent = parent
            if goesRight {
                child.pointee.left = left
                left?.pointee.parent = child
            } else {
                child.pointee.right = right
                right?.pointee.parent = child
            }
            (parent, isRight, left, right) = (child, goesRight, lowerLeft, lowerRight)
        }
        setChild(of: parent, isRight: isRight, nil)
    }

    /// Returns the most urgent of the deadlines that are due; of equally urgent ones, the earliest.
    ///
    /// - Complexity: constant; at most `urgencyDepth` nodes are visited.
    func mostUrgent(dueAt now: Instant) -> Ref<DeadlineNode>? {
        guard var at = root, at.pointee.instant <= now else { return nil }
        var best = at
        var rounds = LoopBound(DeadlineQueue.urgencyDepth)
        for _ in 1..<DeadlineQueue.urgencyDepth {
            rounds.count()
            if let right = at.pointee.right, right.pointee.instant <= now {
                at = right
            } else if let left = at.pointee.left, left.pointee.instant <= now {
                at = left
            } else {
                break
            }
            if at.pointee.urgency > best.pointee.urgency { best = at }
        }
        return best
    }

    /// Returns the earliest of the deadlines that are at least this urgent.
    ///
    /// - Complexity: constant; at most `urgencyDepth` nodes are visited.
    func first(atLeast urgency: UInt8) -> Ref<DeadlineNode>? {
        var best: Ref<DeadlineNode>?
        var next = root
        var bit: UInt8 = 0x80
        var rounds = LoopBound(DeadlineQueue.urgencyDepth)
        while let at = next {
            rounds.count()
            if at.pointee.urgency >= urgency { return at.earlier(of: best) }
            // Everything on the right is more urgent where this bit of the limit is 0.
            if urgency & bit != 0 {
                next = at.pointee.right
            } else {
                if let right = at.pointee.right { best = right.earlier(of: best) }
                next = at.pointee.left
            }
            bit = bit &>> 1
        }
        return best
    }
}

extension Ref where Object == DeadlineNode {
    /// Is this deadline served before the other one, where both are equally urgent?
    @inline(__always) fileprivate func isEarlier(than other: Ref<DeadlineNode>) -> Bool {
        if pointee.instant != other.pointee.instant { return pointee.instant < other.pointee.instant }
        return pointee.number < other.pointee.number
    }
    @inline(__always) fileprivate func earlier(of other: Ref<DeadlineNode>?) -> Ref<DeadlineNode> {
        guard let other else { return self }
        return other.isEarlier(than: self) ? other : self
    }
}
