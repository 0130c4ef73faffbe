// Device memory is taken back: revoking the capability from which a driver's was copied removes the
// driver's capabilities and their mappings, and the registers can be handed out again. What a task
// made of a device region itself ends with the memory that holds the descriptors.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

@Suite struct DeviceMemoryTests {
    static let registers: UInt64 = 0x900_3000
    static let place: UInt64 = 0x40_0000
    static let readWrite = UInt64((Rights.read | Rights.write).raw)

    /// A driver: a thread with a table and an address space of its own.
    private struct Driver {
        let s: TestSystem
        let table: UInt32
        let space: UInt32
        let thread: TestThread
        /// Slots of its own table.
        static let frame: UInt32 = 3
        static let spaceSlot: UInt32 = 2

        init(_ s: TestSystem, priority: UInt64) {
            self.s = s
            table = s.make(.capabilityTable, sizeBits: 4)
            space = s.make(.addressSpace)
            s.attachTables(to: space, at: place)
            thread = s.makeThread(priority: priority)
            s.perform(.configure, thread.slot, UInt64(table), UInt64(space), s.none, s.none)
            give(space, at: Self.spaceSlot)
            s.start(thread)
        }
        func give(_ slot: UInt32, at index: UInt32, rights: Rights = .all) {
            let result = s.perform(
                .copy, Slot.ownTable.index, UInt64(slot), UInt64(table), UInt64(index),
                UInt64(rights.raw))
            #expect(result.error == nil)
        }
        func map(_ index: UInt32, at address: UInt64) -> KernelError? {
            s.invoke(thread, .map, Self.spaceSlot, UInt64(index), address, readWrite).error
        }
        /// A further capability in its own table.
        func copy(_ index: UInt32, to target: UInt32, _ placement: Placement) {
            let result = s.invoke(
                thread, .copy, Slot.ownTable.index, UInt64(index), s.own, UInt64(target), 31,
                placement.rawValue)
            #expect(result.error == nil)
        }
        func holds(_ index: UInt32) -> Bool {
            s.object(table, as: CapabilityTable.self)?.slot(Int(index)).pointee.object != nil
        }
        func entry(_ address: UInt64) -> PageDescriptor? {
            guard let space = s.object(space, as: AddressSpace.self),
                let table = try? s.kernel.pointee.table(space, address, level: 3)
            else { return nil }
            let entry = table.pointee.entries[PageDescriptor.index(address, level: 3)]
            return entry.isValid ? entry : nil
        }
        var asid: UInt16? { s.object(space, as: AddressSpace.self)?.pointee.asid }
    }

    private func makeFrame(
        _ s: TestSystem, _ region: UInt32 = TestSystem.smallDevice, descriptors: UInt32
    ) -> UInt32 {
        let slot = s.allocateSlot()
        let result = s.perform(
            .retype, region, UInt64(ObjectKind.frame.rawValue) | 12 << 8, 1, s.own, UInt64(slot),
            UInt64(descriptors), Self.registers - 0x900_0000)
        #expect(result.error == nil)
        return slot
    }

    /// However the driver spread its capability: copied it below and beside, moved it, mapped it
    /// twice.
    @Test(arguments: [nil, 0, 2]) func revocationTakesTheMappingToo(period: Int?) {
        let s = TestSystem()
        let frame = makeFrame(s, descriptors: TestSystem.ram)
        let driver = Driver(s, priority: 30)
        s.go()
        driver.give(frame, at: Driver.frame)
        driver.copy(Driver.frame, to: 4, .child)
        driver.copy(Driver.frame, to: 5, .peer)
        driver.copy(4, to: 6, .child)
        let moved = s.invoke(driver.thread, .move, Slot.ownTable.index, 5, s.own, 7)
        #expect(moved.error == nil)
        #expect(driver.map(Driver.frame, at: Self.place) == nil)
        #expect(driver.map(7, at: Self.place + 4096) == nil)
        for address in [Self.place, Self.place + 4096] {
            #expect(driver.entry(address)?.address == Self.registers)
            #expect(driver.entry(address)?.isDevice == true)
        }
        s.hardware.invalidatedPages = []
        if let period { (s.hardware.queriesLeft, s.hardware.ghostPeriod) = (0, period) }
        #expect(s.revoke(frame).error == nil)
        s.hardware.queriesLeft = nil
        for index in 3...7 as ClosedRange<UInt32> { #expect(!driver.holds(index)) }
        for address in [Self.place, Self.place + 4096] {
            #expect(driver.entry(address) == nil)
            #expect(
                s.hardware.invalidatedPages.contains {
                    ($0.page, $0.asid) == (address, driver.asid)
                })
        }
        #expect(driver.map(Driver.frame, at: Self.place) == .invalidCapability)
        // The next driver gets the same registers, from the same capability: no memory is used up.
        let next = Driver(s, priority: 40)
        let made = s.perform(.untypedInformation, TestSystem.ram).x[5]
        next.give(frame, at: Driver.frame)
        #expect(next.map(Driver.frame, at: Self.place) == nil)
        #expect(next.entry(Self.place)?.address == Self.registers)
        #expect(driver.entry(Self.place) == nil)
        #expect(s.perform(.untypedInformation, TestSystem.ram).x[5] == made)
        s.inspectTables()
    }

    /// The owner may as well throw its own capability away, and make the frame anew.
    @Test func deletionFreesTheRegistersForAnotherFrame() {
        let s = TestSystem()
        let frame = makeFrame(s, descriptors: TestSystem.ram)
        let driver = Driver(s, priority: 30)
        s.go()
        driver.give(frame, at: Driver.frame)
        #expect(driver.map(Driver.frame, at: Self.place) == nil)
        #expect(s.delete(frame).error == nil)
        #expect(!driver.holds(Driver.frame) && driver.entry(Self.place) == nil)
        let again = makeFrame(s, descriptors: TestSystem.ram)
        driver.give(again, at: Driver.frame)
        #expect(driver.map(Driver.frame, at: Self.place) == nil)
        #expect(driver.entry(Self.place)?.address == Self.registers)
    }

    /// A task that holds a device region makes frames of its own: they do not derive from the
    /// region's capability. Revoking that stops it from making more; reclaiming the memory with
    /// their descriptors takes back what it made.
    @Test(arguments: [nil, 0]) func framesThatATaskMadeItselfEndWithTheirDescriptors(period: Int?) {
        let s = TestSystem()
        let memory = s.make(.untyped, sizeBits: 14)
        let driver = Driver(s, priority: 30)
        s.go()
        let region = s.copy(TestSystem.smallDevice)
        driver.give(region, at: 8)
        driver.give(memory, at: 9)
        func make(_ index: UInt64) -> KernelError? {
            s.invoke(
                driver.thread, .retype, 8, UInt64(ObjectKind.frame.rawValue) | 12 << 8, 1, s.own,
                index, 9, Self.registers - 0x900_0000
            ).error
        }
        #expect(make(UInt64(Driver.frame)) == nil)
        #expect(driver.map(Driver.frame, at: Self.place) == nil)
        #expect(s.revoke(region).error == nil)
        #expect(make(10) == .invalidCapability)
        // The frame is still the task's.
        #expect(driver.entry(Self.place)?.address == Self.registers)
        if let period { (s.hardware.queriesLeft, s.hardware.ghostPeriod) = (0, period) }
        #expect(s.perform(.reclaim, memory).error == nil)
        s.hardware.queriesLeft = nil
        #expect(!driver.holds(Driver.frame) && driver.entry(Self.place) == nil)
        let frame = makeFrame(s, descriptors: TestSystem.ram)
        driver.give(frame, at: Driver.frame)
        #expect(driver.map(Driver.frame, at: Self.place) == nil)
    }
}
