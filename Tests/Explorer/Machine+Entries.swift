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
        thread.pointee.context.isFull = false
        if fast && enterFast(thread) { return true }
        follow(kernel.pointee.systemCall(thread))
        return false
    }

    private func enterFast(_ thread: Ref<KernelThread>) -> Bool {
        let x = thread.registers
        let control = ControlWord(raw: x[0])
        var outcome = FastOutcome.declined
        if control.isPlainCall {
            outcome = kernel.pointee.fastCall(thread, x[0])
        } else if control.isPlainReplyAndReceive {
            outcome = kernel.pointee.fastReplyAndReceive(thread, x[0], replySlot: x[1])
            if case .declined = outcome,
                let next = kernel.pointee.fastResume(thread, x[0], replySlot: x[1])
            {
                follow(next)
                return true
            }
        } else if control.isPlainExchange {
            outcome = kernel.pointee.fastExchange(thread, x[0], replySlot: x[1])
        }
        if let handover = handover(outcome, control, thread) {
            follow(handover)
            return true
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

    /// What a fast path of messages comes to, after a switch of the floating-point registers where that is needed.
    private func handover(
        _ outcome: FastOutcome, _ control: ControlWord, _ thread: Ref<KernelThread>
    ) -> Handover? {
        guard case .usesFloatingPoint(let slot, let reply) = outcome else {
            if case .handedOver(let handover) = outcome { return handover }
            return nil
        }
        let handover: Handover?
        if control.isPlainCall {
            handover = kernel.pointee.floatingPointCall(thread, control.raw, slot)
        } else if control.isPlainReplyAndReceive {
            handover = kernel.pointee.floatingPointReply(thread, control.raw, slot, reply)
        } else {
            handover = kernel.pointee.floatingPointExchange(thread, control.raw, slot, reply)
        }
        if let handover { switchFloatingPoint(from: handover.source, to: handover.thread) }
        return handover
    }
    private func switchFloatingPoint(from thread: Ref<KernelThread>, to next: Ref<KernelThread>) {
        kernel.pointee.hardware.switchFloatingPoint(
            from: thread.floatingPointArea, to: next.floatingPointArea)
    }

    private func signalFast(
        _ thread: Ref<KernelThread>, _ control: UInt64, _ bits: UInt64
    ) -> QuickOutcome {
        let outcome = kernel.pointee.fastSignal(thread, control, bits)
        guard case .unsettled = outcome else { return outcome }
        kernel.pointee.settle()
        return kernel.pointee.fastSignal(thread, control, bits)
    }

    /// What the assembly does at the end of a fast path.
    private func follow(_ handover: Handover) {
        let to = handover.thread.registers
        for index in 3...10 { to[index] = handover.source.registers[index] }
        to[0] = handover.result
        to[1] = handover.badge
        to[2] = 0
        follow(handover.thread)
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
            follow(wakeup, instead: thread)
        case .switched(let next, let usesFloatingPoint):
            setResults(thread, .success)
            if usesFloatingPoint { switchFloatingPoint(from: thread, to: next) }
            follow(next)
        }
        return true
    }
    private func follow(_ wakeup: Wakeup, instead thread: Ref<KernelThread>) {
        if wakeup.usesFloatingPoint { switchFloatingPoint(from: thread, to: wakeup.thread) }
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
        let thread = running
        let taken = kernel.pointee.hardware.takeInterrupt()
        if let thread {
            thread.pointee.context.isFull = true
            if fast, let wakeup = wakeup(by: taken, instead: thread) {
                follow(wakeup, instead: thread)
                return true
            }
        }
        switch taken {
        case .timer: follow(kernel.pointee.timerInterrupt(thread))
        case .line(let line): follow(kernel.pointee.interrupt(thread, line: line))
        case .nothing: follow(kernel.pointee.noInterrupt(thread))
        }
        return false
    }
    private func wakeup(by taken: TakenInterrupt, instead thread: Ref<KernelThread>) -> Wakeup? {
        switch taken {
        case .timer: return kernel.pointee.fastExpire(thread) ?? kernel.pointee.expireFirst(thread)
        case .line(let line):
            return kernel.pointee.fastDeliver(thread, line: line) ?? kernel.pointee.deliverFirst(thread, line: line)
        case .nothing: return nil
        }
    }

    func fault() {
        guard let thread = running else { preconditionFailure("no thread runs") }
        thread.pointee.context.programCounter = 0x3000
        thread.pointee.context.isFull = true
        follow(kernel.pointee.fault(thread, .pageRead, address: 0xdead_0000, syndrome: 0x9200_0007))
    }

    /// The running thread computes with floating point.
    func useFloatingPoint(_ value: UInt64) {
        guard let thread = running else { preconditionFailure("no thread runs") }
        if !hardware.pointee.isFloatingPointEnabled {
            thread.pointee.context.programCounter = 0x3000
            thread.pointee.context.isFull = true
            follow(kernel.pointee.floatingPointTrap(thread))
        }
        if running == thread && hardware.pointee.isFloatingPointEnabled {
            hardware.pointee.floatingPointRegister = value
        }
    }
}
