// The way through one function as a graph, and the lengths of its nodes. Nothing here knows
// instructions.
//
// A node is a straight piece of code. It may let a path through, and it may hold looks at pending
// interrupts, which end one masked section and begin the next. So four lengths describe a node, and
// a whole function in turn.
//
// `FlowGraph+Structure.swift` finds the loops, `FlowGraph+Reduction.swift` removes cycles with two
// entries, and `FlowGraph+Lengths.swift` bounds the paths.

/// The longest path of one kind, and its parts.
public struct Path {
    public var length: Int
    /// The parts to show, in order.
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
    /// Further rounds of a loop, all as long as `path`.
    case rounds(Int, place: String, path: Path)
    /// Instructions of a function, without calls.
    case code(function: String, place: String, count: Int)
}

/// Lengths of a piece of code in instructions; nil where there is no such path.
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
        /// Whether the function ends here.
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
}
