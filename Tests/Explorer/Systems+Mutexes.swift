// The systems with mutexes. All threads take part in one set, and take a free mutex by its word.

import KernelABI

@testable import KernelCore

extension Plan {
    static var ofMutexes: [Plan] { [mutexes, mutexDeath, mutexesAcross, mutexDeathAcross] }

    /// Two mutexes, taken in either order, with time-outs, changes of priority and suspension.
    static var mutexes: Plan {
        Plan(
            name: "mutexes",
            threads: [
                ThreadPlan(
                    base: 2,
                    actions: [.lock(0, .forever), .unlock(0), .lock(1, .timed), .unlock(1)]),
                ThreadPlan(
                    base: 3,
                    actions: [
                        .lock(1, .forever), .unlock(1), .lock(0, .timed), .unlock(0),
                        .wait(0, .forever),
                    ]),
                ThreadPlan(
                    base: 4, actions: [.lock(0, .forever), .unlock(0), .wait(0, .timed)]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .setPriority(2, 1), .setPriority(2, 4), .suspend(1), .resume(1),
                        .signal(0), .wait(0, .timed), .lock(0, .timed), .unlock(0),
                    ]),
            ],
            endpoints: [], notifications: 1, mutexes: 2)
    }

    /// A holder of mutexes, or a thread that waits for one, dies.
    static var mutexDeath: Plan {
        Plan(
            name: "death of a holder",
            threads: [
                ThreadPlan(
                    base: 2,
                    actions: [.lock(0, .forever), .lock(1, .forever), .unlock(0), .unlock(1)]),
                ThreadPlan(
                    base: 3,
                    actions: [.lock(1, .forever), .lock(0, .forever), .unlock(1), .unlock(0)]),
                ThreadPlan(base: 4, actions: [.lock(0, .timed), .unlock(0), .wait(0, .timed)]),
                ThreadPlan(base: 5, actions: [.destroy, .wait(0, .timed), .suspend(0)]),
            ],
            endpoints: [], notifications: 1, mutexes: 2, mortal: 0)
    }

    /// Holder and waiters are at home on two cores, and move.
    static var mutexesAcross: Plan {
        Plan(
            name: "mutexes across cores", cores: 2,
            threads: [
                ThreadPlan(
                    base: 2, core: 1, actions: [.lock(0, .forever), .unlock(0), .setCore(0, 0)]),
                ThreadPlan(
                    base: 3,
                    actions: [.lock(0, .timed), .unlock(0), .setPriority(0, 4), .setCore(0, 1)]),
                ThreadPlan(
                    base: 4, core: 1, actions: [.lock(0, .forever), .unlock(0), .suspend(1)]),
                ThreadPlan(
                    base: 5, actions: [.lock(0, .timed), .unlock(0), .wait(0, .timed), .resume(1)]),
            ],
            endpoints: [], notifications: 1, mutexes: 1, hasRequestsInside: true, hasRivals: true)
    }

    /// The holder dies while threads of both cores wait.
    static var mutexDeathAcross: Plan {
        Plan(
            name: "death of a holder across cores", cores: 2,
            threads: [
                ThreadPlan(base: 2, core: 1, actions: [.lock(0, .forever), .unlock(0)]),
                ThreadPlan(base: 3, actions: [.lock(0, .forever), .unlock(0), .destroy]),
                ThreadPlan(base: 4, core: 1, actions: [.lock(0, .timed), .unlock(0), .destroy]),
            ],
            endpoints: [], mutexes: 1, mortal: 0, hasRequestsInside: true, hasRivals: true)
    }
}
