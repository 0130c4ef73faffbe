// Loads and stores: the places that they reach, and the words of the stack and of the running
// thread.

/// Memory that nothing writes: code and constants.
public protocol ConstantMemory {
    func read(_ address: UInt64, _ bytes: Int) -> UInt64?
    /// Returns where the table that starts at `base` ends at the latest: the next address that code
    /// forms.
    func end(of base: UInt64) -> UInt64
}

extension AbstractState {
    /// Returns the address that the instruction accesses; nil where it accesses no memory.
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

    /// Shares the stack from the base register on, where the access to it has no known place.
    private mutating func shareBase(_ instruction: Instruction, _ place: AbstractValue?) {
        if case .place? = place { return }
        for case .memory(let base, _, _) in instruction.operands {
            if case .place(.stack, let offset) = registers[base.number] { share(offset) }
        }
    }

    /// Moves the base register of an instruction that writes it back.
    private mutating func writeBack(_ instruction: Instruction) {
        guard instruction.writesBack else { return }
        for case .memory(let base, _, let displacement) in instruction.operands {
            // A pre-index stands in the displacement, a post-index in the last operand.
            let step =
                number(instruction, instruction.operands.count - 1)
                ?? UInt64(bitPattern: displacement)
            write(base, read(base).adding(.constant(step)))
        }
    }

    mutating func store(_ instruction: Instruction, _ constants: ConstantMemory) {
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
        // The kernel's static memory holds neither threads nor the stack.
        case .constants?: break
        default: forgetShared()
        }
        writeBack(instruction)
    }

    mutating func load(_ instruction: Instruction, _ constants: ConstantMemory) {
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
}
