// Slices on every way into the kernel. A slice runs while an equal of its thread is ready, and ends
// when its thread blocks.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct SliceTests {
    /// A signal that wakes an equal starts the signaller's slice. Otherwise the equal could wait
    /// for ever.
    @Test(arguments: [true, false]) func aSignalToAnEqualStartsTheSlice(fast: Bool) {
        let s = TestSystem(fast: fast)
        let notification = s.make(.notification)
        let (signaller, waiter) = s.run(10, 10)
        s.perform(.setSlice, signaller.slot, 1000)
        s.yield(signaller)
        s.wait(waiter, notification)
        #expect(s.isRunning(signaller) && s.hardware.deadline == ~0)
        s.signal(signaller, notification, bits: 1)
        #expect(s.isRunning(signaller) && s.hardware.deadline == s.hardware.now + 1000)
        s.advance(by: 1000)
        #expect(s.isRunning(waiter) && s.results(waiter).badge == 1)
    }

    /// The thread that a yield lets run has its slice.
    @Test(arguments: [true, false]) func aYieldStartsTheSliceOfTheNext(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (thread, equal) = s.run(10, 10)
        s.perform(.setSlice, thread.slot, 1000)
        // The thread that yielded stands in front of the ready queue, where the fast path looks.
        s.yield(thread)
        #expect(s.isRunning(equal) && s.hardware.deadline == ~0)
        s.yield(equal)
        #expect(s.isRunning(thread) && s.hardware.deadline == s.hardware.now + 1000)
        s.advance(by: 1000)
        #expect(s.isRunning(equal))
    }

    /// A slice ends when the only equal is stopped or moved.
    @Test(arguments: [true, false]) func aSliceEndsWithTheLastEqual(isMoved: Bool) {
        let s = TestSystem()
        if isMoved { _ = s.addCore() }
        let (thread, equal) = s.run(10, 10)
        s.perform(.setSlice, thread.slot, 1000)
        #expect(s.isRunning(thread) && s.hardware.deadline == s.hardware.now + 1000)
        s.invoke(thread, isMoved ? .setCore : .suspend, equal.slot, 1)
        #expect(s.isRunning(thread) && s.hardware.deadline == ~0)
    }

    /// A call ends its caller's slice. The server has none, and does not go behind its equals when
    /// the caller's would have ended.
    @Test(arguments: [true, false]) func aCallEndsTheSlice(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, endpoint, reply) = s.makeServer(5)
        let client = s.makeThread(priority: 10)
        let equal = s.makeThread(priority: 10)
        s.start(client, equal)
        s.perform(.setSlice, client.slot, 1000)
        #expect(s.isRunning(client) && s.hardware.deadline == s.hardware.now + 1000)
        s.advance(by: 600)
        s.call(client, endpoint)
        #expect(s.isRunning(server) && s.effective(server) == 10 && s.hardware.deadline == ~0)
        s.advance(by: 1000)
        #expect(s.isRunning(server))
        s.replyAndReceive(server, endpoint, reply: reply)
        // Behind its equal, with a whole slice.
        #expect(s.isRunning(equal))
        s.yield(equal)
        #expect(s.isRunning(client) && s.hardware.deadline == s.hardware.now + 1000)
    }

    /// A fault ends the slice too: its handler has no slice either.
    @Test func aFaultEndsTheSlice() {
        let s = TestSystem()
        let (handler, endpoint, reply) = s.makeServer(5)
        let faulter = s.makeThread(priority: 10, faultHandler: endpoint)
        let equal = s.makeThread(priority: 10)
        s.start(faulter, equal)
        s.perform(.setSlice, faulter.slot, 1000)
        #expect(s.isRunning(faulter) && s.hardware.deadline == s.hardware.now + 1000)
        s.fault(faulter)
        #expect(s.isRunning(handler) && s.hardware.deadline == ~0)
        s.replyAndReceive(handler, endpoint, reply: reply, [FaultReply.retry.rawValue])
        #expect(s.isRunning(equal))
    }

    /// A wait that ends early ends its loan: what the thread answers later lends nothing.
    @Test(arguments: [true, false]) func aWaitThatEndsEarlyEndsItsLoan(isTimeOut: Bool) {
        let s = TestSystem()
        let busy = s.make(.endpoint)
        let lender = s.makeThread(priority: 20)
        let client = s.makeThread(priority: 10)
        let (endpoint, reply) = s.serve(lender)
        s.start(lender, client)
        s.go()
        s.offerLoan(lender, 0x1000, 64, .read)
        s.call(lender, busy, deadline: s.hardware.now + 10, loan: true)
        #expect(s.isRunning(client) && lender.ref.pointee.scheduling.isLending)
        if isTimeOut {
            s.advance(by: 10)
            #expect(s.results(lender).error == .timedOut)
        } else {
            s.perform(.suspend, lender.slot)
            s.perform(.resume, lender.slot)
            #expect(s.results(lender).error == .cancelled)
        }
        #expect(!lender.ref.pointee.scheduling.isLending)
        s.receive(lender, endpoint, reply: reply)
        s.call(client, endpoint, [1])
        s.reply(lender, reply, [2])
        s.receive(lender, endpoint, reply: reply)
        #expect(s.isRunning(client) && s.results(client).words[0] == 2)
        #expect(!s.results(client).word.hasLoan && s.results(client).x[2] == 0)
    }
}
