// Long random sequences with budgets: in no interval of one period does a budget pay for more than
// its limit, whatever its threads do. The invariants of the whole state hold after every entry.

import KernelABI
import Testing

@testable import KernelCore

private final class BudgetWalk {
    let s: TestSystem
    private var random: SeededGenerator
    private var threads: [TestThread] = []
    private var doors: [UInt32] = []
    private var replies: [UInt32] = []
    private let note: UInt32
    let budgets: [(slot: UInt32, limit: UInt64, period: UInt64)]
    /// What each budget paid for, tick by tick: the instants and the sums until then.
    private(set) var paid: [[(instant: UInt64, used: UInt64)]] = [[], []]

    init(seed: UInt64, fast: Bool) {
        let s = TestSystem(fast: fast)
        self.s = s
        random = SeededGenerator(seed: seed)
        doors = (0..<3).map { _ in s.make(.endpoint) }
        replies = (0..<4).map { _ in s.make(.reply) }
        note = s.make(.notification)
        budgets = [
            (s.makeBudget(700, of: 3000), 700, 3000), (s.makeBudget(1500, of: 4000), 1500, 4000),
        ]
        threads = (0..<6).map { s.makeThread(priority: UInt64(10 + $0 * 5)) }
        for (index, thread) in threads.enumerated() where index != 5 {
            s.bind(budgets[index % 2].slot, to: thread)
        }
        for (door, server) in [(0, 0), (1, 2), (2, 5)] {
            s.perform(.bindServer, doors[door], UInt64(threads[server].slot))
        }
        for thread in threads { s.start(thread) }
        s.go()
    }

    private func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

    /// An act of the running thread, or time up to the next interrupt of the timer.
    func step() {
        guard pick(3) != 0, let running = s.running,
            let thread = threads.first(where: { $0.ref == running })
        else { return pass() }
        let (door, reply) = (doors[pick(3)], replies[pick(4)])
        let until = pick(3) == 0 ? TestSystem.never : s.hardware.now + random.next() % 900
        let other = threads[pick(threads.count)]
        switch pick(16) {
        case 0..<4: s.call(thread, door, [1], deadline: until)
        case 4..<6: s.receive(thread, door, reply: reply, deadline: until)
        case 6..<9: s.replyAndReceive(thread, door, reply: reply, [2], deadline: until)
        case 9: s.reply(thread, reply)
        case 10: s.signal(thread, note, bits: 1)
        case 11..<13: s.wait(thread, note, deadline: s.hardware.now + random.next() % 900)
        case 13: s.yield(thread)
        case 14: s.invoke(thread, .setPriority, other.slot, UInt64(1 + pick(60)), 200)
        default:
            s.perform(pick(2) == 0 ? .suspend : .resume, threads[pick(threads.count)].slot)
            for thread in threads where s.state(thread) == .stopped && pick(2) == 0 {
                s.perform(.resume, thread.slot)
            }
        }
    }

    private func pass() {
        let most = s.hardware.deadline &- s.hardware.now
        s.advance(by: min(random.next() % 500, most))
        for index in 0..<2 { paid[index].append((s.hardware.now, used(budgets[index].slot))) }
    }
    /// What a budget has paid for until now.
    private func used(_ slot: UInt32) -> UInt64 {
        guard let budget = s.object(slot, as: Budget.self) else { return 0 }
        let running = s.kernel.pointee.core.paying == budget
        return budget.pointee.used
            + (running ? s.hardware.now - s.kernel.pointee.core.lastSwitch : 0)
    }
}

@Suite struct BudgetRandomTests {
    @Test(arguments: [(1, true), (2, false), (3, true), (4, false)])
    func noPeriodHasMoreThanTheLimit(seed: UInt64, fast: Bool) {
        let walk = BudgetWalk(seed: seed, fast: fast)
        for _ in 0..<4000 where !walk.s.isBroken { walk.step() }
        #expect(!walk.s.isBroken)
        for (budget, paid) in zip(walk.budgets, walk.paid) {
            var from = 0
            var most: UInt64 = 0
            for (instant, used) in paid {
                // The latest instant that is at least a period before.
                while paid[from + 1].instant + budget.period <= instant { from += 1 }
                if paid[from].instant + budget.period <= instant {
                    most = max(most, used - paid[from + 1].used)
                }
            }
            #expect(most <= budget.limit && most > budget.limit * 3 / 4)
        }
    }
}
