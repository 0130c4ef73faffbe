// A chain of bound servers that another thread cuts while a change of priority travels along it.
//
//     client → [ server 12 → … → server 2 → server 1 ] → a notification without signals
//                   ↑ 2 callers     ↑ 2 callers
//
// Server n is bound to endpoint n and calls endpoint n - 1. A server of odd number has received the
// call of the one before it and holds its reply object; at one of even number that call is queued.
// So a cut meets both kinds of link. Each thread notes how its call ended, and then waits.
//
// The further callers differ in priority, so the priority that a server has after a cut depends on
// its place in the chain. A server that keeps the client's priority shows, and so does one that
// does not inherit from its own callers.

import KernelABI
import UserRuntime

/// The chain's threads by number: servers from 1, the client, the further callers.
enum ChainMember {
    static var servers: Int { 12 }
    static var client: Int { servers + 1 }
    static var callersOfEach: Int { 2 }
    static var count: Int { client + 1 + servers * callersOfEach }

    static func caller(_ index: Int, of server: Int) -> Int {
        client + 1 + (server - 1) * callersOfEach + index
    }
    /// Whether a server receives the call of the one before it.
    static func receives(_ server: Int) -> Bool { server % 2 == 1 }

    static func slot(_ member: Int) -> Slot { Slot(1100 + UInt32(member)) }
    static func endpoint(_ server: Int) -> Slot { Slot(1000 + UInt32(server)) }
    static func reply(_ server: Int) -> Slot { Slot(1020 + UInt32(server)) }
    /// What fills the memory of a member that was killed: 16 slots.
    static var fillers: Slot { Slot(1200) }
    /// What a server or the client calls through: derived from the endpoint, and its own.
    static func link(_ member: Int) -> Slot { Slot(1040 + UInt32(member)) }
    static func target(_ member: Int) -> Slot {
        if member <= client { return link(member) }
        return endpoint((member - client - 1) / callersOfEach + 1)
    }

    static var lowPriority: UInt8 { 5 }
    static var highPriority: UInt8 { 200 }
    static var witnessPriority: UInt8 { 100 }
    /// Base priority; the client's depends on the change.
    static func base(_ member: Int) -> UInt8 {
        if member <= servers { return UInt8(10 + member * 5 % 7) }
        return UInt8(20 + member * 11 % 37)
    }
    /// The base priority of a server, and what it inherits from its further callers.
    static func ownPriority(_ server: Int) -> UInt8 {
        var priority = base(server)
        for index in 0..<callersOfEach { priority = max(priority, base(caller(index, of: server))) }
        return priority
    }
}

/// What travels along the chain.
enum ChainChange: UInt64 {
    /// The client is queued, and its base priority goes up or down.
    case raise = 0
    case lower = 1
    /// The client calls.
    case call = 2

    var clientsPriority: (before: UInt8, after: UInt8) {
        switch self {
        case .raise: (ChainMember.lowPriority, ChainMember.highPriority)
        case .lower: (ChainMember.highPriority, ChainMember.lowPriority)
        case .call: (ChainMember.lowPriority, ChainMember.highPriority)
        }
    }
    /// The client's base priority when it starts.
    var startPriority: UInt8 { self == .call ? clientsPriority.after : clientsPriority.before }
}

/// How a member's wait for the next server ends.
struct ChainCut {
    enum Kind: UInt64 {
        case nothing = 0
        case kill = 1
        case suspend = 2
        /// The capability that the member called through is revoked.
        case revoke = 3
        /// The reply object that holds its call is deleted.
        case deleteReply = 4
        case timeOut = 5
    }
    let kind: Kind
    let member: Int

    /// What the member's call ends with; `pending` where the member itself stops.
    var outcome: UInt8 {
        switch kind {
        case .nothing, .kill, .suspend: Outcomes.pending
        case .revoke: KernelError.invalidCapability.rawValue
        case .deleteReply: KernelError.peerDied.rawValue
        case .timeOut: KernelError.timedOut.rawValue
        }
    }
    func kills(_ member: Int) -> Bool { kind == .kill && member == self.member }
    /// Whether the member waits for the next server still.
    func keepsLink(of member: Int) -> Bool {
        if kind == .nothing { return true }
        return member != self.member && !kills(member - 1)
    }
}

/// What the chain's threads find in the notes.
private enum ChainNote {
    static var change: Int { 0 }
    static var cutKind: Int { 1 }
    static var cutMember: Int { 2 }
    static var deadline: Int { 3 }
    /// Slots: where a member waits in the end, where server 1 waits, what makes the client call,
    /// memory of the member that dies, what the timer signals.
    static var parking: Int { 8 }
    static var end: Int { 9 }
    static var go: Int { 10 }
    static var grave: Int { 11 }
    static var beat: Int { 12 }
    /// What wakes the witness.
    static var witness: Int { 13 }
    /// Bit n: the cutter ran when n servers had their new priority.
    static var gaps: Int { 16 }
    /// Wake-ups of the cutter, and those at which the priorities were not those of a gap.
    static var cuts: Int { 17 }
    static var strange: Int { 18 }
    /// Cuts behind which the member had another priority than its callers give it.
    static var strangeCuts: Int { 19 }
    /// Runs of the witness, and members that it saw with a priority that was to change.
    static var testimonies: Int { 20 }
    static var stale: Int { 21 }
}

private func noted(_ index: Int) -> Notification { Notification(Slot(UInt32(note(index)))) }

private var currentCut: ChainCut {
    ChainCut(
        kind: ChainCut.Kind(rawValue: note(ChainNote.cutKind)) ?? .nothing,
        member: Int(note(ChainNote.cutMember)))
}

/// The deadline of a member's call. The member that times out has the instant of the cut. Every
/// third has one that never comes, so that its step has a second part.
private func deadline(_ member: Int) -> Instant {
    if member == currentCut.member && currentCut.kind == .timeOut {
        return Instant(ticks: note(ChainNote.deadline))
    }
    return member % 3 == 0 ? Instant(ticks: 1 << 50 + UInt64(member)) : .never
}

private let chainMember: @convention(c) (UInt64) -> Void = { number in
    let member = Int(number)
    if member <= ChainMember.servers && ChainMember.receives(member) {
        let endpoint = Endpoint(ChainMember.endpoint(member))
        _ = try? endpoint.receive(reply: Reply(ChainMember.reply(member)))
    }
    if member == ChainMember.client && note(ChainNote.change) == ChainChange.call.rawValue {
        _ = try? noted(ChainNote.go).wait()
    }
    noteOutcome(member) { () throws(KernelError) in
        if member == 1 {
            _ = try noted(ChainNote.end).wait()
        } else {
            let target = Endpoint(ChainMember.target(member))
            _ = try target.call(RegisterMessage(), deadline: deadline(member))
        }
    }
    _ = try? noted(ChainNote.parking).wait()
    endThread()
}

/// The most urgent thread: looks where the change has arrived, and cuts the chain.
private let cutter: @convention(c) (UInt64) -> Void = { _ in
    while (try? noted(ChainNote.beat).wait()) != nil {
        observeChain()
        let cut = currentCut
        switch cut.kind {
        case .nothing, .timeOut: break
        case .kill: bury(in: Untyped(Slot(UInt32(note(ChainNote.grave)))))
        case .suspend: try? Thread(ChainMember.slot(cut.member)).suspend()
        case .revoke: try? CapabilityTable.own.revoke(ChainMember.endpoint(cut.member - 1))
        case .deleteReply: try? CapabilityTable.own.delete(ChainMember.reply(cut.member - 1))
        }
        observeCut(cut)
        addNote(ChainNote.cuts)
        try? noted(ChainNote.witness).signal(1)
    }
    endThread()
}

/// Destroys a member and fills its memory, so that nothing in the kernel may refer to it any more.
private func bury(in grave: Untyped) {
    do throws(KernelError) {
        try grave.reclaim()
        try grave.retype(.notification, count: 16, index: ChainMember.fillers)
    } catch { addNote(ChainNote.strangeCuts) }
}

/// A suspended member stands in no queue. So it needs no step: at once it has what its own callers
/// have passed on, which is the old priority of the change or the new one.
private func observeCut(_ cut: ChainCut) {
    guard cut.kind == .suspend, let change = ChainChange(rawValue: note(ChainNote.change)),
        let member = try? Thread(ChainMember.slot(cut.member)).information()
    else { return }
    var (old, new) = change.clientsPriority
    if cut.member == ChainMember.client {
        (old, new) = (member.base, member.base)
    } else {
        for server in cut.member...ChainMember.servers {
            old = max(old, ChainMember.ownPriority(server))
            new = max(new, ChainMember.ownPriority(server))
        }
    }
    if member.effective != old && member.effective != new { addNote(ChainNote.strangeCuts) }
}

/// A thread that the cutter wakes, less urgent than the change and more urgent than all else. When
/// it runs, nothing that urgent is left to be done: exactly those are lifted that are urgent
/// themselves or have a lifted caller.
private let witness: @convention(c) (UInt64) -> Void = { _ in
    while (try? noted(ChainNote.witness).wait()) != nil {
        var hasLiftedCaller = false
        for member in (1...ChainMember.client).reversed() {
            guard let seen = try? Thread(ChainMember.slot(member)).information() else {
                hasLiftedCaller = false
                continue
            }
            let isLifted = seen.effective > ChainMember.witnessPriority
            if isLifted != (hasLiftedCaller || seen.base > ChainMember.witnessPriority) {
                addNote(ChainNote.stale)
            }
            hasLiftedCaller = isLifted && (seen.state == .calling || seen.state == .awaitingReply)
        }
        addNote(ChainNote.testimonies)
    }
    endThread()
}

/// Notes how many servers have their new priority. Those are the first ones, and the others have
/// the old one.
private func observeChain() {
    guard let change = ChainChange(rawValue: note(ChainNote.change)) else { return }
    var (old, new) = change.clientsPriority
    var changed = 0
    for server in (1...ChainMember.servers).reversed() {
        old = max(old, ChainMember.ownPriority(server))
        new = max(new, ChainMember.ownPriority(server))
        guard let seen = try? Thread(ChainMember.slot(server)).information().effective else {
            return addNote(ChainNote.strange)
        }
        if seen == new && changed == ChainMember.servers - server {
            changed += 1
        } else if seen != old {
            return addNote(ChainNote.strange)
        }
    }
    setNote(ChainNote.gaps, note(ChainNote.gaps) | 1 << UInt64(changed))
}

/// The chain of the running test, as its main thread sees it. That thread is the least urgent of
/// all: where it runs, nothing is left to be done.
struct CutChain {
    let cut: ChainCut
    let change: ChainChange
    /// What the member that dies and the reply object that is deleted are made from.
    private let grave: Untyped
    private let replyGrave: Untyped
    let memory: Untyped
    let timer: Timer
    let urgent: Thread

    /// Bits of the gaps that the cutter has seen.
    var gaps: UInt64 { note(ChainNote.gaps) }
    static var allGaps: UInt64 { 1 << UInt64(ChainMember.servers + 1) - 1 }
    /// Wake-ups of the cutter, and those at which the priorities were not those of a gap.
    var cuts: UInt64 { note(ChainNote.cuts) }
    var strangeGaps: UInt64 { note(ChainNote.strange) }
    /// Cuts behind which the member itself had a stale priority.
    var strangeCuts: UInt64 { note(ChainNote.strangeCuts) }
    /// Runs of the witness, and stale priorities that it saw.
    var testimonies: UInt64 { note(ChainNote.testimonies) }
    var stalePriorities: UInt64 { note(ChainNote.stale) }

    init(_ c: inout Checks, _ cut: ChainCut, _ change: ChainChange) throws(Failure) {
        clearNotes()
        (self.cut, self.change, memory) = (cut, change, c.memory)
        grave = Untyped(try c.make(.untyped, sizeBits: 12))
        replyGrave = Untyped(try c.make(.untyped, sizeBits: 12))
        timer = Timer(try c.make(.timer))
        setNote(ChainNote.change, change.rawValue)
        setNote(ChainNote.cutKind, cut.kind.rawValue)
        setNote(ChainNote.cutMember, UInt64(cut.member))
        setNote(ChainNote.grave, UInt64(grave.slot.index))
        for index in ChainNote.parking...ChainNote.go {
            setNote(index, UInt64(try c.notification().slot.index))
        }
        setNote(ChainNote.beat, UInt64(try c.notification().slot.index))
        setNote(ChainNote.witness, UInt64(try c.notification().slot.index))
        urgent = try c.spawn(priority: 250, cutter)
        _ = try c.spawn(priority: ChainMember.witnessPriority, witness)
        let (memory, timer) = (memory, timer)
        try c.succeed { () throws(KernelError) in
            try timer.bind(noted(ChainNote.beat), bits: 1)
            try memory.retype(
                .endpoint, count: ChainMember.servers, index: ChainMember.endpoint(1))
        }
    }

    private func isEmpty(_ slot: Slot) -> Bool {
        (try? CapabilityTable.own.describe(slot))?.kind == .null
    }

    /// Builds the chain with its change still to come; what the last cut destroyed is made anew.
    ///
    /// - Parameters:
    ///   - isFirst: whether all is to be made, not only what a cut can destroy.
    ///   - instant: the deadline of the member that times out.
    func build(
        _ c: Checks, isFirst: Bool = false, deadline instant: Instant
    ) throws(Failure) {
        setNote(ChainNote.deadline, instant.ticks)
        for member in 1..<ChainMember.count { try? Thread(ChainMember.slot(member)).suspend() }
        for member in isFirst ? 1..<ChainMember.count : cut.member - 1..<cut.member + 1 {
            try complete(c, member)
        }
        // A client that was stopped before it could call has left this.
        _ = try? noted(ChainNote.go).poll()
        let client = Thread(ChainMember.slot(ChainMember.client))
        try c.succeed { () throws(KernelError) in
            try client.setPriority(change.startPriority, maximum: 254)
        }
        for member in (1...ChainMember.client).reversed() { try restart(c, member) }
        for member in (ChainMember.client + 1)..<ChainMember.count { try restart(c, member) }
    }
    private func restart(_ c: Checks, _ member: Int) throws(Failure) {
        try c.restart(Thread(ChainMember.slot(member)), chainMember, number: member)
    }

    /// Makes what a member lacks: its thread, its capability, its reply object.
    private func complete(_ c: Checks, _ member: Int) throws(Failure) {
        let thread = Thread(ChainMember.slot(member))
        let isServer = member <= ChainMember.servers
        if isEmpty(thread.slot) {
            if cut.kills(member) { try c.succeed { () throws(KernelError) in try grave.reclaim() } }
            try c.makeThread(
                thread, priority: ChainMember.base(member), from: cut.kills(member) ? grave : memory
            )
            if isServer {
                try c.succeed { () throws(KernelError) in
                    try Endpoint(ChainMember.endpoint(member)).bindServer(thread)
                }
            }
        }
        if member > 1 && member <= ChainMember.client && isEmpty(ChainMember.link(member)) {
            try c.succeed { () throws(KernelError) in
                try CapabilityTable.own.copy(
                    ChainMember.endpoint(member - 1), to: ChainMember.link(member))
            }
        }
        if isServer && ChainMember.receives(member) && isEmpty(ChainMember.reply(member)) {
            let dies = cut.kind == .deleteReply && member == cut.member - 1
            let memory = dies ? replyGrave : memory
            try c.succeed { () throws(KernelError) in
                if dies { try replyGrave.reclaim() }
                try memory.retype(.reply, index: ChainMember.reply(member))
            }
        }
    }

    /// Lets the change begin; a client that the cut has destroyed or stopped takes no part.
    func begin() {
        if change == .call {
            try? noted(ChainNote.go).signal(1)
        } else {
            let client = Thread(ChainMember.slot(ChainMember.client))
            try? client.setPriority(change.clientsPriority.after, maximum: 254)
        }
    }
}
