// Two cores: requests to a core whose thread blocks, or that an interrupt makes busy, before the
// core answers. The explorer found these orders of steps.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct CoreRequestTests {
    let s = TestSystem()
    let other: OtherCore

    init() {
        other = s.addCore()
        s.go()
    }

    private func thread(_ priority: UInt64, on core: Int) -> TestThread {
        let thread = s.makeThread(priority: priority)
        s.perform(.setCore, thread.slot, UInt64(core))
        s.start(thread)
        return thread
    }

    /// A call of a thread of the other core, which has not taken its interrupts yet.
    private func call(_ thread: TestThread, _ values: UInt64...) {
        for index in 0...10 {
            thread.ref.registers[index] = index < values.count ? values[index] : 0
        }
        other.enter(thread.ref)
    }

    /// A thread that has asked the other core for something and then was suspended.
    private func ask(_ method: Method, _ thread: TestThread, _ value: UInt64 = 0) {
        let asker = self.thread(20, on: 0)
        other.isHeld = true
        s.invoke(asker, method, thread.slot, value)
        #expect(asker.ref.state == .awaitingCore)
        #expect(s.perform(.suspend, asker.slot).error == nil)
        #expect(asker.ref.state == .stopped)
    }

    @Test func aLaterMoveReplacesOneThatAnotherThreadHasAskedFor() {
        let notification = s.make(.notification)
        let there = thread(10, on: 1)
        ask(.setCore, there, 0)
        call(there, ControlWord(.wait, Slot(notification)).by(.never).raw, 0, ~0)
        #expect(there.ref.state == .waiting && there.ref.home == 1)
        #expect(s.perform(.setCore, there.slot, 1).error == nil)
        other.isHeld = false
        s.settle()
        let here = thread(5, on: 0)
        s.signal(here, notification, bits: 1)
        s.perform(.setPriority, there.slot, 11, 20)
        #expect(there.ref.home == 1 && other.running == there.ref)
    }

    @Test func aServerThatIsToStopWaitsInTheQueueOfItsEndpoint() {
        let (endpoint, reply) = (s.make(.endpoint), s.make(.reply))
        let server = thread(10, on: 1)
        s.perform(.bindServer, endpoint, UInt64(server.slot))
        let client = thread(5, on: 1)
        ask(.suspend, server)
        call(server, ControlWord(.receive, Slot(endpoint)).by(.never).raw, UInt64(reply), ~0)
        #expect(server.ref.state == .receiving && other.running == client.ref)
        // A fast path would let the server run, and forget the request.
        call(client, ControlWord(.call, Slot(endpoint), length: 1).by(.never).raw)
        #expect(server.ref.state == .stopped && other.running == nil)
    }

    @Test func aRequestBesideAnInterruptThatWakesAThreadAtOnce() {
        let (notification, timer) = (s.make(.notification), s.make(.timer))
        s.perform(.bindTimer, timer, UInt64(notification), 1)
        let waiter = thread(100, on: 1)
        s.invoke(waiter, .arm, timer, s.hardware.now + 50)
        s.wait(waiter, notification)
        other.isHeld = true
        let second = thread(10, on: 1)
        s.hardware.now += 100
        other.isHeld = false
        s.settle()
        #expect(other.running == waiter.ref && second.ref.state == .ready && other.asked == -1)
        // The next request is as urgent as that one.
        #expect(s.perform(.setPriority, waiter.slot, 5, 200).error == nil)
        #expect(other.running == second.ref)
    }
}
