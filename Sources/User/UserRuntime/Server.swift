// A task's main loop: one `receive` takes requests, interrupts, timers; signs of life go out on their own.

import CUserEntry
import KernelABI

/// What the task was given; reads the page in x0.
public func startInformation(_ address: UInt) -> StartInformation {
    // Safety: the root task maps this page before the task runs; a null pointer faults, as it should.
    let information = unsafe UnsafePointer<StartInformation>(bitPattern: address).unsafelyUnwrapped.pointee
    swiftlet_heap_add(TaskAddress.heap, information.heapBytes)
    return information
}

/// Gives the heap its memory, for a task that maps it itself. Once, before the first allocation.
public func addHeap(_ address: UInt64, _ bytes: UInt64) { swiftlet_heap_add(address, bytes) }

/// Memory of the task that survives its restarts, as words.
public func persistentMemory(_ information: StartInformation) -> UnsafeMutableBufferPointer<UInt64> {
    // Safety: the root task mapped that many bytes there.
    unsafe UnsafeMutableBufferPointer(
        start: UnsafeMutablePointer(bitPattern: UInt(TaskAddress.persistent)),
        count: Int(information.persistentBytes / 8))
}

/// A server with one endpoint, one notification, and up to two callers that it lets wait.
public struct Server {
    public let endpoint = Endpoint(StartSlot.endpoint)
    public let notification = Notification(StartSlot.notification)
    public let timer = Timer(StartSlot.timer)
    private let heartbeat: Duration
    private var free: (Bool, Bool, Bool) = (true, true, true)
    private var current = Reply(StartSlot.reply)
    private var isAnswering = false
    private var answer = RegisterMessage()
    private var attachment = Attachment()

    /// The bit by which the own timer tells a sign of life is due.
    public static var heartbeatBit: UInt64 { 1 << 63 }

    /// Binds notification and timer to this thread; both are the task's own. No capability is taken from a client.
    public init(_ information: StartInformation) {
        heartbeat = Duration(ticks: information.heartbeatTicks)
        IPCBufferAccess().setReceiveSlots(.none)
        try? Thread(StartSlot.thread).bindNotification(notification)
        if heartbeat.ticks > 0 {
            try? timer.bind(notification, bits: Server.heartbeatBit)
            // Four times in its period: signs may go amiss.
            let quarter = Duration(ticks: heartbeat.ticks / 4)
            try? timer.arm(.after(quarter), period: quarter)
        }
    }

    /// The next request or notification. Sends the answer of `reply` first.
    ///
    /// Not inlined, so that a report of a task that waits names the place in its own loop.
    @inline(never) public mutating func next() -> Received {
        while true {
            if let received = next(by: .never) { return received }
        }
    }

    /// The next request or notification, or nil when none has come by `deadline`. Sends the answer of `reply` first.
    public mutating func next(by deadline: Instant) -> Received? {
        while true {
            let received: Received
            do throws(KernelError) {
                if isAnswering {
                    isAnswering = false
                    received = try endpoint.replyAndReceive(answer, attachment, reply: current, deadline: deadline)
                } else {
                    received = try endpoint.receive(reply: current, deadline: deadline)
                }
            } catch {
                if error == .timedOut { return nil }
                // A task without its endpoint is of no use: the supervisor shall see it.
                if error != .cancelled { swiftlet_trap() }
                continue
            }
            if received.delivery != .notification { return received }
            if received.badge & Server.heartbeatBit != 0 { showSignOfLife() }
            var rest = received
            rest.badge &= ~Server.heartbeatBit
            if rest.badge != 0 { return rest }
        }
    }

    /// Answers the present caller with the next `next`.
    public mutating func reply(_ message: RegisterMessage, _ attachment: Attachment = Attachment()) {
        answer = message
        self.attachment = attachment
        isAnswering = true
    }

    /// Keeps the present caller waiting: the reply object to answer it later. Nil when two wait already.
    public mutating func hold() -> Reply? {
        let held = current
        setFree(held, false)
        if let other = firstFree {
            current = other
            return held
        }
        setFree(held, true)
        return nil
    }

    /// Answers a caller that was held.
    public mutating func release(_ held: Reply, _ message: RegisterMessage) {
        try? held.reply(message)
        setFree(held, true)
    }

    private var firstFree: Reply? {
        if free.0 { return Reply(StartSlot.reply) }
        if free.1 { return Reply(Slot(StartSlot.reply.index + 1)) }
        if free.2 { return Reply(Slot(StartSlot.reply.index + 2)) }
        return nil
    }
    private mutating func setFree(_ reply: Reply, _ isFree: Bool) {
        switch reply.slot.index - StartSlot.reply.index {
        case 0: free.0 = isFree
        case 1: free.1 = isFree
        default: free.2 = isFree
        }
    }

    /// The reply object of the present caller, to read from and write to what it lent.
    public var caller: Reply { current }
}

/// A sign of life to the supervisor, by a task that is watched: a `Server` sends it on its own. It never waits: a driver must
/// not be late for its device because the supervisor is, and where one sign is not taken the next one is.
public func showSignOfLife() {
    try? Endpoint(StartSlot.supervisor).send(RegisterMessage(SupervisorWord.heartbeat), deadline: .immediately)
}

/// Word 0 of what every task may send to the supervisor.
public enum SupervisorWord {
    public static var heartbeat: UInt64 { 0 }
    /// Word 1: how many lines for the log the task has lost so far, since it has no log.
    public static var lostLines: UInt64 { 6 }
}
