// Checks the wait queue: bits and links of the tree, the rings of equals, and the cached first
// node.

#if !hasFeature(Embedded)
    import KernelABI

    extension Inspection {
        /// Checks a queue and returns its nodes in the order of service.
        mutating func inspect(_ queue: borrowing WaitQueue, _ name: String) -> [Ref<WaitNode>] {
            guard let first = queue.first else {
                require(queue.root == nil, "\(name): a tree without a first node")
                return []
            }
            var representatives: [Ref<WaitNode>] = []
            if let root = queue.root {
                require(root.pointee.parent == nil, "\(name): the root has a parent")
                inspect(subtree: root, name, depth: 0, &representatives)
            } else {
                require(first.hasNoLinks, "\(name): the only node has links")
                representatives = [first]
            }
            representatives.sort { $0.pointee.key > $1.pointee.key }
            require(representatives.first == first, "\(name): the cached first node is another")
            var nodes: [Ref<WaitNode>] = []
            for representative in representatives { nodes += ring(of: representative, name) }
            require(
                (nodes.count > 1) == (queue.root != nil),
                "\(name): \(nodes.count) nodes, tree or not")
            for node in nodes {
                require(queued.insert(node.bits).inserted, "\(name): a node is in two queues")
            }
            return nodes
        }

        private mutating func inspect(
            subtree node: Ref<WaitNode>, _ name: String, depth: Int, _ found: inout [Ref<WaitNode>]
        ) {
            if depth >= WaitQueue.depth {
                violations.append("\(name): the tree is too deep")
                return
            }
            let start = found.count
            found.append(node)
            for (child, bit) in [(node.pointee.left, UInt8(0)), (node.pointee.right, 1)] {
                guard let child else { continue }
                require(child.pointee.parent == node, "\(name): a child has another parent")
                let below = found.count
                inspect(subtree: child, name, depth: depth + 1, &found)
                for other in found[below...] {
                    require(
                        depth < 8 && other.pointee.key >> UInt8(7 - min(depth, 7)) & 1 == bit,
                        "\(name): wrong side")
                }
            }
            for other in found[start...] where other != node {
                require(
                    other.pointee.key != node.pointee.key,
                    "\(name): two nodes of one priority in the tree")
            }
        }

        /// Returns the nodes of one priority, oldest first.
        private mutating func ring(of first: Ref<WaitNode>, _ name: String) -> [Ref<WaitNode>] {
            var nodes = [first]
            var at = first
            while let next = at.pointee.next, next != first, nodes.count <= 10_000 {
                require(next.pointee.previous == at, "\(name): wrong link in a ring")
                require(
                    next.pointee.key == first.pointee.key, "\(name): another priority in a ring")
                require(
                    next.pointee.left == nil && next.pointee.right == nil
                        && next.pointee.parent == nil,
                    "\(name): a younger equal stands in the tree")
                nodes.append(next)
                at = next
            }
            require(
                nodes.count == 1 ? first.pointee.previous == nil : first.pointee.previous == at,
                "\(name): wrong end of a ring")
            return nodes
        }

        /// Checks that nodes in no queue have no links: inserting into an empty queue writes none.
        mutating func inspectIdleNodes() {
            for thread in threads {
                for node in [thread.callerNode, thread.waitNode, thread.budgetNode]
                where !queued.contains(node.bits) {
                    require(node.hasNoLinks, "a node in no queue has links")
                }
            }
            let deadlines =
                threads.map { $0.deadlineNode } + timers.map { $0.node } + budgets.map { $0.node }
            for node in deadlines
            where !queued.contains(node.bits) {
                require(
                    node.pointee.isLeaf && !node.pointee.isQueued,
                    "a deadline in no queue has links")
            }
        }
    }

    extension Ref where Object == WaitNode {
        fileprivate var hasNoLinks: Bool {
            pointee.left == nil && pointee.right == nil && pointee.parent == nil
                && pointee.next == nil
                && pointee.previous == nil
        }
    }
#endif
