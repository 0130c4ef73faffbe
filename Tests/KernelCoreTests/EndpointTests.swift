// Messages: every operation with every outcome, on the fast path and on the general one.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct EndpointTests {
    @Test(arguments: [true, false]) func callAndReply(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 50)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        let badged = s.copy(endpoint, rights: .write | .grant, badge: 77)
        s.start(server, client)
        s.go()
        s.receive(server, endpoint, reply: reply)
        // Less urgent than its callers, as servers mostly are, so that it runs by what it inherits.
        s.perform(.setPriority, server.slot, 10, 200)
        for round in 0..<4 as Range<UInt64> {
            s.call(client, badged, [1, 2, 3, 4, 5, 6, 7, round])
            #expect(s.isRunning(server))
            let request = s.results(server)
            #expect(request.word.delivery == .message && request.word.length == 8 && !request.word.hasLoan)
            #expect(request.badge == 77 && request.x[2] == 0)
            #expect(request.words == [1, 2, 3, 4, 5, 6, 7, round])
            s.replyAndReceive(server, endpoint, reply: reply, [10, 20, round], length: 3)
            #expect(s.isRunning(client))
            let answer = s.results(client)
            #expect(answer.error == nil && answer.word.length == 3 && answer.badge == 0)
            #expect(Array(answer.words.prefix(3)) == [10, 20, round])
            #expect(s.state(server) == .receiving)
        }
        #expect((s.fastEntries == 8) == fast)
    }

    /// The same with a server above its clients: its own priority counts.
    @Test func anUrgentServerIsNotSlowedByItsCallers() {
        let s = TestSystem()
        let server = s.makeThread(priority: 50)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        s.start(server, client)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.call(client, endpoint, [5])
        #expect(s.isRunning(server) && s.effective(server) == 50)
        s.replyAndReceive(server, endpoint, reply: reply, [6])
        #expect(s.isRunning(client) && s.results(client).x[3] == 6)
        #expect(s.fastEntries > 0)
    }

    /// A server takes its caller's place among equals, and an answered caller queues behind them, on both paths.
    @Test(arguments: [true, false]) func bothPathsScheduleAlike(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 10)
        let client = s.makeThread(priority: 20)
        let rival = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.start(client, rival)
        s.call(client, endpoint)
        #expect(s.isRunning(server))
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(rival))
        s.yield(rival)
        #expect(s.isRunning(client))
    }

    @Test(arguments: [true, false]) func oneWayMessages(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 5)
        let client = s.makeThread(priority: 20)
        let rival = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.start(client, rival)
        // To a waiting receiver: the sender goes on at once and keeps its place.
        s.send(client, endpoint, [8])
        #expect(s.isRunning(client) && s.results(client).error == nil)
        #expect(s.state(server) == .ready && s.effective(server) == 5)
        #expect(s.results(server).word.delivery == .oneWay)
        // To a busy one: it waits, and the server inherits.
        s.send(client, endpoint, [9])
        #expect(s.state(client) == .sending && s.effective(server) == 20)
        #expect(s.isRunning(rival))
        s.yield(rival)
        #expect(s.isRunning(server))
        s.receive(server, endpoint, reply: reply)
        #expect(s.results(server).x[3] == 9 && s.effective(server) == 5)
        #expect(s.isRunning(rival) && s.state(client) == .ready)
        s.perform(.suspend, rival.slot)
        #expect(s.isRunning(client) && s.results(client).error == nil)
        // The reply object was not used.
        s.perform(.suspend, client.slot)
        s.reply(server, reply)
        #expect(s.results(server).error == .noCaller)
    }

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
        s.start(a, bare)
        s.go()
        func expect(_ error: KernelError, _ sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(s.isRunning(a) && s.results(a).error == error, sourceLocation: sourceLocation)
        }
        for slot in [0, 4000, 4096, 0xffff_ffff, 0xffff_fffe] as [UInt32] {
            s.call(a, slot)
            expect(.invalidCapability)
            s.send(a, slot)
            expect(.invalidCapability)
            s.receive(a, slot, reply: reply)
            expect(.invalidCapability)
            s.receive(a, other, reply: slot)
            expect(.invalidCapability)
            s.reply(a, slot)
            expect(.invalidCapability)
            s.replyAndReceive(a, slot, reply: slot)
            expect(.invalidCapability)
            s.signal(a, slot)
            expect(.invalidCapability)
            s.wait(a, slot)
            expect(.invalidCapability)
        }
        s.call(a, notification)
        expect(.wrongKind)
        s.receive(a, other, reply: notification)
        expect(.wrongKind)
        s.reply(a, other)
        expect(.wrongKind)
        s.signal(a, other)
        expect(.wrongKind)
        s.wait(a, other)
        expect(.wrongKind)
        s.call(a, unwritable)
        expect(.missingRights)
        s.receive(a, unreadable, reply: reply)
        expect(.missingRights)
        s.replyAndReceive(a, unreadable, reply: reply)
        expect(.missingRights)
        s.reply(a, deafReply)
        expect(.missingRights)
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
        let server = s.makeThread(priority: 5)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.start(client)
        for extra in [UInt64(9) << 32, 4 << 48, ControlWord.loanBit] {
            s.setRegisters(client, ControlWord(.call, Slot(endpoint)).raw | extra, 0, ~0)
            s.trap(client.ref)
            #expect(s.isRunning(client) && s.results(client).error == .invalidArgument)
        }
        s.call(client, endpoint)
        #expect(s.isRunning(server))
        for extra in [UInt64(9) << 32, 4 << 48, ControlWord.loanBit] {
            s.setRegisters(server, ControlWord(.replyAndReceive, Slot(endpoint)).raw | extra, UInt64(reply), ~0)
            s.trap(server.ref)
            #expect(s.isRunning(server) && s.results(server).error == .invalidArgument)
        }
    }

    @Test func longMessagesTravelThroughTheBuffers() {
        let s = TestSystem()
        let server = s.makeThread(priority: 50)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        s.start(server, client)
        s.go()
        s.receive(server, endpoint, reply: reply)
        let from = s.buffer(client)
        let to = s.buffer(server)
        for index in 0..<512 {
            from[index] = UInt64(1000 + index)
            to[index] = 0
        }
        s.call(client, endpoint, [1, 2, 3, 4, 5, 6, 7, 8], length: 128)
        #expect(s.isRunning(server) && s.results(server).word.length == 128)
        #expect((8..<128).allSatisfy { to[$0] == UInt64(1000 + $0) })
        #expect(to[0] == 0 && to[128] == 0)
        to[8] = 99
        s.reply(server, reply, [1], length: 9)
        s.wait(server, s.asRoot { s.make(.notification) })
        #expect(s.isRunning(client) && s.results(client).word.length == 9 && from[8] == 99)
    }

    @Test func aReceiverWithoutBufferGetsEightWords() {
        let s = TestSystem()
        let server = s.makeThread(priority: 50, hasBuffer: false)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        s.start(server, client)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.call(client, endpoint, [1], length: 50, capabilities: 0)
        #expect(s.isRunning(server) && s.results(server).word.length == 8)
    }

    @Test func sendersAreServedByPriority() {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let reply = s.make(.reply)
        let senders = [30, 20, 30].enumerated().map { ($0.offset, s.makeThread(priority: UInt64($0.element))) }
        let receiver = s.makeThread(priority: 10)
        for (_, sender) in senders { s.start(sender) }
        s.start(receiver)
        s.go()
        for index in [0, 2, 1] { s.call(senders[index].1, endpoint, [UInt64(index)]) }
        var order: [UInt64] = []
        for _ in 0..<3 {
            s.receive(receiver, endpoint, reply: reply)
            order.append(s.results(receiver).x[3])
            s.perform(.suspend, senders[Int(order.last ?? 0)].1.slot)
        }
        #expect(order == [0, 2, 1])
    }

    @Test func receiversAreServedByPriority() {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let receivers = [10, 30, 20].map { s.makeThread(priority: $0) }
        let replies = receivers.map { _ in s.make(.reply) }
        let client = s.makeThread(priority: 5)
        s.go()
        for (index, receiver) in receivers.enumerated() {
            s.start(receiver)
            s.receive(receiver, endpoint, reply: replies[index])
        }
        s.start(client)
        for expected in [1, 2, 0] {
            s.send(client, endpoint)
            #expect(s.isRunning(receivers[expected]))
            s.wait(receivers[expected], s.asRoot { s.make(.notification) })
            #expect(s.isRunning(client))
        }
    }

    @Test func deadlinesOfEveryWait() {
        let s = TestSystem()
        let a = s.makeThread(priority: 20)
        let endpoint = s.make(.endpoint)
        let reply = s.make(.reply)
        s.start(a)
        s.go()
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
        #expect(s.effective(server) == 5)
        #expect(s.isRunning(client) && s.results(client).error == .peerDied && s.results(sender).error == .peerDied)
        // Also where the server waits there already, and where it comes to wait later.
        s.perform(.suspend, client.slot)
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
        // What was received is answered still; and then the closed endpoint refuses again.
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
        let sender = s.makeThread(priority: 20)
        s.start(sender)
        s.go()
        s.send(sender, endpoint)
        #expect(s.state(sender) == .sending)
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(s.isRunning(sender) && s.results(sender).error == .peerDied)
        let heir = s.makeThread(priority: 30)
        #expect(s.perform(.bindServer, endpoint, UInt64(heir.slot)).error == nil)
    }

    /// While a server is being destroyed, nobody new comes to wait for it: else its callers could prolong its end.
    @Test func aDyingServerTakesNoNewCallers() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let server = s.makeThread(priority: 5, from: arena)
        let (endpoint, _) = s.serve(server)
        let clients = (0..<3).map { s.makeThread(priority: UInt64(40 + $0)) }
        let worker = s.makeThread(priority: 20)
        s.start(worker)
        s.go()
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
        let client = s.makeThread(priority: 20)
        s.start(client)
        s.go()
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
        let a = s.makeThread(priority: 20)
        let b = s.makeThread(priority: 19)
        s.start(a, b)
        s.go()
        s.call(a, senders)
        s.receive(b, receivers, reply: reply)
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(s.results(a).error == .peerDied && s.results(b).error == .peerDied)
        #expect(s.isRunning(a) && s.state(b) == .ready)
        #expect(s.isEmpty(senders))
    }

    /// A queued caller whose chain would be too long for this receiver is turned away, and the receiver's own call is
    /// performed again with its arguments intact, after it has answered.
    @Test func aReceiverIsNotHarmedByARefusedSender() {
        let s = TestSystem()
        let endpoint = s.make(.endpoint)
        let reply = s.make(.reply)
        var doors: [(endpoint: UInt32, reply: UInt32)] = []
        var row: [TestThread] = []
        // Nobody is bound to the endpoint, so a long row may queue there.
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
        for index in 0..<15 { s.receive(row[index], doors[index].endpoint, reply: doors[index].reply) }
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
        #expect(s.results(row[14]).error == .chainTooLong && s.isRunning(row[14]))
        #expect(s.results(early).error == nil && s.results(early).x[3] == 2)
        s.perform(.suspend, row[14].slot)
        s.perform(.suspend, early.slot)
        #expect(s.isRunning(receiver) && s.results(receiver).error == nil && s.results(receiver).x[3] == 55)
    }
}
