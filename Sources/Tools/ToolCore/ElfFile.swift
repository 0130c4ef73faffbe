// ELF64 files as the host tool needs them: loadable segments and the entry point, with errors that
// say what is wrong.

import Foundation

public struct ToolError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// A little-endian AArch64 executable.
public struct ElfFile {
    public struct Segment {
        public var offset: Int
        public var virtualAddress: UInt64
        public var physicalAddress: UInt64
        public var fileSize: Int
        public var memorySize: Int
        public var isReadable: Bool
        public var isWritable: Bool
        public var isExecutable: Bool
    }
    public let bytes: [UInt8]
    public let entry: UInt64
    public let segments: [Segment]

    public init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ToolError("\(path): cannot be read; build it first (make build)")
        }
        do { try self.init(bytes: [UInt8](data)) } catch let error as ToolError {
            throw ToolError("\(path): \(error)")
        }
    }

    public init(bytes: [UInt8]) throws {
        guard bytes.count >= 64, bytes[0..<4].elementsEqual([0x7f, 0x45, 0x4c, 0x46]),
            bytes[4] == 2, bytes[5] == 1
        else { throw ToolError("not a 64-bit little-endian ELF file") }
        guard bytes.number(18, 2) == 183 else {
            throw ToolError("an ELF file for another machine than AArch64")
        }
        entry = bytes.number(24, 8)
        let table = bytes.number(32, 8)
        let count = Int(bytes.number(56, 2))
        guard bytes.number(54, 2) == 56, table <= bytes.count,
            count * 56 <= bytes.count - Int(table)
        else { throw ToolError("its program headers lie outside the file") }
        segments = try (0..<count).compactMap {
            try ElfFile.segment($0, bytes, at: Int(table) + 56 * $0)
        }
        self.bytes = bytes
        let base = segments.map(\.physicalAddress).min() ?? 0
        for segment in segments where segment.physicalAddress - base > ElfFile.maximumSpan {
            throw ToolError("its segments lie too far apart")
        }
    }

    /// Bytes that a file's memory may span; no kernel and no task comes near.
    static let maximumSpan = 1 << 30

    /// The loadable segment that a program header describes, or nil.
    private static func segment(_ index: Int, _ bytes: [UInt8], at: Int) throws -> Segment? {
        let (offset, fileSize, memorySize) = (
            bytes.number(at + 8, 8), bytes.number(at + 32, 8), bytes.number(at + 40, 8)
        )
        if bytes.number(at, 4) != 1 || memorySize == 0 { return nil }
        guard offset <= bytes.count, fileSize <= UInt64(bytes.count) - offset,
            fileSize <= memorySize
        else { throw ToolError("segment \(index) lies outside the file") }
        let (virtual, physical) = (bytes.number(at + 16, 8), bytes.number(at + 24, 8))
        guard memorySize <= maximumSpan, virtual <= UInt64.max - memorySize,
            physical <= UInt64.max - memorySize
        else { throw ToolError("segment \(index) is too large, or its addresses wrap around") }
        let flags = bytes.number(at + 4, 4)
        return Segment(
            offset: Int(offset), virtualAddress: virtual, physicalAddress: physical,
            fileSize: Int(fileSize),
            memorySize: Int(memorySize), isReadable: flags & 4 != 0, isWritable: flags & 2 != 0,
            isExecutable: flags & 1 != 0)
    }

    /// The address behind the last segment.
    public var end: UInt64 { segments.map { $0.virtualAddress + UInt64($0.memorySize) }.max() ?? 0 }

    /// Whether an instruction stands at this address.
    public func holdsCode(_ address: UInt64) -> Bool {
        segments.contains {
            $0.isExecutable && address >= $0.virtualAddress
                && address - $0.virtualAddress < UInt64($0.memorySize)
        }
    }

    /// The contents of memory from the first segment's address to the last one's end, by
    /// physical address.
    public func flat() -> [UInt8] {
        guard let base = segments.map(\.physicalAddress).min(),
            let end = segments.map({ $0.physicalAddress + UInt64($0.memorySize) }).max()
        else { return [] }
        var image = [UInt8](repeating: 0, count: Int(end - base))
        for segment in segments {
            let start = Int(segment.physicalAddress - base)
            image.replaceSubrange(
                start..<(start + segment.fileSize),
                with: bytes[segment.offset..<(segment.offset + segment.fileSize)])
        }
        return image
    }
}

extension Array where Element == UInt8 {
    /// A little-endian number; 0 where it lies outside.
    public func number(_ offset: Int, _ width: Int) -> UInt64 {
        guard offset >= 0, offset + width <= count else { return 0 }
        return (0..<width).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64(8 * $1) }
    }
    public mutating func append(word: UInt64) {
        for index in 0..<8 { append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index))) }
    }
    public mutating func pad(to alignment: Int) {
        append(
            contentsOf: [UInt8](repeating: 0, count: (alignment - count % alignment) % alignment))
    }
}
