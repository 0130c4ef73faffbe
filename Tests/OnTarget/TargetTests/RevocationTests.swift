// The capability through which many senders are queued goes, while timer interrupts arrive.
//
// Each round queues 192 threads at an endpoint, through four capabilities or through one. Then one
// thread revokes or deletes. A more urgent thread has a periodic timer with nearly the shortest
// period, and must miss no instant. From round to round the first instant moves over a whole
// period. Afterwards every sender whose capability has gone has the right error. The others are
// still queued, and are received in the order of their priority, each with its own badge.

import KernelABI
import UserRuntime

extension Senders {
    private var console: SystemControl { SystemControl(RootSlot.systemControl) }

    /// The shortest period that the kernel allows, and a little more.
    private static var period: Duration { .nanoseconds(10_500) }
    /// How far the first instant moves from round to round: less than a step of the revocation.
    private static var leadStep: UInt64 { 16 }

    /// Sweeps the beat over the removal.
    func sweep(_ c: Checks) throws(Failure) {
        setNote(SenderNote.begin, Instant.never.ticks / 2)
        try queue(c)
        let start = Instant.now
        try queue(c)
        let length = (Instant.now - start).ticks
        setNote(SenderNote.period, Senders.period.ticks)
        var (during, progress, timedOut): (UInt64, UInt64, UInt64) = (~0, ~0, 0)
        for lead in stride(from: 0, to: Senders.period.ticks, by: UInt64.Stride(Senders.leadStep)) {
            setNote(SenderNote.begin, Instant.now.ticks + length * 5 / 4 + 100)
            try queue(c)
            try remove(c, lead: lead)
            try checkBeat(c)
            during = min(during, note(SenderNote.during))
            progress = min(progress, note(SenderNote.progress))
            timedOut += try checkOutcomes(c)
            try receiveRest(c)
        }
        console.write(
            "least instants during a removal, those after a step; time-outs:",
            [during, progress, timedOut])
        try c.expect(timedOut > 0, "no deadline has passed during the removal")
    }

    /// The revocation was interrupted between its steps, and no instant of the beat was missed.
    private func checkBeat(_ c: Checks) throws(Failure) {
        try c.equal(note(SenderNote.error), 0, "the removal has failed")
        try c.equal(note(SenderNote.missed), 0, "instants that the most urgent thread has missed")
        try c.expect(note(SenderNote.during) >= 8, "too few instants", note(SenderNote.during))
        try c.expect(note(SenderNote.progress) >= 4, "too few steps", note(SenderNote.progress))
    }

    /// Checks what each sender has got, and what the server inherits from those that are left.
    ///
    /// - Returns: how many of those that lost their capability had timed out before.
    private func checkOutcomes(_ c: Checks) throws(Failure) -> UInt64 {
        var inherited = Senders.serverPriority
        var timedOut: UInt64 = 0
        for number in 0..<Sender.count {
            let sender = Sender(number: number)
            var expected = Outcomes.pending
            if sender.isHit(by: removal) { expected = removal.outcome }
            let hasTimedOut = outcome(number) == KernelError.timedOut.rawValue
            if sender.deadline == .near && (hasTimedOut || !sender.isHit(by: removal)) {
                if sender.isHit(by: removal) { timedOut += 1 }
                expected = KernelError.timedOut.rawValue
            }
            try c.equal(UInt64(outcome(number)), UInt64(expected), "outcome of a sender")
            let information = try c.information(sender.thread)
            var state = ThreadState.waiting
            if expected == Outcomes.pending {
                state = sender.isOneWay ? .sending : .calling
                inherited = max(inherited, sender.priority)
            }
            try c.equal(
                UInt64(information.state.rawValue), UInt64(state.rawValue), "state of a sender")
            try c.equal(
                UInt64(information.effective), UInt64(sender.priority), "priority of a sender")
        }
        try c.equal(
            UInt64(try c.information(server).effective), UInt64(inherited),
            "what the server inherits")
        return timedOut
    }

    /// Receives those that are left; then nobody is blocked, and nobody inherits anything.
    private func receiveRest(_ c: Checks) throws(Failure) {
        var left = 0
        for number in 0..<Sender.count where outcome(number) == Outcomes.pending { left += 1 }
        if removal != .lastDeletion {
            try c.expect(left >= 16, "too few senders are left", UInt64(left))
        }
        let endpoint = Endpoint(SenderSlot.endpoint)
        var last = UInt8.max
        for _ in 0..<left {
            let received = try c.succeed { () throws(KernelError) in
                try endpoint.receive(reply: reply, deadline: .immediately)
            }
            let sender = Sender(number: Int(received[0]) % Sender.count)
            try c.equal(received.badge, sender.badge, "badge")
            try c.expect(!sender.isHit(by: removal), "a sender without its capability", received[0])
            try c.expect(sender.priority <= last, "order of the senders", received[0])
            try c.expect((received.delivery == .oneWay) == sender.isOneWay, "delivery", received[0])
            last = sender.priority
            if !sender.isOneWay {
                try c.succeed { () throws(KernelError) in try reply.reply(RegisterMessage()) }
            }
            try c.equal(
                UInt64(outcome(sender.number)), UInt64(Outcomes.success), "outcome of a sender")
        }
        try c.refuse(removal == .lastDeletion ? .invalidCapability : .timedOut) {
            () throws(KernelError) in
            try endpoint.receive(reply: reply, deadline: .immediately)
        }
        for number in 0..<Sender.count {
            let state = try c.information(Sender(number: number).thread).state
            try c.expect(state == .waiting, "a sender is blocked", UInt64(number))
        }
        try c.equal(
            UInt64(try c.information(server).effective), UInt64(Senders.serverPriority),
            "the server's priority")
        try c.equal(
            UInt64(try c.information(Thread(RootSlot.thread)).effective), 1,
            "the main thread's priority")
    }
}

func revocationTests(_ runner: inout Runner) {
    runner.test("revocation.many-senders", clock: .instructions) { c throws(Failure) in
        try c.setMain(priority: 1)
        try Senders(&c, .revocation).sweep(c)
    }
    runner.test("revocation.deletion-with-many-senders", clock: .instructions) {
        c throws(Failure) in
        try c.setMain(priority: 1)
        try Senders(&c, .deletion).sweep(c)
    }
    runner.test("revocation.last-capability-with-many-senders", clock: .instructions) {
        c throws(Failure) in
        try c.setMain(priority: 1)
        try Senders(&c, .lastDeletion).sweep(c)
    }
}
