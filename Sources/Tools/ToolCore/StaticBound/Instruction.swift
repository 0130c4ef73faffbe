// One instruction, as capstone decodes it, in the few terms that the static bound needs.

import CCapstone

/// A general register: 0–30; 31 is the stack pointer, 32 reads as zero.
struct Register: Hashable {
    var number: Int
    var is64: Bool
    static let stackPointer = 31
    static let zero = 32
    static let count = 33
}

/// An instruction of the linked kernel.
public struct Instruction {
    enum Operand {
        case register(Register)
        case immediate(UInt64)
        case memory(base: Register, index: Register?, displacement: Int64)
        /// A system register, a condition, a barrier, a vector register.
        case other
    }
    enum Shift { case left, right, arithmetic, none }

    let address: UInt64
    let word: UInt32
    let mnemonic: String
    let operands: [Operand]
    /// Of the last operand.
    let shift: (kind: Shift, amount: Int)
    /// Of the last operand: the low bits that are taken, before the shift; nil: all.
    let extended: (bits: Int, isSigned: Bool)?
    let condition: Condition?
    let writesBack: Bool
    let flow: InstructionFlow
}

/// The conditions of `b.cond`, `csel` and `ccmp`, by their number.
enum Condition: UInt32 {
    case eq, ne, hs, lo, mi, pl, vs, vc, hi, ls, ge, lt, gt, le
    var inverted: Condition { Condition(rawValue: rawValue ^ 1) ?? self }
}

/// The disassembler.
public final class Disassembler {
    private var handle: csh = 0
    private var instruction: UnsafeMutablePointer<cs_insn>
    private let registers: [UInt32: Register]

    public init() throws {
        guard cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &handle) == CS_ERR_OK,
            cs_option(handle, CS_OPT_DETAIL, Int(CS_OPT_ON.rawValue)) == CS_ERR_OK
        else { throw ToolError("capstone cannot disassemble AArch64") }
        instruction = cs_malloc(handle)
        var registers: [UInt32: Register] = [:]
        for id in 0..<ARM64_REG_ENDING.rawValue {
            guard let name = cs_reg_name(handle, id) else { continue }
            registers[id] = Disassembler.register(String(cString: name))
        }
        self.registers = registers
    }
    deinit {
        cs_free(instruction, 1)
        cs_close(&handle)
    }

    private static func register(_ name: String) -> Register? {
        switch name {
        case "sp": return Register(number: Register.stackPointer, is64: true)
        case "wsp": return Register(number: Register.stackPointer, is64: false)
        case "xzr": return Register(number: Register.zero, is64: true)
        case "wzr": return Register(number: Register.zero, is64: false)
        case "fp": return Register(number: 29, is64: true)
        case "lr": return Register(number: 30, is64: true)
        default: break
        }
        guard let first = name.first, first == "x" || first == "w",
            let number = Int(name.dropFirst()), number <= 30
        else { return nil }
        return Register(number: number, is64: first == "x")
    }

    /// - Returns: nil where the word is no instruction.
    public func decode(_ word: UInt32, at address: UInt64) -> Instruction? {
        var bytes = word.littleEndian
        var place = address
        let isDecoded = withUnsafeBytes(of: &bytes) { buffer in
            var code = buffer.bindMemory(to: UInt8.self).baseAddress
            var size = 4
            return cs_disasm_iter(handle, &code, &size, &place, instruction)
        }
        guard isDecoded, let detail = instruction.pointee.detail else { return nil }
        let arm = detail.pointee.arm64
        let mnemonic = withUnsafeBytes(of: instruction.pointee.mnemonic) { name in
            String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
        }
        var raw: [cs_arm64_op] = []
        withUnsafeBytes(of: arm.operands) { operands in
            raw = Array(operands.bindMemory(to: cs_arm64_op.self).prefix(Int(arm.op_count)))
        }
        let operands = raw.map(operand)
        return Instruction(
            address: address, word: word, mnemonic: mnemonic, operands: operands,
            shift: shift(raw.last),
            extended: extent(of: raw.last), condition: condition(arm.cc), writesBack: arm.writeback,
            flow: InstructionFlow(word, at: address))
    }

    private func operand(_ raw: cs_arm64_op) -> Instruction.Operand {
        switch raw.type {
        case ARM64_OP_REG: return registers[raw.reg.rawValue].map { .register($0) } ?? .other
        case ARM64_OP_IMM: return .immediate(UInt64(bitPattern: raw.imm))
        case ARM64_OP_MEM:
            guard let base = registers[raw.mem.base.rawValue] else { return .other }
            return .memory(
                base: base, index: registers[raw.mem.index.rawValue],
                displacement: Int64(raw.mem.disp))
        default: return .other
        }
    }
    private func shift(_ raw: cs_arm64_op?) -> (kind: Instruction.Shift, amount: Int) {
        guard let raw else { return (.none, 0) }
        switch raw.shift.type {
        case ARM64_SFT_LSL: return (.left, Int(raw.shift.value))
        case ARM64_SFT_LSR: return (.right, Int(raw.shift.value))
        case ARM64_SFT_ASR: return (.arithmetic, Int(raw.shift.value))
        case ARM64_SFT_INVALID: return (.none, 0)
        default: return (.arithmetic, -1)
        }
    }
    private func extent(of raw: cs_arm64_op?) -> (bits: Int, isSigned: Bool)? {
        switch raw?.ext {
        case ARM64_EXT_UXTB: return (8, false)
        case ARM64_EXT_UXTH: return (16, false)
        case ARM64_EXT_UXTW: return (32, false)
        case ARM64_EXT_SXTB: return (8, true)
        case ARM64_EXT_SXTH: return (16, true)
        case ARM64_EXT_SXTW: return (32, true)
        default: return nil
        }
    }
    private func condition(_ raw: arm64_cc) -> Condition? {
        raw == ARM64_CC_INVALID ? nil : Condition(rawValue: raw.rawValue - 1)
    }
}
