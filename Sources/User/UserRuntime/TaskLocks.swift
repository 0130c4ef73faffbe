// The mutex set that a task's threads share. It is made when the task starts its first thread, so a
// task with one thread has none, and pays for no lock.
//
// Each thread is a participant under a number that its thread pointer tells: 0 is the first thread,
// and p + 1 the thread in place p. What a body still holds when it ends counts as left by the dead.

import CUserEntry
import KernelABI

/// The mutexes that the threads of a task share.
public enum TaskLocks {
    private static var sizeBits: Int { ThreadMemory.lockBits }
    /// Mutexes of the set. The runtime takes those below `firstFreeCell`: one for the heap, and one
    /// for the initialisers of global values.
    public static var cellCount: Int { 1 << sizeBits }
    /// The first mutex that is the task's to use.
    public static var firstFreeCell: Int { Int(SWIFTLET_LOCK_ONCE) + 1 }

    /// Whether the set was made: from the start of the task's first thread on.
    @inline(__always) public static var isMade: Bool { swiftlet_locks_page() != 0 }

    /// The calling thread as a participant of the set.
    ///
    /// - Precondition: the set was made, and the thread is the first or was started by
    ///   `Thread.start`.
    /// - Complexity: constant; no system call.
    @inline(__always) public static var participant: MutexParticipant {
        unsafe MutexParticipant(
            MutexSet(resources.locks), number: Int(swiftlet_own_place()),
            page: swiftlet_locks_page())
    }

    /// Makes the set, if it is not there: for a task that uses it before its first `Thread.start`.
    ///
    /// - Throws: `insufficientMemory`, `invalidCapability` (the task has no untyped memory).
    ///   Nothing was taken then.
    /// - Precondition: the caller is the task's first thread, or the set was made.
    public static func make() throws(KernelError) {
        if isMade { return }
        try Footprint.require(ThreadMemory.locks)
        let (set, page) = (set, page)
        let space = AddressSpace(unsafe resources.addressSpace)
        do throws(KernelError) {
            let memory = unsafe resources.memory
            try memory.retype(.mutexSet, sizeBits: sizeBits, index: set.slot)
            try memory.retype(.frame, sizeBits: 12, index: page.slot)
            try space.map(page.slot, at: unsafe resources.locksAddress, .read | .write)
            try set.bindPage(page)
            try unsafe set.join(resources.first, as: 0)
        } catch {
            try? CapabilityTable.own.delete(page.slot)
            try? CapabilityTable.own.delete(set.slot)
            throw error
        }
        unsafe swiftlet_locks_start(
            SwiftletLocks(
                page: resources.locksAddress, lock: ControlWord(.lock, set.slot).raw,
                unlock: ControlWord(.unlock, set.slot).raw))
    }

    private static var set: MutexSet { MutexSet(unsafe resources.locks) }
    private static var page: Frame { Frame(unsafe Slot(resources.locks.index + 1)) }

    /// - Precondition: the set was made, and the place's thread is new.
    static func join(_ place: Place) throws(KernelError) {
        try set.join(place.thread, as: place.number + 1)
    }
    /// The calling thread's body has ended: what it still holds counts as left by the dead.
    ///
    /// - Complexity: a look at each mutex.
    static func endBody(_ place: Place) {
        place.setName([0, 0, 0, 0])
        let own = participant
        for cell in 0..<cellCount where own.holds(cell) {
            orEnd("the thread cannot leave its task's mutexes", try set.leave(own.number))
            orEnd("the thread cannot join its task's mutexes", try join(place))
            return
        }
    }
}
