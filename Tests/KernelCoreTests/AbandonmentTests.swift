// Abandoned calls: a reply object tells a notification when a caller leaves before its answer.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct AbandonmentTests {
    /// A server of priority 10 with two reply objects, which holds the call of a client of 20.
    private struct Desk {
        let s: TestSystem
        let server: TestThread
        let client: TestThread
        let endpoint: UInt32
        let reply: UInt32
        let spare: UInt32
        let bell: UInt32
        let idle: UInt32
        let arena: UInt32

        /// - Parameter ticks: what the client waits at most.
        init(fast: Bool = true, within ticks: UInt64? = nil) {
            s = TestSystem(fast: fast)
            arena = s.make(.untyped, sizeBits: 14)
            client = s.makeThread(priority: 20, from: arena)
            bell = s.make(.notification)
            idle = s.make(.notification)
            spare = s.make(.reply)
            (server, endpoint, reply) = s.makeServer(10)
            #expect(s.perform(.bindAbandonment, reply, UInt64(bell), 4).error == nil)
            s.start(client)
            s.call(client, endpoint, [1], deadline: ticks.map { s.hardware.now + $0 } ?? ~0)
            #expect(s.isRunning(server) && s.state(client) == .awaitingReply)
        }

        func bindBell() {
            #expect(s.perform(.bindNotification, server.slot, UInt64(bell)).error == nil)
        }
        /// Whether the bell has rung, as the server finds out.
        func hasRung() -> Bool {
            s.poll(server, bell)
            let result = s.results(server)
            #expect(result.error == .wouldBlock || result.badge == 4)
            return result.error == nil
        }
    }

    @Test(arguments: [true, false]) func aCallersTimeOutIsTold(fast: Bool) {
        let desk = Desk(fast: fast, within: 1000)
        let s = desk.s
        #expect(!desk.hasRung())
        s.advance(by: 1000)
        #expect(s.isRunning(desk.client) && s.results(desk.client).error == .timedOut)
        s.wait(desk.client, desk.idle)
        #expect(desk.hasRung())
        #expect(!desk.hasRung())
    }

    @Test(arguments: [true, false]) func anAnswerIsNoAbandonment(fast: Bool) {
        let desk = Desk(fast: fast)
        let s = desk.s
        s.replyAndReceive(desk.server, desk.endpoint, reply: desk.reply)
        #expect(s.isRunning(desk.client) && s.results(desk.client).error == nil)
        s.signal(desk.client, desk.idle)
        s.perform(.suspend, desk.client.slot)
        s.perform(.suspend, desk.server.slot)
        s.perform(.resume, desk.server.slot)
        #expect(!desk.hasRung())
    }

    @Test func aCallersSuspensionAndDeathAreTold() {
        for isDeath in [false, true] {
            let desk = Desk()
            let s = desk.s
            if isDeath {
                #expect(s.perform(.reclaim, desk.arena).error == nil)
            } else {
                s.perform(.suspend, desk.client.slot)
            }
            #expect(s.isRunning(desk.server) && desk.hasRung() && !desk.hasRung())
            #expect(s.effective(desk.server) == 10)
        }
    }

    /// A call that was received does not depend on the capability with which it was made.
    @Test func aCapabilityThatIsDeletedEndsNoReceivedCall() {
        let s = TestSystem()
        let (server, client, endpoint, reply) = s.makePair()
        let bell = s.make(.notification)
        let door = s.copy(endpoint, badge: 7)
        s.perform(.bindAbandonment, reply, UInt64(bell), 4)
        s.call(client, door)
        #expect(s.isRunning(server) && s.delete(door).error == nil)
        s.poll(server, bell)
        #expect(s.results(server).error == .wouldBlock)
        s.reply(server, reply, [9])
        #expect(s.isRunning(client) && s.results(client).words[0] == 9)
    }

    @Test func aFaultedThreadThatIsDestroyedIsTold() {
        let s = TestSystem()
        let (server, endpoint, reply) = s.makeServer(10)
        let bell = s.make(.notification)
        let arena = s.make(.untyped, sizeBits: 14)
        s.perform(.bindAbandonment, reply, UInt64(bell), 4)
        let thread = s.makeThread(priority: 20, from: arena, faultHandler: endpoint)
        s.start(thread)
        s.fault(thread)
        #expect(s.isRunning(server) && s.results(server).word.delivery == .fault)
        #expect(s.perform(.reclaim, arena).error == nil)
        s.poll(server, bell)
        #expect(s.results(server).badge == 4)
    }

    /// A server that waits for the next message with another reply object wakes.
    @Test(arguments: [true, false]) func aReceivingServerWakes(fast: Bool) {
        let desk = Desk(fast: fast, within: 1000)
        let s = desk.s
        desk.bindBell()
        s.receive(desk.server, desk.endpoint, reply: desk.spare)
        #expect(s.running == nil && s.effective(desk.server) == 20)
        s.advance(by: 1000)
        #expect(s.isRunning(desk.client))
        s.wait(desk.client, desk.idle)
        #expect(s.isRunning(desk.server))
        #expect(s.results(desk.server).word.delivery == .notification)
        #expect(s.results(desk.server).badge == 4 && s.effective(desk.server) == 10)
        s.reply(desk.server, desk.reply)
        #expect(s.results(desk.server).error == .noCaller)
    }

    /// Plain receivers stand in no queue, and a call without a step of the scheduler finds them.
    @Test func aPlainReceiverOfAnotherEndpointWakes() {
        let desk = Desk(within: 1000)
        let s = desk.s
        let watcher = s.makeThread(priority: 30)
        let (endpoint, reply) = s.serve(watcher)
        #expect(s.perform(.bindNotification, watcher.slot, UInt64(desk.bell)).error == nil)
        s.start(watcher)
        s.receive(watcher, endpoint, reply: reply)
        #expect(s.isRunning(desk.server))
        s.advance(by: 1000)
        #expect(s.isRunning(watcher) && s.results(watcher).badge == 4)
    }

    @Test(arguments: [1, 2, 3]) func waitersAreWokenOneForEachRing(count: Int) {
        let desk = Desk()
        let s = desk.s
        let waiters = (0..<count).map { s.makeThread(priority: UInt64(30 + $0)) }
        for waiter in waiters {
            s.start(waiter)
            s.wait(waiter, desk.bell)
        }
        s.perform(.suspend, desk.client.slot)
        #expect(s.isRunning(waiters[count - 1]) && s.results(waiters[count - 1]).badge == 4)
        for waiter in waiters.dropLast() { #expect(s.state(waiter) == .waiting) }
    }

    /// Between the bits and the step that wakes, the thread that is to wake goes, or a message
    /// comes to it: then the next one gets them.
    @Test func bitsAreNotLostWhereTheWokenThreadGoes() {
        for way in 0..<4 {
            let desk = Desk()
            let s = desk.s
            let first = s.makeThread(priority: 8)
            let second = s.makeThread(priority: 7)
            let bound = s.makeThread(priority: 6)
            let (endpoint, reply) = s.serve(bound)
            s.start(first, second, bound)
            s.wait(desk.server, desk.idle)
            s.wait(first, desk.bell)
            s.wait(second, desk.bell)
            s.perform(.bindNotification, bound.slot, UInt64(desk.bell))
            s.receive(bound, endpoint, reply: reply)
            let busy = s.makeThread(priority: 40)
            s.start(busy)
            #expect(s.isRunning(busy))
            s.invoke(busy, .suspend, desk.client.slot)
            // The step waits: it is less urgent than the thread that runs.
            #expect(s.isRunning(busy) && s.state(bound) == .receiving)
            switch way {
            case 0: s.perform(.suspend, bound.slot)
            case 1: s.perform(.suspend, first.slot)
            case 2: s.send(busy, endpoint)
            default:
                for thread in [first, second] { s.perform(.suspend, thread.slot) }
            }
            if way == 2 { #expect(s.isRunning(busy)) }
            s.wait(busy, desk.idle)
            let woken = way == 0 || way == 2 ? first : bound
            #expect(s.isRunning(woken) && s.results(woken).badge == 4)
        }
    }

    /// The answer and the time-out of one call: whichever comes first, the bell rings at most once,
    /// and only if the caller left without an answer.
    @Test func anAnswerRacesWithATimeOut() {
        for query in 0..<12 {
            let desk = Desk(within: 1000)
            let s = desk.s
            let late = s.hardware.now + 1001
            _ = s.interfere(after: query, with: { s.reply(desk.server, desk.reply, [5]) }) {
                s.hardware.now = late
            }
            s.hardware.now = late
            s.advance(by: 0)
            #expect(s.isRunning(desk.client))
            let isLost = s.results(desk.client).error == .timedOut
            #expect(isLost || s.results(desk.client).words[0] == 5)
            s.wait(desk.client, desk.idle)
            #expect(desk.hasRung() == isLost)
        }
    }

    @Test func aReplyObjectIsUsedAgain() {
        let desk = Desk(within: 1000)
        let s = desk.s
        s.advance(by: 1000)
        s.call(desk.client, desk.endpoint, [2], deadline: s.hardware.now + 1000)
        #expect(s.isRunning(desk.server))
        #expect(desk.hasRung())
        s.receive(desk.server, desk.endpoint, reply: desk.reply)
        #expect(s.results(desk.server).words[0] == 2)
        #expect(s.perform(.bindAbandonment, desk.reply, UInt64(desk.bell), 4).words[0] == 1)
        s.advance(by: 1000)
        s.wait(desk.client, desk.idle)
        #expect(desk.hasRung())
        #expect(s.perform(.bindAbandonment, desk.reply, UInt64(desk.bell), 4).words[0] == 0)
    }

    @Test func eitherSideMayGoFirst() {
        // The notification goes, and with it the binding.
        let first = Desk()
        let s = first.s
        let place = s.make(.untyped, sizeBits: 12)
        let bell = s.make(.notification, from: place)
        s.perform(.bindAbandonment, first.reply, UInt64(bell), 1)
        #expect(s.perform(.reclaim, place).error == nil)
        s.perform(.suspend, first.client.slot)
        #expect(s.isRunning(first.server) && !first.hasRung())
        // The reply object goes: its caller has left without an answer.
        let second = Desk()
        #expect(second.s.delete(second.reply).error == nil)
        #expect(second.s.isRunning(second.client))
        #expect(second.s.results(second.client).error == .peerDied)
        second.s.wait(second.client, second.idle)
        #expect(second.hasRung())
        // Its memory goes, with a binding and without a caller.
        let third = Desk()
        let arena = third.s.make(.untyped, sizeBits: 12)
        let reply = third.s.make(.reply, from: arena)
        third.s.perform(.bindAbandonment, reply, UInt64(third.bell), 2)
        #expect(third.s.perform(.reclaim, arena).error == nil)
        #expect(!third.hasRung())
        third.s.inspectTables()
    }

    @Test func aBindingIsReplacedAndEnded() {
        let desk = Desk()
        let s = desk.s
        let other = s.make(.notification)
        #expect(
            s.perform(.bindAbandonment, desk.reply, UInt64(other), 0).error == .invalidArgument)
        #expect(s.perform(.bindAbandonment, desk.reply, UInt64(other), 2).words[0] == 1)
        s.perform(.suspend, desk.client.slot)
        #expect(!desk.hasRung())
        s.poll(desk.server, other)
        #expect(s.results(desk.server).badge == 2)
        s.start(desk.client)
        s.call(desk.client, desk.endpoint)
        s.receive(desk.server, desk.endpoint, reply: desk.reply)
        #expect(s.perform(.bindAbandonment, desk.reply, s.none).words[0] == 1)
        s.perform(.suspend, desk.client.slot)
        s.poll(desk.server, other)
        #expect(s.results(desk.server).error == .wouldBlock)
    }

    /// A driver's line follows its thread, whatever else signals the same notification.
    @Test func aLineStillFollowsItsThread() {
        let s = TestSystem()
        let thread = s.makeThread(priority: 10)
        let bell = s.make(.notification)
        s.perform(.bindNotification, thread.slot, UInt64(bell))
        _ = s.makeInterrupt(line: 40, signalling: bell)
        _ = s.makeTimer(signalling: bell)
        s.perform(.bindAbandonment, s.make(.reply), UInt64(bell), 2)
        s.perform(.setPriority, thread.slot, 33, 200)
        #expect(s.kernel.pointee.shared.pointee.lineUrgencies[40] == 33)
    }

    /// The same after an interrupt that came later has gone.
    @Test func theLineThatIsLeftFollowsItsThread() {
        let s = TestSystem()
        let thread = s.makeThread(priority: 10)
        let bell = s.make(.notification)
        s.perform(.bindNotification, thread.slot, UInt64(bell))
        _ = s.makeInterrupt(line: 40, signalling: bell)
        let later = s.makeInterrupt(line: 41, signalling: bell)
        _ = s.makeTimer(signalling: bell)
        #expect(s.delete(later).error == nil)
        s.perform(.setPriority, thread.slot, 33, 200)
        #expect(s.kernel.pointee.shared.pointee.lineUrgencies[40] == 33)
    }
}
