// Longest masked sections of the kernel: each function's, in each situation that it is called in,
// from its callees'.

/// The knowledge of `wcet` about the kernel, and its results so far.
public final class LongestPaths {
    let code: KernelCode
    let lines: SourceLines
    let sources: SourceLoops
    /// The reasons for which there is no bound.
    public private(set) var problems: [String] = []
    private var reported: Set<String> = []
    private var known: [Key: Lengths] = [:]
    private var open: [UInt64] = []
    private var situations: [UInt64: Int] = [:]
    /// Each machine loop that was given a bound: header, source place, bound.
    public private(set) var loopTable: [UInt64: (place: String, bound: Int)] = [:]
    /// Functions that a path reaches and that no bound covers, and why.
    public private(set) var excludedPaths: [String: String] = [:]
    /// A function that is called in more situations than this is looked at once for all further
    /// ones.
    private static let situationLimit = 400

    private struct Key: Hashable {
        var function: UInt64
        var state: AbstractState
        var excluded: Set<String>
    }

    public init(_ code: KernelCode, lines: SourceLines, sources: SourceLoops) {
        self.code = code
        self.lines = lines
        self.sources = sources
    }

    private func report(_ problem: String) {
        if reported.insert(problem).inserted { problems.append(problem) }
    }

    /// The lengths of the code that begins at `start`; `excluded` names functions that it does not
    /// run.
    func lengths(from start: UInt64, _ state: AbstractState, excluding excluded: Set<String> = [])
        -> Lengths
    {
        let key = situation(start, state, excluded)
        if let found = known[key] { return found }
        if let first = open.firstIndex(of: start) {
            let cycle = (open[first...] + [start]).map { code.image.name($0) }
            report("recursion: " + cycle.joined(separator: " → "))
            return Lengths(through: Path(0))
        }
        open.append(start)
        defer { open.removeLast() }
        let found: Lengths
        do { found = try analyse(key) } catch {
            report("\(code.image.name(start)): \(error)")
            found = Lengths(through: Path(0))
        }
        known[key] = found
        return found
    }

    private var flows: [Key: FunctionFlow] = [:]
    private var flowing: Set<UInt64> = []

    private func situation(_ start: UInt64, _ state: AbstractState, _ excluded: Set<String>)
        -> Key
    {
        let key = Key(function: start, state: state, excluded: excluded)
        if flows[key] != nil || situations[start, default: 0] < LongestPaths.situationLimit {
            return key
        }
        return Key(function: start, state: AbstractState(), excluded: excluded)
    }

    private func flow(_ key: Key) throws -> FunctionFlow {
        if let known = flows[key] { return known }
        let (start, excluded) = (key.function, key.excluded)
        situations[start, default: 0] += 1
        flowing.insert(start)
        defer { flowing.remove(start) }
        let new = try FunctionFlow(
            code, start: start, state: key.state,
            excluding: { address in self.isExcluded(address, excluded) },
            called: { target, state in
                // A function that calls itself is refused elsewhere; so are jumps that cannot be
                // followed.
                if self.flowing.contains(target) { return [:] }
                guard let flow = try? self.flow(self.situation(target, state, excluded)) else {
                    return [:]
                }
                return flow.results
            })
        flows[key] = new
        return new
    }

    private func isExcluded(_ address: UInt64, _ excluded: Set<String>) -> Bool {
        for frame in lines[address] {
            if excluded.contains(frame.function) { return true }
            if let never = KernelGoals.excluded.first(where: { $0.function == frame.function }) {
                excludedPaths[never.function] = never.reason
                return true
            }
        }
        return false
    }

    private func analyse(_ key: Key) throws -> Lengths {
        let flow = try flow(key)
        let (graph, origins) = FlowGraph(flow.blocks.map { self.node($0, key.excluded) }).reduced()
        let structure = graph.structure()
        let blocks = origins.map { flow.blocks[$0] }
        if let second = structure.irreducible.first {
            throw BoundError(
                "\(linePlace(blocks[second].instructions[0])): a cycle with two entries")
        }
        let mapping = LoopMapping(blocks, structure, lines, sources)
        do {
            return try graph.lengths(structure) { loop in
                let header = blocks[structure.loops[loop].header].instructions[0]
                switch mapping.bounds[loop] {
                case .success(let bound):
                    self.loopTable[header] = (bound.place, bound.rounds)
                    return FlowGraph.Rounds(bound.rounds, bound.place, branch: bound.branch)
                case .failure(let why):
                    self.report("\(self.place(header)): \(why)")
                    return FlowGraph.Rounds(1, "?")
                }
            }
        } catch { return Lengths() }
    }

    private func node(_ block: CodeBlock, _ excluded: Set<String>) -> FlowGraph.Node {
        let count = block.instructions.count
        let first = block.instructions[0]
        let own: [PathStep] = [.code(function: name(first), place: linePlace(first), count: count)]
        switch block.end {
        case .flow: return .init(Lengths(through: Path(count, own)), to: block.successors)
        case .return: return .init(Lengths(through: Path(count, own)), isExit: true)
        case .leave: return .init(Lengths(head: Path(count, own)))
        case .look:
            return .init(Lengths(head: Path(count, own), tail: Path(0)), to: block.successors)
        case .trap: return .init(Lengths())
        case .call(let target, let state):
            let callee = lengths(from: target, state, excluding: excluded)
            let site = linePlace(block.instructions[count - 1])
            func called(_ path: Path?, _ before: Bool) -> Path? {
                path.map { path in
                    Path(
                        path.length + (before ? count : 0),
                        (before ? own : []) + [
                            .call(function: name(target), place: site, path: path)
                        ])
                }
            }
            return .init(
                Lengths(
                    through: called(callee.through, true), head: called(callee.head, true),
                    tail: called(callee.tail, false), inner: called(callee.inner, false)),
                to: block.successors)
        }
    }

    /// The function that an address belongs to.
    public func name(_ address: UInt64) -> String {
        let symbol = code.image.name(address)
        return lines.readable[symbol] ?? symbol
    }
    /// The line that an address comes from.
    func linePlace(_ address: UInt64) -> String {
        lines[address].first.flatMap { $0.line > 0 ? $0.place : nil }
            ?? "0x\(String(address, radix: 16))"
    }
    private func place(_ address: UInt64) -> String { "\(name(address)) at \(linePlace(address))" }
}

extension Path {
    /// The call or loop that costs most, and in it likewise, one line; beside it the next one,
    /// where that is a quarter of the whole.
    public var spine: String {
        let parts = steps.filter { !$0.isCode && $0.length >= 40 && $0.length * 5 >= length }
            .sorted { $0.length > $1.length }
        guard let first = parts.first else { return "" }
        let inner = first.inside?.spine ?? ""
        let second = parts.dropFirst().first { $0.length * 4 >= length }
        return first.head + (inner.isEmpty ? "" : " › " + inner)
            + (second.map { " + " + $0.head } ?? "")
    }

    /// Returns the parts of the path, indented by depth. Pieces below `least` instructions are
    /// added up.
    public func listing(_ depth: Int = 0, least: Int = 12) -> [String] {
        var lines: [String] = []
        var small = 0
        let indent = String(repeating: "  ", count: depth)
        for step in steps {
            if step.length < least {
                small += step.length
                continue
            }
            lines.append(indent + step.title)
            lines += step.inside?.listing(depth + 1, least: least) ?? []
        }
        if small > 0 { lines.append(indent + "\(small) elsewhere") }
        return lines
    }
}

extension PathStep {
    public var length: Int {
        switch self {
        case .call(_, _, let path): path.length
        case .rounds(let count, _, let path): count * path.length
        case .code(_, _, let count): count
        }
    }
    var isCode: Bool { if case .code = self { true } else { false } }
    var inside: Path? {
        switch self {
        case .call(_, _, let path), .rounds(_, _, let path): path
        case .code: nil
        }
    }
    var title: String {
        switch self {
        case .call(let function, let place, let path):
            "\(path.length) \(function), called at \(place)"
        case .rounds(let count, let place, let path):
            "\(count * path.length) = \(count) × \(path.length) \(place)"
        case .code(let function, let place, let count): "\(count) \(function) at \(place)"
        }
    }
    /// The step in one line, without its parts.
    var head: String {
        switch self {
        case .call(let function, _, let path): "\(function) \(path.length)"
        case .rounds(let count, let place, let path): "\(count) × \(path.length) at \(place)"
        case .code(let function, let place, let count): "\(function) \(count) at \(place)"
        }
    }
}
