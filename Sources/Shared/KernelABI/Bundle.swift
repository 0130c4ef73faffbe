// The bundle: the tasks' ELF files and the boards' manifests, appended to the kernel in one file.
// All numbers are little-endian 64-bit words. Offsets are in bytes from the bundle's first byte,
// which is page-aligned.
//
//    0x000  magic "SWFBNDL1"
//    0x008  size of the whole bundle
//    0x010  number of root segments (at most 4)
//    0x018  entry point of the root task
//    0x020  root segments, 4 × { offset, virtual address, size, rights }
//    0x0a0  number of entries
//    0x0a8  entries, each { offset, size, name (32 bytes, zero-padded) }
//    end    the last word: the magic again, by which a truncated bundle is found out
//
// A root segment's size is a multiple of 4096; the segment is zero-filled to it. The kernel maps
// the segments in place, so it needs no ELF reader. Each other entry is a file as it is: "<name>"
// an ELF file, "manifest.<board>" an encoded manifest, "arguments" the text with which a task with
// a bundle of its own was started.

@frozen public enum Bundle {
    @inlinable public static var magic: UInt64 { 0x314c_444e_4246_5753 }  // "SWFBNDL1"
    @inlinable public static var sizeOffset: Int { 0x08 }
    @inlinable public static var rootSegmentCountOffset: Int { 0x10 }
    @inlinable public static var rootEntryOffset: Int { 0x18 }
    @inlinable public static var rootSegmentsOffset: Int { 0x20 }
    @inlinable public static var rootSegmentStride: Int { 32 }
    @inlinable public static var maximumRootSegments: Int { 4 }
    @inlinable public static var entryCountOffset: Int { 0xa0 }
    @inlinable public static var entriesOffset: Int { 0xa8 }
    @inlinable public static var entryStride: Int { 48 }
    @inlinable public static var nameLength: Int { 32 }
}
