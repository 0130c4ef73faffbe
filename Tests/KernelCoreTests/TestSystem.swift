// A booted kernel on the model, and the hands of its user threads: system calls are made as user code makes them, by
// registers, through the same order of entries as the trap glue; interrupts are taken where a processor takes them; calls
// that were made to wait for their turn are performed again. After every entry the kernel's whole state is inspected.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

typealias KernelThread = KernelCore.Thread

/// A thread, and the slot of its capability in the root task's table.
struct TestThread: Equatable {
    let slot: UInt32
    let ref: Ref<KernelThread>
}

/// What a system call left in x0–x10.
struct Results: Equatable {
    var x: [UInt64]
    var word: ResultWord { ResultWord(raw: x[0]) }
    var error: KernelError? { word.error }
    var badge: UInt64 { x[1] }
    var words: [UInt64] { Array(x[3...10]) }
}

final class TestSystem {
    static let callPlace: UInt64 = 0x1000
    static let ram: UInt32 = 16
    static let smallDevice: UInt32 = 17
    static let largeDevice: UInt32 = 18
    static let rootLine = 32

    let hardware = ModelState()
    let kernel: UnsafeMutablePointer<Kernel<ModelHardware>>
    let usesFastPath: Bool
    private(set) var root: TestThread
    var running: Ref<KernelThread>?
    private var boot: [Ref<ObjectHeader>] = []
    private let rootTable: Ref<CapabilityTable>
    private var nextSlot: UInt32 = 32
    private var wake: UInt32 = 0
    private var wakeInterrupt: UInt32 = 0
    private(set) var steps = 0
    private(set) var isBroken = false
    private var isRootAsleep = false
    /// How many entries took a fast path.
    private(set) var fastEntries = 0
    /// Inspect after every n-th entry only, where much is done and something else looks as well.
    var inspectionPeriod = 1

    init(fast: Bool = true) {
        usesFastPath = fast
        let memory = hardware.memory
        let base = ModelState.ramBase
        // Kernel tables at +0, the empty page table at +128 KiB, the bundle and the device tree behind; then boot memory.
        precondition(Kernel<ModelHardware>.tableBytes <= 128 << 10)
        (memory).initializeMemory(as: UInt8.self, repeating: 0, count: (128 << 10) + 4096)
        let bundle = (memory + (160 << 10)).bindMemory(to: UInt64.self, capacity: 512)
        bundle.update(repeating: 0, count: 512)
        bundle[0] = Bundle.magic
        bundle[1] = 4096
        bundle[2] = 1
        bundle[3] = 0x20_0000
        bundle[4] = 0
        bundle[5] = 0x20_0000
        bundle[6] = 4096
        bundle[7] = UInt64((Rights.read | Rights.execute).raw)
        kernel = .allocate(capacity: 1)
        kernel.initialize(
            to: Kernel(
                hardware: ModelHardware(state: hardware), tables: memory, emptyTable: base + (128 << 10)))
        do throws(BootError) {
            var task = try kernel.pointee.makeRootTask(
                BootRequest(
                    bundle: PhysicalRange(base: base + (160 << 10), size: 4096),
                    deviceTree: PhysicalRange(base: base + (164 << 10), size: 100), counterFrequency: 62_500_000,
                    console: 0, ramBytes: UInt64(ModelState.ramBytes)),
                memory: BootMemory(base: base + (168 << 10), end: base + (1 << 20)))
            kernel.pointee.grantAuthorities(task)
            let left =
                kernel.pointee.addUntyped(&task, PhysicalRange(base: base + (8 << 20), size: 8 << 20), isDevice: false)
                + kernel.pointee.addUntyped(&task, PhysicalRange(base: 0x900_0000, size: 0x1_0000), isDevice: true)
                + kernel.pointee.addUntyped(&task, PhysicalRange(base: 1 << 32, size: 1 << 30), isDevice: true)
            precondition(left == 0)
            root = TestThread(slot: RootSlot.thread.index, ref: task.thread)
            rootTable = task.table
            boot = [
                task.thread.header, task.table.rebound(to: ObjectHeader.self),
                task.space.rebound(to: ObjectHeader.self),
            ]
            kernel.pointee.finishBoot(task, kernelBytes: 1 << 20)
        } catch { preconditionFailure("boot: \(error)") }
        for slot in TestSystem.ram...TestSystem.largeDevice {
            if let object = rootTable.slot(Int(slot)).pointee.object { boot.append(object) }
        }
        hardware.largestZero = 0
        follow(kernel.pointee.start())
        wake = make(.notification)
        wakeInterrupt = allocateSlot()
        perform(
            .createInterrupt, RootSlot.interruptControl.index, UInt64(TestSystem.rootLine), Trigger.edge.rawValue,
            UInt64(TestSystem.ram), own, UInt64(wakeInterrupt))
        perform(.bindInterrupt, wakeInterrupt, UInt64(wake), 1)
        hardware.reserved.insert(TestSystem.rootLine)
    }

    deinit {
        kernel.deinitialize(count: 1)
        kernel.deallocate()
    }

    var own: UInt64 { UInt64(Slot.ownTable.index) }
    var none: UInt64 { UInt64(Slot.none.index) }

    // Entries

    /// Perform the call whose arguments stand in the thread's registers, and everything that comes before user code runs again.
    func trap(_ thread: Ref<KernelThread>, sourceLocation: SourceLocation = #_sourceLocation) {
        guard running == thread else {
            Issue.record("a thread that does not run cannot call", sourceLocation: sourceLocation)
            return
        }
        enter(thread)
        settle(sourceLocation)
    }

    private func enter(_ thread: Ref<KernelThread>) {
        thread.pointee.context.programCounter = TestSystem.callPlace + 4
        thread.pointee.context.isFull = 0
        let x = thread.registers
        let control = ControlWord(raw: x[0])
        var handover: Handover?
        if usesFastPath && control.isPlainCall {
            handover = kernel.pointee.fastCall(thread, x[0])
        } else if usesFastPath && control.isPlainReplyAndReceive {
            handover = kernel.pointee.fastReplyAndReceive(thread, x[0], replySlot: x[1])
            if handover == nil, let next = kernel.pointee.fastResume(thread, x[0], replySlot: x[1]) {
                fastEntries += 1
                return follow(next)
            }
        } else if usesFastPath && control.isPlainExchange {
            handover = kernel.pointee.fastExchange(thread, x[0], replySlot: x[1])
        }
        if let handover {
            fastEntries += 1
            follow(handover)
        } else if usesFastPath && control.systemCall == .signal {
            follow(kernel.pointee.fastSignal(thread, x[0], x[1]), of: thread)
        } else if usesFastPath && control.systemCall == .yield {
            follow(kernel.pointee.fastYield(thread), of: thread)
        } else if usesFastPath && control.systemCall == .poll, let bits = kernel.pointee.fastPoll(thread, x[0]) {
            succeed(thread, ResultWord(.notification), bits)
        } else {
            follow(kernel.pointee.systemCall(thread))
        }
    }

    /// What the assembly does where a quick call changed no register of its caller.
    private func succeed(_ thread: Ref<KernelThread>, _ result: ResultWord, _ value: UInt64 = 0) {
        fastEntries += 1
        setResults(thread, result, value)
        follow(thread)
    }
    private func setResults(_ thread: Ref<KernelThread>, _ result: ResultWord, _ value: UInt64 = 0) {
        for index in 0...10 { thread.registers[index] = 0 }
        thread.registers[0] = result.raw
        thread.registers[1] = value
    }

    private func follow(_ outcome: QuickOutcome, of thread: Ref<KernelThread>) {
        switch outcome {
        case .done: succeed(thread, .success)
        case .declined: follow(kernel.pointee.systemCall(thread))
        case .unsettled:
            kernel.pointee.settle()
            enter(thread)
        case .woken(let waiter):
            kernel.pointee.makeReadyBelow(waiter)
            succeed(thread, .success)
        case .signalled(let wakeup):
            fastEntries += 1
            setResults(thread, .success)
            follow(wakeup)
        case .switched(let next):
            fastEntries += 1
            setResults(thread, .success)
            follow(next)
        }
    }
    private func follow(_ wakeup: Wakeup) {
        #expect(wakeup.thread.pointee.context.isFull == 0)
        setResults(wakeup.thread, ResultWord(.notification), wakeup.bits)
        follow(wakeup.thread)
    }

    /// What the assembly does at the end of a fast path.
    private func follow(_ handover: Handover) {
        let to = handover.thread.registers
        for index in 3...10 { to[index] = handover.source.registers[index] }
        to[0] = handover.result
        to[1] = handover.badge
        to[2] = 0
        for index in 11...18 { to[index] = 0 }
        follow(handover.thread)
    }

    private func interrupt(line: Int, isTimer: Bool) {
        if usesFastPath, let thread = running {
            if !kernel.pointee.isSettled { kernel.pointee.settle() }
            let wakeup =
                isTimer
                ? kernel.pointee.fastExpire(thread) ?? kernel.pointee.expireFirst(thread)
                : kernel.pointee.fastDeliver(thread, line: line)
            if let wakeup { return follow(wakeup) }
        }
        follow(isTimer ? kernel.pointee.timerInterrupt(running) : kernel.pointee.interrupt(running, line: line))
    }

    /// What the assembly does with what the general path returned: where another thread goes on, its address space does.
    private func follow(_ thread: Ref<KernelThread>?) {
        if let thread, thread != running { hardware.translationBase = thread.translationBase }
        running = thread
        inspect()
    }

    /// Take what interrupts, and let calls restart, until user code would run or the processor sleeps.
    func settle(_ sourceLocation: SourceLocation = #_sourceLocation) {
        for _ in 0..<10_000 {
            if isBroken { return }
            if hardware.isGhostPending {
                hardware.isGhostPending = false
                follow(kernel.pointee.noInterrupt(running))
            } else if hardware.isTimerDue {
                interrupt(line: ModelState.timerLine, isTimer: true)
            } else if let line = hardware.takeable {
                hardware.quiet.insert(line)
                hardware.pulses.remove(line)
                interrupt(line: line, isTimer: false)
            } else if let thread = running, thread.programCounter == TestSystem.callPlace {
                enter(thread)
            } else {
                return
            }
        }
        Issue.record("user code never runs again", sourceLocation: sourceLocation)
        isBroken = true
    }

    /// Let time pass; the timer interrupts when it is due.
    func advance(by ticks: UInt64) {
        hardware.now += ticks
        settle()
    }
    func raise(line: Int) {
        hardware.pulses.insert(line)
        settle()
    }
    func fault(_ thread: TestThread, _ kind: FaultKind = .pageRead, address: UInt64 = 0xdead_0000) {
        guard running == thread.ref else {
            Issue.record("a thread that does not run cannot fault")
            return
        }
        thread.ref.pointee.context.programCounter = 0x3000
        thread.ref.pointee.context.isFull = 1
        follow(kernel.pointee.fault(thread.ref, kind, address: address, syndrome: 0x9200_0007))
        settle()
    }
    func useFloatingPoint(_ thread: TestThread) {
        guard running == thread.ref else {
            Issue.record("a thread that does not run cannot compute")
            return
        }
        if hardware.isFloatingPointEnabled { return }
        thread.ref.pointee.context.programCounter = 0x3000
        follow(kernel.pointee.floatingPointTrap(thread.ref))
        settle()
    }

    private func inspect() {
        steps += 1
        if isBroken || steps % inspectionPeriod != 0 { return }
        var violations = kernel.pointee.inspect(boot: boot, running: running, scanTables: steps % 33 == 0).violations
        let armed = kernel.pointee.core.armed.ticks
        if hardware.deadline != armed && armed != 0 {
            violations.append("the hardware's deadline is \(hardware.deadline), the kernel thinks \(armed)")
        }
        if let running, hardware.translationBase != running.translationBase {
            violations.append("another address space is active than the running thread's")
        }
        if hardware.isFloatingPointEnabled != (running?.pointee.scheduling.hasFloatingPoint ?? false) {
            violations.append("floating point is enabled for the wrong thread")
        }
        if violations.isEmpty { return }
        isBroken = true
        Issue.record("after step \(steps): \(violations.prefix(8).joined(separator: "; "))")
    }
    func inspectTables() {
        let violations = kernel.pointee.inspect(boot: boot, running: running, scanTables: true).violations
        #expect(violations == [])
    }

    // The root task, most urgent of all, asleep while the threads under test run

    /// Let the root task sleep, so that the others run.
    func go() {
        isRootAsleep = true
        setRegisters(root, ControlWord(.wait, Slot(wake)).raw, 0, ~0)
        trap(root.ref)
    }

    /// Wake the root task by its interrupt, let it act, and let it sleep again. Whoever ran goes on afterwards.
    @discardableResult func asRoot<Value>(_ body: () -> Value) -> Value {
        if !isRootAsleep { return body() }
        isRootAsleep = false
        raise(line: TestSystem.rootLine)
        let value = body()
        perform(.acknowledge, wakeInterrupt)
        go()
        return value
    }

    /// Do `work`, and let the root task interrupt it at its n-th step.
    ///
    /// - Returns: false when the work was over before.
    func interfere(after queries: Int, with work: () -> Void, _ body: () -> Void) -> Bool {
        hardware.urgentAfter = queries
        work()
        hardware.urgentAfter = nil
        if running != root.ref { return false }
        isRootAsleep = false
        body()
        perform(.acknowledge, wakeInterrupt)
        go()
        return true
    }

    /// A method that the root task invokes.
    @discardableResult func perform(
        _ method: Method, _ slot: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0,
        _ e: UInt64 = 0, _ f: UInt64 = 0, _ g: UInt64 = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) -> Results {
        asRoot { invoke(root, method, slot, a, b, c, d, e, f, g, sourceLocation: sourceLocation) }
    }

    // Calls of any thread

    @discardableResult func invoke(
        _ thread: TestThread, _ method: Method, _ slot: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
        _ d: UInt64 = 0, _ e: UInt64 = 0, _ f: UInt64 = 0, _ g: UInt64 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Results {
        setRegisters(thread, ControlWord(invoke: method, Slot(slot)).raw, a, b, c, d, e, f, g)
        trap(thread.ref, sourceLocation: sourceLocation)
        return results(thread)
    }

    func setRegisters(_ thread: TestThread, _ values: UInt64...) {
        let x = thread.ref.registers
        for index in 0...10 { x[index] = index < values.count ? values[index] : 0 }
    }
    func results(_ thread: TestThread) -> Results { Results(x: (0...10).map { thread.ref.registers[$0] }) }

    // Making objects

    func allocateSlot() -> UInt32 {
        nextSlot += 1
        return nextSlot - 1
    }
    /// An object of the root task.
    func make(
        _ kind: ObjectKind, sizeBits: UInt64 = 0, from untyped: UInt32 = TestSystem.ram,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> UInt32 {
        let slot = allocateSlot()
        let result = perform(
            .retype, untyped, UInt64(kind.rawValue) | sizeBits << 8, 1, own, UInt64(slot), none,
            sourceLocation: sourceLocation)
        #expect(result.error == nil, "making \(kind)", sourceLocation: sourceLocation)
        return slot
    }
    func object<Object: ~Copyable>(_ slot: UInt32, as: Object.Type) -> Ref<Object>? {
        rootTable.slot(Int(slot)).pointee.object?.rebound(to: Object.self)
    }
    func capability(_ slot: UInt32) -> Ref<Capability> { rootTable.slot(Int(slot)) }

    func isEmpty(_ slot: UInt32) -> Bool { capability(slot).pointee.object == nil }

    /// A stopped thread with the root task's table and address space, and an IPC buffer of its own.
    func makeThread(
        priority: UInt64, from untyped: UInt32 = TestSystem.ram, hasBuffer: Bool = true,
        faultHandler: UInt32? = nil
    ) -> TestThread {
        asRoot {
            let slot = make(.thread, from: untyped)
            let buffer = hasBuffer ? UInt64(make(.frame, sizeBits: 12, from: untyped)) : none
            let configured = perform(
                .configure, slot, UInt64(RootSlot.table.index), UInt64(RootSlot.addressSpace.index), buffer,
                faultHandler.map { UInt64($0) } ?? none)
            #expect(configured.error == nil)
            #expect(perform(.setPriority, slot, priority, max(priority, 200)).error == nil)
            #expect(perform(.setEntry, slot, 0x2000).error == nil)
            guard let ref = object(slot, as: KernelThread.self) else { preconditionFailure("no thread was made") }
            return TestThread(slot: slot, ref: ref)
        }
    }
    func start(_ threads: TestThread...) {
        asRoot { for thread in threads { #expect(perform(.resume, thread.slot).error == nil) } }
    }
    func buffer(_ thread: TestThread) -> UnsafeMutablePointer<UInt64> {
        guard let buffer = thread.ref.pointee.buffer else { preconditionFailure("the thread has no buffer") }
        return buffer.raw.assumingMemoryBound(to: UInt64.self)
    }

    // What a thread is doing

    func state(_ thread: TestThread) -> ThreadState { thread.ref.state.reported }
    func effective(_ thread: TestThread) -> Int { Int(thread.ref.effective) }
    func isRunning(_ thread: TestThread) -> Bool { running == thread.ref }
}

extension Ref where Object == KernelThread {
    /// x0–x30.
    var registers: UnsafeMutablePointer<UInt64> { contextAddress.assumingMemoryBound(to: UInt64.self) }
}
