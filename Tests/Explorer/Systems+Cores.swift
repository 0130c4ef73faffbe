// The systems of two cores. Each is about some of the paths between cores. In most of them some
// threads wait already in the first state.

import KernelABI

@testable import KernelCore

extension Plan {
    static var ofTwoCores: [Plan] {
        [
            across, lineAcross, moves, requests, askers, signalsAcross, timeAcross, spaces,
            removalAcross, pair, movingServer, leftAlone, equalsAcross,
        ]
    }

    /// A server on each core, of which one calls the other, and a client on each.
    static var across: Plan {
        Plan(
            name: "calls across cores", cores: 2,
            threads: [
                ThreadPlan(
                    base: 2, core: 1,
                    actions: [
                        .receive(0, 0, .forever), .replyAndReceive(0, 0, .forever), .reply(0),
                    ]),
                ThreadPlan(
                    base: 3,
                    actions: [
                        .replyAndReceive(1, 1, .forever), .call(0, .forever), .call(0, .timed),
                    ]),
                ThreadPlan(base: 4, core: 1, actions: [.call(1, .forever), .call(0, .timed)]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .call(1, .timed), .call(0, .forever), .setPriority(2, 6),
                        .setPriority(2, 1),
                    ]),
            ],
            prelude: [(1, .receive(1, 1, .forever)), (0, .receive(0, 0, .forever))],
            endpoints: [0, 1], replies: 2, hasRequestsInside: true, hasRivals: true)
    }

    /// A line of three callers across the cores. A driver on the core of its middle changes the
    /// priorities of those that wait.
    static var lineAcross: Plan {
        Plan(
            name: "a line across cores", cores: 2,
            threads: [
                ThreadPlan(base: 1, actions: [.replyAndReceive(0, 0, .forever), .yield]),
                ThreadPlan(
                    base: 2, core: 1,
                    actions: [.replyAndReceive(1, 1, .forever), .call(0, .forever)]),
                ThreadPlan(base: 3, actions: [.call(1, .forever), .call(1, .timed)]),
                ThreadPlan(
                    base: 4, core: 1,
                    actions: [
                        .wait(0, .forever), .acknowledge, .setPriority(2, 6), .setPriority(2, 2),
                        .setPriority(1, 5), .setPriority(1, 1), .call(0, .forever),
                    ]),
            ],
            prelude: [
                (0, .receive(0, 0, .forever)), (1, .receive(1, 1, .forever)),
            ],
            endpoints: [0, 1], replies: 2, notifications: 1, interruptNotification: 0,
            hasRequestsInside: true, hasRivals: true)
    }

    /// Threads move while they run, are ready, wait with and without a deadline, or call.
    static var moves: Plan {
        Plan(
            name: "moves", cores: 2,
            threads: [
                ThreadPlan(
                    base: 2, core: 1,
                    actions: [
                        .replyAndReceive(0, 0, .forever), .receive(0, 0, .timed), .setCore(0, 0),
                        .setCore(0, 1),
                    ]),
                ThreadPlan(
                    base: 3,
                    actions: [.call(0, .timed), .setCore(1, 1), .setCore(1, 0), .yield]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .setCore(0, 0), .setCore(0, 1), .setCore(1, 1), .setCore(1, 0),
                        .wait(0, .timed), .setCore(2, 1), .signal(0),
                    ]),
            ],
            prelude: [(0, .receive(0, 0, .forever))],
            endpoints: [0], replies: 1, notifications: 1, hasRequestsInside: true, hasRivals: true)
    }

    /// Two threads of each core stop, move and lift one another.
    static var requests: Plan {
        func other(_ thread: Int, _ home: Int) -> [Action] {
            [
                .suspend(thread), .resume(thread), .setCore(thread, 1 - home),
                .setCore(thread, home), .setPriority(thread, 5), .setPriority(thread, 1),
            ]
        }
        return Plan(
            name: "requests", cores: 2,
            threads: [
                ThreadPlan(base: 2, actions: other(1, 1)),
                ThreadPlan(base: 3, core: 1, actions: other(2, 0) + [.yield]),
                ThreadPlan(base: 4, actions: other(1, 1) + [.wait(0, .timed)]),
            ],
            endpoints: [], notifications: 1, hasRequestsInside: true, hasRivals: true)
    }

    /// A thread that waits for the answer of another core dies, and so does the one that it asked
    /// for.
    static var askers: Plan {
        Plan(
            name: "death of an asker", cores: 2,
            threads: [
                ThreadPlan(
                    base: 3, actions: [.suspend(1), .setCore(1, 0), .wait(0, .timed), .destroy]),
                ThreadPlan(
                    base: 2, core: 1, actions: [.yield, .suspend(0), .setCore(0, 1), .signal(0)]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .wait(0, .forever), .setPriority(0, 5), .suspend(0), .setCore(0, 1),
                        .resume(0), .destroy,
                    ]),
                ThreadPlan(base: 1, core: 1, actions: [.destroy, .resume(1), .signal(0)]),
            ],
            endpoints: [], notifications: 1, mortal: 0, hasRequestsInside: true, hasRivals: true)
    }

    /// A notification that is bound to a server on one core, and waiters on both. The line
    /// interrupts either core.
    static var signalsAcross: Plan {
        Plan(
            name: "signals across cores", cores: 2,
            threads: [
                ThreadPlan(
                    base: 4, core: 1,
                    actions: [.replyAndReceive(0, 0, .forever), .acknowledge]),
                ThreadPlan(base: 3, actions: [.wait(1, .forever), .poll(1), .call(0, .forever)]),
                ThreadPlan(
                    base: 3, core: 1, actions: [.wait(1, .timed), .signal(0), .signal(1), .yield]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .signal(0), .signal(1), .wait(1, .forever), .setCore(1, 1), .setCore(3, 1),
                    ]),
            ],
            prelude: [(0, .receive(0, 0, .forever))],
            endpoints: [0], replies: 1, notifications: 2, boundNotification: (0, 0),
            interruptNotification: 0, hasRequestsInside: true, hasRivals: true)
    }

    /// Time-outs, a timer and slices. The timer's thread and its armer are on different cores.
    static var timeAcross: Plan {
        Plan(
            name: "time across cores", cores: 2,
            threads: [
                ThreadPlan(
                    base: 2, slice: 2, core: 1,
                    actions: [.call(0, .timed), .yield, .wait(0, .timed)]),
                ThreadPlan(base: 2, slice: 1, core: 1, actions: [.yield, .call(0, .forever)]),
                ThreadPlan(
                    base: 3,
                    actions: [.replyAndReceive(0, 0, .timed), .wait(0, .timed), .setCore(0, 0)]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .arm(1, isPeriodic: false), .arm(1, isPeriodic: true), .cancelTimer,
                        .wait(0, .forever), .setCore(0, 0), .setCore(0, 1), .setPriority(0, 3),
                    ]),
            ],
            endpoints: [2], replies: 1, notifications: 1, timerNotification: 0,
            hasTicksInside: true)
    }

    /// An address space goes while threads of the other core run in it.
    static var spaces: Plan {
        Plan(
            name: "an address space that goes", cores: 2,
            threads: [
                ThreadPlan(
                    base: 3, core: 1,
                    actions: [
                        .useSpace(0, isOwn: true), .wait(0, .timed), .yield, .call(0, .timed),
                    ]),
                ThreadPlan(
                    base: 2,
                    actions: [
                        .useSpace(0, isOwn: true), .useSpace(0, isOwn: false), .destroy,
                        .setCore(0, 0), .setCore(0, 1), .signal(0),
                    ]),
                ThreadPlan(
                    base: 4, core: 1,
                    actions: [.replyAndReceive(0, 0, .forever), .destroy, .suspend(1), .resume(1)]),
            ],
            prelude: [(2, .receive(0, 0, .forever))],
            endpoints: [2], replies: 1, notifications: 1, hasSpace: true, hasRequestsInside: true,
            hasRivals: true)
    }

    /// Blocked threads are suspended, lose their reply or the capability that they called with, or
    /// their endpoint closes, by threads of the other core.
    static var removalAcross: Plan {
        Plan(
            name: "removal across cores", cores: 2,
            threads: [
                ThreadPlan(
                    base: 2, core: 1,
                    actions: [.replyAndReceive(0, 0, .forever), .deleteReply(0), .revoke(0)]),
                ThreadPlan(
                    base: 3, actions: [.call(1, .forever), .call(1, .timed), .send(1, .forever)]),
                ThreadPlan(
                    base: 3, core: 1, actions: [.call(0, .forever), .suspend(1), .resume(1)]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .wait(0, .forever), .close(0), .bindServer(0, 0), .suspend(2), .resume(2),
                        .suspend(0), .resume(0), .deleteReply(0), .revoke(0), .acknowledge,
                    ]),
            ],
            prelude: [(0, .receive(0, 0, .forever))],
            endpoints: [0], endpointCopies: [CopyPlan(source: 0, rights: .all, badge: 0)],
            replies: 1, notifications: 1, interruptNotification: 0, deletesReplies: true,
            hasRequestsInside: true, hasRivals: true)
    }

    /// Two threads stop, move and lift one another; a third one resumes them.
    static var pair: Plan {
        func other(_ thread: Int) -> [Action] {
            [.suspend(thread), .setCore(thread, 1), .setCore(thread, 0), .setPriority(thread, 4)]
        }
        return Plan(
            name: "two that stop one another", cores: 2,
            threads: [
                ThreadPlan(base: 2, actions: other(1)),
                ThreadPlan(base: 3, core: 1, actions: other(0)),
                ThreadPlan(base: 1, core: 1, actions: [.resume(0), .resume(1)]),
            ],
            endpoints: [], hasRequestsInside: true, hasRivals: true)
    }

    /// A server that moves between the calls of two clients.
    static var movingServer: Plan {
        Plan(
            name: "a server that moves", cores: 2,
            threads: [
                ThreadPlan(base: 1, core: 1, actions: [.replyAndReceive(0, 0, .forever)]),
                ThreadPlan(base: 2, actions: [.call(0, .forever), .setCore(0, 1), .setCore(0, 0)]),
                ThreadPlan(base: 3, core: 1, actions: [.call(0, .forever), .wait(0, .timed)]),
            ],
            prelude: [(0, .receive(0, 0, .forever))],
            endpoints: [0], replies: 1, notifications: 1, hasRequestsInside: true, hasRivals: true)
    }

    /// An urgent server with a less urgent client on one core. A thread whose urgency lies between
    /// theirs waits on the other, and is lifted and moved: what fast paths must not overlook.
    static var leftAlone: Plan {
        Plan(
            name: "between server and client", cores: 2,
            threads: [
                ThreadPlan(base: 6, core: 1, actions: [.replyAndReceive(0, 0, .forever)]),
                ThreadPlan(base: 3, core: 1, actions: [.call(0, .forever), .yield]),
                ThreadPlan(base: 4, actions: [.wait(0, .timed), .wait(0, .forever)]),
                ThreadPlan(
                    base: 7,
                    actions: [
                        .setCore(2, 1), .setCore(2, 0), .setPriority(2, 5), .setPriority(2, 4),
                        .wait(0, .forever),
                    ]),
            ],
            prelude: [(0, .receive(0, 0, .forever)), (2, .wait(0, .timed))],
            endpoints: [0], replies: 1, notifications: 1)
    }

    /// Equals of one core, with and without slices, to which the other core adds and takes away.
    static var equalsAcross: Plan {
        Plan(
            name: "equals across cores", cores: 2,
            threads: [
                ThreadPlan(base: 3, slice: 1, core: 1, actions: [.yield, .wait(0, .forever)]),
                ThreadPlan(base: 3, core: 1, actions: [.yield, .wait(0, .timed)]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .setCore(2, 1), .setCore(2, 0), .setCore(1, 0), .setCore(1, 1), .signal(0),
                        .setPriority(2, 3), .setPriority(2, 4),
                    ]),
            ],
            endpoints: [], notifications: 1, hasTicksInside: true, hasRequestsInside: true,
            hasRivals: true)
    }
}
