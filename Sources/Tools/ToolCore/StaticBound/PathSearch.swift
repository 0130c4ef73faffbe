// Longest paths through a flow graph, given what the rounds of each loop add at its header.

/// Finds the longest paths from a node, and the parts of each.
struct PathSearch {
    let graph: FlowGraph
    let structure: FlowGraph.Structure
    /// The rounds that each loop adds at its header.
    private var extra: [Int: (place: String, parts: [(count: Int, cycle: Path)])] = [:]

    /// The longest paths from some nodes on.
    private struct Pass {
        /// The length to the start of each node.
        var length: [Int]
        /// The node before it on that path.
        var before: [Int]
        /// The path in front of each node where the search begins.
        var start: [Int: Path]
    }
    private static let none = Int.min / 4

    init(graph: FlowGraph, structure: FlowGraph.Structure) {
        self.graph = graph
        self.structure = structure
    }

    /// Adds the rounds of a loop to all paths that pass its header.
    ///
    /// - Parameters:
    ///   - lastTakesBranch: the pass that leaves the loop takes the branch, too.
    ///   - rest: the longest round without the branch; computed where it is nil.
    mutating func note(
        _ index: Int, _ bound: FlowGraph.Rounds, _ cycle: Path, lastTakesBranch: Bool = false,
        rest: Path? = nil
    ) {
        var parts = [(count: bound.count, cycle: cycle)]
        if let branch = bound.branch, bound.splits {
            let taken = branch.count - (lastTakesBranch ? 1 : 0)
            parts = [(taken, cycle)]
            if let rest = rest ?? self.cycle(index, without: branch.nodes) {
                parts.append((bound.count - taken, rest))
            }
        }
        extra[structure.loops[index].header] = (bound.place, parts)
    }

    private func added(_ node: Int) -> Int {
        extra[node]?.parts.reduce(0) { $0 + $1.count * $1.cycle.length } ?? 0
    }

    /// Returns the longest paths from the seeds, along edges that are not back edges, within
    /// `within`.
    private func pass(_ seeds: [Int: Path], within: Set<Int>? = nil) -> Pass {
        var pass = Pass(
            length: [Int](repeating: PathSearch.none, count: graph.nodes.count),
            before: [Int](repeating: -1, count: graph.nodes.count), start: seeds)
        for (node, path) in seeds { pass.length[node] = path.length + added(node) }
        let first = seeds.keys.map { structure.position[$0] }.min() ?? 0
        for node in structure.order[first...] where pass.length[node] > PathSearch.none {
            guard let through = graph.nodes[node].lengths.through else { continue }
            let end = pass.length[node] + through.length
            for to in graph.nodes[node].successors
            where structure.position[to] > structure.position[node] {
                if let within, !within.contains(to) { continue }
                if end + added(to) > pass.length[to] {
                    pass.length[to] = end + added(to)
                    pass.before[to] = node
                }
            }
        }
        return pass
    }

    /// Returns the path to the start of `node`, rounds included.
    private func path(_ pass: Pass, to node: Int) -> Path {
        var nodes = [node]
        while pass.before[nodes[nodes.count - 1]] >= 0 {
            nodes.append(pass.before[nodes[nodes.count - 1]])
        }
        var steps = pass.start[nodes[nodes.count - 1]]?.steps ?? []
        for (index, at) in nodes.reversed().enumerated() {
            if let more = extra[at] {
                for part in more.parts {
                    steps.append(.rounds(part.count, place: more.place, path: part.cycle))
                }
            }
            if index < nodes.count - 1 { steps += graph.nodes[at].lengths.through?.steps ?? [] }
        }
        return Path(pass.length[node], steps)
    }

    /// Returns the longest round of a loop without a look; nil where every round looks.
    func cycle(_ index: Int, without left: Set<Int> = []) -> Path? {
        let loop = structure.loops[index]
        if left.contains(loop.header) { return nil }
        let pass = pass([loop.header: Path(0)], within: loop.nodes.subtracting(left))
        var longest: Path?
        for latch in loop.latches where pass.length[latch] > PathSearch.none {
            guard let through = graph.nodes[latch].lengths.through else { continue }
            let length = pass.length[latch] + through.length
            if length > longest?.length ?? -1 {
                longest = Path(length, path(pass, to: latch).steps + through.steps)
            }
        }
        return longest
    }

    /// Returns the lengths of the whole graph.
    func lengths() -> Lengths {
        var result = Lengths()
        func note(_ slot: WritableKeyPath<Lengths, Path?>, _ length: Int, _ path: () -> Path) {
            if length > result[keyPath: slot]?.length ?? -1 { result[keyPath: slot] = path() }
        }
        func collect(
            _ pass: Pass, exit: WritableKeyPath<Lengths, Path?>,
            end: WritableKeyPath<Lengths, Path?>
        ) {
            for node in structure.order where pass.length[node] > PathSearch.none {
                let lengths = graph.nodes[node].lengths
                if let head = lengths.head {
                    note(end, pass.length[node] + head.length) {
                        Path(
                            pass.length[node] + head.length, path(pass, to: node).steps + head.steps
                        )
                    }
                }
                if graph.nodes[node].isExit, let through = lengths.through {
                    note(exit, pass.length[node] + through.length) {
                        Path(
                            pass.length[node] + through.length,
                            path(pass, to: node).steps + through.steps)
                    }
                }
            }
        }
        collect(pass([0: Path(0)]), exit: \.through, end: \.head)
        for node in structure.order {
            let lengths = graph.nodes[node].lengths
            if let inner = lengths.inner { note(\.inner, inner.length) { inner } }
            guard let tail = lengths.tail else { continue }
            if graph.nodes[node].isExit { note(\.tail, tail.length) { tail } }
            for pass in passes(from: node, tail) { collect(pass, exit: \.tail, end: \.inner) }
        }
        return result
    }

    /// Returns the paths that begin at a look within `node`: first without going back, then back to
    /// the header of each loop around it.
    private func passes(from node: Int, _ tail: Path) -> [Pass] {
        let around = structure.loops.filter { $0.nodes.contains(node) }
        var seeds: [Int: Path] = [:]
        for to in graph.nodes[node].successors
        where structure.position[to] > structure.position[node] {
            seeds[to] = tail
        }
        var passes: [Pass] = seeds.isEmpty ? [] : [pass(seeds)]
        for loop in around {
            var back: Path?
            if loop.latches.contains(node) { back = tail }
            for pass in passes {
                for latch in loop.latches
                where latch != node && pass.length[latch] > PathSearch.none {
                    guard let through = graph.nodes[latch].lengths.through else { continue }
                    let length = pass.length[latch] + through.length
                    if length > back?.length ?? -1 {
                        back = Path(length, path(pass, to: latch).steps + through.steps)
                    }
                }
            }
            if let back { passes.append(pass([loop.header: back])) }
        }
        return passes
    }
}
