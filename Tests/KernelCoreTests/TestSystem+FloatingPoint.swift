// Floating point as user code sees it: a thread finds in the register what it wrote there last, and another one's value
// never. Every value that is written is a new one, so it tells whose it is; all of them are looked at after every step.

import KernelABI
import Testing

@testable import KernelCore

extension TestSystem {
    /// The running thread reads the register and writes a new value to it, after a trap where the processor makes one.
    ///
    /// - Returns: false: the thread has faulted instead.
    @discardableResult func useFloatingPoint(
        _ thread: TestThread, sourceLocation: SourceLocation = #_sourceLocation
    ) -> Bool {
        guard running == thread.ref else {
            Issue.record("a thread that does not run cannot compute", sourceLocation: sourceLocation)
            return false
        }
        if !hardware.isFloatingPointEnabled {
            thread.ref.pointee.context.programCounter = 0x3000
            thread.ref.pointee.context.isFull = true
            let expected = thread.ref.pointee.buffer.map { _ in savedFloatingPoint(thread.ref) }
            trapFloatingPoint(thread.ref, expected)
            if running != thread.ref || thread.ref.programCounter != 0x3000 { return false }
        }
        lastFloatingPointValue += 1
        floatingPointValues[thread.ref.bits] = lastFloatingPointValue
        hardware.floatingPointRegister = lastFloatingPointValue
        inspectFloatingPoint()
        return true
    }
    /// The first use: the thread finds what its IPC buffer holds.
    private func trapFloatingPoint(_ thread: Ref<KernelThread>, _ expected: UInt64?) {
        if let expected { floatingPointValues[thread.bits] = expected }
        follow(kernel.pointee.floatingPointTrap(thread))
        settle()
    }

    /// The value that a thread which does not run left in its IPC buffer.
    func savedFloatingPoint(_ thread: Ref<KernelThread>) -> UInt64 {
        guard let buffer = thread.pointee.buffer else { return 0 }
        return buffer.pointee.words[(IPCBuffer.floatingPoint + ModelState.registerOffset) / 8]
    }

    func inspectFloatingPoint() {
        var violations: [String] = []
        for (bits, value) in floatingPointValues {
            guard let address = UnsafeMutablePointer<KernelThread>(bitPattern: bits) else { continue }
            let thread = Ref(address)
            // With its IPC buffer a thread loses its registers.
            if thread.pointee.buffer == nil {
                floatingPointValues[bits] = nil
            } else if thread != running && savedFloatingPoint(thread) != value {
                violations.append("a thread's buffer holds \(savedFloatingPoint(thread)), it had \(value)")
            }
        }
        let expected = running.flatMap { floatingPointValues[$0.bits] }
        if hardware.isFloatingPointEnabled != (expected != nil) {
            violations.append(
                expected == nil
                    ? "the running thread sees another one's registers" : "the running thread lost its registers")
        } else if let expected, expected != hardware.floatingPointRegister {
            violations.append("the running thread sees \(hardware.floatingPointRegister), it wrote \(expected)")
        }
        fail(violations)
    }
}
