// Many threads that are queued at one endpoint through several capabilities, a thread that takes
// some of these away, and a more urgent one with a periodic timer.
//
//     endpoint ┬ parent, badge 81 ─ child ─ grandchild
//              └ other, badge 82
//
// The senders differ in priority; half of them are more urgent than the revoker. Half of them call,
// the others send one way. Some have a deadline that never comes, some have one that passes while
// the revocation goes on.

import KernelABI
import UserRuntime

/// What is taken away, and how.
enum Removal: UInt64 {
    /// What was derived from the parent.
    case revocation = 0
    /// The parent and what was derived from it.
    case deletion = 1
    /// The only capability to the endpoint.
    case lastDeletion = 2

    /// How a call ends that was made with a capability which goes.
    var outcome: UInt8 {
        self == .lastDeletion
            ? KernelError.peerDied.rawValue : KernelError.invalidCapability.rawValue
    }
}

/// One of the senders by number: what it does follows from that.
struct Sender {
    let number: Int
    static var count: Int { 192 }
    static var firstSlot: UInt32 { 1100 }

    enum Route { case parent, child, grandchild, other }
    enum Deadline { case none, far, near }

    var thread: Thread { Thread(Slot(Sender.firstSlot + UInt32(number))) }
    var priority: UInt8 { UInt8(20 + number * 37 % 81) }
    var isOneWay: Bool { number / 6 % 2 == 1 }
    var route: Route {
        switch number % 8 {
        case 0, 1, 2: .child
        case 3, 4: .grandchild
        case 5, 6: .parent
        default: .other
        }
    }
    var deadline: Deadline { number % 5 == 1 ? .far : number % 5 == 3 ? .near : .none }
    var badge: UInt64 { route == .other ? 82 : 81 }

    /// Whether the capability that it sends through goes.
    func isHit(by removal: Removal) -> Bool {
        switch route {
        case .child, .grandchild: true
        case .parent: removal != .revocation
        case .other: removal == .lastDeletion
        }
    }
    /// Where it sends to.
    func slot(_ removal: Removal) -> Slot {
        if removal == .lastDeletion { return SenderSlot.endpoint }
        switch route {
        case .parent: return SenderSlot.parent
        case .child: return SenderSlot.child
        case .grandchild: return SenderSlot.grandchild
        case .other: return SenderSlot.other
        }
    }
    var instant: Instant {
        switch deadline {
        case .none: .never
        case .far: Instant(ticks: 1 << 50 + UInt64(number))
        case .near:
            Instant(ticks: note(SenderNote.begin) + UInt64(number) * 53 % SenderNote.nearTicks)
        }
    }
}

enum SenderSlot {
    static var endpoint: Slot { Slot(1000) }
    static var parent: Slot { Slot(1001) }
    static var child: Slot { Slot(1002) }
    static var grandchild: Slot { Slot(1003) }
    static var other: Slot { Slot(1004) }
}

/// What the threads find in the notes.
enum SenderNote {
    static var removal: Int { 0 }
    /// When the revocation begins; deadlines that are near pass within `nearTicks` from then on.
    static var begin: Int { 1 }
    static var nearTicks: UInt64 { 4000 }
    /// Slots of notifications: where threads wait in the end, what makes the revoker go, the beat.
    static var parking: Int { 2 }
    static var go: Int { 3 }
    static var beat: Int { 4 }
    /// The beat's first instant and its period.
    static var first: Int { 5 }
    static var period: Int { 6 }
    /// 1 while the revocation goes on; the error that it ended with.
    static var isRevoking: Int { 7 }
    static var error: Int { 8 }
    /// The beat's wake-ups: all of the round, those that came a period late or later, those during
    /// the revocation, and those of them that found more senders ended than the one before.
    static var wakes: Int { 9 }
    static var missed: Int { 10 }
    static var during: Int { 11 }
    static var progress: Int { 12 }
    static var ended: Int { 13 }
}

private func noted(_ index: Int) -> Notification { Notification(Slot(UInt32(note(index)))) }
private var currentRemoval: Removal {
    Removal(rawValue: note(SenderNote.removal)) ?? .revocation
}

let senderThread: @convention(c) (UInt64) -> Void = { number in
    let sender = Sender(number: Int(number))
    let endpoint = Endpoint(sender.slot(currentRemoval))
    noteOutcome(sender.number) { () throws(KernelError) in
        if sender.isOneWay {
            try endpoint.send(RegisterMessage(number), deadline: sender.instant)
        } else {
            _ = try endpoint.call(RegisterMessage(number), deadline: sender.instant)
        }
    }
    _ = try? noted(SenderNote.parking).wait()
    endThread()
}

/// Takes the capabilities away, each time it is told to.
let revoker: @convention(c) (UInt64) -> Void = { _ in
    while (try? noted(SenderNote.go).wait()) != nil {
        setNote(SenderNote.isRevoking, 1)
        do throws(KernelError) {
            switch currentRemoval {
            case .revocation: try CapabilityTable.own.revoke(SenderSlot.parent)
            case .deletion: try CapabilityTable.own.delete(SenderSlot.parent)
            case .lastDeletion: try CapabilityTable.own.delete(SenderSlot.endpoint)
            }
            setNote(SenderNote.error, 0)
        } catch { setNote(SenderNote.error, UInt64(error.rawValue)) }
        setNote(SenderNote.isRevoking, 0)
    }
    endThread()
}

/// The most urgent thread: each wake-up must come within a period.
let beatWatcher: @convention(c) (UInt64) -> Void = { _ in
    while (try? noted(SenderNote.beat).wait()) != nil {
        let now = Instant.now.ticks
        let period = note(SenderNote.period)
        let due = note(SenderNote.first) &+ note(SenderNote.wakes) &* period
        addNote(SenderNote.wakes)
        if now < due || now - due >= period { addNote(SenderNote.missed) }
        if note(SenderNote.isRevoking) == 0 { continue }
        addNote(SenderNote.during)
        var ended: UInt64 = 0
        for number in 0..<Sender.count where outcome(number) != Outcomes.pending { ended += 1 }
        if ended > note(SenderNote.ended) { addNote(SenderNote.progress) }
        setNote(SenderNote.ended, ended)
    }
    endThread()
}

/// The threads of the running test, as its main thread sees them; it is the least urgent of all.
struct Senders {
    let removal: Removal
    /// The server that is bound to the endpoint, and waits for something else.
    let server: Thread
    let timer: Timer
    /// What the endpoint is made from.
    private let arena: Untyped
    let reply: Reply

    static var serverPriority: UInt8 { 10 }

    init(_ c: inout Checks, _ removal: Removal) throws(Failure) {
        clearNotes()
        self.removal = removal
        setNote(SenderNote.removal, removal.rawValue)
        for index in SenderNote.parking...SenderNote.beat {
            setNote(index, UInt64(try c.notification().slot.index))
        }
        arena = Untyped(try c.make(.untyped, sizeBits: 12))
        reply = try c.reply()
        timer = Timer(try c.make(.timer))
        server = try c.spawn(
            priority: Senders.serverPriority,
            { _ in
                _ = try? noted(SenderNote.parking).wait()
                endThread()
            })
        _ = try c.spawn(priority: 60, revoker)
        _ = try c.spawn(priority: 250, beatWatcher)
        let timer = timer
        try c.succeed { () throws(KernelError) in
            try timer.bind(noted(SenderNote.beat), bits: 1)
        }
        for number in 0..<Sender.count {
            let sender = Sender(number: number)
            try c.makeThread(sender.thread, priority: sender.priority, from: c.memory)
        }
    }

    /// Queues all senders, at a new endpoint.
    func queue(_ c: Checks) throws(Failure) {
        for number in 0..<Sender.count { try? Sender(number: number).thread.suspend() }
        let own = CapabilityTable.own
        try c.succeed { () throws(KernelError) in
            try arena.reclaim()
            try arena.retype(.endpoint, index: SenderSlot.endpoint)
            try Endpoint(SenderSlot.endpoint).bindServer(server)
            if removal == .lastDeletion { return }
            try own.mint(SenderSlot.endpoint, to: SenderSlot.parent, badge: 81)
            try own.copy(SenderSlot.parent, to: SenderSlot.child)
            try own.copy(SenderSlot.child, to: SenderSlot.grandchild)
            try own.mint(SenderSlot.endpoint, to: SenderSlot.other, badge: 82)
        }
        for number in 0..<Sender.count {
            try c.restart(Sender(number: number).thread, senderThread, number: number)
        }
    }

    /// Lets the revoker go at its instant, beside the beat, and returns when nothing is left to be
    /// done.
    ///
    /// - Parameter lead: ticks from there to the beat's first instant.
    func remove(_ c: Checks, lead: UInt64) throws(Failure) {
        let begin = Instant(ticks: note(SenderNote.begin))
        for index in SenderNote.isRevoking...SenderNote.ended { setNote(index, 0) }
        setNote(SenderNote.first, begin.ticks + lead)
        try c.succeed { () throws(KernelError) in
            try timer.arm(
                begin + Duration(ticks: lead), period: Duration(ticks: note(SenderNote.period)))
        }
        try c.expect(Instant.now < begin, "the senders are not queued in time", Instant.now.ticks)
        while Instant.now < begin {}
        try c.succeed { () throws(KernelError) in try noted(SenderNote.go).signal(1) }
        while Instant.now < begin + Duration(ticks: SenderNote.nearTicks + 64) {}
        try c.succeed { () throws(KernelError) in try timer.cancel() }
    }
}
