// A mutex set of a test, and its threads as user code uses it.

import KernelABI
import Testing

@testable import KernelCore

/// A mutex set whose participants are a test's threads, by the numbers of `members`.
final class TestMutexes {
    let system: TestSystem
    let slot: UInt32
    let page: UInt32
    private(set) var members: [Int: TestThread] = [:]

    init(_ system: TestSystem, sizeBits: UInt64 = 3, from untyped: UInt32 = TestSystem.ram) {
        self.system = system
        slot = system.make(.mutexSet, sizeBits: sizeBits, from: untyped)
        page = system.make(.frame, sizeBits: 12)
        #expect(system.perform(.bindPage, slot, UInt64(page)).error == nil)
    }

    func join(_ threads: TestThread...) {
        for thread in threads { join(thread, as: members.count) }
    }
    func join(_ thread: TestThread, as number: Int) {
        let joined = system.perform(.join, slot, UInt64(number), UInt64(thread.slot))
        #expect(joined.error == nil)
        members[number] = thread
    }
    private func number(_ thread: TestThread) -> Int {
        members.first { $0.value == thread }?.key ?? 0
    }

    var set: Ref<MutexSet> {
        guard let set = system.object(slot, as: MutexSet.self) else { preconditionFailure() }
        return set
    }
    func word(_ mutex: Int) -> MutexWord { set.word(mutex)?.pointee ?? MutexWord(raw: ~0) }
    func setWord(_ mutex: Int, _ raw: UInt32) {
        set.word(mutex)?.pointee = MutexWord(raw: raw)
    }
    func isHeld(_ mutex: Int, by thread: TestThread) -> Bool {
        Int(word(mutex).holder) == number(thread) + 1
    }

    /// Takes a mutex as user code does: by the word, and by the kernel if that fails.
    func lock(_ thread: TestThread, _ mutex: Int = 0, deadline: UInt64 = TestSystem.never) {
        if word(mutex) == .free {
            setWord(mutex, MutexWord(holder: number(thread), isContended: false).raw)
        } else {
            callLock(thread, mutex, deadline: deadline)
        }
    }
    func callLock(
        _ thread: TestThread, _ mutex: Int = 0, as participant: Int? = nil,
        deadline: UInt64 = TestSystem.never
    ) {
        system.setRegisters(
            thread, ControlWord(.lock, Slot(slot)).by(Instant(ticks: deadline)).raw,
            MutexArgument(mutex: mutex, participant: participant ?? number(thread)).raw, deadline)
        system.trap(thread.ref)
    }
    func unlock(_ thread: TestThread, _ mutex: Int = 0) {
        if word(mutex) == MutexWord(holder: number(thread), isContended: false) {
            setWord(mutex, 0)
        } else {
            callUnlock(thread, mutex)
        }
    }
    func callUnlock(_ thread: TestThread, _ mutex: Int = 0) {
        system.setRegisters(
            thread, ControlWord(.unlock, Slot(slot)).raw,
            MutexArgument(mutex: mutex, participant: number(thread)).raw)
        system.trap(thread.ref)
    }

    // Semaphores and conditions

    func count(_ cell: Int) -> CountingWord { CountingWord(raw: word(cell).raw) }

    /// Takes a unit of a semaphore as user code does: by the word, and by the kernel if that fails.
    func take(_ thread: TestThread, _ cell: Int = 0, deadline: UInt64 = TestSystem.never) {
        let value = count(cell)
        if !value.isContended && value.count > 0 {
            setWord(cell, value.counting(value.count - 1).raw)
        } else {
            callSleep(thread, cell, deadline: deadline)
        }
    }
    /// Gives a unit of a semaphore as user code does.
    func give(_ thread: TestThread, _ cell: Int = 0) {
        let value = count(cell)
        if value.isContended {
            wake(thread, cell)
        } else {
            setWord(cell, value.counting(value.count + 1).raw)
        }
    }
    /// Signals a condition as user code does.
    func signal(_ thread: TestThread, _ cell: Int = 0) {
        let value = count(cell)
        setWord(cell, value.counting(value.count + 1).raw)
        if value.isContended { wake(thread, cell) }
    }
    func callSleep(
        _ thread: TestThread, _ cell: Int = 0, seen: Int = 0, deadline: UInt64 = TestSystem.never
    ) {
        system.setRegisters(
            thread, ControlWord(.wait, Slot(slot)).by(Instant(ticks: deadline)).raw,
            CellArgument(cell: cell, seen: seen).raw, deadline)
        system.trap(thread.ref)
    }
    func wake(_ thread: TestThread, _ cell: Int = 0) {
        system.setRegisters(
            thread, ControlWord(.signal, Slot(slot)).raw, CellArgument(cell: cell).raw)
        system.trap(thread.ref)
    }
}

extension TestSystem {
    /// Lets a thread sleep on a notification of its own, until the returned one is signalled.
    func sleep(_ thread: TestThread) -> UInt32 {
        let notification = make(.notification)
        wait(thread, notification)
        return notification
    }
    func wakeUp(_ notification: UInt32) { asRoot { signal(root, notification, bits: 1) } }
}

/// Three threads of the priorities 30, 20 and 10; the last holds mutex 0 and runs.
func makeHeld() -> (
    s: TestSystem, m: TestMutexes, high: TestThread, middle: TestThread, low: TestThread,
    wakeHigh: UInt32, wakeMiddle: UInt32
) {
    let s = TestSystem()
    let (high, middle, low) = s.run(30, 20, 10)
    let m = TestMutexes(s)
    m.join(high, middle, low)
    let wakeHigh = s.sleep(high)
    let wakeMiddle = s.sleep(middle)
    m.lock(low)
    return (s, m, high, middle, low, wakeHigh, wakeMiddle)
}
