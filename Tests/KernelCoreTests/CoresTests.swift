// Two cores: home cores, wakes and calls between cores, and requests to a core that executes the
// thread in question. A held core takes no interrupt, so that a test sees what happens meanwhile.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

@Suite struct CoresTests {
    let s = TestSystem()
    let other: OtherCore

    init() { other = s.addCore() }

    /// A thread that is at home on a core, started.
    private func thread(_ priority: UInt64, on core: Int, starts: Bool = true) -> TestThread {
        let thread = s.makeThread(priority: priority)
        #expect(s.perform(.setCore, thread.slot, UInt64(core)).error == nil)
        if starts { s.start(thread) }
        return thread
    }

    /// A server of core `core` that waits for a caller.
    private func server(
        _ priority: UInt64, on core: Int
    ) -> (server: TestThread, endpoint: UInt32, reply: UInt32) {
        s.go()
        let (endpoint, reply) = (s.make(.endpoint), s.make(.reply))
        let server = thread(priority, on: core)
        s.perform(.bindServer, endpoint, UInt64(server.slot))
        s.receive(server, endpoint, reply: reply)
        return (server, endpoint, reply)
    }

    @Test func aThreadIsAtHomeOnItsMakersCore() {
        let thread = s.makeThread(priority: 10)
        #expect(thread.ref.home == 0)
        let information = s.perform(.threadInformation, thread.slot)
        #expect(information.words[0] >> 32 == 0)
        s.perform(.setCore, thread.slot, 1)
        #expect(thread.ref.home == 1)
        #expect(s.perform(.threadInformation, thread.slot).words[0] >> 32 == 1)
    }

    @Test func onlyCoresThatRunAreAccepted() {
        let thread = s.makeThread(priority: 10)
        for number: UInt64 in [2, 7, 8, 64, ~0] {
            #expect(s.perform(.setCore, thread.slot, number).error == .invalidArgument)
        }
        #expect(thread.ref.home == 0)
    }

    /// A statistic of a core; nil: of all cores.
    private func statistic(_ which: Statistic, of core: UInt64? = nil) -> UInt64 {
        let control = RootSlot.systemControl.index
        return s.perform(.statistics, control, which.rawValue, core.map { $0 + 1 } ?? 0).words[0]
    }

    @Test func whatAllCoresCountIsTheSum() {
        let control = RootSlot.systemControl.index
        let which = Statistic.spuriousInterrupts
        for place in [0, 4] {
            let first = which.rawValue - UInt64(place)
            let before = s.perform(.statistics, control, first).words[place]
            other.kernel.pointee.core.statistics[which] += 1000
            let after = s.perform(.statistics, control, first).words[place]
            #expect(after == before + 1000, "place \(place)")
        }
    }

    @Test func eachCoreCountsItsThreads() {
        let before = (0...1).map { statistic(.threads, of: $0) }
        #expect(before[1] == 0 && statistic(.threads) == before[0])
        let (first, second) = (thread(10, on: 1), thread(20, on: 1))
        _ = thread(5, on: 0)
        #expect(statistic(.threads, of: 0) == before[0] + 1)
        #expect(statistic(.threads, of: 1) == 2)
        #expect(statistic(.threads) == before[0] + 3)
        // One moves that runs there.
        #expect(other.running == second.ref)
        s.perform(.setCore, second.slot, 0)
        #expect(statistic(.threads, of: 1) == 1)
        #expect(first.ref.home == 1)
    }

    @Test func eachCoreCountsItsIdleTimeAndItsInterrupts() {
        let interrupts = statistic(.coreInterrupts, of: 1)
        let idle = statistic(.idleTicks, of: 1)
        s.hardware.now += 100
        #expect(statistic(.idleTicks, of: 1) >= idle + 100, "it has been idle up to now")
        let mine = statistic(.idleTicks, of: 0)
        let thread = thread(10, on: 1)
        #expect(other.running == thread.ref)
        #expect(statistic(.coreInterrupts, of: 1) > interrupts)
        let before = statistic(.idleTicks, of: 1)
        s.hardware.now += 100
        #expect(statistic(.idleTicks, of: 1) == before, "a thread runs there")
        #expect(statistic(.idleTicks, of: 0) == mine)
        #expect(statistic(.idleTicks) == before + mine)
    }

    @Test func statisticsOfACoreThatDoesNotRunAreRefused() {
        let control = RootSlot.systemControl.index
        for number in [2, 7, 8, ~0 - 1] as [UInt64] {
            #expect(s.perform(.statistics, control, 0, number + 1).error == .invalidArgument)
        }
        #expect(s.perform(.statistics, control, 0, 2).error == nil)
    }

    @Test func eachCoreRunsItsMostUrgentThread() {
        s.go()
        let here = thread(10, on: 0)
        let there = thread(5, on: 1)
        #expect(s.running == here.ref && other.running == there.ref)
        let urgent = thread(20, on: 1)
        #expect(s.running == here.ref && other.running == urgent.ref && there.ref.state == .ready)
    }

    @Test func aLessUrgentThreadInterruptsNoOtherCore() {
        s.go()
        let there = thread(20, on: 1)
        let requests = other.hardware.requests
        let lazy = thread(10, on: 1)
        #expect(other.hardware.requests == requests)
        #expect(other.running == there.ref && lazy.ref.state == .ready)
    }

    @Test func oneInterruptIsOnItsWayForEachUrgency() {
        s.go()
        _ = thread(1, on: 1)
        other.isHeld = true
        let requests = other.hardware.requests
        let threads = [(30, 1), (20, 0), (31, 1), (31, 0)].map { (priority, more) in
            let before = other.hardware.requests
            let thread = thread(UInt64(priority), on: 1)
            #expect(other.hardware.requests == before + more)
            return thread
        }
        #expect(other.hardware.requests == requests + 2)
        other.isHeld = false
        s.settle()
        #expect(other.running == threads[2].ref)
    }

    @Test func aWaitingCoreKnowsHowUrgentItsInterruptsAre() {
        s.go()
        _ = thread(1, on: 1)
        #expect(other.kernel.pointee.timerPriority == -1)
        #expect(other.kernel.pointee.askedPriority == -1)
        other.isHeld = true
        _ = thread(30, on: 1)
        #expect(other.kernel.pointee.askedPriority == 30)
        other.isHeld = false
        s.settle()
        #expect(other.kernel.pointee.askedPriority == -1)
        let sleeper = thread(7, on: 0)
        s.wait(sleeper, s.make(.notification), deadline: 1 << 30)
        #expect(s.kernel.pointee.timerPriority == 7)
    }

    @Test func aThreadMadeReadyElsewhereGoesBeforeOneThatASignalWakes() {
        s.go()
        let notification = s.make(.notification)
        let waiter = thread(50, on: 1, starts: false)
        s.start(waiter)
        s.wait(waiter, notification)
        let low = thread(10, on: 1)
        #expect(other.running == low.ref)
        other.isHeld = true
        let urgent = thread(200, on: 1)
        #expect(other.running == low.ref && urgent.ref.state == .ready)
        // The software interrupt is on its way; the thread signals before it is taken.
        s.signal(low, notification, bits: 1)
        #expect(other.running == urgent.ref)
        #expect(waiter.ref.state != .running && low.ref.state == .ready)
        other.isHeld = false
        s.settle()
        #expect(other.running == urgent.ref)
    }

    @Test func anEqualThatBecomesReadyStartsTheSlice() {
        s.go()
        let first = thread(10, on: 1)
        s.perform(.setSlice, first.slot, 1000)
        let second = thread(10, on: 1)
        #expect(other.running == first.ref && other.hardware.deadline == s.hardware.now + 1000)
        s.advance(by: 1000)
        #expect(other.running == second.ref)
    }

    @Test(arguments: [true, false]) func aCallToAServerOfAnotherCore(isServerUrgent: Bool) {
        let (server, endpoint, reply) = server(isServerUrgent ? 30 : 5, on: 1)
        let client = thread(10, on: 0)
        s.call(client, endpoint, [1, 2, 3])
        #expect(s.running == nil && other.running == server.ref)
        #expect(s.effective(server) == (isServerUrgent ? 30 : 10))
        #expect(s.results(server).words.prefix(3) == [1, 2, 3])
        s.replyAndReceive(server, endpoint, reply: reply, [4])
        #expect(s.running == client.ref && s.results(client).words[0] == 4)
        #expect(other.running == nil && s.effective(server) == (isServerUrgent ? 30 : 5))
    }

    @Test func inheritanceCrossesCores() {
        // A chain client (core 0) → first (core 1) → second (core 0) beside a hog on each core.
        s.go()
        let doors = [s.make(.endpoint), s.make(.endpoint)]
        let replies = [s.make(.reply), s.make(.reply)]
        let second = thread(4, on: 0)
        s.perform(.bindServer, doors[1], UInt64(second.slot))
        s.receive(second, doors[1], reply: replies[1])
        let first = thread(5, on: 1)
        s.perform(.bindServer, doors[0], UInt64(first.slot))
        s.receive(first, doors[0], reply: replies[0])
        let low = thread(6, on: 0)
        s.call(low, doors[0])
        s.call(first, doors[1])
        #expect(s.running == second.ref && s.effective(second) == 6)
        let hogs = [thread(20, on: 0), thread(21, on: 1)]
        #expect(s.running == hogs[0].ref && other.running == hogs[1].ref)
        // The client waits in the queue of the first server's endpoint.
        let client = thread(30, on: 0)
        s.call(client, doors[0])
        #expect(s.effective(first) == 30 && s.effective(second) == 30)
        #expect(s.running == second.ref && other.running == hogs[1].ref)
    }

    @Test func anotherCorePerformsTheUpdatesOfABusyOne() {
        // The top thread of core 0 raises a blocked client of a chain to a priority below its own:
        // core 1 is idle, so it performs the steps.
        let (server, endpoint, _) = server(4, on: 1)
        let blocker = thread(5, on: 0)
        s.call(blocker, endpoint)
        let client = thread(6, on: 0)
        s.call(client, endpoint)
        let hog = thread(10, on: 1)
        let top = thread(100, on: 0)
        #expect(s.running == top.ref && other.running == hog.ref)
        s.invoke(top, .setPriority, client.slot, 50, 60)
        #expect(s.running == top.ref)
        #expect(other.running == server.ref && s.effective(server) == 50)
    }

    // Requests

    @Test func suspendingAThreadThatRunsElsewhereWaitsForItsCore() {
        s.go()
        let there = thread(10, on: 1)
        let here = thread(20, on: 0)
        other.isHeld = true
        s.invoke(here, .suspend, there.slot)
        #expect(here.ref.state == .awaitingCore && there.ref.state == .running)
        #expect(s.running == nil)
        other.isHeld = false
        s.settle()
        #expect(s.running == here.ref && s.results(here).error == nil)
        #expect(there.ref.state == .stopped && other.running == nil)
        #expect(s.invoke(here, .resume, there.slot).error == nil)
        #expect(other.running == there.ref)
    }

    @Test func theRequestIsAsUrgentAsItsMaker() {
        s.go()
        let there = thread(10, on: 1)
        let here = thread(20, on: 0)
        other.isHeld = true
        s.invoke(here, .suspend, there.slot)
        #expect(other.asked == 20)
    }

    @Test func aRequesterThatDiesLeavesTheThreadStopped() {
        s.go()
        let there = thread(10, on: 1)
        let arena = s.make(.untyped, sizeBits: 14)
        let here = s.makeThread(priority: 20, from: arena)
        s.start(here)
        other.isHeld = true
        s.invoke(here, .suspend, there.slot)
        #expect(here.ref.state == .awaitingCore)
        #expect(s.perform(.reclaim, arena).error == nil)
        other.isHeld = false
        s.settle()
        #expect(there.ref.state == .stopped && other.running == nil)
        #expect(s.perform(.resume, there.slot).error == nil)
        #expect(other.running == there.ref)
    }

    @Test func anAskerIsAnsweredBesideAThreadThatAnInterruptWakes() {
        // The core stops the thread. Before it answers, its timer wakes one that is less urgent
        // than who asked.
        s.go()
        let notification = s.make(.notification)
        let timer = s.make(.timer)
        s.perform(.bindTimer, timer, UInt64(notification), 1)
        let waiter = thread(100, on: 1)
        s.invoke(waiter, .arm, timer, s.hardware.now + 50)
        s.wait(waiter, notification)
        let there = thread(10, on: 1)
        #expect(other.running == there.ref)
        let asker = thread(200, on: 0)
        other.isHeld = true
        s.invoke(asker, .suspend, there.slot)
        #expect(asker.ref.state == .awaitingCore)
        s.hardware.now += 100
        other.isHeld = false
        s.settle()
        #expect(s.running == asker.ref && s.results(asker).error == nil)
        #expect(other.running == waiter.ref && there.ref.state == .stopped)
    }

    @Test func aDeadlineThatInterruptsNobodyInterruptsNoOtherCore() {
        s.go()
        let notification = s.make(.notification)
        let urgent = thread(200, on: 1)
        let sleeper = thread(2, on: 0)
        s.wait(sleeper, notification, deadline: s.hardware.now + 500)
        let requests = other.hardware.requests
        s.perform(.setCore, sleeper.slot, 1)
        s.settle()
        #expect(other.hardware.requests == requests && other.running == urgent.ref)
        #expect(sleeper.ref.deadlineNode.pointee.home == 1)
        // It comes when nothing urgent runs there any more.
        s.hardware.now += 1000
        s.settle()
        #expect(sleeper.ref.state == .waiting)
        s.perform(.suspend, urgent.slot)
        s.settle()
        #expect(other.running == sleeper.ref && s.results(sleeper).error == .timedOut)
    }

    @Test func aYieldGoesBehindWhatAnotherCoreMadeReady() {
        s.go()
        let first = thread(10, on: 1)
        let second = thread(10, on: 1)
        #expect(other.running == first.ref)
        other.isHeld = true
        let urgent = thread(30, on: 1)
        s.yield(first)
        #expect(other.running == urgent.ref)
        #expect(first.ref.state == .ready && second.ref.state == .ready)
        other.isHeld = false
        s.settle()
        #expect(other.running == urgent.ref)
    }

    @Test func aTraceIsTurnedOnAndOffForAllCores() {
        s.go()
        _ = thread(10, on: 1)
        let control = RootSlot.systemControl.index
        s.perform(.trace, control, 1)
        #expect(other.kernel.pointee.core.isTracing && s.kernel.pointee.core.isTracing)
        s.perform(.trace, control, 0)
        #expect(!other.kernel.pointee.core.isTracing && !s.kernel.pointee.core.isTracing)
    }

    @Test func twoThreadsSuspendOneAnother() {
        s.go()
        let there = thread(10, on: 1)
        let here = thread(20, on: 0)
        other.isHeld = true
        s.invoke(here, .suspend, there.slot)
        #expect(here.ref.state == .awaitingCore)
        // Core 1 has not taken the interrupt yet: its thread calls first.
        s.setRegisters(there, ControlWord(invoke: .suspend, Slot(here.slot)).raw)
        other.enter(there.ref)
        other.isHeld = false
        s.settle()
        #expect(here.ref.state == .stopped && there.ref.state == .stopped)
        // The first request is performed again.
        #expect(s.perform(.resume, here.slot).error == nil)
        #expect(s.running == here.ref && s.results(here).error == nil)
        #expect(s.perform(.resume, there.slot).error == nil)
        #expect(other.running == there.ref && s.results(there).error == nil)
    }

    @Test func destroyingAThreadThatRunsElsewhere() {
        s.go()
        let arena = s.make(.untyped, sizeBits: 14)
        let there = s.makeThread(priority: 10, from: arena)
        s.perform(.setCore, there.slot, 1)
        s.start(there)
        #expect(other.running == there.ref)
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(other.running == nil && s.isEmpty(there.slot))
    }

    @Test func aMoveOfARunningThread() {
        s.go()
        let there = thread(10, on: 1)
        let here = thread(20, on: 0)
        // From another core.
        #expect(s.invoke(here, .setCore, there.slot, 0).error == nil)
        #expect(there.ref.home == 0 && there.ref.state == .ready && other.running == nil)
        // Itself.
        #expect(s.invoke(here, .setCore, here.slot, 1).error == nil)
        #expect(here.ref.home == 1 && other.running == here.ref && s.running == there.ref)
    }

    @Test func aMoveOfABlockedThreadTakesItsDeadlineAlong() {
        s.go()
        let notification = s.make(.notification)
        let waiter = thread(10, on: 0)
        s.wait(waiter, notification, deadline: s.hardware.now + 500)
        #expect(s.hardware.deadline == s.hardware.now + 500)
        #expect(s.perform(.setCore, waiter.slot, 1).error == nil)
        #expect(other.hardware.deadline == s.hardware.now + 500)
        s.advance(by: 500)
        #expect(other.running == waiter.ref && s.results(waiter).error == .timedOut)
    }

    @Test func aNewAddressSpaceOfAThreadThatRunsElsewhere() {
        s.go()
        let there = thread(10, on: 1)
        let space = s.make(.addressSpace)
        other.isHeld = true
        #expect(
            s.perform(.configure, there.slot, s.none, UInt64(space), s.none, s.none).error == nil)
        #expect(other.mustReload)
        other.isHeld = false
        s.settle()
        #expect(other.hardware.translationBase == there.ref.translationBase)
    }

    @Test func anAddressSpaceGoesOnlyAfterTheCoreHasLeftIt() {
        s.go()
        let arena = s.make(.untyped, sizeBits: 16)
        let space = s.make(.addressSpace, from: arena)
        let there = thread(10, on: 1)
        s.perform(.configure, there.slot, s.none, UInt64(space), s.none, s.none)
        let old = there.ref.translationBase
        let here = thread(20, on: 0)
        other.isHeld = true
        s.invoke(here, .reclaim, arena)
        #expect(here.ref.state == .awaitingCore && other.hardware.translationBase == old)
        other.isHeld = false
        s.settle()
        #expect(s.results(here).error == nil && s.running == here.ref)
        #expect(other.hardware.translationBase != old)
    }

    @Test func whoDestroysAnAddressSpaceWaitsForNoLaterChange() {
        // A thread that gets one address space after the other would else keep it waiting for ever.
        s.go()
        let arena = s.make(.untyped, sizeBits: 16)
        let spaces = [
            s.make(.addressSpace, from: arena), s.make(.addressSpace), s.make(.addressSpace),
        ]
        let there = thread(10, on: 1)
        for space in spaces {
            s.perform(.configure, there.slot, s.none, UInt64(space), s.none, s.none)
            if space == spaces[1] { other.isHeld = true }
        }
        #expect(other.mustReload, "it has left the first one, and not yet the second")
        let here = thread(20, on: 0)
        s.invoke(here, .reclaim, arena)
        #expect(s.results(here).error == nil && s.running == here.ref)
    }

    @Test func anAddressSpaceThatWasLostBeforeTheLastIsWaitedFor() {
        s.go()
        let arena = s.make(.untyped, sizeBits: 16)
        let spaces = [
            s.make(.addressSpace, from: arena), s.make(.addressSpace), s.make(.addressSpace),
        ]
        let there = thread(10, on: 1)
        for space in spaces {
            s.perform(.configure, there.slot, s.none, UInt64(space), s.none, s.none)
            other.isHeld = true
        }
        let here = thread(20, on: 0)
        s.invoke(here, .reclaim, arena)
        #expect(here.ref.state == .awaitingCore, "the core still uses the first one")
        other.isHeld = false
        s.settle()
        #expect(s.results(here).error == nil && s.running == here.ref)
        #expect(other.hardware.translationBase == there.ref.translationBase)
    }

    @Test func anAccessIsRepeatedOnceIfThePageIsThereNow() {
        s.go()
        let there = thread(10, on: 1).ref
        func mayRepeat(_ address: UInt64) -> Bool {
            other.kernel.pointee.mayRepeat(there, address)
        }
        #expect(!mayRepeat(0x5008), "there is no page")
        other.hardware.mappedPages = [0x5000, 0x6000]
        #expect(mayRepeat(0x5008))
        #expect(!mayRepeat(0x5008), "nothing has happened since")
        #expect(mayRepeat(0x6008), "another address")
        there.pointee.context.programCounter &+= 4
        #expect(mayRepeat(0x6008), "another place")
        other.kernel.pointee.core.statistics[.systemCalls] += 1
        #expect(mayRepeat(0x6008), "the thread went on in between")
        #expect(!mayRepeat(0x7000))
    }

    @Test func floatingPointFollowsAThreadThatMoves() {
        s.go()
        let there = thread(10, on: 0)
        s.useFloatingPoint(there)
        let value = s.floatingPointValues[there.ref.bits]
        s.perform(.setCore, there.slot, 1)
        #expect(other.running == there.ref && other.hardware.floatingPointRegister == value)
    }

    @Test func aLostBufferEndsFloatingPointElsewhere() {
        s.go()
        let there = thread(10, on: 0)
        s.useFloatingPoint(there)
        s.perform(.setCore, there.slot, 1)
        other.isHeld = true
        // The buffer's frame is the slot behind the thread's own.
        #expect(s.perform(.delete, RootSlot.table.index, UInt64(there.slot + 1)).error == nil)
        #expect(other.hardware.isFloatingPointEnabled)
        other.isHeld = false
        s.settle()
        #expect(!other.hardware.isFloatingPointEnabled)
    }

    /// The same, but the thread blocks and its core passes the lock before it answers.
    @Test func aLostBufferEndsFloatingPointBeforeAnotherThreadRuns() {
        s.go()
        let notification = s.make(.notification)
        let there = thread(10, on: 0)
        s.useFloatingPoint(there)
        s.perform(.setCore, there.slot, 1)
        let next = thread(5, on: 1)
        other.isHeld = true
        #expect(s.perform(.delete, RootSlot.table.index, UInt64(there.slot + 1)).error == nil)
        other.hardware.waiting = 200
        s.wait(there, notification)
        other.isHeld = false
        s.settle()
        #expect(other.running == next.ref && !other.hardware.isFloatingPointEnabled)
    }

    // The lock

    @Test func aMoreUrgentCoreGetsTheLockBetweenTwoSteps() {
        // A long operation of core 0: core 1 waits with a larger priority.
        s.go()
        let here = thread(10, on: 0)
        let arena = s.make(.untyped, sizeBits: 14)
        s.hardware.letWait(priority: 50)
        s.setRegisters(
            here, ControlWord(invoke: .retype, Slot(arena)).raw,
            UInt64(ObjectKind.frame.rawValue) | 12 << 8, 1, s.own, UInt64(s.allocateSlot()), s.none)
        s.enterOnce(here)
        // The core leaves the kernel, and so gives up the lock; then it performs the call again.
        #expect(s.running == here.ref && here.ref.programCounter == TestSystem.callPlace)
        s.settle()
        #expect(s.results(here).error == nil)
    }

    @Test func theStepsOfAnUpdateLetAMoreUrgentCoreIn() {
        let (server, endpoint, _) = server(4, on: 0)
        let blocker = thread(5, on: 0)
        s.call(blocker, endpoint)
        let hog = thread(20, on: 0)
        // The client of core 0 waits in the queue: an update of the server follows.
        let client = thread(30, on: 0)
        // At the third look: two come before the client waits.
        s.hardware.letWait(priority: 31, after: 2)
        s.setRegisters(client, ControlWord(.call, Slot(endpoint)).by(.never).raw, 0, ~0)
        s.enterOnce(client)
        #expect(s.isPassing && s.running == nil)
        // The client's address space may go while the core waits.
        #expect(s.hardware.translationBase == s.kernel.pointee.emptyTranslationBase)
        s.settle()
        #expect(s.running == server.ref && s.effective(server) == 30 && hog.ref.state == .ready)
    }

    @Test func aLessUrgentCoreDoesNotGetInBetweenTwoSteps() {
        let (server, endpoint, _) = server(4, on: 0)
        let blocker = thread(5, on: 0)
        s.call(blocker, endpoint)
        let client = thread(30, on: 0)
        s.hardware.letWait(priority: 29, after: 2)
        s.setRegisters(client, ControlWord(.call, Slot(endpoint)).by(.never).raw, 0, ~0)
        s.enterOnce(client)
        #expect(!s.isPassing && s.running == server.ref && s.effective(server) == 30)
    }
}
