// Notifications collect bits and wake waiters by priority. A bound thread takes them in `receive`.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct NotificationTests {
    @Test func bitsAreCollectedAndTakenAtOnce() {
        let s = TestSystem()
        let a = s.makeThread(priority: 20)
        let notification = s.make(.notification)
        let badged = s.copy(notification, rights: .write, badge: 0x100)
        s.start(a)
        s.go()
        s.signal(a, notification, bits: 1)
        s.signal(a, badged, bits: 0xff)
        s.poll(a, notification)
        #expect(s.results(a).badge == 0x101 && s.results(a).word.delivery == .notification)
        s.poll(a, notification)
        #expect(s.results(a).error == .wouldBlock)
        s.signal(a, notification, bits: 2)
        s.wait(a, notification)
        #expect(s.isRunning(a) && s.results(a).badge == 2)
        s.wait(a, badged)
        #expect(s.results(a).error == .missingRights)
    }

    @Test func waitersAreWokenByPriority() {
        let s = TestSystem()
        let notification = s.make(.notification)
        let waiters = [10, 30, 20].map { s.makeThread(priority: $0) }
        let signaller = s.run(5)
        for waiter in waiters {
            s.start(waiter)
            s.wait(waiter, notification)
        }
        s.perform(.setPriority, waiters[0].slot, 25, 200)
        for (expected, bits) in [(1, 1), (0, 2), (2, 4)] {
            s.signal(signaller, notification, bits: UInt64(bits))
            #expect(
                s.isRunning(waiters[expected]) && s.results(waiters[expected]).badge == UInt64(bits)
            )
            s.perform(.suspend, waiters[expected].slot)
        }
    }

    @Test(arguments: [true, false]) func aBoundThreadTakesBitsInReceive(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 10)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        let notification = s.make(.notification)
        #expect(s.perform(.bindNotification, server.slot, UInt64(notification)).error == nil)
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply, deadline: 9000)
        s.start(client)
        s.signal(client, notification, bits: 8)
        #expect(s.state(server) == .ready && s.hardware.deadline == ~0)
        #expect(s.results(server).word.delivery == .notification && s.results(server).badge == 8)
        s.perform(.suspend, client.slot)
        s.receive(server, endpoint, reply: reply)
        s.start(client)
        s.call(client, endpoint)
        #expect(s.isRunning(server))
        // Bits that come while it serves wait for its next receive, after the answer.
        s.raise(line: TestSystem.rootLine)
        #expect(s.isRunning(s.root))
        s.signal(s.root, notification, bits: 16)
        s.perform(.suspend, client.slot)
        s.perform(.resume, client.slot)
        s.perform(.suspend, client.slot)
        s.go()
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(server) && s.results(server).word.delivery == .notification)
        #expect(s.results(server).badge == 16)
    }

    @Test(arguments: [true, false]) func aReplyingServerTakesBitsAtOnce(fast: Bool) {
        let s = TestSystem(fast: fast)
        let server = s.makeThread(priority: 10)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        let notification = s.make(.notification)
        s.perform(.bindNotification, server.slot, UInt64(notification))
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.start(client)
        s.call(client, endpoint)
        s.signal(server, notification, bits: 16)
        s.replyAndReceive(server, endpoint, reply: reply, [3])
        #expect(s.isRunning(client) && s.results(client).x[3] == 3)
        #expect(s.state(server) == .ready && s.results(server).badge == 16)
    }

    @Test func bitsThatAreSetBeforeTheBindingWakeTheReceiver() {
        let s = TestSystem()
        let server = s.makeThread(priority: 10)
        let (endpoint, reply) = s.serve(server)
        let notification = s.make(.notification)
        s.start(server)
        s.signal(s.root, notification, bits: 3)
        s.go()
        s.receive(server, endpoint, reply: reply)
        #expect(s.running == nil)
        s.perform(.bindNotification, server.slot, UInt64(notification))
        #expect(s.isRunning(server) && s.results(server).badge == 3)
    }

    @Test func aNotificationIsBoundToOneThread() {
        let s = TestSystem()
        let a = s.makeThread(priority: 10)
        let b = s.makeThread(priority: 11)
        let first = s.make(.notification)
        let second = s.make(.notification)
        #expect(s.perform(.bindNotification, a.slot, UInt64(first)).error == nil)
        #expect(s.perform(.bindNotification, b.slot, UInt64(first)).error == .wrongState)
        #expect(s.perform(.bindNotification, a.slot, UInt64(second)).error == nil)
        #expect(s.perform(.bindNotification, b.slot, UInt64(first)).error == nil)
        #expect(s.perform(.bindNotification, a.slot, s.none).error == nil)
        #expect(a.ref.pointee.boundNotification == nil)
        #expect(
            s.perform(.bindNotification, a.slot, UInt64(s.copy(second, rights: .read))).error
                == .missingRights)
    }

    @Test func itsMemoryIsTakenFromWaitersAndTheBoundThread() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 12)
        let notification = s.make(.notification, from: arena)
        let timer = s.make(.timer)
        let a = s.makeThread(priority: 10)
        let b = s.makeThread(priority: 9)
        s.perform(.bindNotification, b.slot, UInt64(notification))
        s.perform(.bindTimer, timer, UInt64(notification), 1)
        s.perform(.arm, timer, 9000)
        s.start(a)
        s.go()
        s.wait(a, notification)
        s.perform(.reclaim, arena)
        #expect(s.isRunning(a) && s.results(a).error == .invalidCapability)
        #expect(b.ref.pointee.boundNotification == nil)
        s.advance(by: 10_000)
        #expect(s.isRunning(a))
        #expect(s.perform(.arm, timer, 90_000).error == .wrongState)
    }
}
