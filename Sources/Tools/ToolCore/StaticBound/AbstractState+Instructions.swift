// The effect of an instruction on the registers and the flags.
//
// An instruction that is not modelled here makes every register that it names unknown. So a
// forgotten instruction costs precision, never truth.

extension AbstractState {
    /// Changes the state as the instruction does; branches change nothing.
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

    /// Makes unknown what an instruction that is not modelled may change.
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
        // The instruction may have set the flags.
        comparison = nil
    }

    // Operands

    /// Returns the value of an operand, extended and shifted; nil where it is no number.
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
    /// Returns the number that is an immediate operand.
    func number(_ instruction: Instruction, _ index: Int) -> UInt64? {
        guard index < instruction.operands.count,
            case .immediate(let number) = instruction.operands[index]
        else {
            return nil
        }
        return number
    }

    // Results

    /// Returns the value that the instruction computes for its first operand; nil where it computes
    /// none.
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

    /// Returns the first value where the instruction's condition holds, the second where it does
    /// not.
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

    /// Keeps the operands of an instruction that sets the flags.
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
}
