// The locks of the runtime: the heap's, and that of the initialisers of global values.

import CTargetTests
import KernelABI
import UserRuntime

extension Checks {
    static var locksPage: UInt64 { 0x5f_f000 }

    /// Lets the runtime make threads, and gives the heap four pages.
    fileprivate mutating func takeThreadsAndHeap(faultHandler: Slot = .none) throws(Failure) {
        clearNotes()
        takeThreads(faultHandler: faultHandler)
        for page: UInt64 in 0..<4 { _ = try map(at: 0xa400_0000 + page * 4096) }
        addHeap(0xa400_0000, 4 * 4096)
    }

    /// Lets less urgent threads run for some ticks.
    fileprivate func rest(_ ticks: UInt64, _ never: Notification) {
        never.pause(until: .now + Duration(ticks: ticks))
    }

    /// Ends the thread in place 0 wherever it is, as its death does.
    fileprivate func end(_ started: StartedThread, line: UInt = #line) throws(Failure) {
        try succeed(line: line) { () throws(KernelError) in
            try started.thread.suspend()
            try TaskLocks.participant.set.leave(1)
        }
    }

    /// Takes a fault of a started thread; the thread stays stopped.
    fileprivate func fault(
        _ handler: Endpoint, _ reply: Reply, _ code: TrapCode, line: UInt = #line
    ) throws(Failure) {
        let fault = try succeed(line: line) { () throws(KernelError) in
            try handler.receive(reply: reply, deadline: Checks.patience)
        }
        try kind(fault, .breakpoint, line: line)
        try equal(fault[Fault.syndrome] & 0xffff, UInt64(code.rawValue), "trap", line: line)
        try stop(reply, line: line)
    }
}

/// The participant that holds the heap, plus 1.
private func heapHolder() -> UInt64 { peek(Checks.locksPage) & 0xffff }

/// Allocates, fills, checks and frees; whether the bytes stayed.
@inline(never) private func useHeap(_ size: Int, _ value: UInt64) -> Bool {
    let piece = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    let words = unsafe piece.bindMemory(to: UInt64.self, capacity: size / 8)
    for index in 0..<(size / 8) { unsafe words[index] = value }
    var isRight = true
    for index in 0..<(size / 8) where unsafe words[index] != value { isRight = false }
    unsafe piece.deallocate()
    return isRight
}

/// Uses the heap until note 0 is set.
private let useHeapAlways: @convention(c) (UInt64) -> UInt64 = { number in
    var failures: UInt64 = 0
    var size = 16
    while note(0) == 0 {
        if !useHeap(size, number) { failures += 1 }
        size = size % 400 + 16
    }
    return failures
}

/// Counts in note 2 while note 3 is set.
private let hog: @convention(c) (UInt64) -> UInt64 = { bell in
    while note(0) == 0 {
        Notification(Slot(UInt32(bell))).pause()
        while note(3) != 0 { addNote(2) }
    }
    return 0
}

/// The value of the running test.
nonisolated(unsafe) private var guarded: Mutex<UInt64>?

/// Adds 200 to the value, one by one, and lets the others run meanwhile.
private let addGuarded: @convention(c) (UInt64) -> UInt64 = { _ in
    for round in 0..<200 {
        do throws(KernelError) {
            try unsafe guarded?.withLock { value in
                let before = value
                if round & 7 == 0 { yield() }
                value = before + 1
            }
        } catch { return UInt64(error.rawValue) }
    }
    return 0
}

func taskLockTests(_ runner: inout Runner) {
    let cores = Int(runner.coreCount.told)
    heapLockTests(&runner, cores)
    onceTests(&runner)
    runner.test("locks.a-thread-ends-with-a-mutex") { c throws(Failure) in
        c.takeThreads()
        for _ in 0..<2 {
            let thread = try c.start { _ in
                let own = TaskLocks.participant
                do throws(KernelError) {
                    _ = try own.lock(TaskLocks.firstFreeCell)
                    _ = try own.lock(TaskLocks.cellCount - 1)
                    try own.unlock(TaskLocks.cellCount - 1)
                } catch { return 0 }
                return UInt64(own.number)
            }
            try c.equal(try c.join(thread), 1)
            let own = TaskLocks.participant
            try c.equal(UInt64(own.number), 0)
            try c.succeed { () throws(KernelError) in
                if try !own.lock(TaskLocks.firstFreeCell) { throw .wrongState }
                if try own.lock(TaskLocks.cellCount - 1) { throw .slotOccupied }
                try own.unlock(TaskLocks.firstFreeCell)
                try own.unlock(TaskLocks.cellCount - 1)
            }
        }
    }
    runner.test("locks.a-guarded-value") { c throws(Failure) in
        try c.takeThreadsAndHeap()
        let shared = try c.succeed { () throws(KernelError) in try Mutex(0 as UInt64) }
        unsafe guarded = shared
        let first = try c.start(core: cores - 1, addGuarded)
        let second = try c.start(core: 0, addGuarded)
        try c.equal(try c.join(first), 0)
        try c.equal(try c.join(second), 0)
        let sum = try c.succeed { () throws(KernelError) in try shared.withLock { $0 } }
        try c.equal(sum, 400)
        // A body that ends with the value. The next caller learns of it, and the one after it not.
        let last = try c.start { _ in
            try? unsafe guarded?.withLock { _ in Thread.exit(7) }
            return 0
        }
        try c.equal(try c.join(last), 7)
        try c.refuse(.peerDied) { () throws(KernelError) in try shared.withLock { _ in } }
        try c.succeed { () throws(KernelError) in try shared.withLock { $0 += 1 } }
        let inner = try c.succeed { () throws(KernelError) in
            try shared.withLock { _ in
                do throws(KernelError) { try shared.withLock { _ in } } catch { return error }
                return .noCaller
            }
        }
        try c.expect(inner == .deadlock, "taken twice", UInt64(inner.rawValue))
        unsafe guarded = nil
    }
    runner.test("locks.cells-are-claimed-once") { c throws(Failure) in
        c.takeThreads()
        for number in TaskLocks.firstFreeCell..<TaskLocks.cellCount {
            let cell = try c.succeed { () throws(KernelError) in try Cell.claim() }
            try c.equal(UInt64(cell.number), UInt64(number))
        }
        for _ in 0..<2 {
            try c.refuse(.exhausted) { () throws(KernelError) in _ = try Cell.claim() }
        }
    }
    runner.test("locks.before-the-first-thread") { c throws(Failure) in
        let small = Untyped(try c.make(.untyped, sizeBits: 13))
        c.takeThreads(from: small)
        try c.expect(!TaskLocks.isMade, "made")
        try c.refuse(.insufficientMemory) { () throws(KernelError) in try TaskLocks.make() }
        c.takeThreads()
        try c.succeed { () throws(KernelError) in
            try TaskLocks.make()
            try TaskLocks.make()
            _ = try TaskLocks.participant.lock(TaskLocks.firstFreeCell)
        }
        let thread = try c.start { _ in
            do throws(KernelError) {
                _ = try TaskLocks.participant.lock(
                    TaskLocks.firstFreeCell, deadline: .after(milliseconds: 1))
            } catch { return UInt64(error.rawValue) }
            return 0
        }
        // This thread holds it, and waits for that one.
        try c.equal(try c.join(thread), UInt64(KernelError.deadlock.rawValue))
    }
}

private func heapLockTests(_ runner: inout Runner, _ cores: Int) {
    runner.test("locks.heap-is-preempted") { c throws(Failure) in
        try c.takeThreadsAndHeap()
        let (never, bell) = (try c.notification(), try c.notification())
        let low = try c.start(priority: 10, context: 77, useHeapAlways)
        let other = try c.start(priority: 50, context: UInt64(bell.slot.index), hog)
        let limit = Checks.patience
        var contended: UInt64 = 0
        var ticks: UInt64 = 0
        while contended < 100 {
            try c.expect(Instant.now < limit, "the heap is never held", contended)
            ticks = ticks % 1000 + 1
            c.rest(ticks, never)
            if heapHolder() != 2 && heapHolder() != 0 { try c.equal(heapHolder(), 2, "holder") }
            if heapHolder() == 0 { continue }
            contended += 1
            // The hog is ready, and more urgent than the holder unless that inherits.
            setNote(2, 0)
            setNote(3, 1)
            try c.succeed { () throws(KernelError) in try bell.signal(1) }
            try c.expect(useHeap(200, 5), "the heap is broken")
            try c.equal(note(2), 0, "the hog ran")
            setNote(3, 0)
        }
        setNote(0, 1)
        try c.succeed { () throws(KernelError) in try bell.signal(1) }
        try c.equal(try c.join(low), 0)
        try c.equal(try c.join(other), 0)
    }
    runner.test("locks.heap-of-all-cores") { c throws(Failure) in
        try c.takeThreadsAndHeap()
        var threads = InlineArray<4, StartedThread?>(repeating: nil)
        for number in 0..<4 {
            threads[number] = try c.start(
                priority: 40, core: number % cores, context: UInt64(number)
            ) { number in
                var failures: UInt64 = 0
                for round in 0..<2000 {
                    let size = 16 + (round * 7 + Int(number) * 40) % 600
                    if !useHeap(size, number << 32 | UInt64(round)) { failures += 1 }
                    if round % 16 == 0 { yield() }
                }
                return failures
            }
        }
        for number in 0..<4 {
            if let thread = threads[number] { try c.equal(try c.join(thread), 0) }
        }
    }
    runner.test("locks.heap-of-a-dead-thread") { c throws(Failure) in
        let (handler, reply, never) = (
            try c.endpoint(), try c.reply(), try c.notification()
        )
        try c.takeThreadsAndHeap(faultHandler: handler.slot)
        let low = try c.start(priority: 10, useHeapAlways)
        let limit = Checks.patience
        var ticks: UInt64 = 1
        repeat {
            try c.expect(Instant.now < limit, "the heap is never held")
            ticks = ticks % 1000 + 1
            c.rest(ticks, never)
        } while heapHolder() == 0
        try c.end(low)
        _ = try c.start { _ in useHeap(16, 1) ? 1 : 0 }
        try c.fault(handler, reply, .heapAbandoned)
    }
}

// Global values: each is initialised once in a run of the tests.

@inline(never) private func initialiseSlowly() -> UInt64 {
    setNote(1, 1)
    while true {
        let own = try? Thread.current.information()
        if let own, own.effective >= 254 { return 42 }
    }
}
nonisolated(unsafe) private var slow: UInt64 = initialiseSlowly()

nonisolated(unsafe) private var outer: UInt64 = { unsafe inner + note(4) }()
nonisolated(unsafe) private var inner: UInt64 = { note(4) * 10 }()

@inline(never) private func needsItself() -> UInt64 { note(4) == 0 ? 0 : unsafe circular + 1 }
nonisolated(unsafe) private var circular: UInt64 = needsItself()

@inline(never) private func initialiseForEver() -> UInt64 {
    setNote(1, 1)
    while note(4) == 0 { yield() }
    return note(4)
}
nonisolated(unsafe) private var abandoned: UInt64 = initialiseForEver()
nonisolated(unsafe) private var afterwards: UInt64 = { note(4) + 3 }()

nonisolated(unsafe) private var starter: StartedThread?
@inline(never) private func startInInitialiser() -> UInt64 {
    unsafe starter = try? Thread.start("reader", priority: 255) { _ in
        setNote(1, 1)
        return unsafe startedWithin
    }
    return 5 + note(1)
}
nonisolated(unsafe) private var startedWithin: UInt64 = startInInitialiser()

private func onceTests(_ runner: inout Runner) {
    runner.test("locks.once-is-preempted") { c throws(Failure) in
        c.takeThreads()
        clearNotes()
        let bell = try c.notification()
        let low = try c.start(priority: 10) { _ in unsafe slow }
        try c.pause(until: { note(1) == 1 })
        setNote(3, 1)
        let other = try c.start(priority: 50, context: UInt64(bell.slot.index), hog)
        try c.succeed { () throws(KernelError) in try bell.signal(1) }
        // The low thread is halfway, and inherits from this one.
        try c.equal(unsafe slow, 42)
        try c.equal(note(2), 0, "the hog ran")
        setNote(3, 0)
        setNote(0, 1)
        try c.succeed { () throws(KernelError) in try bell.signal(1) }
        try c.equal(try c.join(low), 42)
        try c.equal(try c.join(other), 0)
    }
    runner.test("locks.once-in-once") { c throws(Failure) in
        c.takeThreads()
        clearNotes()
        setNote(4, 3)
        let thread = try c.start { _ in unsafe outer }
        try c.equal(try c.join(thread), 33)
        setNote(4, 4)
        try c.equal(unsafe outer + inner, 63)
    }
    runner.test("locks.once-needs-itself") { c throws(Failure) in
        let (handler, reply) = (try c.endpoint(), try c.reply())
        c.takeThreads(faultHandler: handler.slot)
        setNote(4, 1)
        _ = try c.start { _ in unsafe circular }
        try c.fault(handler, reply, .onceRecursive)
    }
    runner.test("locks.once-of-a-dead-thread") { c throws(Failure) in
        let (handler, reply) = (try c.endpoint(), try c.reply())
        c.takeThreads(faultHandler: handler.slot)
        clearNotes()
        let low = try c.start(priority: 10) { _ in unsafe abandoned }
        try c.pause(until: { note(1) == 1 })
        try c.end(low)
        // Other values are as they were.
        try c.equal(unsafe afterwards, 3)
        _ = try c.start { _ in unsafe abandoned }
        try c.fault(handler, reply, .onceAbandoned)
    }
    runner.test("locks.once-starts-the-first-thread") { c throws(Failure) in
        c.takeThreads()
        clearNotes()
        try c.equal(unsafe startedWithin, 6)
        guard let thread = unsafe starter else {
            throw Failure(line: #line, text: "not started", value: 0)
        }
        try c.equal(try c.join(thread), 6)
    }
}
