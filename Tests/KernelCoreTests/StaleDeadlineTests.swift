// Stale deadlines: a woken thread leaves its deadline in the queue, and its next wait may use it.
// No wait ends too early or too late for that, and a stale deadline is no way to disturb others
// more than a wait does.

import KernelABI
import Testing

@testable import KernelCore

/// A client that has a stale deadline, and the ready server that answered its call.
private struct StalePair {
    static let stale: UInt64 = 2000
    let s: TestSystem
    let server: TestThread
    let client: TestThread
    let endpoint: UInt32
    let reply: UInt32
    /// The memory of the client.
    let arena: UInt32

    init(fast: Bool = true, isShared: Bool = false) {
        s = TestSystem(fast: fast)
        if isShared { s.addCore() }
        arena = s.make(.untyped, sizeBits: 15)
        client = s.makeThread(priority: 20, from: arena)
        (server, endpoint, reply) = s.makeServer(5)
        s.start(client)
        #expect(call(StalePair.stale) == false, "there is no deadline that could stand in")
        answer()
        #expect(isQueued && s.hardware.deadline == StalePair.stale)
    }

    var isQueued: Bool { client.ref.deadlineNode.pointee.isQueued }

    /// Returns whether the call took a fast path.
    @discardableResult func call(_ deadline: UInt64, loan: Bool = false) -> Bool {
        let before = s.fastEntries
        s.call(client, endpoint, [7], deadline: deadline, loan: loan)
        #expect(s.isRunning(server) && s.results(server).words[0] == 7)
        return s.fastEntries > before
    }
    func answer() {
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(client))
    }
    func advance(to instant: UInt64) { s.advance(by: instant - s.hardware.now) }
    /// A more urgent thread that runs from here on.
    func makeBusy(_ priority: UInt64) -> TestThread {
        let busy = s.makeThread(priority: priority)
        s.start(busy)
        #expect(s.isRunning(busy))
        return busy
    }
}

@Suite struct StaleDeadlineTests {
    @Test(arguments: [true, false], [true, false]) func oneStandsInForALaterOne(
        fast: Bool, isShared: Bool
    ) {
        let p = StalePair(fast: fast, isShared: isShared)
        #expect(p.call(5000) == fast)
        #expect(p.s.hardware.deadline == 2000)
        p.advance(to: 2000)
        #expect(p.s.isRunning(p.server) && p.s.state(p.client) == .awaitingReply)
        #expect(p.s.hardware.deadline == 5000, "it goes off too early once")
        p.advance(to: 4999)
        #expect(p.s.state(p.client) == .awaitingReply)
        p.advance(to: 5000)
        #expect(p.s.isRunning(p.client) && p.s.results(p.client).error == .timedOut)
        #expect(!p.isQueued && p.s.hardware.deadline == ~0)
    }

    @Test(arguments: [true, false]) func oneStandsInForTheSameInstant(fast: Bool) {
        let p = StalePair(fast: fast)
        #expect(p.call(2000) == fast)
        p.advance(to: 2000)
        #expect(p.s.isRunning(p.client) && p.s.results(p.client).error == .timedOut)
    }

    @Test(arguments: [true, false]) func anEarlierDeadlineReplacesIt(fast: Bool) {
        let p = StalePair(fast: fast)
        #expect(!p.call(1999))
        #expect(p.s.hardware.deadline == 1999)
        p.advance(to: 1999)
        #expect(p.s.isRunning(p.client) && p.s.results(p.client).error == .timedOut)
    }

    @Test(arguments: [true, false], [true, false]) func oneThatNobodyUsesGoesWhenItIsDue(
        fast: Bool, isShared: Bool
    ) {
        let p = StalePair(fast: fast, isShared: isShared)
        p.advance(to: 2000)
        #expect(p.s.isRunning(p.client) && !p.isQueued && p.s.hardware.deadline == ~0)
        #expect(p.call(5000) == fast, "there is none that could stand in, so it is inserted")
        #expect(p.isQueued && p.s.hardware.deadline == 5000)
        p.advance(to: 4999)
        #expect(p.s.state(p.client) == .awaitingReply)
        p.advance(to: 5000)
        #expect(p.s.isRunning(p.client) && p.s.results(p.client).error == .timedOut)
    }

    /// The timer stays set for what is earlier.
    @Test(arguments: [true, false], [true, false]) func aFreshOneBehindAnotherThread(
        fast: Bool, isShared: Bool
    ) {
        let p = StalePair(fast: fast, isShared: isShared)
        p.advance(to: 2000)
        let sleeper = p.s.makeThread(priority: 30)
        p.s.start(sleeper)
        p.s.wait(sleeper, p.s.make(.notification), deadline: 4000)
        #expect(p.call(5000) == fast && p.s.hardware.deadline == 4000)
        p.advance(to: 4000)
        #expect(p.s.isRunning(sleeper) && p.s.results(sleeper).error == .timedOut)
    }

    @Test(arguments: [true, false], [true, false]) func aFreshOneThatHasPassed(
        fast: Bool, isShared: Bool
    ) {
        let p = StalePair(fast: fast, isShared: isShared)
        p.advance(to: 3000)
        p.s.call(p.client, p.endpoint, [7], deadline: 3000)
        #expect(p.s.isRunning(p.client) && p.s.results(p.client).error == .timedOut)
    }

    /// An earlier deadline of a less urgent thread keeps nobody from the fast path of an answer,
    /// but an equal with a slice: timers of its own urgency interrupt that.
    @Test(arguments: [true, false]) func answersBesideALessUrgentDeadline(hasSlice: Bool) {
        let p = StalePair()
        p.advance(to: 2000)
        let sleeper = p.s.makeThread(priority: 10)
        p.s.start(sleeper)
        let busy = p.s.makeThread(priority: 15)
        p.s.start(busy)
        p.s.wait(p.client, p.s.make(.notification), deadline: 2100)
        p.s.yield(busy)
        p.s.perform(.suspend, busy.slot)
        p.s.wait(sleeper, p.s.make(.notification), deadline: 3000)
        p.advance(to: 2100)
        #expect(p.s.isRunning(p.client) && p.s.hardware.deadline == ~0, "3000 is left out")
        p.s.call(p.client, p.endpoint, [7])
        if hasSlice { p.s.perform(.setSlice, p.client.slot, 1000) }
        let before = p.s.fastEntries
        p.answer()
        #expect(p.s.fastEntries - before == (hasSlice ? 0 : 1))
        p.s.wait(p.client, p.s.make(.notification))
        #expect(p.s.running == nil && p.s.hardware.deadline == 3000)
    }

    /// Whatever a thread waits for, but a `receive`: its priority may change before it waits.
    @Test(arguments: [true, false]) func oneStandsInForOtherWaits(fast: Bool) {
        let p = StalePair(fast: fast)
        let (bell, nobody, unused) = (
            p.s.make(.notification), p.s.make(.endpoint), p.s.make(.reply)
        )
        for kind in 0..<3 as Range<UInt64> {
            let (early, late) = (p.s.hardware.now + 100, p.s.hardware.now + 500)
            p.call(early)
            p.answer()
            switch kind {
            case 0: p.s.wait(p.client, bell, deadline: late)
            case 1: p.s.send(p.client, nobody, deadline: late)
            default: p.s.receive(p.client, nobody, reply: unused, deadline: late)
            }
            #expect(p.s.running == nil && p.s.hardware.deadline == (kind == 2 ? late : early))
            p.advance(to: early)
            #expect(p.s.running == nil && p.s.hardware.deadline == late)
            p.advance(to: late)
            #expect(p.s.isRunning(p.client) && p.s.results(p.client).error == .timedOut)
        }
    }

    /// The fast path takes up to eight words, and leaves more of them to be refused.
    @Test(arguments: [true, false]) func theLengthOfItsMessage(fast: Bool) {
        let p = StalePair(fast: fast)
        let before = p.s.fastEntries
        p.s.call(p.client, p.endpoint, [1, 2, 3, 4, 5, 6, 7, 8], deadline: 5000)
        #expect(p.s.results(p.server).words == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(p.s.results(p.server).word.length == 8)
        #expect(p.s.fastEntries - before == (fast ? 1 : 0))
        p.answer()
        let control = ControlWord(.call, Slot(p.endpoint), length: 8).by(Instant(ticks: 5000))
        for length in [9, 17] as [UInt64] {
            p.s.setRegisters(p.client, control.raw + (length - 8) << 32, 0, 5000)
            p.s.trap(p.client.ref)
            #expect(p.s.isRunning(p.client) && p.s.results(p.client).error == .invalidArgument)
        }
    }

    /// A stale deadline costs at most one interrupt for each wait beside that of the wait's own
    /// deadline, however its thread chooses its deadlines.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func eachWaitHasTwoExpiriesAtMost(seed: UInt64) {
        let p = StalePair()
        var random = SeededGenerator(seed: seed)
        var (waits, expiries) = (1, 0)
        for _ in 0..<300 {
            waits += 1
            p.call(p.s.hardware.now + UInt64.random(in: 1...40, using: &random))
            // Time passes from one interrupt of the timer to the next.
            let end = p.s.hardware.now + UInt64.random(in: 0...30, using: &random)
            while p.s.isRunning(p.server), p.s.hardware.deadline <= end {
                p.advance(to: p.s.hardware.deadline)
                expiries += 1
            }
            p.s.hardware.now = max(p.s.hardware.now, min(end, p.s.hardware.deadline &- 1))
            if p.s.isRunning(p.server) { p.answer() } else { p.s.perform(.suspend, p.client.slot) }
            if p.s.isRunning(p.server) { p.s.replyAndReceive(p.server, p.endpoint, reply: p.reply) }
            p.s.perform(.resume, p.client.slot)
        }
        #expect(expiries <= 2 * waits && expiries > 0)
    }

    /// A wait for which one deadline stood in has no second one that is too early.
    @Test func aWaitIsInterruptedTooEarlyOnce() {
        let p = StalePair()
        p.call(1 << 30)
        var expiries = 0
        while p.s.isRunning(p.server) {
            p.advance(to: p.s.hardware.deadline)
            expiries += 1
        }
        #expect(expiries == 2 && p.s.hardware.now == 1 << 30)
        #expect(p.s.results(p.client).error == .timedOut)
    }

    /// It is as urgent as its thread was: it interrupts nobody more urgent.
    @Test(arguments: [true, false]) func itDisturbsNobodyMoreUrgent(isUsed: Bool) {
        let p = StalePair()
        if isUsed { p.call(5000) }
        let busy = p.makeBusy(30)
        #expect(p.s.hardware.deadline == ~0)
        let before = p.s.steps
        p.s.hardware.now = 3000
        p.s.settle()
        #expect(p.s.isRunning(busy) && p.s.steps == before)
        p.s.perform(.suspend, busy.slot)
        #expect(p.s.hardware.deadline == (isUsed ? 5000 : ~0) && p.isQueued == isUsed)
    }

    // Changes of the thread

    /// One of another urgency does not stand in: it would come too late for a thread that has
    /// become more urgent, and disturb others after it has become less urgent.
    @Test(arguments: [10, 40] as [UInt64]) func oneOfAnotherUrgencyDoesNotStandIn(priority: UInt64)
    {
        let p = StalePair()
        p.s.perform(.setPriority, p.client.slot, priority, 200)
        #expect(!p.call(5000))
        let busy = p.s.makeThread(priority: 30)
        p.s.start(busy)
        #expect(p.s.isRunning(busy) == (priority == 10))
        #expect(p.s.hardware.deadline == (priority == 10 ? ~0 : 5000))
        p.s.perform(.suspend, busy.slot)
        #expect(p.s.hardware.deadline == 5000)
    }

    /// While it stands in, it follows its thread's urgency. Then it has the right instant.
    @Test(arguments: [nil, 0, 1]) func itFollowsItsThreadsUrgency(period: Int?) {
        let p = StalePair()
        p.call(5000)
        let busy = p.makeBusy(30)
        p.s.hardware.queriesLeft = period
        p.s.hardware.ghostPeriod = period
        p.s.perform(.setPriority, p.client.slot, 40, 200)
        p.s.hardware.queriesLeft = nil
        #expect(p.s.hardware.deadline == 5000)
        p.advance(to: 5000)
        #expect(p.s.isRunning(p.client) && p.s.results(p.client).error == .timedOut)
        p.s.perform(.suspend, p.client.slot)
        #expect(p.s.isRunning(p.s.running == busy.ref ? busy : p.server))
    }

    /// A server whose answer ends its lift waits with its own urgency, though its deadline stood
    /// there with that of its caller. An interrupt may come at any look.
    @Test(arguments: 0..<8) func anAnswerEndsTheUrgencyOfTheNextDeadline(queries: Int) {
        let s = TestSystem()
        let (client, busy) = (s.makeThread(priority: 20), s.makeThread(priority: 10))
        let (lower, lowerEndpoint, lowerReply) = s.makeServer(4)
        let server = s.makeThread(priority: 5)
        let (endpoint, reply) = s.serve(server)
        s.start(server)
        s.receive(server, endpoint, reply: reply)
        s.start(client)
        s.call(client, endpoint)
        s.call(server, lowerEndpoint, deadline: 2500)
        s.replyAndReceive(lower, lowerEndpoint, reply: lowerReply)
        s.start(busy)
        #expect(s.isRunning(server) && s.effective(server) == 20)
        s.hardware.queriesLeft = queries
        s.replyAndReceive(server, endpoint, reply: reply, deadline: 6000)
        s.hardware.queriesLeft = nil
        #expect(s.isRunning(client) && s.effective(server) == 5)
        s.perform(.suspend, client.slot)
        #expect(s.isRunning(busy) && s.hardware.deadline == ~0)
        s.advance(by: 10_000)
        #expect(s.isRunning(busy))
        s.perform(.suspend, busy.slot)
        #expect(s.isRunning(server) && s.results(server).error == .timedOut)
    }

    @Test(arguments: [true, false]) func aSuspendedThreadsDeadlineEndsNothing(isUsed: Bool) {
        let p = StalePair()
        if isUsed { p.call(5000) }
        p.s.perform(.suspend, p.client.slot)
        p.advance(to: 2000)
        #expect(p.s.state(p.client) == .stopped && !p.isQueued && p.s.hardware.deadline == ~0)
        p.s.perform(.resume, p.client.slot)
        if isUsed { #expect(p.s.results(p.client).error == .cancelled) }
        p.s.perform(.suspend, p.server.slot)
        p.s.call(p.client, p.endpoint, deadline: 3000)
        p.advance(to: 3000)
        #expect(p.s.isRunning(p.client) && p.s.results(p.client).error == .timedOut)
    }

    /// No deadline outlives its thread. Its number is free again.
    @Test(arguments: [true, false], [nil, 0, 1]) func itGoesWithItsThread(
        isUsed: Bool, period: Int?
    ) {
        let p = StalePair()
        if isUsed { p.call(5000) }
        let number = p.client.ref.deadlineNode.pointee.number
        p.s.hardware.queriesLeft = period
        p.s.hardware.ghostPeriod = period
        #expect(p.s.perform(.reclaim, p.arena).error == nil)
        p.s.hardware.queriesLeft = nil
        #expect(p.s.hardware.deadline == ~0)
        p.s.inspectTables()
        let next = p.s.makeThread(priority: 20, from: p.arena)
        p.s.start(next)
        p.s.wait(next, p.s.make(.notification), deadline: 8000)
        #expect(next.ref.deadlineNode.pointee.number == number && p.s.hardware.deadline == 8000)
    }

    /// A stale deadline stays on the core where its thread waited. It does not stand in elsewhere,
    /// and one that stands in moves with its thread.
    @Test(arguments: [true, false]) func aMoveToAnotherCore(isUsed: Bool) {
        let p = StalePair(isShared: true)
        let other = p.s.others[0]
        if isUsed { p.call(5000) }
        p.s.perform(.setCore, p.client.slot, 1)
        if isUsed {
            #expect(other.hardware.deadline == 5000)
        } else {
            #expect(other.running == p.client.ref)
            p.s.call(p.client, p.endpoint, deadline: 5000)
            #expect(p.s.isRunning(p.server))
        }
        #expect(p.client.ref.deadlineNode.pointee.home == 1)
        p.advance(to: 4999)
        #expect(p.s.state(p.client) == .awaitingReply)
        p.advance(to: 5000)
        #expect(other.running == p.client.ref && p.s.results(p.client).error == .timedOut)
    }

    // Loans

    /// A call with a loan takes the fast path, with a deadline or without. Its answer ends the
    /// loan.
    @Test(arguments: [true, false], [~0, 5000] as [UInt64]) func aLoan(
        fast: Bool, deadline: UInt64
    ) {
        let p = StalePair(fast: fast)
        p.s.offerLoan(p.client, 0x40_0000, 64, .read)
        #expect(p.call(deadline, loan: true) == fast)
        let results = p.s.results(p.server)
        #expect(results.word.hasLoan && results.x[2] == 64 && results.word.length == 1)
        p.answer()
        #expect(!p.client.ref.pointee.scheduling.isLending)
        #expect(!p.s.results(p.client).word.hasLoan && p.s.results(p.client).x[2] == 0)
        p.call(deadline)
        #expect(!p.s.results(p.server).word.hasLoan && p.s.results(p.server).x[2] == 0)
        let copied = p.s.invoke(p.server, .loanRead, p.reply, 0, 0x40_0000, 1)
        #expect(copied.error == .noCaller)
    }

    /// A time-out ends the loan of a call that took the fast path.
    @Test func aTimeOutEndsALoan() {
        let p = StalePair()
        p.s.offerLoan(p.client, 0x40_0000, 64, .read)
        #expect(p.call(5000, loan: true))
        p.advance(to: 2000)
        #expect(p.client.ref.pointee.scheduling.isLending)
        p.advance(to: 5000)
        #expect(p.s.isRunning(p.client) && !p.client.ref.pointee.scheduling.isLending)
    }

    /// A thread without an IPC buffer has nothing to lend by.
    @Test(arguments: [true, false]) func aLoanWithoutABuffer(fast: Bool) {
        let s = TestSystem(fast: fast)
        let client = s.makeThread(priority: 20, hasBuffer: false)
        let (_, endpoint, _) = s.makeServer(5)
        s.start(client)
        s.call(client, endpoint, loan: true)
        #expect(s.isRunning(client) && s.results(client).error == .noBuffer)
    }
}
