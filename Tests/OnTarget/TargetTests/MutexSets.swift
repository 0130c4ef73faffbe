// The set of mutexes of a test, and threads that take part in it: notes 23 and 24 hold slots.

import KernelABI
import UserRuntime

/// The mutexes of the running test, whose slot note 23 holds, as the participant of a number.
func mutexes(_ number: UInt64) -> MutexParticipant {
    MutexParticipant(
        MutexSet(Slot(UInt32(note(23)))), number: Int(number), page: Checks.mutexPage)
}

extension Checks {
    static var mutexPage: UInt64 { 0xa300_0000 }

    /// A set of 16 mutexes with its page, in which this thread is participant 0. All notes are 0
    /// but 23 and, with the page's frame, 24.
    mutating func mutexSet() throws(Failure) -> MutexParticipant {
        clearNotes()
        let set = MutexSet(try make(.mutexSet, sizeBits: 4))
        let frame = try map(at: Checks.mutexPage)
        setNote(23, UInt64(set.slot.index))
        setNote(24, UInt64(frame.index))
        try succeed { () throws(KernelError) in
            try set.bindPage(Frame(frame))
            try set.join(Thread(RootSlot.thread), as: 0)
        }
        return mutexes(0)
    }
    /// A running participant. It gets its number.
    mutating func member(
        _ number: Int, priority: UInt8, core: Int = 0, _ entry: @convention(c) (UInt64) -> Void,
        line: UInt = #line
    ) throws(Failure) -> Thread {
        let thread = try thread(priority: priority, entry, UInt64(number), line: line)
        let set = mutexes(0).set
        try succeed(line: line) { () throws(KernelError) in
            try set.join(thread, as: number)
            if core != 0 { try thread.setCore(core) }
            try thread.resume()
        }
        return thread
    }
}
