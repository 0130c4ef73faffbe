// The loops of a flow graph, from its dominators.

extension FlowGraph {
    /// The order, and the loops of the graph, inner ones first.
    public struct Structure {
        public var order: [Int]
        public var position: [Int]
        public var loops: [Loop]
        /// Entries of cycles that have two, and so are no loops.
        public var irreducible: [Int]
    }

    /// Returns the order of the nodes and the loops.
    public func structure() -> Structure {
        let order = reversePostorder()
        var position = [Int](repeating: -1, count: nodes.count)
        for (index, node) in order.enumerated() { position[node] = index }
        var predecessors = [[Int]](repeating: [], count: nodes.count)
        for node in order { for to in nodes[node].successors { predecessors[to].append(node) } }
        let dominator = dominators(order, position, predecessors)
        func dominates(_ a: Int, _ b: Int) -> Bool {
            var at = b
            while position[at] > position[a] { at = dominator[at] }
            return at == a
        }
        var latches: [Int: [Int]] = [:]
        var irreducible: [Int] = []
        for node in order {
            for to in nodes[node].successors where position[to] <= position[node] {
                if dominates(to, node) {
                    latches[to, default: []].append(node)
                } else {
                    irreducible.append(to)
                }
            }
        }
        var loops: [Loop] = []
        for (header, ends) in latches {
            var body: Set<Int> = [header]
            var work = ends
            while let node = work.popLast() {
                if body.insert(node).inserted { work += predecessors[node] }
            }
            loops.append(Loop(header: header, latches: ends, nodes: body, parent: nil))
        }
        loops.sort { ($0.nodes.count, $0.header) < ($1.nodes.count, $1.header) }
        for index in loops.indices {
            loops[index].parent = loops.indices.first {
                $0 > index && loops[$0].header != loops[index].header
                    && loops[$0].nodes.contains(loops[index].header)
            }
        }
        return Structure(order: order, position: position, loops: loops, irreducible: irreducible)
    }

    /// Returns the nodes in an order in which each follows all that lead to it, except by back
    /// edges.
    func reversePostorder() -> [Int] {
        var order: [Int] = []
        var isSeen = [Bool](repeating: false, count: nodes.count)
        var stack: [(node: Int, next: Int)] = [(0, 0)]
        isSeen[0] = true
        while let (node, next) = stack.last {
            if next < nodes[node].successors.count {
                stack[stack.count - 1].next += 1
                let to = nodes[node].successors[next]
                if !isSeen[to] {
                    isSeen[to] = true
                    stack.append((to, 0))
                }
            } else {
                order.append(node)
                stack.removeLast()
            }
        }
        return order.reversed()
    }

    /// Returns the immediate dominators (Cooper, Harvey and Kennedy 2001).
    private func dominators(_ order: [Int], _ position: [Int], _ predecessors: [[Int]]) -> [Int] {
        var dominator = [Int](repeating: -1, count: nodes.count)
        dominator[0] = 0
        var isChanged = true
        while isChanged {
            isChanged = false
            for node in order.dropFirst() {
                var new = -1
                for from in predecessors[node] where dominator[from] >= 0 {
                    if new < 0 {
                        new = from
                        continue
                    }
                    var other = from
                    while new != other {
                        while position[new] > position[other] { new = dominator[new] }
                        while position[other] > position[new] { other = dominator[other] }
                    }
                }
                if dominator[node] != new {
                    dominator[node] = new
                    isChanged = true
                }
            }
        }
        return dominator
    }
}
