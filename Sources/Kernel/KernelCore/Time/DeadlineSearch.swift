// How urgently a core asks for the kernel's lock when its timer has rung: as urgently as the most
// urgent of its deadlines that are due.
//
// The core does not hold the lock while it asks, so its deadline queue may change under the search.
// No core changes another one's queue but through `insert` and `remove` of Kernel+Time, which count
// (`Core.deadlineChanges`): the count is odd while a change is under way. A search in which the
// count has changed has found nothing. It follows no link before it has looked at the count,
// so it meets no node but those of the queue. Decision 26 has the order of the loads and stores.

import HardwareInterface
import KernelABI

/// A search through the deadlines of a core that waits for the lock, one node a step.
public struct DeadlineSearch {
    /// The node whose subtrees are left to search. It is due.
    fileprivate var node: Ref<DeadlineNode>?
    /// The largest level of those that were found.
    fileprivate var level: UInt32 = 0
    /// The nodes that are left: below the levels' part of the tree all have the same level.
    fileprivate var rest = 0
    /// The count of changes when it began.
    fileprivate var changes: UInt64 = 0
    public init() {}
}

extension Kernel where H: ~Copyable {
    /// Begins a search for the most urgent due deadline of this core.
    ///
    /// - Returns: false if none is due, or if another core is changing the queue.
    /// - Context: without the lock.
    @inline(__always) public func start(_ search: inout DeadlineSearch) -> Bool {
        search.changes = core.deadlineChanges
        hardware.orderLoads()
        let first = core.deadlines.first
        guard search.changes & 1 == 0, isUnchanged(since: search.changes), let first,
            first.pointee.instant <= hardware.now
        else { return false }
        search.node = first
        search.level = first.pointee.level
        search.rest = DeadlineQueue.levelDepth - 1
        return true
    }

    /// Looks at the nodes below the present one.
    ///
    /// - Precondition: `start` returned true for this search.
    /// - Returns: false if it has seen all: `conclude` is next.
    /// - Context: without the lock.
    /// - Complexity: constant. A search has at most `DeadlineQueue.levelDepth` steps.
    @inline(__always) public func goOn(_ search: inout DeadlineSearch) -> Bool {
        guard let node = search.node else { return false }
        let (left, right) = (node.pointee.left.node, node.pointee.right.node)
        if !isUnchanged(since: search.changes) { return false }
        let now = hardware.now
        guard search.rest > 0, let next = due(right, now) ?? due(left, now) else { return false }
        search.node = next
        search.level = max(search.level, next.pointee.level)
        search.rest &-= 1
        return true
    }

    /// Returns the priority of the most urgent due deadline; nil if another core has changed the
    /// queue.
    ///
    /// - Context: without the lock.
    @inline(__always) public func conclude(_ search: DeadlineSearch) -> Int? {
        isUnchanged(since: search.changes) ? Int(search.level &>> 1) : nil
    }

    @inline(__always) private func due(
        _ node: Ref<DeadlineNode>?, _ now: Instant
    ) -> Ref<DeadlineNode>? {
        guard let node, node.pointee.instant <= now else { return nil }
        return node
    }

    /// Whether no other core has changed the queue since the count had this value, so that all
    /// loads before were of the queue as it was then.
    @inline(__always) private func isUnchanged(since changes: UInt64) -> Bool {
        hardware.orderLoads()
        return core.deadlineChanges == changes
    }
}
