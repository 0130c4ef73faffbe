// The code of a linked kernel or task, as `lint-elf` reads it: instructions, the names of functions, and what a branch does.

/// What an instruction means for the way through the code.
public enum Step: Equatable {
    case next
    /// `bl`: there, and on behind it.
    case call(UInt64)
    /// `b`: there only.
    case jump(UInt64)
    /// A condition: there, or on.
    case branch(UInt64)
    /// `br`: one of a table's places, or anywhere.
    case indirectJump
    /// `blr`.
    case indirectCall
    /// `ret`, `eret`, `brk`: the way ends.
    case end
}

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
        addresses = Dictionary(symbols.map { ($0.name, $0.start) }, uniquingKeysWith: { first, _ in first })
    }

    public var range: Range<UInt64> { base..<(base + 4 * UInt64(words.count)) }
    /// The instruction at an address, nil outside.
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
    func name(_ address: UInt64) -> String { function(address).map { functions[$0].name } ?? "no function" }
    /// From the start of the function that holds `address` to the start of the next.
    func extent(_ address: UInt64) -> Range<UInt64> {
        guard let index = function(address) else { return address..<(address + 4) }
        return functions[index].start..<(index + 1 < functions.count ? functions[index + 1].start : range.upperBound)
    }

    /// Where the instruction at `address` leads (Arm ARM C4.1.89, branches).
    public func step(_ address: UInt64) -> Step {
        guard let word = instruction(address) else { return .end }
        func target(_ shift: UInt32, _ bits: UInt32) -> UInt64 {
            let field = (word >> shift) & (1 << bits - 1)
            let offset = Int64(Int32(bitPattern: field << (32 - bits)) >> Int32(32 - bits)) * 4
            return address &+ UInt64(bitPattern: offset)
        }
        if word >> 26 == 0b100101 { return .call(target(0, 26)) }
        if word >> 26 == 0b000101 { return .jump(target(0, 26)) }
        // b.cond; cbz and cbnz; tbz and tbnz.
        if word >> 24 == 0x54 || (word >> 25) & 0x3f == 0x1a { return .branch(target(5, 19)) }
        if (word >> 25) & 0x3f == 0x1b { return .branch(target(5, 14)) }
        if word & 0xffff_fc1f == 0xd61f_0000 { return .indirectJump }
        if word & 0xffff_fc1f == 0xd63f_0000 { return .indirectCall }
        if word & 0xffff_fc1f == 0xd65f_0000 || word == 0xd69f_03e0 || word & 0xffe0_001f == 0xd420_0000 {
            return .end
        }
        return .next
    }

    /// Is the `br` at `address` the end of a `switch`: an entry of a table added to a place of this function? Entries are bytes that
    /// are multiplied by four, or words.
    func isTableJump(_ address: UInt64) -> Bool {
        guard let jump = instruction(address) else { return false }
        let register = (jump >> 5) & 31
        for back in 1...6 as ClosedRange<UInt64> {
            guard let word = instruction(address &- 4 &* back) else { return false }
            // add xD, xN, xM, lsl #2
            if word & 0xffe0_fc00 == 0x8b00_0800 && word & 31 == register { return true }
            // ldrsw xM, [xT, xI, lsl #2]; add xD, xN, xM
            if word & 0xffe0_fc00 == 0x8b00_0000 && word & 31 == register,
                let load = instruction(address &- 4 &* (back + 1)), load & 0xffe0_fc00 == 0xb8a0_7800,
                load & 31 == (word >> 16) & 31
            {
                return true
            }
        }
        return false
    }

    /// Does the instruction touch a floating-point or vector register (Arm ARM C4.1.96, C4.1.94)?
    func usesVectors(_ address: UInt64) -> Bool {
        guard let word = instruction(address) else { return false }
        let isData = (word >> 25) & 7 == 7
        let isAccess = (word >> 25) & 5 == 4 && word & 1 << 26 != 0
        return isData || isAccess
    }

    /// The address, or for `adrp` its page, that the instruction puts into a register (Arm ARM C6.2.10, C6.2.11).
    func address(formedAt address: UInt64) -> UInt64? {
        guard let word = instruction(address), word & 0x1f00_0000 == 0x1000_0000 else { return nil }
        let field = (word >> 5 & 0x7ffff) << 2 | word >> 29 & 3
        let offset = UInt64(bitPattern: Int64(Int32(bitPattern: field << 11) >> 11))
        return word >> 31 == 0 ? address &+ offset : (address & ~4095) &+ offset << 12
    }

    /// All addresses that `adr`, and `adrp` with the addition behind it, form; in order.
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

    /// The constant that the third argument has at the call at `address`, as far as the code before it says.
    func constantThirdArgument(_ address: UInt64) -> Int? {
        for back in 1...64 as ClosedRange<UInt64> {
            let at = address &- 4 &* back
            guard extent(address).contains(at), let word = instruction(at) else { return nil }
            if step(at) != .next {
                if case .call = step(at) { return nil }
                continue
            }
            // movz w2, #imm or movz x2, #imm
            if word & 0x7fe0_001f == 0x5280_0002 { return Int((word >> 5) & 0xffff) }
            // Loads and stores: only a load writes, and a pair of them two registers.
            if (word >> 25) & 5 == 4 {
                let isPair = (word >> 27) & 7 == 5
                if word & 1 << 22 != 0 && (word & 31 == 2 || isPair && (word >> 10) & 31 == 2) { return nil }
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
            let words = stride(from: segment.offset, to: segment.offset + segment.fileSize & ~3, by: 4).map {
                UInt32(truncatingIfNeeded: bytes.number($0, 4))
            }
            let image = segment.virtualAddress..<(segment.virtualAddress + UInt64(segment.fileSize))
            return CodeImage(base: segment.virtualAddress, words: words, symbols: try symbols(in: image))
        }
    }

    /// Where a name of the symbol table lies.
    public func address(of name: String) throws -> UInt64? {
        let lowest = segments.map(\.virtualAddress).min() ?? 0
        return try symbols(in: lowest..<end).first { $0.name == name }?.start
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
