// Faults: an exception of a user thread becomes a call to its fault handler. The reply resumes the
// thread.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Stops a thread with a fault and offers the fault to its handler.
    ///
    /// - Returns: the thread to resume.
    mutating func raise(
        _ thread: Ref<Thread>, _ kind: FaultKind, address: UInt64, syndrome: UInt64
    ) -> Ref<Thread>? {
        thread.pointee.faultKind = kind
        thread.pointee.faultAddress = address
        thread.pointee.faultSyndrome = UInt32(truncatingIfNeeded: syndrome)
        if let handler = fastFault(thread) { return handler }
        if !offerFault(thread) {
            // The thread continues where it was, and faults again.
            thread.pointee.scheduling.isFaulting = false
            thread.state = .running
            if kind == .unknownSystemCall { restart(thread) }
        }
        return reschedule(thread)
    }

    /// Stops the thread, and delivers its fault to the waiting handler or queues it.
    ///
    /// - Returns: false if an interrupt is pending: the instruction is to fault again.
    @inline(never) private mutating func offerFault(_ thread: Ref<Thread>) -> Bool {
        thread.pointee.scheduling.isFaulting = true
        thread.state = .faulted
        let slot = thread.faultSlot
        guard let endpoint = slot.endpoint, !endpoint.pointee.isClosed,
            slot.pointee.uses.contains(.call)
        else {
            if thread == shared.pointee.rootThread { reportRootFault(thread) }
            return true
        }
        thread.pointee.sendBadge = slot.pointee.badge
        thread.pointee.sendControl = 0
        endLoan(thread)
        var outcome = offer(thread, endpoint, through: slot, deadline: .never, state: .faulted)
        if case .failed(.deadlock) = outcome {
            // The handler waits for this thread, which cannot answer. So that call ends, and the
            // fault is offered again.
            if isInterrupted() { return false }
            endWait(of: endpoint, for: thread)
            if isInterrupted() { return false }
            outcome = offer(thread, endpoint, through: slot, deadline: .never, state: .faulted)
        }
        // Any failure means that the chain is too long, or leads to the thread itself. It stays
        // faulted.
        if case .restart = outcome { return false }
        return true
    }

    /// Ends the wait for `thread`: of the endpoint's server, or of a thread that the server waits
    /// for.
    ///
    /// - Precondition: `checkChain` has just found this way.
    /// - Complexity: at most `Limits.chain` rounds.
    private mutating func endWait(of endpoint: Ref<Endpoint>, for thread: Ref<Thread>) {
        var at = endpoint.pointee.server
        var rounds = LoopBound(Limits.chain)
        while let waiting = at {
            rounds.count()
            at = waiting.waitsFor
            if at == thread { return end(waiting, .deadlock) }
        }
    }

    /// Reports on the kernel's console that the root task stopped, since no task can report it. The
    /// other tasks continue. A call to the root task ends only at its deadline, if it has one.
    private mutating func reportRootFault(_ thread: Ref<Thread>) {
        write("swiftlet: the root task stopped: ")
        write(thread.pointee.faultKind.text)
        write(", PC ")
        write(thread.pointee.context.programCounter)
        write(", address ")
        write(thread.pointee.faultAddress)
        write("\n")
    }
    /// Writes a text, which is shorter than `KernelLimits.reportText`.
    @inline(never) private mutating func write(_ text: StaticString) {
        var rounds = LoopBound(KernelLimits.reportText)
        for index in 0..<text.utf8CodeUnitCount {
            rounds.count()
            hardware.writeConsole(unsafe text.utf8Start[index])
        }
    }
    /// Writes a number as sixteen hexadecimal digits.
    @inline(never) private mutating func write(_ value: UInt64) {
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * (15 - index))) & 15
            hardware.writeConsole(digit < 10 ? 48 + digit : 87 + digit)
        }
    }

    /// Writes the fault message into the handler's registers.
    func writeFault(of thread: Ref<Thread>, to receiver: Ref<Thread>, badge: UInt64) {
        receiver.pointee.context.x.0 =
            ResultWord(.fault, message: UInt64(truncatingIfNeeded: Fault.words) << 32).raw
        receiver.pointee.context.x.1 = badge
        receiver.pointee.context.x.2 = 0
        receiver.pointee.context.x.3 = UInt64(thread.pointee.faultKind.rawValue)
        receiver.pointee.context.x.4 = thread.pointee.context.programCounter
        receiver.pointee.context.x.5 = thread.pointee.faultAddress
        receiver.pointee.context.x.6 = UInt64(thread.pointee.faultSyndrome)
        receiver.pointee.context.x.7 = thread.pointee.context.stackPointer
        receiver.pointee.context.x.8 = thread.pointee.context.x.30
        receiver.pointee.context.x.9 = thread.pointee.context.x.29
        receiver.pointee.context.x.10 = 0
    }

    /// Applies the handler's answer: words 0 and 1 of its message say how the thread continues.
    func applyFaultReply(_ thread: Ref<Thread>, _ handler: Ref<Thread>) {
        switch FaultReply(rawValue: handler.pointee.context.x.3) {
        case .retry: break
        case .resumeAt: thread.pointee.context.programCounter = handler.pointee.context.x.4
        case .stop, nil: thread.pointee.scheduling.isSuspended = true
        }
        thread.pointee.scheduling.isFaulting = false
    }
}
