// System calls: the one dispatch, from a control word to an operation, and from its outcome to the
// next thread. And the entries of interrupts and faults.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Performs the system call whose arguments are in the thread's context.
    ///
    /// - Returns: the thread to resume, as its context says; nil if none is ready and the processor
    ///   waits for an interrupt. All entries return this.
    /// - Context: from the trap entry, after the fast paths declined; interrupts masked.
    @inline(__always) public mutating func systemCall(_ thread: Ref<Thread>) -> Ref<Thread>? {
        let control = ControlWord(raw: thread.pointee.context.x.0)
        enter(thread)
        core.statistics[.systemCalls] &+= 1
        if core.isTracing { trace(.systemCall, thread, detail: (control.raw &>> 40) & 0xff) }
        guard let call = control.systemCall else { return raiseUnknownCall(thread) }
        switch dispatch(thread, call, control) {
        case .done, .blocked: break
        case .restart: restart(thread)
        case .failed(let error): complete(thread, ResultWord(error: error))
        }
        return reschedule(thread)
    }

    /// Records the running thread, from which the exception came: the fast paths switch without a
    /// record.
    @inline(__always) mutating func enter(_ thread: Ref<Thread>) { core.current = thread }

    /// Makes the thread perform its `svc` again: its arguments are still in its context.
    func restart(_ thread: Ref<Thread>) {
        if thread.state == .running || thread.state == .ready {
            thread.pointee.context.programCounter &-= 4
        }
    }

    /// Raises the fault of an unknown system call.
    private mutating func raiseUnknownCall(_ thread: Ref<Thread>) -> Ref<Thread>? {
        raise(thread, .unknownSystemCall, address: thread.pointee.context.x.0, syndrome: 0)
    }

    /// Performs the operation of a system call.
    @inline(__always) private mutating func dispatch(
        _ thread: Ref<Thread>, _ call: SystemCall, _ control: ControlWord
    ) -> Outcome {
        // The most frequent of the calls that no fast path serves.
        if call == .invoke { return invoke(thread, control) }
        let second = thread.pointee.context.x.1
        let secondSlot = Slot(UInt32(truncatingIfNeeded: second))
        if control.isTimed, let outcome = prepareDeadline(thread, call) { return outcome }
        let deadline = control.isTimed ? Instant(ticks: thread.pointee.context.x.2) : .never
        switch call {
        case .call: return send(thread, control, deadline: deadline, isCall: true)
        case .send: return send(thread, control, deadline: deadline, isCall: false)
        case .receive:
            return receive(thread, endpoint: control.slot, reply: secondSlot, deadline: deadline)
        case .reply: return reply(thread, control.slot, control)
        case .replyAndReceive:
            return replyAndReceive(thread, control, replySlot: secondSlot, deadline: deadline)
        case .signal: return signal(thread, control.slot, bits: second)
        case .wait: return wait(thread, control.slot, deadline: deadline)
        case .poll: return wait(thread, control.slot, deadline: nil)
        case .yield: return yield(thread)
        case .invoke: return invoke(thread, control)
        case .lock: return lock(thread, control.slot, deadline)
        case .unlock: return unlock(thread, control.slot)
        case .version:
            complete(thread, .success)
            thread.pointee.context.x.3 = abiVersion
            thread.pointee.context.x.4 = counterFrequency
            return .done
        }
    }

    // Other entries

    /// Handles an interrupt that went away before it was taken.
    public mutating func noInterrupt(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        core.current = thread
        return reschedule(thread)
    }

    /// Handles an interrupt of `line` that was taken while `thread` ran; nil: while idle.
    ///
    /// - Context: from the trap entry, after `fastDeliver` and `deliverFirst` declined, or while
    ///   idle.
    @inline(__always) public mutating func interrupt(
        _ thread: Ref<Thread>?, line: Int
    ) -> Ref<Thread>? {
        core.current = thread
        if core.isTracing, let thread {
            trace(.interrupt, thread, detail: UInt64(truncatingIfNeeded: line))
        }
        deliverInterrupt(line: line)
        return reschedule(thread)
    }

    /// Handles an interrupt of the timer.
    ///
    /// - Context: from the trap entry, after `fastExpire` and `expireFirst` declined, or while
    ///   idle.
    @inline(__always) public mutating func timerInterrupt(_ thread: Ref<Thread>?) -> Ref<Thread>? {
        core.current = thread
        requestService(atLeast: thread.map { leastLevel(beside: $0) } ?? 0)
        return reschedule(thread)
    }

    /// Handles an exception that a user thread caused.
    public mutating func fault(
        _ thread: Ref<Thread>, _ kind: FaultKind, address: UInt64, syndrome: UInt64
    ) -> Ref<Thread>? {
        enter(thread)
        if core.isTracing { trace(.fault, thread, detail: UInt64(kind.rawValue)) }
        return raise(thread, kind, address: address, syndrome: syndrome)
    }

    /// Handles the first use of floating point by a user thread.
    public mutating func floatingPointTrap(_ thread: Ref<Thread>) -> Ref<Thread>? {
        enter(thread)
        return giveFloatingPoint(to: thread)
            ? reschedule(thread) : raise(thread, .noFloatingPoint, address: 0, syndrome: 0)
    }

    /// Leave the boot code, or the idle loop: the first thread to run.
    public mutating func start() -> Ref<Thread>? {
        startMasked(control: EntryKind.schedulingControl)
        return reschedule(nil)
    }

    /// Returns whether an interrupt is pending, or a more urgent core waits for the lock.
    /// Operations ask between their steps.
    @inline(__always) mutating func isInterrupted() -> Bool {
        noteLook()
        return hardware.interruptPending || (core.isShared && isOvertaken())
    }

    /// The same after a step of a long operation, whose progress stays. So less urgent cores may
    /// take turns, and what the step itself made urgent need not wait for the rest.
    @inline(__always) mutating func isInterruptedAfterStep() -> Bool {
        noteLook()
        return hardware.interruptPending || (core.isStale && mustGiveWay())
            || (core.isShared && mustShare())
    }

    /// Whether a thread or an update now goes before the thread of the operation in progress, or a
    /// slice of that thread begins. If only another core can perform an update in time, that core
    /// is told, as a step of its own.
    @inline(never) private mutating func mustGiveWay() -> Bool {
        // A thread that destroys itself goes on to the end: nobody would perform the call again.
        guard let thread = core.current, thread.state == .running else { return false }
        let effective = Int(thread.effective)
        let updates = shared.pointee.updates.top
        let first = core.ready.first.map { Int($0.effective) } ?? -1
        if first > effective || updates > effective { return true }
        if updates == effective && Int(thread.pointee.base) < effective { return true }
        let isBesideEqual = first == effective || updates == effective
        if isBesideEqual && thread.pointee.slice != 0 && core.sliceEnd == .never { return true }
        if !core.isShared || shared.pointee.updates.first == nil { return false }
        tellOfUpdates()
        return isInterrupted()
    }

    /// Benchmark builds: a masked section ends, and the next one begins.
    @inline(__always) private mutating func noteLook() {
        #if BENCHMARK
            recordMasked(place: core.current?.programCounter ?? 0)
            startMasked(control: core.masked.control)
        #endif
    }

    /// The same in the scheduling loop, which all entries share: the sections from here on are its
    /// own.
    @inline(__always) mutating func isInterruptedInLoop() -> Bool {
        #if BENCHMARK
            recordMasked(place: core.current?.programCounter ?? 0)
            startMasked(control: EntryKind.schedulingControl)
        #endif
        return hardware.interruptPending
    }

    /// Benchmark builds: records that interrupts are masked from here on.
    ///
    /// - Parameter control: what entered the kernel (`EntryKind`).
    @inline(__always) public mutating func startMasked(control: UInt64) {
        core.masked.control = control
        core.masked.since = hardware.cycles
    }

    /// Benchmark builds: records the longest masked section, up to an exit or a look at the pending
    /// interrupts, with its system call and program counter.
    public mutating func recordMasked(place: UInt64) {
        let length = hardware.cycles &- core.masked.since
        let control = core.masked.control
        #if BENCHMARK
            let entry = Int(EntryKind.firstStatistic + EntryKind(control: control).index)
            let ofEntry = own.statistics(from: entry)
            if length > ofEntry.pointee.words.0 { ofEntry.pointee.words.0 = length }
        #endif
        if length > core.statistics[.longestMasked] {
            core.statistics[.longestMasked] = length
            core.statistics[.longestMaskedControl] = control
            core.statistics[.longestMaskedPlace] = place
        }
    }
}
