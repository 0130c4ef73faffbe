// Mutexes with priority inheritance: how a thread waits for one, and how it is handed over.
//
// A thread takes and gives back a mutex that nobody else wants by its word alone (`MutexWord`). The
// calls here are for the rest. They believe no word: a number in it counts only if a participant
// has it, so that a forged word lifts no thread that has not joined. From the first waiter on the
// kernel keeps the holder itself, and does not read the word until nobody waits.
//
// **Links.** The first waiter is blocked on the holder, as a queued caller is on a server. It is
// the most urgent one, so the holder has the priority that all of them give. The others are blocked
// on nobody, and the mutex changes hands in constant time. Where another becomes the first, its
// update becomes pending. A step of that update links it, and a step of the former first one's
// unlinks that (Kernel+Inheritance).
//
// **Deadlock.** A check of the chain (Kernel+Inheritance) follows whom a thread waits for, also
// where it waits behind others and is not linked. So no step that links a waiter closes a cycle.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Performs `lock`. Restartable.
    mutating func lock(_ thread: Ref<Thread>, _ slot: Slot, _ deadline: Instant) -> Outcome {
        do throws(KernelError) {
            let argument = MutexArgument(raw: thread.pointee.context.x.1)
            let set = try checkMutex(thread, slot, argument)
            guard let word = set.word(argument.mutex) else { throw .notMapped }
            return try take(set, argument, word, by: thread, deadline)
        } catch { return .failed(error) }
    }

    /// Performs `unlock`.
    mutating func unlock(_ thread: Ref<Thread>, _ slot: Slot) -> Outcome {
        do throws(KernelError) {
            let argument = MutexArgument(raw: thread.pointee.context.x.1)
            let set = try checkMutex(thread, slot, argument)
            let mutex = set.mutex(argument.mutex)
            let own = UInt16(truncatingIfNeeded: argument.participant &+ 1)
            if mutex.pointee.holder == 0 {
                guard let word = set.word(argument.mutex) else { throw .notMapped }
                let value = word.pointee
                if value.holder != own { throw .notPermitted }
                if !replace(value, by: .free, at: word) { return .restart }
            } else {
                if mutex.pointee.holder != own { throw .notPermitted }
                if isInterrupted() { return .restart }
                handOver(mutex, isAbandoned: false)
            }
        } catch { return .failed(error) }
        complete(thread, .success)
        return .done
    }

    /// Looks up a mutex that the caller names, and checks that the caller is the participant.
    @inline(never) private func checkMutex(
        _ thread: Ref<Thread>, _ slot: Slot, _ argument: MutexArgument
    ) throws(KernelError) -> Ref<MutexSet> {
        let set: Ref<MutexSet> = try object(thread, slot, .mutexSet, .write)
        let count = set.pointee.count
        if argument.mutex >= count || argument.participant >= count { throw .invalidArgument }
        let participant = set.participant(argument.participant)
        if participant.pointee.isLeaving || participant.pointee.thread != thread {
            throw .notPermitted
        }
        return set
    }

    /// Takes a mutex that is free or whose holder is gone; else makes the thread wait for it.
    private mutating func take(
        _ set: Ref<MutexSet>, _ argument: MutexArgument, _ word: Ref<MutexWord>,
        by thread: Ref<Thread>, _ deadline: Instant
    ) throws(KernelError) -> Outcome {
        if isInterrupted() { return .restart }
        let mutex = set.mutex(argument.mutex)
        let value = word.pointee
        let isKept = mutex.pointee.holder != 0
        // No mutex, or a word that was forged while threads sleep there.
        if !isKept && (value.isCounting || mutex.firstWaiter != nil) { throw .wrongState }
        let named = isKept ? mutex.pointee.holder : value.holder
        guard let holder = set.thread(holding: named) else {
            if isKept {
                // Its holder is leaving. The first waiter goes before this thread.
                handOver(mutex, isAbandoned: true)
                return .restart
            }
            let own = MutexWord(holder: argument.participant, isContended: false)
            if !replace(value, by: own, at: word) { return .restart }
            complete(thread, .success, value == .free ? 0 : 1)
            return .done
        }
        if let error = checkChain(thread, holder) { throw error }
        if hasPassed(deadline) { throw .timedOut }
        if isInterrupted() { return .restart }
        if !isKept {
            let contended = MutexWord(raw: value.raw | MutexWord.contendedBit)
            if !replace(value, by: contended, at: word) { return .restart }
            mutex.pointee.holder = named
            mutex.holderThread = holder
            mutex.pointee.number = UInt16(truncatingIfNeeded: argument.mutex)
        }
        thread.state = .locking
        thread.pointee.sendControl = argument.raw
        let first = mutex.firstWaiter
        thread.pointee.notification = mutex.place
        mutex.place.pointee.waiters.insert(thread.waitNode, key: thread.effective)
        if let first {
            // Steps unlink the former first and link this thread.
            if mutex.firstWaiter == thread {
                queueUpdate(first)
                queueUpdate(thread)
            }
        } else {
            addCaller(thread, to: holder)
        }
        startDeadline(thread, deadline)
        return .blocked
    }

    /// Gives a mutex to its first waiter, or to nobody.
    ///
    /// - Precondition: `holder` tells who holds it.
    /// - Parameter isAbandoned: whether that one died or left. The next one learns of it.
    /// - Complexity: constant.
    @inline(never) private mutating func handOver(_ mutex: Ref<Mutex>, isAbandoned: Bool) {
        let word = mutex.set.word(Int(mutex.pointee.number))
        guard let next = mutex.firstWaiter else {
            mutex.pointee.holder = 0
            mutex.holderThread = nil
            if let word { store(isAbandoned ? .abandoned : .free, at: word) }
            return
        }
        mutex.place.pointee.waiters.remove(next.waitNode)
        next.pointee.notification = nil
        let participant = MutexArgument(raw: next.pointee.sendControl).participant
        let following = mutex.firstWaiter
        let value = MutexWord(holder: participant, isContended: following != nil)
        if let word { store(value, at: word) }
        mutex.pointee.holder = following == nil ? 0 : value.holder
        mutex.holderThread = following == nil ? nil : next
        if let following { queueUpdate(following) }
        endLock(next, isAbandoned: isAbandoned)
    }

    /// Ends the wait of a mutex's next holder. Where the running thread has given the mutex back
    /// and the next one is linked to it, that one is ready at once. Else a step makes it ready.
    @inline(never) private mutating func endLock(_ next: Ref<Thread>, isAbandoned: Bool) {
        complete(next, .success, isAbandoned ? 1 : 0)
        guard !isAbandoned, let running = core.current, next.pointee.blockedOn == running else {
            return queueUpdate(next)
        }
        dropCaller(next, of: running)
        next.pointee.scheduling.isPending ? queueUpdate(next) : makeReady(next)
    }

    /// Replaces a word that other cores may change at the same time.
    ///
    /// - Returns: false if it is not `old`, or another core came between.
    @inline(__always) func replace(
        _ old: MutexWord, by new: MutexWord, at word: Ref<MutexWord>
    ) -> Bool {
        unsafe hardware.replace(
            old.raw, by: new.raw, at: word.raw.assumingMemoryBound(to: UInt32.self))
    }

    /// Stores the word of a mutex whose holder the kernel keeps: behind all that the holder stored.
    @inline(__always) private func store(_ value: MutexWord, at word: Ref<MutexWord>) {
        unsafe hardware.release(value.raw, at: word.raw.assumingMemoryBound(to: UInt32.self))
    }

    // Waiters

    /// Whether a thread waits for a mutex, and a step must link it to the holder or unlink it.
    @inline(__always) func isMislinked(_ thread: Ref<Thread>) -> Bool {
        thread.state == .locking && thread.pointee.notification != nil
            && thread.pointee.blockedOn != wantedLink(thread)
    }

    /// The thread on which one that waits for a mutex is to be blocked.
    @inline(never) private func wantedLink(_ thread: Ref<Thread>) -> Ref<Thread>? {
        guard let mutex = thread.awaitedMutex, mutex.firstWaiter == thread else { return nil }
        return mutex.holderThread
    }

    /// Unlinks a waiter from a thread that does not hold its mutex any more, or links it to the one
    /// that does.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func relink(_ thread: Ref<Thread>) {
        if thread.pointee.blockedOn != nil {
            removeCaller(thread)
            thread.pointee.passedPayer = thread.pointee.payer
        } else if let holder = wantedLink(thread) {
            addCaller(thread, to: holder)
        }
    }

    /// Moves a waiter to the place that its priority gives. If it becomes the first, or no longer
    /// is it, the update of the other one becomes pending.
    mutating func rekeyAtMutex(_ thread: Ref<Thread>) {
        guard let mutex = thread.awaitedMutex else { return }
        let before = mutex.firstWaiter
        mutex.place.waiters.pointee.rekey(thread.waitNode, key: thread.effective)
        guard let after = mutex.firstWaiter, let before, before != after else { return }
        let other = before == thread ? after : before
        queueUpdate(other)
    }

    /// Takes a waiter out of its mutex's queue. If it was the first, the update of the next one
    /// becomes pending.
    @inline(never) mutating func leaveMutex(_ thread: Ref<Thread>) {
        guard let mutex = thread.awaitedMutex else { return }
        let wasFirst = mutex.firstWaiter == thread
        mutex.place.pointee.waiters.remove(thread.waitNode)
        if wasFirst, let next = mutex.firstWaiter { queueUpdate(next) }
    }

    // Participants

    /// Performs the methods of a mutex set.
    mutating func mutexMethod(
        _ thread: Ref<Thread>, _ slot: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let set: Ref<MutexSet> = try object(thread, slot, .mutexSet, .manage)
        if method == .bindPage { return try bindPage(thread, set) }
        let number = argument(thread, 1)
        if number >= UInt64(truncatingIfNeeded: set.pointee.count) { throw .invalidArgument }
        let participant = set.participant(Int(truncatingIfNeeded: number))
        if method == .leave {
            if participant.pointee.thread == nil { throw .wrongState }
            if isInterrupted() { return .restart }
            while !leaveStep(participant) {  // `mutexStep` mutexes or one wait a round
                if isInterruptedAfterStep() { return .restart }
            }
            return try done(thread, nil)
        }
        let member: Ref<Thread> = try object(thread, slotArgument(thread, 2), .thread, .write)
        if participant.pointee.thread != nil { throw .slotOccupied }
        participant.pointee.number = UInt16(truncatingIfNeeded: number)
        participant.pointee.thread = member
        participant.pointee.next = member.pointee.participations
        member.pointee.participations?.pointee.previous = participant
        member.pointee.participations = participant
        return try done(thread, nil)
    }

    /// Performs `bindPage`.
    private func bindPage(_ thread: Ref<Thread>, _ set: Ref<MutexSet>) throws(KernelError)
        -> Outcome
    {
        let source = try need(thread, slotArgument(thread, 1), .read | .write)
        let frame: Ref<Frame> = try source.object(.frame)
        if frame.pointee.isDevice || frame.pointee.size != .page { throw .invalidArgument }
        if set.pointee.isBound { throw .wrongState }
        if let error = set.pageSlot.derive(
            from: source, rights: .all, badge: 0, placement: .child)
        {
            throw error
        }
        set.pointee.isBound = true
        set.pointee.page = unsafe reference(
            hardware.kernelAddress(physical: frame.pointee.physical), as: MutexPage.self)
        return try done(thread, nil)
    }

    /// Performs one step of a participant's leave: hands over a mutex that it holds, ends its wait,
    /// or looks through `mutexStep` mutexes.
    ///
    /// - Returns: whether it has left.
    mutating func leaveStep(_ participant: Ref<Participant>) -> Bool {
        let set = participant.set
        let holder = participant.pointee.number &+ 1
        participant.pointee.isLeaving = true
        if let thread = participant.pointee.thread, isWaiting(thread, as: participant) {
            end(thread, .cancelled)
            return false
        }
        if Int(participant.pointee.cursor) >= set.pointee.count {
            forget(participant)
            return true
        }
        let next = set.mutex(Int(participant.pointee.cursor))
        if next.pointee.holder == holder {
            handOver(next, isAbandoned: true)
            return false
        }
        for _ in 0..<KernelLimits.mutexStep {
            let number = Int(participant.pointee.cursor)
            if number >= set.pointee.count { return false }
            let mutex = set.mutex(number)
            // The next step hands it over.
            if mutex.pointee.holder == holder { return false }
            if mutex.pointee.holder == 0, let word = set.word(number) {
                let value = word.pointee
                // The thread may run on another core and give it back. The next step looks again.
                if value.holder == holder && !replace(value, by: .abandoned, at: word) {
                    return false
                }
            }
            participant.pointee.cursor &+= 1
        }
        return false
    }

    /// Whether a thread waits for a mutex of the set as this participant.
    private func isWaiting(_ thread: Ref<Thread>, as participant: Ref<Participant>) -> Bool {
        if thread.state != .locking { return false }
        guard let mutex = thread.awaitedMutex else { return false }
        let number = MutexArgument(raw: thread.pointee.sendControl).participant
        return mutex.set == participant.set && number == Int(participant.pointee.number)
    }

    /// Frees a participant's number.
    private func forget(_ participant: Ref<Participant>) {
        if let previous = participant.pointee.previous {
            previous.pointee.next = participant.pointee.next
        } else {
            participant.pointee.thread?.pointee.participations = participant.pointee.next
        }
        participant.pointee.next?.pointee.previous = participant.pointee.previous
        participant.pointee.next = nil
        participant.pointee.previous = nil
        participant.pointee.thread = nil
        participant.pointee.cursor = 0
        participant.pointee.isLeaving = false
    }

    /// Performs one step of a set's destruction: ends one wait, or looks through `mutexStep`
    /// mutexes or participants.
    mutating func destroyStep(_ set: Ref<MutexSet>) -> Bool {
        let count = set.pointee.count
        let first = Int(set.pointee.cursor)
        if first >= 2 &* count {
            removePart(set.pageSlot)
            return true
        }
        if first < count, let waiter = set.mutex(first).firstWaiter {
            end(waiter, .invalidCapability)
            return false
        }
        for _ in 0..<KernelLimits.mutexStep {
            let cursor = Int(set.pointee.cursor)
            if cursor >= 2 &* count { return false }
            if cursor >= count {
                // Nobody waits any more, so no mutex refers to a participant.
                forget(set.participant(cursor &- count))
            } else if set.mutex(cursor).firstWaiter != nil {
                // The next step ends the wait.
                return false
            }
            set.pointee.cursor &+= 1
        }
        return false
    }
}
