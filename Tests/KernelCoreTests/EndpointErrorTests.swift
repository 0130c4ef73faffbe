// Refused messages, cancelled waits and closed endpoints, on the fast path and on the general path.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct EndpointErrorTests {
    @Test(arguments: [true, false]) func errors(fast: Bool) {
        let s = TestSystem(fast: fast)
        let a = s.makeThread(priority: 20)
        let bare = s.makeThread(priority: 15, hasBuffer: false)
        let (endpoint, reply) = s.serve(a)
        let other = s.make(.endpoint)
        let notification = s.make(.notification)
        let unreadable = s.copy(other, rights: .write)
        let unwritable = s.copy(other, rights: .read)
        let deafReply = s.copy(reply, rights: .read)
        let unsignalled = s.copy(notification, rights: .read)
        let unawaited = s.copy(notification, rights: .write)
        s.start(a, bare)
        s.go()
        func expect(_ error: KernelError, _ sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(s.isRunning(a) && s.results(a).error == error, sourceLocation: sourceLocation)
        }
        let calls: [(UInt32) -> Void] = [
            { s.call(a, $0) }, { s.send(a, $0) }, { s.receive(a, $0, reply: reply) },
            { s.receive(a, other, reply: $0) },
            { s.replyAndReceive(a, $0, reply: reply) }, { s.replyAndReceive(a, other, reply: $0) },
            { s.reply(a, $0) },
            { s.signal(a, $0) }, { s.wait(a, $0) }, { s.poll(a, $0) },
        ]
        for slot in [0, 4000, 4096, 0xffff_ffff, 0xffff_fffe] as [UInt32] {
            for call in calls {
                call(slot)
                expect(.invalidCapability)
            }
        }
        for (index, call) in calls.enumerated() {
            call(index < 6 ? notification : other)
            expect(.wrongKind)
        }
        let weak = [
            unwritable, unwritable, unreadable, nil, unreadable, nil, deafReply, unsignalled,
            unawaited, unawaited,
        ]
        for (call, slot) in zip(calls, weak) {
            guard let slot else { continue }
            call(slot)
            expect(.missingRights)
        }
        s.call(a, endpoint)
        expect(.deadlock)
        s.reply(a, reply)
        expect(.noCaller)
        s.call(a, other, length: 129)
        expect(.invalidArgument)
        // More than eight words without the bit that says so; capabilities and a loan without it.
        for extra in [UInt64(9) << 32, 100 << 32, 1 << 48, ControlWord.loanBit] {
            s.setRegisters(a, ControlWord(.call, Slot(other)).raw | extra, 0, ~0)
            s.trap(a.ref)
            expect(.invalidArgument)
        }
        s.perform(.suspend, a.slot)
        s.call(bare, other, length: 9)
        #expect(s.isRunning(bare) && s.results(bare).error == .noBuffer)
    }

    /// A malformed call to a waiting server must not get past the checks on the fast path either.
    @Test(arguments: [true, false]) func malformedCallsReachNobody(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, client, endpoint, reply) = s.makePair()
        for extra in [UInt64(9) << 32, 4 << 48, ControlWord.loanBit] {
            s.setRegisters(client, ControlWord(.call, Slot(endpoint)).raw | extra, 0, ~0)
            s.trap(client.ref)
            #expect(s.isRunning(client) && s.results(client).error == .invalidArgument)
        }
        s.call(client, endpoint)
        #expect(s.isRunning(server))
        for extra in [UInt64(9) << 32, 4 << 48, ControlWord.loanBit] {
            s.setRegisters(
                server, ControlWord(.replyAndReceive, Slot(endpoint)).raw | extra, UInt64(reply), ~0
            )
            s.trap(server.ref)
            #expect(s.isRunning(server) && s.results(server).error == .invalidArgument)
        }
    }

    @Test func deadlinesOfEveryWait() {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let reply = s.make(.reply)
        let a = s.run(20)
        let waits: [(ThreadState, (UInt64) -> Void)] = [
            (.calling, { s.call(a, endpoint, deadline: $0) }),
            (.sending, { s.send(a, endpoint, deadline: $0) }),
            (.receiving, { s.receive(a, endpoint, reply: reply, deadline: $0) }),
            (.receiving, { s.replyAndReceive(a, endpoint, reply: reply, deadline: $0) }),
        ]
        for (state, wait) in waits {
            wait(s.hardware.now + 100)
            #expect(s.state(a) == state && s.running == nil)
            s.advance(by: 99)
            #expect(s.state(a) == state)
            s.advance(by: 1)
            #expect(s.isRunning(a) && s.results(a).error == .timedOut)
        }
        // The reply object is free again after a receive that ended.
        s.receive(a, endpoint, reply: reply, deadline: s.hardware.now + 100)
        #expect(s.state(a) == .receiving)
    }

    /// An error comes with nothing else: no word of the message stays in a register.
    @Test func anErrorClearsTheMessageRegisters() {
        let s = TestSystem()
        let client = s.run(20)
        s.call(client, s.make(.endpoint), [1, 2, 3, 4, 5, 6, 7, 8], deadline: s.hardware.now + 10)
        s.advance(by: 10)
        #expect(s.isRunning(client) && s.results(client).error == .timedOut)
        #expect((1...10).allSatisfy { client.ref.registers[$0] == 0 })
    }

    @Test(arguments: [true, false]) func aClosedEndpointRefuses(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 5)
        let (endpoint, reply) = s.serve(server)
        let client = s.makeThread(priority: 20)
        let sender = s.makeThread(priority: 30)
        s.start(client, sender, server)
        s.go()
        s.send(sender, endpoint)
        s.perform(.setPriority, client.slot, 40, 200)
        s.call(client, endpoint)
        #expect(s.isRunning(server) && s.effective(server) == 40)
        #expect(s.perform(.close, endpoint).error == nil)
        #expect(
            s.isRunning(client) && s.results(client).error == .peerDied
                && s.results(sender).error == .peerDied)
        // The sender is less urgent than the client: its step waits.
        #expect(s.effective(server) == 30 && sender.ref.isEnding)
        s.perform(.suspend, client.slot)
        #expect(s.effective(server) == 5)
        // Also where the server waits there already, and where it comes to wait later.
        s.perform(.suspend, sender.slot)
        s.receive(server, endpoint, reply: reply)
        s.start(client)
        s.call(client, endpoint)
        #expect(s.isRunning(client) && s.results(client).error == .peerDied)
        s.perform(.bindServer, endpoint, UInt64(server.slot))
        s.call(client, endpoint, [4])
        #expect(s.isRunning(server) && s.results(server).x[3] == 4)
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(client))
        s.perform(.close, endpoint)
        s.call(client, endpoint)
        #expect(s.isRunning(client) && s.results(client).error == .peerDied)
        s.perform(.bindServer, endpoint, UInt64(server.slot))
        s.call(client, endpoint)
        #expect(s.isRunning(server))
        s.perform(.close, endpoint)
        // The server still answers the call that it received. Then the closed endpoint refuses
        // again.
        s.replyAndReceive(server, endpoint, reply: reply, [1])
        #expect(s.isRunning(client) && s.results(client).error == nil)
        s.call(client, endpoint)
        #expect(s.isRunning(client) && s.results(client).error == .peerDied)
    }

    @Test func aDeadServersOneWaySendersAreFreedToo() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let server = s.makeThread(priority: 5, from: arena)
        let (endpoint, _) = s.serve(server)
        let sender = s.run(20)
        s.send(sender, endpoint)
        #expect(s.state(sender) == .sending)
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(s.isRunning(sender) && s.results(sender).error == .peerDied)
        let heir = s.makeThread(priority: 30)
        #expect(s.perform(.bindServer, endpoint, UInt64(heir.slot)).error == nil)
    }

    /// No caller joins a server that is being destroyed. Otherwise callers could prolong its end.
    @Test func aDyingServerTakesNoNewCallers() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let server = s.makeThread(priority: 5, from: arena)
        let (endpoint, _) = s.serve(server)
        let clients = (0..<3).map { s.makeThread(priority: UInt64(40 + $0)) }
        let worker = s.run(20)
        for client in clients {
            s.start(client)
            s.call(client, endpoint)
        }
        s.perform(.suspend, server.slot)
        #expect(s.isRunning(worker))
        s.hardware.queriesLeft = 0
        s.hardware.ghostPeriod = 0
        s.setRegisters(worker, ControlWord(invoke: .reclaim, Slot(arena)).raw)
        s.trap(worker.ref)
        for client in clients.reversed() {
            #expect(s.isRunning(client) && s.results(client).error == .peerDied)
            s.call(client, endpoint)
            #expect(s.isRunning(client) && s.results(client).error == .peerDied)
            s.invoke(client, .suspend, client.slot)
        }
        s.hardware.queriesLeft = nil
        #expect(s.isRunning(worker) && s.results(worker).error == nil)
    }

    @Test func anotherServerIsBoundOnlyWhileNobodyQueues() {
        let s = TestSystem()
        let first = s.makeThread(priority: 5)
        let second = s.makeThread(priority: 6)
        let (endpoint, _) = s.serve(first)
        let client = s.run(20)
        s.call(client, endpoint, deadline: 5000)
        #expect(s.perform(.bindServer, endpoint, UInt64(second.slot)).error == .wrongState)
        s.advance(by: 5000)
        #expect(s.perform(.bindServer, endpoint, UInt64(second.slot)).error == nil)
        s.call(client, endpoint)
        #expect(s.effective(first) == 5 && s.effective(second) == 20)
    }

    @Test func anEndpointsMemoryIsTakenFromAllWhoWaitThere() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 12)
        let senders = s.make(.endpoint, from: arena)
        let receivers = s.make(.endpoint, from: arena)
        let reply = s.make(.reply)
        let (a, b) = s.run(20, 19)
        s.call(a, senders)
        s.receive(b, receivers, reply: reply)
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(s.results(a).error == .peerDied && s.results(b).error == .peerDied)
        #expect(s.isRunning(a) && s.state(b) == .ready)
        #expect(s.isEmpty(senders))
    }

    /// A receiver refuses a queued caller whose chain would become too long. Its own call is
    /// performed again with its arguments intact.
    @Test func aReceiverIsNotHarmedByARefusedSender() {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let reply = s.make(.reply)
        var doors: [(endpoint: UInt32, reply: UInt32)] = []
        var row: [TestThread] = []
        // No server is bound to the endpoint, so a long chain may queue there.
        for index in 0..<15 {
            let server = s.makeThread(priority: UInt64(100 - index))
            row.append(server)
            doors.append(s.serve(server))
            s.start(server)
        }
        let client = s.makeThread(priority: 110)
        let easy = s.makeThread(priority: 30)
        let early = s.makeThread(priority: 120)
        let receiver = s.makeThread(priority: 20)
        s.go()
        for index in 0..<15 {
            s.receive(row[index], doors[index].endpoint, reply: doors[index].reply)
        }
        s.start(receiver)
        s.receive(receiver, endpoint, reply: reply)
        s.start(early)
        s.call(early, endpoint, [1])
        s.perform(.setPriority, early.slot, 10, 200)
        s.perform(.setPriority, receiver.slot, 5, 200)
        s.start(client)
        s.call(client, doors[0].endpoint)
        for index in 0..<14 { s.call(row[index], doors[index + 1].endpoint) }
        s.call(row[14], endpoint, [66])
        #expect(s.state(row[14]) == .calling)
        s.start(easy)
        s.call(easy, endpoint, [55])
        #expect(s.isRunning(receiver) && s.results(receiver).x[3] == 1)
        s.replyAndReceive(receiver, endpoint, reply: reply, [2])
        // The receiver waits for no thread, however long the chain behind the caller is.
        #expect(
            s.isRunning(receiver) && s.results(receiver).error == nil
                && s.results(receiver).x[3] == 66)
        #expect(s.effective(receiver) == 110 && s.state(row[14]) == .awaitingReply)
        s.replyAndReceive(receiver, endpoint, reply: reply, [3])
        #expect(s.isRunning(row[14]) && s.results(row[14]).x[3] == 3)
        s.perform(.suspend, row[14].slot)
        #expect(
            s.isRunning(receiver) && s.results(receiver).x[3] == 55 && s.effective(receiver) == 30)
        s.replyAndReceive(receiver, endpoint, reply: reply, [4])
        #expect(s.isRunning(easy) && s.results(early).x[3] == 2)
    }
}
