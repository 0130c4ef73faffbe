// What must hold of every step: messages and bits are conserved. Whatever is sent arrives once,
// unchanged and at one place; and a wait ends for a reason that the step gives.

import KernelABI

@testable import KernelCore

/// An armed timer: when it is due, and whether it has signalled for that already.
struct TimerState: Equatable {
    let deadline: UInt64
    let hasSignalled: Bool
}

/// What the checks need to know of the state before a step.
struct Before {
    let states: [RunState]
    let deadlines: [UInt64?]
    let awaited: [Ref<KernelCore.Notification>?]
    let replies: [Ref<Reply>?]
    /// The result of a thread whose wait has ended, but for the step that lets it run.
    let ended: [UInt64?]
    let bits: [UInt64]
    let isOutstanding: Bool
    let timer: TimerState?
    /// How often each budget was used up.
    let overruns: [UInt64]
    let running: Int?
    /// The control word of the call that was interrupted and is performed again.
    let restarted: UInt64?
    let priorities: PrioritiesBefore

    init(_ system: System) {
        let threads = system.threads.map { $0.ref }
        states = threads.map { $0.state }
        deadlines = threads.map {
            if $0.pointee.scheduling.isTimedOut { return 0 }
            return $0.pointee.scheduling.hasDeadline ? $0.dueAt.ticks : nil
        }
        awaited = threads.map {
            $0.state == .receiving ? $0.pointee.boundNotification : $0.pointee.notification
        }
        replies = threads.map { $0.pointee.reply }
        ended = threads.map { $0.isEnding ? $0.registers[0] : nil }
        bits = system.notificationRefs.map { $0.pointee.bits }
        isOutstanding = system.isOutstanding
        timer = system.timerState
        overruns = system.budgetRefs.map { $0.pointee.overruns }
        running = system.runningIndex
        restarted = system.machine.running.flatMap { $0.isRestarting ? $0.registers[0] : nil }
        priorities = PrioritiesBefore(system)
    }
}

extension System {
    var isOutstanding: Bool {
        if !plan.hasInterrupts { return false }
        let interrupt: Ref<Interrupt> = machine.object(interrupt)
        return interrupt.pointee.isOutstanding
    }
    /// The timer, while it is armed.
    var timerState: TimerState? {
        if plan.timerNotification == nil { return nil }
        let timer: Ref<Timer> = machine.object(timer)
        if !timer.node.pointee.isQueued { return nil }
        return TimerState(
            deadline: timer.pointee.deadline.ticks, hasSignalled: timer.pointee.hasSignalled)
    }

    /// What is wrong with the step from `before` to the present state; nil: nothing.
    ///
    /// - Parameter isWaited: the core had to wait for the lock before its call, so interrupts may
    ///   have come first.
    func violation(of action: Action, after before: Before, isWaited: Bool) -> String? {
        let control =
            action == .restart
            ? before.restarted : before.running.flatMap { arguments(action, of: $0)?[0] }
        var purpose = Purpose(control)
        purpose.isWaited = isWaited
        if let found = machine.lookWatch.violation { return found }
        if let found = messageViolation(purpose, before) ?? bitViolation(purpose, before) {
            return found
        }
        // On several cores another one may perform the updates.
        return plan.cores == 1
            ? orderViolation(of: action, before.running, after: before.priorities) : nil
    }

    /// Whether this step ended the thread's wait, or did its call, and left results in its
    /// registers.
    private func hasResults(_ index: Int, _ before: Before) -> Bool {
        let thread = threads[index].ref
        if thread.isRestarting || before.ended[index] != nil { return false }
        if thread.isEnding { return true }
        // Another core's request may stop it at the end of its call or of its wait.
        if ![.ready, .running, .stopped].contains(thread.state) { return false }
        if index == before.running { return before.states[index] == .running }
        return before.states[index].raw >= RunState.calling.raw && before.states[index] != .faulted
    }

    private func messageViolation(_ purpose: Purpose, _ before: Before) -> String? {
        for index in threads.indices {
            let thread = threads[index].ref
            let isUp = thread.state == .ready || thread.state == .running
            if let ended = before.ended[index], isUp, ended != thread.registers[0] {
                return "t\(index) lost the result of its wait"
            }
        }
        var arrived = [Int](repeating: 0, count: threads.count)
        for index in threads.indices where hasResults(index, before) {
            let result = ResultWord(raw: threads[index].ref.registers[0])
            let word = threads[index].ref.registers[3]
            let isCaller = index == before.running
            if let error = result.error {
                if isCaller { continue }
                if let problem = errorViolation(error, index, purpose, before) { return problem }
            } else if before.states[index] == .awaitingReply {
                if word != before.running.map(Token.answer) || !purpose.answers {
                    return "t\(index) got an answer that no server gave"
                }
            } else if before.states[index] == .receiving || (isCaller && purpose.receives),
                result.delivery == .message || result.delivery == .oneWay
            {
                let sender = Int(word) - Int(Token.message(of: 0))
                if !threads.indices.contains(sender) {
                    return "t\(index) received a message that no thread sent"
                }
                arrived[sender] += 1
            }
        }
        for sender in threads.indices
        where arrived[sender] != (wasTaken(from: sender, purpose, before) ? 1 : 0) {
            // Received, and timed out while it awaited the answer, in one step.
            if arrived[sender] == 1, hasTimedOut(sender, before) { continue }
            return "a message of t\(sender) arrived \(arrived[sender]) times"
        }
        return nil
    }

    private func hasTimedOut(_ index: Int, _ before: Before) -> Bool {
        hasResults(index, before)
            && ResultWord(raw: threads[index].ref.registers[0]).error == .timedOut
    }

    /// Whether this step has taken the thread's message.
    private func wasTaken(from sender: Int, _ purpose: Purpose, _ before: Before) -> Bool {
        let thread = threads[sender].ref
        if thread.state == .awaitingReply { return before.states[sender] != .awaitingReply }
        if before.ended[sender] != nil { return false }
        let sent = before.states[sender] == .sending || (sender == before.running && purpose.sends)
        return sent && hasResults(sender, before) && thread.registers[0] == 0
    }

    private func errorViolation(
        _ error: KernelError, _ index: Int, _ purpose: Purpose, _ before: Before
    ) -> String? {
        switch error {
        case .timedOut:
            if let deadline = before.deadlines[index], deadline <= machine.now { return nil }
            return "t\(index) timed out without a deadline that has passed"
        case .peerDied, .invalidCapability, .cancelled:
            return purpose.endsWaits ? nil : "t\(index) is told that its server went, and none went"
        case .deadlock, .chainTooLong:
            return purpose.receives ? nil : "t\(index) is refused long after it called"
        default: return "t\(index) ends its wait with \(error)"
        }
    }

    /// Whether a caller has left its reply object without an answer.
    private func isAbandoned(since before: Before) -> Bool {
        threads.indices.contains { index in
            guard before.replies[index] != nil, threads[index].ref.pointee.reply == nil else {
                return false
            }
            if before.states[index] == .faulted { return threads[index].ref.state == .faulted }
            let result = ResultWord(raw: threads[index].ref.registers[0])
            return before.states[index] == .awaitingReply && result.error != nil
        }
    }

    private func bitViolation(_ purpose: Purpose, _ before: Before) -> String? {
        for (number, notification) in notificationRefs.enumerated() {
            var sent: UInt64 = 0
            if let running = before.running, !threads[running].ref.isRestarting,
                purpose.signalled.map({ machine.object($0) }) == notification
            {
                sent |= Token.bit(of: running)
            }
            if plan.interruptNotification == number, !before.isOutstanding, isOutstanding {
                sent |= Token.interruptBit
            }
            for (index, budget) in budgetRefs.enumerated()
            where plan.budgets[index].overrunNotification == number
                && budget.pointee.overruns != before.overruns[index]
            {
                sent |= Token.overrunBit
            }
            if plan.abandonmentNotification == number && isAbandoned(since: before) {
                sent |= Token.abandonmentBit
            }
            // Where the step sets the timer, it may be due at once: then it signals or it does not.
            // The same holds where interrupts came first, or time passes inside.
            var mayBeSent: UInt64 = 0
            if purpose.isWaited && plan.interruptNotification == number {
                mayBeSent |= Token.interruptBit
            }
            // A call may be received and time out within one step.
            if plan.abandonmentNotification == number && plan.hasTicksInside {
                mayBeSent |= Token.abandonmentBit
            }
            if plan.timerNotification == number {
                if purpose.setsTimer || purpose.isWaited || plan.hasTicksInside {
                    mayBeSent |= Token.timerBit
                } else if let timer = before.timer, !timer.hasSignalled, timerState != timer {
                    sent |= Token.timerBit
                }
            }
            var taken: UInt64 = 0
            for index in threads.indices where hasResults(index, before) {
                let x = threads[index].ref.registers
                let result = ResultWord(raw: x[0])
                if result.error != nil || result.delivery != .notification { continue }
                let source =
                    index == before.running
                    ? purpose.taken.map { machine.object($0) }
                        ?? threads[index].ref.pointee.boundNotification
                    : before.awaited[index]
                if source == notification { taken |= x[1] }
            }
            let left = notification.pointee.bits
            let known = before.bits[number] | sent
            if (left | taken) & ~mayBeSent != known & ~mayBeSent || known & ~(left | taken) != 0 {
                return "bits of n\(number) are lost, or made up"
            }
            if left & taken & ~sent & ~mayBeSent != 0 {
                return "bits of n\(number) are taken and left"
            }
        }
        return nil
    }
}

/// What a step may do to messages and waits, from the control word of the call that it performs.
struct Purpose {
    var sends = false
    var receives = false
    var answers = false
    /// Whether it may end the waits of others.
    var endsWaits = false
    var setsTimer = false
    /// Whether interrupts may have been taken before the call.
    var isWaited = false
    /// The slots that it takes bits from, and signals.
    var taken: UInt32?
    var signalled: UInt32?

    /// - Parameter control: nil where the step is no system call.
    init(_ control: UInt64?) {
        guard let control = control.map({ ControlWord(raw: $0) }) else { return }
        switch control.systemCall {
        case .send: sends = true
        case .receive: receives = true
        case .reply: answers = true
        case .replyAndReceive: (receives, answers) = (true, true)
        case .wait, .poll: taken = control.slot.index
        case .signal: signalled = control.slot.index
        case .invoke:
            endsWaits = [.close, .delete, .revoke, .reclaim, .suspend].contains(control.method)
            setsTimer = control.method == .arm || control.method == .cancelTimer
        default: break
        }
    }
}
