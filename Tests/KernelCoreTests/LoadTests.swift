// Requests that have tasks loaded: the places of each client, callers that go, and turns with other
// work.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import Testing

@testable import KernelCore
@testable import RootTask
@testable import UserRuntime

@Suite struct LoadTests {
    private static let exhausted = 0x1_0000 | UInt64(RootError.exhausted.rawValue)
    private static let wrongState = 0x1_0000 | UInt64(RootError.wrongState.rawValue)

    private static let policy = RestartPolicy(
        maximumRestarts: 5, initialBackOff: 0, maximumBackOff: 0, stableRun: 1000)

    private static func text(_ name: StaticString) -> [UInt64] {
        let name = Name(name)
        return [UInt64(name.count)] + (0..<(name.count + 7) / 8).map { name[word: $0] }
    }
    private static func start(_ name: StaticString) -> [UInt64] { [1] + text(name) }

    /// The capability of a client, by its number, to a service of the root task.
    private func endpoint(
        _ machine: RootMachine, _ factory: borrowing Factory, _ task: UInt64,
        _ service: RootService = .tasks
    ) -> UInt32 {
        let badge = ClientBadge(task: task, resources: service.rawValue)
        return machine.system.copy(factory.own.index, rights: .write, badge: badge.raw)
    }

    /// Lets no thread of these run that has its answer.
    private func end(_ machine: RootMachine, _ callers: some Sequence<TestThread>) {
        for caller in callers {
            machine.system.asRoot { _ = machine.system.perform(.suspend, caller.slot) }
        }
    }

    /// Three clients that may have tasks loaded: none takes a place of another. While all places
    /// are taken, and while the first request is performed, a service is given all the same.
    @Test func aClientHasItsPartOfThePlaces() throws {
        let machine = try RootMachine()
        let system = machine.system
        var factory = try machine.makeFactory()
        let (places, ofClient) = (factory.loads.places, factory.loads.ofClient)
        #expect(places == 6 && ofClient == 2)
        let tasks = (1...3).map { endpoint(machine, factory, $0) }
        let connections = endpoint(machine, factory, 1, .connections)
        let give = [2] + LoadTests.text("supervisor") + [2, 0]
        let none = 0x1_0000 | UInt64(RootError.noSuchService.rawValue)
        let callers = system.run((1...11).reversed())
        // The first client fills its part, and asks for more. Then the others fill theirs.
        for (caller, client) in zip(callers, [0, 0, 0, 1, 1, 2, 2]) {
            system.call(caller, tasks[client], LoadTests.start("second"))
        }
        system.call(callers[7], connections, give)
        system.asRoot { for _ in 0..<3 { factory.answerWaiting() } }
        #expect(system.results(callers[2]).words[0] == LoadTests.exhausted)
        #expect(system.results(callers[7]).words[0] == none)
        let waiting = callers[..<2] + callers[3..<7]
        for caller in waiting { #expect(system.state(caller) == .awaitingReply) }
        end(machine, [callers[2], callers[7]])
        // What is being loaded keeps its place, and leaves one for a request that opens.
        system.call(callers[8], connections, give)
        system.call(callers[9], tasks[0], LoadTests.start("second"))
        let performed = system.asRoot { factory.performLoad() }
        #expect(performed)
        #expect(system.results(callers[8]).words[0] == none)
        #expect(system.results(callers[9]).words[0] == LoadTests.exhausted)
        #expect(system.results(callers[0]).words[..<3] == [0, 3, 1])
        // Its part has a place again.
        system.asRoot { _ = system.perform(.suspend, factory.slots.task(2).thread.index) }
        end(machine, [callers[0], callers[8], callers[9]])
        system.call(callers[10], tasks[0], LoadTests.start("second"))
        system.asRoot {
            factory.answerWaiting()
            while factory.performLoad() {}
        }
        let others = waiting.dropFirst() + callers[10..<11]
        for caller in others { #expect(system.results(caller).words[0] == LoadTests.wrongState) }
    }

    /// A request whose caller has gone is discarded at once: its place is free, and nothing is
    /// loaded for it.
    @Test func aRequestGoesWithItsCaller() throws {
        let machine = try RootMachine()
        let system = machine.system
        var factory = try machine.makeFactory()
        let tasks = endpoint(machine, factory, 1)
        let callers = system.run([9, 8, 7])
        system.call(callers[0], tasks, LoadTests.start("first"))
        system.call(callers[1], tasks, LoadTests.start("second"))
        system.asRoot { factory.answerWaiting() }
        system.asRoot { _ = system.perform(.suspend, callers[0].slot) }
        system.call(callers[2], tasks, LoadTests.start("supervisor"))
        system.asRoot { for _ in 0..<2 { factory.takeTurn() } }
        #expect(factory.tasks[1].phase == .waiting)
        #expect(system.results(callers[1]).words[..<3] == [0, 3, 1])
        #expect(system.results(callers[2]).words[..<3] == [0, 1, 1])
        let isEmpty = factory.loads.isEmpty
        #expect(isEmpty)
    }

    /// A caller that goes while its task is loaded: the load ends, and the next caller gets its own
    /// answer.
    @Test func aCallerDiesWhileItsTaskIsLoaded() throws {
        let machine = try RootMachine()
        let system = machine.system
        var factory = try machine.makeFactory()
        let tasks = endpoint(machine, factory, 1)
        let callers = system.run([9, 8])
        system.call(callers[0], tasks, LoadTests.start("first"))
        system.call(callers[1], tasks, LoadTests.start("second"))
        system.asRoot { factory.answerWaiting() }
        machine.beforeReceive = {
            machine.beforeReceive = {}
            _ = system.perform(.suspend, callers[0].slot)
        }
        let performed = system.asRoot { factory.performLoad() }
        #expect(performed && factory.tasks[1].phase == .running)
        #expect(system.state(callers[1]) == .awaitingReply)
        system.asRoot { _ = factory.performLoad() }
        #expect(system.results(callers[1]).words[..<3] == [0, 3, 1])
    }

    /// Clients of other cores that ask without a pause put off neither a load nor a start that was
    /// begun, nor one that is due.
    @Test func endlessRequestsStopNoLoad() throws {
        let machine = try RootMachine()
        machine.system.inspectionPeriod = 4096
        var factory = try machine.makeFactory()
        for number in 1...2 {
            try factory.start(number)
            try factory.kill(number)
        }
        try factory.begin(1)
        factory.tasks[2].life = RestartState(policy: LoadTests.policy, now: 0)
        #expect(factory.died(2).isRestart)
        let answers = machine.flood(&factory) { factory in
            for _ in 0..<1000 where factory.tasks[2].phase != .running { factory.takeTurn() }
        }
        #expect(factory.tasks[1].phase == .running && factory.tasks[2].phase == .running)
        #expect(answers > 40 && answers < 10_000)
    }

    /// Between two pages the root task answers a few requests, however many come.
    @Test func aPauseIsBounded() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory()
        let answers = machine.flood(&factory) { factory in factory.pause(1) }
        #expect(answers == Factory.answersAtOnce)
    }

    /// Clients that have tasks loaded without end do not put off a start that was begun.
    @Test func loadsStopNoStart() throws {
        let machine = try RootMachine()
        let system = machine.system
        var factory = try machine.makeFactory()
        try factory.start(1)
        try factory.kill(1)
        let tasks = endpoint(machine, factory, 3)
        let callers = system.run([9, 8])
        for caller in callers { system.call(caller, tasks, LoadTests.start("nobody")) }
        system.asRoot {
            factory.answerWaiting()
            try? factory.begin(1)
            factory.takeTurn()
        }
        let isEmpty = factory.loads.isEmpty
        #expect(!isEmpty)
        #expect(factory.tasks[1].phase == .running)
        system.asRoot { _ = factory.performLoad() }
    }

    /// A restart that is refused, or fails, leaves the task's plans and its argument as they were.
    @Test func aRefusedRestartChangesNothing() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory {
            ($0.privileges, $0.arenaBits) = (.rootView, 21)
        }
        func restart(_ argument: StaticString) -> UInt64? {
            let words = [2, 2] + LoadTests.text(argument)
            return machine.answer(&factory, .tasks, words)?[0]
        }
        #expect(restart("one") == 0)
        var life = RestartState(policy: LoadTests.policy, now: 0)
        _ = life.died(at: 5)
        factory.tasks[1].life = life
        #expect(restart("two") == LoadTests.wrongState)
        #expect(factory.tasks[1].argument == Name("one") && factory.tasks[1].life == life)
        try factory.kill(1)
        factory.tasks[1].life = life
        machine.calls = 0
        machine.failing = 40
        #expect(try #require(restart("three")) > 0xffff)
        machine.failing = nil
        #expect(factory.tasks[1].phase == .dead)
        #expect(factory.tasks[1].argument == Name("one") && factory.tasks[1].life == life)
        #expect(restart("four") == 0)
        #expect(factory.tasks[1].argument == Name("four") && factory.tasks[1].life == nil)
    }

    /// The root task is as urgent as a start that was begun until the task runs, also if another
    /// request started it.
    @Test func theRootTaskIsNoLongerUrgent() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory {
            ($0.priority, $0.maximumPriority) = (90, 90)
        }
        let root = machine.system.root.ref
        try factory.start(1)
        try factory.kill(1)
        try factory.begin(1)
        #expect(root.pointee.base == 90)
        #expect(machine.answer(&factory, .tasks, [2, 2, 0])?[0] == 0)
        #expect(root.pointee.base == Factory.priority)
        // A start that fails, and one that is taken back.
        try factory.kill(1)
        try factory.begin(1)
        machine.calls = 0
        machine.failing = 40
        factory.startBegun(1)
        machine.failing = nil
        #expect(factory.tasks[1].phase == .dead && root.pointee.base == Factory.priority)
        try factory.begin(1)
        try factory.kill(1)
        #expect(root.pointee.base == Factory.priority)
    }

    /// A task that is killed while a request waits that would start it stays as it is.
    @Test(arguments: [false, true]) func killTakesBackARequest(_ runs: Bool) throws {
        let machine = try RootMachine()
        let system = machine.system
        var factory = try machine.makeFactory()
        try factory.start(2)
        if !runs { try factory.kill(2) }
        let tasks = (1...3).map { endpoint(machine, factory, $0) }
        let callers = system.run([29, 28, 27, 26])
        system.call(callers[0], tasks[0], [2, 3, 0])
        system.call(callers[1], tasks[1], LoadTests.start("second"))
        system.call(callers[2], tasks[1], LoadTests.start("first"))
        system.call(callers[3], tasks[2], [4, 3])
        system.asRoot {
            factory.answerWaiting()
            factory.takeTurn()
        }
        #expect(system.results(callers[3]).words[0] == 0)
        for caller in callers[..<2] {
            #expect(system.results(caller).words[0] == LoadTests.wrongState)
        }
        #expect(factory.tasks[2].phase == .dead && factory.tasks[2].generation == 1)
        #expect(system.results(callers[2]).words[..<3] == [0, 2, 1])
        // Nothing is left to take back.
        #expect(throws: FactoryFailure.self) { try factory.kill(2) }
    }
}
