// The mutex set: mutexes whose words lie in a page that tasks share, and the threads that may hold
// them.
//
// A set is one object. Behind its header stand `count` cells, each with a mutex and a participant.
// A participant is a thread under a number, by which the words name it.

import HardwareInterface
import KernelABI

/// 2^n mutexes, and room for as many participants.
public struct MutexSet: ~Copyable {
    var header: ObjectHeader
    /// The number of mutexes, and the most participants.
    var count: Int
    /// The next mutex whose waits end while the set is destroyed; from `count` on, the next
    /// participant to forget, plus `count`.
    var cursor: UInt16
    /// Whether it was ever given a page.
    var isBound: Bool
    /// The page that holds the words; nil: none is bound, or its frame was destroyed.
    var page: Ref<MutexPage>?
    /// The capability to the frame of that page.
    var pageSlot: Capability
}

/// A thread that may hold a set's mutexes.
public struct Participant: ~Copyable {
    /// nil: the number is free.
    var thread: Ref<Thread>?
    /// Links in the thread's list.
    var next: Ref<Participant>?
    var previous: Ref<Participant>?
    var number: UInt16
    /// The next mutex to give away while it leaves.
    var cursor: UInt16
    /// Whether it leaves the set: it counts as dead then.
    var isLeaving: Bool
}

/// A mutex. While nobody has waited, its word alone tells who holds it. From the first waiter on
/// `holder` tells, until it is given back and nobody waits.
///
/// Invariants: threads wait only where `holder` is set. The first of them is blocked on the holder,
/// the others on nobody, except those with a pending update.
public struct Mutex: ~Copyable {
    /// Where its waiters stand. Nobody signals it, and it has no capability.
    var place: Notification
    /// The number of the participant that holds it, plus 1; 0: the word tells.
    var holder: UInt16
    /// Its own number, where threads wait.
    var number: UInt16
}

/// The page with the words of a set's mutexes, as the kernel sees it.
public struct MutexPage: ~Copyable {
    var words: InlineArray<1024, MutexWord>
}

extension Ref where Object == MutexSet {
    /// Bytes from the set to its cells, from one cell to the next, and from a cell to its
    /// participant. `Footprint` counts them.
    static var cellOffset: Int { 128 }
    static var cellStride: Int { participantOffset &+ MemoryLayout<Participant>.stride }
    static var participantOffset: Int { MemoryLayout<Mutex>.stride }

    /// Whether the header and the cells have the sizes that `Footprint` counts, and `pageSlot` is
    /// the last member of a set.
    static var hasPartsInPlace: Bool {
        Footprint.descriptor(.mutexSet, sizeBits: 2) == cellOffset + 4 * cellStride
            && MemoryLayout<MutexSet>.size == 104
    }

    var pageSlot: Ref<Capability> {
        // Safety: the address of a stored property of an object, which does not move.
        unsafe withUnsafeMutablePointer(to: &address.pointee.pageSlot) {
            unsafe Ref<Capability>($0)
        }
    }

    /// Returns a participant's place.
    ///
    /// - Precondition: 0 ≤ number < count.
    @inline(__always) func participant(_ number: Int) -> Ref<Participant> {
        // Safety: retype reserved count cells behind the header.
        unsafe reference(
            raw + (Ref.cellOffset &+ number &* Ref.cellStride &+ Ref.participantOffset),
            as: Participant.self)
    }

    /// Returns a mutex.
    ///
    /// - Precondition: 0 ≤ number < count.
    @inline(__always) func mutex(_ number: Int) -> Ref<Mutex> {
        // Safety: retype reserved count cells behind the header.
        unsafe reference(raw + (Ref.cellOffset &+ number &* Ref.cellStride), as: Mutex.self)
    }

    /// Returns the word of a mutex; nil without a page.
    @inline(__always) func word(_ number: Int) -> Ref<MutexWord>? {
        guard let page = pointee.page else { return nil }
        // Safety: `number` is below 2^8, and a page has room for that many words.
        return unsafe reference(page.raw + number &* MutexWord.stride, as: MutexWord.self)
    }

    /// Returns the thread that a word or a mutex names as its holder; nil if it names nobody, or a
    /// participant that has left.
    ///
    /// - Parameter holder: its number plus 1.
    @inline(__always) func thread(holding holder: UInt16) -> Ref<Thread>? {
        let number = Int(holder) &- 1
        if number < 0 || number >= pointee.count { return nil }
        let participant = participant(number)
        return participant.pointee.isLeaving ? nil : participant.pointee.thread
    }
}

extension Ref where Object == Participant {
    /// The set that contains it.
    var set: Ref<MutexSet> {
        // Safety: `number` is that of its cell.
        unsafe reference(
            raw
                - (Ref<MutexSet>.cellOffset &+ Int(pointee.number) &* Ref<MutexSet>.cellStride
                    &+ Ref<MutexSet>.participantOffset),
            as: MutexSet.self)
    }
}

extension Ref where Object == Mutex {
    @inline(__always) var place: Ref<Notification> { rebound(to: Notification.self) }
    /// The set that contains it.
    ///
    /// - Precondition: a thread has waited for it.
    @inline(__always) var set: Ref<MutexSet> {
        // Safety: `number` is that of its cell.
        unsafe reference(
            raw - (Ref<MutexSet>.cellOffset &+ Int(pointee.number) &* Ref<MutexSet>.cellStride),
            as: MutexSet.self)
    }
    /// The thread that holds it, while `holder` is set.
    @inline(__always) var holderThread: Ref<Thread>? {
        get { place.pointee.boundThread }
        nonmutating set { place.pointee.boundThread = newValue }
    }
    /// The thread that gets it next.
    @inline(__always) var firstWaiter: Ref<Thread>? { place.pointee.waiters.first?.waiter }
}

extension Ref where Object == Thread {
    /// The mutex for which it waits.
    ///
    /// - Precondition: its state is `locking`.
    @inline(__always) var awaitedMutex: Ref<Mutex>? {
        pointee.notification?.rebound(to: Mutex.self)
    }
}

extension Ref where Object == Capability {
    /// The set that contains this slot.
    ///
    /// - Precondition: `place` is `.mutexPage`.
    var mutexSet: Ref<MutexSet> {
        // Safety: the slot is the last member of a set; `isLayoutSound` checks it at boot.
        unsafe reference(
            raw - (MemoryLayout<MutexSet>.size - MemoryLayout<Capability>.stride),
            as: MutexSet.self)
    }
}
