// Several cores: where threads run, and what cores do for one another.
//
// One core holds the kernel's lock at a time, and the kernel's state changes in steps, each made by
// the core that holds it. A thread runs on its *home core*: it stands in that core's ready queue,
// and its time-outs in that core's deadline queue. It moves only when it is told to. A timer stands
// in the queue of the core that armed it.
//
// **Telling.** A step may concern another core: it made a thread ready there that is more urgent
// than what runs there, or left an update that only that core can perform in time. It marks that
// core as stale and sends it an inter-processor interrupt, one for each urgency (`asked`). The
// other core then takes the lock and chooses again.
//
// **Requests.** A thread that runs on another core can be stopped or moved only by that core, since
// its registers are there. The request is left in the thread. The thread that asked waits in
// `answers` of the other core, and performs its call again when that core has done what was asked.
//
// **Updates of priority inheritance** stand in one queue for all cores. A core performs those that
// are as urgent as what it would run. If updates are left when a core leaves the kernel, the core
// that runs the least urgent thread is told.
//
// With one core none of this is entered: `isShared` is false, and every thread is at home there.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    // Home cores

    /// Returns the core on which a thread runs.
    @inline(__always) func home(of thread: Ref<Thread>) -> Ref<Core> {
        if !core.isShared { return own }
        // Safety: a thread gets only numbers of cores that run.
        return unsafe core.peers[thread.home].unsafelyUnwrapped
    }
    /// Returns the core whose queue holds this deadline.
    @inline(__always) func home(of node: Ref<DeadlineNode>) -> Ref<Core> {
        if !core.isShared { return own }
        // Safety: only numbers of cores that run are stored there.
        return unsafe core.peers[Int(node.pointee.home & 7)].unsafelyUnwrapped
    }
    /// Whether the thread runs on this core, or on none.
    @inline(__always) func isHere(_ thread: Ref<Thread>) -> Bool {
        thread.home == Int(core.number)
    }
    /// Whether another core executes the thread.
    @inline(__always) func isRunningElsewhere(_ thread: Ref<Thread>) -> Bool {
        core.isShared && thread.state == .running && !isHere(thread)
    }

    // Telling

    /// Tells another core of a thread that became ready there, if that changes what it does: the
    /// thread is more urgent than what runs, or an equal of a thread with a slice.
    @inline(never) mutating func tell(_ other: Ref<Core>, of thread: Ref<Thread>) {
        let priority = Int(thread.effective)
        if let running = other.pointee.current {
            let present = Int(running.effective)
            if priority < present || (priority == present && running.pointee.slice == 0) { return }
        }
        interrupt(other, urgency: priority)
    }

    /// Tells the core of a running thread whose priority changed, if that core is another one.
    @inline(__always) mutating func tellOfChange(_ thread: Ref<Thread>) {
        if core.isShared && isRunningElsewhere(thread) { tellItsCore(thread) }
    }
    /// Makes the core of a running thread choose again, as urgently as what it may choose.
    @inline(never) mutating func tellItsCore(_ thread: Ref<Thread>) {
        let home = home(of: thread)
        interrupt(home, urgency: max(home.pointee.ready.top, Int(thread.effective)))
    }

    /// Tells another core of a deadline that was inserted into its queue.
    @inline(never) mutating func tellOfDeadline(_ node: Ref<DeadlineNode>, at other: Ref<Core>) {
        if node.pointee.instant >= other.pointee.armed { return }
        // A deadline that does not interrupt what runs there waits until something less urgent
        // does.
        if let running = other.pointee.current, running.state == .running {
            let least = leastLevel(beside: running)
            if node.pointee.level < least { return other.pointee.ready.leaveOut(below: least) }
        }
        interrupt(other, urgency: Int(node.pointee.level &>> 1))
    }

    /// Makes another core take the lock with this urgency, and choose again.
    @inline(__always) mutating func interrupt(_ other: Ref<Core>, urgency: Int) {
        other.pointee.isStale = true
        if urgency <= other.pointee.asked { return }
        other.pointee.asked = urgency
        other.pointee.statistics[.coreInterrupts] &+= 1
        hardware.interrupt(core: Int(other.pointee.number))
    }

    /// Tells the core that runs the least urgent thread of the pending updates, if they are more
    /// urgent than that thread.
    ///
    /// - Complexity: `Limits.cores` rounds.
    @inline(never) mutating func tellOfUpdates() {
        let urgency = shared.pointee.updates.top
        var least: Ref<Core>?
        var lowest = Int.max
        var rounds = LoopBound(Limits.cores)
        for number in 0..<Limits.cores {
            rounds.count()
            guard let other = core.peers[number], other != own else { continue }
            if other.pointee.asked >= urgency { return }
            let value = Core.resistance(of: other.pointee.current)
            if value <= 2 &* urgency && value < lowest {
                lowest = value
                least = other
            }
        }
        if let least { interrupt(least, urgency: urgency) }
    }

    // Requests

    /// Leaves the request to stop a thread that runs on another core, and makes the calling thread
    /// wait until that core has done it.
    mutating func requestStop(_ thread: Ref<Thread>) {
        thread.pointee.scheduling.isSuspended = true
        awaitCore(of: thread)
    }

    /// Makes a thread run on another core from now on.
    ///
    /// - Returns: false if the call is to restart.
    /// - Complexity: constant.
    mutating func move(_ thread: Ref<Thread>, to number: Int) -> Bool {
        thread.pointee.destination = UInt8(truncatingIfNeeded: number)
        if thread.home == number { return true }
        if isRunningElsewhere(thread) {
            awaitCore(of: thread)
            return false
        }
        // The scheduling loop moves the running thread.
        if thread.state == .running {
            core.isStale = true
            return true
        }
        if thread.state == .ready {
            removeReady(thread)
            setHome(thread, number)
            insertReady(thread)
            return true
        }
        setHome(thread, number)
        // Steps move the deadline of a thread that waits.
        if thread.pointee.scheduling.hasDeadline {
            queueUpdate(thread)
        }
        return true
    }

    /// Sets a thread's home core. A line that serves the thread goes there as well.
    private mutating func setHome(_ thread: Ref<Thread>, _ number: Int) {
        home(of: thread).pointee.statistics[.threads] &-= 1
        thread.pointee.home = number
        home(of: thread).pointee.statistics[.threads] &+= 1
        if core.isShared { followThread(of: thread.pointee.boundNotification) }
    }

    /// Makes the calling thread wait until the core of `thread` has answered. Its call then
    /// restarts.
    @inline(never) private mutating func awaitCore(of thread: Ref<Thread>) {
        guard let caller = core.current else { return }
        let other = home(of: thread)
        caller.pointee.context.programCounter &-= 4
        caller.state = .awaitingCore
        caller.pointee.notification = other.answers
        other.pointee.answers.waiters.insert(caller.waitNode, key: caller.effective)
        core.isStale = true
        other.pointee.isStale = true
        let urgency = caller.effective > thread.effective ? caller.effective : thread.effective
        interrupt(other, urgency: Int(urgency))
    }

    /// Gives a thread that waits for a core's answer its new place among those that wait there, and
    /// tells that core if more is urgent now.
    ///
    /// - Complexity: `Limits.cores` rounds.
    @inline(never) mutating func rekeyAtCore(_ thread: Ref<Thread>) {
        guard let answers = thread.pointee.notification else { return }
        answers.pointee.waiters.rekey(thread.waitNode, key: thread.effective)
        var rounds = LoopBound(Limits.cores)
        for number in 0..<Limits.cores {
            rounds.count()
            // Who asked knows the core by the address that all cores know.
            guard let known = shared.pointee.cores[number], known.answers == answers,
                let other = core.peers[number]
            else { continue }
            return interrupt(other, urgency: Int(thread.effective))
        }
    }

    /// Whether the calling thread waits for another core, so that its call must end.
    @inline(never) mutating func isAwaitingCore() -> Bool { core.current?.state == .awaitingCore }

    /// Makes the core of a thread load the thread's address space and its right to floating point
    /// again, if that core is another one and executes the thread.
    ///
    /// - Precondition: the thread's translation base is still the one before the change, or its
    ///   core was asked before.
    @inline(never) mutating func requestReload(_ thread: Ref<Thread>) {
        if !isRunningElsewhere(thread) { return }
        // No fast path of the thread is taken before.
        thread.pointee.scheduling.isGuarded = true
        let other = home(of: thread)
        if !other.pointee.mustReload { other.pointee.lostBase = thread.pointee.translationBase }
        other.pointee.mustReload = true
        interrupt(other, urgency: Int(thread.effective))
    }

    /// Makes the calling thread wait for a core that may still use an address space which its
    /// thread has lost. A core that answers uses it no more, whatever it is asked next, so the
    /// thread waits at most once for each.
    ///
    /// - Parameter base: the translation base of the address space.
    /// - Returns: whether there is such a core.
    /// - Complexity: `Limits.cores` rounds.
    @inline(never) mutating func awaitReload(_ base: UInt64) -> Bool {
        var rounds = LoopBound(Limits.cores)
        for number in 0..<Limits.cores {
            rounds.count()
            guard let other = core.peers[number], other != own,
                other.pointee.mustReload, other.pointee.lostBase == base,
                let thread = other.pointee.current
            else { continue }
            awaitCore(of: thread)
            return true
        }
        return false
    }

    /// Whether a thread may repeat an access that found no mapping, since there is one now: another
    /// core has just made it, and this core's walker had not seen it yet (Arm ARM D8.16, FEAT_ETS).
    ///
    /// - Returns: false for the same access twice in a row without another entry in between, so no
    ///   thread repeats an access for ever.
    public mutating func mayRepeat(_ thread: Ref<Thread>, _ address: UInt64) -> Bool {
        if !hardware.isMapped(address) { return false }
        let place = thread.pointee.context.programCounter
        let entries = core.statistics[.systemCalls] &+ core.statistics[.interrupts]
        let last = core.repeated
        core.repeated = (place, address, entries)
        return last != core.repeated
    }

    // Answers

    /// Records the largest urgency of the updates, which other cores may have changed.
    ///
    /// - Returns: whether it has changed.
    @inline(__always) mutating func followUpdates() -> Bool {
        let top = shared.pointee.updates.top
        if top == core.ready.updatesTop { return false }
        recordUpdates(top)
        return true
    }
    @inline(never) private mutating func recordUpdates(_ top: Int) {
        if top > core.ready.updatesTop {
            core.ready.raiseUpdates(to: top)
        } else {
            core.ready.lowerUpdates(to: top)
        }
    }

    /// Does what other cores asked of this one, before it chooses its next thread.
    ///
    /// - Parameter thread: the running thread, or the one that ran.
    /// - Complexity: constant.
    @inline(never) mutating func answerRequests(_ thread: Ref<Thread>?) {
        followAnswers()
        let mustReload = core.mustReload
        core.mustReload = false
        guard let thread else { return }
        if mustReload { hardware.activate(translationBase: thread.pointee.translationBase) }
        if thread.state != .running { return }
        let isSuspended = thread.pointee.scheduling.isSuspended
        if !isSuspended && Int(thread.pointee.destination) == thread.home { return }
        // A `yield` that was in progress has no more to do.
        if core.isYielding {
            core.isYielding = false
            complete(thread, .success)
        }
        keepSlice(thread)
        core.isStale = true
        if isSuspended {
            thread.pointee.scheduling.isSuspended = false
            thread.state = .stopped
        } else {
            setHome(thread, Int(thread.pointee.destination))
            insertReady(thread)
        }
    }

    /// Lets a thread of another core perform its call again, which waited for this core.
    ///
    /// - Precondition: one waits.
    @inline(never) mutating func answerOne() {
        guard let thread = own.answers.pointee.waiters.first?.waiter else { return }
        own.answers.pointee.waiters.remove(thread.waitNode)
        thread.pointee.notification = nil
        followAnswers()
        unblock(thread, atHead: false)
    }

    /// What is asked of this core is as urgent as the first that waits for its answer.
    @inline(__always) private mutating func followAnswers() {
        core.asked = own.answers.pointee.waiters.first.map { Int($0.pointee.key) } ?? -1
    }

    // The lock

    /// Records that this core holds the lock from now on, for a general path.
    @inline(__always) public mutating func startHolding() { core.heldSince = hardware.now.ticks }
    /// Records how long it held the lock.
    @inline(__always) public mutating func stopHolding() {
        core.statistics[.lockHeldTicks] &+= hardware.now.ticks &- core.heldSince
    }
    /// Records that a wait for the lock begins. Returns the counter.
    @inline(__always) public mutating func startWaiting() -> Instant {
        core.statistics[.lockWaits] &+= 1
        return hardware.now
    }
    /// Records how long it was: this core now holds the lock.
    @inline(__always) public mutating func stopWaiting(since start: Instant) {
        core.statistics[.lockWaitTicks] &+= hardware.now.ticks &- start.ticks
    }

    /// Prepares to pass the lock to a more urgent core: a thread that no longer runs leaves its
    /// registers.
    ///
    /// - Returns: the running thread; nil if none runs.
    @inline(never) mutating func preparePassing(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        core.isPassing = true
        if let thread, thread.state == .running { return thread }
        core.sliceEnd = .never
        account(from: thread, to: nil)
        // Its address space may be destroyed before the lock is back.
        hardware.activate(translationBase: emptyTranslationBase)
        return nil
    }

    /// The priority at which this core asks for the lock to go on, or to handle an exception of its
    /// running thread. -1: it is idle.
    ///
    /// - Context: with or without the lock. Without it the value may be out of date.
    public var priority: Int { mutating get { topPriority(with: core.current) } }

    /// The priority of the earliest deadline, if that is due; else -1. A more urgent one may be due
    /// as well: `DeadlineSearch` finds it.
    ///
    /// - Context: with the lock.
    public var timerPriority: Int {
        core.deadlines.due(at: hardware.now).map { Int($0.pointee.level &>> 1) } ?? -1
    }
    /// The priority of the most urgent request of another core for which an inter-processor
    /// interrupt is on its way. -1: there is none.
    ///
    /// - Context: without the lock, so it may be out of date.
    public var askedPriority: Int { core.asked }

    /// Continues after the lock was passed and came back. Other cores may have changed anything
    /// except that this core's running thread is still the running one.
    ///
    /// - Parameter granted: the priority at which this core asked for the lock. What was that
    ///   urgent may be a deadline or a request that no thread and no update shows yet: the lock is
    ///   passed to no less urgent core before that is served.
    public mutating func goOn(at granted: Int) -> Ref<Thread>? {
        core.isPassing = false
        core.isStale = true
        return chooseShared(core.current, granted: granted)
    }

    /// Whether something besides a pending interrupt goes before the call or the fault of a thread
    /// that had to wait for the lock: a request of another core, whose interrupt this one took
    /// while it waited. The thread then calls or faults again when it next runs.
    @inline(__always) public var mustRestart: Bool { core.isStale }

    /// Whether a more urgent core waits for the lock, so that the operation in progress restarts.
    @inline(never) mutating func isOvertaken() -> Bool {
        hardware.isOvertaken(at: Int(core.current?.effective ?? 0))
    }
    /// Whether another core is to have the lock before the next step of a long operation; below the
    /// real-time band any core.
    @inline(never) mutating func mustShare() -> Bool {
        hardware.shouldPass(before: Int(core.current?.effective ?? 0))
    }
}

extension Core {
    /// Returns twice the priority of a running thread, and one more if it goes before an update of
    /// that urgency, since its base alone gives its priority; -1 for no thread.
    static func resistance(of thread: Ref<Thread>?) -> Int {
        guard let thread else { return -1 }
        let isOwn = thread.pointee.base == thread.effective
        return 2 &* Int(thread.effective) &+ (isOwn ? 1 : 0)
    }
}
