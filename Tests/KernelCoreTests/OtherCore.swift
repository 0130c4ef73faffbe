// A further core of a test system. It has a kernel value and hardware of its own; memory, clock and
// the kernel's shared state are the system's. A test lets one core act at a time, as the lock does.

import HardwareInterface
import KernelABI
import TestSupport
import Testing

@testable import KernelCore

final class OtherCore: ModelMachine {
    let number: Int
    let hardware: ModelState
    let kernel: UnsafeMutablePointer<Kernel<ModelHardware>>
    private(set) var running: Ref<KernelThread>?
    private unowned let system: TestSystem
    var lookWatch = LookWatch()
    /// How many interrupts took a fast path.
    private(set) var wakes = 0
    /// Whether it takes no interrupt: a test lets other cores go first.
    var isHeld = false

    init(_ system: TestSystem) {
        self.system = system
        number = system.others.count + 1
        hardware = ModelState(beside: system.hardware)
        kernel = .allocate(capacity: 1)
        let place = system.hardware.memory + (64 << 10) + (number << 12)
        place.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        kernel.initialize(
            to: Kernel(
                hardware: ModelHardware(state: hardware), number: number, core: place,
                joining: system.kernel.pointee))
        hardware.onQuery = { [unowned self] in look() }
    }
    deinit {
        kernel.deinitialize(count: 1)
        kernel.deallocate()
    }

    var asked: Int { kernel.pointee.core.asked }
    var mustReload: Bool { kernel.pointee.core.mustReload }

    func follow(_ thread: Ref<KernelThread>?) {
        hardware.passLock()
        if let thread, thread != running { hardware.translationBase = thread.translationBase }
        running = thread
        system.inspect()
    }

    /// Performs the call whose arguments stand in the thread's registers.
    func enter(_ thread: Ref<KernelThread>) {
        hardware.isFirstQuery = true
        if enter(thread, fast: system.usesFastPath) { system.fastEntries += 1 }
    }

    /// Makes one entry into the kernel, if there is a reason.
    ///
    /// - Returns: false if there is none.
    func act() -> Bool {
        if kernel.pointee.core.isPassing {
            follow(kernel.pointee.goOn(at: kernel.pointee.requestPriority))
        } else if isHeld {
            return false
        } else if hardware.isInterruptPending {
            if enter(hardware.take(), fast: system.usesFastPath) { wakes += 1 }
        } else if let running, running.programCounter == TestSystem.callPlace {
            enter(running)
        } else {
            return false
        }
        return true
    }
}

extension TestSystem {
    /// Starts another core.
    @discardableResult func addCore() -> OtherCore {
        let other = OtherCore(self)
        others.append(other)
        let all = [hardware] + others.map { $0.hardware }
        for state in all { state.cores = all }
        other.follow(other.kernel.pointee.start())
        return other
    }
    var isPassing: Bool { kernel.pointee.core.isPassing }
    /// The thread that each core executes.
    var allRunning: [Ref<KernelThread>?] { [running] + others.map { $0.running } }

}

extension Core {
    /// Returns what the core's hardware has wrong, if the core does not know that it must act.
    func violations(_ hardware: ModelState, _ running: Ref<KernelThread>?) -> [String] {
        var violations: [String] = []
        if hardware.deadline != armed.ticks && armed.ticks != 0 {
            violations.append(
                "the hardware's deadline is \(hardware.deadline), the kernel thinks \(armed.ticks)")
        }
        if let running, !mustReload, hardware.translationBase != running.translationBase {
            violations.append("another address space is active than the running thread's")
        }
        return violations
    }
}
