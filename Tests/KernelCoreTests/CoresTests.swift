// Two cores: home cores, wakes and calls between cores, and the lock between steps. A held core
// takes no interrupt, so that a test sees what happens meanwhile.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

@Suite struct CoresTests {
    let s = TestSystem()
    let other: OtherCore

    init() { other = s.addCore() }

    /// A server of core `core` that waits for a caller.
    private func server(
        _ priority: UInt64, on core: Int
    ) -> (server: TestThread, endpoint: UInt32, reply: UInt32) {
        s.go()
        let (endpoint, reply) = (s.make(.endpoint), s.make(.reply))
        let server = s.thread(priority, on: core)
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
        let (first, second) = (s.thread(10, on: 1), s.thread(20, on: 1))
        _ = s.thread(5, on: 0)
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
        let thread = s.thread(10, on: 1)
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
        let here = s.thread(10, on: 0)
        let there = s.thread(5, on: 1)
        #expect(s.running == here.ref && other.running == there.ref)
        let urgent = s.thread(20, on: 1)
        #expect(s.running == here.ref && other.running == urgent.ref && there.ref.state == .ready)
    }

    @Test func aLessUrgentThreadInterruptsNoOtherCore() {
        s.go()
        let there = s.thread(20, on: 1)
        let requests = other.hardware.requests
        let lazy = s.thread(10, on: 1)
        #expect(other.hardware.requests == requests)
        #expect(other.running == there.ref && lazy.ref.state == .ready)
    }

    @Test func oneInterruptIsOnItsWayForEachUrgency() {
        s.go()
        _ = s.thread(1, on: 1)
        other.isHeld = true
        let requests = other.hardware.requests
        let threads = [(30, 1), (20, 0), (31, 1), (31, 0)].map { (priority, more) in
            let before = other.hardware.requests
            let thread = s.thread(UInt64(priority), on: 1)
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
        _ = s.thread(1, on: 1)
        #expect(other.kernel.pointee.timerPriority == -1)
        #expect(other.kernel.pointee.askedPriority == -1)
        other.isHeld = true
        _ = s.thread(30, on: 1)
        #expect(other.kernel.pointee.askedPriority == 30)
        other.isHeld = false
        s.settle()
        #expect(other.kernel.pointee.askedPriority == -1)
        let sleeper = s.thread(7, on: 0)
        s.wait(sleeper, s.make(.notification), deadline: 1 << 30)
        #expect(s.kernel.pointee.timerPriority == -1)
        s.hardware.now = 1 << 30
        #expect(s.kernel.pointee.timerPriority == 7)
    }

    @Test func aThreadMadeReadyElsewhereGoesBeforeOneThatASignalWakes() {
        s.go()
        let notification = s.make(.notification)
        let waiter = s.thread(50, on: 1, starts: false)
        s.start(waiter)
        s.wait(waiter, notification)
        let low = s.thread(10, on: 1)
        #expect(other.running == low.ref)
        other.isHeld = true
        let urgent = s.thread(200, on: 1)
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
        let first = s.thread(10, on: 1)
        s.perform(.setSlice, first.slot, 1000)
        let second = s.thread(10, on: 1)
        #expect(other.running == first.ref && other.hardware.deadline == s.hardware.now + 1000)
        s.advance(by: 1000)
        #expect(other.running == second.ref)
    }

    /// The core that goes to sleep has seen an update which another core performed since.
    @Test func aSliceBeginsAfterAnUpdateThatAnotherCorePerformed() {
        s.go()
        let first = s.thread(50, on: 0)
        s.perform(.setSlice, first.slot, 1000)
        _ = s.thread(50, on: 0)
        let sleeper = s.thread(10, on: 1)
        s.wait(sleeper, s.make(.notification))
        let top = s.thread(80, on: 0)
        other.isHeld = true
        s.invoke(top, .setPriority, sleeper.slot, 60, 200)
        other.isHeld = false
        s.settle()
        #expect(s.kernel.pointee.shared.pointee.updates.top == -1)
        #expect(s.kernel.pointee.core.ready.updatesTop == 60)
        s.wait(top, s.make(.notification))
        #expect(s.running == first.ref && s.hardware.deadline == s.hardware.now + 1000)
    }

    @Test(arguments: [true, false]) func aCallToAServerOfAnotherCore(isServerUrgent: Bool) {
        let (server, endpoint, reply) = server(isServerUrgent ? 30 : 5, on: 1)
        let client = s.thread(10, on: 0)
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
        let second = s.thread(4, on: 0)
        s.perform(.bindServer, doors[1], UInt64(second.slot))
        s.receive(second, doors[1], reply: replies[1])
        let first = s.thread(5, on: 1)
        s.perform(.bindServer, doors[0], UInt64(first.slot))
        s.receive(first, doors[0], reply: replies[0])
        let low = s.thread(6, on: 0)
        s.call(low, doors[0])
        s.call(first, doors[1])
        #expect(s.running == second.ref && s.effective(second) == 6)
        let hogs = [s.thread(20, on: 0), s.thread(21, on: 1)]
        #expect(s.running == hogs[0].ref && other.running == hogs[1].ref)
        // The client waits in the queue of the first server's endpoint.
        let client = s.thread(30, on: 0)
        s.call(client, doors[0])
        #expect(s.effective(first) == 30 && s.effective(second) == 30)
        #expect(s.running == second.ref && other.running == hogs[1].ref)
    }

    @Test func anotherCorePerformsTheUpdatesOfABusyOne() {
        // The top thread of core 0 raises a blocked client of a chain to a priority below its own:
        // core 1 is idle, so it performs the steps.
        let (server, endpoint, _) = server(4, on: 1)
        let blocker = s.thread(5, on: 0)
        s.call(blocker, endpoint)
        let client = s.thread(6, on: 0)
        s.call(client, endpoint)
        let hog = s.thread(10, on: 1)
        let top = s.thread(100, on: 0)
        #expect(s.running == top.ref && other.running == hog.ref)
        s.invoke(top, .setPriority, client.slot, 50, 60)
        #expect(s.running == top.ref)
        #expect(other.running == server.ref && s.effective(server) == 50)
    }

    // The lock

    @Test func aMoreUrgentCoreGetsTheLockBetweenTwoSteps() {
        // A long operation of core 0: core 1 waits with a larger priority.
        s.go()
        let here = s.thread(10, on: 0)
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
        let blocker = s.thread(5, on: 0)
        s.call(blocker, endpoint)
        let hog = s.thread(20, on: 0)
        // The client of core 0 waits in the queue: an update of the server follows.
        let client = s.thread(30, on: 0)
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
        let blocker = s.thread(5, on: 0)
        s.call(blocker, endpoint)
        let client = s.thread(30, on: 0)
        s.hardware.letWait(priority: 29, after: 2)
        s.setRegisters(client, ControlWord(.call, Slot(endpoint)).by(.never).raw, 0, ~0)
        s.enterOnce(client)
        #expect(!s.isPassing && s.running == server.ref && s.effective(server) == 30)
    }
}
