// What an entry does: system calls, faults, interrupts. Vectors.S has a picture of the paths, and
// Traps.swift the functions that it enters.
//
// Each entry starts on an empty kernel stack with interrupts masked. `systemCall` and `fault`
// return the thread to resume; nil makes the processor wait for an interrupt. All others end in an
// exit of the assembly and do not return.

import AArch64
import CAArch64
import HardwareInterface
import KernelABI
import KernelCore

/// How the kernel is entered and left: on one core, or on several with the lock held in between.
protocol EntryMode {
    /// Whether the kernel runs on several cores.
    static var isShared: Bool { get }

    /// The entry of any system call, for those that a fast path declined.
    static func generalCall(_ running: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer?

    // The exits of Vectors.S (CAArch64.h)
    static func exit(_ thread: UnsafeMutableRawPointer?)
    static func exitQuick(_ result: UInt64, _ value: UInt64)
    static func exitGeneral(_ running: UnsafeMutableRawPointer)
    static func exitMessage(
        _ result: UInt64, _ badge: UInt64, _ source: UnsafeRawPointer,
        _ thread: UnsafeMutableRawPointer, _ translationBase: UInt64)
    static func exitYield(_ thread: UnsafeMutableRawPointer, _ running: UnsafeMutableRawPointer)
    static func exitBlocked(
        _ thread: UnsafeMutableRawPointer?, _ running: UnsafeMutableRawPointer)
    static func exitSignal(
        _ thread: UnsafeMutableRawPointer, _ bits: UInt64, _ running: UnsafeMutableRawPointer)
    static func exitWoken(_ thread: UnsafeMutableRawPointer, _ bits: UInt64)
    static func exitMessageFloatingPoint(
        _ result: UInt64, _ badge: UInt64, _ source: UnsafeRawPointer,
        _ thread: UnsafeMutableRawPointer, _ translationBase: UInt64,
        _ from: UnsafeMutableRawPointer?,
        _ to: UnsafeRawPointer?)
    static func exitYieldFloatingPoint(
        _ thread: UnsafeMutableRawPointer, _ running: UnsafeMutableRawPointer,
        _ from: UnsafeMutableRawPointer?, _ to: UnsafeRawPointer?)
    static func exitSignalFloatingPoint(
        _ thread: UnsafeMutableRawPointer, _ bits: UInt64, _ running: UnsafeMutableRawPointer,
        _ from: UnsafeMutableRawPointer?, _ to: UnsafeRawPointer?)
    static func exitWokenFloatingPoint(
        _ thread: UnsafeMutableRawPointer, _ bits: UInt64, _ from: UnsafeMutableRawPointer?,
        _ to: UnsafeRawPointer?)
}

extension EntryMode {
    /// Performs a plain `call`. x0 and x1 are the arguments; the context holds all other registers
    /// that the caller must keep.
    @inline(__always) static func call(
        _ control: UInt64, _ second: UInt64, _ running: UnsafeMutableRawPointer
    ) {
        let kernel = kernelState
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        switch kernel.pointee.fastCall(thread, control, isShared: isShared) {
        case .handedOver(let handover): return leave(handover)
        case .usesFloatingPoint(let slot, _): return callWithFloatingPoint(control, thread, slot)
        case .otherCore(let slot, _): return callAcross(control, second, thread, slot)
        case .declined: break
        }
        thread.setArguments(control, second, 0)
        unsafe exit(generalCall(running))
    }

    /// Performs a `call` that is not plain, with the same registers and x2 saved.
    @inline(__always) static func callWithTerms(
        _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
    ) {
        let kernel = kernelState
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        if let terms = kernel.pointee.fastTerms(thread, control, deadline: third),
            case .handedOver(let handover) = kernel.pointee.fastCall(
                thread, control, isShared: isShared)
        {
            kernel.pointee.set(terms, of: thread)
            return terms.isFresh
                ? insertAndLeave(handover, terms.loanLength) : leave(handover, terms.loanLength)
        }
        decline(thread, control, second, third)
    }
    @inline(never) private static func insertAndLeave(_ handover: Handover, _ loanLength: UInt64) {
        kernelState.pointee.insertDeadline(of: handover.source)
        leave(handover, loanLength)
    }
    @inline(__always) private static func leave(_ handover: Handover, _ loanLength: UInt64) {
        if loanLength == 0 { return leave(handover) }
        kernelState.pointee.deliver(handover, loanLength: loanLength)
        unsafe exit(handover.thread.raw)
    }

    /// Performs a plain `replyAndReceive`, with the same registers saved.
    @inline(__always) static func replyAndReceive(
        _ control: UInt64, _ second: UInt64, _ running: UnsafeMutableRawPointer
    ) {
        let kernel = kernelState
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        switch kernel.pointee.fastReplyAndReceive(
            thread, control, replySlot: second, isShared: isShared)
        {
        case .handedOver(let handover): leave(handover)
        case .usesFloatingPoint(let slot, let reply):
            replyWithFloatingPoint(control, second, thread, slot, reply)
        case .otherCore(let slot, let reply):
            replyAcross(control, second, thread, slot, reply)
        case .declined: resumeOrCall(control, second, thread)
        }
    }

    /// Performs one of the two with the IPC buffer, with the same registers saved.
    @inline(__always) static func exchange(
        _ control: UInt64, _ second: UInt64, _ running: UnsafeMutableRawPointer
    ) {
        let kernel = kernelState
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        switch kernel.pointee.fastExchange(thread, control, replySlot: second, isShared: isShared) {
        case .handedOver(let handover): return leave(handover)
        case .usesFloatingPoint(let slot, let reply):
            return exchangeWithFloatingPoint(control, second, thread, slot, reply)
        case .otherCore, .declined: break
        }
        thread.setArguments(control, second, 0)
        unsafe exit(generalCall(running))
    }

    // The entries branch to the functions below for their less frequent cases: a thread of another
    // core, one that uses floating point, and the answer to a fault.

    @inline(never) private static func callAcross(
        _ control: UInt64, _ second: UInt64, _ thread: Ref<KernelCore.Thread>,
        _ slot: Ref<Capability>
    ) {
        switch kernelState.pointee.fastCallAcross(thread, control, slot) {
        case .left(let next): return unsafe exit(next?.raw)
        case .blocked, .declined: break
        }
        thread.setArguments(control, second, 0)
        unsafe exit(generalCall(thread.raw))
    }
    @inline(never) private static func replyAcross(
        _ control: UInt64, _ second: UInt64, _ thread: Ref<KernelCore.Thread>,
        _ slot: Ref<Capability>, _ reply: Ref<Capability>
    ) {
        switch kernelState.pointee.fastReplyAcross(thread, control, slot, reply) {
        case .left(let next): return unsafe exit(next?.raw)
        case .blocked, .declined: break
        }
        thread.setArguments(control, second, 0)
        unsafe exit(generalCall(thread.raw))
    }

    @inline(never) private static func callWithFloatingPoint(
        _ control: UInt64, _ thread: Ref<KernelCore.Thread>, _ slot: Ref<Capability>
    ) {
        leaveWithFloatingPoint(
            kernelState.pointee.floatingPointCall(thread, control, slot, isShared: isShared))
    }
    @inline(never) private static func replyWithFloatingPoint(
        _ control: UInt64, _ second: UInt64, _ thread: Ref<KernelCore.Thread>,
        _ slot: Ref<Capability>, _ reply: Ref<Capability>
    ) {
        if let handover = kernelState.pointee.floatingPointReply(
            thread, control, slot, reply, isShared: isShared)
        {
            return leaveWithFloatingPoint(handover)
        }
        thread.setArguments(control, second, 0)
        unsafe exit(generalCall(thread.raw))
    }
    @inline(never) private static func exchangeWithFloatingPoint(
        _ control: UInt64, _ second: UInt64, _ thread: Ref<KernelCore.Thread>,
        _ slot: Ref<Capability>, _ reply: Ref<Capability>
    ) {
        if let handover = kernelState.pointee.floatingPointExchange(
            thread, control, slot, reply, isShared: isShared)
        {
            return leaveWithFloatingPoint(handover)
        }
        thread.setArguments(control, second, 0)
        unsafe exit(generalCall(thread.raw))
    }
    @inline(never) private static func resumeOrCall(
        _ control: UInt64, _ second: UInt64, _ thread: Ref<KernelCore.Thread>
    ) {
        if let next = kernelState.pointee.fastResume(
            thread, control, replySlot: second, isShared: isShared)
        {
            return unsafe exit(next.raw)
        }
        thread.setArguments(control, second, 0)
        unsafe exit(generalCall(thread.raw))
    }

    /// Performs `signal`. x0–x2 are the arguments, and the context holds no register yet.
    @inline(__always) static func signal(
        _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
    ) {
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        switch kernelState.pointee.fastSignal(thread, control, second, isShared: isShared) {
        case .done: exitQuick(0, 0)
        case .unsettled: settleAndSignal(thread, control, second)
        case .woken(let waiter): makeReady(waiter)
        case .otherCore(let waiter, let notification, let bits):
            signalAcross(control, second, third, thread, waiter, notification, bits)
        case .signalled(let wakeup):
            if wakeup.usesFloatingPoint { return preempt(thread, wakeup) }
            unsafe exitSignal(wakeup.thread.raw, wakeup.bits, running)
        case .otherObject(let slot): wake(control, second, third, thread, slot)
        case .declined, .switched: decline(thread, control, second, third)
        }
    }

    // A quick entry branches to the functions below for its rare cases, so that it needs no stack
    // itself.

    @inline(never) private static func settleAndSignal(
        _ thread: Ref<KernelCore.Thread>, _ control: UInt64, _ second: UInt64
    ) {
        kernelState.pointee.settle()
        preempt(
            thread,
            after: kernelState.pointee.fastSignal(thread, control, second, isShared: isShared))
    }
    @inline(never) private static func settleAndWake(
        _ thread: Ref<KernelCore.Thread>, _ slot: Ref<Capability>, _ second: UInt64
    ) {
        kernelState.pointee.settle()
        preempt(
            thread, after: kernelState.pointee.fastWake(thread, slot, second, isShared: isShared))
    }
    @inline(__always) private static func preempt(
        _ thread: Ref<KernelCore.Thread>, after outcome: QuickOutcome
    ) {
        guard case .signalled(let wakeup) = outcome else {
            // The fast path asked for `settle`, and nothing else has changed since.
            preconditionFailure()
        }
        if wakeup.usesFloatingPoint { return preempt(thread, wakeup) }
        unsafe exitSignal(wakeup.thread.raw, wakeup.bits, thread.raw)
    }
    @inline(never) private static func wake(
        _ control: UInt64, _ second: UInt64, _ third: UInt64, _ thread: Ref<KernelCore.Thread>,
        _ slot: Ref<Capability>
    ) {
        switch kernelState.pointee.fastWake(thread, slot, second, isShared: isShared) {
        case .unsettled: settleAndWake(thread, slot, second)
        case .woken(let waiter): makeReady(waiter)
        case .otherCore(let sleeper, let place, let bits):
            signalAcross(control, second, third, thread, sleeper, place, bits)
        case .signalled(let wakeup):
            if wakeup.usesFloatingPoint { return preempt(thread, wakeup) }
            unsafe exitSignal(wakeup.thread.raw, wakeup.bits, thread.raw)
        case .done, .declined, .otherObject, .switched: decline(thread, control, second, third)
        }
    }
    @inline(never) private static func signalAcross(
        _ control: UInt64, _ second: UInt64, _ third: UInt64, _ thread: Ref<KernelCore.Thread>,
        _ waiter: Ref<KernelCore.Thread>, _ notification: Ref<Notification>, _ bits: UInt64
    ) {
        if kernelState.pointee.fastSignalAcross(waiter, notification, bits) {
            return exitQuick(0, 0)
        }
        decline(thread, control, second, third)
    }
    @inline(never) private static func makeReady(_ thread: Ref<KernelCore.Thread>) {
        kernelState.pointee.makeReadyBelow(thread, isShared: isShared)
        exitQuick(0, 0)
    }
    @inline(never) private static func preempt(_ thread: Ref<KernelCore.Thread>, _ wakeup: Wakeup) {
        unsafe exitSignalFloatingPoint(
            wakeup.thread.raw, wakeup.bits, thread.raw, thread.floatingPointArea,
            wakeup.thread.floatingPointArea)
    }
    @inline(never) private static func yield(
        _ thread: Ref<KernelCore.Thread>, to next: Ref<KernelCore.Thread>
    ) {
        unsafe exitYieldFloatingPoint(
            next.raw, thread.raw, thread.floatingPointArea, next.floatingPointArea)
    }
    @inline(__always) private static func decline(
        _ thread: Ref<KernelCore.Thread>, _ control: UInt64, _ second: UInt64, _ third: UInt64
    ) {
        thread.setArguments(control, second, third)
        unsafe exitGeneral(thread.raw)
    }

    /// Performs `yield`. The context holds no register yet.
    @inline(__always) static func yield(
        _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
    ) {
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        switch kernelState.pointee.fastYield(thread, isShared: isShared) {
        case .done: exitQuick(0, 0)
        case .switched(let next, let usesFloatingPoint):
            if usesFloatingPoint { return yield(thread, to: next) }
            unsafe exitYield(next.raw, running)
        default: decline(thread, control, second, third)
        }
    }

    /// Performs `poll`. The context holds no register yet.
    @inline(__always) static func poll(
        _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
    ) {
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        if let bits = kernelState.pointee.fastPoll(thread, control) {
            return exitQuick(ResultWord(.notification).raw, bits)
        }
        decline(thread, control, second, third)
    }

    /// Performs `wait`. The context holds no register yet.
    @inline(__always) static func sleep(
        _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
    ) {
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        switch kernelState.pointee.fastSleep(thread, control, second, isShared: isShared) {
        case .left(let next): unsafe exitBlocked(next?.raw, running)
        case .blocked: runAny(after: thread)
        case .declined: decline(thread, control, second, third)
        }
    }
    @inline(never) private static func runAny(after thread: Ref<KernelCore.Thread>) {
        unsafe exitBlocked(kernelState.pointee.runAny(after: thread)?.raw, thread.raw)
    }

    /// Performs any system call. The context holds x0–x10.
    @inline(__always) static func systemCall(_ running: UnsafeMutableRawPointer)
        -> UnsafeMutableRawPointer?
    {
        let kernel = kernelState
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        startMasked(kernel, thread.firstArgument)
        startHolding()
        let next = settled(kernel.pointee.systemCall(thread))
        recordMasked(kernel, next)
        return unsafe next?.raw
    }

    /// Handles any other synchronous exception of user code. The context holds every register.
    @inline(__always) static func fault(
        _ running: UnsafeMutableRawPointer, _ syndrome: UInt64, _ address: UInt64
    ) -> UnsafeMutableRawPointer? {
        let kernel = kernelState
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        startMasked(kernel, EntryKind.faultControl)
        startHolding()
        let next: Ref<KernelCore.Thread>?
        let cause = ExceptionSyndrome(raw: syndrome)
        if cause.isFloatingPointTrap {
            next = kernel.pointee.floatingPointTrap(thread)
        } else if isShared && cause.isMissingPage && kernel.pointee.mayRepeat(thread, address) {
            next = kernel.pointee.noInterrupt(thread)
        } else {
            next = kernel.pointee.fault(
                thread, cause.faultKind, address: cause.hasAddress ? address : 0, syndrome: syndrome
            )
        }
        let settledNext = settled(next)
        recordMasked(kernel, settledNext)
        return unsafe settledNext?.raw
    }

    /// Handles an interrupt of user code. The context holds every register.
    @inline(__always) static func interrupt(_ running: UnsafeMutableRawPointer) {
        let kernel = kernelState
        let thread = unsafe Ref<KernelCore.Thread>(running: running)
        startMasked(kernel, EntryKind.interruptControl)
        noteEntry(kernel)
        switch kernel.pointee.hardware.takeInterrupt() {
        case .timer:
            switch kernel.pointee.fastExpire(thread, isShared: isShared) {
            case .woken(let wakeup): wake(wakeup, instead: thread)
            case .declined(isSingle: true): expireSingle(thread)
            case .declined(isSingle: false): expireFirst(thread)
            }
        case .line(let line):
            if isShared && line & 1023 < 16 { return takeSoftware(thread, line) }
            if !kernel.pointee.isQuiet(thread) { return deliverFirst(thread, line) }
            if let wakeup = kernel.pointee.fastDeliver(thread, line: line, isShared: isShared) {
                return wake(wakeup, instead: thread)
            }
            deliver(thread, line)
        case .nothing: takeNothing(thread)
        }
    }

    /// Handles an interrupt while the processor is idle.
    @inline(__always) static func idleInterrupt() {
        let kernel = kernelState
        startMasked(kernel, EntryKind.interruptControl)
        noteEntry(kernel)
        switch kernel.pointee.hardware.takeInterrupt() {
        case .timer: serve(nil)
        case .line(let line):
            if isShared && line & 1023 < 16 { return takeRequest(line) }
            deliver(nil, line)
        case .nothing: takeNothing(nil)
        }
    }

    @inline(__always) private static func wake(
        _ wakeup: Wakeup, instead thread: Ref<KernelCore.Thread>
    ) {
        recordMasked(kernelState, wakeup.thread)
        if wakeup.usesFloatingPoint { return wakeWithFloatingPoint(wakeup, instead: thread) }
        unsafe exitWoken(wakeup.thread.raw, wakeup.bits)
    }
    @inline(never) private static func wakeWithFloatingPoint(
        _ wakeup: Wakeup, instead thread: Ref<KernelCore.Thread>
    ) {
        unsafe exitWokenFloatingPoint(
            wakeup.thread.raw, wakeup.bits, thread.floatingPointArea,
            wakeup.thread.floatingPointArea)
    }
    @inline(never) private static func expireFirst(_ thread: Ref<KernelCore.Thread>) {
        expire(thread, isSingle: false)
    }
    @inline(never) private static func expireSingle(_ thread: Ref<KernelCore.Thread>) {
        expire(thread, isSingle: true)
    }
    @inline(__always) private static func expire(
        _ thread: Ref<KernelCore.Thread>, isSingle: Bool
    ) {
        if let wakeup = kernelState.pointee.expireFirst(
            thread, isShared: isShared, isSingle: isSingle)
        {
            return wake(wakeup, instead: thread)
        }
        serve(thread)
    }
    @inline(never) private static func serve(_ thread: Ref<KernelCore.Thread>?) {
        startHolding()
        resume(kernelState.pointee.timerInterrupt(thread))
    }
    @inline(never) private static func deliverFirst(_ thread: Ref<KernelCore.Thread>, _ line: Int) {
        if let wakeup = kernelState.pointee.deliverFirst(thread, line: line, isShared: isShared) {
            return wake(wakeup, instead: thread)
        }
        deliver(thread, line)
    }
    @inline(never) private static func deliver(_ thread: Ref<KernelCore.Thread>?, _ line: Int) {
        startHolding()
        resume(kernelState.pointee.interrupt(thread, line: line))
    }
    @inline(never) private static func takeNothing(_ thread: Ref<KernelCore.Thread>?) {
        startHolding()
        resume(kernelState.pointee.noInterrupt(thread))
    }
    /// A software interrupt of another core, while the processor is idle.
    @inline(__always) private static func takeRequest(_ line: Int) {
        takeStop(line)
        if let next = kernelState.pointee.fastWake() {
            kernelState.pointee.hardware.open(line: line)
            return unsafe exit(next.raw)
        }
        takeSoftware(nil, line)
    }
    /// A software interrupt of another core, which has left a request.
    @inline(never) private static func takeSoftware(_ thread: Ref<KernelCore.Thread>?, _ line: Int)
    {
        takeStop(line)
        kernelState.pointee.hardware.open(line: line)
        takeNothing(thread)
    }
    @inline(__always) private static func resume(_ next: Ref<KernelCore.Thread>?) {
        let next = settled(next)
        recordMasked(kernelState, next)
        unsafe exit(next?.raw)
    }
    /// Passes the lock as long as more urgent cores ask for it in the middle of the scheduling
    /// loop.
    ///
    /// - Returns: the thread to resume.
    @inline(__always) static func settled(_ next: Ref<KernelCore.Thread>?) -> Ref<
        KernelCore.Thread
    >? {
        if !isShared { return next }
        let next = kernelState.pointee.core.isPassing ? passLock() : next
        kernelState.pointee.stopHolding()
        return next
    }
    /// Records when a general path began, for `settled`.
    @inline(__always) static func startHolding() {
        if isShared { kernelState.pointee.startHolding() }
    }

    /// Resumes the thread that a fast path chose.
    @inline(__always) private static func leave(_ handover: Handover) {
        unsafe exitMessage(
            handover.result, handover.badge, handover.source.raw, handover.thread.raw,
            handover.thread.translationBase)
    }

    /// Resumes that thread with a switch of the floating-point registers.
    @inline(__always) private static func leaveWithFloatingPoint(_ handover: Handover) {
        unsafe exitMessageFloatingPoint(
            handover.result, handover.badge, handover.source.raw, handover.thread.raw,
            handover.thread.translationBase, handover.source.floatingPointArea,
            handover.thread.floatingPointArea)
    }
}

// Records of benchmark builds: when an interrupt entered the kernel, for user code to read from
// TPIDRRO_EL0; and the longest masked section.

@inline(__always) private func noteEntry(_ kernel: Ref<Kernel<Machine>>) {
    #if BENCHMARK
        swiftlet_write_interrupt_entry(kernel.pointee.hardware.cycles)
    #endif
}

@inline(__always) private func startMasked(_ kernel: Ref<Kernel<Machine>>, _ control: UInt64) {
    #if BENCHMARK
        kernel.pointee.startMasked(control: control)
    #endif
}

@inline(__always) private func recordMasked(
    _ kernel: Ref<Kernel<Machine>>, _ next: Ref<KernelCore.Thread>?
) {
    #if BENCHMARK
        kernel.pointee.recordMasked(place: next?.programCounter ?? 0)
    #endif
}
