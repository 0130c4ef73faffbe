// The knowledge about registers on either way of a branch.

extension AbstractState {
    /// Returns the state after a branch that is taken, or is not; nil where no run takes that way.
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

    private func followingCondition(_ instruction: Instruction, taken: Bool) -> AbstractState? {
        guard let comparison, let stated = instruction.condition else { return self }
        let condition = taken ? stated : stated.inverted
        guard comparison.isPossible(condition) else { return nil }
        guard let register = comparison.register, let left = comparison.left(where: condition)
        else { return self }
        return refined(register, comparison.is64, left)
    }
}
