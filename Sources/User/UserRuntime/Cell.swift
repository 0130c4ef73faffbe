// A cell of a mutex set as one task sees it: the word that its threads exchange, and the calls for
// what a word cannot do. `Semaphore` and `Condition` stand on it.

import CUserEntry
import KernelABI

/// Where a cell of a mutex set is: the set, the cell's number, and the set's page in this task.
public struct Cell: Sendable {
    public let set: MutexSet
    public let number: Int
    /// Where the set's page is mapped, writable.
    public let page: UInt64

    /// - Parameter number: below the set's count.
    public init(_ set: MutexSet, _ number: Int, page: UInt64) {
        self.set = set
        self.number = number
        self.page = page
    }

    // Safety: the caller mapped the page there, and the offset stays within it.
    @inline(__always) func pointer(_ offset: Int = 0) -> UnsafeMutablePointer<UInt32> {
        unsafe UnsafeMutablePointer(
            bitPattern: UInt(page) &+ UInt((number &* MutexWord.stride) & 0xff0 &+ offset & 0xc)
        ).unsafelyUnwrapped
    }

    /// The word, as it is at some instant.
    @inline(__always) var value: CountingWord {
        unsafe CountingWord(raw: swiftlet_load_acquire(pointer()))
    }

    /// Replaces the word if it is `old`, with acquire: behind it stands what its last owner stored.
    @inline(__always) func takes(_ old: CountingWord, for new: CountingWord) -> Bool {
        unsafe swiftlet_exchange_acquire(pointer(), old.raw, new.raw)
    }
    /// Replaces the word if it is `old`, with release: before it stands what the caller stored.
    @inline(__always) func gives(_ old: CountingWord, for new: CountingWord) -> Bool {
        unsafe swiftlet_exchange_release(pointer(), old.raw, new.raw)
    }

    /// Sets the word before any thread uses the cell.
    func setUp(_ value: CountingWord) { unsafe pointer().pointee = value.raw }

    /// Takes a unit of a semaphore, or sleeps; or sleeps at a condition.
    @inline(never) func wait(seen: Int, _ deadline: Instant) throws(KernelError) {
        let control = ControlWord(.wait, set.slot).by(deadline)
        let argument = CellArgument(cell: number, seen: seen)
        try check(swiftlet_svc(control.raw, argument.raw, deadline.ticks).result)
    }

    /// Wakes the most urgent thread that sleeps, or gives a unit to the semaphore's word.
    @inline(never) func signal() throws(KernelError) {
        let control = ControlWord(.signal, set.slot)
        try check(swiftlet_svc(control.raw, CellArgument(cell: number).raw, 0).result)
    }
}
