// What is known of the registers at a place in the code, and how an instruction changes it.
//
// An instruction that is not modelled here makes every register that it names unknown, so that a
// forgotten one costs precision and not truth.

/// What the last comparison compared.
struct Comparison: Hashable {
    enum Kind: Hashable { case subtract, and }
    var kind: Kind
    var left: AbstractValue
    var right: AbstractValue
    var is64: Bool
    /// The register that still holds `left`.
    var register: Int?
}

/// Memory that nobody writes: code and constants.
public protocol ConstantMemory {
    func read(_ address: UInt64, _ bytes: Int) -> UInt64?
    /// Where the table that starts at `base` ends at the latest: the next address that code forms.
    func end(of base: UInt64) -> UInt64
}

/// The registers, the last comparison, and words of the running thread.
struct AbstractState: Hashable {
    private(set) var registers = [AbstractValue](repeating: .unknown, count: Register.count)
    /// What is known of the low half of a register whose high half is not known.
    private var lowHalves: [Int: AbstractValue] = [:]
    var comparison: Comparison?
    /// Words that were stored to the running thread and that nothing since may have changed, by
    /// their offset.
    var threadWords: [UInt64: AbstractValue] = [:]
    /// The same of the stack.
    var stackWords: [UInt64: AbstractValue] = [:]
    /// Somebody else may hold a pointer to the stack: the lowest place. Such a pointer reaches what
    /// lies above it.
    private(set) var sharedStack: Int64?
    /// - Returns: false where it was shared from here on already.
    @discardableResult private mutating func share(_ offset: UInt64) -> Bool {
        let old = sharedStack
        sharedStack = min(old ?? .max, Int64(bitPattern: offset))
        return sharedStack != old
    }
    /// A pointer to the stack went into a value that is not followed.
    private mutating func shareOperands(_ instruction: Instruction) {
        for operand in instruction.operands {
            let register: Register
            switch operand {
            case .register(let number), .memory(let number, _, _): register = number
            default: continue
            }
            if case .place(.stack, let offset) = registers[register.number] { share(offset) }
        }
    }
    /// Others' stores and called functions change what they can reach.
    private mutating func forgetShared() {
        threadWords = [:]
        guard let sharedStack else { return }
        for word in stackWords.keys where Int64(bitPattern: word) &+ 8 > sharedStack {
            stackWords[word] = nil
        }
    }
    /// Of system registers, by their encoding in `mrs` and `msr`.
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

    /// A function was called: what the procedure call standard lets it change is unknown, and x21,
    /// by which Swift throws.
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

    /// What a called function sees: arguments only, so that calls with the same arguments are the
    /// same.
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

    // Instructions

    private func operand(_ instruction: Instruction, _ index: Int) -> AbstractValue? {
        guard index < instruction.operands.count else { return nil }
        let isLast = index == instruction.operands.count - 1
        var value: AbstractValue
        switch instruction.operands[index] {
        case .immediate(let number): value = .constant(number)
        case .register(let register): value = read(register)
        default: return nil
        }
        guard isLast else { return value }
        if let (bits, isSigned) = instruction.extended {
            value = isSigned ? value.signExtended(bits) : value.low(bits)
        }
        switch instruction.shift {
        case (.none, _): break
        case (.left, let amount): value = value.shiftedLeft(amount)
        case (.right, let amount): value = value.shiftedRight(amount)
        case (.arithmetic, let amount):
            guard amount >= 0,
                let exact = value.mapped({
                    UInt64(bitPattern: Int64(bitPattern: $0) >> Int64(amount))
                })
            else { return .unknown }
            value = exact
        }
        return value
    }
    private func number(_ instruction: Instruction, _ index: Int) -> UInt64? {
        guard index < instruction.operands.count,
            case .immediate(let number) = instruction.operands[index]
        else {
            return nil
        }
        return number
    }

    mutating func perform(_ instruction: Instruction, _ constants: ConstantMemory) {
        if case .register(let target)? = instruction.operands.first {
            if let result = result(of: instruction, target) {
                noteComparison(instruction)
                if case .place = result {} else { shareOperands(instruction) }
                write(target, result)
                return
            }
        }
        switch instruction.mnemonic {
        case "cmp", "tst", "cmn", "ccmp", "ccmn": noteComparison(instruction)
        case "mrs":
            forget(instruction)
            if case .register(let target)? = instruction.operands.first {
                write(
                    target, systemRegisters[instruction.word & AbstractState.systemMask] ?? .unknown
                )
            }
        case "msr": systemRegisters[instruction.word & AbstractState.systemMask] = nil
        case "svc", "hvc", "smc": call()
        case "dc": forgetShared()
        case "nop", "dsb", "isb", "dmb", "ic", "tlbi", "at", "prfm", "hint", "yield", "bti":
            break
        case "str", "stp", "strb", "strh", "stur", "sturb", "sturh", "stlr", "stlrb":
            store(instruction, constants)
        case "ldr", "ldrb", "ldrh", "ldrsw", "ldur", "ldurb", "ldurh", "ldp", "ldrsb", "ldrsh",
            "ldpsw", "ldursw":
            load(instruction, constants)
        default: forget(instruction)
        }
    }

    /// - Returns: nil where the instruction is not one of those that compute their first operand.
    private func result(of instruction: Instruction, _ target: Register) -> AbstractValue? {
        let a = operand(instruction, 1)
        let b = operand(instruction, 2)
        let width = target.is64 ? 64 : 32
        switch instruction.mnemonic {
        case "mov", "movz", "adr", "adrp": return a
        case "mvn": return a?.inverted
        case "movn": return a?.inverted
        case "movk":
            guard let value = number(instruction, 1), instruction.shift.kind != .arithmetic else {
                return nil
            }
            let shift = UInt64(instruction.shift.amount)
            return read(target).and(.constant(~(0xffff << shift))).or(.constant(value << shift))
        case "add", "adds": if let a, let b { return a.adding(b) }
        case "sub", "subs": if let a, let b { return a.subtracting(b) }
        case "and", "ands": if let a, let b { return a.and(b) }
        case "orr": if let a, let b { return a.or(b) }
        case "eor": if let a, let b { return a.exclusiveOr(b) }
        case "bic", "bics": if let a, let b { return a.and(b.inverted) }
        case "lsl": if let a, let n = number(instruction, 2) { return a.shiftedLeft(Int(n)) }
        case "lsr": if let a, let n = number(instruction, 2) { return a.shiftedRight(Int(n)) }
        case "ubfx":
            if let a, let low = number(instruction, 2), let count = number(instruction, 3) {
                return a.shiftedRight(Int(low)).low(Int(count))
            }
        case "ubfiz":
            if let a, let low = number(instruction, 2), let count = number(instruction, 3) {
                return a.low(Int(count)).shiftedLeft(Int(low))
            }
        case "uxtb": return a?.low(8)
        case "uxth": return a?.low(16)
        case "uxtw": return a?.low(32)
        case "sxtw": return a?.signExtended(32)
        case "sxtb": return a?.signExtended(8)
        case "sxth": return a?.signExtended(16)
        case "csel": if let a, let b { return chosen(instruction, a, b) }
        case "csinc": if let a, let b { return chosen(instruction, a, b.adding(.constant(1))) }
        case "csinv": if let a, let b { return chosen(instruction, a, b.inverted) }
        case "cinc": if let a { return chosen(instruction, a.adding(.constant(1)), a) }
        case "cset": return chosen(instruction, .constant(1), .constant(0))
        case "csetm": return chosen(instruction, .constant(~0 >> UInt64(64 - width)), .constant(0))
        default: break
        }
        return nil
    }

    /// The first value where the instruction's condition holds, the second where it does not.
    private func chosen(_ instruction: Instruction, _ first: AbstractValue, _ second: AbstractValue)
        -> AbstractValue
    {
        guard let comparison, let condition = instruction.condition else {
            return first.joined(second)
        }
        func narrowed(_ value: AbstractValue, _ operand: Int, _ condition: Condition)
            -> AbstractValue
        {
            guard operand < instruction.operands.count,
                case .register(let register) = instruction.operands[operand],
                instruction.mnemonic == "csel", register.number == comparison.register,
                comparison.is64 || !register.is64
            else { return value }
            return comparison.left(where: condition) ?? value
        }
        if !comparison.isPossible(condition) { return narrowed(second, 2, condition.inverted) }
        if !comparison.isPossible(condition.inverted) { return narrowed(first, 1, condition) }
        return narrowed(first, 1, condition).joined(narrowed(second, 2, condition.inverted))
    }

    private mutating func noteComparison(_ instruction: Instruction) {
        let first: Int
        switch instruction.mnemonic {
        case "cmp", "tst": first = 0
        case "subs", "ands": first = 1
        case "adds", "bics", "cmn", "ccmp", "ccmn":
            comparison = nil
            return
        default: return
        }
        guard first + 1 < instruction.operands.count,
            case .register(let left) = instruction.operands[first],
            let right = operand(instruction, first + 1)
        else {
            comparison = nil
            return
        }
        let kind: Comparison.Kind =
            instruction.mnemonic == "cmp" || instruction.mnemonic == "subs" ? .subtract : .and
        comparison = Comparison(
            kind: kind, left: read(left), right: left.is64 ? right : right.low(32), is64: left.is64,
            register: left.number)
    }

    private func place(_ instruction: Instruction, _ constants: ConstantMemory) -> AbstractValue? {
        for case .memory(let base, let index, let displacement) in instruction.operands {
            var address = read(base)
            if let index {
                var offset = read(index)
                if let (bits, isSigned) = instruction.extended {
                    offset = isSigned ? offset.signExtended(bits) : offset.low(bits)
                }
                if instruction.shift.kind == .left {
                    offset = offset.shiftedLeft(instruction.shift.amount)
                }
                if !index.is64 && instruction.extended == nil { return .unknown }
                // A constant table at an index with few values.
                if let base = address.single, let list = offset.candidates(256) {
                    let places = list.map { base &+ $0 &+ UInt64(bitPattern: displacement) }
                    return .oneOf(places.filter { $0 < constants.end(of: base) }) ?? .unknown
                }
                address = address.adding(offset)
            }
            return address.adding(.constant(UInt64(bitPattern: displacement)))
        }
        return nil
    }

    /// An access to the stack at a place that is not known.
    private mutating func shareBase(_ instruction: Instruction, _ place: AbstractValue?) {
        if case .place? = place { return }
        for case .memory(let base, _, _) in instruction.operands {
            if case .place(.stack, let offset) = registers[base.number] { share(offset) }
        }
    }

    private mutating func writeBack(_ instruction: Instruction) {
        guard instruction.writesBack else { return }
        for case .memory(let base, _, let displacement) in instruction.operands {
            // Before: the displacement; after: the last operand.
            let step =
                number(instruction, instruction.operands.count - 1)
                ?? UInt64(bitPattern: displacement)
            write(base, read(base).adding(.constant(step)))
        }
    }

    private mutating func store(_ instruction: Instruction, _ constants: ConstantMemory) {
        let count = instruction.mnemonic == "stp" ? 2 : 1
        let sources = instruction.operands.prefix(count).map {
            operand -> (value: AbstractValue, bytes: UInt64) in
            guard case .register(let register) = operand else { return (.unknown, 16) }
            switch instruction.mnemonic {
            case "strb", "sturb", "stlrb": return (.unknown, 1)
            case "strh", "sturh": return (.unknown, 2)
            default: return (read(register), register.is64 ? 8 : 4)
            }
        }
        for source in sources {
            if case .place(.stack, let offset) = source.value { share(offset) }
        }
        let place = place(instruction, constants)
        shareBase(instruction, place)
        switch place {
        case .place(let place, let offset)?:
            let words: WritableKeyPath<AbstractState, [UInt64: AbstractValue]> =
                place == .stack ? \.stackWords : \.threadWords
            var at = offset
            for source in sources {
                for word in self[keyPath: words].keys
                where Int64(bitPattern: word &- at) < Int64(source.bytes)
                    && Int64(bitPattern: at &- word) < 8
                {
                    self[keyPath: words][word] = nil
                }
                if source.bytes == 8 && source.value != .unknown {
                    self[keyPath: words][at] = source.value
                }
                at &+= source.bytes
            }
        case .constants?: break  // the kernel's static memory holds neither threads nor the stack
        default: forgetShared()
        }
        writeBack(instruction)
    }
    private mutating func load(_ instruction: Instruction, _ constants: ConstantMemory) {
        let place = place(instruction, constants)
        shareBase(instruction, place)
        let isPair = instruction.mnemonic.hasPrefix("ldp")
        var values: [AbstractValue] = [.unknown, .unknown]
        if case .place(let place, let offset)? = place {
            let words = place == .stack ? stackWords : threadWords
            switch instruction.mnemonic {
            case "ldr", "ldur", "ldp":
                values = [words[offset] ?? .unknown, words[offset &+ 8] ?? .unknown]
                if case .register(let target)? = instruction.operands.first, !target.is64 {
                    values = [values[0].low(32), .unknown]
                }
            default: break
            }
        } else if case .constants(let places)? = place, !isPair,
            case .register(let target)? = instruction.operands.first
        {
            let bytes: Int? =
                switch instruction.mnemonic {
                case "ldrb", "ldurb", "ldrsb": 1
                case "ldrh", "ldurh", "ldrsh": 2
                case "ldrsw", "ldursw": 4
                case "ldr", "ldur": target.is64 ? 8 : 4
                default: nil
                }
            let words = places.compactMap { place in bytes.flatMap { constants.read(place, $0) } }
            if let bytes, words.count == places.count, let found = AbstractValue.oneOf(words) {
                values[0] =
                    instruction.mnemonic.hasPrefix("ldrs") || instruction.mnemonic == "ldursw"
                    ? found.signExtended(8 * bytes) : found
            }
        }
        if values[0] == .unknown {
            switch instruction.mnemonic {
            case "ldrb", "ldurb": values[0] = .fromBits(~0xff, 0)
            case "ldrh", "ldurh": values[0] = .fromBits(~0xffff, 0)
            default: break
            }
        }
        writeBack(instruction)
        for index in 0..<(isPair ? 2 : 1) {
            if case .register(let target) = instruction.operands[index] {
                write(target, values[index])
            }
        }
    }

    private mutating func forget(_ instruction: Instruction) {
        shareOperands(instruction)
        for operand in instruction.operands {
            switch operand {
            case .register(let register): write(register, .unknown)
            case .memory(let base, _, _):
                if instruction.writesBack { write(base, .unknown) }
                forgetShared()
                stackWords = [:]
            default: break
            }
        }
        // Who sets flags is modelled, or unknown.
        comparison = nil
    }

    // Branches

    /// The state on the way that `instruction` leads where it branches, or where it does not; nil:
    /// nobody comes there.
    func following(_ instruction: Instruction, taken: Bool) -> AbstractState? {
        guard case .register(let register)? = instruction.operands.first,
            instruction.condition == nil
        else {
            return followingCondition(instruction, taken: taken)
        }
        let value = read(register)
        var allowed: AbstractValue?
        switch instruction.mnemonic {
        case "cbz", "cbnz":
            let isZero = (instruction.mnemonic == "cbz") == taken
            if case .place = value { return isZero ? nil : self }
            if let list = value.candidates() {
                let left = list.filter { ($0 == 0) == isZero }
                if left.isEmpty { return nil }
                allowed = .constants(left)
            } else if isZero {
                if value.smallest > 0 { return nil }
                allowed = .constant(0)
            }
        case "tbz", "tbnz":
            guard let bit = number(instruction, 1) else { return self }
            let isSet = (instruction.mnemonic == "tbnz") == taken
            let mask: UInt64 = 1 << bit
            if let list = value.candidates() {
                let left = list.filter { ($0 & mask != 0) == isSet }
                if left.isEmpty { return nil }
                allowed = .constants(left)
            } else {
                if case .place = value { return self }
                let bits = value.knownBits
                if bits.known & mask != 0 && (bits.value & mask != 0) != isSet { return nil }
                allowed = .fromBits(bits.known | mask, bits.value & ~mask | (isSet ? mask : 0))
            }
        default: return self
        }
        return allowed.map { refined(register.number, register.is64, $0) } ?? self
    }

    private func refined(_ register: Int, _ is64: Bool, _ value: AbstractValue) -> AbstractState {
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

    private func followingCondition(_ instruction: Instruction, taken: Bool) -> AbstractState? {
        guard let comparison, let stated = instruction.condition else { return self }
        let condition = taken ? stated : stated.inverted
        guard comparison.isPossible(condition) else { return nil }
        guard let register = comparison.register, let left = comparison.left(where: condition)
        else { return self }
        return refined(register, comparison.is64, left)
    }
}

extension Comparison {
    /// Does the condition hold for two numbers?
    private func holds(_ condition: Condition, _ a: UInt64, _ b: UInt64) -> Bool {
        let sign: UInt64 = is64 ? 1 << 63 : 1 << 31
        if kind == .and {
            let result = a & b
            switch condition {
            case .eq: return result == 0
            case .ne: return result != 0
            case .mi: return result & sign != 0
            case .pl: return result & sign == 0
            case .vs: return false
            case .vc: return true
            // The carry is 0.
            case .hs, .hi: return false
            case .lo, .ls: return true
            case .ge: return result & sign == 0
            case .lt: return result & sign != 0
            case .gt: return result != 0 && result & sign == 0
            case .le: return result == 0 || result & sign != 0
            }
        }
        func signed(_ value: UInt64) -> Int64 {
            is64 ? Int64(bitPattern: value) : Int64(Int32(truncatingIfNeeded: value))
        }
        let difference = (a &- b) & (is64 ? ~0 : 0xffff_ffff)
        switch condition {
        case .eq: return a == b
        case .ne: return a != b
        case .hs: return a >= b
        case .lo: return a < b
        case .hi: return a > b
        case .ls: return a <= b
        case .ge: return signed(a) >= signed(b)
        case .lt: return signed(a) < signed(b)
        case .gt: return signed(a) > signed(b)
        case .le: return signed(a) <= signed(b)
        case .mi: return difference & sign != 0
        case .pl: return difference & sign == 0
        case .vs: return (signed(a) >= signed(b)) != (difference & sign == 0)
        case .vc: return (signed(a) >= signed(b)) == (difference & sign == 0)
        }
    }

    func isPossible(_ condition: Condition) -> Bool {
        if case .place = left { return true }
        if case .place = right { return true }
        if let a = left.candidates(256), let b = right.candidates(16) {
            return a.contains { x in b.contains { holds(condition, x, $0) } }
        }
        let (low, high) = (left.smallest, left.largest)
        if kind == .and {
            guard let mask = right.single else { return true }
            let (known, value) = left.knownBits
            switch condition {
            case .eq: return value & mask == 0
            case .ne: return known & mask != mask || value & mask != 0
            default: return true
            }
        }
        switch condition {
        case .eq:
            let (a, b) = (left.knownBits, right.knownBits)
            return (a.value ^ b.value) & a.known & b.known == 0 && low <= right.largest
                && high >= right.smallest
        case .hs: return high >= right.smallest
        case .lo: return low < right.largest
        case .hi: return high > right.smallest
        case .ls: return low <= right.largest
        default: return true
        }
    }

    /// What the left side can be where the condition holds; nil: nothing new.
    func left(where condition: Condition) -> AbstractValue? {
        guard let b = right.single else { return nil }
        if let a = left.candidates(256) { return .oneOf(a.filter { holds(condition, $0, b) }) }
        if case .place = left { return nil }
        let bits = left.knownBits
        if kind == .and {
            if condition == .eq { return .fromBits(bits.known | b, bits.value & ~b) }
            return b.nonzeroBitCount == 1 && condition == .ne
                ? .fromBits(bits.known | b, bits.value | b) : nil
        }
        let end: UInt64
        switch condition {
        case .eq: return .constant(b)
        case .lo: end = b
        case .ls: end = b &+ 1
        default: return nil
        }
        if end == 0 || end > UInt64(AbstractValue.limit) { return nil }
        return .oneOf((0..<end).filter { $0 & bits.known == bits.value })
    }
}
