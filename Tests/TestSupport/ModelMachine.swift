// The trap glue of a model machine: what `Vectors.S` and `Entries.swift` do around the kernel core.
//
// The host tests and the explorer run the core on hardware of their own. Both enter it here: by a
// fast path where there is one, or else by the general path, which must come to the same.

import HardwareInterface
import KernelABI

@testable import KernelCore

public typealias KernelThread = KernelCore.Thread

/// A processor with a booted kernel.
public protocol ModelMachine: AnyObject {
    associatedtype Model: Hardware
    var kernel: UnsafeMutablePointer<Kernel<Model>> { get }
    /// The thread that the processor executes; nil while it is idle.
    var running: Ref<KernelThread>? { get }
    /// Watches the looks of the call in progress.
    var lookWatch: LookWatch { get set }
    /// Leaves the kernel: the processor executes `thread`, or is idle.
    func follow(_ thread: Ref<KernelThread>?)
}

/// Where the code of every thread stands.
enum ModelCode {
    static var callPlace: UInt64 { 0x1000 }
}

extension ModelMachine {
    /// The address of every thread's `svc`.
    public static var callPlace: UInt64 { ModelCode.callPlace }
    /// The address of every instruction that faults or traps.
    public static var faultPlace: UInt64 { 0x3000 }

    /// Performs the system call whose arguments stand in the thread's registers.
    ///
    /// - Returns: whether a fast path did it.
    public func enter(_ thread: Ref<KernelThread>, fast: Bool) -> Bool {
        thread.pointee.context.programCounter = Self.callPlace + 4
        thread.pointee.context.isFull = false
        lookWatch.begin(thread, kernel.pointee.own, kernel.pointee.shared)
        if fast && enterFast(thread) { return true }
        follow(kernel.pointee.systemCall(thread))
        return false
    }

    /// Takes an interrupt.
    ///
    /// - Returns: whether a fast path did it.
    public func enter(_ taken: TakenInterrupt, fast: Bool) -> Bool {
        if fast, let running, let wakeup = wakeup(by: taken, instead: running) {
            follow(wakeup, instead: running)
            return true
        }
        if fast, running == nil, taken == .nothing, isShared, let next = kernel.pointee.fastWake() {
            follow(next)
            return true
        }
        switch taken {
        case .timer: follow(kernel.pointee.timerInterrupt(running))
        case .line(let line): follow(kernel.pointee.interrupt(running, line: line))
        case .nothing: follow(kernel.pointee.noInterrupt(running))
        }
        return false
    }

    /// The kernel looks for interrupts.
    public func look() { lookWatch.look(kernel.pointee.own, kernel.pointee.shared) }

    /// Stops the thread at an instruction that faults, with every register in its context.
    public func stopAtFault(_ thread: Ref<KernelThread>) {
        thread.pointee.context.programCounter = Self.faultPlace
        thread.pointee.context.isFull = true
    }

    /// Takes the trap of the thread's first use of floating point.
    public func enterFloatingPointTrap(_ thread: Ref<KernelThread>) {
        stopAtFault(thread)
        follow(kernel.pointee.floatingPointTrap(thread))
    }

    // Fast paths

    /// Whether the machine has several cores.
    private var isShared: Bool { kernel.pointee.core.isShared }

    private func enterFast(_ thread: Ref<KernelThread>) -> Bool {
        let x = thread.registers
        let control = ControlWord(raw: x[0])
        var outcome = FastOutcome.declined
        if control.systemCall == .call && enterWithTerms(thread) { return true }
        if control.isPlainCall {
            outcome = kernel.pointee.fastCall(thread, x[0], isShared: isShared)
        } else if control.isPlainReplyAndReceive {
            outcome = kernel.pointee.fastReplyAndReceive(
                thread, x[0], replySlot: x[1], isShared: isShared)
            if case .declined = outcome,
                let next = kernel.pointee.fastResume(
                    thread, x[0], replySlot: x[1], isShared: isShared)
            {
                follow(next)
                return true
            }
        } else if control.isPlainExchange {
            outcome = kernel.pointee.fastExchange(
                thread, x[0], replySlot: x[1], isShared: isShared)
        }
        if let handover = handover(outcome, control, thread) {
            follow(handover)
            return true
        }
        if case .left(let next) = across(outcome, control, thread) {
            follow(next)
            return true
        }
        switch control.systemCall {
        case .signal: return follow(signalFast(thread, x[0], x[1]), of: thread)
        case .yield: return follow(kernel.pointee.fastYield(thread, isShared: isShared), of: thread)
        case .poll:
            guard let bits = kernel.pointee.fastPoll(thread, x[0]) else { return false }
            setResults(thread, ResultWord(.notification), bits)
            follow(thread)
            return true
        case .wait where !control.isTimed:
            switch kernel.pointee.fastSleep(thread, x[0], x[1], isShared: isShared) {
            case .left(let next): follow(next)
            case .blocked: follow(kernel.pointee.runAny(after: thread))
            case .declined: return false
            }
            return true
        default: return false
        }
    }

    /// Performs a `call` with terms.
    ///
    /// - Returns: false if the fast path declined, or if the call has no terms.
    private func enterWithTerms(_ thread: Ref<KernelThread>) -> Bool {
        let x = thread.registers
        let control = ControlWord(raw: x[0])
        guard control.isTimed || control.hasLoan,
            let terms = kernel.pointee.fastTerms(thread, x[0], deadline: x[2]),
            case .handedOver(let handover) = kernel.pointee.fastCall(
                thread, x[0], isShared: isShared)
        else { return false }
        kernel.pointee.set(terms, of: thread)
        if terms.isFresh { kernel.pointee.insertDeadline(of: thread) }
        if terms.loanLength == 0 {
            follow(handover)
        } else {
            kernel.pointee.deliver(handover, loanLength: terms.loanLength)
            follow(handover.thread)
        }
        return true
    }

    /// Returns how a fast path of messages ends; nil where the general path is to do the call.
    /// Switches the floating-point registers where a thread uses them.
    private func handover(
        _ outcome: FastOutcome, _ control: ControlWord, _ thread: Ref<KernelThread>
    ) -> Handover? {
        guard case .usesFloatingPoint(let slot, let reply) = outcome else {
            if case .handedOver(let handover) = outcome { return handover }
            return nil
        }
        let handover: Handover?
        if control.isPlainCall {
            handover = kernel.pointee.floatingPointCall(
                thread, control.raw, slot, isShared: isShared)
        } else if control.isPlainReplyAndReceive {
            handover = kernel.pointee.floatingPointReply(
                thread, control.raw, slot, reply, isShared: isShared)
        } else {
            handover = kernel.pointee.floatingPointExchange(
                thread, control.raw, slot, reply, isShared: isShared)
        }
        if let handover { switchFloatingPoint(from: handover.source, to: handover.thread) }
        return handover
    }
    /// Performs a call or an answer to a thread of another core that sleeps.
    private func across(
        _ outcome: FastOutcome, _ control: ControlWord, _ thread: Ref<KernelThread>
    ) -> Departure {
        guard case .otherCore(let slot, let reply) = outcome else { return .declined }
        if control.isPlainCall { return kernel.pointee.fastCallAcross(thread, control.raw, slot) }
        return control.isPlainReplyAndReceive
            ? kernel.pointee.fastReplyAcross(thread, control.raw, slot, reply) : .declined
    }
    private func switchFloatingPoint(from thread: Ref<KernelThread>, to next: Ref<KernelThread>) {
        kernel.pointee.hardware.switchFloatingPoint(
            from: thread.floatingPointArea, to: next.floatingPointArea)
    }

    private func signalFast(
        _ thread: Ref<KernelThread>, _ control: UInt64, _ bits: UInt64
    ) -> QuickOutcome {
        let outcome = fastSignal(thread, control, bits)
        guard case .unsettled = outcome else { return outcome }
        kernel.pointee.settle()
        return fastSignal(thread, control, bits)
    }
    private func fastSignal(
        _ thread: Ref<KernelThread>, _ control: UInt64, _ bits: UInt64
    ) -> QuickOutcome {
        let outcome = kernel.pointee.fastSignal(thread, control, bits, isShared: isShared)
        guard case .otherObject(let slot) = outcome else { return outcome }
        return kernel.pointee.fastWake(thread, slot, bits, isShared: isShared)
    }

    private func wakeup(by taken: TakenInterrupt, instead thread: Ref<KernelThread>) -> Wakeup? {
        switch taken {
        case .timer:
            switch kernel.pointee.fastExpire(thread, isShared: isShared) {
            case .woken(let wakeup): return wakeup
            case .declined(let isSingle):
                return kernel.pointee.expireFirst(thread, isShared: isShared, isSingle: isSingle)
            }
        case .line(let line):
            return kernel.pointee.isQuiet(thread)
                ? kernel.pointee.fastDeliver(thread, line: line, isShared: isShared)
                : kernel.pointee.deliverFirst(thread, line: line, isShared: isShared)
        case .nothing: return nil
        }
    }

    // The ends of fast paths

    /// Passes a message on in registers, as the assembly does.
    private func follow(_ handover: Handover) {
        let to = handover.thread.registers
        for index in 3...10 { to[index] = handover.source.registers[index] }
        to[0] = handover.result
        to[1] = handover.badge
        to[2] = 0
        for index in 11...18 { to[index] = 0 }
        follow(handover.thread)
    }

    /// - Returns: false where the general path is to do the call.
    private func follow(_ outcome: QuickOutcome, of thread: Ref<KernelThread>) -> Bool {
        switch outcome {
        case .declined, .unsettled, .otherObject: return false
        case .otherCore(let waiter, let notification, let bits):
            if !kernel.pointee.fastSignalAcross(waiter, notification, bits) { return false }
            setResults(thread, .success)
            follow(thread)
        case .done:
            setResults(thread, .success)
            follow(thread)
        case .woken(let waiter):
            kernel.pointee.makeReadyBelow(waiter, isShared: isShared)
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
        precondition(!wakeup.thread.pointee.context.isFull, "it waits in no system call")
        if wakeup.usesFloatingPoint { switchFloatingPoint(from: thread, to: wakeup.thread) }
        setResults(wakeup.thread, ResultWord(.notification), wakeup.bits)
        follow(wakeup.thread)
    }

    private func setResults(
        _ thread: Ref<KernelThread>, _ result: ResultWord, _ value: UInt64 = 0
    ) {
        for index in 2...10 { thread.registers[index] = 0 }
        thread.registers[0] = result.raw
        thread.registers[1] = value
    }
}

extension Ref where Object == KernelThread {
    /// x0–x30.
    public var registers: UnsafeMutablePointer<UInt64> {
        contextAddress.assumingMemoryBound(to: UInt64.self)
    }
}
