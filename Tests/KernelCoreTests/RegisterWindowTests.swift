// Registers in a page of the kernel's: a task reaches exactly those of its device, as its rights
// allow, and cannot map them.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct RegisterWindowTests {
    let s = TestSystem()
    let window = TestSystem.registers
    let base = TestSystem.registersAddress

    @Test func theRootTaskIsToldOfThem() {
        // The information page is mapped for the root task: its list is read as that task reads it.
        let list = RootLayout.information + UInt64(MemoryLayout<BootInformation>.size)
        let index = UInt64(window - TestSystem.ram)
        let place = list + index * UInt64(MemoryLayout<UntypedRegion>.stride)
        guard let (page, _) = s.kernel.pointee.translate(s.root.ref, place, write: false) else {
            Issue.record("the list is not mapped")
            return
        }
        let entry = page.load(as: UntypedRegion.self)
        #expect(entry.physicalBase == 0x3f00_b880 && entry.isDevice == 2)
    }

    @Test func eachRegisterIsReadAndWritten() {
        s.hardware.registers[base + 0x18] = 0x4000_0000
        #expect(s.perform(.readRegister, window, 0x18).x[3] == 0x4000_0000)
        #expect(s.perform(.writeRegister, window, 0x3c, 0x1_2345_6789).error == nil)
        #expect(s.hardware.registers[base + 0x3c] == 0x2345_6789)
        #expect(s.perform(.readRegister, window, 0x20).x[3] == 0xffff_ffff, "nothing answers")
    }

    @Test(arguments: [1, 2, 3, 0x3d, 0x40, 0x1000, 1 << 63, ~0, ~0 - 3, ~0x67f] as [UInt64])
    func whatIsOutsideIsRefused(offset: UInt64) {
        #expect(s.perform(.readRegister, window, offset).error == .invalidArgument)
        #expect(s.perform(.writeRegister, window, offset, 1).error == .invalidArgument)
        #expect(s.hardware.registers.isEmpty)
    }

    @Test func rightsAndKinds() {
        let readable = s.copy(window, rights: .read)
        let writable = s.copy(window, rights: .write)
        #expect(s.perform(.writeRegister, readable, 0, 1).error == .missingRights)
        #expect(s.perform(.readRegister, writable, 0).error == .missingRights)
        #expect(s.perform(.readRegister, readable, 0).error == nil)
        #expect(s.perform(.writeRegister, writable, 0, 1).error == nil)
        let frame = s.make(.frame, sizeBits: 12)
        #expect(s.perform(.readRegister, frame, 0).error == .wrongKind)
        #expect(
            s.perform(.map, RootSlot.addressSpace.index, UInt64(window), 0x40_0000, 1).error
                == .wrongKind)
        #expect(s.perform(.frameInformation, window).error != nil)
        #expect(
            s.perform(.retype, window, UInt64(ObjectKind.frame.rawValue) | 12 << 8, 1).error != nil)
        _ = s.revoke(window)
        #expect(s.perform(.readRegister, readable, 0).error == .invalidCapability)
        #expect(s.perform(.readRegister, window, 0).error == nil)
    }
}
