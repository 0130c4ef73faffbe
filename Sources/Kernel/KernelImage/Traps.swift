// The entries from the assembly into Swift: system calls, faults, interrupts. Vectors.S has a
// picture of the paths.
//
// Each entry starts on an empty kernel stack with interrupts masked. `systemCallEntry` and
// `faultEntry` return the thread to resume; nil makes the processor wait for an interrupt. All
// others end in an exit of the assembly and do not return.

import AArch64
import CAArch64
import HardwareInterface
import KernelABI
import KernelCore

/// Performs a plain `call`. x0–x2 are the arguments; the context holds all other registers that the
/// caller must keep.
@c(swiftlet_call)
func callEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    switch kernel.pointee.fastCall(thread, control, isShared: false) {
    case .handedOver(let handover): return leave(handover)
    case .usesFloatingPoint(let slot, _): return callWithFloatingPoint(control, thread, slot)
    case .declined: break
    }
    thread.setArguments(control, second, third)
    unsafe swiftlet_exit(systemCallEntry(running))
}

/// Performs a plain `replyAndReceive`, with the same registers saved.
@c(swiftlet_reply_and_receive)
func replyAndReceiveEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    switch kernel.pointee.fastReplyAndReceive(
        thread, control, replySlot: second, isShared: false)
    {
    case .handedOver(let handover): leave(handover)
    case .usesFloatingPoint(let slot, let reply):
        replyWithFloatingPoint(control, second, third, thread, slot, reply)
    case .declined: resumeOrCall(control, second, third, thread)
    }
}

/// Performs one of the two with the IPC buffer, with the same registers saved.
@c(swiftlet_exchange)
func exchangeEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    switch kernel.pointee.fastExchange(thread, control, replySlot: second, isShared: false) {
    case .handedOver(let handover): return leave(handover)
    case .usesFloatingPoint(let slot, let reply):
        return exchangeWithFloatingPoint(control, second, third, thread, slot, reply)
    case .declined: break
    }
    thread.setArguments(control, second, third)
    unsafe swiftlet_exit(systemCallEntry(running))
}

// The entries branch to the functions below for their less frequent cases: a thread that uses
// floating point, and the answer to a fault.

@inline(never) private func callWithFloatingPoint(
    _ control: UInt64, _ thread: Ref<KernelCore.Thread>, _ slot: Ref<Capability>
) {
    leaveWithFloatingPoint(
        kernelState.pointee.floatingPointCall(thread, control, slot, isShared: false))
}
@inline(never) private func replyWithFloatingPoint(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ thread: Ref<KernelCore.Thread>,
    _ slot: Ref<Capability>, _ reply: Ref<Capability>
) {
    if let handover = kernelState.pointee.floatingPointReply(
        thread, control, slot, reply, isShared: false)
    {
        return leaveWithFloatingPoint(handover)
    }
    thread.setArguments(control, second, third)
    unsafe swiftlet_exit(systemCallEntry(thread.raw))
}
@inline(never) private func exchangeWithFloatingPoint(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ thread: Ref<KernelCore.Thread>,
    _ slot: Ref<Capability>, _ reply: Ref<Capability>
) {
    if let handover = kernelState.pointee.floatingPointExchange(
        thread, control, slot, reply, isShared: false)
    {
        return leaveWithFloatingPoint(handover)
    }
    thread.setArguments(control, second, third)
    unsafe swiftlet_exit(systemCallEntry(thread.raw))
}
@inline(never) private func resumeOrCall(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ thread: Ref<KernelCore.Thread>
) {
    if let next = kernelState.pointee.fastResume(
        thread, control, replySlot: second, isShared: false)
    {
        return unsafe swiftlet_exit(next.raw)
    }
    thread.setArguments(control, second, third)
    unsafe swiftlet_exit(systemCallEntry(thread.raw))
}

/// Performs `signal`. x0–x2 are the arguments, and the context holds no register yet.
@c(swiftlet_signal) @inline(never)
func signalEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) {
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    switch kernelState.pointee.fastSignal(thread, control, second, isShared: false) {
    case .done: swiftlet_exit_quick(0, 0)
    case .unsettled: settleAndSignal(thread, control, second)
    case .woken(let waiter): makeReady(waiter)
    case .signalled(let wakeup):
        if wakeup.usesFloatingPoint { return preempt(thread, wakeup) }
        unsafe swiftlet_exit_signal(wakeup.thread.raw, wakeup.bits, running)
    case .declined, .switched: decline(thread, control, second, third)
    }
}

// A quick entry branches to the functions below for its rare cases, so that it needs no stack
// itself.

@inline(never) private func settleAndSignal(
    _ thread: Ref<KernelCore.Thread>, _ control: UInt64, _ second: UInt64
) {
    kernelState.pointee.settle()
    guard case .signalled(let wakeup) = kernelState.pointee.fastSignal(thread, control, second, isShared: false)
    else {
        // `fastSignal` asked for `settle`, and nothing else has changed since.
        preconditionFailure()
    }
    if wakeup.usesFloatingPoint { return preempt(thread, wakeup) }
    unsafe swiftlet_exit_signal(wakeup.thread.raw, wakeup.bits, thread.raw)
}
@inline(never) private func makeReady(_ thread: Ref<KernelCore.Thread>) {
    kernelState.pointee.makeReadyBelow(thread)
    swiftlet_exit_quick(0, 0)
}
@inline(never) private func preempt(_ thread: Ref<KernelCore.Thread>, _ wakeup: Wakeup) {
    unsafe swiftlet_exit_signal_floating_point(
        wakeup.thread.raw, wakeup.bits, thread.raw, thread.floatingPointArea,
        wakeup.thread.floatingPointArea)
}
@inline(never) private func yield(
    _ thread: Ref<KernelCore.Thread>, to next: Ref<KernelCore.Thread>
) {
    unsafe swiftlet_exit_yield_floating_point(
        next.raw, thread.raw, thread.floatingPointArea, next.floatingPointArea)
}
@inline(__always) private func decline(
    _ thread: Ref<KernelCore.Thread>, _ control: UInt64, _ second: UInt64, _ third: UInt64
) {
    thread.setArguments(control, second, third)
    unsafe swiftlet_exit_general(thread.raw)
}

/// Performs `yield`. The context holds no register yet.
@c(swiftlet_yield)
func yieldEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) {
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    switch kernelState.pointee.fastYield(thread) {
    case .done: swiftlet_exit_quick(0, 0)
    case .switched(let next, let usesFloatingPoint):
        if usesFloatingPoint { return yield(thread, to: next) }
        unsafe swiftlet_exit_yield(next.raw, running)
    default: decline(thread, control, second, third)
    }
}

/// Performs `poll`. The context holds no register yet.
@c(swiftlet_poll)
func pollEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) {
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    if let bits = kernelState.pointee.fastPoll(thread, control) {
        return swiftlet_exit_quick(ResultWord(.notification).raw, bits)
    }
    decline(thread, control, second, third)
}

/// Performs any system call. The context holds x0–x10.
@c(swiftlet_system_call)
func systemCallEntry(_ running: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    startMasked(kernel, thread.firstArgument)
    let next = kernel.pointee.systemCall(thread)
    recordMasked(kernel, next)
    return unsafe next?.raw
}

/// Handles any other synchronous exception of user code. The context holds every register.
@c(swiftlet_fault)
func faultEntry(
    _ running: UnsafeMutableRawPointer, _ syndrome: UInt64, _ address: UInt64
) -> UnsafeMutableRawPointer? {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    startMasked(kernel, EntryKind.faultControl)
    let next: Ref<KernelCore.Thread>?
    let cause = ExceptionSyndrome(raw: syndrome)
    if cause.isFloatingPointTrap {
        next = kernel.pointee.floatingPointTrap(thread)
    } else {
        next = kernel.pointee.fault(
            thread, cause.faultKind, address: cause.hasAddress ? address : 0, syndrome: syndrome)
    }
    recordMasked(kernel, next)
    return unsafe next?.raw
}

/// Handles an interrupt of user code. The context holds every register.
@c(swiftlet_interrupt) @inline(never)
func interruptEntry(_ running: UnsafeMutableRawPointer) {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    startMasked(kernel, EntryKind.interruptControl)
    noteEntry(kernel)
    switch kernel.pointee.hardware.takeInterrupt() {
    case .timer:
        if let wakeup = kernel.pointee.fastExpire(thread, isShared: false) { return wake(wakeup, instead: thread) }
        expire(thread)
    case .line(let line):
        if !kernel.pointee.isQuiet(thread) { return deliverFirst(thread, line) }
        if let wakeup = kernel.pointee.fastDeliver(thread, line: line, isShared: false) {
            return wake(wakeup, instead: thread)
        }
        deliver(thread, line)
    case .nothing: takeNothing(thread)
    }
}

/// Handles an interrupt while the processor is idle.
@c(swiftlet_idle_interrupt)
func idleInterruptEntry() {
    let kernel = kernelState
    startMasked(kernel, EntryKind.interruptControl)
    noteEntry(kernel)
    switch kernel.pointee.hardware.takeInterrupt() {
    case .timer: serve(nil)
    case .line(let line): deliver(nil, line)
    case .nothing: takeNothing(nil)
    }
}

@inline(__always) private func wake(_ wakeup: Wakeup, instead thread: Ref<KernelCore.Thread>) {
    recordMasked(kernelState, wakeup.thread)
    if wakeup.usesFloatingPoint { return wakeWithFloatingPoint(wakeup, instead: thread) }
    unsafe swiftlet_exit_woken(wakeup.thread.raw, wakeup.bits)
}
@inline(never) private func wakeWithFloatingPoint(
    _ wakeup: Wakeup, instead thread: Ref<KernelCore.Thread>
) {
    unsafe swiftlet_exit_woken_floating_point(
        wakeup.thread.raw, wakeup.bits, thread.floatingPointArea, wakeup.thread.floatingPointArea)
}
@inline(never) private func expire(_ thread: Ref<KernelCore.Thread>) {
    if let wakeup = kernelState.pointee.expireFirst(thread, isShared: false) { return wake(wakeup, instead: thread) }
    serve(thread)
}
@inline(never) private func serve(_ thread: Ref<KernelCore.Thread>?) {
    resume(kernelState.pointee.timerInterrupt(thread))
}
@inline(never) private func deliverFirst(_ thread: Ref<KernelCore.Thread>, _ line: Int) {
    if let wakeup = kernelState.pointee.deliverFirst(thread, line: line, isShared: false) {
        return wake(wakeup, instead: thread)
    }
    deliver(thread, line)
}
@inline(never) private func deliver(_ thread: Ref<KernelCore.Thread>?, _ line: Int) {
    resume(kernelState.pointee.interrupt(thread, line: line))
}
@inline(never) private func takeNothing(_ thread: Ref<KernelCore.Thread>?) {
    resume(kernelState.pointee.noInterrupt(thread))
}
@inline(__always) private func resume(_ next: Ref<KernelCore.Thread>?) {
    recordMasked(kernelState, next)
    unsafe swiftlet_exit(next?.raw)
}

/// Resumes the thread that a fast path chose.
@inline(__always) private func leave(_ handover: Handover) {
    unsafe swiftlet_exit_message(
        handover.result, handover.badge, handover.thread.raw, handover.source.raw,
        handover.thread.translationBase)
}

/// Resumes that thread with a switch of the floating-point registers.
@inline(__always) private func leaveWithFloatingPoint(_ handover: Handover) {
    unsafe swiftlet_exit_message_floating_point(
        handover.result, handover.badge, handover.thread.raw, handover.source.raw,
        handover.thread.translationBase, handover.source.floatingPointArea,
        handover.thread.floatingPointArea)
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
