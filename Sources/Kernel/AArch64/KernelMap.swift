// The kernel's own address space. Boot code extends the mapping of the image, which Boot.S made.
//
// All RAM that the kernel uses is at one fixed distance from its physical address. There it is
// never executable, and the kernel's text and constants are read-only. So after boot no byte of
// memory is both writable and executable, under any of its addresses. Page tables come from a
// static pool, so mapping needs no memory that is not mapped yet.

import CAArch64
import HardwareInterface
import KernelABI

/// The layout of the kernel's half of the address space.
public enum KernelLayout {
    /// The kernel's address of physical address 0, and the size of the linear mapping. RAM above it
    /// is not used.
    public static var linearBase: UInt64 { swiftlet_linear_base() }
    public static var linearBytes: UInt64 { swiftlet_linear_bytes() }

    @inline(__always) public static func linear(_ physical: UInt64) -> UInt64 {
        physical &+ swiftlet_linear_base()
    }
    @inline(__always) public static func pointer(_ physical: UInt64) -> UnsafeMutableRawPointer {
        // Safety: the linear mapping never reaches address 0. The caller knows that this part of it
        // is mapped.
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(linear(physical))).unsafelyUnwrapped
    }
    /// A page table as its entries.
    public static func table(_ page: UnsafeMutableRawPointer) -> UnsafeMutablePointer<UInt64> {
        // Safety: the page holds 512 entries.
        unsafe page.assumingMemoryBound(to: UInt64.self)
    }
}

/// The kernel's page tables under construction.
@safe public struct KernelMap {
    private let imageOffset: UInt64
    private var nextTable: UInt64
    /// More room for tables, in the linear mapping. Tables are taken from its end.
    private var more: (start: UInt64, next: UInt64, end: UInt64) = (0, 0, 0)
    private var nextDevice = swiftlet_device_base()

    /// Continues from the tables that Boot.S made.
    ///
    /// - Parameter imagePhysical: where the boot loader put the image.
    public init(imagePhysical: UInt64) {
        imageOffset =
            unsafe UInt64(UInt(bitPattern: swiftlet_image_start_address())) &- imagePhysical
        nextTable = unsafe UInt64(UInt(bitPattern: swiftlet_pool_end_address()))
    }

    /// Returns the physical address of an address in the image.
    public func physical(_ image: UnsafeMutableRawPointer) -> UInt64 {
        UInt64(UInt(bitPattern: image)) &- imageOffset
    }
    /// The physical pages that only boot needed: the tables of the identity mapping, and the rest
    /// of the pool.
    public var leftover: (base: UInt64, size: UInt64) {
        let start = unsafe UInt64(UInt(bitPattern: swiftlet_boot_tables_start_address()))
        return (start &- imageOffset, nextTable &- start)
    }

    /// Bytes of the tables of the identity mapping, with which `leftover` begins.
    public var identityTables: UInt64 {
        unsafe UInt64(UInt(bitPattern: swiftlet_boot_lists_address()))
            &- UInt64(UInt(bitPattern: swiftlet_boot_tables_start_address()))
    }

    /// The rest of the room that `addTables` added.
    public var moreLeft: (base: UInt64, size: UInt64) { (more.start, more.next &- more.start) }

    /// Page tables that there is room for.
    public var tablesLeft: UInt64 {
        (nextTable &- KernelMap.pool &+ moreLeft.size) / 4096
    }
    private static var pool: UInt64 {
        unsafe UInt64(UInt(bitPattern: swiftlet_pool_start_address()))
    }

    /// Adds room for tables, once the pool is used up.
    ///
    /// - Precondition: the pages are in the linear mapping, and it is done once.
    public mutating func addTables(_ physical: UInt64, bytes: UInt64) {
        more = (physical, physical &+ bytes, physical &+ bytes)
    }

    /// Maps a page-aligned range in the largest steps that its alignment allows.
    ///
    /// - Complexity: one entry for each step. If both addresses agree modulo 1 GiB, a range has at
    ///   most 1,024 pages and 1,024 blocks of 2 MiB around its GiBs.
    public mutating func map(
        _ virtual: UInt64, _ physical: UInt64, bytes: UInt64, writable: Bool,
        _ memory: PageDescriptor.Memory
    ) throws(BootFailure) {
        var done: UInt64 = 0
        while done < bytes {  // once a step
            let size = KernelMap.largestStep((virtual &+ done) | (physical &+ done), bytes &- done)
            let entry = try unsafe entry(virtual &+ done, level: PageDescriptor.level(size))
            if unsafe PageDescriptor(raw: entry.pointee).isValid {
                throw BootFailure("memory is described twice")
            }
            unsafe entry.pointee =
                PageDescriptor.kernel(
                    physical &+ done, size, writable: writable, executable: false, memory
                ).raw
            done &+= 1 << UInt64(size.rawValue)
        }
        Translation.publish()
    }

    /// Maps RAM at its place in the linear mapping.
    public mutating func mapLinear(_ physical: UInt64, bytes: UInt64, writable: Bool)
        throws(BootFailure)
    {
        if physical >= KernelLayout.linearBytes || bytes > KernelLayout.linearBytes - physical {
            throw BootFailure("the image lies above 256 GiB")
        }
        try map(KernelLayout.linear(physical), physical, bytes: bytes, writable: writable, .normal)
    }

    /// Maps registers of the kernel's own devices.
    ///
    /// - Returns: the virtual address of the register at `physical`.
    public mutating func mapDevice(
        _ physical: UInt64, bytes: UInt64
    ) throws(BootFailure) -> UInt64 {
        // A translation to an address that the processor does not have would fault at its first
        // use.
        if physical >= 1 << KernelMap.physicalBits {
            throw BootFailure("a device lies where the processor has no addresses")
        }
        let first = physical & ~4095
        let size = (physical &+ bytes &+ 4095 &- first) & ~4095
        // The same distance from a 2 MiB boundary as the registers, so that blocks map a GICv3's
        // megabytes.
        let skip = size >= 1 << 21 ? (first &- nextDevice) & 0x1f_ffff : 0
        let room = swiftlet_device_base() &+ swiftlet_device_bytes() &- nextDevice
        // The gap after a device needs room as well.
        if size >= room || skip >= room &- size {
            throw BootFailure("the kernel's devices have too many registers")
        }
        let virtual = nextDevice &+ skip
        try map(virtual, first, bytes: size, writable: true, .device)
        nextDevice = virtual &+ size &+ 4096  // a gap between devices
        return virtual &+ (physical & 4095)
    }

    /// The width of a physical address in bits, at most the 48 of this table format
    /// (ID_AA64MMFR0_EL1.PARange).
    private static var physicalBits: UInt64 {
        switch swiftlet_read_memory_features() & 15 {
        case 0: return 32
        case 1: return 36
        case 2: return 40
        case 3: return 42
        case 4: return 44
        default: return 48
        }
    }

    /// Unmaps pages of the image in the kernel's half.
    public mutating func unmapImage(_ start: UInt64, bytes: UInt64) throws(BootFailure) {
        var done: UInt64 = 0
        while done < bytes {  // once a page
            unsafe try entry(start &+ done, level: 3).pointee = 0
            done &+= 4096
        }
    }

    /// Unmaps a page that `mapLinear` mapped as one.
    public mutating func unmapLinear(_ physical: UInt64) {
        // Its tables are there, so none is missing.
        unsafe try? entry(KernelLayout.linear(physical), level: 3).pointee = 0
        Translation.invalidateAll()
    }

    private static func largestStep(_ alignment: UInt64, _ bytes: UInt64) -> FrameSize {
        if alignment & 0x3fff_ffff == 0 && bytes >= 1 << 30 { return .block1G }
        if alignment & 0x1f_ffff == 0 && bytes >= 1 << 21 { return .block2M }
        return .page
    }

    /// Returns the entry for an address at a level, and takes tables from the pool for missing
    /// levels above.
    private mutating func entry(_ virtual: UInt64, level: Int) throws(BootFailure)
        -> UnsafeMutablePointer<UInt64>
    {
        var table = unsafe swiftlet_kernel_root_address()
        for above in 1..<level {
            let slot = unsafe KernelMap.slot(table, virtual, level: above)
            let current = unsafe PageDescriptor(raw: slot.pointee)
            if current.isValid && !current.isTable {
                throw BootFailure("memory is described twice")
            }
            if !current.isValid { unsafe slot.pointee = PageDescriptor.table(try takeTable()).raw }
            unsafe table = pointer(toTable: PageDescriptor(raw: slot.pointee).address)
        }
        return unsafe KernelMap.slot(table, virtual, level: level)
    }

    private static func slot(
        _ table: UnsafeMutableRawPointer, _ virtual: UInt64, level: Int
    ) -> UnsafeMutablePointer<UInt64> {
        // Safety: a table is a page of 512 entries, and the index is below 512.
        unsafe (table + 8 * PageDescriptor.index(virtual, level: level)).assumingMemoryBound(
            to: UInt64.self)
    }

    private func pointer(toTable physical: UInt64) -> UnsafeMutableRawPointer {
        if physical >= more.next && physical < more.end {
            return unsafe KernelLayout.pointer(physical)
        }
        // Safety: all other tables of the kernel lie in the image.
        return unsafe UnsafeMutableRawPointer(bitPattern: UInt(physical &+ imageOffset))
            .unsafelyUnwrapped
    }

    /// Takes room for a table and zeroes it.
    ///
    /// - Returns: its physical address.
    private mutating func takeTable() throws(BootFailure) -> UInt64 {
        var physical: UInt64
        if nextTable > KernelMap.pool {
            nextTable &-= 4096
            physical = nextTable &- imageOffset
        } else if more.next > more.start {
            more.next &-= 4096
            physical = more.next
        } else {
            throw BootFailure("memory lies in too many pieces for the kernel's page tables")
        }
        unsafe swiftlet_zero(pointer(toTable: physical), 4096)
        return physical
    }
}
