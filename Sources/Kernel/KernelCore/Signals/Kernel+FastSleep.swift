// The fast path of `wait`: a thread that finds nothing sleeps, and the next ready thread runs.
//
// It checks all before it changes anything, and leaves what is unusual to the general path. The row
// `queue.round-trip` of the benchmark (goal 900) pays for it (docs/realtime.md). The ends of the
// sleep have fast paths in Kernel+FastSignal.

import HardwareInterface
import KernelABI

/// The outcome of a fast path whose caller blocks.
public enum Departure {
    /// The caller blocks. This thread runs next on this core; nil: none.
    case left(next: Ref<Thread>?)
    /// The caller blocks, and `runAny` chooses the thread that runs next.
    case blocked
    /// Nothing changed: the general path decides.
    case declined
}

extension Kernel where H: ~Copyable {
    /// Performs `wait` if the caller is to sleep, and no other thread sleeps there.
    ///
    /// - Precondition: the control word announces `wait` without a deadline.
    /// - Parameter isShared: whether the kernel runs on several cores; a constant.
    @inline(__always) public mutating func fastSleep(
        _ thread: Ref<Thread>, _ raw: UInt64, _ argument: UInt64, isShared: Bool
    ) -> Departure {
        let index = UInt(raw & 0xffff_ffff)
        if index >= thread.pointee.tableCount { return .declined }
        let slot = fastSlot(thread, index)
        let word = thread.pointee.scheduling.raw
        if word & SchedulingWord.seriousMask != 0 || !hasNoSteps(isShared: isShared) {
            return .declined
        }
        guard let place = emptyPlace(slot, argument) else { return .declined }
        thread.pointee.scheduling.raw = word | RunState.waiting.raw &<< SchedulingWord.stateShift
        thread.pointee.notification = place
        place.pointee.waiters.insertFirst(thread.waitNode, key: UInt8(truncatingIfNeeded: word))
        guard let next = core.ready.front, core.ready.watch == 0, next.pointee.slice == 0,
            (word | next.pointee.scheduling.raw) & SchedulingWord.floatingPointBit == 0
        else { return .blocked }
        core.ready.removeFront()
        let now = hardware.now.ticks
        thread.pointee.processorTime &+= now &- core.lastSwitch
        core.lastSwitch = now
        core.current = next
        next.pointee.switches &+= 1
        next.pointee.scheduling.raw &=
            ~(SchedulingWord.guardedBit | 15 << SchedulingWord.stateShift)
        return .left(next: next)
    }

    /// Lets the next ready thread run after one that blocked: also beside slices, deadlines that
    /// were left out, and floating-point registers; nil: none is ready.
    @inline(__always) public mutating func runAny(after thread: Ref<Thread>) -> Ref<Thread>? {
        switchTo(core.ready.removeFirst(), from: thread)
    }

    /// Returns the place where a caller of `wait` sleeps, if it finds nothing there and nobody
    /// else. The word of a cell then says that a thread sleeps.
    @inline(__always) private func emptyPlace(
        _ slot: Ref<Capability>, _ argument: UInt64
    ) -> Ref<Notification>? {
        if slot.pointee.uses.contains(.wait) {
            let place: Ref<Notification> = slot.fastObject()
            return place.pointee.bits == 0 && place.pointee.waiters.isEmpty ? place : nil
        }
        if !slot.pointee.uses.contains(.sleep) { return nil }
        let set: Ref<MutexSet> = slot.fastObject()
        let argument = CellArgument(raw: argument)
        if argument.cell >= set.pointee.count { return nil }
        let cell = set.mutex(argument.cell)
        guard cell.pointee.holder == 0, cell.place.pointee.waiters.isEmpty,
            let word = set.word(argument.cell)
        else { return nil }
        let value = CountingWord(raw: word.pointee.raw)
        if !value.isCounting || value.count != (value.isCondition ? argument.seen : 0) {
            return nil
        }
        let marked = MutexWord(raw: value.withSleepers.raw)
        return value.isContended || replace(MutexWord(raw: value.raw), by: marked, at: word)
            ? cell.place : nil
    }

    /// Whether this core has no step to perform before the next thread runs.
    ///
    /// On several cores its own ready queue may still count an update that another core performed:
    /// slices and `yield` go by that queue.
    @inline(__always) func hasNoSteps(isShared: Bool) -> Bool {
        !(isShared && (core.isStale || core.ready.updatesTop >= 0)) && !core.hasBudgets
            && shared.pointee.updates.top < 0
    }
}
