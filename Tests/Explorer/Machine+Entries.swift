// One step of a system: an entry into the kernel, by a fast path or by the general path only, which
// must come to the same.

import HardwareInterface
import KernelABI
import TestSupport

@testable import KernelCore

extension Machine {
    /// Performs the system call whose arguments stand in the running thread's registers.
    ///
    /// - Returns: whether a fast path did it.
    @discardableResult func trap(fast: Bool) -> Bool { enter(runningThread, fast: fast) }

    /// Performs that call after the core had to wait for the lock, unless something goes before.
    func waitedTrap() {
        let thread = runningThread
        thread.pointee.context.isFull = false
        if isInterruptPending || kernel.pointee.mustRestart {
            thread.pointee.context.programCounter = Machine.callPlace
            _ = enter(kernel.pointee.hardware.takeInterrupt(), fast: true)
        } else {
            _ = enter(thread, fast: false)
        }
    }

    /// Takes the inter-processor interrupt that was on its way.
    func takeRequest() {
        hardware.pointee.hasArrived = true
        takeInterrupt(fast: true)
    }

    /// Goes on after the lock was passed in the middle of the scheduling loop.
    func goOn() { follow(kernel.pointee.goOn(at: kernel.pointee.requestPriority)) }

    /// Takes the interrupt that is pending, the timer's first.
    ///
    /// - Returns: whether a fast path did it.
    @discardableResult func takeInterrupt(fast: Bool) -> Bool {
        let taken = kernel.pointee.hardware.takeInterrupt()
        running?.pointee.context.isFull = true
        return enter(taken, fast: fast)
    }

    /// The processor executes `thread`, in its address space, or is idle. Where the kernel passes
    /// the lock before that, it has left the address space itself.
    func follow(_ thread: Ref<KernelThread>?) {
        if let thread {
            if thread != running { hardware.pointee.translationBase = thread.translationBase }
        } else if !kernel.pointee.core.isPassing {
            hardware.pointee.translationBase = kernel.pointee.emptyTranslationBase
        }
        hardware.pointee.running = thread
    }

    func fault() {
        let thread = runningThread
        stopAtFault(thread)
        follow(kernel.pointee.fault(thread, .pageRead, address: 0xdead_0000, syndrome: 0x9200_0007))
    }

    /// The running thread computes with floating point.
    func useFloatingPoint(_ value: UInt64) {
        let thread = runningThread
        if !hardware.pointee.isFloatingPointEnabled { enterFloatingPointTrap(thread) }
        if running == thread && hardware.pointee.isFloatingPointEnabled {
            hardware.pointee.floatingPointRegister = value
        }
    }

    private var runningThread: Ref<KernelThread> {
        guard let running else { preconditionFailure("no thread runs") }
        return running
    }
}
