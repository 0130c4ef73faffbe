// Budgets: who pays for whom, through calls and chains, and on several cores.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct BudgetPayerTests {
    @Test(arguments: [true, false]) func aClientPaysForItsServer(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, client, endpoint, reply) = s.makePair(server: 10, client: 50)
        let rival = s.makeThread(priority: 20)
        let budget = s.makeBudget()
        s.bind(budget, to: client)
        s.start(rival)
        s.advance(by: 400)
        s.call(client, endpoint)
        #expect(s.isRunning(server) && s.effective(server) == 50)
        s.advance(by: 599)
        #expect(s.isRunning(server))
        s.advance(by: 1)
        // The lift ends with the client's budget.
        #expect(s.isRunning(rival) && s.effective(server) == 10 && s.effective(client) == 5)
        #expect(s.state(ofBudget: budget) == (0, 1000, 1))
        s.advance(by: 9000)
        #expect(s.isRunning(server) && s.effective(server) == 50)
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(client))
        #expect(s.state(ofBudget: budget) == (1000, 1000, 1))
    }

    @Test(arguments: [true, false]) func aQueuedCallerPays(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 10)
        let client = s.makeThread(priority: 50)
        let rival = s.makeThread(priority: 20)
        let (endpoint, _) = s.serve(server)
        let budget = s.makeBudget()
        s.bind(budget, to: client)
        s.start(server, client, rival)
        s.go()
        s.call(client, endpoint)
        #expect(s.state(client) == .calling && s.isRunning(server) && s.effective(server) == 50)
        s.advance(by: 1000)
        #expect(s.isRunning(rival) && s.effective(server) == 10)
        #expect(s.state(ofBudget: budget) == (0, 1000, 1))
    }

    /// A chain runs on the budget at its far end.
    @Test(arguments: [true, false]) func theEndOfAChainPays(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (last, lastDoor, _) = s.makeServer(8)
        let middle = s.makeThread(priority: 9)
        let (middleDoor, middleReply) = s.serve(middle)
        s.start(middle)
        s.receive(middle, middleDoor, reply: middleReply)
        let client = s.makeThread(priority: 50)
        let rival = s.makeThread(priority: 20)
        let budget = s.makeBudget()
        s.bind(budget, to: client)
        s.start(client, rival)
        s.call(client, middleDoor)
        s.call(middle, lastDoor)
        #expect(s.isRunning(last) && s.effective(last) == 50)
        s.advance(by: 1000)
        #expect(s.isRunning(rival))
        #expect(s.effective(last) == 9 && s.effective(middle) == 9 && s.effective(client) == 5)
        // The payer dies: nobody pays any more, and nothing refers to it.
        s.perform(.suspend, client.slot)
        s.perform(.suspend, rival.slot)
        #expect(s.isRunning(last) && s.effective(last) == 9)
    }

    /// At its own priority a server uses its own time.
    @Test(arguments: [true, false]) func aServerPaysAtItsOwnPriority(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, client, endpoint, _) = s.makePair(server: 50, client: 50)
        let budget = s.makeBudget()
        s.bind(budget, to: client)
        s.call(client, endpoint)
        s.advance(by: 5000)
        #expect(s.isRunning(server) && s.effective(server) == 50)
        #expect(s.state(ofBudget: budget) == (1000, 0, 0))
    }

    @Test(arguments: [true, false]) func aServersOwnBudgetRests(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, client, endpoint, reply) = s.makePair(server: 10, client: 50)
        let budget = s.makeBudget()
        s.bind(budget, to: server)
        s.call(client, endpoint)
        s.advance(by: 5000)
        #expect(s.isRunning(server) && s.effective(server) == 50)
        s.reply(server, reply)
        #expect(s.isRunning(client))
        #expect(s.state(ofBudget: budget) == (1000, 0, 0))
    }

    /// An urgent caller lifts a server that is demoted, and pays for it.
    @Test(arguments: [true, false]) func anUrgentCallerLiftsADemotedServer(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, endpoint, reply) = s.makeServer(30)
        let (caller, rival) = (s.makeThread(priority: 60), s.makeThread(priority: 20))
        let wakes = s.make(.notification)
        let budget = s.makeBudget()
        s.bind(budget, to: server)
        s.start(rival, caller)
        s.wait(caller, wakes)
        s.send(rival, endpoint)
        #expect(s.isRunning(server))
        s.advance(by: 1000)
        #expect(s.isRunning(rival) && s.isDemoted(server))
        s.signal(rival, wakes, bits: 1)
        s.call(caller, endpoint)
        #expect(s.isRunning(server) && s.effective(server) == 60 && s.isDemoted(server))
        s.receive(server, endpoint, reply: reply)
        s.advance(by: 3000)
        #expect(s.isRunning(server) && s.effective(server) == 60)
        #expect(s.state(ofBudget: budget) == (0, 1000, 1))
        s.reply(server, reply)
        #expect(s.isRunning(caller) && s.effective(server) == 5)
    }

    /// Of two equal callers the first one pays, and when its budget is used up, the second.
    @Test func equalCallersPayOneAfterTheOther() {
        let s = TestSystem()
        let server = s.makeThread(priority: 10)
        let (endpoint, _) = s.serve(server)
        let clients = [s.makeThread(priority: 50), s.makeThread(priority: 50)]
        let rival = s.makeThread(priority: 20)
        let budgets = [s.makeBudget(), s.makeBudget(700)]
        s.bind(budgets[0], to: clients[0])
        s.bind(budgets[1], to: clients[1])
        s.start(server, clients[0], clients[1], rival)
        s.go()
        s.call(clients[0], endpoint)
        s.call(clients[1], endpoint)
        s.advance(by: 1000)
        #expect(s.isRunning(server) && s.effective(server) == 50)
        s.advance(by: 699)
        #expect(s.isRunning(server))
        s.advance(by: 1)
        #expect(s.isRunning(rival) && s.effective(server) == 10)
        #expect(s.state(ofBudget: budgets[0]).used == 1000)
        #expect(s.state(ofBudget: budgets[1]).used == 700)
    }

    /// A call by a thread that pays, or to a server with a budget, takes the general path.
    @Test func theFastPathsDecline() {
        let s = TestSystem()
        let (server, client, endpoint, reply) = s.makePair()
        let budget = s.makeBudget()
        s.bind(budget, to: client)
        var before = s.fastEntries
        s.call(client, endpoint)
        s.replyAndReceive(server, endpoint, reply: reply)
        s.bind(nil, to: client)
        s.bind(budget, to: server)
        s.call(client, endpoint)
        s.replyAndReceive(server, endpoint, reply: reply)
        s.yield(client)
        #expect(s.fastEntries <= before + 1 && s.isRunning(client))
        s.bind(nil, to: server)
        s.call(client, endpoint)
        s.replyAndReceive(server, endpoint, reply: reply)
        before = s.fastEntries
        s.call(client, endpoint)
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.fastEntries == before + 2)
    }

    /// A server that waits at its endpoint, and the caller of one that runs, may get a budget at
    /// any time.
    @Test(arguments: [true, false]) func aBudgetComesInTheMiddleOfACall(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, client, endpoint, reply) = s.makePair(server: 10, client: 50)
        let rival = s.makeThread(priority: 20)
        s.start(rival)
        s.call(client, endpoint)
        s.advance(by: 3000)
        let budget = s.makeBudget()
        s.bind(budget, to: client)
        #expect(s.isRunning(server))
        s.advance(by: 1000)
        #expect(s.isRunning(rival))
        s.bind(nil, to: client)
        #expect(s.isRunning(server) && s.effective(server) == 50)
        s.replyAndReceive(server, endpoint, reply: reply)
        s.bind(budget, to: server)
        s.call(client, endpoint)
        #expect(s.isRunning(server) && s.effective(server) == 50)
    }

    // Several cores

    /// A thread that another core executes falls at once if its budget is cut, and comes back if it
    /// grows.
    @Test func aBudgetIsCutWhileAnotherCoreRunsOnIt() {
        let s = TestSystem()
        let other = s.addCore()
        let (limited, rival) = (s.makeThread(priority: 50), s.makeThread(priority: 20))
        let budget = s.makeBudget()
        s.bind(budget, to: limited)
        for thread in [limited, rival] {
            s.perform(.setCore, thread.slot, 1)
            s.start(thread)
        }
        s.go()
        s.advance(by: 800)
        #expect(other.running == limited.ref)
        s.setBudget(budget, 700, 10_000, 5)
        #expect(other.running == rival.ref)
        s.setBudget(budget, 2000, 10_000, 5)
        s.bind(nil, to: limited)
        #expect(other.running == limited.ref)
        // A further one takes over where the thread runs.
        let second = s.makeBudget(1500)
        s.bind(second, to: limited)
        s.advance(by: 1499)
        #expect(other.running == limited.ref)
        s.advance(by: 1)
        #expect(other.running == rival.ref)
    }

    /// A server of one core runs on the budget of its client of another.
    @Test func aClientOfAnotherCorePays() {
        let s = TestSystem()
        let other = s.addCore()
        let (server, rival) = (s.makeThread(priority: 10), s.makeThread(priority: 20))
        let client = s.makeThread(priority: 50)
        let (endpoint, reply) = s.serve(server)
        let budget = s.makeBudget()
        s.bind(budget, to: client)
        for thread in [server, rival] { s.perform(.setCore, thread.slot, 1) }
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.start(rival, client)
        s.call(client, endpoint)
        #expect(other.running == server.ref && s.effective(server) == 50)
        s.advance(by: 1000)
        #expect(other.running == rival.ref && s.effective(server) == 10)
        #expect(s.state(ofBudget: budget) == (0, 1000, 1))
        // Another budget of the client, while the server is lifted by it.
        s.advance(by: 9000)
        #expect(other.running == server.ref)
        s.bind(s.makeBudget(700), to: client)
        s.advance(by: 700)
        #expect(other.running == rival.ref && s.effective(server) == 10)
    }
}
