// The 4 KiB-granule page-table format (Arm ARM D8.3): 39-bit addresses, tables of 512 entries at
// levels 1, 2 and 3.

import KernelABI

/// One 64-bit page-table entry.
@frozen public struct PageDescriptor: Equatable, Sendable {
    public var raw: UInt64
    @inlinable public init(raw: UInt64) { self.raw = raw }
    @inlinable public static func == (a: PageDescriptor, b: PageDescriptor) -> Bool {
        a.raw == b.raw
    }
    @inlinable public static var invalid: PageDescriptor { PageDescriptor(raw: 0) }

    /// Returns the index of `address` in the table of `level` (1, 2 or 3).
    @inlinable public static func index(_ address: UInt64, level: Int) -> Int {
        Int(truncatingIfNeeded: (address &>> UInt64(39 &- 9 &* level)) & 511)
    }
    /// Returns the level of a mapping of this size: 1 (1 GiB), 2 (2 MiB), 3 (4 KiB).
    @inlinable public static func level(_ size: FrameSize) -> Int {
        switch size {
        case .page: return 3
        case .block2M: return 2
        case .block1G: return 1
        }
    }

    /// Returns an entry that points to the table of the next level.
    @inlinable public static func table(_ physical: UInt64) -> PageDescriptor {
        PageDescriptor(raw: physical | 3)
    }

    /// Memory attributes, as indices into MAIR_EL1.
    @frozen public enum Memory: UInt64, Sendable {
        /// Normal, write-back (attribute 0xff).
        case normal = 0
        /// Device-nGnRE (attribute 0x04).
        case device = 1
        /// Normal, not cached (attribute 0x44).
        case uncached = 2
    }
    /// The value of MAIR_EL1 that gives `Memory` its meaning.
    @inlinable public static var memoryAttributes: UInt64 { 0x44_04ff }

    /// Returns a user mapping: AP[1] user, PXN, nG (per ASID), AF, inner shareable; AP[2] read-only
    /// and UXN by the rights.
    @inlinable public static func user(
        _ physical: UInt64, _ size: FrameSize, _ rights: Rights, _ memory: Memory
    ) -> PageDescriptor {
        var raw = physical | (size == .page ? 3 : 1) | memory.rawValue << 2
        raw |= 1 << 10 | 1 << 11 | 1 << 6 | 1 << 53 | 3 << 8
        if !rights.contains(.write) { raw |= 1 << 7 }
        if !rights.contains(.execute) { raw |= 1 << 54 }
        return PageDescriptor(raw: raw)
    }
    /// Returns a kernel mapping: global, UXN, AF, inner shareable; AP[2] read-only and PXN by the
    /// arguments.
    @inlinable public static func kernel(
        _ physical: UInt64, _ size: FrameSize, writable: Bool, executable: Bool, _ memory: Memory
    ) -> PageDescriptor {
        var raw = physical | (size == .page ? 3 : 1) | memory.rawValue << 2
        raw |= 1 << 10 | 1 << 54 | 3 << 8
        if !writable { raw |= 1 << 7 }
        if !executable { raw |= 1 << 53 }
        return PageDescriptor(raw: raw)
    }

    @inlinable public var isValid: Bool { raw & 1 != 0 }
    /// Whether it points to a table, at levels 1 and 2. (At level 3 the same bits mean a page.)
    @inlinable public var isTable: Bool { raw & 3 == 3 }
    /// The physical address of the next table or of the page.
    @inlinable public var address: UInt64 { raw & 0x0000_ffff_ffff_f000 }
    @inlinable public var isUserWritable: Bool { raw & (1 << 7) == 0 }
    @inlinable public var isDevice: Bool { (raw >> 2) & 7 == Memory.device.rawValue }
}
