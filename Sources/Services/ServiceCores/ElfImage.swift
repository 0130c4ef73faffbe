// An ELF file as the task factory needs it: an entry point and up to eight segments to copy.
// Everything in the file is somebody's input, so every offset, size and address is checked here,
// once, before a page is taken for it.

import KernelABI

/// Why a file is not a task that can be started.
public enum ElfError: Error, Equatable, Sendable {
    /// The file ends inside a header.
    case truncated
    /// Not an ELF file.
    case wrongMagic
    /// Not 64-bit little-endian, or of an unknown ELF version.
    case wrongClass
    /// Not for AArch64.
    case wrongMachine
    /// Not an executable at fixed addresses.
    case wrongType
    /// It needs a dynamic loader.
    case needsLoader
    /// The program headers have another size than ELF64's.
    case badHeaderSize
    /// More than `ElfImage.maximumSegments`.
    case tooManySegments
    /// Nothing to load.
    case noSegments
    /// A segment's bytes lie outside the file.
    case outsideFile(segment: Int)
    /// More bytes in the file than in memory.
    case fileLargerThanMemory(segment: Int)
    /// A segment's addresses lie outside the range that tasks may use, or wrap around.
    case badAddress(segment: Int)
    /// The segment does not start at the start of a page.
    case misaligned(segment: Int)
    /// A segment shares a page with an earlier one.
    case overlap(segment: Int)
    /// A segment would be writable and executable.
    case writableAndExecutable(segment: Int)
    /// Thread-local variables that have no room in a thread's block (`IPCBuffer.localBytes`), or
    /// whose first values the file does not load.
    case badThreadLocals
    /// The entry point is not in an executable segment, or not a multiple of 4.
    case badEntry
}

/// One range to copy and map.
public struct ElfSegment: Equatable, Sendable {
    public var fileOffset: Int = 0
    public var fileSize: Int = 0
    /// Start of a page.
    public var virtualAddress: UInt64 = 0
    /// At least `fileSize`; the rest is zero.
    public var memorySize: UInt64 = 0
    public var isWritable = false
    public var isExecutable = false

    public init() {}
    /// First address of the page behind the segment.
    public var pageEnd: UInt64 { (virtualAddress &+ memorySize &+ 4095) & ~4095 }
    /// Pages that it takes.
    public var pageCount: Int { Int((pageEnd &- virtualAddress) >> 12) }
}

/// A checked file: its segments are in the file, in the permitted range, apart from one
/// another, and W^X.
public struct ElfImage: Sendable {
    public static let maximumSegments = 8
    public private(set) var entry: UInt64 = 0
    public private(set) var segmentCount = 0
    /// Where the first values of thread-local variables lie, if there are such variables.
    private var locals: Range<UInt64>?
    private var segments = InlineArray<8, ElfSegment>(repeating: ElfSegment())

    /// Segment `index`, below `segmentCount`.
    public func segment(_ index: Int) -> ElfSegment { segments[index] }

    /// Checks `file`; its addresses must lie in `permitted`.
    /// - Complexity: O(program headers × segments); at most 65,535 × 8.
    public init(_ file: Span<UInt8>, permitted: Range<UInt64>) throws(ElfError) {
        try ElfImage.checkIdentity(file)
        guard try file.half(at: 54) == ElfImage.programHeaderSize else { throw .badHeaderSize }
        let table = try file.word(at: 32)
        let count = try file.half(at: 56)
        for index in 0..<Int(count) {
            let offset = table.addingReportingOverflow(UInt64(index * ElfImage.programHeaderSize))
            guard !offset.overflow, offset.partialValue <= UInt64(file.count) else {
                throw .truncated
            }
            try add(file, header: Int(offset.partialValue), permitted)
        }
        if segmentCount == 0 { throw .noSegments }
        if let locals, !locals.isEmpty && !isLoaded(locals) { throw .badThreadLocals }
        entry = try file.word(at: 24)
        guard entry % 4 == 0, isExecutable(entry) else { throw .badEntry }
    }

    static let programHeaderSize = 56

    private static func checkIdentity(_ file: Span<UInt8>) throws(ElfError) {
        guard file.count >= 64 else { throw .truncated }
        guard file[0] == 0x7f, file[1] == 0x45, file[2] == 0x4c, file[3] == 0x46 else {
            throw .wrongMagic
        }
        guard file[4] == 2, file[5] == 1, file[6] == 1 else { throw .wrongClass }
        guard try file.half(at: 18) == 183 else { throw .wrongMachine }
        guard try file.half(at: 16) == 2 else { throw .wrongType }
    }

    private mutating func add(
        _ file: Span<UInt8>, header: Int, _ permitted: Range<UInt64>
    ) throws(ElfError) {
        switch try file.half(at: header) | (try file.half(at: header + 2)) << 16 {
        case 1: break
        // PT_DYNAMIC, PT_INTERP.
        case 2, 3: throw .needsLoader
        // PT_TLS.
        case 7: return try addLocals(file, header: header)
        default: return
        }
        let flags = try file.half(at: header + 4)
        var segment = ElfSegment()
        segment.isExecutable = flags & 1 != 0
        segment.isWritable = flags & 2 != 0
        segment.virtualAddress = try file.word(at: header + 16)
        segment.memorySize = try file.word(at: header + 40)
        let index = segmentCount
        let offset = try file.word(at: header + 8)
        let size = try file.word(at: header + 32)
        if size > segment.memorySize { throw .fileLargerThanMemory(segment: index) }
        if segment.memorySize == 0 { return }
        if index == ElfImage.maximumSegments { throw .tooManySegments }
        guard offset <= UInt64(file.count), size <= UInt64(file.count) - offset else {
            throw .outsideFile(segment: index)
        }
        segment.fileOffset = Int(offset)
        segment.fileSize = Int(size)
        try check(segment, permitted)
        segments[index] = segment
        segmentCount = index + 1
    }

    /// Checks what the program's runtime gives each thread: at most one block, that has room, and
    /// whose first values lie in `locals`.
    private mutating func addLocals(_ file: Span<UInt8>, header: Int) throws(ElfError) {
        let given = try file.word(at: header + 32)
        let size = try file.word(at: header + 40)
        let alignment = try file.word(at: header + 48)
        guard locals == nil, given <= size, size <= UInt64(IPCBuffer.localBytes),
            alignment <= UInt64(IPCBuffer.controlBytes)
        else { throw .badThreadLocals }
        let start = try file.word(at: header + 16)
        guard start <= ~0 - given else { throw .badThreadLocals }
        locals = start..<(start + given)
    }

    /// Whether the bytes are a part of a segment.
    private func isLoaded(_ bytes: Range<UInt64>) -> Bool {
        for index in 0..<segmentCount {
            let segment = segments[index]
            if bytes.lowerBound >= segment.virtualAddress
                && bytes.upperBound - segment.virtualAddress <= segment.memorySize
            {
                return true
            }
        }
        return false
    }

    private func check(_ segment: ElfSegment, _ permitted: Range<UInt64>) throws(ElfError) {
        let index = segmentCount
        if segment.isWritable && segment.isExecutable {
            throw .writableAndExecutable(segment: index)
        }
        guard segment.virtualAddress >= permitted.lowerBound,
            segment.virtualAddress < permitted.upperBound,
            segment.memorySize <= permitted.upperBound - segment.virtualAddress
        else { throw .badAddress(segment: index) }
        if segment.virtualAddress % 4096 != 0 { throw .misaligned(segment: index) }
        for other in 0..<index {
            let earlier = segments[other]
            let isAbove = segment.virtualAddress >= earlier.pageEnd
            let isBelow = segment.pageEnd <= earlier.virtualAddress
            if !isAbove && !isBelow { throw .overlap(segment: index) }
        }
    }

    private func isExecutable(_ address: UInt64) -> Bool {
        for index in 0..<segmentCount {
            let segment = segments[index]
            if segment.isExecutable && address >= segment.virtualAddress
                && address - segment.virtualAddress < segment.memorySize
            {
                return true
            }
        }
        return false
    }
}

extension Span<UInt8> {
    /// A little-endian 16-bit field.
    func half(at offset: Int) throws(ElfError) -> Int {
        guard offset >= 0, count >= 2, offset <= count - 2 else { throw .truncated }
        return Int(self[offset]) | Int(self[offset + 1]) << 8
    }
    /// A little-endian 64-bit field.
    func word(at offset: Int) throws(ElfError) -> UInt64 {
        guard offset >= 0, count >= 8, offset <= count - 8 else { throw .truncated }
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(self[offset + index]) << UInt64(index * 8) }
        return value
    }
}
