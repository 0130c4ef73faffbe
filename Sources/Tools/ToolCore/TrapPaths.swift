// The code that the kernel can execute once it runs: everything that the vectors lead to. On those
// paths there is no code or text that boot gave back, no heap, no once-token, no floating-point
// register, no copy of a large value, and no jump that cannot be followed.

/// Rules over the code that is reachable from the entries.
public struct TrapPaths {
    /// The largest copy or clearing, in bytes, that a trap path may make at once: a thread's
    /// registers, which `setEntry` clears.
    public var largestCopy = 280
    /// Functions that copy or clear as many bytes as an argument says. Their callers bound it, in
    /// the source.
    public var boundedCopies = ["copyLoan"]
    /// Functions that may touch floating-point registers.
    public var mayUseVectors = [
        "swiftlet_switch_floating_point", "swiftlet_switch_floating_point_registers",
    ]
    /// Functions of a heap, of locks, of lazily initialised globals.
    public static let forbidden: Set<String> = [
        "swift_once", "swift_allocObject", "swift_retain", "swift_release", "swift_slowAlloc",
        "malloc", "free",
    ]
    /// The prefix of the exits by which a fast path leaves the kernel. It enters them by a branch,
    /// so that the stack is empty again.
    static let exits = "swiftlet_exit"
    static let copies: Set<String> = ["memcpy", "memmove", "memset", "memcpy_up"]

    public private(set) var problems: [String] = []
    public private(set) var functionCount = 0
    public private(set) var instructionCount = 0
    private let image: CodeImage
    private var reached: Set<UInt64> = []

    public init(_ image: CodeImage) { self.image = image }

    /// Follows everything from `entries`. Code below `runStart` is boot's.
    public mutating func follow(entries: [UInt64], runStart: UInt64) {
        var work = entries
        while let start = work.popLast() {
            var at = start
            while reached.insert(at).inserted {
                guard image.instruction(at) != nil else {
                    problems.append("a path leaves the code at 0x\(String(at, radix: 16))")
                    break
                }
                if at < runStart {
                    problems.append("a trap path reaches boot's \(image.name(at))")
                    break
                }
                guard let targets = targets(at) else { break }
                work += targets.also
                guard targets.goesOn else { break }
                at += 4
            }
        }
        inspect(runStart)
    }

    private mutating func targets(_ at: UInt64) -> (also: [UInt64], goesOn: Bool)? {
        switch image.flow(at) {
        case .next, .wait, .look: return ([], true)
        case .call(let target):
            if image.name(target).hasPrefix(TrapPaths.exits) {
                problems.append(
                    "\(image.name(at)) calls \(image.name(target)), which does not return: "
                        + "the stack would grow")
            }
            return ([target], true)
        case .branch(let target): return ([target], true)
        case .jump(let target): return ([target], false)
        case .return, .exceptionReturn, .trap, nil: return nil
        case .indirectCall:
            problems.append("\(image.name(at)) calls through a pointer")
            return ([], true)
        case .indirectJump:
            if !image.isTableJump(at) {
                problems.append("\(image.name(at)) jumps through a pointer")
                return nil
            }
            // The table may name any place of the function.
            let extent = image.extent(at)
            return (Array(stride(from: extent.lowerBound, to: extent.upperBound, by: 4)), false)
        }
    }

    private mutating func inspect(_ runStart: UInt64) {
        var functions: Set<String> = []
        var vectors: Set<String> = []
        for at in reached.sorted() where image.instruction(at) != nil {
            let name = image.name(at)
            functions.insert(name)
            if image.usesVectors(at) && !mayUseVectors.contains(name) { vectors.insert(name) }
            checkCopy(at, name)
            if let place = image.address(formedAt: at), place >= image.base && place < runStart {
                problems.append("\(name) refers to what boot gave back")
            }
        }
        for name in vectors.sorted() { problems.append("\(name) uses floating-point registers") }
        for name in functions.sorted()
        where TrapPaths.forbidden.contains(name) || name.hasSuffix("_WZ") || name.hasSuffix("_Wz") {
            problems.append("a trap path reaches \(name)")
        }
        functionCount = functions.count
        instructionCount = reached.count
    }

    private mutating func checkCopy(_ at: UInt64, _ name: String) {
        let target: UInt64
        switch image.flow(at) {
        case .call(let to), .jump(let to): target = to
        default: return
        }
        let copy = image.name(target)
        guard TrapPaths.copies.contains(copy), !TrapPaths.copies.contains(name) else { return }
        if boundedCopies.contains(where: { name.contains($0) }) { return }
        guard let size = image.constantThirdArgument(at) else {
            problems.append("\(name) calls \(copy) with a size that is not a constant")
            return
        }
        if size > largestCopy { problems.append("\(name) calls \(copy) over \(size) bytes") }
    }
}
