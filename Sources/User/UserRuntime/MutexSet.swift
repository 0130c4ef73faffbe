// Mutexes in memory that threads share: typed handles, which behave as those of
// ObjectHandles.swift.

import CUserEntry
import KernelABI

/// Mutexes with priority inheritance, and the threads that may hold them.
///
/// A set has one page for the words of its mutexes, which every task maps that uses them, and a
/// number for each thread, its participant.
public struct MutexSet: Sendable {
    public let slot: Slot
    public init(_ slot: Slot) { self.slot = slot }

    /// Gives the set its page (rights: manage here, read and write of the frame). It keeps it.
    ///
    /// - Throws: `wrongState` (it has one), `invalidArgument` (a device's, or larger than a page).
    public func bindPage(_ frame: Frame) throws(KernelError) {
        try invoke(.bindPage, slot, UInt64(frame.slot.index))
    }
    /// Makes a thread a participant (rights: manage here, write of the thread).
    ///
    /// - Throws: `slotOccupied` (another one has the number), `invalidArgument` (no such number).
    public func join(_ thread: Thread, as number: Int) throws(KernelError) {
        try invoke(.join, slot, UInt64(UInt(bitPattern: number)), UInt64(thread.slot.index))
    }
    /// Ends a participation (right: manage). The thread takes no mutex of the set any more: stop it
    /// first, or let it be the caller. A wait ends with `cancelled`. Who takes next what it
    /// held learns that its holder died.
    ///
    /// - Throws: `wrongState` (nobody has the number), `invalidArgument` (no such number).
    public func leave(_ number: Int) throws(KernelError) {
        try invoke(.leave, slot, UInt64(UInt(bitPattern: number)))
    }
}

/// The mutexes of a set as one thread uses them.
public struct MutexParticipant: Sendable {
    public let set: MutexSet
    /// The thread's number in the set.
    public let number: Int
    /// Where the set's page is mapped, writable.
    public let page: UInt64
    public init(_ set: MutexSet, number: Int, page: UInt64) {
        self.set = set
        self.number = number
        self.page = page
    }

    /// Takes a mutex, or waits for it; its holder inherits from this thread meanwhile. Makes no
    /// system call if the mutex is free.
    ///
    /// - Parameter mutex: its number in the set; below the set's count.
    /// - Returns: whether its last holder died with it: what it guards may be half changed.
    /// - Throws: `timedOut`, `deadlock` (the thread holds it, or its holder waits for the thread),
    ///   `chainTooLong`, `cancelled`; `notPermitted` (the thread is no such participant).
    @inline(__always) public func lock(
        _ mutex: Int, deadline: Instant = .never
    ) throws(KernelError) -> Bool {
        tryLock(mutex) ? false : try waitFor(mutex, deadline)
    }

    /// Takes a mutex if it is free.
    ///
    /// - Returns: whether the caller holds it now.
    @inline(__always) public func tryLock(_ mutex: Int) -> Bool {
        let own = MutexWord(holder: number, isContended: false)
        return unsafe swiftlet_exchange_acquire(word(mutex), MutexWord.free.raw, own.raw)
    }

    @inline(never) private func waitFor(
        _ mutex: Int, _ deadline: Instant
    ) throws(KernelError) -> Bool {
        let raw = swiftlet_svc(
            ControlWord(.lock, set.slot).by(deadline).raw, argument(mutex).raw, deadline.ticks)
        try check(raw.result)
        return raw.badge != 0
    }

    /// Gives a mutex back: to the most urgent thread that waits for it. Makes no system call if
    /// none does.
    ///
    /// - Throws: `notPermitted` if the thread does not hold it.
    @inline(__always) public func unlock(_ mutex: Int) throws(KernelError) {
        let own = MutexWord(holder: number, isContended: false)
        if unsafe swiftlet_exchange_release(word(mutex), own.raw, MutexWord.free.raw) { return }
        try handOver(mutex)
    }

    /// Whether the thread holds a mutex, as far as its word tells.
    @inline(__always) func holds(_ mutex: Int) -> Bool {
        unsafe MutexWord(raw: word(mutex).pointee).holder
            == UInt16(truncatingIfNeeded: number &+ 1)
    }

    @inline(never) private func handOver(_ mutex: Int) throws(KernelError) {
        try check(swiftlet_svc(ControlWord(.unlock, set.slot).raw, argument(mutex).raw, 0).result)
    }

    @inline(__always) private func argument(_ mutex: Int) -> MutexArgument {
        MutexArgument(mutex: mutex, participant: number)
    }
    // Safety: the caller mapped the page there, and the word stays within it.
    @inline(__always) private func word(_ mutex: Int) -> UnsafeMutablePointer<UInt32> {
        unsafe UnsafeMutablePointer(
            bitPattern: UInt(page) &+ UInt((mutex &* MutexWord.stride) & 0xff0)
        ).unsafelyUnwrapped
    }
}
