// Which loop of the source a loop of the machine code is.
//
// Each instruction stands in a nest of source loops, over all functions that it was inlined into.
// The loop of the machine is the innermost source loop that holds all its own instructions (those
// of inner loops left out), or nearly all where the compiler moved some. Where two are possible the
// larger bound counts.

/// The bounds of a function's loops.
struct LoopMapping {
    struct Bound {
        var rounds: Int
        var place: String
        /// What other loops share the rounds: the `LoopBound` that they count, in one inlined copy
        /// of its function. nil: the loop has them alone.
        var shared: String?
        /// Calls that fewer rounds make.
        var branch: FlowGraph.Branch?
    }
    private(set) var bounds: [Result<Bound, BoundError>] = []

    /// A source loop, in one inlined copy of its function.
    private struct Instance: Hashable {
        var loop: SourceLoop
        var path: [String]
    }

    init(
        _ blocks: [CodeBlock], _ structure: FlowGraph.Structure, _ lines: SourceLines,
        _ sources: SourceLoops
    ) {
        var chosen = [Instance?](repeating: nil, count: structure.loops.count)
        bounds = [Result<Bound, BoundError>](
            repeating: .failure(BoundError("a loop that no source loop explains")),
            count: structure.loops.count)
        // Outer loops first: an inner one lies deeper in the nest than they do.
        for index in structure.loops.indices.reversed() {
            let loop = structure.loops[index]
            if let comment = LoopMapping.comment(blocks, loop, lines, sources) {
                bounds[index] = .success(comment)
                continue
            }
            var own = loop.nodes
            for inner in structure.loops.indices
            where inner < index && structure.loops[inner].nodes.isStrictSubset(of: loop.nodes) {
                own.subtract(structure.loops[inner].nodes)
            }
            if own.isEmpty { own = [loop.header] }
            let nests = own.flatMap { blocks[$0].instructions }.map {
                LoopMapping.nest(lines[$0], sources)
            }
            let around = loop.parent.flatMap { chosen[$0] }
            let candidates = LoopMapping.candidates(nests, around)
            guard let best = candidates.first else { continue }
            chosen[index] = best
            var rounds = 0
            var missing: Instance?
            for candidate in candidates {
                if let bound = candidate.loop.bound {
                    rounds = max(rounds, bound)
                } else {
                    missing = candidate
                }
            }
            if let missing {
                bounds[index] = .failure(
                    BoundError("the loop at \(missing.loop.place) has no bound"))
            } else {
                let branch = candidates.count > 1 ? nil : best.loop.branch
                bounds[index] = .success(
                    Bound(
                        rounds: rounds, place: best.loop.place,
                        shared: candidates.count > 1
                            ? nil
                            : best.loop.declaration.map { line in
                                (best.path + ["\(best.loop.file):\(line)"]).joined(separator: " ")
                            },
                        branch: branch.map { branch in
                            FlowGraph.Branch(
                                count: branch.bound,
                                nodes: LoopMapping.calls(blocks, loop, branch, best, lines))
                        }))
            }
        }
    }

    /// The nodes of a loop that end in a call from the lines of a branch. A call stays where it was
    /// written; what else the compiler may have moved is no part of it.
    private static func calls(
        _ blocks: [CodeBlock], _ loop: FlowGraph.Loop, _ branch: SourceLoop.Branch,
        _ instance: Instance, _ lines: SourceLines
    ) -> Set<Int> {
        loop.nodes.filter { node in
            guard case .call = blocks[node].end, let call = blocks[node].instructions.last else {
                return false
            }
            let frames = lines[call]
            let depth = frames.count - 1 - instance.path.count
            return frames.indices.contains(depth) && frames[depth].file == instance.loop.file
                && branch.lines.contains(frames[depth].line)
        }
    }

    /// `// bound: N` at the branch that goes back, in assembly and C.
    private static func comment(
        _ blocks: [CodeBlock], _ loop: FlowGraph.Loop, _ lines: SourceLines, _ sources: SourceLoops
    ) -> Bound? {
        var largest: Bound?
        for latch in loop.latches {
            guard let branch = blocks[latch].instructions.last, let frame = lines[branch].first,
                let rounds = sources.comment(frame.file, frame.line)
            else { return nil }
            if rounds > largest?.rounds ?? -1 {
                largest = Bound(rounds: rounds, place: frame.place)
            }
        }
        return largest
    }

    /// Source loops around an instruction, outermost first. Its nest is partial where the compiler
    /// lost its line.
    private static func nest(_ frames: [SourceFrame], _ sources: SourceLoops) -> (
        loops: [Instance], isPartial: Bool
    ) {
        var path: [String] = []
        var nest: [Instance] = []
        for frame in frames.reversed() {
            nest += sources.around(frame.file, frame.line).map { Instance(loop: $0, path: path) }
            path.append("\(frame.file):\(frame.line):\(frame.column)")
        }
        return (nest, frames.isEmpty || frames.contains { $0.line == 0 })
    }

    /// The likely one first, then others that it may be instead; none lies outside `around` or is
    /// it.
    private static func candidates(
        _ nests: [(loops: [Instance], isPartial: Bool)], _ around: Instance?
    ) -> [Instance] {
        var count: [Instance: Int] = [:]
        var depth: [Instance: Int] = [:]
        for nest in nests {
            for (index, instance) in nest.loops.enumerated() {
                count[instance, default: 0] += 1
                depth[instance] = max(depth[instance] ?? 0, index)
            }
        }
        let least = around.flatMap { depth[$0] ?? -1 } ?? -1
        let inside = count.keys.filter { $0 != around && depth[$0, default: 0] > least }
        let all = inside.filter { instance in
            nests.allSatisfy { $0.isPartial || $0.loops.contains(instance) }
        }.max {
            depth[$0, default: 0] < depth[$1, default: 0]
        }
        let sorted = inside.sorted {
            (count[$0, default: 0], depth[$0, default: 0]) > (
                count[$1, default: 0], depth[$1, default: 0]
            )
        }
        guard let best = all ?? sorted.first else { return [] }
        // A deeper one that holds half of the instructions may be meant, and the others strayed.
        return [best]
            + inside.filter {
                $0 != best && depth[$0, default: 0] > depth[best, default: 0]
                    && 2 * count[$0, default: 0] >= nests.count
            }
    }
}
