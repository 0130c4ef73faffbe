// The ways into the kernel, as the trap glue takes them: the fast path first, then the general one; or the general path only,
// which must do the same.

import HardwareInterface
import KernelABI

@testable import KernelCore

extension Machine {
    /// Performs the system call whose arguments stand in the running thread's registers.
    ///
    /// - Returns: whether a fast path did it.
    @discardableResult func trap(fast: Bool) -> Bool {
        guard let thread = running else { preconditionFailure("no thread runs") }
        thread.pointee.context.programCounter = Machine.callPlace + 4
        thread.pointee.context.isFull = 0
        if fast && enterFast(thread) { return true }
        follow(kernel.pointee.systemCall(thread))
        return false
    }

    private func enterFast(_ thread: Ref<KernelThread>) -> Bool {
        let x = thread.registers
        let control = ControlWord(raw: x[0])
        if control.isPlainCall { return follow(kernel.pointee.fastCall(thread, x[0])) }
        if control.isPlainReplyAndReceive {
            if follow(kernel.pointee.fastReplyAndReceive(thread, x[0], replySlot: x[1])) {
                return true
            }
            guard let next = kernel.pointee.fastResume(thread, x[0], replySlot: x[1]) else {
                return false
            }
            follow(next)
            return true
        }
        if control.isPlainExchange {
            return follow(kernel.pointee.fastExchange(thread, x[0], replySlot: x[1]))
        }
        switch control.systemCall {
        case .signal: return follow(signalFast(thread, x[0], x[1]), of: thread)
        case .yield: return follow(kernel.pointee.fastYield(thread), of: thread)
        case .poll:
            guard let bits = kernel.pointee.fastPoll(thread, x[0]) else { return false }
            setResults(thread, ResultWord(.notification), bits)
            follow(thread)
            return true
        default: return false
        }
    }

    private func signalFast(_ thread: Ref<KernelThread>, _ control: UInt64, _ bits: UInt64)
        -> QuickOutcome
    {
        let outcome = kernel.pointee.fastSignal(thread, control, bits)
        guard case .unsettled = outcome else { return outcome }
        kernel.pointee.settle()
        return kernel.pointee.fastSignal(thread, control, bits)
    }

    /// What the assembly does at the end of a fast path.
    private func follow(_ handover: Handover?) -> Bool {
        guard let handover else { return false }
        let to = handover.thread.registers
        for index in 3...10 { to[index] = handover.source.registers[index] }
        to[0] = handover.result
        to[1] = handover.badge
        to[2] = 0
        follow(handover.thread)
        return true
    }
    private func follow(_ outcome: QuickOutcome, of thread: Ref<KernelThread>) -> Bool {
        switch outcome {
        case .declined, .unsettled: return false
        case .done:
            setResults(thread, .success)
            follow(thread)
        case .woken(let waiter):
            kernel.pointee.makeReadyBelow(waiter)
            setResults(thread, .success)
            follow(thread)
        case .signalled(let wakeup):
            setResults(thread, .success)
            follow(wakeup)
        case .switched(let next):
            setResults(thread, .success)
            follow(next)
        }
        return true
    }
    private func follow(_ wakeup: Wakeup) {
        setResults(wakeup.thread, ResultWord(.notification), wakeup.bits)
        follow(wakeup.thread)
    }
    private func setResults(_ thread: Ref<KernelThread>, _ result: ResultWord, _ value: UInt64 = 0) {
        for index in 2...10 { thread.registers[index] = 0 }
        thread.registers[0] = result.raw
        thread.registers[1] = value
    }

    /// What the assembly does with what the kernel returned.
    func follow(_ thread: Ref<KernelThread>?) {
        if let thread, thread != running {
            hardware.pointee.translationBase = thread.translationBase
        }
        hardware.pointee.running = thread
    }

    /// Takes the interrupt that is pending, the timer's first.
    ///
    /// - Returns: whether a fast path did it.
    @discardableResult func takeInterrupt(fast: Bool) -> Bool {
        let isTimer = hardware.pointee.isTimerDue
        let line = hardware.pointee.takeable
        if !isTimer, let line {
            hardware.pointee.quiet |= Lines.bit(line)
            hardware.pointee.raised &= ~Lines.bit(line)
        }
        if let thread = running { thread.pointee.context.isFull = 1 }
        if fast, let thread = running {
            if !kernel.pointee.isSettled { kernel.pointee.settle() }
            var wakeup: Wakeup?
            if isTimer {
                wakeup = kernel.pointee.fastExpire(thread) ?? kernel.pointee.expireFirst(thread)
            } else if let line {
                wakeup = kernel.pointee.fastDeliver(thread, line: line)
            }
            if let wakeup {
                follow(wakeup)
                return true
            }
        }
        if isTimer {
            follow(kernel.pointee.timerInterrupt(running))
        } else if let line {
            follow(kernel.pointee.interrupt(running, line: line))
        } else {
            follow(kernel.pointee.noInterrupt(running))
        }
        return false
    }

    func fault() {
        guard let thread = running else { preconditionFailure("no thread runs") }
        thread.pointee.context.programCounter = 0x3000
        thread.pointee.context.isFull = 1
        follow(kernel.pointee.fault(thread, .pageRead, address: 0xdead_0000, syndrome: 0x9200_0007))
    }

    /// The running thread computes with floating point.
    func useFloatingPoint(_ value: UInt64) {
        guard let thread = running else { preconditionFailure("no thread runs") }
        if !hardware.pointee.isFloatingPointEnabled {
            thread.pointee.context.programCounter = 0x3000
            thread.pointee.context.isFull = 1
            follow(kernel.pointee.floatingPointTrap(thread))
        }
        if running == thread && hardware.pointee.isFloatingPointEnabled {
            hardware.pointee.floatingPointRegister = value
        }
    }
}
