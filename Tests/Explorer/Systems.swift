// The systems to explore. Each is small enough for a deep search, and each is about one mechanism.

import KernelABI

@testable import KernelCore

extension Plan {
    static var all: [Plan] {
        [
            nested, chain, crowd, signals, removal, timers, stale, lagging, endings, overtaking,
            equals, death,
        ] + ofMutexes + ofTwoCores + ofBudgets
    }

    /// Two bound servers, of which one calls the other, and two clients. Calls nest while
    /// priorities change.
    static var nested: Plan {
        Plan(
            name: "nested calls",
            threads: [
                ThreadPlan(
                    base: 1,
                    actions: [
                        .receive(0, 0, .forever), .receive(0, 0, .timed),
                        .replyAndReceive(0, 0, .forever), .reply(0),
                    ]),
                ThreadPlan(
                    base: 2,
                    actions: [
                        .receive(1, 1, .forever), .replyAndReceive(1, 1, .forever),
                        .call(0, .forever),
                        .call(0, .timed),
                    ]),
                ThreadPlan(
                    base: 3,
                    actions: [
                        .call(1, .forever), .call(0, .timed), .setPriority(0, 4),
                        .setPriority(0, 1),
                        .setPriority(1, 5), .setPriority(1, 2), .yield,
                    ]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .call(1, .timed), .call(0, .forever), .setPriority(2, 6),
                        .setPriority(2, 3), .suspend(2),
                        .resume(2), .wait(0, .timed),
                    ]),
            ],
            endpoints: [0, 1], replies: 2, notifications: 1)
    }

    /// A chain of three servers below two clients. One client changes the priorities of blocked
    /// threads.
    static var chain: Plan {
        func server(_ number: Int) -> Plan.ThreadPlan {
            var actions: [Action] = [
                .receive(number, number, .forever), .replyAndReceive(number, number, .forever),
            ]
            if number > 0 { actions += [.call(number - 1, .forever), .call(number - 1, .timed)] }
            return ThreadPlan(base: UInt64(number) + 1, actions: actions)
        }
        return Plan(
            name: "a line of servers",
            threads: [
                server(0), server(1), server(2),
                ThreadPlan(base: 4, actions: [.call(2, .forever), .call(1, .timed)]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .call(2, .timed), .wait(0, .timed), .setPriority(3, 6), .setPriority(3, 2),
                        .setPriority(1, 6),
                        .setPriority(1, 1), .suspend(2), .resume(2),
                    ]),
            ],
            endpoints: [0, 1, 2], replies: 3, notifications: 1)
    }

    /// One endpoint and three clients of two priorities: order among equals, time-outs, one-way
    /// messages.
    static var crowd: Plan {
        let client: [Action] = [
            .call(0, .forever), .call(0, .timed), .send(0, .forever), .send(0, .timed), .yield,
        ]
        return Plan(
            name: "a crowd at one endpoint",
            threads: [
                ThreadPlan(
                    base: 2,
                    actions: [
                        .receive(0, 0, .forever), .receive(0, 0, .timed),
                        .replyAndReceive(0, 0, .forever), .reply(0),
                        .reply(1), .receive(0, 1, .forever),
                    ]),
                ThreadPlan(base: 3, actions: client), ThreadPlan(base: 3, actions: client),
                ThreadPlan(base: 4, actions: client + [.setPriority(1, 5), .setPriority(1, 3)]),
            ],
            endpoints: [0], replies: 2)
    }

    /// Notifications: the first is bound to a server, several threads wait on the second, and an
    /// interrupt line signals.
    static var signals: Plan {
        Plan(
            name: "signals",
            threads: [
                ThreadPlan(
                    base: 4,
                    actions: [
                        .receive(0, 0, .forever), .receive(0, 0, .timed),
                        .replyAndReceive(0, 0, .forever),
                        .acknowledge, .wait(0, .forever),
                    ]),
                ThreadPlan(
                    base: 3,
                    actions: [
                        .wait(1, .forever), .wait(1, .timed), .poll(1), .signal(0),
                        .call(0, .forever),
                    ]),
                ThreadPlan(base: 3, actions: [.wait(1, .forever), .signal(0), .signal(1), .yield]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .call(0, .timed), .signal(0), .signal(1), .setPriority(1, 4), .poll(0),
                        .wait(1, .timed),
                    ]),
            ],
            endpoints: [0], replies: 1, notifications: 2, boundNotification: (0, 0),
            interruptNotification: 0)
    }

    /// Blocked threads are suspended, lose their reply, or their endpoint closes. The line
    /// interrupts at each look of the kernel.
    static var removal: Plan {
        Plan(
            name: "removal",
            threads: [
                ThreadPlan(
                    base: 2,
                    actions: [
                        .receive(0, 0, .forever), .replyAndReceive(0, 0, .forever), .deleteReply(0),
                    ]),
                ThreadPlan(
                    base: 3, actions: [.call(0, .forever), .call(0, .timed), .send(0, .forever)]),
                ThreadPlan(
                    base: 3,
                    actions: [
                        .call(0, .forever), .call(1, .forever), .receive(1, 1, .forever), .reply(1),
                    ]),
                ThreadPlan(
                    base: 5,
                    actions: [
                        .wait(0, .forever), .acknowledge, .close(0), .bindServer(0, 0), .suspend(1),
                        .suspend(0),
                        .resume(1), .resume(0), .deleteReply(0), .deleteReply(1),
                    ]),
            ],
            endpoints: [0, 2], replies: 2, notifications: 1, interruptNotification: 0,
            deletesReplies: true)
    }

    /// Time-outs and a timer that fall due together, with slices among equals.
    static var timers: Plan {
        Plan(
            name: "timers and slices",
            threads: [
                ThreadPlan(
                    base: 2, slice: 2,
                    actions: [
                        .receive(0, 0, .timed), .replyAndReceive(0, 0, .timed), .yield,
                        .wait(0, .timed),
                    ]),
                ThreadPlan(
                    base: 2, slice: 2,
                    actions: [.call(0, .timed), .call(0, .forever), .yield, .signal(0)]),
                ThreadPlan(
                    base: 3, actions: [.call(0, .timed), .wait(0, .timed), .wait(0, .forever)]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .wait(0, .timed), .wait(0, .forever), .arm(1, isPeriodic: false),
                        .arm(1, isPeriodic: true),
                        .cancelTimer, .setPriority(1, 3), .setPriority(1, 2),
                    ]),
            ],
            endpoints: [0], replies: 1, notifications: 1, timerNotification: 0)
    }

    /// Deadlines that woken threads leave in the queue: they stand in for later ones, go before
    /// earlier ones, and follow their threads' priorities.
    static var stale: Plan {
        Plan(
            name: "stale deadlines",
            threads: [
                ThreadPlan(
                    base: 2,
                    actions: [
                        .replyAndReceive(0, 0, .forever), .replyAndReceive(0, 0, .late),
                        .wait(0, .timed),
                    ]),
                ThreadPlan(
                    base: 3,
                    actions: [.call(0, .timed), .call(0, .late), .call(0, .forever)]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .call(0, .timed), .call(0, .late), .wait(0, .late), .setPriority(1, 5),
                        .setPriority(1, 3), .suspend(1), .resume(1), .signal(0),
                    ]),
            ],
            endpoints: [0], replies: 1, notifications: 1, hasTicksInside: true)
    }

    // Systems with pending updates of priority inheritance: an interrupt between two steps wakes a
    // thread that goes before the rest of the updates.

    /// Returns the servers of a chain of calls, beginning with the one that replies.
    private static func line(_ count: Int, timed: Bool, end: [Action] = []) -> [ThreadPlan] {
        (0..<count).map { number in
            var actions: [Action] = [.replyAndReceive(number, number, .forever)]
            if number > 0 {
                actions.append(.call(number - 1, .forever))
                if timed { actions.append(.call(number - 1, .timed)) }
            } else {
                actions += end
            }
            return ThreadPlan(base: UInt64(number) + 1, actions: actions)
        }
    }

    /// A chain of four callers, and a driver that an interrupt wakes between the steps. The driver
    /// changes the priorities of blocked callers and suspends one.
    static var lagging: Plan {
        Plan(
            name: "a line that lags",
            threads: line(3, timed: false) + [
                ThreadPlan(base: 4, actions: [.call(2, .forever)]),
                ThreadPlan(
                    base: 7,
                    actions: [
                        .wait(0, .forever), .acknowledge, .setPriority(3, 8), .setPriority(3, 6),
                        .setPriority(3, 2), .setPriority(1, 5), .setPriority(1, 1), .suspend(2),
                        .resume(2), .call(1, .forever),
                    ]),
            ],
            endpoints: [0, 1, 2], replies: 3, notifications: 1, interruptNotification: 0)
    }

    /// Waits in a chain end between two steps: by a time-out, by the deletion of a reply, or
    /// because an endpoint closes.
    static var endings: Plan {
        Plan(
            name: "ends in a line",
            threads: line(3, timed: true, end: [.wait(1, .forever), .yield]) + [
                ThreadPlan(base: 5, actions: [.call(2, .timed), .call(1, .timed)]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .wait(0, .forever), .acknowledge, .deleteReply(1), .close(1),
                        .bindServer(1, 1), .suspend(3), .resume(3), .setPriority(3, 6), .signal(1),
                        .setPriority(3, 3),
                    ]),
            ],
            endpoints: [0, 1, 2], replies: 3, notifications: 2, interruptNotification: 0,
            abandonmentNotification: 1, deletesReplies: true, hasTicksInside: true)
    }

    /// A server receives the callers at its endpoint while updates raise or lower a chain among
    /// them.
    static var overtaking: Plan {
        Plan(
            name: "callers that overtake",
            threads: [
                ThreadPlan(
                    base: 6,
                    actions: [
                        .receive(0, 0, .forever), .replyAndReceive(0, 0, .forever), .reply(0),
                        .wait(0, .forever), .acknowledge, .setPriority(2, 5), .setPriority(2, 2),
                        .setPriority(2, 7),
                    ]),
                ThreadPlan(
                    base: 1,
                    actions: [
                        .receive(1, 1, .forever), .replyAndReceive(1, 1, .forever),
                        .call(0, .forever),
                    ]),
                ThreadPlan(base: 2, actions: [.call(1, .forever), .call(0, .forever)]),
                ThreadPlan(
                    base: 3, actions: [.call(0, .forever), .send(0, .forever), .call(1, .forever)]),
            ],
            endpoints: [0, 1], replies: 2, notifications: 1, interruptNotification: 0)
    }

    /// A server in the middle of a chain is destroyed. An interrupt comes between any two steps of
    /// that.
    static var death: Plan {
        Plan(
            name: "death in a line",
            threads: line(3, timed: false, end: [.wait(1, .forever)]) + [
                ThreadPlan(base: 5, actions: [.call(2, .forever), .call(1, .timed)]),
                ThreadPlan(
                    base: 4,
                    actions: [
                        .wait(0, .forever), .acknowledge, .destroy, .setPriority(3, 6),
                        .setPriority(3, 3), .signal(1), .suspend(2), .resume(2),
                    ]),
            ],
            endpoints: [0, 1, 2], replies: 3, notifications: 2, interruptNotification: 0,
            mortal: 1)
    }

    /// Threads as urgent as the updates of a chain, with and without slices: the order of their
    /// turns.
    static var equals: Plan {
        let rival: [Action] = [
            .yield, .setPriority(2, 4), .setPriority(2, 2), .call(0, .forever), .poll(0),
            .wait(0, .timed),
        ]
        return Plan(
            name: "equals of updates",
            threads: line(2, timed: true) + [
                ThreadPlan(base: 4, actions: [.call(1, .timed), .call(1, .forever), .yield]),
                ThreadPlan(base: 4, slice: 1, actions: rival),
                ThreadPlan(base: 4, actions: rival + [.signal(0)]),
            ],
            endpoints: [0, 1], replies: 2, notifications: 1, timerNotification: 0,
            hasTicksInside: true)
    }
}
