// Calls that an interrupt meets at one of the kernel's looks, and that are performed again: nothing
// is done twice, and nothing stays half done meanwhile.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct RestartTests {
    /// A worker receives a call that is queued for the endpoint's server. Wherever the interrupt
    /// comes, the call arrives whole; meanwhile the caller waits for the server, and the worker
    /// keeps no capability of it.
    @Test func aWorkersReceiveStartsAnew() {
        for look in 0..<12 {
            let s = TestSystem()
            let server = s.makeThread(priority: 5)
            let (endpoint, _) = s.serve(server)
            let worker = s.makeThread(priority: 6)
            let reply = s.make(.reply)
            let client = s.makeThread(priority: 40)
            let (target, sent) = (s.allocateSlot(), s.make(.notification))
            s.start(client, worker)
            s.go()
            s.buffer(client)[IPCBuffer.sendSlots / 8] = UInt64(sent)
            s.buffer(worker)[IPCBuffer.receiveSlots / 8] = UInt64(target)
            s.call(client, endpoint, [7], capabilities: 1)
            #expect(s.effective(server) == 40 && s.isRunning(worker))
            let isCut = s.interfere(after: look) {
                s.receive(worker, endpoint, reply: reply)
            } _: {
                if s.state(client) != .calling { return }
                #expect(client.ref.pointee.blockedOn == server.ref && s.effective(server) == 40)
                #expect(s.isEmpty(target))
            }
            #expect(s.isRunning(worker) && s.effective(worker) == 40 && s.effective(server) == 5)
            let message = s.results(worker).word
            #expect(message.length == 1 && message.capabilityCount == 1 && !s.isEmpty(target))
            if !isCut {
                #expect(look > 3)
                return
            }
        }
        Issue.record("the call has no end")
    }

    /// A thread that changes its own address space and fault handler never runs in the new space
    /// before the call is done.
    @Test func aThreadChangesItsOwnSpaceAtOnce() {
        for look in 0..<12 {
            let s = TestSystem()
            let thread = s.run(20)
            let (space, handler) = (s.make(.addressSpace), s.make(.endpoint))
            let old = thread.ref.translationBase
            let isCut = s.interfere(after: look) {
                s.invoke(
                    thread, .configure, thread.slot, s.none, UInt64(space), s.none, UInt64(handler))
            } _: {
                if thread.ref.programCounter == TestSystem.callPlace {
                    #expect(thread.ref.translationBase == old)
                }
            }
            #expect(s.isRunning(thread) && s.results(thread).error == nil)
            #expect(thread.ref.translationBase != old)
            if !isCut {
                #expect(look > 1)
                return
            }
        }
        Issue.record("the call has no end")
    }
}
