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
    private var situations: [Place: Int] = [:]
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
        var scope: Scope
        var place: Place { Place(function: function, scope: scope) }
    }
    private struct Place: Hashable {
        var function: UInt64
        var scope: Scope
    }
    /// How far an analysis goes.
    struct Scope: Hashable {
        /// Functions that do not run.
        var excluded: Set<String> = []
        /// Whether it ends where the scheduling loop begins, which all entries share.
        var endsInLoop = false
        /// Whether it goes on at the last look at interrupts, with which a core leaves the kernel.
        var leavesKernel = false
    }
    /// Where sections begin and end.
    public enum Sections {
        /// Where interrupts are taken, and at the kernel's looks at pending ones.
        case masked
        /// Where a kernel that records its sections reads the counter.
        case recorded
        /// From where the kernel lock is released to where another core is granted it.
        case passing
        /// Where interrupts are taken or the lock is granted, at the kernel's looks, and where the
        /// lock is released.
        case held
        /// From where a core that waits looks for its grant to where it leaves the kernel, or looks
        /// again.
        case waiting
    }
    let sections: Sections
    /// Whether the kernel runs on several cores.
    let isShared: Bool

    public init(
        _ code: KernelCode, lines: SourceLines, sources: SourceLoops, sections: Sections = .masked,
        isShared: Bool = false
    ) {
        self.code = code
        self.lines = lines
        self.sources = sources
        self.sections = sections
        self.isShared = isShared
    }

    private func report(_ problem: String) {
        if reported.insert(problem).inserted { problems.append(problem) }
    }

    /// The lengths of the code that begins at `start`.
    func lengths(from start: UInt64, _ state: AbstractState, _ scope: Scope = Scope()) -> Lengths {
        let key = situation(start, state, scope)
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

    private func situation(_ start: UInt64, _ state: AbstractState, _ scope: Scope) -> Key {
        let key = Key(function: start, state: state, scope: scope)
        if flows[key] != nil || situations[key.place, default: 0] < LongestPaths.situationLimit {
            return key
        }
        return Key(function: start, state: AbstractState(), scope: scope)
    }

    private func flow(_ key: Key) throws -> FunctionFlow {
        if let known = flows[key] { return known }
        let (start, scope) = (key.function, key.scope)
        situations[key.place, default: 0] += 1
        flowing.insert(start)
        defer { flowing.remove(start) }
        let new = try FunctionFlow(
            code, start: start, state: key.state,
            excluding: { address in self.isExcluded(address, scope.excluded) },
            mark: { address in try self.mark(address, scope) },
            called: { target, state in
                // A function that calls itself is refused elsewhere; so are jumps that cannot be
                // followed.
                if self.flowing.contains(target) { return [:] }
                guard let flow = try? self.flow(self.situation(target, state, scope)) else {
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

    /// The mark at an address; nil where there is none.
    private func mark(_ address: UInt64, _ scope: Scope) throws -> SectionMark? {
        let instruction = try code.instruction(address)
        var mark: SectionMark?
        switch sections {
        case .masked:
            let isLast = scope.leavesKernel && linePlace(address).hasPrefix("VectorTable.inc")
            if instruction.flow == .look && !isLast { mark = SectionMark(ends: true, begins: true) }
            if lockStep(address) == .accept { mark = SectionMark(ends: true, begins: true) }
        case .recorded:
            let word = code.image.instruction(address)
            guard word.map(InstructionFlow.readsCounter) == true else { return nil }
            let functions = lines[address].map(\.function)
            let ends = functions.contains { $0.hasPrefix("recordMasked(") }
            let begins = functions.contains { $0.hasPrefix("startMasked(") }
            if ends || begins { mark = SectionMark(ends: ends, begins: begins) }
        case .passing:
            switch lockStep(address) {
            case .release: mark = SectionMark(ends: false, begins: true)
            case .grant: mark = SectionMark(ends: true, begins: false)
            default: break
            }
        case .held:
            if instruction.flow == .look { mark = SectionMark(ends: true, begins: true) }
            switch lockStep(address) {
            case .release: mark = SectionMark(ends: true, begins: false)
            case .accept: mark = SectionMark(ends: true, begins: true)
            default: break
            }
        case .waiting:
            if lockStep(address) == .accept { mark = SectionMark(ends: true, begins: true) }
        }
        if mark != nil && scope.endsInLoop {
            mark?.isLast = lines[address].contains { KernelGoals.loop.contains($0.function) }
        }
        return mark
    }

    /// What an instruction does to the kernel lock.
    private enum LockStep { case release, grant, accept }
    private func lockStep(_ address: UInt64) -> LockStep? {
        switch code.image.instruction(address).map({ $0 & 0xffe0_fc00 }) {
        case 0xc800_fc00: .release  // stlxr
        case 0xc880_fc00: .grant  // stlr
        case 0xc8c0_fc00:  // ldar
            lines[address].contains { $0.function.hasSuffix("isGranted()") } ? .accept : nil
        default: nil
        }
    }

    private func analyse(_ key: Key) throws -> Lengths {
        let flow = try flow(key)
        let (graph, origins) = FlowGraph(flow.blocks.map { self.node($0, key.scope) }).reduced()
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
                    return FlowGraph.Rounds(
                        bound.rounds, bound.place, shared: bound.shared, branch: bound.branch)
                case .failure(let why):
                    self.report("\(self.place(header)): \(why)")
                    return FlowGraph.Rounds(1, "?")
                }
            }
        } catch { return Lengths() }
    }

    private func node(_ block: CodeBlock, _ scope: Scope) -> FlowGraph.Node {
        let count = block.instructions.count
        let first = block.instructions[0]
        let own: [PathStep] = [.code(function: name(first), place: linePlace(first), count: count)]
        switch block.end {
        case .flow: return .init(Lengths(through: Path(count, own)), to: block.successors)
        case .return: return .init(Lengths(through: Path(count, own)), isExit: true)
        case .leave: return .init(Lengths(head: Path(count, own)))
        case .mark(let mark):
            return .init(
                Lengths(
                    head: mark.ends ? Path(count, own) : nil, tail: mark.begins ? Path(0) : nil),
                to: block.successors)
        case .trap: return .init(Lengths())
        case .call(let target, let state):
            let callee = lengths(from: target, state, scope)
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
