// Where the assembly enters Swift: system calls, faults, interrupts.
//
// Every entry is on an empty kernel stack with interrupts masked. The general ones return the thread to resume (nil: wait for
// an interrupt); those of the fast paths end in an exit of their own.

import AArch64
import CAArch64
import HardwareInterface
import KernelABI
import KernelCore

/// A plain `call`: x0–x2 as the caller set them; all that it must preserve is in its context.
@c(swiftlet_call)
func callEntry(_ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer) {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    if let handover = kernel.pointee.fastCall(thread, control) { return leave(handover) }
    thread.setArguments(control, second, third)
    unsafe swiftlet_exit(systemCallEntry(running))
}

/// A plain `replyAndReceive`, likewise.
@c(swiftlet_reply_and_receive)
func replyAndReceiveEntry(_ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer) {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    if let handover = kernel.pointee.fastReplyAndReceive(thread, control, replySlot: second) { return leave(handover) }
    if let next = kernel.pointee.fastResume(thread, control, replySlot: second) {
        return unsafe swiftlet_exit(next.raw)
    }
    thread.setArguments(control, second, third)
    unsafe swiftlet_exit(systemCallEntry(running))
}

/// Either of them with the IPC buffer, likewise.
@c(swiftlet_exchange)
func exchangeEntry(_ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer) {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    if let handover = kernel.pointee.fastExchange(thread, control, replySlot: second) { return leave(handover) }
    thread.setArguments(control, second, third)
    unsafe swiftlet_exit(systemCallEntry(running))
}

/// `signal`: only x0–x2 are given, and nothing is in the context.
@c(swiftlet_signal)
func signalEntry(_ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer) -> UInt64 {
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    return quick(kernelState.pointee.fastSignal(thread, control, second), thread, control, second, third)
}

/// `yield`, likewise.
@c(swiftlet_yield)
func yieldEntry(_ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer) -> UInt64 {
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    return quick(kernelState.pointee.fastYield(thread), thread, control, second, third)
}

/// The assembly's number for it (`QuickExit.next`).
@inline(__always) private func quick(
    _ outcome: QuickOutcome, _ thread: Ref<KernelCore.Thread>, _ control: UInt64, _ second: UInt64, _ third: UInt64
) -> UInt64 {
    switch outcome {
    case .done: return 0
    case .declined:
        thread.setArguments(control, second, third)
        return 1
    case .switched(let next): return UInt64(next.bits)
    }
}

/// `poll`, likewise.
@c(swiftlet_poll)
func pollEntry(_ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer) -> QuickExit {
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    if let bits = kernelState.pointee.fastPoll(thread, control) { return QuickExit(next: 0, value: bits) }
    thread.setArguments(control, second, third)
    return QuickExit(next: 1, value: 0)
}

/// Any system call: x0–x10 are in the context.
@c(swiftlet_system_call)
func systemCallEntry(_ running: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    startMasked(kernel)
    #if BENCHMARK
        let control = thread.firstArgument
    #else
        let control: UInt64 = 0
    #endif
    let next = kernel.pointee.systemCall(thread)
    recordMasked(kernel, control: control, next)
    return unsafe next?.raw
}

/// Any other synchronous exception of user code.
@c(swiftlet_fault)
func faultEntry(
    _ running: UnsafeMutableRawPointer, _ syndrome: UInt64, _ address: UInt64
) -> UnsafeMutableRawPointer? {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    startMasked(kernel)
    let next: Ref<KernelCore.Thread>?
    let cause = ExceptionSyndrome(raw: syndrome)
    if cause.isFloatingPointTrap {
        next = kernel.pointee.floatingPointTrap(thread)
    } else {
        next = kernel.pointee.fault(
            thread, cause.faultKind, address: cause.hasAddress ? address : 0, syndrome: syndrome)
    }
    recordMasked(kernel, control: ~0, next)
    return unsafe next?.raw
}

/// An interrupt while user code ran.
@c(swiftlet_interrupt)
func interruptEntry(_ running: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(running: running)
    startMasked(kernel)
    noteEntry(kernel)
    guard let line = takeLine(kernel) else { return unsafe takeNothing(kernel, thread)?.raw }
    let isTimer = line == kernel.pointee.hardware.timerLine
    let next: Ref<KernelCore.Thread>?
    if isTimer {
        // A new deadline is set, or none, before any interrupt can be taken: the line may be opened at once.
        kernel.pointee.hardware.open(line: line)
        next = kernel.pointee.fastExpire(thread)
    } else {
        next = kernel.pointee.fastDeliver(thread, line: line)
    }
    if let next {
        recordMasked(kernel, control: ~0, next)
        return unsafe next.raw
    }
    return unsafe dispatch(kernel, thread, line, isTimer: isTimer)?.raw
}

/// An interrupt while the core was idle.
@c(swiftlet_idle_interrupt)
func idleInterruptEntry() -> UnsafeMutableRawPointer? {
    let kernel = kernelState
    startMasked(kernel)
    noteEntry(kernel)
    guard let line = takeLine(kernel) else { return unsafe takeNothing(kernel, nil)?.raw }
    let isTimer = line == kernel.pointee.hardware.timerLine
    if isTimer { kernel.pointee.hardware.open(line: line) }
    return unsafe dispatch(kernel, nil, line, isTimer: isTimer)?.raw
}

/// The pending line, quiet until it is opened; others may be taken again from here on. nil: it went away.
@inline(__always) private func takeLine(_ kernel: Ref<Kernel<Machine>>) -> Int? {
    guard let line = kernel.pointee.hardware.acknowledgeInterrupt() else { return nil }
    kernel.pointee.hardware.endInterrupt(line: line)
    return line
}

@inline(never) private func takeNothing(
    _ kernel: Ref<Kernel<Machine>>, _ thread: Ref<KernelCore.Thread>?
) -> Ref<KernelCore.Thread>? {
    let next = kernel.pointee.noInterrupt(thread)
    recordMasked(kernel, control: ~0, next)
    return next
}

@inline(never) private func dispatch(
    _ kernel: Ref<Kernel<Machine>>, _ thread: Ref<KernelCore.Thread>?, _ line: Int, isTimer: Bool
) -> Ref<KernelCore.Thread>? {
    let next = kernel.pointee.interrupt(thread, line: line, isTimer: isTimer)
    recordMasked(kernel, control: ~0, next)
    return next
}

/// Resume what a fast path chose.
@inline(__always) private func leave(_ handover: Handover) {
    unsafe swiftlet_exit_message(
        handover.result, handover.badge, handover.thread.raw, handover.source.raw, handover.thread.translationBase)
}

// Recorded in benchmark builds only: when the kernel was entered by an interrupt, for user code to read from TPIDRRO_EL0; and
// the longest path with interrupts masked.

@inline(__always) private func noteEntry(_ kernel: Ref<Kernel<Machine>>) {
    #if BENCHMARK
        swiftlet_write_interrupt_entry(kernel.pointee.hardware.cycles)
    #endif
}

@inline(__always) private func startMasked(_ kernel: Ref<Kernel<Machine>>) {
    #if BENCHMARK
        kernel.pointee.startMasked()
    #endif
}

@inline(__always) private func recordMasked(
    _ kernel: Ref<Kernel<Machine>>, control: UInt64, _ next: Ref<KernelCore.Thread>?
) {
    #if BENCHMARK
        kernel.pointee.recordMasked(control: control, place: next?.programCounter ?? 0)
    #endif
}
