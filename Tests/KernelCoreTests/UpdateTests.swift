// Pending updates of priority inheritance beside threads of the same priority: which of them goes first.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct UpdateTests {
    /// A caller of base priority 10 whose call has timed out, and its server, which waits at another
    /// endpoint: the update that lowers the server from 10 to 5 is pending.
    private struct Lowering {
        let s: TestSystem
        let caller, server, driver: TestThread
        static let line = 40

        init(fast: Bool) {
            s = TestSystem(fast: fast)
            let (server, endpoint, _) = s.makeServer(5)
            let elsewhere = s.make(.endpoint)
            (caller, driver) = (s.makeThread(priority: 10), s.makeThread(priority: 10))
            s.start(caller, driver)
            self.server = server
            let notification = s.make(.notification)
            let interrupt = s.allocateSlot()
            s.perform(
                .createInterrupt, RootSlot.interruptControl.index, UInt64(Lowering.line),
                Trigger.edge.rawValue, UInt64(TestSystem.ram), s.own, UInt64(interrupt))
            s.perform(.bindInterrupt, interrupt, UInt64(notification), 1)
            s.yield(caller)
            s.wait(driver, notification)
            s.call(caller, endpoint, deadline: s.hardware.now + 500)
            #expect(s.isRunning(server) && s.effective(server) == 10)
            s.call(server, elsewhere)
            s.advance(by: 500)
            #expect(s.isRunning(caller) && s.results(caller).error == .timedOut)
            #expect(s.effective(server) == 10)
        }
    }

    /// The update waits for the caller, whose base priority is as high, until the caller yields.
    @Test(arguments: [true, false]) func aYieldPerformsUpdatesThatAreAsUrgent(fast: Bool) {
        let lowering = Lowering(fast: fast)
        let s = lowering.s
        s.yield(lowering.caller)
        #expect(s.isRunning(lowering.caller) && s.effective(lowering.server) == 5)
    }

    /// An interrupt ends the turn of the updates: the thread that it wakes goes before them.
    @Test(arguments: [true, false]) func anInterruptEndsTheTurnOfTheUpdates(fast: Bool) {
        let lowering = Lowering(fast: fast)
        let s = lowering.s
        s.hardware.pulses.insert(Lowering.line)
        s.yield(lowering.caller)
        #expect(s.isRunning(lowering.driver) && s.results(lowering.driver).badge == 1)
        #expect(s.effective(lowering.server) == 10)
        s.yield(lowering.driver)
        #expect(s.isRunning(lowering.caller) && s.effective(lowering.server) == 5)
    }
}
