// The rows of budgets: their calls, and how long the most urgent thread waits while all threads of
// a used-up budget are demoted, or come back.
//
// They run last, since a kernel in which a budget was set takes other paths.
//
// One budget has N members of different priorities, which wait, and a most urgent one that uses it
// up. At an instant the waits of all N end. Each of them is demoted when it would run next, and
// waits again at the background priority. A period after the budget was first used, its time comes
// back, and so do all N. The thread that measures is below all of that.

import BenchmarkStatistics
import CBenchmark
import KernelABI
import UserRuntime

/// A used-up budget and its members.
private struct Exhaustion {
    static var background: UInt8 { 2 }

    let count: Int
    let arena: Untyped
    let budget: Budget
    let burner: Worker
    /// What the members wait on until they are woken, and their block: they wait with a deadline.
    let wake: Notification
    let nobody: Notification
    let block: Block

    /// Ticks of the budget: all members run once, and the rest is burned.
    var limit: UInt64 { 1000 + 150 * UInt64(count) }
    /// Ticks from the first use until the burner stops. To wake the members is not charged.
    var burning: UInt64 { limit + 100 * UInt64(count) + 700 }
    /// Ticks from the first use until the members' waits end.
    var lead: UInt64 { burning + 800 }
    var period: UInt64 { 3 * lead }

    func priority(_ number: Int) -> UInt8 { UInt8(252 - number) }
    func member(_ number: Int) -> Thread { Thread(Slot(TreePlace.passing + UInt32(number))) }

    /// Throws `wrongState` unless the least urgent member is demoted, or is not.
    func check(isDemoted: Bool) throws(KernelError) {
        let priority = isDemoted ? Exhaustion.background : priority(count - 1)
        if try member(count - 1).information().effective != priority { throw .wrongState }
    }
}

extension Bench {
    mutating func budgetRows() throws(KernelError) {
        // A budget in a running system would slow down all of it from then on.
        if selection.isQuick || !selection.isAlone || !needs("budget.") { return }
        try budgetCallRows()
        let parts = try enterTrees()
        let counts: InlineArray<3, Int> = [1, 8, 200]
        for index in counts.indices {
            try exhaustionRow("budget.exhausted-", counts[index], isReturn: false, parts)
            try exhaustionRow("budget.return-", counts[index], isReturn: true, parts)
        }
        try leaveRow(200, parts)
        try leaveTrees(parts)
        try noteEntries(" with a budget: ")
    }

    private mutating func budgetCallRows() throws(KernelError) {
        let arena = Untyped(try make(.untyped, sizeBits: 14))
        let budget = Budget(slot())
        try arena.retype(.budget, index: budget.slot)
        let set = Request(
            .setBudget, RootSlot.systemControl, UInt64(budget.slot.index),
            Duration.seconds(1).ticks, Duration.seconds(1).ticks, 1)
        // The other rows need it too.
        _ = try measure(set)
        try row(RowName("budget.set")) { () throws(KernelError) in try measure(set) }
        // A server that waits becomes an ordinary waiter of its endpoint.
        let reply = try make(.reply)
        let endpoint = try make(.endpoint)
        let server = try start(
            200, in: otherSpace, clock.loops.server,
            ControlWord(.replyAndReceive, endpoint).raw, UInt64(reply.index))
        try Endpoint(endpoint).bindServer(server)
        let bind = Request(.bindBudget, server.slot, UInt64(budget.slot.index))
        let leave = Request(.bindBudget, server.slot, UInt64(Slot.none.index))
        let call = Request(ControlWord(.call, endpoint))
        try pair(RowName("budget.bind"), bind, RowName("budget.leave"), leave) {
            () throws(KernelError) in _ = try measure(call)
        }
        let bell = try makeNotification()
        let overrun = Request(.bindOverrun, budget.slot, UInt64(bell.slot.index), 1)
        try row(RowName("budget.bind-overrun")) { () throws(KernelError) in try measure(overrun) }
        // The caller runs on the budget: what it has used is charged first.
        try Thread(RootSlot.thread).bindBudget(budget)
        let information = Request(.budgetInformation, budget.slot)
        try row(RowName("budget.information")) { () throws(KernelError) in
            try measure(information)
        }
        try arena.reclaim()
    }

    /// One row: an expiry is swept through the demotion of all members, or through their return.
    private mutating func exhaustionRow(
        _ prefix: StaticString, _ count: Int, isReturn: Bool, _ parts: TreeParts
    ) throws(KernelError) {
        let name = RowName(prefix, count)
        if !selection.accepts(name) { return }
        let members = try makeExhaustion(count, parts)
        try sweepTicks(
            name, parts.timer, delay: 2 * members.period,
            prepare: { (instant) throws(KernelError) in
                let use = Instant(ticks: instant.ticks - (isReturn ? members.period : members.lead))
                try exhaust(members, from: use)
                if !isReturn { return }
                // Where this thread goes on, all of them wait again.
                passTime(to: use + Duration(ticks: members.lead))
                try members.check(isDemoted: true)
            },
            work: { (instant) throws(KernelError) in
                passTime(to: instant + Duration(ticks: isReturn ? members.limit : 0))
                try members.check(isDemoted: !isReturn)
            })
        try destroy(parts.arena)
    }

    /// One row: a demoted thread that is ready leaves its budget, where all members are demoted.
    /// They run while this thread waits.
    private mutating func leaveRow(_ count: Int, _ parts: TreeParts) throws(KernelError) {
        let name = RowName("budget.leave.demoted-", count)
        if !selection.accepts(name) { return }
        let members = try makeExhaustion(count, parts)
        var number = 0
        try setMain(Exhaustion.background + 1)
        try row(name, samples: 40) { () throws(KernelError) in
            let use = Instant(ticks: bench_counter() + 2 * members.period)
            try exhaust(members, from: use)
            passTime(to: use + Duration(ticks: members.lead))
            try members.check(isDemoted: true)
            let member = members.member(number)
            number = (number + 37) % count
            let length = try measure(
                Request(.bindBudget, member.slot, UInt64(Slot.none.index)))
            try member.bindBudget(members.budget)
            settle(ticks: members.period)
            return length
        }
        try setMain(Exhaustion.background - 1)
        try destroy(parts.arena)
    }

    private mutating func makeExhaustion(
        _ count: Int, _ parts: TreeParts
    ) throws(KernelError) -> Exhaustion {
        treeSlots = 0
        let members = Exhaustion(
            count: count, arena: parts.arena,
            budget: Budget(try makeForTree(.budget, parts.arena)),
            burner: try makeWorker(Block(TreePlace.freeBlocks), parts.arena),
            wake: Notification(try makeForTree(.notification, parts.arena)),
            nobody: parts.nobody, block: Block(TreePlace.freeBlocks + 1))
        try console.set(
            members.budget, limit: Duration(ticks: members.limit),
            period: Duration(ticks: members.period), background: Exhaustion.background)
        try start(members.burner, 253, from: members.arena)
        try members.burner.thread.bindBudget(members.budget)
        members.block.prepare(
            wake: members.wake.slot, Request(ControlWord(.wait, members.nobody.slot)))
        for number in 0..<count {
            let member = members.member(number)
            try members.arena.retype(.thread, index: member.slot)
            try configure(
                member, members.priority(number), timerClock.loops.worker, members.block)
            try member.bindBudget(members.budget)
            try member.resume()
        }
        return members
    }

    /// From an instant on, when all time has come back: all members wait until `lead` later, and
    /// the budget is used up by then.
    private func exhaust(_ members: Exhaustion, from use: Instant) throws(KernelError) {
        passTime(to: use)
        let wait = ControlWord(.wait, members.nobody.slot)
        members.block.prepare(
            wake: members.wake.slot,
            Request(wait, by: use + Duration(ticks: members.lead)))
        for _ in 0..<members.count { try members.wake.signal(1) }
        members.burner.block.set(
            instant: timerClock.value(atTick: use.ticks + members.burning))
        try members.burner.go()
    }
}
