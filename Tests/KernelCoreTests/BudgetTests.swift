// Budgets: when a thread is demoted, when it comes back, and what it cannot get around.

import KernelABI
import Testing

@testable import KernelCore

extension TestSystem {
    /// A budget of 1000 ticks in 10,000, with the background priority 5.
    func makeBudget(
        _ limit: UInt64 = 1000, of period: UInt64 = 10_000, background: UInt64 = 5
    ) -> UInt32 {
        let budget = make(.budget)
        #expect(setBudget(budget, limit, period, background).error == nil)
        return budget
    }
    @discardableResult func setBudget(
        _ budget: UInt32, _ limit: UInt64, _ period: UInt64, _ background: UInt64
    ) -> Results {
        perform(
            .setBudget, RootSlot.systemControl.index, UInt64(budget), limit, period, background)
    }
    func bind(
        _ budget: UInt32?, to threads: TestThread...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for thread in threads {
            let result = perform(.bindBudget, thread.slot, budget.map { UInt64($0) } ?? none)
            #expect(result.error == nil, sourceLocation: sourceLocation)
        }
    }
    /// What is left in ticks, what was used, and how often it was used up.
    func state(ofBudget budget: UInt32) -> (left: Int64, used: UInt64, overruns: UInt64) {
        let x = perform(.budgetInformation, budget).x
        return (Int64(bitPattern: x[5]), x[6], x[7])
    }
    func isDemoted(_ thread: TestThread) -> Bool {
        perform(.threadInformation, thread.slot).x[3] & 1 << 40 != 0
    }
}

@Suite struct BudgetTests {
    @Test(arguments: [true, false]) func aThreadFallsAndComesBack(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (limited, other) = s.run(50, 20)
        let budget = s.makeBudget()
        s.bind(budget, to: limited)
        s.advance(by: 999)
        #expect(s.isRunning(limited) && s.effective(limited) == 50)
        s.advance(by: 1)
        #expect(s.isRunning(other) && s.effective(limited) == 5)
        // Its own base priority is still reported.
        let information = s.perform(.threadInformation, limited.slot)
        #expect(information.x[3] >> 8 & 0xff == 50 && information.x[3] >> 16 & 0xff == 5)
        #expect(s.isDemoted(limited) && !s.isDemoted(other))
        #expect(s.state(ofBudget: budget) == (0, 1000, 1))
        s.advance(by: 8999)
        #expect(s.isRunning(other))
        s.advance(by: 1)
        #expect(s.isRunning(limited) && s.effective(limited) == 50)
        s.advance(by: 1000)
        #expect(s.isRunning(other))
        #expect(s.state(ofBudget: budget) == (0, 2000, 2))
    }

    /// In the background it runs on what nobody else wants, and nothing is charged for that.
    @Test func theBackgroundIsFree() {
        let s = TestSystem()
        let (limited, other) = s.run(50, 20)
        let budget = s.makeBudget()
        let notification = s.make(.notification)
        s.bind(budget, to: limited)
        s.advance(by: 1000)
        s.wait(other, notification)
        #expect(s.isRunning(limited) && s.effective(limited) == 5)
        s.advance(by: 5000)
        #expect(s.isRunning(limited) && s.effective(limited) == 5)
        #expect(s.state(ofBudget: budget) == (0, 1000, 1))
        s.advance(by: 4000)
        #expect(s.effective(limited) == 50)
    }

    /// A background priority above the base changes nothing, but the thread is still told apart.
    @Test func theBackgroundDoesNotLift() {
        let s = TestSystem()
        let (limited, other) = s.run(50, 20)
        let budget = s.makeBudget(background: 100)
        s.bind(budget, to: limited)
        s.advance(by: 1000)
        #expect(s.isRunning(limited) && s.effective(limited) == 50 && s.isDemoted(limited))
        #expect(s.state(other) == .ready)
    }

    /// Time comes back a period after its use began: never more than the limit in one period.
    @Test func timeComesBackPieceByPiece() {
        let s = TestSystem()
        let (limited, other) = s.run(50, 20)
        let notification = s.make(.notification)
        let budget = s.makeBudget()
        s.bind(budget, to: limited)
        let start = s.hardware.now
        s.advance(by: 300)
        s.wait(limited, notification, deadline: start + 5000)
        s.advance(by: start + 5000 - s.hardware.now)
        #expect(s.isRunning(limited))
        #expect(s.state(ofBudget: budget).left == 700)
        s.advance(by: 700)
        #expect(s.isRunning(other) && s.isDemoted(limited))
        // The 300 ticks are back 10,000 after the start; the rest 10,000 after its own.
        s.advance(by: start + 10_000 - s.hardware.now)
        #expect(s.isRunning(limited))
        s.advance(by: 300)
        #expect(s.isRunning(other))
        s.advance(by: start + 15_000 - s.hardware.now)
        #expect(s.isRunning(limited))
        s.advance(by: 700)
        #expect(s.isRunning(other))
        #expect(s.state(ofBudget: budget) == (0, 2000, 3))
    }

    /// Many short pieces come back together, with the latest of them.
    @Test func shortPiecesAreJoined() {
        let s = TestSystem()
        let limited = s.run(50)
        let notification = s.make(.notification)
        let budget = s.makeBudget()
        s.bind(budget, to: limited)
        let start = s.hardware.now
        for round in 1...10 {
            s.advance(by: 10)
            s.wait(limited, notification, deadline: start + UInt64(round) * 100)
            s.advance(by: start + UInt64(round) * 100 - s.hardware.now)
        }
        #expect(s.state(ofBudget: budget).left == 900)
        s.wait(limited, notification)
        // The last piece began at 900.
        s.advance(by: start + 10_899 - s.hardware.now)
        #expect(s.state(ofBudget: budget).left == 900)
        s.advance(by: 1)
        #expect(s.state(ofBudget: budget).left == 1000)
    }

    // Several threads

    @Test func threadsShareABudget() {
        let s = TestSystem()
        let (first, second, other) = s.run(50, 40, 20)
        let notification = s.make(.notification)
        let budget = s.makeBudget()
        s.bind(budget, to: first, second)
        s.advance(by: 600)
        s.wait(first, notification)
        s.advance(by: 400)
        #expect(s.isRunning(other) && s.isDemoted(second))
        // The first is demoted when it would run.
        #expect(!s.isDemoted(first))
        s.signal(other, notification, bits: 1)
        #expect(s.isRunning(other) && s.isDemoted(first))
        s.advance(by: 9000)
        #expect(s.isRunning(first) && s.effective(first) == 50)
        // The second comes back before anything less urgent runs.
        s.wait(first, notification)
        #expect(s.isRunning(second) && s.effective(second) == 40)
    }

    @Test func aNewThreadSharesTheBudgetOfItsMaker() {
        let s = TestSystem()
        let (limited, other) = s.run(50, 20)
        let budget = s.makeBudget()
        s.bind(budget, to: limited)
        let slot = s.allocateSlot()
        let made = s.invoke(
            limited, .retype, TestSystem.ram, UInt64(ObjectKind.thread.rawValue), 1, s.own,
            UInt64(slot), s.none)
        #expect(made.error == nil)
        s.invoke(limited, .setPriority, slot, 60, 60)
        s.invoke(limited, .setEntry, slot, 0x2000)
        s.invoke(limited, .resume, slot)
        #expect(s.running != limited.ref)
        s.advance(by: 1000)
        #expect(s.isRunning(other) && s.isDemoted(limited))
    }

    /// A thread cannot get rid of its budget, nor change it for one that it holds.
    @Test func aThreadKeepsItsBudget() {
        let s = TestSystem()
        let limited = s.run(50)
        let budget = s.makeBudget()
        let larger = s.makeBudget(9000)
        s.bind(budget, to: limited)
        #expect(s.invoke(limited, .bindBudget, limited.slot, s.none).error == .notPermitted)
        #expect(s.invoke(limited, .bindBudget, limited.slot, UInt64(larger)).error == .notPermitted)
        s.advance(by: 1000)
        #expect(s.isDemoted(limited))
        s.invoke(limited, .setPriority, limited.slot, 70, 200)
        #expect(s.isDemoted(limited) && s.effective(limited) == 5)
        s.advance(by: 9000)
        #expect(s.effective(limited) == 70)
    }

    // Tricks

    /// Yields, waits and suspensions at the right moment win nothing.
    @Test func nothingIsWonBySleepingAtTheRightMoment() {
        let s = TestSystem()
        let (limited, other) = s.run(50, 20)
        let notification = s.make(.notification)
        let budget = s.makeBudget()
        s.bind(budget, to: limited)
        let start = s.hardware.now
        for round in 0..<9 {
            s.advance(by: 111)
            switch round % 3 {
            case 0: s.yield(limited)
            case 1:
                s.wait(limited, notification, deadline: s.hardware.now + 1)
                s.advance(by: 1)
            default:
                s.perform(.suspend, limited.slot)
                s.perform(.resume, limited.slot)
            }
            #expect(s.isRunning(limited))
        }
        #expect(s.state(ofBudget: budget).left == 1)
        s.advance(by: 1)
        #expect(s.isRunning(other))
        s.advance(by: start + 9999 - s.hardware.now)
        #expect(s.isRunning(other))
    }

    @Test(arguments: [true, false]) func anAccompliceWithoutABudgetDoesNotHelp(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (accomplice, client, endpoint, _) = s.makePair(server: 1, client: 50)
        let other = s.makeThread(priority: 20)
        let budget = s.makeBudget()
        s.bind(budget, to: client)
        s.start(other)
        s.call(client, endpoint)
        s.advance(by: 1000)
        #expect(s.isRunning(other) && s.effective(accomplice) == 5)
        #expect(s.state(ofBudget: budget).used == 1000)
    }

    // Overruns

    @Test func anOverrunIsSignalledOnce() {
        let s = TestSystem()
        let (limited, watcher) = s.run(50, 20)
        let notification = s.make(.notification)
        let budget = s.makeBudget()
        s.bind(budget, to: limited)
        #expect(s.perform(.bindOverrun, budget, UInt64(notification), 0).error == .invalidArgument)
        #expect(s.perform(.bindOverrun, budget, UInt64(notification), 6).error == nil)
        s.advance(by: 1000)
        s.poll(watcher, notification)
        #expect(s.results(watcher).badge == 6)
        s.poll(watcher, notification)
        #expect(s.results(watcher).badge == 0)
        s.advance(by: 9000)
        s.advance(by: 1000)
        s.poll(watcher, notification)
        #expect(s.results(watcher).badge == 6)
        #expect(s.perform(.bindOverrun, budget, s.none).error == nil)
        s.advance(by: 9000)
        s.advance(by: 1000)
        s.poll(watcher, notification)
        #expect(s.results(watcher).badge == 0)
        #expect(s.state(ofBudget: budget).overruns == 3)
    }

    /// Time that the kernel used too late is a debt: it comes back as late as what was allowed.
    @Test func anOverrunIsADebt() {
        let s = TestSystem()
        let (limited, other) = s.run(50, 20)
        let budget = s.makeBudget()
        s.bind(budget, to: limited)
        let start = s.hardware.now
        s.advance(by: 1500)
        #expect(s.isRunning(other) && s.state(ofBudget: budget).left == -500)
        s.advance(by: start + 10_000 - s.hardware.now)
        #expect(s.isRunning(limited) && s.state(ofBudget: budget).left == 1000)
    }

    // Steps

    /// However many threads have used up their budget: a more urgent one waits for one step.
    @Test func manyDemotionsDelayNobodyMoreUrgent() {
        for steps in 0..<200 {
            let s = TestSystem()
            let notification = s.make(.notification)
            let threads = s.run([UInt64](repeating: 50, count: 5))
            let budget = s.makeBudget()
            for thread in threads { s.bind(budget, to: thread) }
            let start = s.hardware.now
            for thread in threads.dropLast() {
                s.wait(thread, notification, deadline: start + 2000)
            }
            s.advance(by: 1000)
            #expect(s.isDemoted(threads[4]))
            var seen = false
            let wasReached = s.interfere(after: steps, with: { s.advance(by: 1000) }) {
                seen = s.running == s.root.ref
            }
            #expect(threads.allSatisfy { s.isDemoted($0) } && seen == wasReached)
            if !wasReached {
                // More looks than demotions: each step had one.
                #expect(steps > 8)
                return
            }
        }
        Issue.record("the work never ended")
    }

    /// The deadline of the return is as urgent as the most urgent demoted thread, whichever was
    /// demoted first.
    @Test func theMostUrgentComesBackFirst() {
        let s = TestSystem()
        let (first, second, other) = s.run(40, 60, 50)
        let notification = s.make(.notification)
        let budget = s.makeBudget()
        s.bind(budget, to: first, second)
        s.perform(.suspend, other.slot)
        s.wait(second, notification)
        s.advance(by: 1000)
        #expect(s.isRunning(first) && s.isDemoted(first))
        s.signal(first, notification, bits: 1)
        #expect(s.isDemoted(second))
        s.perform(.resume, other.slot)
        #expect(s.isRunning(other))
        s.advance(by: 9000)
        // It interrupts the other; the first does not.
        #expect(s.isRunning(second) && s.isDemoted(first))
    }

    // Configuration

    @Test func wrongBudgetsAreRefused() {
        let s = TestSystem()
        let thread = s.run(50)
        let budget = s.make(.budget)
        let shortest = 62_500_000 / Limits.expiriesPerSecond
        #expect(s.perform(.bindBudget, thread.slot, UInt64(budget)).error == .wrongState)
        #expect(s.setBudget(budget, shortest - 1, 10_000, 5).error == .invalidArgument)
        #expect(s.setBudget(budget, 1000, 999, 5).error == .invalidArgument)
        #expect(s.setBudget(budget, 1000, Limits.longestPeriod + 1, 5).error == .invalidArgument)
        #expect(s.setBudget(budget, 1000, 10_000, 256).error == .invalidArgument)
        #expect(s.setBudget(thread.slot, 1000, 10_000, 5).error == .wrongKind)
        #expect(s.setBudget(budget, shortest, shortest, 255).error == nil)
        #expect(s.setBudget(budget, 1000, Limits.longestPeriod, 5).error == nil)
        let control = RootSlot.systemControl.index
        #expect(
            s.invoke(thread, .setBudget, control, UInt64(budget), 1000, 10_000, 201).error
                == .notPermitted)
        #expect(s.perform(.bindBudget, thread.slot, UInt64(thread.slot)).error == .wrongKind)
        let weak = s.copy(budget, rights: .read)
        #expect(s.perform(.bindBudget, thread.slot, UInt64(weak)).error == .missingRights)
        #expect(s.perform(.bindOverrun, weak, s.none).error == .missingRights)
        #expect(s.perform(.budgetInformation, weak).error == nil)
        let information = s.perform(.budgetInformation, budget)
        #expect(Array(information.x[3...8]) == [1000, Limits.longestPeriod, 1000, 0, 0, 5])
    }

    /// A changed limit counts at once.
    @Test func aBudgetCanBeChangedInUse() {
        let s = TestSystem()
        let (limited, other) = s.run(50, 20)
        let budget = s.makeBudget()
        s.bind(budget, to: limited)
        s.advance(by: 800)
        s.setBudget(budget, 700, 10_000, 5)
        #expect(s.isRunning(other) && s.state(ofBudget: budget).left == -100)
        s.setBudget(budget, 2000, 10_000, 5)
        #expect(s.state(ofBudget: budget).left == 1200)
        #expect(s.isRunning(limited) && s.effective(limited) == 50)
    }

    /// A budget, its threads and who pays with them may go at any step.
    @Test(arguments: [0, 1, 2]) func everythingMayGoWhileItIsUsed(which: Int) {
        for steps in 0..<60 {
            let s = TestSystem()
            let arena = s.make(.untyped, sizeBits: 16)
            let (server, endpoint, _) = s.makeServer(10)
            let client = s.makeThread(priority: 50, from: which == 0 ? TestSystem.ram : arena)
            let rival = s.makeThread(priority: 20)
            let budget = s.make(.budget, from: which == 1 ? TestSystem.ram : arena)
            s.setBudget(budget, 1000, 10_000, 5)
            s.bind(budget, to: client)
            s.start(client, rival)
            s.call(client, endpoint)
            s.advance(by: steps % 2 == 0 ? 500 : 1000)
            s.hardware.queriesLeft = steps / 2
            s.perform(.reclaim, arena)
            s.hardware.queriesLeft = nil
            s.advance(by: 20_000)
            #expect(s.isRunning(server) || s.isRunning(rival) || which == 0)
            if which == 0 { #expect(s.isRunning(server) && s.effective(server) == 50) }
        }
    }
}
