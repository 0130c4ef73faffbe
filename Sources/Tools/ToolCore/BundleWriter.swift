// Packs the bundle (KernelABI/Bundle.swift says how it looks) and the image of kernel and bundle.

import KernelABI

public struct BundleWriter {
    public var root: ElfFile
    public var entries: [(name: String, bytes: [UInt8])] = []

    public init(root: ElfFile) { self.root = root }

    /// - Throws: when the root task is no task, has too many segments or one that is writable and
    ///   executable; or a name is too long, or there twice.
    public func pack() throws -> [UInt8] {
        guard root.holdsCode(root.entry), root.end <= Limits.userEnd else {
            throw ToolError(
                "no task: its entry is outside its code, or it lies above the tasks' addresses")
        }
        guard root.segments.count <= Bundle.maximumRootSegments else {
            throw ToolError(
                "the root task has \(root.segments.count) segments; at most "
                    + "\(Bundle.maximumRootSegments) fit")
        }
        let headSize =
            (Bundle.entriesOffset + entries.count * Bundle.entryStride + 4095) / 4096 * 4096
        var body: [UInt8] = []
        var segments: [UInt8] = []
        for segment in root.segments {
            if segment.isWritable && segment.isExecutable {
                throw ToolError("the root task has a segment that is writable and executable")
            }
            let start = segment.virtualAddress & ~4095
            var page = [UInt8](repeating: 0, count: Int(segment.virtualAddress - start))
            page += root.bytes[segment.offset..<(segment.offset + segment.fileSize)]
            page += [UInt8](repeating: 0, count: segment.memorySize - segment.fileSize)
            page.pad(to: 4096)
            segments.append(word: UInt64(headSize + body.count))
            segments.append(word: start)
            segments.append(word: UInt64(page.count))
            var rights = Rights.read
            if segment.isWritable { rights = rights | .write }
            if segment.isExecutable { rights = rights | .execute }
            segments.append(word: UInt64(rights.raw))
            body += page
        }
        segments += [UInt8](
            repeating: 0,
            count: Bundle.maximumRootSegments * Bundle.rootSegmentStride - segments.count)
        var table: [UInt8] = []
        for (name, bytes) in entries {
            let utf8 = Array(name.utf8)
            guard utf8.count <= Bundle.nameLength else {
                throw ToolError("\(name): a name has at most 32 bytes")
            }
            if entries.count(where: { $0.name == name }) > 1 {
                throw ToolError("two entries are called \(name)")
            }
            table.append(word: UInt64(headSize + body.count))
            table.append(word: UInt64(bytes.count))
            table += utf8 + [UInt8](repeating: 0, count: Bundle.nameLength - utf8.count)
            body += bytes
            body.pad(to: 4096)
        }
        var head: [UInt8] = []
        head.append(word: Bundle.magic)
        body += [UInt8](repeating: 0, count: 4096 - 8)
        body.append(word: Bundle.magic)
        head.append(word: UInt64(headSize + body.count))
        head.append(word: UInt64(root.segments.count))
        head.append(word: root.entry)
        head += segments
        head.append(word: UInt64(entries.count))
        head += table
        head.pad(to: headSize)
        return head + body
    }
}

/// "ARM\u{64}" at byte 56 of an arm64 Image (Linux, Documentation/arch/arm64/booting.rst).
public let arm64ImageMagic: UInt64 = 0x644d_5241

/// One file to load or flash: the kernel as memory lies, then the bundle; the header's image size
/// covers both.
///
/// - Throws: for a kernel that does not start with the header of an arm64 Image.
public func makeImage(kernel: ElfFile, bundle: [UInt8]) throws -> [UInt8] {
    var image = kernel.flat()
    guard image.number(56, 4) == arm64ImageMagic else {
        throw ToolError("no kernel: the header of an arm64 Image is missing")
    }
    image.pad(to: 4096)
    image += bundle
    for index in 0..<8 { image[16 + index] = UInt8(truncatingIfNeeded: image.count >> (8 * index)) }
    return image
}
