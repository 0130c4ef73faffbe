// The way through one function as a graph, its loops, and the longest paths in it. Nothing here
// knows instructions.
//
// A node is a straight piece of code. It may let a path through, and it may hold looks at pending
// interrupts, which end one masked section and begin the next. So four lengths say all about a
// node, and about a whole function in turn.

/// The longest way of one kind, and what it consists of.
public struct Path {
    public var length: Int
    /// What to show of it, in order.
    public var steps: [PathStep]
    public init(_ length: Int, _ steps: [PathStep] = []) {
        self.length = length
        self.steps = steps
    }
}

/// A part of a path that is worth showing.
public indirect enum PathStep {
    /// A function's longest path, called at a place.
    case call(function: String, place: String, path: Path)
    /// So many more rounds of a loop.
    case rounds(Int, place: String, path: Path)
    /// Code of a function without calls: instructions.
    case code(function: String, place: String, count: Int)
}

/// Lengths of a piece of code in instructions; nil: there is no such way.
public struct Lengths {
    /// From its start to its end, without a look.
    public var through: Path?
    /// From its start to the first look, or to where interrupts are taken.
    public var head: Path?
    /// From the last look to its end.
    public var tail: Path?
    /// From one look to the next.
    public var inner: Path?
    public init(through: Path? = nil, head: Path? = nil, tail: Path? = nil, inner: Path? = nil) {
        self.through = through
        self.head = head
        self.tail = tail
        self.inner = inner
    }
    /// The longest of the sections that lie within, or begin at its start.
    public var longest: Path? {
        [through, head, tail, inner].compactMap { $0 }.max { $0.length < $1.length }
    }
}

/// A graph with one entry, node 0.
public struct FlowGraph {
    public struct Node {
        public var lengths: Lengths
        public var successors: [Int]
        /// Does the function end here?
        public var isExit: Bool
        public init(_ lengths: Lengths, to successors: [Int] = [], isExit: Bool = false) {
            self.lengths = lengths
            self.successors = successors
            self.isExit = isExit
        }
    }
    public struct Loop {
        public var header: Int
        public var latches: [Int]
        public var nodes: Set<Int>
        /// Index of the loop around this one.
        public var parent: Int?
    }
    public var nodes: [Node]
    public init(_ nodes: [Node]) { self.nodes = nodes }

    /// Nodes in an order in which each stands behind all that lead to it, but for back edges.
    private func reversePostorder() -> [Int] {
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

    /// Immediate dominators (Cooper, Harvey and Kennedy 2001).
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

    /// The same paths without cycles that have two entries: what is reached through the second is
    /// copied, up to the first.
    ///
    /// - Returns: the graph, and the node that each of its nodes is or is a copy of.
    public func reduced() -> (graph: FlowGraph, origins: [Int]) {
        var graph = self
        var origins = Array(nodes.indices)
        while graph.nodes.count < 4 * nodes.count + 64, graph.splitCycle(&origins) {}
        return (graph, origins)
    }

    /// - Returns: false where no cycle has two entries.
    private mutating func splitCycle(_ origins: inout [Int]) -> Bool {
        var isCut = [Bool](repeating: false, count: nodes.count)
        while true {
            // Cycles, those nested in others after the header of the outer one is cut.
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

    /// Enter the nodes from outside of `inside` through copies of them.
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

    /// Strongly connected components with a cycle in them (Tarjan 1972), without the nodes that are
    /// cut.
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

    /// The order, and the loops of the graph, inner ones first.
    public struct Structure {
        public var order: [Int]
        public var position: [Int]
        public var loops: [Loop]
        /// Nodes where a cycle is entered that is no loop, since it has two entries.
        public var irreducible: [Int]
    }

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

    /// A loop whose rounds need a bound and have none: index into the structure's loops.
    public struct Unbounded: Error { public var loop: Int }

    /// Nodes of a loop that at most so many rounds pass.
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
        public var branch: Branch?
        /// Do some rounds have to go without the branch?
        var splits: Bool { branch.map { $0.count < count && !$0.nodes.isEmpty } ?? false }
        public init(_ count: Int, _ place: String, branch: Branch? = nil) {
            self.count = count
            self.place = place
            self.branch = branch
        }
    }

    /// - Parameter rounds: the largest number of times that a loop goes back to its header; nil:
    /// not known.
    /// - Throws: where a cycle without a look has no bound.
    public func lengths(_ structure: Structure, rounds: (Int) -> Rounds?)
        throws -> Lengths
    {
        var bounds: [Int: Rounds] = [:]
        var search = Search(graph: self, structure: structure)
        for index in structure.loops.indices {
            guard let cycle = search.cycle(index) else { continue }
            guard let bound = rounds(index) else { throw Unbounded(loop: index) }
            let header = structure.loops[index].header
            bounds[header] = bound
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

    /// The last pass through a loop, which leaves it, may take the branch as well or not: two copies of
    /// the loop, of which the second does not.
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
        var search = Search(graph: graph, structure: structure)
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

/// Longest paths, given what the rounds of each loop add at its header.
private struct Search {
    let graph: FlowGraph
    let structure: FlowGraph.Structure
    var extra: [Int: (place: String, parts: [(count: Int, cycle: Path)])] = [:]

    /// How far it is to the start of each node, and the node before.
    struct Pass {
        var length: [Int]
        var before: [Int]
        /// What stands in front of a node where a path begins.
        var start: [Int: Path]
    }
    private static let none = Int.min / 4

    /// - Parameters:
    ///   - lastTakesBranch: the pass that leaves the loop takes the branch, too.
    ///   - rest: the longest round without the branch; else it is computed.
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

    /// Longest ways from the seeds, along edges that are not back edges, within `within`.
    private func pass(_ seeds: [Int: Path], within: Set<Int>? = nil) -> Pass {
        var pass = Pass(
            length: [Int](repeating: Search.none, count: graph.nodes.count),
            before: [Int](repeating: -1, count: graph.nodes.count), start: seeds)
        for (node, path) in seeds { pass.length[node] = path.length + added(node) }
        let first = seeds.keys.map { structure.position[$0] }.min() ?? 0
        for node in structure.order[first...] where pass.length[node] > Search.none {
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

    /// The path to the start of `node`, rounds included.
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

    /// The longest round of a loop without a look; nil: every round looks.
    func cycle(_ index: Int, without left: Set<Int> = []) -> Path? {
        let loop = structure.loops[index]
        if left.contains(loop.header) { return nil }
        let pass = pass([loop.header: Path(0)], within: loop.nodes.subtracting(left))
        var longest: Path?
        for latch in loop.latches where pass.length[latch] > Search.none {
            guard let through = graph.nodes[latch].lengths.through else { continue }
            let length = pass.length[latch] + through.length
            if length > longest?.length ?? -1 {
                longest = Path(length, path(pass, to: latch).steps + through.steps)
            }
        }
        return longest
    }

    func lengths() -> Lengths {
        var result = Lengths()
        func note(_ slot: WritableKeyPath<Lengths, Path?>, _ length: Int, _ path: () -> Path) {
            if length > result[keyPath: slot]?.length ?? -1 { result[keyPath: slot] = path() }
        }
        func collect(
            _ pass: Pass, exit: WritableKeyPath<Lengths, Path?>,
            end: WritableKeyPath<Lengths, Path?>
        ) {
            for node in structure.order where pass.length[node] > Search.none {
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

    /// Paths that begin at a look within `node`: first without going back, then back to the header
    /// of each loop around it.
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
                for latch in loop.latches where latch != node && pass.length[latch] > Search.none {
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
