// Faults: an exception of a user thread becomes a call to its fault handler, and the reply resumes it.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Stop a thread with a fault and offer it to the handler.
    ///
    /// - Returns: the thread to resume.
    mutating func raise(
        _ thread: Ref<Thread>, _ kind: FaultKind, address: UInt64, syndrome: UInt64
    ) -> Ref<Thread>? {
        thread.pointee.faultKind = kind
        thread.pointee.faultAddress = address
        thread.pointee.faultSyndrome = syndrome
        if let handler = fastFault(thread) { return handler }
        if !offerFault(thread) {
            // The thread goes on where it was, and faults again.
            thread.pointee.scheduling.isFaulting = false
            thread.state = .running
            if kind == .unknownSystemCall { restart(thread) }
        }
        return reschedule(thread)
    }

    /// Stops the thread, and queues its fault or brings it to the waiting handler.
    ///
    /// - Returns: false where an interrupt came between.
    @inline(never) private mutating func offerFault(_ thread: Ref<Thread>) -> Bool {
        thread.pointee.scheduling.isFaulting = true
        thread.state = .faulted
        let slot = thread.faultSlot
        guard let endpoint = slot.endpoint, !endpoint.pointee.isClosed else {
            if thread == rootThread { reportRootFault(thread) }
            return true
        }
        thread.pointee.sendBadge = slot.pointee.badge
        thread.pointee.sendControl = 0
        endLoan(thread)
        if case .failed(.deadlock) = offer(
            thread, endpoint, through: slot, deadline: .never, state: .faulted)
        {
            // The handler waits for this very thread, which cannot answer: that call ends, and the fault is offered again.
            if isInterrupted() { return false }
            endWait(of: endpoint, for: thread)
            if isInterrupted() { return false }
            _ = offer(thread, endpoint, through: slot, deadline: .never, state: .faulted)
        }
        // Any other failure is a chain that is too long already: the thread stays faulted, as its state tells.
        return true
    }

    /// End the call, of the endpoint's server or of one that it waits for, that waits for `thread`.
    private mutating func endWait(of endpoint: Ref<Endpoint>, for thread: Ref<Thread>) {
        var at = endpoint.pointee.server
        var rounds = LoopBound(Limits.chain)
        while let waiting = at {
            rounds.count()
            at = waiting.pointee.blockedOn
            if at == thread { return end(waiting, .deadlock) }
        }
    }

    /// The root task has stopped for good, and nobody else can tell: one line on the kernel's console. The other tasks go on;
    /// a call to the root task ends at its deadline, if it has one.
    private mutating func reportRootFault(_ thread: Ref<Thread>) {
        write("swiftlet: the root task stopped: ")
        write(thread.pointee.faultKind.text)
        write(", PC ")
        write(thread.pointee.context.programCounter)
        write(", address ")
        write(thread.pointee.faultAddress)
        write("\n")
    }
    /// A constant of a fault's words: below 64 bytes.
    @inline(never) private mutating func write(_ text: StaticString) {
        var rounds = LoopBound(KernelLimits.reportText)
        for index in 0..<text.utf8CodeUnitCount {
            rounds.count()
            hardware.writeConsole(unsafe text.utf8Start[index])
        }
    }
    /// Sixteen hexadecimal digits.
    @inline(never) private mutating func write(_ value: UInt64) {
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * (15 - index))) & 15
            hardware.writeConsole(digit < 10 ? 48 + digit : 87 + digit)
        }
    }

    /// The fault message, into the handler's registers.
    func writeFault(of thread: Ref<Thread>, to receiver: Ref<Thread>, badge: UInt64) {
        receiver.pointee.context.x.0 =
            ResultWord(.fault, message: UInt64(truncatingIfNeeded: Fault.words) << 32).raw
        receiver.pointee.context.x.1 = badge
        receiver.pointee.context.x.2 = 0
        receiver.pointee.context.x.3 = UInt64(thread.pointee.faultKind.rawValue)
        receiver.pointee.context.x.4 = thread.pointee.context.programCounter
        receiver.pointee.context.x.5 = thread.pointee.faultAddress
        receiver.pointee.context.x.6 = thread.pointee.faultSyndrome
        receiver.pointee.context.x.7 = thread.pointee.context.stackPointer
        receiver.pointee.context.x.8 = thread.pointee.context.x.30
        receiver.pointee.context.x.9 = thread.pointee.context.x.29
        receiver.pointee.context.x.10 = 0
    }

    /// The handler answered: words 0 and 1 of its message say how the thread goes on.
    func applyFaultReply(_ thread: Ref<Thread>, _ handler: Ref<Thread>) {
        switch FaultReply(rawValue: handler.pointee.context.x.3) {
        case .retry: break
        case .resumeAt: thread.pointee.context.programCounter = handler.pointee.context.x.4
        case .stop, nil: thread.pointee.scheduling.isSuspended = true
        }
        thread.pointee.scheduling.isFaulting = false
    }
}
