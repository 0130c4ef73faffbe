// Messages: every operation with every outcome, on the fast path and on the general one.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct EndpointTests {
    @Test(arguments: [true, false]) func callAndReply(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, client, endpoint, reply) = s.makePair(server: 50)
        let badged = s.copy(endpoint, rights: .write | .grant, badge: 77)
        // Less urgent than its callers, as servers mostly are, so that it runs by what it inherits.
        s.perform(.setPriority, server.slot, 10, 200)
        let before = s.fastEntries
        for round in 0..<4 as Range<UInt64> {
            s.call(client, badged, [1, 2, 3, 4, 5, 6, 7, round])
            #expect(s.isRunning(server))
            let request = s.results(server)
            #expect(
                request.word.delivery == .message && request.word.length == 8
                    && !request.word.hasLoan)
            #expect(request.badge == 77 && request.x[2] == 0)
            #expect(request.words == [1, 2, 3, 4, 5, 6, 7, round])
            s.replyAndReceive(server, endpoint, reply: reply, [10, 20, round], length: 3)
            #expect(s.isRunning(client))
            let answer = s.results(client)
            #expect(answer.error == nil && answer.word.length == 3 && answer.badge == 0)
            #expect(Array(answer.words.prefix(3)) == [10, 20, round])
            #expect(s.state(server) == .receiving)
        }
        #expect(s.fastEntries == before + (fast ? 8 : 0))
    }

    /// The same with a server above its clients: its own priority counts.
    @Test func anUrgentServerIsNotSlowedByItsCallers() {
        let s = TestSystem()
        let (server, client, endpoint, reply) = s.makePair(server: 50)
        s.call(client, endpoint, [5])
        #expect(s.isRunning(server) && s.effective(server) == 50)
        s.replyAndReceive(server, endpoint, reply: reply, [6])
        #expect(s.isRunning(client) && s.results(client).x[3] == 6)
        #expect(s.fastEntries > 0)
    }

    /// A server takes its caller's place among equals. An answered caller queues behind them, on
    /// both paths.
    @Test(arguments: [true, false]) func bothPathsScheduleAlike(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, client, endpoint, reply) = s.makePair(server: 10)
        let rival = s.makeThread(priority: 20)
        s.start(rival)
        s.call(client, endpoint)
        #expect(s.isRunning(server))
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(rival))
        s.yield(rival)
        #expect(s.isRunning(client))
    }

    @Test(arguments: [true, false]) func oneWayMessages(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, client, endpoint, reply) = s.makePair()
        let rival = s.makeThread(priority: 20)
        s.start(rival)
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
        // The sender leaves its server by a step, which waits for a rival that is as urgent by
        // itself.
        #expect(s.results(server).x[3] == 9 && s.isRunning(rival) && client.ref.isEnding)
        s.perform(.suspend, rival.slot)
        #expect(s.isRunning(client) && s.results(client).error == nil && s.effective(server) == 5)
        // The reply object was not used.
        s.perform(.suspend, client.slot)
        s.reply(server, reply)
        #expect(s.results(server).error == .noCaller)
    }

    @Test func longMessagesTravelThroughTheBuffers() {
        let s = TestSystem()
        let (server, client, endpoint, reply) = s.makePair(server: 50)
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
        let senders = [30, 20, 30].enumerated().map {
            ($0.offset, s.makeThread(priority: UInt64($0.element)))
        }
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
}
