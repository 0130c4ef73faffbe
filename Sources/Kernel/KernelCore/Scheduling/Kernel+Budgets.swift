// Budgets: no thread uses more time at its own priority than its budget allows.
//
// **Who pays.** Time is charged to the thread whose urgency one runs with: to oneself, or to the
// caller at the end of the chain from which the inherited priority comes (`payer`). It follows the
// links of priority inheritance, with their updates (Kernel+Inheritance). So a server that a client
// lifts runs on that client's budget, and at its own priority on its own.
//
// **Demotion.** The scheduler runs no thread whose payer's budget is used up. It demotes the payer
// first: the payer's base priority falls to the budget's background priority, and what inherited
// from it falls as well. A demoted thread runs without a limit, but only there; a more urgent
// caller still lifts it. Each thread is demoted when it would run next, by steps of its own. So
// threads that do not run cost nothing, and those that are more urgent wait for none of it.
//
// **Return.** While a thread is demoted, the budget stands in the deadline queue, as urgent as the
// most urgent of its demoted threads. When time is left again, a step at a time lets one thread
// come back, at that thread's own urgency.
//
// **What is charged.** All time from switch to switch, the kernel's included, and the steps that
// demote a thread and let it come back. A budget can be overrun by what the kernel does without a
// switch, and by what threads of the budget use on two cores at once. That is a debt.
//
// Where no budget is set, `hasBudgets` is false, and nothing of this is entered. The fast paths
// decline for a thread that is limited: it has a budget, or runs on one.

import HardwareInterface
import KernelABI

extension Kernel where H: ~Copyable {
    // Who pays

    /// Returns the payer that the inheritance rule requires: of the thread's own urgency if that is
    /// the largest, else that of its most urgent caller.
    private func inheritedPayer(_ thread: Ref<Thread>) -> Ref<Thread>? {
        let base = thread.pointee.base
        if let caller = thread.pointee.soleCaller {
            return caller.effective > base ? nil : thread.ownPayer
        }
        guard let first = thread.pointee.callers.first, first.pointee.key > base else {
            return thread.ownPayer
        }
        return first.caller.pointee.passedPayer
    }

    /// Whether the thread's payer, or its limited bit, is another one than the rule requires.
    @inline(never) func isPayerStale(_ thread: Ref<Thread>) -> Bool {
        let payer = inheritedPayer(thread)
        return payer != thread.pointee.payer
            || thread.isLimited(by: payer) != thread.pointee.scheduling.isLimited
    }

    /// Sets the payer that the rule requires.
    @inline(never) mutating func refreshPayer(_ thread: Ref<Thread>) {
        let payer = inheritedPayer(thread)
        thread.pointee.payer = payer
        if thread.pointee.blockedOn == nil { thread.pointee.passedPayer = payer }
        let isLimited = thread.isLimited(by: payer)
        thread.pointee.scheduling.isLimited = isLimited
        if thread.state != .running { return }
        // The budget may change: no fast path is taken before the scheduler has looked.
        if isLimited { thread.pointee.scheduling.isGuarded = true }
        core.isStale = true
    }

    // Charging

    /// Charges the running thread's time until now, to itself and to the budget on which it runs.
    @inline(never) mutating func chargeRunning() {
        let now = hardware.now.ticks
        core.current?.pointee.processorTime &+= now &- core.lastSwitch
        pay(until: now)
        core.lastSwitch = now
    }

    /// Charges the time since the last switch to the budget on which the running thread ran.
    private mutating func pay(until now: UInt64) {
        core.paying?.pointee.use(now &- core.lastSwitch, from: core.lastSwitch)
    }

    /// Charges the time until a switch, and prepares to charge the next thread's.
    @inline(never) mutating func changePayment(to next: Ref<Thread>?, now: UInt64) {
        pay(until: now)
        core.paying = next?.pointee.payer?.pointee.budget
    }

    /// Ends the charging at a switch to a thread that is not limited.
    @inline(never) mutating func endPayment() {
        if core.paying == nil { return }
        chargeRunning()
        core.paying = nil
    }

    /// Before a thread runs: charges its time to its payer's budget, and sets when that is used up.
    ///
    /// - Precondition: no update that goes before the thread is pending, so its payer is there.
    @inline(never) mutating func settlePayment(_ thread: Ref<Thread>) {
        let budget = thread.pointee.payer?.pointee.budget
        if budget != core.paying {
            chargeRunning()
            core.paying = budget
        }
        guard let budget else { return }
        core.budgetEnd = Instant(
            ticks: core.lastSwitch &+ UInt64(bitPattern: max(budget.pointee.left, 0)))
    }

    /// Returns the thread that is to be demoted before the one that would run next; nil if its time
    /// is not limited, or some is left.
    @inline(never) mutating func overdrawn(beside thread: Ref<Thread>?) -> Ref<Thread>? {
        var next = core.ready.first
        if let thread, thread.state == .running, stays(thread) { next = thread }
        guard let payer = next?.pointee.payer, let budget = payer.pointee.budget else { return nil }
        if core.paying == budget { chargeRunning() }
        budget.pointee.refill(now: hardware.now.ticks)
        return budget.pointee.left > 0 ? nil : payer
    }

    // Demotion and return

    /// Performs one step of a demotion: the budget's deadline at the thread's urgency, the signal
    /// of the overrun, or the demotion itself.
    ///
    /// - Precondition: the thread has a budget, which is used up, and is not demoted.
    /// - Complexity: constant.
    @inline(never) mutating func demoteStep(_ thread: Ref<Thread>) {
        guard let budget = thread.pointee.budget else { return }
        let start = hardware.now.ticks
        if !budget.node.pointee.isQueued {
            insert(
                budget.node, at: budget.nextReturn,
                level: DeadlineLevel.timer(thread.pointee.ownBase), in: own)
        } else if !budget.pointee.isOverrun {
            budget.pointee.isOverrun = true
            budget.pointee.overruns &+= 1
            if let notification = budget.pointee.source.notification {
                signal(notification, budget.pointee.source.bits)
            }
        } else {
            demote(thread, budget)
        }
        chargeStep(budget, from: start)
    }

    /// Charges the time of a step to a budget, and not to the thread that it interrupted.
    private mutating func chargeStep(_ budget: Ref<Budget>, from start: UInt64) {
        let ticks = hardware.now.ticks &- start
        budget.pointee.use(ticks, from: start)
        core.lastSwitch &+= ticks
    }

    private mutating func demote(_ thread: Ref<Thread>, _ budget: Ref<Budget>) {
        thread.pointee.isDemoted = true
        budget.removeMember(thread.budgetNode)
        budget.pointee.demoted.insert(thread.budgetNode, key: thread.pointee.ownBase)
        thread.pointee.base = min(thread.pointee.ownBase, budget.pointee.background)
        requestUpdate(thread)
        // The first to come back decides how urgent the deadline is.
        if budget.node.pointee.level < DeadlineLevel.timer(thread.pointee.ownBase) {
            core.unarmed = budget.rebound(to: ObjectHeader.self)
        }
    }

    /// Gives a thread of a budget this base priority of its own, and lets it have it.
    ///
    /// - Postcondition: the caller requests the thread's update.
    mutating func undemote(_ thread: Ref<Thread>, _ budget: Ref<Budget>, to base: UInt8) {
        leaveQueue(thread, budget)
        thread.pointee.ownBase = base
        thread.pointee.base = base
        budget.addMember(thread.budgetNode)
    }

    private func leaveQueue(_ thread: Ref<Thread>, _ budget: Ref<Budget>) {
        if thread.pointee.isDemoted {
            thread.pointee.isDemoted = false
            budget.pointee.demoted.remove(thread.budgetNode)
        } else {
            budget.removeMember(thread.budgetNode)
        }
    }

    /// Serves the deadline of a budget: lets one thread come back, or removes the deadline if it
    /// stands at another level or too early. Then `rearm` sets the next one.
    ///
    /// - Complexity: constant.
    @inline(never) mutating func serveReturn(_ budget: Ref<Budget>) {
        let start = hardware.now.ticks
        budget.pointee.refill(now: start)
        if budget.pointee.left > 0, let first = budget.pointee.demoted.first,
            DeadlineLevel.timer(first.pointee.key) == budget.node.pointee.level
        {
            let thread = first.member
            undemote(thread, budget, to: thread.pointee.ownBase)
            requestUpdate(thread)
        } else {
            core.deadlines.remove(budget.node)
            if !budget.pointee.demoted.isEmpty {
                core.unarmed = budget.rebound(to: ObjectHeader.self)
            }
        }
        chargeStep(budget, from: start)
    }

    /// Sets the deadline of a budget at which its first demoted thread comes back. If one is set
    /// that is less urgent, a step of its own removes that first.
    @inline(never) mutating func rearm(_ budget: Ref<Budget>) {
        let start = hardware.now
        if budget.node.pointee.isQueued {
            remove(budget.node)
            core.unarmed = budget.rebound(to: ObjectHeader.self)
        } else if let first = budget.pointee.demoted.first {
            insert(
                budget.node, at: budget.pointee.left > 0 ? start : budget.nextReturn,
                level: DeadlineLevel.timer(first.pointee.key), in: own)
        }
        chargeStep(budget, from: start.ticks)
    }

    // Configuration

    /// Performs `setBudget`. x1: the budget, x2: limit, x3: period, x4: background priority.
    ///
    /// - Returns: false if the call is to restart.
    mutating func setBudget(_ caller: Ref<Thread>) throws(KernelError) -> Bool {
        let budget: Ref<Budget> = try object(caller, slotArgument(caller, 1), .budget, .write)
        let limit = argument(caller, 2)
        let period = argument(caller, 3)
        let background = argument(caller, 4)
        if limit < shortestPeriod || limit == 0 || period < limit || period > Limits.longestPeriod
            || background > 255
        {
            throw .invalidArgument
        }
        if background > UInt64(caller.pointee.maximum) { throw .notPermitted }
        if !number(budget.node, maximum: caller.pointee.maximum) { throw .exhausted }
        budget.pointee.left &+= Int64(bitPattern: limit &- budget.pointee.limit)
        budget.pointee.limit = limit
        budget.pointee.period = period
        budget.pointee.background = UInt8(truncatingIfNeeded: background)
        // Demoted threads come back by the new limit.
        if budget.node.pointee.isQueued { core.unarmed = budget.rebound(to: ObjectHeader.self) }
        return chargeAnew(budget, inSteps: true)
    }

    /// Performs `bindBudget`. x1: the budget, or none. Restartable: the thread leaves its present
    /// budget by a step of its own.
    ///
    /// - Returns: false if an interrupt is pending after that step.
    mutating func bindBudget(
        _ caller: Ref<Thread>, _ thread: Ref<Thread>
    ) throws(KernelError) -> Bool {
        if caller.pointee.budget != nil && thread.pointee.budget != nil { throw .notPermitted }
        var budget: Ref<Budget>?
        if slotArgument(caller, 1) != .none {
            let found: Ref<Budget> = try object(caller, slotArgument(caller, 1), .budget, .write)
            if found.pointee.limit == 0 { throw .wrongState }
            budget = found
        }
        if !core.hasBudgets { return true }
        if thread.pointee.budget != nil {
            leaveBudget(thread)
            if isInterrupted() { return false }
        }
        guard let budget else { return true }
        join(thread, budget)
        // Its calls, and those to it, take the general path from now on.
        if let endpoint = thread.pointee.endpoint, endpoint.pointee.readyServer == thread {
            queueReadyServer(endpoint)
        }
        queueSoleCaller(of: thread)
        requestUpdate(thread)
        return true
    }

    /// Makes each core that charges this budget look again which one it charges, and what is left
    /// of it.
    ///
    /// - Parameter inSteps: whether it looks at pending interrupts before it tells a core.
    /// - Returns: false if one is pending, so that it is to be called again.
    /// - Complexity: `Limits.cores` rounds.
    @inline(__always) @discardableResult private mutating func chargeAnew(
        _ budget: Ref<Budget>, inSteps: Bool = false
    ) -> Bool {
        core.isStale = true
        core.hasBudgets = true
        if !core.isShared { return true }
        var rounds = LoopBound(Limits.cores)
        for number in 0..<Limits.cores {
            rounds.count()
            guard let other = core.peers[number], other != own else { continue }
            other.pointee.hasBudgets = true
            if other.pointee.paying == budget, let running = other.pointee.current {
                if inSteps && isInterrupted() { return false }
                tellItsCore(running)
            }
        }
        return true
    }

    /// Makes a thread share a budget.
    ///
    /// - Precondition: it shares none.
    func join(_ thread: Ref<Thread>, _ budget: Ref<Budget>) {
        thread.pointee.budget = budget
        budget.addMember(thread.budgetNode)
    }

    /// Ends a thread's share of its budget, if it has one.
    @inline(never) mutating func leaveBudget(_ thread: Ref<Thread>) {
        guard let budget = thread.pointee.budget else { return }
        leaveQueue(thread, budget)
        thread.pointee.base = thread.pointee.ownBase
        thread.pointee.budget = nil
        requestUpdate(thread)
        chargeAnew(budget)
    }

    /// Performs one step of a budget's destruction: one thread leaves it, or its deadline goes.
    ///
    /// - Returns: whether nothing refers to it any more.
    @inline(never) mutating func destroyStep(_ budget: Ref<Budget>) -> Bool {
        if core.hasBudgets, let node = budget.pointee.demoted.first ?? budget.pointee.members {
            leaveBudget(node.member)
            return false
        }
        if budget.node.pointee.isQueued {
            remove(budget.node)
            return false
        }
        connect(budget.source, to: nil, bits: 0)
        dropNumber(budget.node)
        var rounds = LoopBound(Limits.cores)
        for number in 0..<Limits.cores {
            rounds.count()
            guard let other = core.peers[number], other.pointee.paying == budget else { continue }
            other.pointee.paying = nil
        }
        return true
    }

    /// Performs the methods of a budget.
    mutating func budgetMethod(
        _ thread: Ref<Thread>, _ number: Slot, _ method: Method
    ) throws(KernelError) -> Outcome {
        let budget: Ref<Budget> = try object(
            thread, number, .budget, method == .budgetInformation ? .read : .manage)
        if method == .bindOverrun {
            try bind(thread, budget.source)
            return try done(thread, nil)
        }
        if core.paying == budget { chargeRunning() }
        budget.pointee.refill(now: hardware.now.ticks)
        let outcome = done(
            thread, budget.pointee.limit, budget.pointee.period,
            UInt64(bitPattern: budget.pointee.left), budget.pointee.used)
        thread.pointee.context.x.7 = budget.pointee.overruns
        thread.pointee.context.x.8 = UInt64(budget.pointee.background)
        return outcome
    }
}

extension Ref where Object == Budget {
    fileprivate func addMember(_ node: Ref<WaitNode>) {
        node.pointee.next = pointee.members
        node.pointee.next?.pointee.previous = node
        pointee.members = node
    }
    fileprivate func removeMember(_ node: Ref<WaitNode>) {
        let (next, previous) = (node.pointee.next, node.pointee.previous)
        next?.pointee.previous = previous
        if let previous { previous.pointee.next = next } else { pointee.members = next }
        node.pointee.next = nil
        node.pointee.previous = nil
    }
}

extension Ref where Object == Thread {
    /// The payer of the thread's own urgency: itself, if it has a budget and is not demoted.
    fileprivate var ownPayer: Ref<Thread>? {
        pointee.budget != nil && !pointee.isDemoted ? self : nil
    }
    fileprivate func isLimited(by payer: Ref<Thread>?) -> Bool {
        payer != nil || pointee.budget != nil
    }
}
