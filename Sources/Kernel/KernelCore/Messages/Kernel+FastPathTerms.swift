// The fast path of a `call` with terms: a deadline, a loan, or both. It is the fast path of `call`,
// and it sets the bits of the terms besides.
//
// The deadline is inserted into the queue, unless one stands in for it that an earlier wait of the
// thread left there (Kernel+Time). The answer needs nothing more: its fast path clears the bits of
// the terms. The rows `ipc.round-trip.deadline` and `ipc.round-trip.loan` of the benchmark pay for
// this path (docs/realtime.md).

import HardwareInterface
import KernelABI

extension ControlWord {
    /// Whether it announces a `call` of up to eight words with a deadline, a loan or both, and
    /// nothing else.
    @inline(__always) var isCallWithTerms: Bool {
        let terms = ControlWord.timedBit | ControlWord.loanBit | ControlWord.extendedBit
        return (raw & ~terms) &>> 32 <= UInt64(Message.registerWords) && isExtended == hasLoan
    }
}

/// The terms of a call that can take its fast path.
public struct CallTerms {
    /// The bits that they set in the caller's scheduling word.
    let bits: UInt32
    let loan: Loan?
    /// Whether the deadline is to be inserted: `insertDeadline`.
    public let isFresh: Bool
    /// Bytes that the caller lends; 0 without a loan.
    public var loanLength: UInt64 { loan?.length ?? 0 }
}

extension Kernel where H: ~Copyable {
    /// Returns the terms of a call, if its fast path may be tried. Nothing changes.
    @inline(__always) public func fastTerms(
        _ thread: Ref<Thread>, _ raw: UInt64, deadline: UInt64
    ) -> CallTerms? {
        let control = ControlWord(raw: raw)
        if !control.isCallWithTerms { return nil }
        var bits: UInt32 = 0
        var isFresh = false
        if control.isTimed {
            let instant = Instant(ticks: deadline)
            if instant == .never { return nil }
            if !standsIn(thread.deadlineNode, for: thread, instant) {
                let node = thread.deadlineNode
                if node.pointee.isQueued || !node.pointee.hasNumber || instant <= hardware.now {
                    return nil
                }
                isFresh = true
            }
            bits = SchedulingWord.deadlineBit
        }
        if !control.hasLoan { return CallTerms(bits: bits, loan: nil, isFresh: isFresh) }
        guard let buffer = thread.pointee.buffer, let loan = loan(in: buffer) else { return nil }
        return CallTerms(bits: bits | SchedulingWord.lendingBit, loan: loan, isFresh: isFresh)
    }

    /// Sets the terms of a call that a fast path has handed over.
    ///
    /// - Precondition: `fastTerms` returned them in this entry, and x2 of the context is the
    ///   deadline.
    @inline(__always) public func set(_ terms: CallTerms, of caller: Ref<Thread>) {
        caller.pointee.scheduling.raw |= terms.bits
        if let loan = terms.loan { caller.set(loan) }
    }

    /// Inserts the deadline of a caller, and sets the timer as if the caller still ran. Its server
    /// may be more urgent: the timer then interrupts that once in vain.
    ///
    /// - Complexity: constant.
    @inline(__always) public mutating func insertDeadline(of caller: Ref<Thread>) {
        let instant = caller.dueAt
        let level = DeadlineLevel.timeOut(caller.effective)
        caller.deadlineNode.pointee.home = core.number
        core.deadlines.insert(caller.deadlineNode, at: instant, level: level)
        if instant >= core.armed { return }
        core.armed = instant
        hardware.setDeadline(instant)
    }

    /// Completes a handed-over call with a loan in its receiver's context.
    @inline(__always) public func deliver(_ handover: Handover, loanLength: UInt64) {
        let receiver = handover.thread
        receiver.pointee.context.x.0 = handover.result | ControlWord.loanBit
        receiver.pointee.context.x.1 = handover.badge
        receiver.pointee.context.x.2 = loanLength
        copyRegisterWords(from: handover.source, to: receiver)
    }
}
