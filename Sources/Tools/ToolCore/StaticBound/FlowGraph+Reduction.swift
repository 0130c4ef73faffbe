// Cycles with two entries, which no bound of a loop covers, are copied until each has one.

extension FlowGraph {
    /// Returns a graph of the same paths in which no cycle has two entries. The nodes that are
    /// reached through the second entry are copied, up to the first.
    ///
    /// - Returns: the graph, and for each of its nodes the node here that it is or copies.
    public func reduced() -> (graph: FlowGraph, origins: [Int]) {
        var graph = self
        var origins = Array(nodes.indices)
        while graph.nodes.count < 4 * nodes.count + 64, graph.splitCycle(&origins) {}
        return (graph, origins)
    }

    /// Copies the nodes of one cycle.
    ///
    /// - Returns: false where no cycle has two entries.
    private mutating func splitCycle(_ origins: inout [Int]) -> Bool {
        var isCut = [Bool](repeating: false, count: nodes.count)
        while true {
            // A cycle within another shows after the header of the outer one is cut.
            let components = components(isCut)
            var predecessors = [[Int]](repeating: [], count: nodes.count)
            for node in reversePostorder() {
                for to in nodes[node].successors { predecessors[to].append(node) }
            }
            var isNew = false
            for component in components {
                let inside = Set(component)
                let entries = component.filter { node in
                    node == 0 || predecessors[node].contains { !inside.contains($0) }
                }
                if entries.count <= 1 {
                    isCut[entries.first ?? component[0]] = true
                    isNew = true
                    continue
                }
                let header = entries.max { a, b in
                    func within(_ node: Int) -> Int {
                        predecessors[node].filter { inside.contains($0) }.count
                    }
                    return (within(a), -a) < (within(b), -b)
                }
                guard let header else { continue }
                copy(inside.subtracting([header]), inside, predecessors, &origins)
                return true
            }
            if !isNew { return false }
        }
    }

    /// Leads the edges that enter `region` from outside of `inside` to copies of its nodes.
    private mutating func copy(
        _ region: Set<Int>, _ inside: Set<Int>, _ predecessors: [[Int]], _ origins: inout [Int]
    ) {
        var copies: [Int: Int] = [:]
        for node in region.sorted() {
            copies[node] = nodes.count
            nodes.append(nodes[node])
            origins.append(origins[node])
        }
        for (_, copy) in copies {
            nodes[copy].successors = nodes[copy].successors.map { copies[$0] ?? $0 }
        }
        for node in region {
            for from in predecessors[node] where !inside.contains(from) {
                nodes[from].successors = nodes[from].successors.map {
                    $0 == node ? copies[node] ?? $0 : $0
                }
            }
        }
    }

    /// Returns the strongly connected components that hold a cycle (Tarjan 1972), without the nodes
    /// that are cut.
    private func components(_ isCut: [Bool]) -> [[Int]] {
        var number = [Int](repeating: -1, count: nodes.count)
        var low = number
        var isOpen = [Bool](repeating: false, count: nodes.count)
        var open: [Int] = []
        var found: [[Int]] = []
        var count = 0
        for root in reversePostorder() where number[root] < 0 && !isCut[root] {
            var stack: [(node: Int, next: Int)] = [(root, 0)]
            while let (node, next) = stack.last {
                if next == 0 {
                    number[node] = count
                    low[node] = count
                    count += 1
                    open.append(node)
                    isOpen[node] = true
                }
                if next < nodes[node].successors.count {
                    stack[stack.count - 1].next += 1
                    let to = nodes[node].successors[next]
                    if isCut[to] { continue }
                    if number[to] < 0 {
                        stack.append((to, 0))
                    } else if isOpen[to] {
                        low[node] = min(low[node], number[to])
                    }
                    continue
                }
                stack.removeLast()
                if let parent = stack.last?.node { low[parent] = min(low[parent], low[node]) }
                guard low[node] == number[node] else { continue }
                var component: [Int] = []
                repeat {
                    component.append(open.removeLast())
                    isOpen[component[component.count - 1]] = false
                } while component[component.count - 1] != node
                if component.count > 1 || nodes[node].successors.contains(node) {
                    found.append(component)
                }
            }
        }
        return found
    }
}
