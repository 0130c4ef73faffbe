// Checks the deadline queue: a heap by instant, a digital tree by place, with distinct numbers.

#if !hasFeature(Embedded)
    import KernelABI

    extension Inspection {
        /// Checks the queue and returns its nodes.
        mutating func inspect(
            _ queue: borrowing DeadlineQueue, _ name: String
        ) -> [Ref<DeadlineNode>] {
            var nodes: [Ref<DeadlineNode>] = []
            if let root = queue.first {
                inspect(subtree: root, name, depth: 0, prefix: 0, &nodes)
            }
            for node in nodes {
                require(queued.insert(node.bits).inserted, "\(name): a node is in two queues")
                require(
                    node.pointee.isQueued && node.pointee.hasNumber,
                    "\(name): a deadline without a number")
                require(
                    node.pointee.owner.map { kinds[$0.bits] != nil } ?? false,
                    "\(name): a node of a dead object")
            }
            require(
                Set(nodes.map { $0.pointee.number }).count == nodes.count,
                "\(name): a number is used twice")
            return nodes
        }

        private mutating func inspect(
            subtree node: Ref<DeadlineNode>, _ name: String, depth: Int, prefix: UInt32,
            _ nodes: inout [Ref<DeadlineNode>]
        ) {
            if depth >= DeadlineQueue.depth {
                violations.append("\(name): the tree is too deep")
                return
            }
            nodes.append(node)
            require(
                node.pointee.place >> UInt32(21 - depth) == prefix,
                "\(name): a node on the wrong side")
            for (child, bit) in [
                (node.pointee.left.node, UInt32(0)), (node.pointee.right.node, 1),
            ] {
                guard let child else { continue }
                require(
                    child.pointee.instant >= node.pointee.instant, "\(name): a child is earlier")
                inspect(subtree: child, name, depth: depth + 1, prefix: prefix << 1 | bit, &nodes)
            }
        }
    }
#endif
