// The invariants of the ordered queue: order, links, heights and balance of the tree, and the cached first node.

#if !hasFeature(Embedded)
    import KernelABI

    extension Inspection {
        /// Check a queue, and return its nodes in the order of service.
        mutating func inspect(_ queue: borrowing OrderedQueue, _ name: String) -> [Ref<QueueNode>] {
            var nodes: [Ref<QueueNode>] = []
            if let root = queue.root {
                require(root.pointee.parent == nil, "\(name): the root has a parent")
                _ = inspect(subtree: root, name, depth: 0, &nodes)
            }
            require(queue.first == nodes.first, "\(name): the cached first node is another")
            for index in nodes.indices.dropFirst() {
                require(nodes[index - 1].pointee.key >= nodes[index].pointee.key, "\(name): out of order")
            }
            for node in nodes {
                require(queued.insert(node.bits).inserted, "\(name): a node is in two queues")
                require(
                    node.pointee.owner.map { kinds[$0.bits] != nil } ?? false, "\(name): a node of a dead object")
            }
            return nodes
        }

        /// - Returns: the height of the subtree.
        private mutating func inspect(
            subtree node: Ref<QueueNode>, _ name: String, depth: Int, _ nodes: inout [Ref<QueueNode>]
        ) -> Int {
            if depth > 64 {
                violations.append("\(name): the tree has a cycle")
                return 0
            }
            var left = -1
            var right = -1
            if let child = node.pointee.left {
                require(child.pointee.parent == node, "\(name): a left child has another parent")
                left = inspect(subtree: child, name, depth: depth + 1, &nodes)
            }
            nodes.append(node)
            if let child = node.pointee.right {
                require(child.pointee.parent == node, "\(name): a right child has another parent")
                right = inspect(subtree: child, name, depth: depth + 1, &nodes)
            }
            let height = max(left, right) + 1
            let greatest = max(
                node.pointee.urgency,
                max(node.pointee.left?.pointee.greatest ?? 0, node.pointee.right?.pointee.greatest ?? 0))
            require(
                node.pointee.greatest == greatest,
                "\(name): greatest urgency \(node.pointee.greatest) instead of \(greatest)")
            require(Int(node.pointee.height) == height, "\(name): height \(node.pointee.height) instead of \(height)")
            require(abs(left - right) <= 1, "\(name): out of balance")
            return height
        }

        /// Nodes in no queue must look like leaves without links: the fast path makes one the root without a write.
        mutating func inspectIdleNodes() {
            var nodes: [Ref<QueueNode>] = []
            for thread in threads { nodes += [thread.callerNode, thread.waitNode, thread.deadlineNode] }
            for timer in timers { nodes.append(timer.node) }
            for node in nodes where !queued.contains(node.bits) {
                require(
                    node.pointee.left == nil && node.pointee.right == nil && node.pointee.parent == nil
                        && node.pointee.height == 0, "a node in no queue has links")
            }
        }
    }
#endif
