// Floating point as user code sees it: a thread finds in the register the value that it wrote last,
// never another thread's. Every value is new, so it names its thread. The tests check all values
// after every step.

import KernelABI
import TestSupport
import Testing

@testable import KernelCore

extension TestSystem {
    /// Reads the register as the running thread, and writes a new value to it. The first use traps.
    ///
    /// - Returns: false where the thread faulted instead.
    @discardableResult func useFloatingPoint(
        _ thread: TestThread, sourceLocation: SourceLocation = #_sourceLocation
    ) -> Bool {
        guard running == thread.ref else {
            Issue.record(
                "a thread that does not run cannot compute", sourceLocation: sourceLocation)
            return false
        }
        if !hardware.isFloatingPointEnabled {
            let expected = thread.ref.pointee.buffer.map { _ in savedFloatingPoint(thread.ref) }
            trapFloatingPoint(thread.ref, expected)
            if running != thread.ref || thread.ref.programCounter != TestSystem.faultPlace {
                return false
            }
        }
        lastFloatingPointValue += 1
        floatingPointValues[thread.ref.bits] = lastFloatingPointValue
        hardware.floatingPointRegister = lastFloatingPointValue
        inspectFloatingPoint()
        return true
    }
    /// Takes the trap of the first use: the thread finds what its IPC buffer holds.
    private func trapFloatingPoint(_ thread: Ref<KernelThread>, _ expected: UInt64?) {
        if let expected { floatingPointValues[thread.bits] = expected }
        enterFloatingPointTrap(thread)
        settle()
    }

    /// Returns the value that a thread which does not run left in its IPC buffer.
    func savedFloatingPoint(_ thread: Ref<KernelThread>) -> UInt64 {
        guard let buffer = thread.pointee.buffer else { return 0 }
        return buffer.pointee.words[(IPCBuffer.floatingPoint + ModelState.registerOffset) / 8]
    }

    func inspectFloatingPoint() {
        var violations: [String] = []
        for (bits, value) in floatingPointValues {
            guard let address = UnsafeMutablePointer<KernelThread>(bitPattern: bits) else {
                continue
            }
            let thread = Ref(address)
            // With its IPC buffer a thread loses its registers.
            if thread.pointee.buffer == nil {
                floatingPointValues[bits] = nil
            } else if !allRunning.contains(thread) && savedFloatingPoint(thread) != value {
                violations.append(
                    "a thread's buffer holds \(savedFloatingPoint(thread)), it had \(value)")
            }
        }
        violations += floatingPointViolations(hardware, running)
        for other in others where !other.kernel.pointee.core.mustReload {
            violations += floatingPointViolations(other.hardware, other.running)
        }
        fail(violations)
    }
    private func floatingPointViolations(
        _ hardware: ModelState, _ running: Ref<KernelThread>?
    ) -> [String] {
        var violations: [String] = []
        let expected = running.flatMap { floatingPointValues[$0.bits] }
        if hardware.isFloatingPointEnabled != (expected != nil) {
            violations.append(
                expected == nil
                    ? "the running thread sees another one's registers"
                    : "the running thread lost its registers")
        } else if let expected, expected != hardware.floatingPointRegister {
            violations.append(
                "the running thread sees \(hardware.floatingPointRegister), it wrote \(expected)")
        }
        return violations
    }
}
