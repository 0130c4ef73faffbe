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
@c(swiftlet_shared_wait_lock) @inline(never) @discardableResult
func waitForLock(_ priority: Int) -> LockGrant.Word {
    var wasMasked = false
    var wait = LockWait(
        ownLock, ThisCore(), urgency: max(Urgency(ofCore: priority), pendingLineUrgency()))
    if !wait.request() {
        let start = kernelState.pointee.startWaiting()
        while !wait.performRound() {}  // until the cores before it have passed it on: decision 26
        wasMasked = GenericTimer.unmask()
        kernelState.pointee.stopWaiting(since: start)
    }
    return LockGrant.word(
        wait.urgency, isPending: kernelState.pointee.hardware.interruptPending || wasMasked)
}

/// What a wait for the lock has come to.
struct LockGrant {
    typealias Word = Int
    private let word: Word
    init(_ word: Word) { self.word = word }

    static func word(_ urgency: Urgency, isPending: Bool) -> Word {
        Int(urgency.rawValue) | (isPending ? 256 : 0)
    }
    /// Whether an interrupt is pending, or the timer's is about to be. It goes first.
    var isPending: Bool { word & 256 != 0 }
    /// The priority at which the core asked.
    var priority: Int { word & 255 }
}

/// This core, as its wait for the lock sees it.
private struct ThisCore: WaitingCore {
    private var deadlines = DeadlineSearch()

    var isInterruptPending: Bool { kernelState.pointee.hardware.interruptPending }
    @inline(__always) mutating func firstLine() -> Int? { KernelImage.firstLine() }
    @inline(__always) func urgency(of line: Int) -> Urgency { lineUrgency(line) }
    /// Masks the timer until the lock is granted, or takes a software interrupt: these come before
    /// the lines.
    @inline(__always) mutating func uncover(_ line: Int) {
        if line == kernelState.pointee.hardware.timerLine { return GenericTimer.mask() }
        if line < 16, let taken = kernelState.pointee.hardware.takeSoftware() { takeStop(taken) }
    }
    var askedUrgency: Urgency { Urgency(ofCore: kernelState.pointee.askedPriority) }
    @inline(__always) mutating func startSearch() -> Bool { kernelState.pointee.start(&deadlines) }
    @inline(__always) mutating func goOnSearching() -> Bool { kernelState.pointee.goOn(&deadlines) }
    @inline(__always) func foundUrgency() -> Urgency? {
        kernelState.pointee.conclude(deadlines).map { Urgency(ofCore: $0) }
    }
    /// An emulator may run other cores first, for many steps.
    @inline(__always) func relax() { swiftlet_relax() }
    @inline(__always) func stopInPanic() { if swiftlet_is_panicking() { swiftlet_halt() } }
}

/// The urgency of the pending line; none for the timer's.
///
/// - Context: without the lock.
@inline(never) private func pendingLineUrgency() -> Urgency {
    if !kernelState.pointee.hardware.interruptPending { return .none }
    return firstLine().map { lineUrgency($0) } ?? .none
}

/// The line of the pending interrupt that is taken first; nil if it has gone. Does not return if it
/// says stop.
@inline(__always) private func firstLine() -> Int? {
    guard let line = kernelState.pointee.hardware.peek() else { return nil }
    takeStop(line)
    return line
}

/// The urgency of the interrupt that is pending; of the timer's, that of the earliest deadline. A
/// core asks below the urgency of what its interrupt wakes for one section at most: `waitForLock`
/// then finds out.
///
/// - Context: with the lock.
func pendingUrgency() -> Urgency {
    let kernel = kernelState
    guard kernel.pointee.hardware.interruptPending, let line = firstLine() else { return .none }
    if line == kernel.pointee.hardware.timerLine {
        return Urgency(ofCore: kernel.pointee.timerPriority)
    }
    return lineUrgency(line)
}

/// The urgency of a pending line; none for the timer's. What it rests on may change at the same
/// time, so it may be that of a moment ago.
///
/// A Raspberry Pi 3 shows the line with the lowest number, and another one may be pending: there
/// each line has the urgency of the most urgent line that there ever was.
@inline(__always) private func lineUrgency(_ line: Int) -> Urgency {
    let kernel = kernelState
    if line < 16 { return Urgency(ofCore: kernel.pointee.askedPriority) }
    if line == kernel.pointee.hardware.timerLine { return .none }
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
        var granted = -1
        if kernel.pointee.hardware.isWanted(above: priority) {
            kernel.pointee.stopHolding()
            granted = LockGrant(releaseAndWait(priority)).priority
            kernel.pointee.startHolding()
        }
        next = kernel.pointee.goOn(at: granted)
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

@c(swiftlet_shared_release) @discardableResult
private func releaseAndWait(_ priority: Int) -> LockGrant.Word {
    var lock = ownLock
    lock.release()
    return waitForLock(priority)
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
