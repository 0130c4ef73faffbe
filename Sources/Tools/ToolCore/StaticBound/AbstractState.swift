// The knowledge about the machine at a place in the code: registers, the last comparison, and words
// on the stack and in the running thread.
//
// The other parts of this type tell how an instruction changes the state:
// `AbstractState+Instructions.swift`, `AbstractState+Memory.swift` and
// `AbstractState+Branches.swift`.

/// The registers, the last comparison, and words of the running thread.
struct AbstractState: Hashable {
    private(set) var registers = [AbstractValue](repeating: .unknown, count: Register.count)
    /// The known low halves of registers whose high halves are not known.
    private var lowHalves: [Int: AbstractValue] = [:]
    var comparison: Comparison?
    /// Words that were stored to the running thread, by offset. Nothing may have changed them
    /// since.
    var threadWords: [UInt64: AbstractValue] = [:]
    /// Words that were stored to the stack, by offset. Nothing may have changed them since.
    var stackWords: [UInt64: AbstractValue] = [:]
    /// The lowest place of the stack to which other code may hold a pointer. Such a pointer reaches
    /// everything above it.
    private(set) var sharedStack: Int64?
    /// Notes that other code may hold a pointer to this place of the stack.
    ///
    /// - Returns: false where the stack was shared from here on already.
    @discardableResult mutating func share(_ offset: UInt64) -> Bool {
        let old = sharedStack
        sharedStack = min(old ?? .max, Int64(bitPattern: offset))
        return sharedStack != old
    }
    /// Shares the stack of each operand that points to it: the instruction's result is not
    /// followed.
    mutating func shareOperands(_ instruction: Instruction) {
        for operand in instruction.operands {
            let register: Register
            switch operand {
            case .register(let number), .memory(let number, _, _): register = number
            default: continue
            }
            if case .place(.stack, let offset) = registers[register.number] { share(offset) }
        }
    }
    /// Forgets the words that a called function, or a store to an unknown place, may change.
    mutating func forgetShared() {
        threadWords = [:]
        guard let sharedStack else { return }
        for word in stackWords.keys where Int64(bitPattern: word) &+ 8 > sharedStack {
            stackWords[word] = nil
        }
    }
    /// The values of system registers, by their encoding in `mrs` and `msr`.
    var systemRegisters: [UInt32: AbstractValue] = [:]
    static let systemMask: UInt32 = 0x1f_ffe0
    /// TPIDR_EL1 and ESR_EL1.
    static let threadRegister: UInt32 = 0x18_d080
    static let syndromeRegister: UInt32 = 0x18_5200

    init() {
        registers[Register.stackPointer] = .place(.stack, 0)
        registers[Register.zero] = .constant(0)
    }

    func read(_ register: Register) -> AbstractValue {
        let value = registers[register.number]
        return register.is64 ? value : lowHalves[register.number] ?? value.low(32)
    }
    mutating func write(_ register: Register, _ value: AbstractValue) {
        if register.number == Register.zero { return }
        if comparison?.register == register.number { comparison?.register = nil }
        registers[register.number] = register.is64 ? value : value.low(32)
        lowHalves[register.number] = nil
    }
    subscript(_ number: Int) -> AbstractValue {
        get { registers[number] }
        set { write(Register(number: number, is64: true), newValue) }
    }

    /// Widens this state so that it covers `other` too.
    ///
    /// - Parameter giveUp: makes unknown every register that differs.
    /// - Returns: true where this state grew.
    mutating func join(_ other: AbstractState, giveUp: Bool) -> Bool {
        var grew = false
        for (number, half) in lowHalves {
            let all =
                giveUp ? .unknown : half.joined(other.read(Register(number: number, is64: false)))
            if all != half {
                lowHalves[number] = all == .unknown ? nil : all
                grew = true
            }
        }
        for index in registers.indices where registers[index] != other.registers[index] {
            let all = giveUp ? .unknown : registers[index].joined(other.registers[index])
            for value in [registers[index], other.registers[index]] where value != all {
                if case .place(.stack, let offset) = value { grew = share(offset) || grew }
            }
            if all != registers[index] {
                registers[index] = all
                grew = true
            }
        }
        if comparison != nil && comparison != other.comparison {
            comparison = nil
            grew = true
        }
        for (register, value) in systemRegisters where other.systemRegisters[register] != value {
            systemRegisters[register] = nil
            grew = true
        }
        if let shared = other.sharedStack, shared < sharedStack ?? .max {
            sharedStack = shared
            grew = true
        }
        for (offset, word) in stackWords where other.stackWords[offset] != word {
            stackWords[offset] = nil
            grew = true
        }
        for (offset, word) in threadWords where other.threadWords[offset] != word {
            threadWords[offset] = nil
            grew = true
        }
        return grew
    }

    /// Forgets what a called function may change: the registers of the procedure call standard, and
    /// x21, by which Swift throws.
    mutating func call(returning results: [Int: AbstractValue] = [:]) {
        for number in Array(0...8) + [20, 21] {
            if case .place(.stack, let offset) = registers[number] { share(offset) }
        }
        forgetShared()
        for number in Array(0...18) + [21, 30] { self[number] = .unknown }
        comparison = nil
        systemRegisters = [:]
        for (number, value) in results { self[number] = value }
    }

    /// The state that a called function sees. It holds arguments only, so that calls with the same
    /// arguments have the same state.
    var arguments: AbstractState {
        var state = AbstractState()
        for number in Array(0...8) + [20, 21] { state.registers[number] = registers[number] }
        if case .place(.stack, _) = registers[8] { state.registers[8] = .unknown }
        for number in 0...8 {
            if case .place(.stack, _) = registers[number] { state.registers[number] = .unknown }
        }
        state.threadWords = threadWords
        return state
    }

    /// Returns this state with a better value for a register.
    func refined(_ register: Int, _ is64: Bool, _ value: AbstractValue) -> AbstractState {
        var state = self
        if register == Register.zero { return self }
        let (known, bits) = registers[register].knownBits
        if is64 || known >> 32 == 0xffff_ffff && bits >> 32 == 0 {
            state.registers[register] = value
            state.lowHalves[register] = nil
        } else {
            state.lowHalves[register] = value
        }
        return state
    }
}
