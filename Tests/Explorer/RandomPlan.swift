// Random systems with everything that a fast path looks at: equal priorities, slices, badges,
// missing rights, floating point, buffers, fault handlers, bound notifications, deadlines.

import KernelABI

@testable import KernelCore

extension SeededGenerator {
    /// Returns true in so many cases of a hundred.
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

extension Plan {
    /// Two servers, two or three clients and a driver. Each thread may do everything, and mostly
    /// does what its role is.
    static func random(_ random: inout SeededGenerator) -> Plan {
        func copy(_ source: Int, _ random: inout SeededGenerator) -> CopyPlan {
            let rights: [Rights] = [.all, .read, .write, .read | .write, .none]
            return CopyPlan(
                source: source, rights: rights.randomElement(using: &random) ?? .all,
                badge: random.chance(70) ? UInt64.random(in: 1...7, using: &random) << 48 : 0)
        }
        let count = Int.random(in: 4...6, using: &random)
        var plan = Plan(
            name: "by chance", threads: [], endpoints: [0, random.chance(80) ? 1 : nil])
        plan.endpointCopies = [copy(0, &random), copy(1, &random), copy(0, &random)]
        plan.notificationCopies = [copy(0, &random), copy(1, &random)]
        plan.replies = 3
        plan.notifications = 2
        plan.boundNotification = random.chance(60) ? (0, 0) : nil
        plan.interruptNotification = Int.random(in: 0...1, using: &random)
        plan.timerNotification = Int.random(in: 0...1, using: &random)
        plan.abandonmentNotification = random.chance(50) ? .random(in: 0...1, using: &random) : nil
        plan.faultEndpoint = random.chance(70) ? 1 : nil
        plan.hasBuffers = random.chance(70)
        if random.chance(40) {
            let limit = UInt64.random(in: 1...3, using: &random)
            let sharer = Int.random(in: 1..<count, using: &random)
            plan.budgets = [
                BudgetPlan(
                    limit: limit, period: limit + .random(in: 1...6, using: &random),
                    threads: [sharer, (sharer + 1) % count], overrunNotification: 1)
            ]
        }
        let highest: UInt64 = random.chance(50) ? 4 : 7
        plan.threads = (0..<count).map { thread in
            let slice: UInt64 = random.chance(30) ? .random(in: 1...3, using: &random) : 0
            let others = everything(for: thread, of: count)
            var actions = others
            while actions.count < 6 * others.count { actions += duties(of: thread) }
            return ThreadPlan(
                base: .random(in: 1...highest, using: &random), slice: slice, actions: actions)
        }
        return plan
    }

    /// What a thread does most: its role.
    private static func duties(of thread: Int) -> [Action] {
        switch thread {
        case 0:
            return [
                .replyAndReceive(0, 0, .forever), .replyAndReceive(0, 0, .forever),
                .replyAndReceive(0, 0, .forever),
                .longReplyAndReceive(0, 0),
            ]
        case 1:
            return [
                .replyAndReceive(1, 1, .forever), .replyAndReceive(1, 1, .forever),
                .answerFault(1, 1, 0),
                .answerFault(1, 1, 1), .answerFault(1, 1, 1), .call(0, .forever),
            ]
        case 2:
            return [
                .wait(1, .forever), .wait(1, .forever), .wait(1, .forever), .acknowledge,
                .call(0, .forever),
            ]
        default:
            return [
                .call(0, .forever), .call(0, .forever), .call(0, .forever), .call(2, .forever),
                .call(4, .forever),
                .call(1, .forever), .call(1, .forever), .call(3, .forever), .longCall(0),
                .longCall(0),
                .signal(thread % 2), .signal(2), .signal(3), .fault, .yield, .yield, .compute,
                .wait(1, .forever),
                .poll(1),
            ]
        }
    }

    private static func everything(for thread: Int, of count: Int) -> [Action] {
        var actions: [Action] = [
            .yield, .compute, .fault, .acknowledge, .cancelTimer, .arm(1, isPeriodic: false),
            .arm(2, isPeriodic: false),
            .arm(1, isPeriodic: true), .reply(0), .reply(1), .send(0, .forever), .send(1, .timed),
            .receive(0, 2, .timed),
            .receive(1, 1, .timed), .receive(0, 2, .forever), .replyAndReceive(0, 2, .forever),
            .replyAndReceive(2, 0, .forever), .replyAndReceive(1, 1, .timed), .call(0, .timed),
            .call(1, .timed), .call(0, .late), .call(2, .late),
            .wait(0, .timed), .wait(1, .timed), .wait(2, .forever), .poll(0), .poll(2), .poll(3),
            .signal(0),
            .signal(1),
            .answerFault(1, 1, 2), .close(1), .bindServer(1, 1),
        ]
        let other = (thread + 1) % count
        actions += [.suspend(other), .resume(other), .resume((thread + 2) % count)]
        for priority: UInt64 in [1, 3, 5] { actions.append(.setPriority(other, priority)) }
        actions += [
            .setSlice(other, 2), .setSlice(thread, 0), .setSlice(other, 0), .setSlice(thread, 1),
        ]
        return actions
    }
}
