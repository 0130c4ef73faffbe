// The fast paths of `call`, `replyAndReceive` and `signal` to a thread of another core that sleeps.
//
//     core 0   call ─ connect ─ copy words ─ interrupt core 1 ─ sleep or next thread
//     core 1   (sleeps)                       └▶ fastWake ─ first instruction of the server
//
// The sending half makes the other thread ready on its core, which has nothing else to do, and
// interrupts that core. The waking half lets that thread run. Both decline where the scheduling
// loop has any step to perform. The row `ipc.round-trip.words-0.other-core` pays for them
// (docs/realtime.md).
//
// Unlike on one core, the message is copied: the sender may run again before the receiver does.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    /// Performs a `call` to a ready server of another core.
    ///
    /// - Precondition: `fastCall` ended in `otherCore` with this slot.
    @inline(__always) public mutating func fastCallAcross(
        _ thread: Ref<Thread>, _ raw: UInt64, _ slot: Ref<Capability>
    ) -> Departure {
        let endpoint: Ref<Endpoint> = slot.fastObject()
        let server = endpoint.pointee.readyServer.fastValue
        let own = server.pointee.scheduling.raw
        guard own & SchedulingWord.floatingPointBit == 0, let other = sleepingHome(of: server)
        else {
            return .declined
        }
        let word = thread.pointee.scheduling.raw
        let urgency = max(word & 0xff, own & 0xff)
        connect(
            thread, word, to: server,
            own & SchedulingWord.homeMask | urgency | RunState.ready.raw
                &<< SchedulingWord.stateShift,
            at: endpoint)
        return send(
            from: thread, to: server, on: other, result: raw & ControlWord.lengthMask,
            badge: slot.pointee.badge)
    }

    /// Performs a `replyAndReceive` whose caller is at home on another core.
    ///
    /// - Precondition: `fastReplyAndReceive` ended in `otherCore` with these slots.
    @inline(__always) public mutating func fastReplyAcross(
        _ thread: Ref<Thread>, _ raw: UInt64, _ slot: Ref<Capability>,
        _ replyCapability: Ref<Capability>
    ) -> Departure {
        let reply: Ref<Reply> = replyCapability.fastObject()
        let caller = thread.pointee.soleCaller.fastValue
        guard let other = sleepingHome(of: caller) else { return .declined }
        disconnect(
            thread, 0, from: caller, caller.pointee.scheduling.raw, reply, at: slot.fastObject())
        caller.pointee.scheduling.raw |= RunState.ready.raw &<< SchedulingWord.stateShift
        return send(
            from: thread, to: caller, on: other, result: raw & ControlWord.lengthMask, badge: 0)
    }

    /// Performs a `signal` to a thread that waits on another core.
    ///
    /// - Precondition: `fastSignal` ended in `otherCore` with these values.
    /// - Returns: false if nothing changed.
    @inline(__always) public mutating func fastSignalAcross(
        _ waiter: Ref<Thread>, _ notification: Ref<Notification>, _ bits: UInt64
    ) -> Bool {
        guard let other = sleepingHome(of: waiter) else { return false }
        detach(waiter, notification)
        complete(waiter, ResultWord(.notification), bits)
        waiter.state = .ready
        wake(waiter, on: other)
        return true
    }

    /// Makes a thread ready on its core, which sleeps, and interrupts that core.
    @inline(__always) private mutating func wake(_ thread: Ref<Thread>, on other: Ref<Core>) {
        let priority = Int(thread.effective)
        other.pointee.ready.pushFront(thread, priority)
        interrupt(other, urgency: priority)
    }

    /// Returns the thread's core if that core has nothing to do; nil also where this core has steps
    /// to perform before the next thread.
    @inline(__always) private func sleepingHome(of thread: Ref<Thread>) -> Ref<Core>? {
        if !hasNoSteps(isShared: true) { return nil }
        // Safety: a thread gets only numbers of cores that run.
        let other = unsafe core.peers[thread.home].unsafelyUnwrapped
        return other.pointee.current == nil && other.pointee.ready.top < 0 ? other : nil
    }

    /// Passes the message on, and makes its receiver run on the other core.
    ///
    /// - Returns: `.left`.
    @inline(__always) private mutating func send(
        from thread: Ref<Thread>, to receiver: Ref<Thread>, on other: Ref<Core>, result: UInt64,
        badge: UInt64
    ) -> Departure {
        receiver.pointee.context.x.0 = result
        receiver.pointee.context.x.1 = badge
        receiver.pointee.context.x.2 = thread.pointee.zeros.0
        receiver.pointee.context.x.3 = thread.pointee.context.x.3
        receiver.pointee.context.x.4 = thread.pointee.context.x.4
        receiver.pointee.context.x.5 = thread.pointee.context.x.5
        receiver.pointee.context.x.6 = thread.pointee.context.x.6
        receiver.pointee.context.x.7 = thread.pointee.context.x.7
        receiver.pointee.context.x.8 = thread.pointee.context.x.8
        receiver.pointee.context.x.9 = thread.pointee.context.x.9
        receiver.pointee.context.x.10 = thread.pointee.context.x.10
        wake(receiver, on: other)
        if core.ready.top >= 0 {
            return .left(next: switchTo(core.ready.removeFirst(), from: thread))
        }
        let now = hardware.now.ticks
        thread.pointee.processorTime &+= now &- core.lastSwitch
        core.lastSwitch = now
        core.current = nil
        updateDeadline(0)
        return .left(next: nil)
    }

    /// Lets the only ready thread run that another core left for this one, which is idle.
    ///
    /// - Returns: the thread; nil if nothing changed.
    /// - Context: after a software interrupt.
    @inline(__always) public mutating func fastWake() -> Ref<Thread>? {
        guard let next = core.ready.front, core.ready.behind == nil,
            core.ready.top == core.asked, core.ready.listTop < 0, shared.pointee.updates.top < 0,
            !core.hasBudgets,
            !core.mustReload, !core.isTracing, own.answers.pointee.waiters.isEmpty,
            next.pointee.scheduling.raw & SchedulingWord.attentionMask == 0,
            next.pointee.slice == 0
        else { return nil }
        core.ready.removeOnly()
        core.asked = -1
        core.isStale = false
        let now = hardware.now.ticks
        core.statistics[.idleTicks] &+= now &- core.lastSwitch
        core.lastSwitch = now
        core.current = next
        next.pointee.switches &+= 1
        next.state = .running
        updateDeadline(leastLevel(beside: next))
        return next
    }
}
