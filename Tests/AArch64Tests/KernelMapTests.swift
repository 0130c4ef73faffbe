// The kernel's own page tables, walked as the processor would: the largest steps, the pool of
// tables, what is refused.

import CAArch64
import HardwareInterface
import Testing

@testable import AArch64

/// The tables lie in the model's image, which all of these tests share.
@Suite(.serialized) struct KernelMapTests {
    /// Where the image lies, as the map is told.
    static let image: UInt64 = 0x4020_0000
    static let pool = Int(SWIFTLET_POOL_TABLES)
    let root = swiftlet_kernel_root_address().assumingMemoryBound(to: UInt64.self)
    let offset = UInt64(UInt(bitPattern: swiftlet_image_start_address())) &- image

    init() {
        swiftlet_model_reset()
        root.update(repeating: 0, count: 512)
        memset(swiftlet_pool_start_address(), 0xa5, Self.pool * 4096)
    }
    private func memset(_ start: UnsafeMutableRawPointer, _ byte: UInt8, _ count: Int) {
        start.initializeMemory(as: UInt8.self, repeating: byte, count: count)
    }

    /// The entry that translates an address, and its level; nil where none does.
    func walk(_ virtual: UInt64) -> (entry: PageDescriptor, level: Int)? {
        var table = root
        for level in 1...3 {
            let entry = PageDescriptor(raw: table[PageDescriptor.index(virtual, level: level)])
            if !entry.isValid { return nil }
            if level == 3 || !entry.isTable { return (entry, level) }
            guard let next = UnsafeMutablePointer<UInt64>(bitPattern: UInt(entry.address &+ offset))
            else { return nil }
            table = next
        }
        return nil
    }
    func usedTables(_ map: KernelMap) -> Int {
        Self.pool - Int((map.leftover.size - 12288) / 4096)
    }
    /// Is each page of a range mapped to its place, in this way?
    func isMapped(_ virtual: UInt64, _ physical: UInt64, level: Int, _ expected: PageDescriptor)
        -> Bool
    {
        guard let found = walk(virtual) else { return false }
        return found.level == level && found.entry == expected
    }

    @Test func aPageTakesTwoTablesAndALaterOneNone() throws {
        var map = KernelMap(imagePhysical: Self.image)
        #expect(map.leftover.base == Self.image + 8192 && usedTables(map) == 0)
        #expect(map.physical(swiftlet_kernel_root_address()) == Self.image + 4096)
        try map.map(0xffff_ff80_4000_0000, 0x4000_0000, bytes: 4096, writable: true, .normal)
        #expect(usedTables(map) == 2)
        #expect(
            isMapped(
                0xffff_ff80_4000_0000, 0x4000_0000, level: 3,
                .kernel(0x4000_0000, .page, writable: true, executable: false, .normal)))
        #expect(walk(0xffff_ff80_4000_1000) == nil)
        try map.map(0xffff_ff80_4000_1000, 0x5000_0000, bytes: 8192, writable: false, .normal)
        #expect(usedTables(map) == 2)
        for page in 0..<UInt64(2) {
            #expect(
                isMapped(
                    0xffff_ff80_4000_1000 + page * 4096, 0x5000_0000, level: 3,
                    .kernel(
                        0x5000_0000 + page * 4096, .page, writable: false, executable: false,
                        .normal)))
        }
        #expect(walk(0xffff_ff80_4000_3000) == nil)
        #expect(swiftlet_model_count() == 2, "each mapping is published")
    }

    @Test func theLargestStepThatFitsIsTaken() throws {
        var map = KernelMap(imagePhysical: Self.image)
        // A page, 2 MiB, 1 GiB, 2 MiB and a page, each where its alignment begins.
        let gigabyte: UInt64 = 1 << 30
        let block: UInt64 = 1 << 21
        let first = 0xffff_ff80_0000_0000 + gigabyte - block - 4096
        let bytes = 4096 + block + gigabyte + block + 4096
        try map.map(first, gigabyte - block - 4096, bytes: bytes, writable: true, .normal)
        let levels = [
            first, first + 4096, first + 4096 + block, first + bytes - 4096 - block,
            first + bytes - 4096,
        ].map {
            walk($0)?.level
        }
        #expect(levels == [3, 2, 1, 2, 3])
        #expect(walk(first - 4096) == nil && walk(first + bytes) == nil)
        #expect(walk(first + 4096)?.entry.address == gigabyte - block)
        #expect(walk(first + 4096 + block)?.entry.address == gigabyte)
        #expect(walk(first + bytes - 4096)?.entry.address == 2 * gigabyte + block)
    }

    /// The alignment of both addresses counts.
    @Test(arguments: [0, 4096, 1 << 21] as [UInt64]) func whatIsNotAlignedIsMappedInSmallerSteps(
        shift: UInt64
    ) throws {
        var map = KernelMap(imagePhysical: Self.image)
        try map.map(
            0xffff_ff80_4000_0000, 0x8000_0000 + shift, bytes: 1 << 21, writable: true, .normal)
        #expect(walk(0xffff_ff80_4000_0000)?.level == (shift == 4096 ? 3 : 2))
        #expect(walk(0xffff_ff80_401f_f000)?.entry.isValid == true)
        var other = KernelMap(imagePhysical: Self.image)
        try other.map(
            0xffff_ff81_0000_0000, 0xc000_0000, bytes: (1 << 21) - 4096, writable: true, .normal)
        #expect(walk(0xffff_ff81_0000_0000)?.level == 3)
    }

    @Test func nothingIsMappedTwice() throws {
        var map = KernelMap(imagePhysical: Self.image)
        try map.mapLinear(0x4000_0000, bytes: 1 << 21, writable: true)
        for (physical, bytes): (UInt64, UInt64) in [
            (0x4000_0000, 4096), (0x4000_0000, 1 << 21), (0x401f_f000, 4096),
        ] {
            #expect(throws: BootFailure.self) {
                try map.mapLinear(physical, bytes: bytes, writable: true)
            }
        }
        try map.mapLinear(0x4020_0000, bytes: 4096, writable: true)
        #expect(throws: BootFailure.self) {
            try map.mapLinear(0x4020_0000, bytes: 4096, writable: true)
        }
    }

    @Test func thePoolHasAnEnd() throws {
        var map = KernelMap(imagePhysical: Self.image)
        // A page in each of many GiB: two tables each.
        for piece in 0..<UInt64(Self.pool / 2) {
            try map.mapLinear(piece << 30, bytes: 4096, writable: true)
        }
        #expect(usedTables(map) == Self.pool && map.leftover.size == 12288)
        #expect(throws: BootFailure.self) {
            try map.mapLinear(UInt64(Self.pool) << 30, bytes: 4096, writable: true)
        }
        for piece in 0..<UInt64(Self.pool / 2) {
            #expect(walk(KernelLayout.linear(piece << 30))?.entry.address == piece << 30)
            #expect(walk(KernelLayout.linear(piece << 30 + 4096)) == nil, "a table begins empty")
        }
    }

    /// Where the pool ends, tables come from the end of the memory that was added. It has the
    /// place of RAM at which the model's addresses lie in the linear mapping.
    @Test func tablesComeFromAddedMemoryThen() throws {
        var map = KernelMap(imagePhysical: Self.image)
        #expect(map.tablesLeft == UInt64(Self.pool) && map.moreLeft.size == 0)
        for piece in 0..<UInt64(Self.pool / 2) {
            try map.mapLinear(piece << 30, bytes: 4096, writable: true)
        }
        #expect(map.tablesLeft == 0)
        let pages = UnsafeMutableRawPointer.allocate(byteCount: 3 * 4096, alignment: 4096)
        defer { pages.deallocate() }
        memset(pages, 0xa5, 3 * 4096)
        let physical = UInt64(UInt(bitPattern: pages)) &- KernelLayout.linearBase
        map.addTables(physical, bytes: 3 * 4096)
        #expect(map.tablesLeft == 3)
        let next = UInt64(Self.pool / 2)
        try map.mapLinear(next << 30, bytes: 4096, writable: true)
        #expect(map.tablesLeft == 1 && map.moreLeft == (physical, 4096))
        try map.mapLinear(next << 30 + 4096, bytes: 4096, writable: true)
        let level3 = (pages + 4096).assumingMemoryBound(to: UInt64.self)
        #expect(PageDescriptor(raw: level3[0]).address == next << 30)
        #expect(PageDescriptor(raw: level3[1]).address == next << 30 + 4096)
        #expect(level3[2] == 0, "a table begins empty")
        #expect(throws: BootFailure.self) {
            try map.mapLinear((next + 1) << 30, bytes: 4096, writable: true)
        }
    }

    @Test func devicesStandApartFromOneAnother() throws {
        var map = KernelMap(imagePhysical: Self.image)
        let base = swiftlet_device_base()
        #expect(try map.mapDevice(0x0900_0010, bytes: 0x20) == base + 0x10)
        let device = PageDescriptor.kernel(
            0x0900_0000, .page, writable: true, executable: false, .device)
        #expect(isMapped(base, 0x0900_0000, level: 3, device))
        #expect(walk(base + 4096) == nil)
        // Registers across a page border take both pages.
        #expect(try map.mapDevice(0x0a00_0ff8, bytes: 16) == base + 2 * 4096 + 0xff8)
        #expect(walk(base + 3 * 4096)?.entry.address == 0x0a00_1000 && walk(base + 4 * 4096) == nil)
        #expect(try map.mapDevice(0x0b00_0000, bytes: 4096) == base + 5 * 4096)
        #expect(walk(base + 6 * 4096) == nil)
    }

    /// Megabytes of registers are mapped in blocks: as far from a border as they are physically.
    @Test func largeDevicesAreMappedInBlocks() throws {
        var map = KernelMap(imagePhysical: Self.image)
        let base = swiftlet_device_base()
        _ = try map.mapDevice(0x0900_0000, bytes: 4096)
        #expect(try map.mapDevice(0x080a_0000, bytes: 0xf6_0000) == base + 0xa_0000)
        #expect(walk(base + 0xa_0000)?.level == 3 && walk(base + 0x20_0000)?.level == 2)
        #expect(walk(base + 0x20_0000)?.entry.address == 0x0820_0000)
        #expect(try map.mapDevice(0x0c00_0000, bytes: 4096) == base + 0xa_0000 + 0xf6_0000 + 4096)
        // One of less than 2 MiB follows without such a gap.
        #expect(
            try map.mapDevice(0x0c1f_0000, bytes: 0x10_0000) == base + 0xa_0000 + 0xf6_0000 + 3
                * 4096)
    }

    @Test func theRoomForDevicesHasAnEnd() throws {
        var map = KernelMap(imagePhysical: Self.image)
        let room = swiftlet_device_bytes() - 4096
        #expect(throws: BootFailure.self) { _ = try map.mapDevice(0, bytes: room + 1) }
        #expect(throws: BootFailure.self) {
            _ = try map.mapDevice(0x20_0000, bytes: room + (1 << 30))
        }
        #expect(try map.mapDevice(0x4000_0000, bytes: room) == swiftlet_device_base())
        #expect(throws: BootFailure.self) { _ = try map.mapDevice(0x1000, bytes: 4096) }
        var other = KernelMap(imagePhysical: Self.image)
        root.update(repeating: 0, count: 512)
        _ = try other.mapDevice(0x1000, bytes: 4096)
        // The gap before the blocks would reach beyond the end.
        #expect(throws: BootFailure.self) {
            _ = try other.mapDevice(0x4000_0000 + 0x1000, bytes: room - 0x2000)
        }
    }

    @Test func pagesOfTheImageAreTakenOut() throws {
        var map = KernelMap(imagePhysical: Self.image)
        try map.map(0xffff_ffff_c000_0000, Self.image, bytes: 5 * 4096, writable: false, .normal)
        try map.unmapImage(0xffff_ffff_c000_1000, bytes: 2 * 4096)
        let isThere = (0..<UInt64(5)).map { walk(0xffff_ffff_c000_0000 + $0 * 4096) != nil }
        #expect(isThere == [true, false, false, true, true])
        try map.mapLinear(0, bytes: 1 << 21, writable: true)
        #expect(throws: BootFailure.self) {
            try map.unmapImage(KernelLayout.linear(0), bytes: 4096)
        }
    }

    @Test func theLinearMappingStandsAtItsPlace() {
        #expect(
            KernelLayout.linearBase == 0xffff_ff80_0000_0000 && KernelLayout.linearBytes == 1 << 38)
        #expect(KernelLayout.linear(0x4000_0000) == 0xffff_ff80_4000_0000)
        #expect(UInt(bitPattern: KernelLayout.pointer(0x1234)) == 0xffff_ff80_0000_1234)
    }
}
