// A task's main loop: one `receive` takes requests, interrupts, timers; signs of life go out on
// their own.

import CUserEntry
import KernelABI
import Protocols

/// What the task was given; reads the page in x0.
public func startInformation(_ address: UInt) -> StartInformation {
    // Safety: the root task maps this page before the task runs; a null pointer faults, as
    // it should.
    let page = unsafe UnsafePointer<StartInformation>(bitPattern: address)
    let information = unsafe page.unsafelyUnwrapped.pointee
    IPCBufferAccess().setReceiveSlot(.none)
    swiftlet_heap_add(TaskAddress.heap, information.heapBytes)
    // Before the task starts a thread.
    unsafe logLevel = LogLevel(rawValue: UInt8(truncatingIfNeeded: information.logLevel)) ?? .notice
    return information
}

/// Gives the heap its memory, for a task that maps it itself. Once, before the first allocation.
public func addHeap(_ address: UInt64, _ bytes: UInt64) { swiftlet_heap_add(address, bytes) }

/// Memory of the task that survives its restarts, as words.
public func persistentMemory(
    _ information: StartInformation
) -> UnsafeMutableBufferPointer<UInt64> {
    // Safety: the root task mapped that many bytes there.
    unsafe UnsafeMutableBufferPointer(
        start: UnsafeMutablePointer(bitPattern: UInt(TaskAddress.persistent)),
        count: Int(information.persistentBytes / 8))
}

/// A server with one endpoint, one notification, and callers that it lets wait: as many as the
/// manifest says by `waiting`, and of each client no more than its part. A caller that gives up, or
/// dies, does not keep its place.
///
/// No message ends it or keeps its reply object: what the task's loop neither answers nor holds,
/// `next` refuses.
public struct Server {
    public let endpoint: Endpoint
    public let notification: Notification
    public let timer = Timer(StartSlot.timer)
    private let heartbeat: Duration
    private var current: Reply
    /// The client of the present caller.
    private var client = ClientBadge(raw: 0)
    private let waitingOfClient: Int
    private let handlesFaults: Bool
    /// The slot of a capability that a client sent.
    let arrival: Slot
    /// Whether the reply object holds a caller for whom there is no answer yet, and whether that is
    /// a faulted thread.
    private var isOwing = false
    /// Whether the last message brought a capability.
    private var hasArrived = false
    private var isFault = false
    /// Whether clients, or callers that are kept waiting, may have gone: the notification that
    /// `next` returned says so.
    public private(set) var haveClientsGone = false
    private var isAnswering = false
    private var answer = RegisterMessage()
    private var attachment = Attachment()

    /// The bit by which the own timer tells a sign of life is due.
    public static var heartbeatBit: UInt64 { 1 << 63 }
    /// The bit by which the root task tells that a task has ended which may open the service.
    public static var clientEndedBit: UInt64 { 1 << 59 }
    /// The bits of the notification that are the task's.
    private static var taskBits: UInt64 { clientEndedBit - 1 }

    /// Word 0 of the answer to a request that the task's loop leaves unanswered. No service gives
    /// it to a success.
    public static var refused: UInt64 { Refusal.dropped.rawValue }

    /// Binds notification and timer to this thread; both are the task's own. Bits 59 to 63 of the
    /// notification are the server's.
    ///
    /// - Parameters:
    ///   - handlesFaults: `next` returns faults too. Else a faulted thread is told to stay stopped.
    ///   - slot: for a capability that a client sends. What the task's loop leaves there, `next`
    ///     deletes. `.none`: no client can send any.
    public init(
        _ information: StartInformation, handlesFaults: Bool = false, receiving slot: Slot = .none
    ) {
        endpoint = Endpoint(StartSlot.endpoint)
        notification = Notification(StartSlot.notification)
        self.handlesFaults = handlesFaults
        arrival = slot
        heartbeat = Duration(ticks: information.heartbeatTicks)
        let waiting = Int(information.waiting)
        CallerPool.begin(
            waiting: waiting, first: StartSlot.replies(waiting: waiting),
            bell: notification)
        current = CallerPool.start
        waitingOfClient = Int(information.waitingOfClient)
        orEnd(
            "the notification cannot be bound",
            try Thread(StartSlot.thread).bindNotification(notification))
        if heartbeat.ticks > 0 {
            orEnd(
                "the heartbeat's timer cannot be bound",
                try timer.bind(notification, bits: Server.heartbeatBit))
            // Four times in its period: signs may go amiss.
            let quarter = Duration(ticks: heartbeat.ticks / 4)
            orEnd(
                "the heartbeat's timer cannot be armed",
                try timer.arm(.after(quarter), period: quarter))
        }
    }

    /// The root task's server, whose capabilities are elsewhere. It returns faults, and shows no
    /// sign of life.
    ///
    /// - Parameters:
    ///   - first: the slot of the first of `waiting + 1` reply objects.
    ///   - waiting: callers that can be held.
    ///   - ofClient: how many of them may be of one client.
    ///   - bell: the notification that is bound to this thread.
    public init(
        _ endpoint: Endpoint, replies first: Slot, waiting: Int, ofClient: Int, bell: Notification
    ) {
        self.endpoint = endpoint
        notification = bell
        handlesFaults = true
        arrival = .none
        heartbeat = Duration(ticks: 0)
        CallerPool.begin(waiting: waiting, first: first, bell: bell)
        current = CallerPool.start
        waitingOfClient = ofClient
    }

    /// The next request or notification. Sends the answer of `reply` first.
    ///
    /// Not inlined, so that a report of a task that waits names the place in its own loop.
    @inline(never) public mutating func next() -> Received {
        while true {
            if let received = next(by: .never) { return received }
        }
    }

    /// The same for requests of up to 128 words, which `message` gets.
    @inline(never) public mutating func next(into message: inout LongMessage) -> Received {
        while true {
            let received = next(by: .never) { (turn, endpoint) throws(KernelError) in
                if let answer = turn.answer {
                    try endpoint.replyAndReceive(
                        answer, turn.attachment, into: &message, reply: turn.reply,
                        receiving: turn.arrival)
                } else {
                    try endpoint.receive(
                        into: &message, reply: turn.reply, receiving: turn.arrival)
                }
            }
            if let received { return received }
        }
    }

    /// The next request or notification, or nil when none has come by `deadline`. Sends the answer
    /// of `reply` first, or a refusal where the last request got none.
    public mutating func next(by deadline: Instant) -> Received? {
        next(by: deadline) { (turn, endpoint) throws(KernelError) in
            if let answer = turn.answer {
                try endpoint.replyAndReceive(
                    answer, turn.attachment, reply: turn.reply, deadline: deadline,
                    receiving: turn.arrival)
            } else {
                try endpoint.receive(
                    reply: turn.reply, deadline: deadline, receiving: turn.arrival)
            }
        }
    }

    /// What one `receive` needs; an answer where one goes out first.
    private struct Turn {
        var answer: RegisterMessage?
        var attachment: Attachment
        var reply: Reply
        var arrival: Slot
    }

    @inline(__always) private mutating func next(
        by deadline: Instant, _ receive: (Turn, Endpoint) throws(KernelError) -> Received
    ) -> Received? {
        while true {
            if isOwing {
                reply(RegisterMessage(isFault ? FaultReply.stop.rawValue : Server.refused))
            }
            if hasArrived { deleteArrival() }
            let received: Received
            let wasAnswering = isAnswering
            isAnswering = false
            do throws(KernelError) {
                received = try receive(
                    Turn(
                        answer: wasAnswering ? answer : nil, attachment: attachment,
                        reply: current, arrival: arrival), endpoint)
            } catch {
                switch error {
                case .timedOut: return nil
                case .cancelled: break
                // The answer cannot go out: a capability in it is gone.
                case _ where wasAnswering: try? current.reply(RegisterMessage(Server.refused))
                // A task without its endpoint is of no use: the supervisor shall see it.
                default: swiftlet_trap_no_endpoint()
                }
                continue
            }
            hasArrived = received.capabilityCount > 0
            switch received.delivery {
            case .oneWay: return received
            case .message, .fault:
                isOwing = true
                client = ClientBadge(raw: received.badge)
                isFault = received.delivery == .fault
                if handlesFaults || !isFault { return received }
            case .notification:
                if received.badge & Server.heartbeatBit != 0 { showSignOfLife() }
                haveClientsGone =
                    CallerPool.noteGone(received.badge)
                    || received.badge & Server.clientEndedBit != 0
                var rest = received
                rest.badge &= Server.taskBits
                if rest.badge != 0 || haveClientsGone { return rest }
            }
        }
    }

    private mutating func deleteArrival() {
        hasArrived = false
        // A loop that keeps the capability has moved it on.
        try? CapabilityTable.own.delete(arrival)
    }

    /// Answers the present caller with the next `next`.
    public mutating func reply(
        _ message: RegisterMessage, _ attachment: Attachment = Attachment()
    ) {
        answer = message
        self.attachment = attachment
        isAnswering = true
        isOwing = false
    }

    /// Sends the answer of `reply` now, for a server that works on before it takes a request. A
    /// `next` that does not wait then finds a request that came because of the answer.
    public mutating func sendAnswer() {
        if !isAnswering { return }
        isAnswering = false
        // A caller that gave up meanwhile needs no answer; a capability that is gone gives none.
        do throws(KernelError) { try current.reply(answer, attachment) } catch {
            try? current.reply(RegisterMessage(Server.refused))
        }
    }

    /// Answers the present caller at once, with up to 128 words.
    public mutating func reply(_ message: inout LongMessage) {
        isOwing = false
        // A caller that gave up meanwhile needs no answer.
        try? current.reply(&message)
    }

    /// Answers the present caller. What does not fit into registers goes at once: the thread's next
    /// call could change it.
    @inline(__always) mutating func reply(_ message: MessageWriter) {
        if message.count <= 8 { return reply(message.registers) }
        isOwing = false
        // A caller that gave up meanwhile needs no answer.
        try? current.reply(message)
    }

    /// Keeps the present caller waiting: the reply object to answer it later. Nil if all places are
    /// taken, or its client's part of them, or if the caller has gone.
    ///
    /// When it goes before its answer, `next` returns a notification, of which `badge` may be 0.
    public mutating func hold() -> Reply? {
        guard let next = CallerPool.hold(current, client, atMost: waitingOfClient) else {
            return nil
        }
        defer { current = next }
        isOwing = false
        return current
    }

    /// The reply object of the present caller, to read from and write to what it lent.
    public var caller: Reply { current }
}

/// Shows a sign of life, unless this function has shown one within the last half second: for the
/// pieces of work that may take longer than the task may stay silent.
public func showSignOfLifeIfDue() {
    let now = Instant.now.ticks
    if unsafe nextSign > now { return }
    unsafe nextSign = now &+ Duration.milliseconds(500).ticks
    showSignOfLife()
}
/// In ticks. Two threads that write at once show one sign too many.
nonisolated(unsafe) private var nextSign: UInt64 = 0

/// A sign of life to the supervisor, by a task that is watched: a `Server` sends it on its own. It
/// never waits: a driver must not be late for its device because the supervisor is, and where one
/// sign is not taken the next one is.
public func showSignOfLife() {
    try? RequestWriter(method: SupervisorMethod.showLife).send(
        to: Endpoint(StartSlot.supervisor), by: .immediately)
}
