// Translation of user addresses by every kind of table entry, mappings that outlived their table,
// and ASIDs that are used again.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

@Suite struct TranslationTests {
    let place: UInt64 = 0x40_0000
    let readWrite = UInt64((Rights.read | Rights.write).raw)

    /// A space with tables of both levels for `place`, the lower one made from `arena`.
    private func makeSpace(_ s: TestSystem, lower arena: UInt32 = TestSystem.ram) -> UInt32 {
        let space = s.make(.addressSpace)
        s.perform(.attachTable, space, UInt64(s.make(.pageTable)), place)
        attachLower(s, space, from: arena)
        return space
    }
    private func attachLower(
        _ s: TestSystem, _ space: UInt32, from untyped: UInt32 = TestSystem.ram
    ) {
        #expect(
            s.perform(.attachTable, space, UInt64(s.make(.pageTable, from: untyped)), place).error
                == nil)
    }
    private func makeDeviceFrame(
        _ s: TestSystem, sizeBits: UInt64, from untyped: UInt32
    ) -> UInt32 {
        let slot = s.allocateSlot()
        let kind = UInt64(ObjectKind.frame.rawValue) | sizeBits << 8
        #expect(
            s.perform(.retype, untyped, kind, 1, s.own, UInt64(slot), UInt64(TestSystem.ram)).error
                == nil)
        return slot
    }
    private func thread(_ s: TestSystem, in space: UInt32) -> TestThread {
        let thread = s.makeThread(priority: 20)
        #expect(
            s.perform(.configure, thread.slot, s.none, UInt64(space), s.none, s.none).error == nil)
        return thread
    }
    private func translate(
        _ s: TestSystem, _ thread: TestThread, _ address: UInt64, write: Bool = false
    ) -> UInt64? {
        s.kernel.pointee.translate(thread.ref, address, write: write).map {
            ModelState.ramBase + UInt64($0.0 - s.hardware.memory)
        }
    }
    private func physical(_ s: TestSystem, _ frame: UInt32) -> UInt64 {
        s.perform(.frameInformation, frame).x[3]
    }

    /// Pages and blocks, and what the kernel itself mapped for the root task.
    @Test func everyKindOfEntryIsTranslated() {
        let s = TestSystem()
        let space = makeSpace(s)
        let page = s.make(.frame, sizeBits: 12)
        let block = s.make(.frame, sizeBits: 21)
        #expect(s.perform(.map, space, UInt64(page), place + 0x5000, 1).error == nil)
        #expect(s.perform(.map, space, UInt64(block), 0x60_0000, readWrite).error == nil)
        let user = thread(s, in: space)
        #expect(translate(s, user, place + 0x5123) == physical(s, page) + 0x123)
        #expect(translate(s, user, place + 0x5123, write: true) == nil)
        #expect(
            translate(s, user, place + 0x4fff) == nil && translate(s, user, place + 0x6000) == nil)
        for offset in [0, 0x1234, 0x1f_ffff] as [UInt64] {
            #expect(
                translate(s, user, 0x60_0000 + offset, write: true) == physical(s, block) + offset)
        }
        #expect(translate(s, user, 0x80_0000) == nil)
        #expect(translate(s, user, 1 << 30) == nil && translate(s, user, Limits.userEnd) == nil)
        for address in [
            RootLayout.information, RootLayout.ipcBuffer, RootLayout.deviceTree, RootLayout.bundle,
        ] {
            #expect(translate(s, s.root, address) != nil, "\(String(address, radix: 16))")
        }
    }

    /// Device registers are not memory: the kernel neither reads nor writes them for a task,
    /// whatever their size.
    @Test func registersAreNotTranslated() {
        let s = TestSystem()
        let space = makeSpace(s)
        let page = makeDeviceFrame(s, sizeBits: 12, from: TestSystem.smallDevice)
        let gigabyte = makeDeviceFrame(s, sizeBits: 30, from: TestSystem.largeDevice)
        #expect(s.perform(.map, space, UInt64(page), place, readWrite).error == nil)
        #expect(s.perform(.map, space, UInt64(gigabyte), 1 << 30, readWrite).error == nil)
        let user = thread(s, in: space)
        for write in [false, true] {
            #expect(s.kernel.pointee.translate(user.ref, place, write: write) == nil)
            #expect(s.kernel.pointee.translate(user.ref, 1 << 30, write: write) == nil)
            #expect(s.kernel.pointee.translate(user.ref, 3 << 29, write: write) == nil)
        }
    }

    /// A capability whose mapping went with its table does not remove what was mapped there since.
    @Test func anOldMappingLeavesItsPlacesNewFrameAlone() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let space = makeSpace(s, lower: arena)
        let old = s.make(.frame, sizeBits: 12)
        let second = s.copy(old)
        #expect(s.perform(.map, space, UInt64(old), place, readWrite).error == nil)
        #expect(s.perform(.map, space, UInt64(second), place + 4096, readWrite).error == nil)
        s.perform(.reclaim, arena)
        attachLower(s, space)
        let new = [s.make(.frame, sizeBits: 12), s.make(.frame, sizeBits: 12)]
        for (index, frame) in new.enumerated() {
            #expect(
                s.perform(.map, space, UInt64(frame), place + 4096 * UInt64(index), readWrite).error
                    == nil)
        }
        #expect(s.perform(.protect, space, UInt64(old), 1).error == .notMapped)
        #expect(s.perform(.unmap, space, UInt64(old)).error == nil)
        _ = s.delete(second)
        let user = thread(s, in: space)
        for (index, frame) in new.enumerated() {
            #expect(
                translate(s, user, place + 4096 * UInt64(index), write: true) == physical(s, frame))
        }
    }

    /// The ASID of a destroyed address space is used again. The processor forgets its translations
    /// first.
    @Test func aNumberIsForgottenBeforeItIsUsedAgain() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let space = s.make(.addressSpace, from: arena)
        guard let number = s.object(space, as: AddressSpace.self)?.pointee.asid else { return }
        #expect(s.hardware.invalidatedSpaces.isEmpty)
        s.perform(.reclaim, arena)
        #expect(s.hardware.invalidatedSpaces == [number])
        let next = s.make(.addressSpace, from: arena)
        #expect(s.object(next, as: AddressSpace.self)?.pointee.asid == number)
    }
}
