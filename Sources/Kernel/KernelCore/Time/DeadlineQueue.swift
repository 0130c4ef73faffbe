// The deadline queue: time-outs and timers, each with an instant and a level of urgency.
//
// It is a radix priority search tree (McCreight 1985), whose nodes stand in the threads and timers.
// By instant it is a heap: no node is later than the nodes below it. By place it is a digital tree:
// the node at depth d shares the first d bits of its place with every node below it, and branches
// on the next bit. A place is the level above a number that no other deadline has
// (`DeadlineNumbers`). So the tree is at most `depth` nodes deep without any balancing, whatever
// the order of insertions. The timer asks for the most urgent due deadline, and for the earliest
// deadline that is urgent enough. Both walks need only the bits of the level.

import HardwareInterface
import KernelABI

/// A link of the tree: it refers to a node, or to none.
public struct DeadlineLink: ~Copyable {
    var node: Ref<DeadlineNode>?
    init() {}
}

/// A place in the `DeadlineQueue`, embedded in a thread or a timer.
///
/// Invariant: a node that is not queued has nil links.
public struct DeadlineNode: ~Copyable {
    /// The subtree of the nodes whose next bit is 0.
    var left = DeadlineLink()
    /// The subtree of the nodes whose next bit is 1. If that bit belongs to the level, they are
    /// more urgent than those on the left.
    var right = DeadlineLink()
    /// The thread or the timer that this node stands in.
    var owner: Ref<ObjectHeader>?
    var instant = Instant.never
    /// The level (9 bits) above the number (12 bits).
    var place: UInt32 = 0
    /// Whether the number is taken. It stays this node's until its thread or timer is destroyed.
    var hasNumber = false
    /// Whether the node is in the queue.
    var isQueued = false
    /// The number of the core whose queue it is in.
    var home: UInt8 = 0
    init() {}

    /// The urgency and kind of the deadline (`DeadlineLevel`).
    var level: UInt32 { place &>> DeadlineNumbers.bits }
    var number: UInt32 { place & (1 &<< DeadlineNumbers.bits &- 1) }
    /// Returns whether a timer's deadline is more urgent than this priority.
    @inline(__always) func isTimer(above priority: Int) -> Bool {
        place >= UInt32(truncatingIfNeeded: priority &+ 1) &<< (DeadlineNumbers.bits &+ 1)
    }
    /// Whether no node stands below this one.
    var isLeaf: Bool { left.node == nil && right.node == nil }
}

/// The level of a deadline: twice its priority, and one more for a time-out.
///
/// A time-out interrupts a thread of the same priority, since that thread may run with the urgency
/// of the very caller that waits. A timer does not: the timers of equals do not delay a running
/// thread, however many there are.
enum DeadlineLevel {
    @inline(__always) static func timeOut(_ priority: UInt8) -> UInt32 {
        UInt32(priority) &<< 1 | 1
    }
    @inline(__always) static func timer(_ priority: UInt8) -> UInt32 { UInt32(priority) &<< 1 }
}

/// Deadlines by instant and level.
public struct DeadlineQueue: ~Copyable {
    /// The earliest deadline.
    var root = DeadlineLink()
    init() {}

    /// The largest depth, in nodes: one for each bit of a place, and the root.
    static var depth: Int { 9 + 12 + 1 }
    /// The largest depth at which nodes of different levels stand.
    static var levelDepth: Int { 9 + 1 }
    private static var firstBit: UInt32 { 1 &<< 20 }

    /// The earliest deadline.
    @inline(__always) var first: Ref<DeadlineNode>? { root.node }
    private var top: Ref<DeadlineLink> {
        // Safety: the queue is part of the kernel's state, which does not move; the link is not
        // kept.
        mutating get { unsafe withUnsafeMutablePointer(to: &root) { unsafe Ref($0) } }
    }

    /// Inserts a deadline.
    ///
    /// - Precondition: the node has a number and is not queued.
    /// - Complexity: constant; at most `depth` nodes are visited.
    @inline(never) mutating func insert(
        _ node: Ref<DeadlineNode>, at instant: Instant, level: UInt32
    ) {
        node.pointee.instant = instant
        node.pointee.place = node.pointee.number | level &<< DeadlineNumbers.bits
        node.pointee.isQueued = true
        let place = node.pointee.place
        var link = top
        var bit = DeadlineQueue.firstBit
        var rounds = LoopBound(DeadlineQueue.depth)
        while let here = link.pointee.node, here.pointee.instant <= instant {
            rounds.count()
            link = here.child(place & bit != 0)
            bit = bit &>> 1
        }
        // The node takes the place of a later one. That one takes the place of the next on its own
        // way down, which is not earlier, and so on.
        var upper = node
        while let here = link.pointee.node {
            rounds.count()
            upper.pointee.left.node = here.pointee.left.node
            upper.pointee.right.node = here.pointee.right.node
            link.pointee.node = upper
            link = upper.child(here.pointee.place & bit != 0)
            bit = bit &>> 1
            upper = here
        }
        upper.pointee.left.node = nil
        upper.pointee.right.node = nil
        link.pointee.node = upper
    }

    /// Whether there is one deadline.
    @inline(__always) var isSingle: Bool { first.map { $0.pointee.isLeaf } ?? false }

    /// Returns the earliest deadline, if it is due.
    @inline(__always) func due(at now: Instant) -> Ref<DeadlineNode>? {
        guard let first, first.pointee.instant <= now else { return nil }
        return first
    }

    /// Returns whether this is the only deadline in the queue.
    @inline(__always) func isAlone(_ node: Ref<DeadlineNode>) -> Bool {
        first == node && node.pointee.isLeaf
    }

    /// Inserts a deadline into an empty queue, under the level that it had before.
    @inline(__always) mutating func insertOnly(_ node: Ref<DeadlineNode>, at instant: Instant) {
        node.pointee.instant = instant
        node.pointee.isQueued = true
        root.node = node
    }

    /// Removes the only deadline.
    ///
    /// - Precondition: `isAlone`.
    @inline(__always) mutating func removeOnly(_ node: Ref<DeadlineNode>) {
        root.node = nil
        node.pointee.isQueued = false
    }

    /// Removes a deadline: the earlier of two children moves up, level by level.
    ///
    /// - Precondition: the node is queued.
    /// - Complexity: constant; at most `depth` nodes are visited, above the node and below it.
    @inline(never) mutating func remove(_ node: Ref<DeadlineNode>) {
        var link = top
        var bit = DeadlineQueue.firstBit
        let place = node.pointee.place
        var rounds = LoopBound(DeadlineQueue.depth)
        // The node's place gives the path to it.
        while let here = link.pointee.node, here != node {
            rounds.count()
            link = here.child(place & bit != 0)
            bit = bit &>> 1
        }
        var (left, right) = (node.pointee.left.node, node.pointee.right.node)
        node.pointee.left.node = nil
        node.pointee.right.node = nil
        node.pointee.isQueued = false
        while let child = earlier(left, right) {
            rounds.count()
            link.pointee.node = child
            let isRight = child == right
            let (lowerLeft, lowerRight) = (child.pointee.left.node, child.pointee.right.node)
            child.child(!isRight).pointee.node = isRight ? left : right
            link = child.child(isRight)
            (left, right) = (lowerLeft, lowerRight)
        }
        link.pointee.node = nil
    }

    /// Returns the earlier of two nodes; the left one if they are equal.
    @inline(__always) private func earlier(
        _ left: Ref<DeadlineNode>?, _ right: Ref<DeadlineNode>?
    ) -> Ref<DeadlineNode>? {
        guard let left else { return right }
        guard let right else { return left }
        return right.pointee.instant < left.pointee.instant ? right : left
    }

    /// Returns the most urgent due deadline; among equal levels, the earliest.
    ///
    /// - Complexity: constant; at most `levelDepth` nodes are visited.
    func mostUrgent(dueAt now: Instant) -> Ref<DeadlineNode>? {
        guard var at = due(at: now) else { return nil }
        var best = at
        var highest = at.pointee.level
        var rounds = LoopBound(DeadlineQueue.levelDepth)
        for _ in 1..<DeadlineQueue.levelDepth {
            rounds.count()
            let (left, right) = (at.pointee.left.node, at.pointee.right.node)
            if let right, right.pointee.instant <= now {
                at = right
            } else if let left, left.pointee.instant <= now {
                at = left
            } else {
                break
            }
            let level = at.pointee.level
            if level > highest {
                best = at
                highest = level
            }
        }
        return best
    }

    /// Returns the earliest instant of the deadlines of at least this level; `.never` if there is
    /// none.
    ///
    /// - Complexity: constant; at most `levelDepth` nodes are visited.
    @inline(__always) func earliest(atLeast level: UInt32) -> Instant {
        let least = level &<< DeadlineNumbers.bits
        // The sign is the bit that decides next: its test is one instruction.
        var way = Int32(truncatingIfNeeded: least) &<< 11
        var best = Instant.never
        var next = first
        var rounds = LoopBound(DeadlineQueue.levelDepth)
        for _ in 0..<DeadlineQueue.levelDepth {
            rounds.count()
            guard let at = next else { break }
            // Every node below is later.
            if at.pointee.place >= least { return min(at.pointee.instant, best) }
            let (left, right) = (at.pointee.left.node, at.pointee.right.node)
            if way < 0 {
                next = right
            } else {
                // Every node on the right is more urgent.
                if let right { best = min(right.pointee.instant, best) }
                next = left
            }
            way = way &<< 1
        }
        return best
    }
}

extension Ref where Object == DeadlineNode {
    /// Returns the link to one of the subtrees.
    @inline(__always) fileprivate func child(_ isRight: Bool) -> Ref<DeadlineLink> {
        // Safety: the links are the first two members of a node; `hasPartsInPlace` checks it at
        // boot.
        unsafe reference(
            raw + (isRight ? MemoryLayout<DeadlineLink>.stride : 0), as: DeadlineLink.self)
    }
}
