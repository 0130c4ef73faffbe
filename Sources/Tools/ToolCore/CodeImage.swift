// The code of a linked kernel or task: instructions, names of functions, and the effect of single
// instructions on registers.

/// Executable memory, and the functions in it.
public struct CodeImage {
    public let base: UInt64
    public let words: [UInt32]
    /// Where each function starts, in order, and its name: the longest where it has several.
    let functions: [(start: UInt64, name: String)]
    private let addresses: [String: UInt64]

    public init(base: UInt64, words: [UInt32], symbols: [(start: UInt64, name: String)]) {
        self.base = base
        self.words = words
        let longest = Dictionary(grouping: symbols, by: \.start).compactMapValues { same in
            same.map(\.name).max { ($0.count, $0) < ($1.count, $1) }
        }
        functions = longest.map { (start: $0.key, name: $0.value) }.sorted { $0.start < $1.start }
        addresses = Dictionary(
            symbols.map { ($0.name, $0.start) }, uniquingKeysWith: { first, _ in first })
    }

    public var range: Range<UInt64> { base..<(base + 4 * UInt64(words.count)) }
    /// Returns the instruction at an address; nil outside of the code.
    public func instruction(_ address: UInt64) -> UInt32? {
        range.contains(address) && address % 4 == 0 ? words[Int(address - base) / 4] : nil
    }
    public var functionNames: Set<String> { Set(functions.map(\.name)) }
    public func address(of name: String) -> UInt64? { addresses[name] }

    /// Index of the function that holds an address.
    func function(_ address: UInt64) -> Int? {
        var (low, high) = (0, functions.count)
        while low < high {
            let middle = (low + high) / 2
            if functions[middle].start <= address { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }
    func name(_ address: UInt64) -> String {
        function(address).map { functions[$0].name } ?? "no function"
    }
    /// From the start of the function that holds `address` to the start of the next.
    func extent(_ address: UInt64) -> Range<UInt64> {
        guard let index = function(address) else { return address..<(address + 4) }
        let isLast = index + 1 == functions.count
        return functions[index].start..<(isLast ? range.upperBound : functions[index + 1].start)
    }

    /// Returns where the instruction at `address` leads; nil outside of the code.
    public func flow(_ address: UInt64) -> InstructionFlow? {
        instruction(address).map { InstructionFlow($0, at: address) }
    }

    /// Returns whether the `br` at `address` ends a `switch`: it adds an entry of a table to a
    /// place of this function. Entries are bytes that are multiplied by four, or words.
    func isTableJump(_ address: UInt64) -> Bool {
        guard let jump = instruction(address) else { return false }
        let register = (jump >> 5) & 31
        for back in 1...6 as ClosedRange<UInt64> {
            guard let word = instruction(address &- 4 &* back) else { return false }
            // add xD, xN, xM, lsl #2
            if word & 0xffe0_fc00 == 0x8b00_0800 && word & 31 == register { return true }
            // ldrsw xM, [xT, xI, lsl #2]; add xD, xN, xM
            if word & 0xffe0_fc00 == 0x8b00_0000 && word & 31 == register,
                let load = instruction(address &- 4 &* (back + 1)),
                load & 0xffe0_fc00 == 0xb8a0_7800,
                load & 31 == (word >> 16) & 31
            {
                return true
            }
        }
        return false
    }

    /// Returns whether the instruction touches a floating-point or vector register (Arm ARM
    /// C4.1.96, C4.1.94).
    func usesVectors(_ address: UInt64) -> Bool {
        guard let word = instruction(address) else { return false }
        let isData = (word >> 25) & 7 == 7
        let isAccess = (word >> 25) & 5 == 4 && word & 1 << 26 != 0
        return isData || isAccess
    }

    /// Returns the address, or for `adrp` its page, that the instruction puts into a register (Arm
    /// ARM C6.2.10, C6.2.11).
    func address(formedAt address: UInt64) -> UInt64? {
        guard let word = instruction(address), word & 0x1f00_0000 == 0x1000_0000 else { return nil }
        let field = (word >> 5 & 0x7ffff) << 2 | word >> 29 & 3
        let offset = UInt64(bitPattern: Int64(Int32(bitPattern: field << 11) >> 11))
        return word >> 31 == 0 ? address &+ offset : (address & ~4095) &+ offset << 12
    }

    /// Returns all addresses that `adr`, and `adrp` with the addition behind it, form; in order.
    public func formedAddresses() -> [UInt64] {
        var formed: Set<UInt64> = []
        for at in stride(from: range.lowerBound, to: range.upperBound, by: 4) {
            guard let place = address(formedAt: at), let word = instruction(at) else { continue }
            if word >> 31 == 0 {
                formed.insert(place)
                continue
            }
            // add xD, xN, #imm, at most a few instructions further on.
            for next in stride(from: at + 4, through: at + 64, by: 4) {
                guard let add = instruction(next) else { break }
                if add & 0xffc0_0000 == 0x9100_0000 && (add >> 5) & 31 == word & 31 {
                    formed.insert(place + UInt64((add >> 10) & 0xfff))
                }
            }
        }
        return formed.sorted()
    }

    /// Returns the constant that is the third argument of the call at `address`; nil where the code
    /// before it does not say.
    func constantThirdArgument(_ address: UInt64) -> Int? {
        for back in 1...64 as ClosedRange<UInt64> {
            let at = address &- 4 &* back
            guard extent(address).contains(at), let word = instruction(at) else { return nil }
            let flow = InstructionFlow(word, at: at)
            if case .call = flow { return nil }
            if !flow.isStraight { continue }
            // movz w2, #imm or movz x2, #imm
            if word & 0x7fe0_001f == 0x5280_0002 { return Int((word >> 5) & 0xffff) }
            // Loads and stores: only a load writes, and a pair of them two registers.
            if (word >> 25) & 5 == 4 {
                let isPair = (word >> 27) & 7 == 5
                let isTarget = word & 31 == 2 || isPair && (word >> 10) & 31 == 2
                if word & 1 << 22 != 0 && isTarget { return nil }
            } else if word & 31 == 2 {
                return nil
            }
        }
        return nil
    }
}

extension ElfFile {
    /// The executable segments, each with the symbols in it; there is at least one.
    public func codes() throws -> [CodeImage] {
        let executable = segments.filter(\.isExecutable)
        if executable.isEmpty { throw ToolError("no executable segment") }
        return try executable.map { segment in
            let end = segment.offset + segment.fileSize & ~3
            let words = stride(from: segment.offset, to: end, by: 4).map {
                UInt32(truncatingIfNeeded: bytes.number($0, 4))
            }
            let image = segment.virtualAddress..<(segment.virtualAddress + UInt64(segment.fileSize))
            return CodeImage(
                base: segment.virtualAddress, words: words, symbols: try symbols(in: image))
        }
    }

    /// Where a name of the symbol table lies.
    public func address(of name: String) throws -> UInt64? {
        try symbols(in: 0..<UInt64.max).first { $0.name == name }?.start
    }

    private func symbols(in image: Range<UInt64>) throws -> [(start: UInt64, name: String)] {
        let sections = try sections()
        var symbols: [(start: UInt64, name: String)] = []
        for header in sections where header.type == 2 {
            guard sections.indices.contains(header.link) else { throw ToolError("no symbol names") }
            for at in stride(from: header.offset, to: header.offset + header.size, by: 24) {
                let address = bytes.number(at + 8, 8)
                let start = sections[header.link].offset + Int(bytes.number(at, 4))
                guard image.contains(address), start < bytes.count else { continue }
                let name = String(decoding: bytes[start...].prefix { $0 != 0 }, as: UTF8.self)
                // $x and $d mark code and data.
                if name.isEmpty || name.hasPrefix("$x") || name.hasPrefix("$d") { continue }
                symbols.append((address, name))
            }
        }
        return symbols
    }

    private func sections() throws -> [(type: Int, offset: Int, size: Int, link: Int)] {
        let (table, count) = (bytes.number(40, 8), Int(bytes.number(60, 2)))
        guard table <= bytes.count, count * 64 <= bytes.count - Int(table) else {
            throw ToolError("its section headers lie outside the file")
        }
        return try (0..<count).map { index in
            let at = Int(table) + 64 * index
            let (offset, size) = (bytes.number(at + 24, 8), bytes.number(at + 32, 8))
            let hasBytes = bytes.number(at + 4, 4) != 8
            guard !hasBytes || offset <= bytes.count && size <= UInt64(bytes.count) - offset else {
                throw ToolError("section \(index) lies outside the file")
            }
            return (
                Int(bytes.number(at + 4, 4)), hasBytes ? Int(offset) : 0, hasBytes ? Int(size) : 0,
                Int(bytes.number(at + 40, 4))
            )
        }
    }
}
