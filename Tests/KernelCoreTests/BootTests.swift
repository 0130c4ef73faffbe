// What boot makes: the root task's address space, its registers, its information page, and how much
// memory all of it takes.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

/// A kernel that is about to boot on the model, with a bundle of two segments.
private final class BootBench {
    let model = ModelState()
    let kernel: UnsafeMutablePointer<Kernel<ModelHardware>>
    static let base = ModelState.ramBase
    static let emptyTable = base + 128 << 10
    static let bundle = base + 160 << 10
    static let tree = base + 172 << 10
    static let memory = base + 176 << 10
    var words: UnsafeMutablePointer<UInt64>

    init() {
        model.memory.initializeMemory(as: UInt8.self, repeating: 0, count: 176 << 10)
        words = (model.memory + 160 << 10).assumingMemoryBound(to: UInt64.self)
        let code = UInt64((Rights.read | Rights.execute).raw)
        let data = UInt64((Rights.read | Rights.write).raw)
        let head: [UInt64] = [
            Bundle.magic, 12000, 2, 0x20_0010, 4096, 0x20_0000, 4096, code, 8192, 0x40_0000, 4096,
            data,
        ]
        for (index, word) in head.enumerated() { words[index] = word }
        kernel = .allocate(capacity: 1)
        kernel.initialize(
            to: Kernel(
                hardware: ModelHardware(state: model), core: model.memory,
                shared: model.memory + (8 << 10), emptyTable: Self.emptyTable))
    }
    deinit {
        kernel.deinitialize(count: 1)
        kernel.deallocate()
    }

    /// - Returns: the root task's thread and its information page, and where the memory that was
    /// taken ends.
    func boot(
        from start: UInt64 = memory, end: UInt64 = base + 1 << 20
    ) throws -> (thread: Ref<KernelThread>, information: BootInformation, next: UInt64) {
        var task = try kernel.pointee.makeRootTask(
            BootRequest(
                bundle: PhysicalRange(base: Self.bundle, size: 12288),
                deviceTree: PhysicalRange(base: Self.tree, size: 100), counterFrequency: 62_500_000,
                console: 0x900_0000, ramBytes: 123 << 20),
            memory: BootMemory(base: start, end: end))
        let next = task.memory.next
        kernel.pointee.grantAuthorities(task)
        let left = kernel.pointee.addUntyped(
            &task, PhysicalRange(base: Self.base + 8 << 20, size: 8 << 20), isDevice: false)
        #expect(left == 0)
        let thread = task.thread
        kernel.pointee.finishBoot(task, kernelBytes: 77, coreCount: 4)
        guard let entry = walk(thread, RootLayout.information) else { throw BootError.layout }
        let page = model.memory + Int(entry.address - Self.base)
        let information = page.load(as: BootInformation.self)
        // Behind the one region.
        #expect(page.load(fromByteOffset: 120 + 16, as: UInt64.self) == 4, "the cores that run")
        #expect(information.coreCountOffset == 136)
        return (thread, information, next)
    }
    func walk(_ thread: Ref<KernelThread>, _ address: UInt64) -> PageDescriptor? {
        guard let space = thread.spaceSlot.addressSpace,
            let table = try? kernel.pointee.table(space, address, level: 3)
        else { return nil }
        let entry = table.pointee.entries[PageDescriptor.index(address, level: 3)]
        return entry.isValid ? entry : nil
    }
}

@Suite struct BootTests {
    @Test func theTableGrowsWhenItIsFull() {
        // 255 + 1 + 3,840 slots fill 2^12.
        #expect(RootLayout.tableBits(regions: 255) == 12)
        #expect(RootLayout.tableBits(regions: 256) == 13)
    }

    /// The interface's numbers, not the kernel's names for them.
    @Test func theRootTaskIsToldWhereEverythingIs() throws {
        let bench = BootBench()
        let (thread, information, _) = try bench.boot()
        #expect(information.magic == BootInformation.magic && information.abiVersion == abiVersion)
        #expect(information.bundleAddress == 0x6000_0000 && information.bundleSize == 12000)
        #expect(information.deviceTreeAddress == 0x5000_0000 && information.deviceTreeSize == 100)
        #expect(
            information.counterFrequency == 62_500_000 && information.consoleAddress == 0x900_0000)
        #expect(information.ramBytes == 123 << 20 && information.kernelBytes == 77)
        #expect(
            information.ipcBufferAddress == 0x4000_1000
                && information.firstFreeAddress == 0x8000_0000)
        #expect(
            information.untypedCount == 1 && information.firstFreeSlot == 17
                && information.slotCount == 4096)
        let context = thread.pointee.context
        #expect(context.programCounter == 0x20_0010 && context.stackPointer == 0x4000_0000)
        #expect(context.x.0 == 0x4000_2000 && context.threadPointer == 0x4000_1c00)
        #expect(
            thread.pointee.base == 254 && thread.pointee.maximum == 255 && thread.effective == 254)
        #expect(
            bench.kernel.pointee.emptyTranslationBase == BootBench.emptyTable,
            "ASID 0 is the kernel's")
        #expect(
            bench.kernel.pointee.shared.pointee.rootThread == thread
                && bench.kernel.pointee.counterFrequency == 62_500_000)
    }

    @Test func whatTheRootTaskReachesIsMappedAsItSays() throws {
        let bench = BootBench()
        let (thread, _, _) = try bench.boot()
        func check(
            _ address: UInt64, _ physical: UInt64?, isWritable: Bool, isExecutable: Bool = false
        ) {
            let entry = bench.walk(thread, address)
            #expect(entry != nil, "\(address)")
            guard let entry else { return }
            if let physical { #expect(entry.address == physical) }
            #expect(
                entry.isUserWritable == isWritable && (entry.raw & 1 << 54 == 0) == isExecutable)
        }
        check(0x20_0000, BootBench.bundle + 4096, isWritable: false, isExecutable: true)
        check(0x40_0000, BootBench.bundle + 8192, isWritable: true)
        for page in 0..<UInt64(3) {
            check(0x6000_0000 + page * 4096, BootBench.bundle + page * 4096, isWritable: false)
        }
        check(0x5000_0000, BootBench.tree, isWritable: false)
        check(0x4000_1000, nil, isWritable: true)
        check(0x4000_2000, nil, isWritable: false)
        for page in 1...UInt64(32) { check(0x4000_0000 - page * 4096, nil, isWritable: true) }
        for address: UInt64 in [
            0, 0x20_1000, 0x40_1000, 0x4000_0000 - 33 * 4096, 0x4000_0000, 0x4000_3000, 0x5000_1000,
            0x6000_3000,
        ] { #expect(bench.walk(thread, address) == nil, "\(address)") }
        #expect(bench.model.cacheOperations == [.unifyInstructions], "one segment has instructions")
    }

    /// Boot takes what it needs, in order and aligned, and not a byte more; with a byte less there
    /// is no root task.
    @Test func bootTakesNoMoreThanItNeeds() throws {
        let bench = BootBench()
        let (thread, _, next) = try bench.boot()
        #expect(thread.bits % 64 == 0)
        // Table of 4,096 slots; root of the address space; its descriptor; the thread; then pages
        // from a page border: information, two tables for it, two for each of code, bundle and tree
        // together, data's one, the buffer, the stack and its table.
        let descriptors = 128 + 64 * 4096 + 4096 + 128 + 1024
        let start = BootBench.memory
        #expect(next > start + UInt64(descriptors) && next % 4096 == 0)
        let needed = next - start
        #expect(throws: BootError.self) { _ = try BootBench().boot(end: start + needed - 1) }
        // Descriptors of untyped memory come behind: exactly one more.
        let exact = BootBench()
        let memory = try exact.boot(end: start + needed + 128)
        #expect(memory.next == next)
        // From an address that is not aligned it is aligned first.
        for offset: UInt64 in [8, 64, 72, 4095] {
            let shifted = try BootBench().boot(from: start + offset)
            #expect(
                shifted.thread.bits % 64 == 0 && shifted.next >= next && shifted.next <= next + 4096
            )
        }
    }

    @Test func memoryIsTakenAlignedAndToItsEnd() {
        var memory = BootMemory(base: 0x1001, end: 0x3000)
        #expect(memory.take(64, alignment: 64) == 0x1040 && memory.next == 0x1080)
        #expect(memory.take(0x1001, alignment: 4096) == nil && memory.next == 0x1080)
        #expect(memory.take(0x1000, alignment: 4096) == 0x2000 && memory.next == 0x3000)
        #expect(memory.take(1, alignment: 1) == nil)
        #expect(memory.take(0, alignment: 4096) == 0x3000)
        #expect(memory.take(0, alignment: 0x2000) == nil)
    }

    /// Each way in which a bundle can be wrong: its head, and each member of a segment.
    @Test(
        arguments: [
            (0, 1), (1, 12289), (2, 5), (4, 4097), (4, 16384), (5, 0x20_0001), (5, 0x4000_0000),
            (6, 4097), (6, 12288),
            (7, 7),
        ] as [(Int, UInt64)]) func aBundleThatIsWrongIsRefused(word: Int, value: UInt64)
    {
        let bench = BootBench()
        bench.words[word] = value
        #expect(throws: BootError.bundle) { _ = try bench.boot() }
    }

    /// Untyped memory is made of naturally aligned powers of two, and only of whole pages.
    @Test func untypedMemoryIsNaturallyAligned() throws {
        let bench = BootBench()
        var task = try bench.kernel.pointee.makeRootTask(
            BootRequest(
                bundle: PhysicalRange(base: BootBench.bundle, size: 12288),
                deviceTree: PhysicalRange(base: BootBench.tree, size: 100), counterFrequency: 1,
                console: 0, ramBytes: 0
            ),
            memory: BootMemory(base: BootBench.memory, end: BootBench.base + 1 << 20))
        #expect(
            bench.kernel.pointee.addUntyped(
                &task, PhysicalRange(base: 0x1234, size: 0x5000), isDevice: true) == 0)
        let table = task.table
        let regions = (0..<task.untypedCount).compactMap { index in
            table.slot(16 + index).pointee.object?.rebound(to: Untyped.self)
        }
        #expect(regions.map { $0.pointee.physicalBase } == [0x2000, 0x4000])
        #expect(regions.map { $0.pointee.sizeBits } == [13, 13])
        #expect(
            bench.kernel.pointee.addUntyped(
                &task, PhysicalRange(base: 1 << 40, size: 3 << 38), isDevice: true) == 0)
        #expect(task.untypedCount == 5)
        #expect(
            bench.kernel.pointee.addUntyped(
                &task, PhysicalRange(base: 0x9fff, size: 1), isDevice: true) == 0)
        #expect(task.untypedCount == 5)
    }

    /// More regions than one page lists: the pages follow one another, the table has a slot for
    /// each, and what is beyond the number that was asked for is reported as left out.
    @Test func anyNumberOfRegionsIsListed() throws {
        let bench = BootBench()
        let count = 600
        let start = BootBench.memory
        let fewest = RootLayout.fewestRegions
        var task = try bench.kernel.pointee.makeRootTask(
            BootRequest(
                bundle: PhysicalRange(base: BootBench.bundle, size: 12288),
                deviceTree: PhysicalRange(base: BootBench.tree, size: 100), counterFrequency: 1,
                console: 0, ramBytes: 0, regions: count),
            memory: BootMemory(base: start, end: BootBench.base + 1 << 20))
        for index in 0..<UInt64(count) {
            let range = PhysicalRange(base: 1 << 32 + index * 0x2000, size: 4096)
            #expect(bench.kernel.pointee.addUntyped(&task, range, isDevice: index % 2 == 0) == 0)
        }
        let further = PhysicalRange(base: 0x3000, size: 0x5000)
        #expect(bench.kernel.pointee.addUntyped(&task, further, isDevice: false) == 0x5000)
        #expect(bench.kernel.pointee.addRegisters(&task, further, mappedAt: 0) == 0x5000)
        let (thread, next) = (task.thread, task.memory.next)
        bench.kernel.pointee.finishBoot(task, kernelBytes: 0)

        func word(_ offset: Int) throws -> UInt64 {
            let address = RootLayout.information + UInt64(offset)
            let entry = try #require(bench.walk(thread, address & ~4095))
            return bench.model.memory.load(
                fromByteOffset: Int(entry.address - BootBench.base) + Int(address & 4095),
                as: UInt64.self)
        }
        let head = MemoryLayout<BootInformation>.size
        for index in 0..<count {
            #expect(try word(head + 16 * index) == 1 << 32 + UInt64(index) * 0x2000)
            #expect(try word(head + 16 * index + 8) == UInt64(12 | (index % 2 == 0 ? 1 << 32 : 0)))
        }
        let table = try #require(thread.tableSlot.capabilityTable)
        #expect(table.pointee.count == 8192)
        for slot in 16..<(16 + count) { #expect(table.slot(slot).pointee.kind == .untyped) }
        #expect(table.slot(16 + count).pointee.kind == .null)
        // What boot takes memory for is what the root task's objects take.
        let one = try BootBench().boot().next
        #expect(next - one <= RootLayout.bytes(regions: count) + UInt64(128 * fewest))
        #expect(RootLayout.bytes(regions: fewest) == 0)
    }

    @Test func rangesAreCountedAsTheyAreGiven() throws {
        for (base, size, count): (UInt64, UInt64, Int) in [
            (0, 0, 0), (0x1001, 0x1fff, 1), (0x1001, 0xffe, 0), (0x1000, 0x3000, 2),
            (0, 1 << 39, 2), (4096, (1 << 39) - 4096, 27), (1 << 40, 3 << 38, 3),
        ] {
            #expect(
                PhysicalRange(base: base, size: size).untypedRegions == count, "\(base) \(size)")
        }
    }
}
