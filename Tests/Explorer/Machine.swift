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

    let memory: UnsafeMutableRawPointer
    let kernel: UnsafeMutablePointer<Kernel<ModelHardware>>
    let hardware: UnsafeMutablePointer<HardwareState>
    let root: Ref<KernelThread>
    let table: Ref<CapabilityTable>
    var boot: [Ref<ObjectHeader>]
    private(set) var nextSlot: UInt32 = 32

    init() {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: Machine.bytes, alignment: 2 << 20)
        memset(memory, 0, Machine.bytes)
        self.memory = memory
        let base = ModelHardware.ramBase
        // Hardware and kernel in the first page, the core's state at +4 KiB, the shared state at
        // +12 KiB, the empty page table at +128 KiB, bundle and device tree behind it; then boot
        // memory.
        hardware = memory.bindMemory(to: HardwareState.self, capacity: 1)
        hardware.initialize(to: HardwareState())
        kernel = (memory + 1024).bindMemory(to: Kernel<ModelHardware>.self, capacity: 1)
        precondition(
            MemoryLayout<HardwareState>.size <= 1024
                && MemoryLayout<Kernel<ModelHardware>>.size <= 3072)
        precondition(Kernel<ModelHardware>.coreBytes <= 8 << 10)
        precondition(Kernel<ModelHardware>.sharedBytes <= 116 << 10)
        let bundle = (memory + (132 << 10)).bindMemory(to: UInt64.self, capacity: 512)
        bundle[0] = Bundle.magic
        bundle[1] = 4096
        kernel.initialize(
            to: Kernel(
                hardware: ModelHardware(state: hardware, memory: memory), core: memory + 4096,
                shared: memory + (12 << 10), emptyTable: base + (128 << 10)))
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
        follow(kernel.pointee.start())
    }
    deinit { memory.deallocate() }

    /// The thread that the processor executes; nil while it is idle.
    var running: Ref<KernelThread>? { hardware.pointee.running }
    var now: UInt64 { hardware.pointee.now }

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
            none)
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
    /// Stops the root task for good: the most urgent of the threads under test runs.
    func stopRoot() {
        setArguments(root, [ControlWord(invoke: .suspend, RootSlot.thread).raw])
        trap(fast: false)
    }

    func setArguments(_ thread: Ref<KernelThread>, _ values: [UInt64]) {
        for index in 0..<19 { thread.registers[index] = index < values.count ? values[index] : 0 }
    }
}

extension Ref where Object == KernelThread {
    /// Whether its system call was interrupted, and is performed again when the thread runs.
    var isRestarting: Bool { pointee.context.programCounter == Machine.callPlace }
}
