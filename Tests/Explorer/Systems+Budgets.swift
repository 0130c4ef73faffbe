// The systems with budgets, on one core and on two. Budgets and periods are a few ticks long, and a
// tick passes at each look of the kernel.

import KernelABI

@testable import KernelCore

extension Plan {
    static var ofBudgets: [Plan] {
        [sharedBudget, budgetLine, dyingBudget, budgetAcross, budgetOfTwoCores]
    }

    /// Two equals share a budget and call a server without one. A third thread changes it, stops
    /// and lifts them, and lets them leave it.
    static var sharedBudget: Plan {
        Plan(
            name: "a shared budget",
            threads: [
                ThreadPlan(base: 1, actions: [.replyAndReceive(0, 0, .forever), .signal(0)]),
                ThreadPlan(base: 3, actions: [.call(0, .forever), .yield, .wait(1, .timed)]),
                ThreadPlan(base: 3, actions: [.call(0, .timed), .yield, .signal(0)]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .setBudget(0, 1), .setBudget(0, 2), .suspend(1), .resume(1),
                        .setPriority(1, 2), .setPriority(1, 3), .bindBudget(2, nil),
                        .bindBudget(2, 0), .wait(0, .forever), .wait(0, .timed),
                    ]),
            ],
            endpoints: [0], replies: 1, notifications: 2,
            budgets: [BudgetPlan(limit: 1, period: 3, threads: [1, 2])], hasTicksInside: true)
    }

    /// A line of two servers, of which one has a budget of its own. A client pays for both, another
    /// one lifts them for nothing, and learns of the overruns.
    static var budgetLine: Plan {
        Plan(
            name: "budgets in a line",
            threads: [
                ThreadPlan(base: 2, actions: [.replyAndReceive(0, 0, .forever)]),
                ThreadPlan(
                    base: 3, actions: [.replyAndReceive(1, 1, .forever), .call(0, .forever)]),
                ThreadPlan(
                    base: 4, actions: [.call(1, .forever), .call(0, .timed), .wait(1, .timed)]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .wait(0, .timed), .call(1, .timed), .setPriority(2, 6),
                        .setPriority(2, 4), .bindBudget(2, nil), .bindBudget(2, 0),
                        .bindBudget(0, 1),
                    ]),
            ],
            endpoints: [0, 1], replies: 2, notifications: 2,
            budgets: [
                BudgetPlan(limit: 1, period: 3, threads: [2], overrunNotification: 0),
                BudgetPlan(limit: 1, period: 2, threads: [1]),
            ],
            hasTicksInside: true)
    }

    /// The memory of a budget is reclaimed, an interrupt comes between any two steps of that.
    static var dyingBudget: Plan {
        Plan(
            name: "a budget that goes",
            threads: [
                ThreadPlan(base: 2, actions: [.replyAndReceive(0, 0, .forever), .yield]),
                ThreadPlan(base: 3, actions: [.call(0, .forever), .yield, .wait(1, .timed)]),
                ThreadPlan(base: 4, actions: [.call(0, .timed), .wait(1, .timed)]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .wait(0, .forever), .acknowledge, .destroy, .bindBudget(1, nil),
                        .bindBudget(0, 0), .setBudget(0, 3), .wait(1, .timed),
                    ]),
            ],
            endpoints: [0], replies: 1, notifications: 2, interruptNotification: 0,
            budgets: [BudgetPlan(limit: 1, period: 3, threads: [1, 2])], mortalBudget: 0)
    }

    /// The server of a shared budget's threads is on another core than one of them.
    static var budgetAcross: Plan {
        Plan(
            name: "a budget across cores", cores: 2,
            threads: [
                ThreadPlan(base: 2, core: 1, actions: [.replyAndReceive(0, 0, .forever), .yield]),
                ThreadPlan(base: 3, actions: [.call(0, .forever), .wait(0, .timed)]),
                ThreadPlan(base: 3, core: 1, actions: [.call(0, .timed), .yield]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .setBudget(0, 1), .setBudget(0, 3), .bindBudget(2, nil),
                        .bindBudget(2, 0), .setPriority(1, 5), .setPriority(1, 3),
                        .wait(0, .timed), .call(0, .forever),
                    ]),
            ],
            prelude: [(0, .receive(0, 0, .forever))],
            endpoints: [0], replies: 1, notifications: 1,
            budgets: [BudgetPlan(limit: 2, period: 4, threads: [1, 2])], hasRequestsInside: true,
            hasRivals: true)
    }

    /// Two threads of different cores share a budget, stop and move one another. Its memory goes.
    static var budgetOfTwoCores: Plan {
        Plan(
            name: "a budget of two cores", cores: 2,
            threads: [
                ThreadPlan(
                    base: 3, actions: [.suspend(1), .resume(1), .setCore(1, 0), .wait(0, .timed)]),
                ThreadPlan(
                    base: 4, core: 1,
                    actions: [.suspend(0), .resume(0), .setCore(1, 1), .wait(0, .timed), .yield]),
                ThreadPlan(base: 2, core: 1, actions: [.resume(0), .resume(1), .signal(0)]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .destroy, .setBudget(0, 3), .bindBudget(0, nil), .bindBudget(2, 0),
                        .wait(0, .timed),
                    ]),
            ],
            endpoints: [], notifications: 1,
            budgets: [BudgetPlan(limit: 1, period: 3, threads: [0, 1])], mortalBudget: 0,
            hasTicksInside: true, hasRequestsInside: true)
    }
}
