// No hang and no panic from user input: a task that calls at random is fed, started anew and
// killed, while a more urgent thread must keep its beat, and every byte of the task's memory
// comes back.
//
// `seed=NUMBER` on the command line takes another seed; under counted instructions a seed's run is
// always the same.

import CTargetTests
import KernelABI
import UserRuntime

/// The sacrificial task of one round.
private struct FuzzTask {
    var sandbox: Sandbox
    var threads: InlineArray<5, SandboxThread?> = InlineArray(repeating: nil)
    /// What it was given: source in this table, index in its own, rights.
    private var gifts = InlineArray<35, (Slot, Rights)>(repeating: (.none, .none))

    static var workers: Int { 4 }
    static var withBuffer: Int { 3 }

    /// - Parameter cores: the cores over which the callers and the victim are spread.
    init(
        _ checks: inout Checks, arena: Untyped, handler: Slot, seed: UInt64, quota: UInt64,
        cores: Int
    ) throws(Failure) {
        sandbox = try Sandbox(&checks, arena: arena)
        for number in 0...FuzzTask.workers {
            // The last is the victim; the one before has no buffer.
            let made = try sandbox.thread(
                &checks, number: number, priority: 20, maximum: 100, fault: handler,
                withBuffer: number != FuzzTask.withBuffer)
            try checks.succeed { () throws(KernelError) in
                try made.thread.setSlice(.microseconds(30))
                if cores > 1 { try made.thread.setCore(number % cores) }
            }
            threads[number] = made
        }
        try makeGifts(&checks, handler)
        feed()
        for word in 0..<64 as Range<UInt64> { poke(SandboxAddress.sharedHere + 8 * word, 0) }
        set(FuzzWord.quota, quota)
        for number in 0..<FuzzTask.workers {
            set(
                FuzzWord.of(UInt64(number), 0),
                (seed &+ UInt64(number)) &* 0x9e37_79b9_7f4a_7c15 | 1)
        }
    }

    private mutating func makeGifts(_ checks: inout Checks, _ handler: Slot) throws(Failure) {
        give(FuzzSlot.table, sandbox.table.slot)
        give(FuzzSlot.space, sandbox.space.slot)
        for number in 0...FuzzTask.workers {
            guard let thread = threads[number] else { continue }
            give(
                FuzzSlot.workers + UInt32(number), thread.thread.slot,
                number == FuzzTask.workers ? .all : .read)
        }
        try make(checks, .endpoint, FuzzSlot.endpoints, 2)
        give(FuzzSlot.endpoints + 2, gifts[Int(FuzzSlot.endpoints)].0, .read)
        give(FuzzSlot.endpoints + 3, gifts[Int(FuzzSlot.endpoints)].0, .write | .grant)
        try make(checks, .reply, FuzzSlot.replies, 2)
        try make(checks, .notification, FuzzSlot.notifications, 2)
        give(FuzzSlot.notifications + 2, gifts[Int(FuzzSlot.notifications)].0, .write)
        try make(checks, .timer, FuzzSlot.timers, 2)
        try make(checks, .untyped, FuzzSlot.untyped, 1, sizeBits: 16)
        // Registers of devices that are not there: QEMU's virt has 32 slots for them.
        if let device = deviceRegion(holding: 0x0a00_0000) {
            give(FuzzSlot.device, device.slot, .read)
        }
        try make(checks, .frame, FuzzSlot.frames, 2, sizeBits: 12)
        try make(checks, .pageTable, FuzzSlot.pageTables, 2)
        for index in 0..<2 as Range<UInt32> {
            give(FuzzSlot.interrupts + index, Slot(Sandbox.firstSlot - 1 - index))
        }
        let arena = sandbox.arena
        for index in 0..<2 {
            // Two on one line.
            try checks.succeed { () throws(KernelError) in
                try InterruptControl(RootSlot.interruptControl).create(
                    line: 40, .level, from: arena,
                    index: Slot(Sandbox.firstSlot - 1 - UInt32(index)))
            }
        }
        give(FuzzSlot.interruptControl, RootSlot.interruptControl)
        let pool = Slot(Sandbox.firstSlot - 3)
        try checks.succeed { () throws(KernelError) in
            try ASIDControl(RootSlot.asidControl).createPool(from: arena, index: pool)
        }
        give(FuzzSlot.asidPool, pool)
        give(FuzzSlot.asidControl, RootSlot.asidControl)
        give(FuzzSlot.systemControl, RootSlot.systemControl, .read)
        give(FuzzSlot.handler, handler, .write)
        try make(checks, .budget, FuzzSlot.budget, 1)
        let budget = Budget(gifts[Int(FuzzSlot.budget)].0)
        try checks.succeed { () throws(KernelError) in
            try SystemControl(RootSlot.systemControl).set(
                budget, limit: .milliseconds(1), period: .milliseconds(2), background: 1)
        }
        try make(checks, .mutexSet, FuzzSlot.mutexSets, 2, sizeBits: 2)
        let mutexes = gifts[Int(FuzzSlot.mutexSets)].0
        let page = try sandbox.make(checks, .frame, sizeBits: 12)
        for number in 0..<FuzzTask.workers {
            guard let thread = threads[number]?.thread else { continue }
            try checks.succeed { () throws(KernelError) in
                let set = MutexSet(mutexes)
                if number == 0 { try set.bindPage(Frame(page)) }
                try set.join(thread, as: number)
            }
        }
        give(FuzzSlot.mutexSets, mutexes, .write)
        // Cell 2 is a semaphore, cell 3 a condition.
        try checks.mapFrame(page, at: Checks.mutexPage, .read | .write)
        let second = UInt64(CountingWord(units: 1).raw)
        let third = UInt64(CountingWord.condition.raw)
        poke(Checks.mutexPage + 2 * UInt64(MutexWord.stride), second)
        poke(Checks.mutexPage + 3 * UInt64(MutexWord.stride), third)
        try checks.succeed { () throws(KernelError) in
            try AddressSpace(RootSlot.addressSpace).unmap(page)
        }
    }
    private mutating func give(_ index: UInt32, _ source: Slot, _ rights: Rights = .all) {
        gifts[Int(index)] = (source, rights)
    }
    private mutating func make(
        _ checks: Checks, _ kind: ObjectKind, _ first: UInt32, _ count: UInt32, sizeBits: Int = 0
    ) throws(Failure) {
        for index in 0..<count {
            give(first + index, try sandbox.make(checks, kind, sizeBits: sizeBits))
        }
    }

    /// Give it anew what it threw away.
    func feed() {
        for index in gifts.indices where gifts[index].0 != .none {
            sandbox.give(gifts[index].0, UInt32(index), rights: gifts[index].1)
        }
    }
    /// Stop what may keep the callers from running: the victim, and all threads that the task made.
    func quiet() {
        try? threads[FuzzTask.workers]?.thread.suspend()
        try? Untyped(gifts[Int(FuzzSlot.untyped)].0).reclaim()
    }
    /// Start the callers anew: those that have stopped, or all that do not run.
    func start(onlyStopped: Bool) {
        for number in 0..<FuzzTask.workers {
            guard let thread = threads[number], let state = try? thread.thread.information().state
            else { continue }
            if state == .ready || onlyStopped && state != .stopped && state != .faulted { continue }
            try? thread.restart(fuzzWorker)
        }
    }

    func word(_ index: UInt64) -> UInt64 { peek(SandboxAddress.sharedHere + 8 * index) }
    private func set(_ index: UInt64, _ value: UInt64) {
        poke(SandboxAddress.sharedHere + 8 * index, value)
    }
    func sum(_ index: UInt64) -> UInt64 {
        var sum: UInt64 = 0
        for number in 0..<UInt64(FuzzTask.workers) { sum += word(FuzzWord.of(number, index)) }
        return sum
    }
    /// Have all threads with a buffer made their calls? The one without faults at most of its
    /// steps: it computes with floating-point registers.
    var isFinished: Bool {
        for number in 0..<UInt64(FuzzTask.withBuffer)
        where word(FuzzWord.of(number, 1)) < word(FuzzWord.quota) {
            return false
        }
        return true
    }
}

extension Checks {
    /// Let a task call at random until each thread made `quota` calls, or until `turns` of its
    /// faults and waits were served.
    ///
    /// - Returns: calls, successes and odd instructions.
    fileprivate mutating func fuzzRound(
        arena: Untyped, handler: Endpoint, reply: Reply, seed: UInt64, quota: UInt64, cores: Int,
        turns: Int
    ) throws(Failure) -> (calls: UInt64, successes: UInt64, odd: UInt64) {
        let badged = Slot(639)
        try? CapabilityTable.own.delete(badged)
        try succeed { () throws(KernelError) in
            try CapabilityTable.own.mint(handler.slot, to: badged, badge: 77)
        }
        let task = try FuzzTask(
            &self, arena: arena, handler: badged, seed: seed, quota: quota, cores: cores)
        task.start(onlyStopped: true)
        setNote(30, seed | 1)
        var progress: UInt64 = 0
        for turn in 0..<turns {
            if task.isFinished { break }
            serve(handler, reply)
            let now = task.sum(1) + task.sum(3)
            if now == progress { task.quiet() }
            if now == progress || turn % 16 == 15 { task.feed() }
            task.start(onlyStopped: now != progress)
            progress = now
        }
        if task.word(FuzzWord.broken) > 0 {
            SystemControl(RootSlot.systemControl).write(
                "control word, what, result:",
                [
                    task.word(FuzzWord.brokenControl), task.word(FuzzWord.brokenWhat),
                    task.word(FuzzWord.brokenResult),
                ])
        }
        try equal(task.word(FuzzWord.broken), 0, "a call broke the kernel's promises")
        return (task.sum(1), task.sum(2), task.sum(3))
    }

    /// Take one fault or message of the task, and answer it in one way or another.
    private func serve(_ handler: Endpoint, _ reply: Reply) {
        guard let received = try? handler.receive(reply: reply, deadline: .after(.microseconds(50)))
        else { return }
        if received.delivery == .oneWay { return }
        switch random(30) & 7 {
        case 0:
            try? reply.reply(
                RegisterMessage(FaultReply.resumeAt.rawValue, received[Fault.programCounter] &+ 4))
        case 1: try? reply.reply(RegisterMessage(FaultReply.retry.rawValue))
        case 2: try? reply.reply(RegisterMessage(FaultReply.resumeAt.rawValue, random(30)))
        case 3: try? reply.reply(RegisterMessage(random(30), random(30)))
        default: try? reply.reply(RegisterMessage(FaultReply.stop.rawValue))
        }
    }

    /// Pages that the arena can be cut into, all of it: what is lost shows here.
    fileprivate func pages(of arena: Untyped) throws(Failure) -> UInt64 {
        let message = RegisterMessage(UInt64(Slot.ownTable.index), 2000, UInt64(Slot.none.index))
        var words = message.words
        let kind = UInt64(ObjectKind.frame.rawValue) | UInt64(FrameSize.page.rawValue) << 8
        let control = ControlWord(invoke: .retype, arena.slot).raw
        let result = rawSystemCall(control, kind, 2000, &words)
        try equal(
            result.result, UInt64(KernelError.insufficientMemory.rawValue),
            "more pages than there is memory")
        let made = words.w0
        try succeed { () throws(KernelError) in try arena.reclaim() }
        return made
    }

    /// Rounds of a task that calls at random, each in the memory of the one before. With several
    /// cores, as many as begin within ten seconds: the host decides how fast they are.
    fileprivate mutating func fuzz(
        rounds: UInt64, quota: UInt64, cores: Int = 1, turns: (UInt64) -> Int
    ) throws(Failure) -> UInt64 {
        clearNotes()
        let console = SystemControl(RootSlot.systemControl)
        let arena = Untyped(try make(.untyped, sizeBits: 20))
        let handler = try endpoint()
        let answer = try reply()
        try startWatcher()
        let pages = try pages(of: arena)
        var (calls, successes, odd): (UInt64, UInt64, UInt64) = (0, 0, 0)
        let end = Instant.after(milliseconds: 10_000)
        for round in 0..<rounds {
            if cores > 1 && Instant.now > end { break }
            let beats = note(29)
            let roundSeed = seed &+ round &* 1000
            let sums = try fuzzRound(
                arena: arena, handler: handler, reply: answer, seed: roundSeed, quota: quota,
                cores: cores, turns: turns(round))
            calls += sums.calls
            successes += sums.successes
            odd += sums.odd
            // The more urgent thread goes on.
            try pause(milliseconds: 3, until: { note(29) > beats })
            try succeed { () throws(KernelError) in try arena.reclaim() }
            let left = try succeed { () throws(KernelError) in try arena.information() }
            try equal(left.lowBytes | left.highBytes, 0, "memory in use after reclaim")
            try equal(try self.pages(of: arena), pages, "pages after reclaim")
        }
        console.write("seed, calls, successes, odd instructions:", [seed, calls, successes, odd])
        // A few calls tell nothing.
        let isEnough = cores == 1 || calls > 1000
        try expect(
            !isEnough || successes > calls / 8 && odd > 0, "the calls get nowhere", successes)
        return calls
    }

    /// A thread above all of the task's priorities that wakes every millisecond; note 29 counts.
    private mutating func startWatcher() throws(Failure) {
        let beat = try notification()
        let timer = Timer(try make(.timer))
        _ = try spawn(
            priority: 200,
            { slot in
                while (try? Notification(Slot(UInt32(slot))).wait()) != nil { addNote(29) }
                endThread()
            }, UInt64(beat.slot.index))
        try succeed { () throws(KernelError) in
            try timer.bind(beat, bits: 1)
            try timer.arm(.after(milliseconds: 1), period: .milliseconds(1))
        }
    }
}

func fuzzTests(_ runner: inout Runner) {
    let cores = Int(runner.coreCount.told)
    runner.test("fuzz.any-system-call") { c throws(Failure) in
        let calls = try c.fuzz(rounds: 6, quota: 2000) { _ in 20_000 }
        // With several cores the host decides how many fit into the turns.
        let least: UInt64 = cores < 2 ? 6 * 3 * 2000 : 1
        try c.expect(calls >= least, "the calls were not made", calls)
    }
    runner.test("fuzz.killed-at-any-time") { c throws(Failure) in
        let seed = c.seed
        _ = try c.fuzz(rounds: 40, quota: ~0) { round in Int((seed &+ round &* 37) % 97) + 3 }
    }
    if cores > 1 {
        // The callers call at the same time, and die on all cores at once.
        runner.test("fuzz.killed-on-all-cores") { c throws(Failure) in
            let seed = c.seed
            _ = try c.fuzz(rounds: 40, quota: ~0, cores: cores) { round in
                Int((seed &+ round &* 37) % 97) + 3
            }
        }
    }
    runner.test("fuzz.the-system-goes-on") { c throws(Failure) in
        // What every earlier test left behind must not show: a call, a fault and a timer
        // still work.
        try c.exchange(c.echo(priority: 255), length: 16)
        try c.kind(try c.fault({ _ in breakpoint() }), .breakpoint)
        try c.pause(milliseconds: 1)
    }
}
