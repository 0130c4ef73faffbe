// Pending updates of priority inheritance beside threads of the same priority: which of them goes
// first.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct UpdateTests {
    /// A caller of base priority 10 whose call has timed out, and its server, which waits at
    /// another endpoint: the update that lowers the server from 10 to 5 is pending.
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
        s.hardware.urgentLine = Lowering.line
        s.hardware.urgentAfter = 1
        s.yield(lowering.caller)
        #expect(s.isRunning(lowering.driver) && s.results(lowering.driver).badge == 1)
        #expect(s.effective(lowering.server) == 10)
        s.yield(lowering.driver)
        #expect(s.isRunning(lowering.caller) && s.effective(lowering.server) == 5)
    }

    /// The timer is set anew for the steps: the deadline of a thread that has just blocked is
    /// served before the first of them.
    @Test(arguments: [true, false]) func aDeadlineThatIsDueGoesBeforeTheSteps(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, client, urgent) = (
            s.makeThread(priority: 5), s.makeThread(priority: 40), s.makeThread(priority: 60)
        )
        let (endpoint, reply) = s.serve(server)
        let (bell, timer) = (s.make(.notification), s.make(.timer))
        s.perform(.bindTimer, timer, UInt64(bell), 1)
        s.perform(.setPriority, urgent.slot, 60, 60)
        s.start(server)
        s.go()
        s.receive(server, endpoint, reply: reply)
        s.start(client)
        s.call(client, endpoint)
        s.start(urgent)
        s.invoke(urgent, .setPriority, client.slot, 50, 60)
        #expect(s.kernel.pointee.core.ready.updatesTop == 50)
        s.invoke(urgent, .arm, timer, s.hardware.now + 10)
        s.advance(by: 20)
        #expect(s.isRunning(urgent) && s.hardware.deadline == ~0)
        s.wait(urgent, bell)
        #expect(s.isRunning(urgent) && s.results(urgent).badge == 1)
        #expect(s.kernel.pointee.core.ready.updatesTop == 50)
        s.wait(urgent, bell)
        #expect(s.isRunning(server) && s.effective(server) == 50)
    }

    /// A thread whose wait has ended runs by a step. A signal that comes before that step stays in
    /// the notification.
    @Test(arguments: [true, false]) func aSignalBeforeTheStepIsNotLost(fast: Bool) {
        let s = TestSystem(fast: fast)
        let (server, endpoint, _) = s.makeServer(5)
        let client = s.makeThread(priority: 40)
        let urgent = s.makeThread(priority: 60)
        let (elsewhere, spare) = s.serve(server)
        let bell = s.make(.notification)
        s.perform(.bindNotification, server.slot, UInt64(bell))
        s.start(client)
        s.call(client, endpoint)
        s.receive(server, elsewhere, reply: spare)
        s.start(urgent)
        s.perform(.setPriority, urgent.slot, 60, 200)
        s.invoke(urgent, .setPriority, server.slot, 45, 100)
        s.signal(urgent, bell, bits: 1)
        #expect(server.ref.isEnding)
        s.signal(urgent, bell, bits: 2)
        s.invoke(urgent, .suspend, urgent.slot)
        #expect(s.isRunning(server) && s.results(server).badge == 1)
        s.poll(server, bell)
        #expect(s.results(server).badge == 2)
    }
}
