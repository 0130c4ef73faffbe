// A booted kernel on the model, and the calls of its user threads. The root task, most urgent of
// all, sleeps while the threads under test run. A test wakes it to make or change an object.

import HardwareInterface
import KernelABI
import TestSupport
import Testing

@testable import KernelCore

typealias KernelThread = TestSupport.KernelThread
typealias SeededGenerator = TestSupport.SeededGenerator

/// A thread, and the slot of its capability in the root task's table.
struct TestThread: Equatable {
    let slot: UInt32
    let ref: Ref<KernelThread>
}

/// The results of a system call, in x0–x10.
struct Results: Equatable {
    var x: [UInt64]
    var word: ResultWord { ResultWord(raw: x[0]) }
    /// nil: success. A word that is no result, as of a call that nobody completed, fails the test.
    var error: KernelError? {
        if !word.isSuccess && word.error == nil { Issue.record("x0 is no result: \(word.raw)") }
        return word.error
    }
    var badge: UInt64 { x[1] }
    var words: [UInt64] { Array(x[3...10]) }
}

final class TestSystem: ModelMachine {
    static let ram: UInt32 = 16
    static let smallDevice: UInt32 = 17
    static let largeDevice: UInt32 = 18
    /// 64 bytes of registers at physical address 0x3f00_b880, which the kernel has mapped at
    /// `registersAddress`.
    static let registers: UInt32 = 19
    static let registersAddress: UInt64 = 0xffff_ffff_0000_2880
    static let rootLine = 32

    let hardware = ModelState()
    let kernel: UnsafeMutablePointer<Kernel<ModelHardware>>
    let usesFastPath: Bool
    private(set) var root: TestThread
    var running: Ref<KernelThread>?
    var boot: [Ref<ObjectHeader>] = []
    let rootTable: Ref<CapabilityTable>
    var nextSlot: UInt32 = 32
    private var wake: UInt32 = 0
    private var wakeInterrupt: UInt32 = 0
    var steps = 0
    /// Faults that an interrupt came between, by thread: the instruction faults again.
    var interruptedFaults: [UInt: (FaultKind, UInt64)] = [:]
    var isBroken = false
    private(set) var isRootAsleep = false
    /// The value that each thread wrote to the floating-point register last. All values differ.
    var floatingPointValues: [UInt: UInt64] = [:]
    var lastFloatingPointValue: UInt64 = 0
    /// How many system calls took a fast path.
    var fastEntries = 0
    /// Inspect after every n-th entry only: for long tests with checks of their own.
    var inspectionPeriod = 1
    var lookWatch = LookWatch()
    /// The cores besides the first, on which the system boots.
    var others: [OtherCore] = []

    init(fast: Bool = true, asidBits: Int = 16) {
        usesFastPath = fast
        hardware.asidBits = asidBits
        let memory = hardware.memory
        let base = ModelState.ramBase
        // The first core's state at +0, the shared state at +8 KiB, further cores' from +64 KiB on,
        // the empty page table at +128 KiB, the bundle and the device tree behind; then boot
        // memory.
        precondition(Kernel<ModelHardware>.coreBytes <= 4 << 10)
        precondition(Kernel<ModelHardware>.sharedBytes <= 56 << 10)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: (128 << 10) + 4096)
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
                hardware: ModelHardware(state: hardware), core: memory,
                shared: memory + (8 << 10), emptyTable: base + (128 << 10)))
        do throws(BootError) {
            var task = try kernel.pointee.makeRootTask(
                BootRequest(
                    bundle: PhysicalRange(base: base + (160 << 10), size: 4096),
                    deviceTree: PhysicalRange(base: base + (164 << 10), size: 100),
                    counterFrequency: 62_500_000,
                    console: 0, ramBytes: UInt64(ModelState.ramBytes)),
                memory: BootMemory(base: base + (168 << 10), end: base + (1 << 20)))
            kernel.pointee.grantAuthorities(task)
            let left =
                kernel.pointee.addUntyped(
                    &task, PhysicalRange(base: base + (8 << 20), size: 8 << 20), isDevice: false)
                + kernel.pointee.addUntyped(
                    &task, PhysicalRange(base: 0x900_0000, size: 0x1_0000), isDevice: true)
                + kernel.pointee.addUntyped(
                    &task, PhysicalRange(base: 1 << 32, size: 1 << 30), isDevice: true)
                + kernel.pointee.addRegisters(
                    &task, PhysicalRange(base: 0x3f00_b880, size: 64),
                    mappedAt: TestSystem.registersAddress)
            precondition(left == 0)
            root = TestThread(slot: RootSlot.thread.index, ref: task.thread)
            rootTable = task.table
            boot = [
                task.thread.header, task.table.rebound(to: ObjectHeader.self),
                task.space.rebound(to: ObjectHeader.self),
                task.asidPool.rebound(to: ObjectHeader.self),
            ]
            kernel.pointee.finishBoot(task, kernelBytes: 1 << 20)
        } catch { preconditionFailure("boot: \(error)") }
        for slot in TestSystem.ram...TestSystem.registers {
            if let object = rootTable.slot(Int(slot)).pointee.object { boot.append(object) }
        }
        hardware.largestZero = 0
        hardware.onQuery = { [unowned self] in look() }
        follow(kernel.pointee.start())
        wake = make(.notification)
        wakeInterrupt = makeInterrupt(line: TestSystem.rootLine, signalling: wake)
        hardware.reserved.insert(TestSystem.rootLine)
    }

    deinit {
        kernel.deinitialize(count: 1)
        kernel.deallocate()
    }

    var own: UInt64 { UInt64(Slot.ownTable.index) }
    var none: UInt64 { UInt64(Slot.none.index) }

    // Calls of the root task

    /// Puts the root task to sleep, so that the others run.
    func go() {
        isRootAsleep = true
        setRegisters(root, ControlWord(.wait, Slot(wake)).raw, 0, ~0)
        trap(root.ref)
    }

    /// Wakes the root task by its interrupt, lets it act, and puts it to sleep again. The
    /// interrupted thread goes on afterwards.
    @discardableResult func asRoot<Value>(_ body: () -> Value) -> Value {
        if !isRootAsleep { return body() }
        isRootAsleep = false
        raise(line: TestSystem.rootLine)
        let value = body()
        perform(.acknowledge, wakeInterrupt)
        go()
        return value
    }

    /// Wakes the root task by its interrupt. It goes on.
    func wakeRoot() {
        isRootAsleep = false
        raise(line: TestSystem.rootLine)
        perform(.acknowledge, wakeInterrupt)
    }

    /// Does `work`, and lets the root task interrupt it at its n-th step.
    ///
    /// - Returns: false where the work ended before.
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

    /// Invokes a method as the root task.
    @discardableResult func perform(
        _ method: Method, _ slot: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
        _ d: UInt64 = 0,
        _ e: UInt64 = 0, _ f: UInt64 = 0, _ g: UInt64 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Results {
        asRoot { invoke(root, method, slot, a, b, c, d, e, f, g, sourceLocation: sourceLocation) }
    }

    // Calls of any thread

    @discardableResult func invoke(
        _ thread: TestThread, _ method: Method, _ slot: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0,
        _ c: UInt64 = 0,
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
    func results(_ thread: TestThread) -> Results {
        Results(x: (0...10).map { thread.ref.registers[$0] })
    }
}
