// Bounds of the paths through a flow graph, given the rounds of its loops.

extension FlowGraph {
    /// A loop that needs a bound for its rounds and has none.
    public struct Unbounded: Error {
        /// Its index among the structure's loops.
        public var loop: Int
    }

    /// Nodes of a loop that at most `count` rounds pass.
    public struct Branch {
        public var count: Int
        public var nodes: Set<Int>
        public init(count: Int, nodes: Set<Int>) {
            self.count = count
            self.nodes = nodes
        }
    }
    /// The largest number of times that a loop goes back to its header.
    public struct Rounds {
        public var count: Int
        public var place: String
        /// Loops with the same word here make at most `count` rounds in all.
        public var shared: String?
        public var branch: Branch?
        /// Whether some rounds must go without the branch.
        var splits: Bool { branch.map { $0.count < count && !$0.nodes.isEmpty } ?? false }
        public init(
            _ count: Int, _ place: String, shared: String? = nil, branch: Branch? = nil
        ) {
            self.count = count
            self.place = place
            self.shared = shared
            self.branch = branch
        }
    }

    /// Returns the lengths of the whole graph.
    ///
    /// - Parameter rounds: the bound of each loop; nil where it is not known.
    /// - Throws: `Unbounded` where a cycle without a look has no bound.
    public func lengths(_ structure: Structure, rounds: (Int) -> Rounds?) throws -> Lengths {
        var bounds: [Int: Rounds] = [:]
        var search = PathSearch(graph: self, structure: structure)
        // The loop with the longest round of those that share their rounds.
        var longest: [String: (loop: Int, round: Path)] = [:]
        for index in structure.loops.indices {
            guard let cycle = search.cycle(index) else { continue }
            guard var bound = rounds(index) else { throw Unbounded(loop: index) }
            let loop = structure.loops[index]
            if let shared = bound.shared, !mayLook(loop) {
                if let other = longest[shared], structure.loops[other.loop].parent == loop.parent {
                    // The other one takes no further round, or this one does not.
                    if cycle.length > other.round.length {
                        var less = bounds[structure.loops[other.loop].header] ?? bound
                        less.count = 0
                        bounds[structure.loops[other.loop].header] = less
                        search.note(other.loop, less, other.round)
                        longest[shared] = (index, cycle)
                    } else {
                        bound.count = 0
                    }
                } else {
                    longest[shared] = (index, cycle)
                }
            }
            bounds[loop.header] = bound
            search.note(index, bound, cycle)
        }
        let isExact = structure.loops.allSatisfy { loop in
            bounds[loop.header]?.branch == nil
                || loop.nodes.allSatisfy { nodes[$0].lengths.tail == nil }
        }
        guard isExact,
            let branched = structure.loops.first(where: {
                $0.header != 0 && bounds[$0.header]?.splits == true
            })
        else { return search.lengths() }
        return branchedLengths(branched, bounds)
    }

    private func mayLook(_ loop: Loop) -> Bool {
        loop.nodes.contains { nodes[$0].lengths.tail != nil || nodes[$0].lengths.head != nil }
    }

    /// Returns the lengths where a loop's last pass, which leaves it, may take the branch or not.
    /// The loop stands in the graph twice; its second copy does not take the branch.
    private func branchedLengths(_ loop: Loop, _ bounds: [Int: Rounds]) -> Lengths {
        var graph = self
        var origins = Array(nodes.indices)
        var copies: [Int: Int] = [:]
        for node in loop.nodes.sorted() {
            copies[node] = graph.nodes.count
            graph.nodes.append(nodes[node])
            origins.append(node)
        }
        let branch = bounds[loop.header]?.branch
        for (node, copy) in copies {
            graph.nodes[copy].successors = nodes[node].successors.map { copies[$0] ?? $0 }
            if branch?.nodes.contains(node) == true { graph.nodes[copy].lengths = Lengths() }
        }
        let second = copies[loop.header] ?? loop.header
        for node in nodes.indices where !loop.nodes.contains(node) {
            if nodes[node].successors.contains(loop.header) {
                graph.nodes[node].successors.append(second)
            }
        }
        let structure = graph.structure()
        var search = PathSearch(graph: graph, structure: structure)
        var most: Path?
        for index in structure.loops.indices {
            guard let cycle = search.cycle(index) else { continue }
            let header = structure.loops[index].header
            guard let bound = bounds[origins[header]] else { continue }
            if origins[header] != loop.header {
                search.note(index, bound, cycle)
            } else if header == loop.header {
                most = cycle
                search.note(index, bound, cycle, lastTakesBranch: true)
            } else {
                search.note(index, bound, most ?? cycle, rest: cycle)
            }
        }
        return search.lengths()
    }
}
