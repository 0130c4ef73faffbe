// Two errata of the Cortex-A53, as `lint-elf` looks for them in linked code: instruction sequences
// that the compiler (835769) and the linker (843419) are told to avoid. Source: "Cortex-A53 MPCore
// Software Developers Errata Notice", ARM-EPM-048406.

/// A place where a Cortex-A53 may compute a wrong result or access a wrong address.
public struct ErratumSite: Equatable, CustomStringConvertible {
    public enum Erratum: Int {
        /// A 64-bit multiply-accumulate directly behind a memory access.
        case multiplyAccumulate = 835769
        /// An `adrp` in the last two words of a page, a memory access, and one through the register
        /// of the `adrp`.
        case pageEnd = 843419
    }
    public let erratum: Erratum
    /// Of the sequence's first instruction.
    public let address: UInt64
    public let function: String

    public var description: String {
        let place = "0x" + String(address, radix: 16)
        return "erratum \(erratum.rawValue) of the Cortex-A53 at \(place), in \(function)"
    }
}

extension CodeImage {
    /// All sequences of both errata, by address. Data among the code is read as if it were code.
    public func errataSites() -> [ErratumSite] {
        stride(from: range.lowerBound, to: range.upperBound, by: 4).flatMap { at in
            var found: [ErratumSite.Erratum] = []
            if isMultiplyAfterAccess(at) { found.append(.multiplyAccumulate) }
            if isBaseFromPageEnd(at) { found.append(.pageEnd) }
            return found.map { ErratumSite(erratum: $0, address: at, function: name(at)) }
        }
    }

    /// 835769. Some of these pairs are harmless (the sum waits for what was loaded); LLVM separates
    /// them all, and so none may be left.
    private func isMultiplyAfterAccess(_ at: UInt64) -> Bool {
        guard let first = instruction(at), let second = instruction(at &+ 4) else { return false }
        return A64.isAccess(first) && A64.isMultiplyAccumulate(second)
    }

    /// 843419, the notice's first sequence. Linkers do not look for its second, which compilers do
    /// not emit.
    private func isBaseFromPageEnd(_ at: UInt64) -> Bool {
        guard at & 0xfff >= 0xff8, let first = instruction(at), let second = instruction(at &+ 4),
            A64.isPageAddress(first)
        else { return false }
        let base = first & 31
        guard A64.isAccess(second), !A64.isLoadOfPair(second), !A64.isAccess(second, writing: base)
        else {
            return false
        }
        if let third = instruction(at &+ 8), A64.isAccess(third, atOffsetFrom: base) { return true }
        // Any instruction but a branch may stand between the two accesses.
        guard flow(at &+ 8)?.isStraight == true, let fourth = instruction(at &+ 12) else {
            return false
        }
        return A64.isAccess(fourth, atOffsetFrom: base)
    }
}

/// Classes of instructions (Arm ARM C4.1).
private enum A64 {
    /// A load, a store or a prefetch, of any kind.
    static func isAccess(_ word: UInt32) -> Bool { word & 0x0a00_0000 == 0x0800_0000 }

    /// `madd`, `msub`, `smaddl`, `smsubl`, `umaddl`, `umsubl` into 64 bits; with xzr as the addend
    /// they are mere multiplications.
    static func isMultiplyAccumulate(_ word: UInt32) -> Bool {
        word & 0xff00_0000 == 0x9b00_0000 && (word >> 10) & 31 != 31
    }

    /// `adrp`
    static func isPageAddress(_ word: UInt32) -> Bool { word & 0x9f00_0000 == 0x9000_0000 }

    private static func isPair(_ word: UInt32) -> Bool { word & 0x3a00_0000 == 0x2800_0000 }
    private static func isLoad(_ word: UInt32) -> Bool { word & 1 << 22 != 0 }
    static func isLoadOfPair(_ word: UInt32) -> Bool { isPair(word) && isLoad(word) }

    /// A load or store with an unsigned immediate offset from this register.
    static func isAccess(_ word: UInt32, atOffsetFrom base: UInt32) -> Bool {
        word & 0x3b00_0000 == 0x3900_0000 && (word >> 5) & 31 == base
    }

    /// Does an access that is no load of a pair write this general register: load it, or move it as
    /// its base?
    static func isAccess(_ word: UInt32, writing register: UInt32) -> Bool {
        let isSingle = word & 0x3a00_0000 == 0x3800_0000
        let isVector = word & 1 << 26 != 0
        let isStructure = word & 0x3e00_0000 == 0x0c00_0000
        let loads: Bool
        if isSingle {
            // 0 stores; 2 is a load, but a prefetch where the size is 3.
            let operation = (word >> 22) & 3
            loads = operation != 0 && !(operation == 2 && word >> 30 == 3)
        } else if word & 0x3b00_0000 == 0x1800_0000 {
            loads = word >> 30 != 3
        } else {
            loads = word & 0x3f00_0000 == 0x0800_0000 && isLoad(word)
        }
        let movesBase =
            isSingle && word & 0x0120_0400 == 0x0000_0400
            || (isPair(word) || isStructure) && word & 1 << 23 != 0
        return loads && !isVector && word & 31 == register
            || movesBase && (word >> 5) & 31 == register
    }
}
