// Address spaces: mapping by capability, W^X, levels of tables. No entry outlives the memory that
// it points to.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

@Suite struct AddressSpaceTests {
    static let place: UInt64 = 0x40_0000
    let read = UInt64(Rights.read.raw)
    let readWrite = UInt64((Rights.read | Rights.write).raw)
    let readExecute = UInt64((Rights.read | Rights.execute).raw)

    /// A space with tables for the 2 MiB around `place`.
    func makeSpace(_ s: TestSystem, from untyped: UInt32 = TestSystem.ram) -> UInt32 {
        let space = s.make(.addressSpace, from: untyped)
        s.attachTables(to: space, at: AddressSpaceTests.place, from: untyped)
        return space
    }
    /// Returns the entry that a table walker finds; nil where it finds none.
    func walk(_ s: TestSystem, _ space: UInt32, _ address: UInt64) -> PageDescriptor? {
        guard let space = s.object(space, as: AddressSpace.self) else { return nil }
        var at = space.pointee.rootPhysical
        for level in 1...3 {
            let table = s.hardware.memory + Int(at - ModelState.ramBase)
            let entry = PageDescriptor(
                raw: table.load(
                    fromByteOffset: PageDescriptor.index(address, level: level) * 8, as: UInt64.self
                ))
            if !entry.isValid { return nil }
            if level == 3 || !entry.isTable { return entry }
            at = entry.address
        }
        return nil
    }

    @Test func mapProtectUnmap() {
        let s = TestSystem()
        let space = makeSpace(s)
        let frame = s.make(.frame, sizeBits: 12)
        let place = AddressSpaceTests.place
        #expect(s.perform(.map, space, UInt64(frame), place, readWrite).error == nil)
        let information = s.perform(.frameInformation, frame)
        #expect(information.x[5] == place)
        #expect(walk(s, space, place)?.address == information.x[3])
        #expect(walk(s, space, place)?.isUserWritable == true)
        // The same capability maps once; a copy maps again.
        #expect(s.perform(.map, space, UInt64(frame), place + 4096, read).error == .alreadyMapped)
        let copy = s.copy(frame)
        #expect(s.perform(.map, space, UInt64(copy), place, read).error == .alreadyMapped)
        #expect(s.perform(.map, space, UInt64(copy), place + 4096, readExecute).error == nil)
        let code = walk(s, space, place + 4096)
        #expect(code?.isUserWritable == false && code.map { $0.raw & 1 << 54 } == 0)
        // Never executable by the kernel, never global.
        #expect(code.map { $0.raw & (1 << 53 | 1 << 11) } == 1 << 53 | 1 << 11)
        #expect(s.perform(.protect, space, UInt64(frame), read).error == nil)
        #expect(walk(s, space, place)?.isUserWritable == false)
        #expect(s.hardware.invalidatedPages.last?.page == place)
        #expect(s.perform(.unmap, space, UInt64(frame)).error == nil)
        #expect(walk(s, space, place) == nil && walk(s, space, place + 4096) != nil)
        #expect(s.perform(.unmap, space, UInt64(frame)).error == .notMapped)
        #expect(s.perform(.protect, space, UInt64(frame), read).error == .notMapped)
        #expect(s.perform(.unmap, RootSlot.addressSpace.index, UInt64(copy)).error == .notMapped)
    }

    @Test func writableOrExecutableAndWithinTheRights() {
        let s = TestSystem()
        let space = makeSpace(s)
        let frame = s.make(.frame, sizeBits: 12)
        let place = AddressSpaceTests.place
        for rights in [0, 2, 4, 6, 7, 8, 9, 17, 255] as [UInt64] {
            #expect(s.perform(.map, space, UInt64(frame), place, rights).error == .invalidArgument)
        }
        let readable = s.copy(frame, rights: .read)
        #expect(s.perform(.map, space, UInt64(readable), place, readWrite).error == .missingRights)
        #expect(
            s.perform(.map, space, UInt64(readable), place, readExecute).error == .missingRights)
        #expect(s.perform(.map, space, UInt64(readable), place, read).error == nil)
        #expect(s.perform(.protect, space, UInt64(readable), readWrite).error == .missingRights)
        #expect(s.perform(.protect, space, UInt64(readable), 7).error == .invalidArgument)
        #expect(walk(s, space, place)?.isUserWritable == false)
    }

    @Test func addressesAndKinds() {
        let s = TestSystem()
        let space = makeSpace(s)
        let frame = UInt64(s.make(.frame, sizeBits: 12))
        let place = AddressSpaceTests.place
        for address in [place + 1, place + 0x800, 1 << 39, ~0 - 4095, 1 << 63] as [UInt64] {
            #expect(s.perform(.map, space, frame, address, read).error == .invalidArgument)
        }
        #expect(s.perform(.map, space, 1, place, read).error == .wrongKind)
        #expect(s.perform(.unmap, space, 1).error == .wrongKind)
        #expect(s.perform(.map, 1, frame, place, read).error == .wrongKind)
        #expect(s.perform(.map, space, 4000, place, read).error == .invalidCapability)
        #expect(s.perform(.attachTable, space, frame, place).error == .wrongKind)
        let table = UInt64(s.make(.pageTable))
        #expect(s.perform(.attachTable, space, table, 1 << 39).error == .invalidArgument)
        #expect(s.perform(.attachTable, space, table, place).error == .alreadyMapped)
    }

    @Test func missingLevelsAreNamed() {
        let s = TestSystem()
        let space = s.make(.addressSpace)
        let frame = UInt64(s.make(.frame, sizeBits: 12))
        for level in [2, 3] as [UInt64] {
            let result = s.perform(.map, space, frame, 0x7f_ffff_f000, read)
            #expect(result.error == .notMapped && result.x[3] == level)
            let table = UInt64(s.make(.pageTable))
            #expect(s.perform(.attachTable, space, table, 0x7f_ffff_f000).error == nil)
            #expect(s.perform(.attachTable, space, table, 0).error == .alreadyMapped)
        }
        #expect(s.perform(.map, space, frame, 0x7f_ffff_f000, read).error == nil)
    }

    @Test func blocks() {
        let s = TestSystem()
        let space = s.make(.addressSpace)
        let block = s.make(.frame, sizeBits: 21)
        let page = s.make(.frame, sizeBits: 12)
        s.perform(.attachTable, space, UInt64(s.make(.pageTable)), 0)
        #expect(
            s.perform(.map, space, UInt64(block), 0x10_0000, readWrite).error == .invalidArgument)
        #expect(s.perform(.map, space, UInt64(block), 0x20_0000, readWrite).error == nil)
        #expect(walk(s, space, 0x20_5000)?.address == s.perform(.frameInformation, block).x[3])
        #expect(s.perform(.map, space, UInt64(page), 0x20_0000, read).error == .alreadyMapped)
        #expect(
            s.perform(.attachTable, space, UInt64(s.make(.pageTable)), 0x20_0000).error
                == .alreadyMapped)
        let device = UInt64(s.allocateSlot())
        let made = s.perform(
            .retype, TestSystem.largeDevice, UInt64(ObjectKind.frame.rawValue) | 30 << 8, 1, s.own,
            device,
            UInt64(TestSystem.ram))
        #expect(made.error == nil)
        #expect(s.perform(.map, space, device, 1 << 30, readExecute).error == .invalidArgument)
        #expect(s.perform(.map, space, device, 1 << 30, readWrite).error == nil)
        #expect(walk(s, space, 1 << 30)?.isDevice == true)
        #expect(s.perform(.unmap, space, device).error == nil)
        #expect(s.perform(.unmap, space, UInt64(block)).error == nil)
        #expect(walk(s, space, 0x20_5000) == nil)
    }

    @Test func aMappingGoesWithItsCapability() {
        let s = TestSystem()
        let space = makeSpace(s)
        let arena = s.make(.untyped, sizeBits: 14)
        let frame = s.make(.frame, sizeBits: 12, from: arena)
        let copies = (0..<5).map { _ in s.copy(frame) }
        let place = AddressSpaceTests.place
        for (index, copy) in copies.enumerated() {
            #expect(
                s.perform(.map, space, UInt64(copy), place + UInt64(index) * 4096, read).error
                    == nil)
        }
        _ = s.delete(copies[0])
        #expect(walk(s, space, place) == nil)
        let target = s.allocateSlot()
        #expect(
            s.perform(.move, Slot.ownTable.index, UInt64(copies[1]), s.own, UInt64(target)).error
                == nil)
        #expect(s.perform(.frameInformation, target).x[5] == place + 4096)
        #expect(s.perform(.unmap, space, UInt64(target)).error == nil)
        #expect(walk(s, space, place + 4096) == nil)
        _ = s.revoke(frame)
        for index in 0..<5 as Range<UInt64> { #expect(walk(s, space, place + index * 4096) == nil) }
        #expect(s.perform(.map, space, UInt64(frame), place, read).error == nil)
        s.perform(.reclaim, arena)
        #expect(walk(s, space, place) == nil)
        #expect(s.hardware.invalidatedPages.last?.page == place)
    }

    @Test func aTablesDeathUnmapsWhatItHeld() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let space = s.make(.addressSpace)
        let place = AddressSpaceTests.place
        s.perform(.attachTable, space, UInt64(s.make(.pageTable)), place)
        s.perform(.attachTable, space, UInt64(s.make(.pageTable, from: arena)), place)
        let frame = s.make(.frame, sizeBits: 12)
        s.perform(.map, space, UInt64(frame), place, read)
        s.perform(.reclaim, arena)
        #expect(walk(s, space, place) == nil)
        #expect(s.hardware.invalidatedSpaces.count == 1)
        // The capability still says mapped, until it is unmapped; then all goes anew.
        #expect(s.perform(.protect, space, UInt64(frame), read).error == .notMapped)
        #expect(s.perform(.unmap, space, UInt64(frame)).error == nil)
        s.perform(.attachTable, space, UInt64(s.make(.pageTable, from: arena)), place)
        #expect(s.perform(.map, space, UInt64(frame), place, read).error == nil)
    }

    /// Tables that outlive their address space carry nothing of it into another.
    @Test func aTableIsEmptyWhenItIsAttachedAgain() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let first = s.make(.addressSpace, from: arena)
        let upper = s.make(.pageTable)
        let lower = s.make(.pageTable)
        let place = AddressSpaceTests.place
        s.perform(.attachTable, first, UInt64(upper), place)
        s.perform(.attachTable, first, UInt64(lower), place)
        let secret = s.make(.frame, sizeBits: 12)
        #expect(s.perform(.map, first, UInt64(secret), place, readWrite).error == nil)
        s.perform(.reclaim, arena)
        #expect(s.perform(.frameInformation, secret).x[5] == 0)
        let second = s.make(.addressSpace)
        #expect(s.perform(.attachTable, second, UInt64(upper), place).error == nil)
        #expect(walk(s, second, place) == nil)
        #expect(s.perform(.attachTable, second, UInt64(lower), place).error == nil)
        #expect(walk(s, second, place) == nil)
    }

    @Test func cacheMaintenanceIsCutIntoSteps() {
        let s = TestSystem()
        let block = s.make(.frame, sizeBits: 21)
        s.hardware.queriesLeft = 0
        s.hardware.ghostPeriod = 3
        let before = s.hardware.cacheSteps
        #expect(
            s.perform(.maintainCache, block, CacheOperation.clean.rawValue, 0x1000, 0x10_0000).error
                == nil)
        s.hardware.queriesLeft = nil
        #expect(s.hardware.cacheSteps - before == 256)
        #expect(s.hardware.largestCache <= KernelLimits.cacheStep)
        #expect(s.hardware.cacheOperations.suffix(256).allSatisfy { $0 == .clean })
        #expect(s.perform(.maintainCache, block, 3, 0, 64).error == .invalidArgument)
        #expect(s.perform(.maintainCache, block, 0, 0x20_0000, 1).error == .invalidArgument)
        #expect(s.perform(.maintainCache, block, 0, 1, ~0).error == .invalidArgument)
        #expect(s.perform(.maintainCache, block, 0, ~0, 1).error == .invalidArgument)
        #expect(s.perform(.maintainCache, block, 0, 0x20_0000, 0).error == nil)
    }
}
