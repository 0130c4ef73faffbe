// The compiler's checks are all `brk #1`; its debug information names the cause of each. `swiftlet
// mark-traps` writes the cause's number into the instruction, so that a fault report tells the
// cause without the ELF file.

import KernelABI

extension TrapCode {
    /// The code of a check by the function that the debug information makes of it; nil for
    /// another function.
    public init?(function: String) {
        let prefix = "Swift runtime failure: "
        guard function.hasPrefix(prefix) else { return nil }
        let text = function.dropFirst(prefix.count).lowercased()
        self =
            switch text {
            case "arithmetic overflow", "loop induction variable overflowed": .overflow
            case "not enough bits to represent the passed value": .doesNotFit
            case "negative value is not representable": .doesNotFit
            case "range requires lowerbound <= upperbound": .emptyRange
            case "fatal error": .failedPrecondition
            case _ where text.hasPrefix("division by zero"): .divisionByZero
            case _ where text.hasPrefix("unexpectedly found nil"): .nilUnwrapped
            case _ where text.contains("index"): .indexOutOfRange
            default: .failedCheck
            }
    }
}

extension ElfFile {
    private static func trap(_ code: UInt16) -> UInt32 { 0xd420_0000 | UInt32(code) << 5 }

    /// The addresses of the compiler's checks: `brk #1`.
    public var checks: [UInt64] {
        let check = UInt64(ElfFile.trap(TrapCode.failedCheck.rawValue))
        return segments.filter(\.isExecutable).flatMap { segment in
            stride(from: 0, to: segment.fileSize & ~3, by: 4)
                .filter { bytes.number(segment.offset + $0, 4) == check }
                .map { segment.virtualAddress + UInt64($0) }
        }
    }

    /// The file with the numbers of the causes in its checks.
    ///
    /// - Parameter lines: of the addresses in `checks`.
    public func marked(_ lines: SourceLines) -> [UInt8] {
        var marked = bytes
        for segment in segments where segment.isExecutable {
            for address in checks where address >= segment.virtualAddress {
                let offset = address - segment.virtualAddress
                let codes = lines[address].lazy.compactMap { TrapCode(function: $0.function) }
                guard offset < segment.fileSize, let code = codes.first else { continue }
                let word = ElfFile.trap(code.rawValue)
                for byte in 0..<4 {
                    marked[segment.offset + Int(offset) + byte] = UInt8(
                        truncatingIfNeeded: word >> UInt32(8 * byte))
                }
            }
        }
        return marked
    }
}
