// Priority inheritance: effective = max(base, effective of all threads blocked on this one), for
// every way into a chain and out of it.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct InheritanceTests {
    /// Makes a chain of `count` servers with falling priorities. Each calls the next, and the last
    /// one holds its caller's reply.
    struct Row {
        let s: TestSystem
        var servers: [TestThread] = []
        var doors: [(endpoint: UInt32, reply: UInt32)] = []

        init(count: Int, fast: Bool, base: UInt64 = 60) {
            s = TestSystem(fast: fast)
            for index in 0..<count {
                let server = s.makeThread(priority: base - UInt64(index))
                servers.append(server)
                doors.append(s.serve(server))
                s.start(server)
            }
            s.go()
            for index in 0..<count {
                s.receive(servers[index], doors[index].endpoint, reply: doors[index].reply)
            }
        }
    }

    @Test(arguments: [true, false]) func aServerInheritsAfterItReceived(fast: Bool) {
        let row = Row(count: 1, fast: fast, base: 5)
        let s = row.s
        let client = s.makeThread(priority: 40)
        s.start(client)
        s.call(client, row.doors[0].endpoint, [11])
        #expect(s.isRunning(row.servers[0]))
        #expect(s.effective(row.servers[0]) == 40)
        #expect(s.state(client) == .awaitingReply)
        s.replyAndReceive(row.servers[0], row.doors[0].endpoint, reply: row.doors[0].reply, [12])
        #expect(s.isRunning(client) && s.results(client).x[3] == 12)
        #expect(s.effective(row.servers[0]) == 5)
    }

    @Test(arguments: [true, false]) func aServerInheritsWhileTheCallerIsQueued(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 5)
        let rival = s.makeThread(priority: 20)
        let client = s.makeThread(priority: 40)
        let (endpoint, reply) = s.serve(server)
        s.start(server, rival, client)
        s.go()
        s.call(client, endpoint, [1])
        #expect(s.state(client) == .calling)
        // The rival in the middle cannot hold up the client through the server.
        #expect(s.isRunning(server) && s.effective(server) == 40)
        s.receive(server, endpoint, reply: reply)
        #expect(s.isRunning(server) && s.effective(server) == 40)
        #expect(s.results(server).x[3] == 1)
        s.reply(server, reply, [2])
        #expect(s.isRunning(client) && s.effective(server) == 5)
        #expect(s.state(rival) == .ready && s.state(server) == .ready)
    }

    @Test(arguments: [true, false]) func itIsTransitive(fast: Bool) {
        let row = Row(count: 4, fast: fast)
        let s = row.s
        let client = s.makeThread(priority: 30)
        s.start(client)
        s.call(client, row.doors[0].endpoint)
        for index in 0..<3 { s.call(row.servers[index], row.doors[index + 1].endpoint) }
        #expect(s.isRunning(row.servers[3]))
        // Each has its own base or the largest above it.
        #expect(row.servers.map { s.effective($0) } == [60, 60, 60, 60])
        s.perform(.setPriority, client.slot, 100, 200)
        #expect(row.servers.map { s.effective($0) } == [100, 100, 100, 100])
        s.perform(.setPriority, client.slot, 1, 200)
        #expect(row.servers.map { s.effective($0) } == [60, 60, 60, 60])
        s.perform(.setPriority, row.servers[1].slot, 80, 200)
        #expect(row.servers.map { s.effective($0) } == [60, 80, 80, 80])
        for index in (0..<4).reversed() {
            s.replyAndReceive(
                row.servers[index], row.doors[index].endpoint, reply: row.doors[index].reply)
        }
        #expect(s.isRunning(client))
        #expect(row.servers.map { s.effective($0) } == [60, 80, 58, 57])
    }

    @Test(arguments: [true, false]) func aBoostedServersBaseMayChange(fast: Bool) {
        let row = Row(count: 1, fast: fast, base: 5)
        let s = row.s
        let client = s.makeThread(priority: 40)
        s.start(client)
        s.call(client, row.doors[0].endpoint)
        s.perform(.setPriority, row.servers[0].slot, 30, 200)
        #expect(s.effective(row.servers[0]) == 40)
        s.perform(.setPriority, row.servers[0].slot, 50, 200)
        #expect(s.effective(row.servers[0]) == 50)
        s.perform(.setPriority, row.servers[0].slot, 3, 200)
        #expect(s.effective(row.servers[0]) == 40)
        s.replyAndReceive(row.servers[0], row.doors[0].endpoint, reply: row.doors[0].reply)
        #expect(s.effective(row.servers[0]) == 3)
    }

    @Test(arguments: [true, false]) func manyCallersAndTheLargestCounts(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 5)
        let (endpoint, reply) = s.serve(server)
        s.start(server)
        s.go()
        var clients: [TestThread] = []
        for priority in [10, 30, 20, 30, 25] {
            let client = s.makeThread(priority: UInt64(priority))
            clients.append(client)
            s.start(client)
            if !s.isRunning(client) {
                // The server runs with its inherited priority: raise the new client for a moment.
                s.perform(.setPriority, client.slot, 100, 200)
            }
            s.call(client, endpoint, [UInt64(clients.count)])
            s.perform(.setPriority, client.slot, UInt64(priority), 200)
        }
        #expect(s.effective(server) == 30)
        // The server takes callers by priority, and the two of 30 in order of arrival. Its priority
        // falls as they leave.
        var order: [UInt64] = []
        var boosts: [Int] = []
        s.receive(server, endpoint, reply: reply)
        for _ in 0..<5 {
            order.append(s.results(server).x[3])
            boosts.append(s.effective(server))
            s.reply(server, reply, [order.last ?? 0])
            // Answered clients stop, so that the server goes on.
            for client in clients where s.isRunning(client) {
                s.invoke(client, .suspend, client.slot)
            }
            if order.count < 5 { s.receive(server, endpoint, reply: reply) }
        }
        #expect(order == [2, 4, 5, 3, 1])
        #expect(boosts == [30, 30, 25, 20, 10])
        #expect(s.effective(server) == 5)
    }

    enum Ending: CaseIterable { case timeOut, suspend, reclaimCaller, deleteReply, reclaimReply }

    /// Every way in which a wait ends without an answer takes the inheritance away.
    @Test(arguments: Ending.allCases, [true, false]) func itEndsWithTheWait(
        ending: Ending, isReceived: Bool
    ) {
        let s = TestSystem()
        let server = s.makeThread(priority: 5)
        let (endpoint, _) = s.serve(server)
        let arena = s.make(.untyped, sizeBits: 16)
        let replyArena = s.make(.untyped, sizeBits: 12)
        let reply = s.make(.reply, from: replyArena)
        let client = s.makeThread(priority: 40, from: arena)
        s.start(server, client)
        s.go()
        if isReceived {
            s.perform(.suspend, client.slot)
            s.receive(server, endpoint, reply: reply)
            s.start(client)
        }
        s.call(client, endpoint, deadline: 9000)
        #expect(s.effective(server) == 40)
        #expect(s.state(client) == (isReceived ? .awaitingReply : .calling))
        switch ending {
        case .timeOut:
            s.advance(by: 10_000)
            #expect(s.isRunning(client) && s.results(client).error == .timedOut)
        case .suspend: s.perform(.suspend, client.slot)
        case .reclaimCaller: #expect(s.perform(.reclaim, arena).error == nil)
        case .deleteReply:
            #expect(s.delete(reply).error == nil)
            if isReceived { #expect(s.isRunning(client) && s.results(client).error == .peerDied) }
        case .reclaimReply:
            #expect(s.perform(.reclaim, replyArena).error == nil)
            if isReceived { #expect(s.isRunning(client) && s.results(client).error == .peerDied) }
        }
        let isOver = isReceived || (ending != .deleteReply && ending != .reclaimReply)
        #expect(s.effective(server) == (isOver ? 5 : 40))
        #expect(client.ref.pointee.scheduling.hasDeadline == !isOver)
        if ending == .timeOut, isReceived {
            s.perform(.suspend, client.slot)
            s.reply(server, reply)
            #expect(s.results(server).error == .noCaller)
        }
    }

    @Test(arguments: [true, false]) func theServersDeathEndsAllWaits(isReceived: Bool) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let server = s.makeThread(priority: 5, from: arena)
        let (endpoint, reply) = s.serve(server)
        let clients = (0..<3).map { s.makeThread(priority: UInt64(40 - $0)) }
        s.start(server)
        s.go()
        if isReceived { s.receive(server, endpoint, reply: reply) }
        for (index, client) in clients.enumerated() {
            s.start(client)
            if !s.isRunning(client) {
                s.perform(.setPriority, client.slot, UInt64(100 + index), 200)
            }
            s.call(client, endpoint)
        }
        #expect(s.isRunning(server))
        #expect(s.perform(.reclaim, arena).error == nil)
        for client in clients {
            #expect(s.results(client).error == .peerDied && s.state(client) != .calling)
        }
        // Closed, until another server is bound.
        let first = clients.first { s.isRunning($0) }
        if let first {
            s.call(first, endpoint)
            #expect(s.results(first).error == .peerDied)
        }
        let heir = s.makeThread(priority: 150)
        #expect(s.perform(.bindServer, endpoint, UInt64(heir.slot)).error == nil)
        s.start(heir)
        s.receive(heir, endpoint, reply: reply)
        if let next = clients.first(where: { s.isRunning($0) }) {
            s.call(next, endpoint, [9])
            #expect(s.isRunning(heir) && s.results(heir).x[3] == 9)
        } else {
            Issue.record("no client runs")
        }
    }

    @Test(arguments: [true, false]) func aCycleIsRefused(fast: Bool) {
        let row = Row(count: 3, fast: fast)
        let s = row.s
        let client = s.makeThread(priority: 30)
        s.start(client)
        s.call(client, row.doors[0].endpoint)
        s.call(row.servers[0], row.doors[1].endpoint)
        s.call(row.servers[1], row.doors[2].endpoint)
        #expect(s.isRunning(row.servers[2]))
        for index in 0..<3 {
            s.call(row.servers[2], row.doors[index].endpoint)
            #expect(s.isRunning(row.servers[2]))
            #expect(s.results(row.servers[2]).error == .deadlock)
        }
        s.send(row.servers[2], row.doors[0].endpoint)
        #expect(s.results(row.servers[2]).error == .deadlock)
    }

    /// The limit counts the threads that a caller itself waits for. A chain may grow beyond it at
    /// its running end.
    @Test(arguments: [true, false]) func aChainHasALimit(fast: Bool) {
        let count = 2 * Limits.chain
        let row = Row(count: count, fast: fast, base: 100)
        let s = row.s
        let client = s.makeThread(priority: 30)
        let late = s.makeThread(priority: 110)
        s.start(client)
        s.call(client, row.doors[0].endpoint)
        for index in 0..<count - 1 { s.call(row.servers[index], row.doors[index + 1].endpoint) }
        let last = row.servers[count - 1]
        #expect(s.isRunning(last) && s.effective(last) == 100)
        // The caller and 15 servers: the limit. One more is refused before it blocks.
        s.start(late)
        s.call(late, row.doors[count - Limits.chain].endpoint)
        #expect(s.isRunning(late) && s.results(late).error == .chainTooLong)
        s.call(late, row.doors[count - Limits.chain + 1].endpoint)
        #expect(s.isRunning(last) && s.effective(last) == 110)
        // A cycle is seen as far as the limit, and refused as too long beyond.
        for (index, error) in [
            (count - 1, KernelError.deadlock), (count - Limits.chain, .deadlock),
            (2, .chainTooLong),
        ] {
            s.call(last, row.doors[index].endpoint)
            #expect(s.isRunning(last) && s.results(last).error == error)
        }
    }

    /// A chain of callers behind a server does not limit the calls of the server itself.
    @Test(arguments: [true, false]) func aLineOfCallersDoesNotLimitTheServer(fast: Bool) {
        let row = Row(count: Limits.chain, fast: fast, base: 100)
        let s = row.s
        let service = s.makeThread(priority: 20)
        let (door, reply) = s.serve(service)
        s.start(service)
        s.receive(service, door, reply: reply)
        let client = s.makeThread(priority: 30)
        s.start(client)
        s.call(client, row.doors[0].endpoint)
        for index in 0..<Limits.chain - 1 {
            s.call(row.servers[index], row.doors[index + 1].endpoint)
        }
        let shared = row.servers[Limits.chain - 1]
        #expect(s.isRunning(shared))
        s.call(shared, door, [4])
        #expect(s.isRunning(service) && s.results(service).x[3] == 4 && s.effective(service) == 100)
    }

    @Test func aServerThatWaitsElsewhereIsBoostedToo() {
        let s = TestSystem()
        let server = s.makeThread(priority: 5)
        let (first, reply) = s.serve(server)
        let (second, _) = s.serve(server)
        let client = s.makeThread(priority: 40)
        let other = s.makeThread(priority: 20)
        s.start(server)
        s.go()
        s.receive(server, first, reply: reply)
        s.start(client)
        s.call(client, second)
        // It waits at another endpoint than where its caller queues.
        #expect(s.effective(server) == 40 && s.state(server) == .receiving)
        s.start(other)
        s.call(other, first, [7])
        #expect(s.isRunning(server) && s.results(server).x[3] == 7 && s.effective(server) == 40)
        s.reply(server, reply)
        #expect(s.isRunning(server) && s.effective(server) == 40)
        s.receive(server, second, reply: reply)
        #expect(s.results(server).error == nil)
        s.reply(server, reply)
        #expect(s.isRunning(client) && s.effective(server) == 5)
    }

    @Test func waitQueuesFollowAPriorityChange() {
        let s = TestSystem()
        let server = s.makeThread(priority: 3)
        let (endpoint, reply) = s.serve(server)
        let threads = (0..<3).map { s.makeThread(priority: UInt64(10 + $0)) }
        s.start(threads[0], threads[1], threads[2], server)
        s.go()
        s.call(threads[2], endpoint, [2])
        s.perform(.setPriority, server.slot, 1, 200)
        // The server has 12 by inheritance and runs; let the others call first.
        for index in [1, 0] {
            s.perform(.setPriority, threads[index].slot, 50, 200)
            s.call(threads[index], endpoint, [UInt64(index)])
            s.perform(.setPriority, threads[index].slot, UInt64(10 + index), 200)
        }
        s.perform(.setPriority, threads[0].slot, 90, 200)
        #expect(s.effective(server) == 90)
        s.receive(server, endpoint, reply: reply)
        #expect(s.results(server).x[3] == 0)
    }
}
