// Semaphores and conditions, in cells of a mutex set: how a thread sleeps there, and is woken.
//
// A thread takes and gives units by the word alone while nobody sleeps (`CountingWord`). The calls
// here are for the rest. Nobody holds such a cell, so nobody inherits, and its threads wait as at a
// notification: in the cell's `place`, by priority.
//
// **No wake-up is lost.** A unit goes to the first thread that sleeps, and is never left for
// whoever comes first. At a condition a thread says how often it had been signalled when the
// thread last looked. If the word says otherwise, the thread does not sleep.
//
// **What a forged word does:** it spoils the count, or wakes nobody. It never lifts a thread.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Performs `wait` of anything but a notification; `poll` has a nil deadline, and is none for
    /// a set. Restartable.
    ///
    /// - Complexity: constant.
    mutating func sleep(_ thread: Ref<Thread>, _ slot: Slot, _ deadline: Instant?) -> Outcome {
        guard let deadline else { return .failed(.wrongKind) }
        do throws(KernelError) {
            let argument = CellArgument(raw: thread.pointee.context.x.1)
            let (set, cell) = try sleepingPlace(thread, slot, argument, .read)
            guard let word = set.word(argument.cell) else { throw .notMapped }
            let value = CountingWord(raw: word.pointee.raw)
            if !value.isCounting { throw .wrongState }
            if value.isCondition ? value.count != argument.seen : value.count > 0 {
                if !value.isCondition && !replace(value, by: value.counting(value.count &- 1), word)
                {
                    return .restart
                }
                complete(thread, .success)
                return .done
            }
            if hasPassed(deadline) { throw .timedOut }
            if isInterrupted() { return .restart }
            if !value.isContended && !replace(value, by: value.withSleepers, word) {
                return .restart
            }
            thread.state = .waiting
            thread.pointee.notification = cell.place
            cell.place.pointee.waiters.insert(thread.waitNode, key: thread.effective)
            startDeadline(thread, deadline)
            return .blocked
        } catch { return .failed(error) }
    }

    /// Performs `signal` of anything but a notification. Restartable.
    ///
    /// - Complexity: constant.
    mutating func wake(_ thread: Ref<Thread>, _ slot: Slot) -> Outcome {
        do throws(KernelError) {
            let argument = CellArgument(raw: thread.pointee.context.x.1)
            let (set, cell) = try sleepingPlace(thread, slot, argument, .write)
            if isInterrupted() { return .restart }
            if cell.firstWaiter != nil {
                complete(thread, .success)
                signal(cell.place, 1)
                return .done
            }
            guard let word = set.word(argument.cell) else { throw .notMapped }
            let value = CountingWord(raw: word.pointee.raw)
            if !value.isCounting { throw .wrongState }
            if !value.isCondition && value.count == CountingWord.maximum { throw .exhausted }
            let count = value.isCondition ? value.count : value.count &+ 1
            if !replace(value, by: value.withoutSleepers.counting(count), word) { return .restart }
            complete(thread, .success)
            return .done
        } catch { return .failed(error) }
    }

    /// Looks up the cell that the caller names.
    ///
    /// - Throws: `wrongState` if threads wait for it as a mutex.
    @inline(never) private func sleepingPlace(
        _ thread: Ref<Thread>, _ slot: Slot, _ argument: CellArgument, _ right: Rights
    ) throws(KernelError) -> (Ref<MutexSet>, Ref<Mutex>) {
        let set: Ref<MutexSet> = try object(thread, slot, .mutexSet, right)
        if argument.cell >= set.pointee.count { throw .invalidArgument }
        let cell = set.mutex(argument.cell)
        if cell.pointee.holder != 0 { throw .wrongState }
        return (set, cell)
    }

    /// Replaces a word that other cores may change at the same time.
    ///
    /// - Returns: false if it is not `old`, or another core came between.
    @inline(__always) private func replace(
        _ old: CountingWord, by new: CountingWord, _ word: Ref<MutexWord>
    ) -> Bool {
        replace(MutexWord(raw: old.raw), by: MutexWord(raw: new.raw), at: word)
    }
}
