// What must hold of budgets in every state, by their definition and the links between threads: who
// is charged, who is demoted, and that time which is back brings its threads back.

import KernelABI

@testable import KernelCore

extension System {
    func checkBudgets(_ found: inout [String]) {
        for index in threads.indices { checkShare(index, &found) }
        let acting = machine.acting
        for number in machine.cores.indices {
            machine.turn(to: number)
            checkPayment("core \(number)", &found)
        }
        machine.turn(to: acting)
    }

    /// A thread has the base priority that its budget leaves it. If it is demoted, a deadline is
    /// pending by which time of the budget is left again.
    private func checkShare(_ index: Int, _ found: inout [String]) {
        let thread = threads[index].ref
        let own = thread.pointee.ownBase
        guard thread.pointee.isDemoted, let budget = thread.pointee.budget else {
            if thread.pointee.base != own {
                found.append("t\(index) has base \(thread.pointee.base) of \(own), not demoted")
            }
            return
        }
        if thread.pointee.base != min(own, budget.pointee.background) {
            found.append("t\(index) is demoted to base \(thread.pointee.base)")
        }
        let header = budget.rebound(to: ObjectHeader.self)
        if machine.cores.contains(where: { $0.kernel.pointee.core.unarmed == header }) { return }
        let node = budget.node
        let back = max(machine.now, budget.instantWithTime)
        if !node.pointee.isQueued || node.pointee.instant.ticks > back {
            found.append("t\(index) stays demoted after time of its budget is back")
        }
    }

    /// What the acting core runs is charged to the budget from which its urgency comes, and the
    /// timer interrupts when that is used up.
    private func checkPayment(_ name: String, _ found: inout [String]) {
        let core = machine.kernel.pointee.own
        let paying = core.pointee.paying
        if let number = plan.mortalBudget, paying == budgetRefs[number], isArenaFree {
            found.append("\(name) charges a budget that is gone")
        }
        let isShared = plan.cores > 1
        guard let running = machine.running, !core.pointee.isPassing else { return }
        if isShared && (core.pointee.isStale || machine.hardware.pointee.isAsked) { return }
        if !(isShared && hasPendingUpdate), !payers(of: running).contains(paying) {
            found.append("\(name) charges another budget than that of its thread's urgency")
        }
        guard let budget = paying else { return }
        // What another core uses meanwhile is a debt. A call that sets a smaller limit tells the
        // other core before it ends.
        if isShared && isSomethingUnfinished { return }
        if machine.hardware.pointee.deadline > core.pointee.lastSwitch + budget.pointee.limit {
            found.append("\(name) does not look when the budget is used up")
        }
    }

    /// What is wrong with a step in which no time passed: the thread that runs afterwards has used
    /// up its budget. On two cores that may be the other one's doing.
    func budgetViolation() -> String? {
        guard plan.cores == 1, machine.running != nil,
            let budget = machine.kernel.pointee.core.paying
        else { return nil }
        let used = machine.now - machine.kernel.pointee.core.lastSwitch
        return budget.left(at: machine.now) > Int64(used)
            ? nil : "a thread runs whose budget is used up"
    }

    /// The budgets to which a thread's time may be charged: its own if its urgency is its own, else
    /// those of its most urgent callers.
    private func payers(of thread: Ref<KernelThread>) -> [Ref<Budget>?] {
        let callers = threads.map { $0.ref }.filter { $0.pointee.blockedOn == thread }
        let most = callers.map { finalPriority($0) }.max() ?? 0
        if thread.pointee.base >= most {
            return [thread.pointee.isDemoted ? nil : thread.pointee.budget]
        }
        return callers.filter { finalPriority($0) == most }.flatMap { payers(of: $0) }
    }
}

extension Ref where Object == Budget {
    /// What is left at an instant, without what is not charged yet.
    func left(at now: UInt64) -> Int64 {
        pointee.returns.all.reduce(pointee.left) { $1.instant <= now ? $0 + Int64($1.ticks) : $0 }
    }

    /// The first instant at which time is left; 0 if some is left already.
    fileprivate var instantWithTime: UInt64 {
        ([0] + pointee.returns.all.map { $0.instant }).first { left(at: $0) > 0 } ?? ~0
    }

    /// Whether time comes back later.
    func isTimeComing(after now: UInt64) -> Bool {
        pointee.returns.all.contains { $0.instant > now }
    }
}
