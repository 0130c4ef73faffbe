// What cores do for one another: they wait for the lock, and stop when they are told.

import AArch64
import CAArch64
import HardwareInterface
import KernelABI
import KernelCore
import KernelLock
import PlatformDrivers

/// The kernel lock as this core sees it.
var ownLock: KernelLock<SharedLockMemory> {
    @inline(__always) get {
        unsafe KernelLock(
            core: Int(truncatingIfNeeded: swiftlet_read_core_number()),
            memory: SharedLockMemory(swiftlet_lock_address()))
    }
}

/// Waits until this core holds the lock, and asks for it as urgently as the interrupts that come
/// meanwhile. They stay pending, except the requests of other cores: those leave the core stale.
///
/// - Parameter priority: of what the core would run; -1: it is idle.
/// - Returns: whether an interrupt is pending, or the timer's is about to be. It goes first.
@c(swiftlet_shared_wait_lock) @inline(never) @discardableResult
func waitForLock(_ priority: Int) -> Bool {
    var wasMasked = false
    var lock = ownLock
    var urgency = max(Urgency(ofCore: priority), pendingUrgency())
    if !lock.request(urgency) {
        let start = kernelState.pointee.hardware.now
        var next = WaitingRound.look
        repeat {  // until the cores before it have passed it on: decision 26 has the bound
            if swiftlet_is_panicking() { swiftlet_halt() }
            if kernelState.pointee.hardware.interruptPending {
                next = perform(next, &lock, &urgency)
            } else {
                next = .look
            }
            // An emulator may run other cores first, for many steps.
            if case .look = next { swiftlet_relax() }
        } while !lock.isGranted()
        wasMasked = GenericTimer.unmask()
        kernelState.pointee.recordWait(since: start)
    }
    return kernelState.pointee.hardware.interruptPending || wasMasked
}

/// What a waiting core does next for a pending interrupt. It does one of these a round, so that it
/// soon finds its grant.
private enum WaitingRound {
    /// Looks at the line.
    case look
    /// Compares the line's urgency with that of its request.
    case compare(Int)
    /// Tries to raise its request to the line's urgency.
    case raise(Urgency)
    /// Lets the lines behind this one be seen.
    case uncover(Int)
}

/// Performs one round for a pending interrupt.
///
/// - Parameter urgency: of this core's request.
/// - Returns: what the next round does.
@inline(__always) private func perform(
    _ round: WaitingRound, _ lock: inout KernelLock<SharedLockMemory>, _ urgency: inout Urgency
) -> WaitingRound {
    switch round {
    case .look: return firstLine().map { .compare($0) } ?? .look
    case .compare(let line):
        let more = lineUrgency(line)
        return more > urgency ? .raise(more) : .uncover(line)
    case .raise(let more):
        if !lock.tryRaise(to: more) { return round }
        urgency = more
    case .uncover(let line): uncover(line)
    }
    return .look
}

/// The line of the pending interrupt that is taken first; nil if it has gone. Does not return if it
/// says stop.
@inline(__always) private func firstLine() -> Int? {
    guard let line = kernelState.pointee.hardware.peek() else { return nil }
    takeStop(line)
    return line
}

/// Lets a waiting core see what is pending behind the timer or a software interrupt, which come
/// before all lines: masks the timer until the lock is granted, and takes the software interrupt.
/// Both leave their request in memory.
private func uncover(_ line: Int) {
    let kernel = kernelState
    if line == kernel.pointee.hardware.timerLine { return GenericTimer.mask() }
    if line < 16, let taken = kernel.pointee.hardware.takeSoftware() { takeStop(taken) }
}

/// The urgency of the interrupt that is pending. What it rests on may change at the same time, so
/// it may be that of a moment ago.
func pendingUrgency() -> Urgency {
    if !kernelState.pointee.hardware.interruptPending { return .none }
    return firstLine().map { lineUrgency($0) } ?? .none
}

/// The urgency of a pending line.
///
/// A Raspberry Pi 3 shows the line with the lowest number, and another one may be pending: there
/// each line has the urgency of the most urgent line that there ever was.
@inline(__always) private func lineUrgency(_ line: Int) -> Urgency {
    let kernel = kernelState
    if line < 16 { return Urgency(ofCore: kernel.pointee.askedPriority) }
    if line == kernel.pointee.hardware.timerLine {
        return Urgency(ofCore: kernel.pointee.timerPriority)
    }
    return Urgency(
        priority: kernel.pointee.hardware.hasUrgencies
            ? swiftlet_line_urgency(UInt64(truncatingIfNeeded: line))
            : swiftlet_urgency_of_any_line())
}

/// Passes the lock to a more urgent core, and goes on when it is back.
///
/// An interrupt that came meanwhile and is as urgent goes first: for it this core would wait for
/// the other one's step besides its own.
///
/// - Returns: the thread to resume.
@inline(never) func passLock() -> Ref<KernelCore.Thread>? {
    let kernel = kernelState
    var next: Ref<KernelCore.Thread>?
    repeat {  // once for each time that a more urgent core asks
        let priority = kernel.pointee.priority
        if kernel.pointee.hardware.isWanted(above: priority) {
            kernel.pointee.stopHolding()
            releaseAndWait(priority)
            kernel.pointee.startHolding()
        }
        next = kernel.pointee.goOn()
    } while kernel.pointee.core.isPassing
    return next
}

/// Prepares to handle the interrupt that is pending where this core leaves the kernel: passes the
/// lock first if another core waits that is as urgent.
///
/// - Parameter priority: of what the core would run.
@inline(never) func keepLock(_ priority: Int) {
    if ownLock.mustYield(to: pendingUrgency()) { releaseAndWait(priority) }
}

@c(swiftlet_shared_release)
private func releaseAndWait(_ priority: Int) {
    var lock = ownLock
    lock.release()
    waitForLock(priority)
}

/// Stops this core for good if the line is the software interrupt that says so.
@inline(__always) func takeStop(_ line: Int) {
    if line & 1023 == SoftwareInterrupt.stop.rawValue { swiftlet_halt() }
}

/// Stops all other cores. Each does so when it next takes an interrupt.
func stopOtherCores() {
    let own = swiftlet_read_core_number()
    let count = swiftlet_count_of_cores()
    var number: UInt64 = 0
    var rounds = LoopBound(8)
    while number < count {
        rounds.count()
        if number != own { kernelState.pointee.hardware.send(.stop, to: number) }
        number += 1
    }
}
