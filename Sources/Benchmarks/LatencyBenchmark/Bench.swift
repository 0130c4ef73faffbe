// What the rows share: objects, threads in two address spaces, memory seen by both, and the output.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

/// Words that both address spaces map, by index.
enum Word {
    static let start = 0
    static let end = 1
    static let stamp = 2
    static let answer = 3
    static let count = 4
    static let go = 5
}

struct Bench {
    let boot: BootInformation
    let console = SystemControl(RootSlot.systemControl)
    /// The largest region, and log2 of its size.
    var memory = Untyped(Slot(600))
    var memoryBits = 0
    /// Address space with copies of this task's pages at the same addresses.
    let otherSpace = Slot(601)
    /// Where the page is that both see.
    static let sharedAddress: UInt64 = 0xc000_0000
    private var nextSlot: UInt32 = 700
    private var nextArea: UInt64 = 0
    private var text = OutputLine()

    let selection: Selection
    /// Whether the cycle counter advances by one an instruction; `checkCounter` finds out.
    var isCounted = false

    init(boot: BootInformation) {
        self.boot = boot
        selection = Selection(boot)
    }

    // Objects

    mutating func slot() -> Slot {
        nextSlot += 1
        return Slot(nextSlot)
    }
    mutating func make(_ kind: ObjectKind, sizeBits: Int = 0) throws(KernelError) -> Slot {
        let target = slot()
        try memory.retype(kind, sizeBits: sizeBits, index: target)
        return target
    }

    /// Memory for the rows, the shared page and the second address space.
    mutating func prepare() throws(KernelError) {
        for index in 0..<UInt32(boot.untypedCount) {
            let region = Untyped(Slot(RootSlot.firstUntyped.index + index))
            let information = try region.information()
            if !information.isDevice && information.sizeBits > memoryBits {
                memory = region
                memoryBits = information.sizeBits
            }
        }
        try memory.retype(.addressSpace, index: otherSpace)
        let frame = try make(.frame, sizeBits: 12)
        let copy = slot()
        try CapabilityTable.own.copy(frame, to: copy)
        try map(frame, at: Bench.sharedAddress, .read | .write, in: RootSlot.addressSpace)
        try map(copy, at: Bench.sharedAddress, .read | .write, in: otherSpace)
        try copySegments()
    }

    /// Copy this task's segments, which the bundle lists, into new frames at the same addresses of the second space.
    private mutating func copySegments() throws(KernelError) {
        let bundle = boot.bundleAddress
        let count = word(at: bundle + UInt64(Bundle.rootSegmentCountOffset))
        for index in 0..<count {
            let entry = bundle + UInt64(Bundle.rootSegmentsOffset) + index * UInt64(Bundle.rootSegmentStride)
            let address = word(at: entry + 8)
            let bytes = word(at: entry + 16)
            let rights = Rights(raw: UInt8(truncatingIfNeeded: word(at: entry + 24)))
            for offset in stride(from: 0 as UInt64, to: bytes, by: 4096) {
                try copyPage(from: address + offset, rights)
            }
        }
    }
    private mutating func copyPage(from address: UInt64, _ rights: Rights) throws(KernelError) {
        let frame = try make(.frame, sizeBits: 12)
        let window = slot()
        try CapabilityTable.own.copy(frame, to: window)
        try map(window, at: 0xc100_0000, .read | .write, in: RootSlot.addressSpace)
        for offset in stride(from: 0 as UInt64, to: 4096, by: 8) {
            unsafe bench_store(pointer(0xc100_0000 + offset), word(at: address + offset))
        }
        try Frame(frame).maintainCache(.unifyInstructions, offset: 0, length: 4096)
        try CapabilityTable.own.delete(window)
        try map(frame, at: address, rights, in: otherSpace)
    }
    func pointer(_ address: UInt64) -> UnsafeMutablePointer<UInt64> {
        // Safety: pages of this task's image, the bundle, and pages that `prepare` mapped.
        unsafe UnsafeMutablePointer(bitPattern: UInt(address)).unsafelyUnwrapped
    }
    func word(at address: UInt64) -> UInt64 { unsafe bench_load(pointer(address)) }

    mutating func map(_ frame: Slot, at address: UInt64, _ rights: Rights, in space: Slot) throws(KernelError) {
        for _ in 0..<3 {
            do throws(KernelError) {
                try AddressSpace(space).map(frame, at: address, rights)
                return
            } catch {
                if error != .notMapped { throw error }
            }
            try AddressSpace(space).attachTable(try make(.pageTable), at: address)
        }
    }

    // The shared page

    func shared(_ word: Int) -> UnsafeMutablePointer<UInt64> { unsafe pointer(Bench.sharedAddress + UInt64(8 * word)) }
    func load(_ word: Int) -> UInt64 { unsafe bench_load(shared(word)) }
    func store(_ word: Int, _ value: UInt64) { unsafe bench_store(shared(word), value) }

    // Threads

    /// A stopped thread with stack and IPC buffer at the same addresses in its space.
    mutating func thread(
        _ priority: UInt8, in space: Slot, _ entry: UInt64, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
        _ d: UInt64 = 0, fault: Slot = .none
    ) throws(KernelError) -> Thread {
        let thread = Thread(try make(.thread))
        nextArea += 1
        let base = 0xd000_0000 + nextArea * 0x4000
        let buffer = try make(.frame, sizeBits: 12)
        let stack = try make(.frame, sizeBits: 12)
        try map(buffer, at: base, .read | .write, in: space)
        try map(stack, at: base + 0x2000, .read | .write, in: space)
        try thread.configure(table: RootSlot.table, addressSpace: space, ipcBuffer: buffer, faultHandler: fault)
        try thread.setPriority(priority, maximum: priority)
        try thread.setEntry(programCounter: entry, stackPointer: base + 0x3000, argument: a, threadPointer: base)
        let registers = IPCBufferAccess()
        try thread.readRegisters()
        registers[8 + 1] = b
        registers[8 + 2] = c
        registers[8 + 3] = d
        try thread.writeRegisters()
        return thread
    }
    /// The same, and it ran until it waits.
    mutating func start(
        _ priority: UInt8, in space: Slot, _ entry: UInt64, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
        _ d: UInt64 = 0, fault: Slot = .none
    ) throws(KernelError) -> Thread {
        let thread = try thread(priority, in: space, entry, a, b, c, d, fault: fault)
        try thread.resume()
        try settle()
        return thread
    }
    /// Let every other thread run until it waits.
    mutating func settle() throws(KernelError) {
        let pause = Slot(602)
        try? CapabilityTable.own.delete(pause)
        try memory.retype(.notification, index: pause)
        _ = try? Notification(pause).wait(deadline: .after(milliseconds: 1))
    }
    func setMain(_ priority: UInt8) throws(KernelError) {
        try Thread(RootSlot.thread).setPriority(priority, maximum: 255)
    }

    // Output

    mutating func print(_ prefix: StaticString, _ value: UInt64, _ suffix: StaticString) {
        text.append(prefix)
        text.append(value)
        text.append(suffix)
        text.flush(console)
    }

    /// One row: the histogram and what is read off it.
    mutating func report(_ name: StaticString, goal: UInt64, _ histogram: borrowing Histogram) {
        if !selection.accepts(name) { return }
        text.append("# Row: ")
        text.append(name)
        report(goal: goal, histogram)
    }
    /// A row whose name ends in a number.
    mutating func report(_ name: StaticString, number: UInt64, goal: UInt64, _ histogram: borrowing Histogram) {
        if !selection.accepts(name, number) { return }
        text.append("# Row: ")
        text.append(name)
        text.append(number)
        report(goal: goal, histogram)
    }
    private mutating func report(goal: UInt64, _ histogram: borrowing Histogram) {
        text.append("\n# Unit: ")
        text.append(isCounted ? "instructions" : "cycles")
        text.append(" (PMCCNTR_EL0, resolution 1)\n# Goal: ")
        if goal == 0 { text.append("-") } else { text.append(goal) }
        text.append("\n# Histogram\n")
        for bucket in 0..<Histogram.buckets where histogram.count(bucket) > 0 {
            text.append(UInt64(bucket), digits: 6)
            text.append(" ")
            text.append(histogram.count(bucket), digits: 9)
            text.append("\n")
            text.flush(console)
        }
        line("# Total: ", histogram.total, digits: 9)
        line("# Min Latencies: ", histogram.total == 0 ? 0 : histogram.minimum, digits: 5)
        line("# Avg Latencies: ", histogram.average, digits: 5)
        line("# Max Latencies: ", histogram.maximum, digits: 5)
        text.append("# Percentiles: 50=")
        text.append(histogram.percentile(50_000))
        text.append(" 90=")
        text.append(histogram.percentile(90_000))
        text.append(" 99=")
        text.append(histogram.percentile(99_000))
        text.append(" 99.9=")
        text.append(histogram.percentile(99_900))
        text.append(" 99.99=")
        text.append(histogram.percentile(99_990))
        text.append("\n")
        line("# Histogram Overflows: ", histogram.overflows, digits: 5)
        line("# Missed Cycles: ", histogram.missed, digits: 5)
        text.flush(console)
    }
    private mutating func line(_ label: StaticString, _ value: UInt64, digits: Int) {
        text.append(label)
        text.append(value, digits: digits)
        text.append("\n")
    }
}
