// Where the assembly enters Swift, and where it leaves again: system calls, faults, interrupts.
//
// Every entry is on an empty kernel stack with interrupts masked, and ends in an exit that never returns, so nothing is
// kept on the stack from one entry to the next.

import AArch64
import CAArch64
import HardwareInterface
import KernelABI
import KernelCore

/// `svc`: x0–x2 as the caller set them, and its context, where x0–x10 are saved as well.
@c(swiftlet_system_call)
func systemCallEntry(_ control: UInt64, _ second: UInt64, _ third: UInt64, _ context: UnsafeMutableRawPointer) {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(context: context)
    let operation = ControlWord(raw: control).operation
    if operation == SystemCall.call.rawValue {
        if let exit = kernel.pointee.fastCall(thread, control, deadline: third) { leave(exit) }
    } else if operation == SystemCall.replyAndReceive.rawValue {
        if let exit = kernel.pointee.fastReplyAndReceive(thread, control, replySlot: second, deadline: third) {
            leave(exit)
        }
    }
    generalSystemCall(kernel, thread)
}

@inline(never) private func generalSystemCall(_ kernel: Ref<Kernel<Machine>>, _ thread: Ref<KernelCore.Thread>) -> Never
{
    startMasked(kernel)
    let control = thread.firstArgument
    let exit = kernel.pointee.systemCall(thread)
    recordMasked(kernel, control: control, exit)
    leave(exit)
}

/// Any other synchronous exception of user code.
@c(swiftlet_fault)
func faultEntry(_ context: UnsafeMutableRawPointer, _ syndrome: UInt64, _ address: UInt64) {
    let kernel = kernelState
    let thread = unsafe Ref<KernelCore.Thread>(context: context)
    startMasked(kernel)
    let exit: Exit
    let cause = ExceptionSyndrome(raw: syndrome)
    if cause.isFloatingPointTrap {
        exit = kernel.pointee.floatingPointTrap(thread)
    } else {
        exit = kernel.pointee.fault(
            thread, cause.faultKind, address: cause.hasAddress ? address : 0, syndrome: syndrome)
    }
    recordMasked(kernel, control: ~0, exit)
    leave(exit)
}

/// An interrupt while user code ran.
@c(swiftlet_interrupt)
func interruptEntry(_ context: UnsafeMutableRawPointer) {
    let kernel = kernelState
    takeInterrupt(kernel, unsafe Ref<KernelCore.Thread>(context: context))
}

/// An interrupt while the core was idle.
@c(swiftlet_idle_interrupt)
func idleInterruptEntry() { takeInterrupt(kernelState, nil) }

@inline(__always) private func takeInterrupt(_ kernel: Ref<Kernel<Machine>>, _ thread: Ref<KernelCore.Thread>?) -> Never
{
    startMasked(kernel)
    let exit: Exit
    if let line = kernel.pointee.hardware.acknowledgeInterrupt() {
        // Others may be taken again from here on; this line stays quiet until it is opened.
        kernel.pointee.hardware.endInterrupt(line: line)
        let isTimer = line == kernel.pointee.hardware.timerLine
        exit = kernel.pointee.interrupt(thread, line: line, isTimer: isTimer)
        if isTimer { kernel.pointee.hardware.open(line: line) }
    } else {
        exit = kernel.pointee.noInterrupt(thread)
    }
    recordMasked(kernel, control: ~0, exit)
    leave(exit)
}

/// Resume what the kernel chose.
@inline(__always) func leave(_ exit: Exit) -> Never {
    switch exit {
    case .message(let thread, let result, let badge, let source):
        unsafe swiftlet_exit_message(
            result, badge, thread.contextAddress, source.contextAddress, thread.translationBase)
    case .resume(let thread):
        unsafe swiftlet_exit_registers(thread.contextAddress, thread.translationBase)
    case .idle: swiftlet_idle()
    }
}

// The longest path with interrupts masked: recorded in benchmark builds only.

@inline(__always) private func startMasked(_ kernel: Ref<Kernel<Machine>>) {
    #if BENCHMARK
        kernel.pointee.startMasked()
    #endif
}

@inline(__always) private func recordMasked(_ kernel: Ref<Kernel<Machine>>, control: UInt64, _ exit: Exit) {
    #if BENCHMARK
        var place: UInt64 = 0
        if case .resume(let thread) = exit { place = thread.programCounter }
        kernel.pointee.recordMasked(control: control, place: place)
    #endif
}
