// A start that fails: the root task's factory runs on the kernel core, and its kernel calls fail
// one after the other. After each failure the scratch slots are empty, the arena is whole, and the
// next start succeeds.

import Foundation
import Interfaces
import KernelABI
import Protocols
import ServiceCores
import Testing

@testable import KernelCore
@testable import RootTask
@testable import UserRuntime

@Suite struct TaskStartTests {
    /// What a start that nothing disturbs takes.
    @Test func startUndisturbed() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory()
        for number in 0..<3 { try factory.start(number) }
        #expect(machine.areScratchSlotsEmpty)
        #expect(machine.calls > 250)
        #expect(machine.system.isBroken == false)
    }

    /// Every call of a start fails in turn, each on a machine that has just booted.
    @Test func everyCallOfAStartFails() throws {
        let clean = try RootMachine()
        var undisturbed = try clean.makeFactory()
        try undisturbed.start(0)
        clean.calls = 0
        try undisturbed.start(1)
        let calls = clean.calls
        try undisturbed.start(2)
        let taken = clean.takenBytes(TestSystem.ram)
        var failures = 0
        for number in 0..<calls {
            let machine = try RootMachine()
            var factory = try machine.makeFactory()
            try factory.start(0)
            machine.calls = 0
            machine.failing = number
            do throws(FactoryFailure) { try factory.start(1) } catch {
                failures += 1
                let arena = machine.takenBytes(factory.slots.task(1).arena.index)
                #expect(arena == 0, "call \(number): the arena is not whole")
            }
            machine.failing = nil
            #expect(machine.areScratchSlotsEmpty, "call \(number): a scratch slot is taken")
            for task in 1...2 where factory.tasks[task].phase != .running {
                #expect(throws: Never.self, "call \(number): the next start") {
                    try factory.start(task)
                }
            }
            let now = machine.takenBytes(TestSystem.ram)
            #expect(now == taken, "call \(number): memory was lost")
            if machine.system.isBroken { return }
        }
        // All but the looks for waiting callers count.
        #expect(failures > calls / 2)
    }

    /// Handing out a service, and telling the supervisor that a start ended, leave nothing behind.
    @Test func everyCallOfARequestFails() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory()
        try factory.start(0)
        try factory.start(1)
        let name = Name("supervisor")
        let words = [2, UInt64(name.count), name.word0, name.word1, 2, 1]
        let answers = [
            0x1_0000 | UInt64(RootError.kernel(.insufficientMemory).rawValue),
            Refusal.dropped.rawValue, 0,
        ]
        for (number, expected) in answers.enumerated() {
            machine.calls = 0
            machine.failing = number
            let answer = machine.answer(&factory, .connections, words)
            #expect(answer == [expected])
            #expect(machine.areScratchSlotsEmpty, "call \(number): a scratch slot is taken")
        }
        machine.failing = nil
        try factory.kill(1)
        let calls = machine.calls
        for number in calls..<calls + 300 {
            machine.failing = number
            if factory.tasks[1].phase == .running { try factory.kill(1) }
            try factory.begin(1)
            factory.startBegun(1)
            #expect(machine.areScratchSlotsEmpty, "call \(number): a scratch slot is taken")
            if machine.system.isBroken { return }
        }
    }

    /// Listing a task fails at each of its calls in turn: nothing is listed, and the next attempt
    /// succeeds.
    @Test func everyCallOfAListingFails() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory()
        let state = TaskState(factory.tasks[1].description)
        for number in 0..<100 {
            machine.calls = 0
            machine.failing = number
            do throws(FactoryFailure) {
                #expect(try factory.list(state) == 3)
                #expect(number > 2)
                return
            } catch { #expect(factory.tasks.count == 3, "call \(number)") }
            #expect(machine.areScratchSlotsEmpty, "call \(number): a scratch slot is taken")
        }
        Issue.record("a listing has no end")
    }

    /// The supervisor leaves the machine to a task that is about to take it. If the last steps of
    /// the start fail, the supervisor hears that the machine is its own again.
    @Test func aMachineThatIsNotTakenIsGivenBack() throws {
        var isTold = false
        for number in 0..<1000 {
            let machine = try RootMachine()
            machine.system.inspectionPeriod = 4096
            var factory = try machine.makeFactory {
                ($0.privileges, $0.arenaBits) = (.rootView, 21)
            }
            try factory.start(0)
            let table = CapabilityTable(factory.slots.task(0).table)
            let bell = Slot(machine.system.allocateSlot())
            try table.copy(StartSlot.notification, to: bell, in: .own)
            // It has heard of its own start.
            #expect(try UserRuntime.Notification(bell).poll() == RootSignal.started)
            machine.calls = 0
            machine.failing = number
            var hasStarted = true
            do throws(FactoryFailure) { try factory.start(1) } catch { hasStarted = false }
            machine.failing = nil
            let bits = (try? UserRuntime.Notification(bell).poll()) ?? 0
            if bits & RootSignal.machineTaken != 0 && !hasStarted {
                isTold = true
                #expect(bits & RootSignal.started != 0, "call \(number)")
            }
            if hasStarted && bits & RootSignal.machineTaken != 0 && machine.calls <= number {
                break
            }
        }
        #expect(isTold)
    }

    /// A task is killed and begun anew while it is being loaded, both between two of its pages: it
    /// is loaded again, and no failure is told.
    @Test func aTaskThatIsKilledAndBegunWhileItIsLoadedStarts() throws {
        let machine = try RootMachine()
        let system = machine.system
        var factory = try machine.makeFactory()
        try factory.start(1)
        try factory.kill(1)
        try factory.begin(1)
        let badge = ClientBadge(task: 2, resources: RootService.tasks.rawValue)
        let endpoint = system.copy(factory.own.index, rights: .write, badge: badge.raw)
        let callers = system.run([6, 5])
        // `kill` and `begin`.
        for (caller, method) in zip(callers, [4, 3] as [UInt64]) {
            system.call(caller, endpoint, [method, 2])
        }
        system.asRoot { factory.startBegun(1) }
        for caller in callers { #expect(system.results(caller).words[0] == 0) }
        #expect(factory.tasks[1].phase == .dead)
        #expect(factory.tasks[1].progress == .underWay)
        #expect(factory.nextStart == 1)
        system.asRoot { factory.startBegun(1) }
        #expect(factory.tasks[1].phase == .running)
        #expect(factory.tasks[1].generation == 2)
        #expect(factory.tasks[1].progress == .ended)
    }

    /// What a start takes from the arena is what `ArenaNeed` says, which the host command trusts.
    @Test func aStartTakesWhatItNeeds() throws {
        let changes: [(inout TaskDescription) -> Void] = [
            { _ in }, { $0.heapBytes = 0 }, { $0.heapBytes = 1 << 20 },
            { $0.stackBytes = 1 << 20 | 4096 },
            { $0.persistentBytes = TaskDescription.maximumPersistent },
            { $0.privileges = .asidPool | .taskNames }, { $0.privileges = .rootView },
            {
                $0.budget.limit = 2000
                $0.budget.period = 10_000
            },
        ]
        for (number, change) in changes.enumerated() {
            let machine = try RootMachine()
            var factory = try machine.makeFactory {
                change(&$0)
                $0.arenaBits = 21
            }
            let file = try #require(factory.bundle.file(Name("Program")))
            let image = try ElfImage(Span(_unsafeElements: file), permitted: TaskAddress.image)
            let need = try factory.arenaNeed(1, image)
            try factory.start(1)
            #expect(
                machine.takenBytes(factory.slots.task(1).arena.index) == UInt64(need.bytes),
                "\(number)")
            #expect(factory.tasks[1].held == UInt32(need.heldCount), "\(number)")
            let small = try RootMachine()
            var refused = try small.makeFactory {
                change(&$0)
                $0.arenaBits = UInt8(need.arenaBits - 1)
            }
            do throws(FactoryFailure) {
                try refused.start(1)
                Issue.record("\(number): it starts in half of what it needs")
            } catch {
                #expect(error.cause == .arenaTooSmall, "\(number)")
                #expect(error.shortage?.needed == UInt64(need.bytes), "\(number)")
                #expect(error.shortage?.total == 1 << UInt64(need.arenaBits - 1), "\(number)")
            }
        }
    }

    /// A budget of the system file is the thread's, in each of its lives.
    @Test func aTaskRunsOnItsBudget() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory {
            $0.budget.limit = 2000
            $0.budget.period = 10_000
            $0.budget.background = 3
            $0.arenaBits = 21
        }
        for _ in 0..<2 {
            try factory.start(1)
            let information = try UserRuntime.Budget(factory.slots.task(1).budget)
                .information()
            #expect(information.limit.ticks == Duration.microseconds(2000).ticks)
            #expect(information.period.ticks == Duration.microseconds(10_000).ticks)
            #expect(information.background == 3)
            let thread = machine.system.object(
                factory.slots.task(1).thread.index, as: KernelThread.self)
            #expect(thread?.pointee.budget != nil)
            try factory.kill(1)
        }
    }

    /// A machine with too little memory: the failure has the bytes.
    @Test func memoryThatLacksIsCounted() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory { $0.arenaBits = 26 }
        let free = factory.memory.freeBytes()
        do throws(FactoryFailure) {
            try factory.start(1)
            Issue.record("it starts")
        } catch {
            #expect(error.cause == .noMemory)
            #expect(error.shortage?.needed == 64 << 20)
            #expect(error.shortage?.free == free)
            let largest = try #require(error.shortage?.largest)
            #expect(largest == 2 << 20)
        }
    }
}
