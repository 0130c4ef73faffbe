// The entries from the assembly into Swift, for a machine with one core and for one with several.
// Entries.swift has what they do, Vectors.S a picture of the paths.

import AArch64
import CAArch64
import HardwareInterface
import KernelABI
import KernelCore

/// The kernel on one core.
enum OneCore: EntryMode {
    @inline(__always) static var isShared: Bool { false }
    @inline(__always) static func generalCall(
        _ running: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer? { unsafe systemCallEntry(running) }

    @inline(__always) static func exit(_ thread: UnsafeMutableRawPointer?) {
        unsafe swiftlet_exit(thread)
    }
    @inline(__always) static func exitQuick(_ result: UInt64, _ value: UInt64) {
        swiftlet_exit_quick(result, value)
    }
    @inline(__always) static func exitGeneral(_ running: UnsafeMutableRawPointer) {
        unsafe swiftlet_exit_general(running)
    }
    @inline(__always) static func exitMessage(
        _ result: UInt64, _ badge: UInt64, _ source: UnsafeRawPointer,
        _ thread: UnsafeMutableRawPointer, _ translationBase: UInt64
    ) { unsafe swiftlet_exit_message(result, badge, source, thread, translationBase) }
    @inline(__always) static func exitYield(
        _ thread: UnsafeMutableRawPointer, _ running: UnsafeMutableRawPointer
    ) { unsafe swiftlet_exit_yield(thread, running) }
    @inline(__always) static func exitBlocked(
        _ thread: UnsafeMutableRawPointer?, _ running: UnsafeMutableRawPointer
    ) { unsafe swiftlet_exit_blocked(thread, running) }
    @inline(__always) static func exitSignal(
        _ thread: UnsafeMutableRawPointer, _ bits: UInt64, _ running: UnsafeMutableRawPointer
    ) { unsafe swiftlet_exit_signal(thread, bits, running) }
    @inline(__always) static func exitWoken(_ thread: UnsafeMutableRawPointer, _ bits: UInt64) {
        unsafe swiftlet_exit_woken(thread, bits)
    }
    @inline(__always) static func exitMessageFloatingPoint(
        _ result: UInt64, _ badge: UInt64, _ source: UnsafeRawPointer,
        _ thread: UnsafeMutableRawPointer, _ translationBase: UInt64,
        _ from: UnsafeMutableRawPointer?, _ to: UnsafeRawPointer?
    ) {
        unsafe swiftlet_exit_message_floating_point(
            result, badge, source, thread, translationBase, from, to)
    }
    @inline(__always) static func exitYieldFloatingPoint(
        _ thread: UnsafeMutableRawPointer, _ running: UnsafeMutableRawPointer,
        _ from: UnsafeMutableRawPointer?, _ to: UnsafeRawPointer?
    ) { unsafe swiftlet_exit_yield_floating_point(thread, running, from, to) }
    @inline(__always) static func exitSignalFloatingPoint(
        _ thread: UnsafeMutableRawPointer, _ bits: UInt64, _ running: UnsafeMutableRawPointer,
        _ from: UnsafeMutableRawPointer?, _ to: UnsafeRawPointer?
    ) { unsafe swiftlet_exit_signal_floating_point(thread, bits, running, from, to) }
    @inline(__always) static func exitWokenFloatingPoint(
        _ thread: UnsafeMutableRawPointer, _ bits: UInt64, _ from: UnsafeMutableRawPointer?,
        _ to: UnsafeRawPointer?
    ) { unsafe swiftlet_exit_woken_floating_point(thread, bits, from, to) }
}

@c(swiftlet_call)
func callEntry(
    _ control: UInt64, _ second: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe OneCore.call(control, second, running) }
@c(swiftlet_call_with_terms)
func callWithTermsEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe OneCore.callWithTerms(control, second, third, running) }
@c(swiftlet_reply_and_receive)
func replyAndReceiveEntry(
    _ control: UInt64, _ second: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe OneCore.replyAndReceive(control, second, running) }
@c(swiftlet_exchange)
func exchangeEntry(
    _ control: UInt64, _ second: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe OneCore.exchange(control, second, running) }
@c(swiftlet_signal) @inline(never)
func signalEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe OneCore.signal(control, second, third, running) }
@c(swiftlet_yield)
func yieldEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe OneCore.yield(control, second, third, running) }
@c(swiftlet_poll)
func pollEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe OneCore.poll(control, second, third, running) }
@c(swiftlet_sleep)
func sleepEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe OneCore.sleep(control, second, third, running) }
@c(swiftlet_system_call) @inline(never)
func systemCallEntry(_ running: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    unsafe OneCore.systemCall(running)
}
@c(swiftlet_fault)
func faultEntry(
    _ running: UnsafeMutableRawPointer, _ syndrome: UInt64, _ address: UInt64
) -> UnsafeMutableRawPointer? {
    unsafe OneCore.fault(running, syndrome, address)
}
@c(swiftlet_interrupt) @inline(never)
func interruptEntry(_ running: UnsafeMutableRawPointer) { unsafe OneCore.interrupt(running) }
@c(swiftlet_idle_interrupt)
func idleInterruptEntry() {
    OneCore.idleInterrupt()
}

/// The kernel on several cores: each entry holds the lock.
enum SeveralCores: EntryMode {
    @inline(__always) static var isShared: Bool { true }
    @inline(__always) static func generalCall(
        _ running: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer? { unsafe sharedSystemCallEntry(running) }

    @inline(__always) static func exit(_ thread: UnsafeMutableRawPointer?) {
        unsafe swiftlet_shared_exit(thread)
    }
    @inline(__always) static func exitQuick(_ result: UInt64, _ value: UInt64) {
        swiftlet_shared_exit_quick(result, value)
    }
    @inline(__always) static func exitGeneral(_ running: UnsafeMutableRawPointer) {
        unsafe swiftlet_shared_exit_general(running)
    }
    @inline(__always) static func exitMessage(
        _ result: UInt64, _ badge: UInt64, _ source: UnsafeRawPointer,
        _ thread: UnsafeMutableRawPointer, _ translationBase: UInt64
    ) { unsafe swiftlet_shared_exit_message(result, badge, source, thread, translationBase) }
    @inline(__always) static func exitYield(
        _ thread: UnsafeMutableRawPointer, _ running: UnsafeMutableRawPointer
    ) { unsafe swiftlet_shared_exit_yield(thread, running) }
    @inline(__always) static func exitBlocked(
        _ thread: UnsafeMutableRawPointer?, _ running: UnsafeMutableRawPointer
    ) { unsafe swiftlet_shared_exit_blocked(thread, running) }
    @inline(__always) static func exitSignal(
        _ thread: UnsafeMutableRawPointer, _ bits: UInt64, _ running: UnsafeMutableRawPointer
    ) { unsafe swiftlet_shared_exit_signal(thread, bits, running) }
    @inline(__always) static func exitWoken(_ thread: UnsafeMutableRawPointer, _ bits: UInt64) {
        unsafe swiftlet_shared_exit_woken(thread, bits)
    }
    @inline(__always) static func exitMessageFloatingPoint(
        _ result: UInt64, _ badge: UInt64, _ source: UnsafeRawPointer,
        _ thread: UnsafeMutableRawPointer, _ translationBase: UInt64,
        _ from: UnsafeMutableRawPointer?, _ to: UnsafeRawPointer?
    ) {
        unsafe swiftlet_shared_exit_message_floating_point(
            result, badge, source, thread, translationBase, from, to)
    }
    @inline(__always) static func exitYieldFloatingPoint(
        _ thread: UnsafeMutableRawPointer, _ running: UnsafeMutableRawPointer,
        _ from: UnsafeMutableRawPointer?, _ to: UnsafeRawPointer?
    ) { unsafe swiftlet_shared_exit_yield_floating_point(thread, running, from, to) }
    @inline(__always) static func exitSignalFloatingPoint(
        _ thread: UnsafeMutableRawPointer, _ bits: UInt64, _ running: UnsafeMutableRawPointer,
        _ from: UnsafeMutableRawPointer?, _ to: UnsafeRawPointer?
    ) { unsafe swiftlet_shared_exit_signal_floating_point(thread, bits, running, from, to) }
    @inline(__always) static func exitWokenFloatingPoint(
        _ thread: UnsafeMutableRawPointer, _ bits: UInt64, _ from: UnsafeMutableRawPointer?,
        _ to: UnsafeRawPointer?
    ) { unsafe swiftlet_shared_exit_woken_floating_point(thread, bits, from, to) }
}

@c(swiftlet_shared_call)
func sharedCallEntry(
    _ control: UInt64, _ second: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe SeveralCores.call(control, second, running) }
@c(swiftlet_shared_call_with_terms)
func sharedCallWithTermsEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe SeveralCores.callWithTerms(control, second, third, running) }
@c(swiftlet_shared_reply_and_receive)
func sharedReplyAndReceiveEntry(
    _ control: UInt64, _ second: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe SeveralCores.replyAndReceive(control, second, running) }
@c(swiftlet_shared_exchange)
func sharedExchangeEntry(
    _ control: UInt64, _ second: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe SeveralCores.exchange(control, second, running) }
@c(swiftlet_shared_signal) @inline(never)
func sharedSignalEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe SeveralCores.signal(control, second, third, running) }
@c(swiftlet_shared_yield)
func sharedYieldEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe SeveralCores.yield(control, second, third, running) }
@c(swiftlet_shared_poll)
func sharedPollEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe SeveralCores.poll(control, second, third, running) }
@c(swiftlet_shared_sleep)
func sharedSleepEntry(
    _ control: UInt64, _ second: UInt64, _ third: UInt64, _ running: UnsafeMutableRawPointer
) { unsafe SeveralCores.sleep(control, second, third, running) }
@c(swiftlet_shared_system_call) @inline(never)
func sharedSystemCallEntry(_ running: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    unsafe SeveralCores.systemCall(running)
}
@c(swiftlet_shared_fault)
func sharedFaultEntry(
    _ running: UnsafeMutableRawPointer, _ syndrome: UInt64, _ address: UInt64
) -> UnsafeMutableRawPointer? {
    unsafe SeveralCores.fault(running, syndrome, address)
}
@c(swiftlet_shared_interrupt) @inline(never)
func sharedInterruptEntry(_ running: UnsafeMutableRawPointer) {
    unsafe SeveralCores.interrupt(running)
}
@c(swiftlet_shared_idle_interrupt)
func sharedIdleInterruptEntry() {
    SeveralCores.idleInterrupt()
}

// The entries of a core that leaves the kernel while an interrupt is pending. It still holds the
// lock, and its thread's context is current.

/// Handles the interrupt before the thread runs.
@c(swiftlet_shared_pending)
func pendingEntry(_ running: UnsafeMutableRawPointer) {
    keepLock(unsafe Ref<KernelCore.Thread>(running: running).priority)
    unsafe SeveralCores.interrupt(running)
}
/// Handles the interrupt instead of waiting for one.
@c(swiftlet_shared_idle_pending)
func idlePendingEntry() {
    keepLock(-1)
    SeveralCores.idleInterrupt()
}

// The entries of a core that finds the lock taken. All registers of its thread are saved.

/// Waits for the lock to perform a system call.
///
/// - Returns: whether something goes before it. The thread then performs its `svc` again.
@c(swiftlet_shared_wait_call)
func waitCallEntry(_ running: UnsafeMutableRawPointer) -> Bool {
    let mustRestart = unsafe waitFaultEntry(running)
    if mustRestart { unsafe Ref<KernelCore.Thread>(running: running).repeatCall() }
    return mustRestart
}
/// Performs the call that nothing goes before.
@c(swiftlet_shared_waited_call)
func waitedCallEntry(_ running: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    unsafe SeveralCores.systemCall(running)
}
/// Waits for the lock to handle another exception.
///
/// - Returns: whether something goes before it. The thread then causes it again.
@c(swiftlet_shared_wait_fault)
func waitFaultEntry(_ running: UnsafeMutableRawPointer) -> Bool {
    let grant = LockGrant(waitForLock(unsafe Ref<KernelCore.Thread>(running: running).priority))
    return grant.isPending || kernelState.pointee.mustRestart
}
/// Waits for the lock, and handles the interrupt.
@c(swiftlet_shared_wait_interrupt)
func waitInterruptEntry(_ running: UnsafeMutableRawPointer) {
    waitForLock(unsafe Ref<KernelCore.Thread>(running: running).priority)
    unsafe SeveralCores.interrupt(running)
}
/// Waits for the lock, and handles the interrupt of an idle core.
@c(swiftlet_shared_wait_idle)
func waitIdleEntry() {
    waitForLock(kernelState.pointee.priority)
    SeveralCores.idleInterrupt()
}
