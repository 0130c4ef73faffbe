// The ways into the kernel, taken as the trap glue takes them: system calls by registers, fast path first; interrupts where a
// processor takes them; calls that were made to wait for their turn are performed again. After every entry the kernel's whole
// state is inspected.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

extension TestSystem {
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
        thread.pointee.context.isFull = false
        hardware.isFirstQuery = true
        let x = thread.registers
        let control = ControlWord(raw: x[0])
        var outcome = FastOutcome.declined
        if usesFastPath && control.isPlainCall {
            outcome = kernel.pointee.fastCall(thread, x[0])
        } else if usesFastPath && control.isPlainReplyAndReceive {
            outcome = kernel.pointee.fastReplyAndReceive(thread, x[0], replySlot: x[1])
            if case .declined = outcome, let next = kernel.pointee.fastResume(thread, x[0], replySlot: x[1]) {
                fastEntries += 1
                return follow(next)
            }
        } else if usesFastPath && control.isPlainExchange {
            outcome = kernel.pointee.fastExchange(thread, x[0], replySlot: x[1])
        }
        if let handover = handover(outcome, control, thread) {
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

    /// What a fast path of messages comes to, after a switch of the floating-point registers where that is needed.
    private func handover(_ outcome: FastOutcome, _ control: ControlWord, _ thread: Ref<KernelThread>) -> Handover? {
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
        kernel.pointee.hardware.switchFloatingPoint(from: thread.floatingPointArea, to: next.floatingPointArea)
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
            follow(wakeup, instead: thread)
        case .switched(let next, let usesFloatingPoint):
            fastEntries += 1
            setResults(thread, .success)
            if usesFloatingPoint { switchFloatingPoint(from: thread, to: next) }
            follow(next)
        }
    }
    private func follow(_ wakeup: Wakeup, instead thread: Ref<KernelThread>) {
        #expect(wakeup.thread.pointee.context.isFull == false)
        if wakeup.usesFloatingPoint { switchFloatingPoint(from: thread, to: wakeup.thread) }
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
            let wakeup =
                isTimer
                ? kernel.pointee.fastExpire(thread) ?? kernel.pointee.expireFirst(thread)
                : kernel.pointee.fastDeliver(thread, line: line) ?? kernel.pointee.deliverFirst(thread, line: line)
            if let wakeup { return follow(wakeup, instead: thread) }
        }
        follow(isTimer ? kernel.pointee.timerInterrupt(running) : kernel.pointee.interrupt(running, line: line))
    }

    /// What the assembly does with what the general path returned: where another thread goes on, its address space does.
    func follow(_ thread: Ref<KernelThread>?) {
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
            } else if let thread = running, let (kind, address) = interruptedFaults[thread.bits] {
                fault(thread, kind, address: address)
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
        thread.ref.pointee.context.isFull = true
        fault(thread.ref, kind, address: address)
        settle()
    }
    private func fault(_ thread: Ref<KernelThread>, _ kind: FaultKind, address: UInt64) {
        let next = kernel.pointee.fault(thread, kind, address: address, syndrome: 0x9200_0007)
        // An interrupt came between: the instruction faults again.
        let faultsAgain = thread.state == .running || thread.state == .ready
        interruptedFaults[thread.bits] = faultsAgain ? (kind, address) : nil
        follow(next)
    }
    private func inspect() {
        steps += 1
        if isBroken { return }
        inspectFloatingPoint()
        if isBroken || steps % inspectionPeriod != 0 { return }
        var violations = kernel.pointee.inspect(boot: boot, running: running, scanTables: steps % 33 == 0).violations
        let armed = kernel.pointee.core.armed.ticks
        if hardware.deadline != armed && armed != 0 {
            violations.append("the hardware's deadline is \(hardware.deadline), the kernel thinks \(armed)")
        }
        if let running, hardware.translationBase != running.translationBase {
            violations.append("another address space is active than the running thread's")
        }
        fail(violations)
    }
    func fail(_ violations: [String]) {
        if violations.isEmpty { return }
        isBroken = true
        Issue.record("after step \(steps): \(violations.prefix(8).joined(separator: "; "))")
    }
    func inspectTables() {
        let violations = kernel.pointee.inspect(boot: boot, running: running, scanTables: true).violations
        #expect(violations == [])
    }
}
