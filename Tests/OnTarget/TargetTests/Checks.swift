// What a test works with: checks, fresh objects, other threads.

import CUserEntry
import KernelABI
import UserRuntime

/// A test's checks and the objects that it makes.
struct Checks {
    let memory: Untyped
    let boot: BootInformation
    /// Where random numbers start.
    let seed: UInt64
    private var nextSlot: UInt32 = 640
    private var nextStack = 0
    /// The newest thread, its entry, end of stack, argument and thread pointer.
    private var newest: (Thread, UInt64, UInt64, UInt64, UInt64) = (Thread(.none), 0, 0, 0, 0)
    private var buffers: UInt64 = 0

    init(memory: Untyped, boot: BootInformation, seed: UInt64) {
        self.memory = memory
        self.boot = boot
        self.seed = seed
    }

    // Checks

    func expect(
        _ condition: Bool, _ text: StaticString, _ value: UInt64 = 0, line: UInt = #line
    ) throws(Failure) {
        if !condition { throw Failure(line: line, text: text, value: value) }
    }
    func equal(
        _ value: UInt64, _ expected: UInt64, _ text: StaticString = "not equal", line: UInt = #line
    ) throws(Failure) {
        if value != expected { throw Failure(line: line, text: text, value: value) }
    }
    /// The body must succeed.
    func succeed<T>(line: UInt = #line, _ body: () throws(KernelError) -> T) throws(Failure) -> T {
        do throws(KernelError) { return try body() } catch {
            throw Failure(line: line, text: "unexpected error", value: UInt64(error.rawValue))
        }
    }
    /// The body must fail with this error.
    func refuse<T>(
        _ expected: KernelError, line: UInt = #line, _ body: () throws(KernelError) -> T
    ) throws(Failure) {
        do throws(KernelError) { _ = try body() } catch {
            if error == expected { return }
            throw Failure(line: line, text: "another error", value: UInt64(error.rawValue))
        }
        throw Failure(line: line, text: "no error", value: 0)
    }

    // Objects

    /// A slot that is empty.
    mutating func slot() -> Slot {
        nextSlot += 1
        return Slot(nextSlot)
    }
    mutating func make(
        _ kind: ObjectKind, sizeBits: Int = 0, line: UInt = #line
    ) throws(Failure) -> Slot {
        let target = slot()
        let memory = memory
        let pool = kind == .addressSpace ? RootSlot.asidPool : Slot.none
        try succeed(line: line) { () throws(KernelError) in
            try memory.retype(kind, sizeBits: sizeBits, index: target, descriptors: pool)
        }
        return target
    }
    /// A pool of address-space numbers from `memory`.
    mutating func asidPool(from memory: Untyped, line: UInt = #line) throws(Failure) -> ASIDPool {
        let target = slot()
        try succeed(line: line) { () throws(KernelError) in
            try ASIDControl(RootSlot.asidControl).createPool(from: memory, index: target)
        }
        return ASIDPool(target)
    }
    mutating func endpoint(line: UInt = #line) throws(Failure) -> Endpoint {
        Endpoint(try make(.endpoint, line: line))
    }
    mutating func notification(line: UInt = #line) throws(Failure) -> Notification {
        Notification(try make(.notification, line: line))
    }
    mutating func reply(line: UInt = #line) throws(Failure) -> Reply {
        Reply(try make(.reply, line: line))
    }

    /// Map a new page at `address`, with the tables that it needs.
    mutating func map(
        at address: UInt64, _ rights: Rights = .read | .write, line: UInt = #line
    ) throws(Failure) -> Slot {
        let frame = try make(.frame, sizeBits: 12, line: line)
        try mapFrame(frame, at: address, rights, line: line)
        return frame
    }
    mutating func mapFrame(
        _ frame: Slot, at address: UInt64, _ rights: Rights, line: UInt = #line
    ) throws(Failure) {
        let space = AddressSpace(RootSlot.addressSpace)
        for _ in 0..<3 {
            do throws(KernelError) {
                try space.map(frame, at: address, rights)
                return
            } catch {
                if error != .notMapped {
                    throw Failure(line: line, text: "map", value: UInt64(error.rawValue))
                }
            }
            let table = try make(.pageTable, line: line)
            try succeed(line: line) { () throws(KernelError) in
                try space.attachTable(table, at: address)
            }
        }
        throw Failure(line: line, text: "map needs more than two tables", value: address)
    }

    // Threads

    /// A stopped thread of this task with a stack and an IPC buffer.
    mutating func thread(
        priority: UInt8, _ entry: @convention(c) (UInt64) -> Void, _ argument: UInt64 = 0,
        fault: Slot = .none, withBuffer: Bool = true, line: UInt = #line
    ) throws(Failure) -> Thread {
        let thread = Thread(try make(.thread, line: line))
        buffers += 1
        let address = 0x9000_0000 + buffers * 0x1000
        let frame = withBuffer ? try map(at: address, line: line) : Slot.none
        nextStack += 1
        let top = stackTop(nextStack)
        let start = unsafe UInt64(UInt(bitPattern: unsafeBitCast(entry, to: UnsafeRawPointer.self)))
        if withBuffer { swiftlet_begin_thread(IPCBuffer.threadPointer(address)) }
        let pointer = withBuffer ? IPCBuffer.threadPointer(address) : 0
        try succeed(line: line) { () throws(KernelError) in
            try thread.configure(
                table: RootSlot.table, addressSpace: RootSlot.addressSpace, ipcBuffer: frame,
                faultHandler: fault)
            try thread.setPriority(priority, maximum: priority)
        }
        newest = (thread, start, top, argument, pointer)
        try restartNewest(line: line)
        return thread
    }
    /// Puts the newest thread, which is stopped, back to its entry.
    func restartNewest(line: UInt = #line) throws(Failure) {
        let (thread, start, top, argument, pointer) = newest
        try succeed(line: line) { () throws(KernelError) in
            try thread.setEntry(
                programCounter: start, stackPointer: top, argument: argument,
                threadPointer: pointer)
        }
    }
    /// The same, running.
    mutating func spawn(
        priority: UInt8, _ entry: @convention(c) (UInt64) -> Void, _ argument: UInt64 = 0,
        fault: Slot = .none, withBuffer: Bool = true, line: UInt = #line
    ) throws(Failure) -> Thread {
        let thread = try thread(
            priority: priority, entry, argument, fault: fault, withBuffer: withBuffer, line: line)
        try succeed(line: line) { () throws(KernelError) in try thread.resume() }
        return thread
    }
    func information(_ thread: Thread, line: UInt = #line) throws(Failure) -> Thread.Information {
        try succeed(line: line) { () throws(KernelError) in try thread.information() }
    }

    /// The main thread's own priority: it starts above everything.
    func setMain(priority: UInt8, line: UInt = #line) throws(Failure) {
        try succeed(line: line) { () throws(KernelError) in
            try Thread(RootSlot.thread).setPriority(priority, maximum: 255)
        }
    }
    /// Empty the slots that still hold something: capabilities to objects that are not the test's.
    func clearSlots() {
        for index in 641..<(nextSlot + 1) { try? CapabilityTable.own.delete(Slot(index)) }
    }
    func restoreMain() {
        let main = Thread(RootSlot.thread)
        try? main.setPriority(254, maximum: 255)
        try? main.setSlice(Duration(ticks: 0))
        try? main.bindNotification(nil)
        try? main.setCore(0)
        // The memory of the test's threads is about to go, and with it that of their locks.
        takeThreads()
    }
}

/// How a test waits for its other threads. What must come may take as long as a slow machine takes.
extension Checks {
    /// When a test gives up.
    static var patience: Instant { .after(milliseconds: 20_000) }
    var never: Notification { Notification(Slot(636)) }
    private var rest: Notification { Notification(Slot(637)) }
    private var lowest: Thread { Thread(Slot(638)) }

    /// Let all other threads run until each of them is blocked.
    func settle(line: UInt = #line) throws(Failure) {
        let (memory, rest, lowest) = (memory, rest, lowest)
        let start = unsafe UInt64(
            UInt(bitPattern: unsafeBitCast(noteRest, to: UnsafeRawPointer.self)))
        let stack = unsafe withUnsafePointer(to: &restStack) { UInt64(UInt(bitPattern: $0)) + 1024 }
        try succeed(line: line) { () throws(KernelError) in
            if try CapabilityTable.own.describe(lowest.slot).kind == .null {
                try memory.retype(.notification, index: rest.slot)
                try memory.retype(.thread, index: lowest.slot)
                try lowest.configure(table: RootSlot.table, addressSpace: RootSlot.addressSpace)
                try lowest.setPriority(0, maximum: 0)
            }
            try lowest.setEntry(
                programCounter: start, stackPointer: stack, argument: UInt64(rest.slot.index),
                threadPointer: 0)
            try lowest.resume()
        }
        if (try? rest.wait(deadline: Checks.patience)) == nil {
            throw Failure(line: line, text: "the other threads do not block", value: 0)
        }
        // It has signalled; now it stops.
        try succeed(line: line) { () throws(KernelError) in try lowest.suspend() }
    }

    /// Let time pass, and go on until the condition holds.
    func pause(
        milliseconds: UInt64 = 2, until condition: () -> Bool = { true }, line: UInt = #line
    ) throws(Failure) {
        let (memory, never, limit) = (memory, never, Checks.patience)
        try succeed(line: line) { () throws(KernelError) in
            if try CapabilityTable.own.describe(never.slot).kind == .null {
                try memory.retype(.notification, index: never.slot)
            }
        }
        repeat {
            try expect(Instant.now < limit, "what the test waits for does not come", line: line)
            _ = try? never.wait(deadline: .after(milliseconds: milliseconds))
        } while !condition()
    }
}

/// Signals that no thread of a higher priority is ready.
private let noteRest: @convention(c) (UInt64) -> Void = { slot in
    try? Notification(Slot(UInt32(slot))).signal(1)
    while true {}
}
nonisolated(unsafe) private var restStack = InlineArray<128, UInt64>(repeating: 0)

/// Stacks of the test's threads: 32 of 4 KiB.
struct Stacks { var words = InlineArray<16384, UInt64>(repeating: 0) }
nonisolated(unsafe) var stacks = Stacks()

func stackTop(_ number: Int) -> UInt64 {
    unsafe withUnsafePointer(to: &stacks) {
        UInt64(UInt(bitPattern: $0)) + UInt64((number & 31) + 1) * 4096 - 64
    }
}

/// What threads and tests tell one another: they share the address space.
struct Board { var words = InlineArray<32, UInt64>(repeating: 0) }
nonisolated(unsafe) private var board = Board()

/// Word `index` of the board; always read anew.
@inline(never) func note(_ index: Int) -> UInt64 { unsafe board.words[index & 31] }
@inline(never) func setNote(_ index: Int, _ value: UInt64) {
    unsafe board.words[index & 31] = value
}
@inline(never) func addNote(_ index: Int, _ value: UInt64 = 1) {
    setNote(index, note(index) &+ value)
}
func clearNotes() { for index in 0..<32 { setNote(index, 0) } }

/// xorshift64 on a note.
@inline(never) func random(_ index: Int) -> UInt64 {
    var x = note(index)
    x ^= x << 13
    x ^= x >> 7
    x ^= x << 17
    setNote(index, x)
    return x
}

/// The end of a thread: it stops with a breakpoint fault that nobody handles.
func endThread() -> Never { fatalError() }
