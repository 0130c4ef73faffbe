// An inheritance chain is cut between two steps of an update (docs/decisions/0014).
//
// A change of priority travels along a chain of twelve servers, one link a step. Meanwhile a timer
// wakes the most urgent thread, which ends the wait of one member. It kills or suspends that
// member, or takes away what the member's call needs; or the member's deadline passes at the same
// instant. The test sweeps the instant over the whole change, tick by tick, so that a cut meets the
// gap between any two steps. Afterwards each thread must have exactly the priority that the
// invariant requires, and each call the outcome of its cut.
//
// The most urgent thread notes the gaps in which it ran. A sweep that misses one has failed, and so
// has a kernel that takes no interrupt between two steps. It also wakes a witness, which is less
// urgent than the change and must not run before all is done.

import KernelABI
import UserRuntime

/// When the chain is checked: without a cut before and after the change, or after both.
private enum CheckTime {
    case beforeChange, afterChange, afterCut
}

extension CutChain {
    private var console: SystemControl { SystemControl(RootSlot.systemControl) }

    /// Ticks that the chain takes to be built, and the whole change without a cut.
    private func measure(_ c: Checks) throws(Failure) -> (build: UInt64, change: UInt64) {
        try build(c, isFirst: true, deadline: .never)
        let start = Instant.now
        try build(c, deadline: .never)
        let middle = Instant.now
        try check(c, .beforeChange)
        let change = Instant.now
        begin()
        let end = Instant.now
        try check(c, .afterChange)
        return ((middle - start).ticks, (end - change).ticks)
    }

    /// Ticks beyond the measured change: a member that times out has a step more.
    private static var margin: UInt64 { 40 }

    /// Sweeps the cut over the change.
    ///
    /// - Returns: the number of cuts.
    func sweep(_ c: Checks) throws(Failure) -> UInt64 {
        let length = try measure(c)
        for place in 0..<length.change + CutChain.margin {
            try sample(c, build: length.build, place: place)
            do throws(Failure) {
                try check(c, .afterCut)
            } catch {
                console.write("change, place:", [change.rawValue, place])
                throw error
            }
        }
        try c.equal(gaps, CutChain.allGaps, "gaps between two steps that no cut met")
        try c.equal(strangeGaps, 0, "the change was at no gap")
        try c.equal(strangeCuts, 0, "the member's priority was stale right after the cut")
        try c.equal(stalePriorities, 0, "a less urgent thread ran before the steps were done")
        try c.equal(testimonies, cuts, "that thread has not run")
        return cuts
    }

    /// One change, with the cut at a tick of it.
    ///
    /// - Parameter build: the ticks that the chain takes to be built.
    private func sample(_ c: Checks, build length: UInt64, place: UInt64) throws(Failure) {
        let cuts = cuts
        // A member that times out knows the instant from the moment when it calls.
        let isEarly = cut.kind == .timeOut
        var begin = Instant.now + Duration(ticks: length * 5 / 4 + 100)
        try build(c, deadline: begin + Duration(ticks: place))
        if !isEarly { begin = Instant.now + Duration(ticks: 100) }
        let instant = begin + Duration(ticks: place)
        try c.succeed { () throws(KernelError) in try timer.arm(instant) }
        try c.expect(Instant.now < begin, "the chain is not built in time", Instant.now.ticks)
        while Instant.now < begin {}
        self.begin()
        // Whatever the instant brings is more urgent than this thread.
        while Instant.now.ticks < instant.ticks + 16 {}
        try c.equal(self.cuts, cuts + 1, "the most urgent thread has not run")
    }

    // What must hold

    /// Checks every thread's effective priority, state and outcome.
    private func check(_ c: Checks, _ time: CheckTime) throws(Failure) {
        let cut = time == .afterCut ? self.cut : ChainCut(kind: .nothing, member: 0)
        let client = time == .beforeChange ? change.startPriority : change.clientsPriority.after
        let hasCalled = time != .beforeChange || change != .call
        var inherited: UInt8 = 0
        for member in (1...ChainMember.client).reversed() {
            var priority = member == ChainMember.client ? client : ChainMember.ownPriority(member)
            priority = max(priority, inherited)
            if cut.kills(member) {
                let description = try c.succeed { () throws(KernelError) in
                    try CapabilityTable.own.describe(ChainMember.slot(member))
                }
                try c.expect(description.kind == .null, "the thread is not dead", UInt64(member))
            } else {
                try check(c, member, priority, cut, hasCalled: hasCalled)
            }
            let isBlocked = cut.keepsLink(of: member) && (member != ChainMember.client || hasCalled)
            inherited = isBlocked ? priority : 0
        }
        for server in 1...ChainMember.servers {
            for index in 0..<ChainMember.callersOfEach {
                let member = ChainMember.caller(index, of: server)
                try expect(
                    c, member, ChainMember.base(member), cut.kills(server) ? .waiting : .calling,
                    cut.kills(server) ? KernelError.peerDied.rawValue : Outcomes.pending)
            }
        }
        let (main, cutter) = (try c.information(Thread(RootSlot.thread)), try c.information(urgent))
        try c.equal(UInt64(main.effective), 1, "the main thread's priority")
        try c.equal(UInt64(cutter.effective), 250, "the most urgent thread's priority")
    }

    /// The same for a server or the client.
    private func check(
        _ c: Checks, _ member: Int, _ priority: UInt8, _ cut: ChainCut, hasCalled: Bool
    ) throws(Failure) {
        var state: ThreadState = ChainMember.receives(member - 1) ? .awaitingReply : .calling
        var outcome = Outcomes.pending
        if member == 1 { state = .waiting }
        if member == ChainMember.client && !hasCalled { state = .waiting }
        if !cut.keepsLink(of: member) {
            state = cut.kind == .suspend ? .stopped : .waiting
            // Its server has died, or its own call has ended.
            outcome = member == cut.member ? cut.outcome : KernelError.peerDied.rawValue
        }
        try expect(c, member, priority, state, outcome)
    }

    private func expect(
        _ c: Checks, _ member: Int, _ priority: UInt8, _ state: ThreadState, _ expected: UInt8
    ) throws(Failure) {
        let information = try c.information(Thread(ChainMember.slot(member)))
        let end = outcome(member)
        if information.effective == priority && information.state == state && end == expected {
            return
        }
        console.write(
            "member, effective priority, state, outcome:",
            [
                UInt64(member), UInt64(information.effective), UInt64(information.state.rawValue),
                UInt64(end),
            ])
        console.write("expected:", [UInt64(priority), UInt64(state.rawValue), UInt64(expected)])
        try c.equal(UInt64(information.effective), UInt64(priority), "effective priority")
        try c.equal(UInt64(information.state.rawValue), UInt64(state.rawValue), "state")
        try c.equal(UInt64(end), UInt64(expected), "outcome")
    }
}

extension Runner {
    /// Cuts each change at one member, in each way.
    fileprivate mutating func cut(_ name: StaticString, _ kind: ChainCut.Kind, _ member: Int) {
        test(name, clock: .instructions) { c throws(Failure) in
            try c.setMain(priority: 1)
            let changes: InlineArray<3, ChainChange> = [.raise, .lower, .call]
            var cuts: UInt64 = 0
            for index in changes.indices {
                let chain = try CutChain(&c, ChainCut(kind: kind, member: member), changes[index])
                cuts += try chain.sweep(c)
                try c.succeed { () throws(KernelError) in try chain.memory.reclaim() }
            }
            SystemControl(RootSlot.systemControl).write(
                "gaps that were met in each of three changes, cuts in all:",
                [
                    UInt64(CutChain.allGaps.nonzeroBitCount), cuts,
                ])
        }
    }
}

func chainCutTests(_ runner: inout Runner) {
    // The call of member 6 was received, that of member 7 is queued; the client's is queued.
    runner.cut("chain-cut.middle-killed-after-receive", .kill, 6)
    runner.cut("chain-cut.middle-killed-while-queued", .kill, 7)
    runner.cut("chain-cut.client-killed", .kill, ChainMember.client)
    runner.cut("chain-cut.middle-suspended-after-receive", .suspend, 6)
    runner.cut("chain-cut.middle-suspended-while-queued", .suspend, 7)
    runner.cut("chain-cut.client-suspended", .suspend, ChainMember.client)
    runner.cut("chain-cut.middle-revoked", .revoke, 7)
    runner.cut("chain-cut.client-revoked", .revoke, ChainMember.client)
    runner.cut("chain-cut.middle-reply-deleted", .deleteReply, 6)
    runner.cut("chain-cut.middle-timed-out-after-receive", .timeOut, 6)
    runner.cut("chain-cut.middle-timed-out-while-queued", .timeOut, 7)
    runner.cut("chain-cut.client-timed-out", .timeOut, ChainMember.client)
}
