// Entries into the kernel, in the order in which a processor makes them: system calls, pending
// interrupts, and calls that were interrupted and are performed again. After every entry the tests
// inspect the kernel's whole state.

import HardwareInterface
import KernelABI
import TestSupport
import Testing

@testable import KernelCore

extension TestSystem {
    /// Performs the call whose arguments stand in the thread's registers, and every entry before
    /// user code runs again.
    func trap(_ thread: Ref<KernelThread>, sourceLocation: SourceLocation = #_sourceLocation) {
        if let other = others.first(where: { $0.running == thread }) {
            other.enter(thread)
            return settle(sourceLocation)
        }
        guard running == thread else {
            Issue.record("a thread that does not run cannot call", sourceLocation: sourceLocation)
            return
        }
        enter(thread)
        settle(sourceLocation)
    }

    /// Performs the call whose arguments stand in the thread's registers, and nothing after it.
    func enterOnce(_ thread: TestThread) { enter(thread.ref) }
    private func enter(_ thread: Ref<KernelThread>) {
        hardware.isFirstQuery = true
        if enter(thread, fast: usesFastPath) { fastEntries += 1 }
        // A fast path makes no query.
        hardware.isFirstQuery = false
    }

    /// The processor executes `thread`, in its address space, or is idle.
    func follow(_ thread: Ref<KernelThread>?) {
        hardware.passLock()
        if let thread, thread != running { hardware.translationBase = thread.translationBase }
        running = thread
        inspect()
    }

    /// Takes pending interrupts and restarts calls, until user code would run or the processor
    /// sleeps.
    func settle(_ sourceLocation: SourceLocation = #_sourceLocation) {
        for _ in 0..<10_000 {
            if isBroken { return }
            if kernel.pointee.core.isPassing {
                follow(kernel.pointee.goOn(at: kernel.pointee.requestPriority))
            } else if hardware.isInterruptPending {
                _ = enter(hardware.take(), fast: usesFastPath)
            } else if let thread = running, thread.programCounter == TestSystem.callPlace {
                enter(thread)
            } else if let thread = running, let (kind, address) = interruptedFaults[thread.bits] {
                fault(thread, kind, address: address)
            } else if !others.contains(where: { $0.act() }) {
                return
            }
        }
        Issue.record("user code never runs again", sourceLocation: sourceLocation)
        isBroken = true
    }

    /// Lets time pass. The timer interrupts when it is due.
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
        stopAtFault(thread.ref)
        fault(thread.ref, kind, address: address)
        settle()
    }
    private func fault(_ thread: Ref<KernelThread>, _ kind: FaultKind, address: UInt64) {
        let next = kernel.pointee.fault(thread, kind, address: address, syndrome: 0x9200_0007)
        // Where an interrupt came between, the instruction faults again.
        let faultsAgain = thread.state == .running || thread.state == .ready
        interruptedFaults[thread.bits] = faultsAgain ? (kind, address) : nil
        follow(next)
    }
    func inspect() {
        steps += 1
        if isBroken { return }
        inspectFloatingPoint()
        if isBroken || steps % inspectionPeriod != 0 { return }
        var violations = kernel.pointee.inspect(
            boot: boot, running: allRunning, scanTables: steps % 33 == 0
        ).violations
        violations += kernel.pointee.core.violations(hardware, running)
        violations += [lookWatch.violation].compactMap { $0 }
        for other in others {
            violations += other.kernel.pointee.core.violations(other.hardware, other.running)
            violations += [other.lookWatch.violation].compactMap { $0 }
        }
        fail(violations)
    }
    func fail(_ violations: [String]) {
        if violations.isEmpty { return }
        isBroken = true
        Issue.record("after step \(steps): \(violations.prefix(8).joined(separator: "; "))")
    }
    func inspectTables() {
        let violations = kernel.pointee.inspect(boot: boot, running: allRunning, scanTables: true)
            .violations
        #expect(violations == [])
    }
}
