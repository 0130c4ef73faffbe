// What the rows share: objects, threads in two address spaces, memory that both see.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

/// Words that both address spaces map at the same addresses.
enum Shared {
    static let base: UInt64 = 0xc000_0000
    /// The clock before and after what is measured.
    static let start = base
    static let end = base + 8
    /// The result word of what is measured.
    static let result = base + 16
    /// A server's: when a request came, when it began to answer the one before.
    static let received = base + 24
    static let answered = base + 32
    /// The other thread's clock after a yield.
    static let yielded = base + 40
    /// x0–x10 of the measured call.
    static let request = base + 128
    /// Three words each (Masked.swift).
    static let maskedInRow = base + 256
    static let maskedInRun = base + 288
    /// The block of a worker (Worker.swift).
    static let block = base + 512
    /// Rings of `bench_driver`: a count, and 512 pairs from byte 16.
    static let driver = base + 0x1000
    static let driverReply = driver + 8
    static let client = base + 0x4000
    static let bytes: UInt64 = 0x7000
    static let ringPairs: UInt64 = 512
}

/// Where the task's own pages are mapped; each area's tables are made with its first page.
enum Area {
    /// In the page table of the program, which ends below.
    static let locks: UInt64 = 0x5f_f000
    static let window: UInt64 = 0xc100_0000
    static let mapped: UInt64 = 0xc200_0000
    static let tables: UInt64 = 0xc300_0000
    static let loads: UInt64 = 0xc400_0000
    static let device: UInt64 = 0xc500_0000
    static let large: UInt64 = 0xc600_0000
    static let blocks: UInt64 = 0xc700_0000
    static let heap: UInt64 = 0xc780_0000
    static let mutexes: UInt64 = 0xc7c0_0000
    static let startedThreads: UInt64 = 0xc800_0000
    static let threads: UInt64 = 0xd000_0000
}

/// The first of the slots that rows fill and empty again, up to the table's end.
let scratch: UInt32 = 3000

struct Bench {
    let boot: BootInformation
    let console = SystemControl(RootSlot.systemControl)
    let selection: Selection
    /// What the rows read, and what those read that tell how late an expiry was served.
    var clock = Clock.counter
    var timerClock = Clock.counter
    /// The largest region, and log2 of its size.
    var memory = Untyped(Slot(600))
    var memoryBits = 0
    /// Address space with copies of this task's pages at the same addresses.
    let otherSpace = Slot(601)
    /// A notification that nobody signals.
    private static var pause: Slot { Slot(602) }
    /// What threads of the row's environment do; nil: the machine is idle but for the row.
    var loads: Loads?
    /// The device whose line is measured, once its driver waits.
    var device: Device?
    /// Whether the kernel was built to record its longest masked path and its last
    /// interrupt's entry.
    private(set) var recordsMasked = false
    /// Whether the kernel records a trace while the rows of trees run.
    var isTraced = false
    /// What rows of trees share, once there is one.
    var trees: TreeParts?
    /// The cores that run.
    let coreCount: Int
    /// The core of the thread that measures, and of what is measured.
    let home: Int
    /// Where new threads run; nil: where this one does.
    var core: Int?
    /// Slots of the present tree so far, behind `TreePlace.others`.
    var treeSlots: UInt32 = 0
    /// Pages for tables of calls so far.
    var tableCount = 0
    private var nextSlot: UInt32 = 700
    private var nextArea: UInt64 = 0

    init(boot: BootInformation, coreCount: Int) {
        self.boot = boot
        self.coreCount = coreCount
        selection = Selection(boot)
        home = min(selection.core, coreCount - 1)
    }

    // Memory

    /// The region of untyped memory at a place of boot's list; nil for a register window.
    func region(_ index: UInt32) throws(KernelError) -> Untyped? {
        let slot = Slot(RootSlot.firstUntyped.index + index)
        return try CapabilityTable.own.describe(slot).kind == .untyped ? Untyped(slot) : nil
    }

    // Objects

    mutating func slot() -> Slot {
        nextSlot += 1
        return Slot(nextSlot)
    }
    /// The first of so many slots side by side.
    mutating func slots(_ count: Int) -> Slot {
        let first = Slot(nextSlot + 1)
        nextSlot += UInt32(count)
        return first
    }
    mutating func make(_ kind: ObjectKind, sizeBits: Int = 0) throws(KernelError) -> Slot {
        let target = slot()
        try memory.retype(kind, sizeBits: sizeBits, index: target)
        return target
    }
    mutating func makeNotification() throws(KernelError) -> Notification {
        Notification(try make(.notification))
    }

    /// Memory for the rows, the shared pages and the second address space.
    mutating func prepare() throws(KernelError) {
        for index in 0..<UInt32(boot.untypedCount) {
            guard let region = try region(index) else { continue }
            let information = try region.information()
            if !information.isDevice && information.sizeBits > memoryBits {
                memory = region
                memoryBits = information.sizeBits
            }
        }
        try memory.makeAddressSpaces(ASIDPool(RootSlot.asidPool), index: otherSpace)
        try memory.retype(.notification, index: Bench.pause)
        for offset in stride(from: 0 as UInt64, to: Shared.bytes, by: 4096) {
            try mapInBoth(try make(.frame, sizeBits: 12), at: Shared.base + offset)
        }
        try copySegments()
        try console.resetStatistics()
        recordsMasked = try console.statistic(.longestMasked) != 0
    }

    mutating func map(
        _ frame: Slot, at address: UInt64, _ rights: Rights, in space: Slot
    ) throws(KernelError) {
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
    mutating func mapInBoth(_ frame: Slot, at address: UInt64) throws(KernelError) {
        let copy = slot()
        try CapabilityTable.own.copy(frame, to: copy)
        try map(frame, at: address, .read | .write, in: RootSlot.addressSpace)
        try map(copy, at: address, .read | .write, in: otherSpace)
    }

    /// Copy this task's segments, which the bundle lists, into new frames at the same addresses of
    /// the second space.
    private mutating func copySegments() throws(KernelError) {
        let bundle = boot.bundleAddress
        for index in 0..<bench_load(bundle + UInt64(Bundle.rootSegmentCountOffset)) {
            let offset =
                UInt64(Bundle.rootSegmentsOffset) + index * UInt64(Bundle.rootSegmentStride)
            let entry = bundle + offset
            let address = bench_load(entry + 8)
            let rights = Rights(raw: UInt8(truncatingIfNeeded: bench_load(entry + 24)))
            for offset in stride(from: 0 as UInt64, to: bench_load(entry + 16), by: 4096) {
                try copyPage(from: address + offset, rights)
            }
        }
    }
    private mutating func copyPage(from address: UInt64, _ rights: Rights) throws(KernelError) {
        let frame = try make(.frame, sizeBits: 12)
        let window = slot()
        try CapabilityTable.own.copy(frame, to: window)
        try map(window, at: Area.window, .read | .write, in: RootSlot.addressSpace)
        for offset in stride(from: 0 as UInt64, to: 4096, by: 8) {
            bench_store(Area.window + offset, bench_load(address + offset))
        }
        try Frame(frame).maintainCache(.unifyInstructions, offset: 0, length: 4096)
        try CapabilityTable.own.delete(window)
        try map(frame, at: address, rights, in: otherSpace)
    }

    // Threads

    /// A stopped thread with stack and IPC buffer at the same addresses in its space; `a` to `e`
    /// are its x0 to x4.
    mutating func thread(
        _ priority: UInt8, in space: Slot, _ entry: UInt64, _ a: UInt64 = 0, _ b: UInt64 = 0,
        _ c: UInt64 = 0, _ d: UInt64 = 0, _ e: UInt64 = 0
    ) throws(KernelError) -> Thread {
        let thread = Thread(try make(.thread))
        nextArea += 1
        let base = Area.threads + nextArea * 0x4000
        let buffer = try make(.frame, sizeBits: 12)
        try map(buffer, at: base, .read | .write, in: space)
        try map(
            try make(.frame, sizeBits: 12), at: base + Bench.stackOffset, .read | .write, in: space)
        try thread.configure(table: RootSlot.table, addressSpace: space, ipcBuffer: buffer)
        try thread.setPriority(priority, maximum: priority)
        if let core { try thread.setCore(core) }
        try thread.setEntry(
            programCounter: entry, stackPointer: base + Bench.stackOffset + 4096, argument: a,
            threadPointer: IPCBuffer.threadPointer(base))
        var registers = try thread.readRegisters()
        registers[1] = b
        registers[2] = c
        registers[3] = d
        registers[4] = e
        try thread.writeRegisters(registers)
        return thread
    }
    private static var stackOffset: UInt64 { 0x2000 }

    /// The IPC buffer of a stopped thread that `thread` made.
    func ipcBuffer(_ thread: Thread) throws(KernelError) -> UInt64 {
        try thread.information().stackPointer - Bench.stackOffset - 4096
    }

    /// The same, and it ran until it waits.
    mutating func start(
        _ priority: UInt8, in space: Slot, _ entry: UInt64, _ a: UInt64 = 0, _ b: UInt64 = 0,
        _ c: UInt64 = 0, _ d: UInt64 = 0, _ e: UInt64 = 0
    ) throws(KernelError) -> Thread {
        let thread = try thread(priority, in: space, entry, a, b, c, d, e)
        try thread.resume()
        settle()
        return thread
    }

    /// An endpoint with a server in the other address space, which answers with `length` words.
    mutating func endpoint(
        _ entry: UInt64, _ priority: UInt8, length: Int = 0, _ argument: UInt64 = 0
    ) throws(KernelError) -> Slot {
        let endpoint = try make(.endpoint)
        let reply = try make(.reply)
        let server = try start(
            priority, in: otherSpace, entry,
            ControlWord(.replyAndReceive, endpoint, length: length).raw,
            UInt64(reply.index), argument)
        try Endpoint(endpoint).bindServer(server)
        return endpoint
    }

    /// Let every other thread run until it waits, for `ticks` of the counter at most.
    func settle(ticks: UInt64 = 6000) {
        Notification(Bench.pause).pause(until: Instant.now + Duration(ticks: ticks))
    }
    /// A row's name, with a prefix while the kernel records a trace.
    func name(_ row: RowName) -> RowName { isTraced ? row.traced : row }
    func setMain(_ priority: UInt8) throws(KernelError) {
        try Thread(RootSlot.thread).setPriority(priority, maximum: 255)
    }
    /// Destroys a row's threads, and what they wait for, where this thread is the least urgent.
    /// They would wake one by one, and try again and again to wait for what is gone.
    func destroy(_ arena: Untyped) throws(KernelError) {
        try setMain(255)
        try arena.reclaim()
        try setMain(1)
    }
}
