// The feasible paths through one function, given the knowledge about its arguments.
//
// Branches to other functions (`b`) are followed as if they belonged to this one: they do not
// return here. Calls are nodes.

/// An instruction at which masked sections end or begin.
struct SectionMark {
    var ends: Bool
    var begins: Bool
    /// What follows is of no interest.
    var isLast = false
}

/// A straight piece of code.
struct CodeBlock {
    enum End {
        case flow
        /// The callee and the state that it sees.
        case call(UInt64, AbstractState)
        case mark(SectionMark)
        case `return`
        /// `eret` or `wfi`: interrupts are taken from here on.
        case leave
        case trap
    }
    var instructions: [UInt64]
    var end: End
    var successors: [Int]
}

/// Why no bound can be given.
public struct BoundError: Error, CustomStringConvertible, Equatable {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// The code, decoded once.
public final class KernelCode {
    public let image: CodeImage
    let constants: ConstantMemory
    private let disassembler: Disassembler
    private var decoded: [UInt64: Instruction] = [:]
    /// The starts of blocks: targets of branches, and instructions behind a branch, a call or a
    /// look.
    private var leaders: Set<UInt64> = []
    private var returning: [UInt64: Bool] = [:]

    public init(_ image: CodeImage, constants: ConstantMemory) throws {
        self.image = image
        self.constants = constants
        disassembler = try Disassembler()
        for address in stride(from: image.range.lowerBound, to: image.range.upperBound, by: 4) {
            switch image.flow(address) {
            case .jump(let target), .branch(let target), .call(let target):
                leaders.insert(target)
                leaders.insert(address + 4)
            case .indirectJump, .indirectCall, .return, .exceptionReturn, .trap:
                leaders.insert(address + 4)
            case .next, .wait, .look, nil: break
            }
        }
    }

    func instruction(_ address: UInt64) throws -> Instruction {
        if let known = decoded[address] { return known }
        guard let word = image.instruction(address),
            let new = disassembler.decode(word, at: address)
        else {
            throw BoundError("0x\(String(address, radix: 16)): no instruction")
        }
        decoded[address] = new
        return new
    }
    func isLeader(_ address: UInt64) -> Bool { leaders.contains(address) }
    /// - Returns: false where it is one already.
    func addLeader(_ address: UInt64) -> Bool { leaders.insert(address).inserted }

    /// Returns whether a call of the function can come back. A function that ends in `brk`, or
    /// stops the core, does not.
    func returns(_ function: UInt64) throws -> Bool {
        if let known = returning[function] { return known }
        returning[function] = true
        var seen: Set<UInt64> = []
        var work = [function]
        while let start = work.popLast() {
            var at = start
            walk: while seen.insert(at).inserted {
                switch try instruction(at).flow {
                case .next, .look: break
                case .call(let target): if try !returns(target) { break walk }
                case .jump(let target):
                    work.append(target)
                    break walk
                case .branch(let target): work.append(target)
                case .indirectJump, .indirectCall, .return: return true
                case .exceptionReturn, .wait, .trap: break walk
                }
                at += 4
            }
        }
        returning[function] = false
        return false
    }
}

/// Blocks of a function, by abstract interpretation.
struct FunctionFlow {
    private(set) var blocks: [CodeBlock] = []
    private let code: KernelCode
    /// Blocks that the caller excludes by name.
    private let isExcluded: (UInt64) -> Bool
    private let mark: (UInt64) throws -> SectionMark?
    private var index: [UInt64: Int] = [:]
    private var states: [AbstractState] = []
    private var changes: [Int] = []
    private var work: [Int] = []
    private var returned: [Int: AbstractState] = [:]
    /// The knowledge about the results, x0 to x7 and x21; nil where the function does not return.
    private(set) var results: [Int: AbstractValue]?
    private let called: (UInt64, AbstractState) -> [Int: AbstractValue]?
    /// The number of joins with a change after which a register that still changes becomes unknown.
    private static let patience = 32

    /// - Parameter called: what a call returns; nil: it does not.
    /// - Throws: at a jump that cannot be followed.
    init(
        _ code: KernelCode, start: UInt64, state: AbstractState,
        excluding isExcluded: @escaping (UInt64) -> Bool,
        mark: @escaping (UInt64) throws -> SectionMark?,
        called: @escaping (UInt64, AbstractState) -> [Int: AbstractValue]?
    ) throws {
        self.code = code
        self.called = called
        self.isExcluded = isExcluded
        self.mark = mark
        while try !explore(start, state) {}
    }

    /// - Returns: false where a new leader was found: all begins anew.
    private mutating func explore(_ start: UInt64, _ state: AbstractState) throws -> Bool {
        (blocks, index, states, changes, work) = ([], [:], [], [], [])
        (returned, results) = ([:], nil)
        _ = arrive(start, state)
        while let block = work.popLast() { if try !process(block) { return false } }
        for state in returned.values {
            var all = results ?? [:]
            for number in Array(0...7) + [21] {
                var value = state[number]
                if case .place = value { value = .unknown }
                all[number] = results == nil ? value : all[number]?.joined(value)
            }
            results = all
        }
        return true
    }

    private mutating func arrive(_ address: UInt64, _ state: AbstractState) -> Int {
        if let known = index[address] {
            if states[known].join(state, giveUp: changes[known] > FunctionFlow.patience) {
                changes[known] += 1
                if !work.contains(known) { work.append(known) }
            }
            return known
        }
        let new = blocks.count
        index[address] = new
        blocks.append(CodeBlock(instructions: [address], end: .flow, successors: []))
        states.append(state)
        changes.append(0)
        work.append(new)
        return new
    }

    private mutating func process(_ block: Int) throws -> Bool {
        var state = states[block]
        var at = blocks[block].instructions[0]
        var instructions: [UInt64] = []
        var next: [(UInt64, AbstractState)] = []
        var end = CodeBlock.End.flow
        walk: while true {
            if isExcluded(at) {
                blocks[block].end = .trap
                return true
            }
            let instruction = try code.instruction(at)
            instructions.append(at)
            if let mark = try mark(at) {
                state.perform(instruction, code.constants)
                end = .mark(mark)
                if code.addLeader(at + 4) { return false }
                next = mark.isLast ? [] : [(at + 4, state)]
                break walk
            }
            switch instruction.flow {
            case .next, .look:
                state.perform(instruction, code.constants)
                at += 4
                if !code.isLeader(at) { continue walk }
                next = [(at, state)]
            case .call(let target):
                end = .call(target, state.arguments)
                if try code.returns(target), let results = called(target, state.arguments) {
                    state.call(returning: results)
                    next = [(at + 4, state)]
                }
            case .jump(let target): next = [(target, state)]
            case .branch(let target):
                if let way = state.following(instruction, taken: true) {
                    next.append((target, way))
                }
                if let way = state.following(instruction, taken: false) {
                    next.append((at + 4, way))
                }
            case .return:
                end = .return
                returned[block] = state
            case .exceptionReturn, .wait: end = .leave
            case .trap: end = .trap
            case .indirectCall:
                throw BoundError("0x\(String(at, radix: 16)): a call through a pointer")
            case .indirectJump:
                guard case .register(let register)? = instruction.operands.first,
                    case .constants(let targets) = state.read(register)
                else {
                    throw BoundError(
                        "0x\(String(at, radix: 16)): a jump without a list of its targets")
                }
                // The cases of a table stand in the same function. What else the list has was read
                // behind the table's end, since the index is known by its bits alone.
                let function = code.image.extent(at)
                for target in targets where function.contains(target) {
                    if code.addLeader(target) { return false }
                    next.append((target, state))
                }
                if next.isEmpty {
                    throw BoundError("0x\(String(at, radix: 16)): a jump out of its function")
                }
            }
            break
        }
        blocks[block].instructions = instructions
        blocks[block].end = end
        var successors: [Int] = []
        for (target, way) in next {
            let following = arrive(target, way)
            if !successors.contains(following) { successors.append(following) }
        }
        blocks[block].successors = successors
        return true
    }
}
