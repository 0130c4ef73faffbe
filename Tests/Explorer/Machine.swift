// A booted kernel in one arena. Kernel, hardware and objects stand at fixed addresses: a copy of
// the bytes is a snapshot, and references within it are valid when it is restored.

import Foundation
import HardwareInterface
import KernelABI
import TestSupport

@testable import KernelCore

/// Memory, hardware, a booted kernel, and the root task that makes the objects under test. All
/// threads share its table.
final class Machine: ModelMachine {
    static let bytes = 3 << 19
    static let untypedOffset = 1 << 20
    static let untyped = RootSlot.firstUntyped.index

    /// A core: its kernel value and its hardware.
    struct Processor {
        let kernel: UnsafeMutablePointer<Kernel<ModelHardware>>
        let hardware: UnsafeMutablePointer<HardwareState>
    }
    let memory: UnsafeMutableRawPointer
    let board: UnsafeMutablePointer<BoardState>
    private(set) var cores: [Processor] = []
    /// The core that acts, which `kernel`, `hardware` and `running` mean.
    private(set) var acting = 0
    private(set) var kernel: UnsafeMutablePointer<Kernel<ModelHardware>>
    private(set) var hardware: UnsafeMutablePointer<HardwareState>
    let root: Ref<KernelThread>
    let table: Ref<CapabilityTable>
    var boot: [Ref<ObjectHeader>]
    private(set) var nextSlot: UInt32 = 32

    init(cores count: Int) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: Machine.bytes, alignment: 2 << 20)
        memset(memory, 0, Machine.bytes)
        self.memory = memory
        let base = ModelHardware.ramBase
        // Board, hardware and kernels in the first page, the cores' states at +4 KiB and +8 KiB,
        // the shared state at +12 KiB, the empty page table at +128 KiB, bundle and device tree
        // behind it; then boot memory.
        board = memory.bindMemory(to: BoardState.self, capacity: 1)
        board.initialize(to: BoardState())
        hardware = (memory + 256).bindMemory(to: HardwareState.self, capacity: count)
        hardware.initialize(repeating: HardwareState(), count: count)
        kernel = (memory + 1024).bindMemory(to: Kernel<ModelHardware>.self, capacity: count)
        precondition(
            MemoryLayout<BoardState>.size <= 256
                && MemoryLayout<HardwareState>.stride * count <= 768
                && MemoryLayout<Kernel<ModelHardware>>.stride * count <= 3072)
        precondition(count <= 2 && Kernel<ModelHardware>.coreBytes <= 4 << 10)
        precondition(Kernel<ModelHardware>.sharedBytes <= 116 << 10)
        let bundle = (memory + (132 << 10)).bindMemory(to: UInt64.self, capacity: 512)
        bundle[0] = Bundle.magic
        bundle[1] = 4096
        let models = (0..<count).map { [board, hardware] number in
            ModelHardware(number: number, cores: hardware, board: board, memory: memory)
        }
        kernel.initialize(
            to: Kernel(
                hardware: models[0], core: memory + 4096, shared: memory + (12 << 10),
                emptyTable: base + (128 << 10)))
        do throws(BootError) {
            var task = try kernel.pointee.makeRootTask(
                BootRequest(
                    bundle: PhysicalRange(base: base + (132 << 10), size: 4096),
                    deviceTree: PhysicalRange(base: base + (136 << 10), size: 100),
                    counterFrequency: Instants.frequency, console: 0,
                    ramBytes: UInt64(Machine.bytes)),
                memory: BootMemory(
                    base: base + (140 << 10), end: base + UInt64(Machine.untypedOffset)))
            kernel.pointee.grantAuthorities(task)
            let left = kernel.pointee.addUntyped(
                &task, PhysicalRange(base: base + UInt64(Machine.untypedOffset), size: 1 << 19),
                isDevice: false)
            precondition(left == 0)
            root = task.thread
            table = task.table
            boot = [
                task.thread.header, task.table.rebound(to: ObjectHeader.self),
                task.space.rebound(to: ObjectHeader.self),
                task.asidPool.rebound(to: ObjectHeader.self),
            ]
            kernel.pointee.finishBoot(task, kernelBytes: 1 << 20)
        } catch { preconditionFailure("boot: \(error)") }
        if let object = table.slot(Int(Machine.untyped)).pointee.object { boot.append(object) }
        cores = (0..<count).map { Processor(kernel: kernel + $0, hardware: hardware + $0) }
        follow(kernel.pointee.start())
        for number in 1..<max(count, 1) {
            cores[number].kernel.initialize(
                to: Kernel(
                    hardware: models[number], number: number, core: memory + 4096 * (number + 1),
                    joining: kernel.pointee))
            turn(to: number)
            follow(kernel.pointee.start())
        }
        turn(to: 0)
    }
    deinit { memory.deallocate() }

    /// Lets another core act from now on.
    func turn(to number: Int) {
        acting = number
        (kernel, hardware) = (cores[number].kernel, cores[number].hardware)
    }

    /// The thread that the core executes; nil while it is idle.
    var running: Ref<KernelThread>? { hardware.pointee.running }
    /// The same of all cores, by number.
    var allRunning: [Ref<KernelThread>?] { cores.map { $0.hardware.pointee.running } }
    var lookWatch: LookWatch {
        get { hardware.pointee.lookWatch }
        set { hardware.pointee.lookWatch = newValue }
    }
    var now: UInt64 { board.pointee.now }
    var isInterruptPending: Bool { kernel.pointee.hardware.isInterruptPending }

    // Calls of the root task, before the exploration begins

    func allocateSlot() -> UInt32 {
        nextSlot += 1
        return nextSlot - 1
    }
    func make(
        _ kind: ObjectKind, sizeBits: UInt64 = 0, from untyped: UInt32 = Machine.untyped
    ) -> UInt32 {
        let slot = allocateSlot()
        perform(
            .retype, untyped, UInt64(kind.rawValue) | sizeBits << 8, 1, own, UInt64(slot),
            kind == .addressSpace ? UInt64(RootSlot.asidPool.index) : none)
        return slot
    }
    func object<Object: ~Copyable>(_ slot: UInt32) -> Ref<Object> {
        guard let object = table.slot(Int(slot)).pointee.object else {
            preconditionFailure("slot \(slot) is empty")
        }
        return object.rebound(to: Object.self)
    }
    var own: UInt64 { UInt64(Slot.ownTable.index) }
    var none: UInt64 { UInt64(Slot.none.index) }

    /// Invokes a method as the root task. It must succeed.
    func perform(
        _ method: Method, _ slot: UInt32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0,
        _ d: UInt64 = 0,
        _ e: UInt64 = 0, _ f: UInt64 = 0
    ) {
        precondition(running == root, "the root task does not run")
        setArguments(root, [ControlWord(invoke: method, Slot(slot)).raw, a, b, c, d, e, f])
        trap(fast: false)
        precondition(root.registers[0] == 0, "\(method) ends with \(root.registers[0])")
    }
    /// Stops the root task for good: the most urgent of the threads under test run.
    func stopRoot() {
        setArguments(root, [ControlWord(invoke: .suspend, RootSlot.thread).raw])
        trap(fast: false)
        settle()
    }
    /// Lets all inter-processor interrupts arrive; then the first core acts.
    func settle() {
        while let number = cores.indices.first(where: { cores[$0].hardware.pointee.isAsked }) {
            turn(to: number)
            takeRequest()
        }
        turn(to: 0)
    }

    func setArguments(_ thread: Ref<KernelThread>, _ values: [UInt64]) {
        for index in 0..<19 { thread.registers[index] = index < values.count ? values[index] : 0 }
    }
}

extension Ref where Object == KernelThread {
    /// Whether its system call was interrupted, and is performed again when the thread runs.
    var isRestarting: Bool { pointee.context.programCounter == Machine.callPlace }
}
