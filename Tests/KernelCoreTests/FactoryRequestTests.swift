// What a task may ask of the root task's services: any words are answered, and none ends the root
// task.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import Testing

@testable import RootTask
@testable import UserRuntime

@Suite struct FactoryRequestTests {
    /// Words at the ends of their types, with a few numbers of tasks.
    private static let words: [UInt64] = [
        0, 1, 2, 64, UInt64(UInt16.max), UInt64(UInt32.max), UInt64(Int.max), 1 << 63, ~1, ~0,
    ]
    private static let services: [RootService] = [
        .tasks, .inspection, .drivers, .connections, .machine, .shares,
    ]
    private static func text(_ name: StaticString) -> [UInt64] {
        let name = Name(name)
        return [UInt64(name.count)] + (0..<(name.count + 7) / 8).map { name[word: $0] }
    }

    /// A factory with three tasks that run.
    private func makeFactory(_ machine: RootMachine) throws -> Factory {
        var factory = try machine.makeFactory()
        for number in 0..<3 { try factory.start(number) }
        return factory
    }

    /// Each method of each service with each word in each place, in requests of all lengths.
    @Test(arguments: services) func anyWordsAreAnswered(_ service: RootService) throws {
        let machine = try RootMachine()
        machine.system.inspectionPeriod = 4096
        var factory = try makeFactory(machine)
        for method in 0...11 as ClosedRange<UInt64> {
            for word in FactoryRequestTests.words {
                var requests = (0...8).map { [method] + .init(repeating: word, count: $0) }
                for length in 1...7 {
                    for place in 0..<length {
                        var words = [UInt64](repeating: 2, count: length)
                        words[place] = word
                        requests.append([method] + words)
                    }
                }
                for words in requests {
                    #expect(machine.answer(&factory, service, words) != nil, "\(words)")
                    #expect(machine.areScratchSlotsEmpty, "\(words)")
                }
            }
        }
        #expect(machine.system.isBroken == false)
    }

    /// The badge says which service and which of its methods a client may use.
    @Test func theBadgeGivesTheRights() throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        let refusals = (unknown: Refusal.unknownMethod.rawValue, not: Refusal.notPermitted.rawValue)
        // `kill`, and in its place a method that only looks.
        let kill: [UInt64] = [4, 3]
        #expect(machine.answer(&factory, .tasks, kill, methods: ~(1 << 3)) == [refusals.not])
        #expect(machine.answer(&factory, .inspection, kill)?.first == 0)
        #expect(machine.answer(&factory, .machine, kill) == [refusals.unknown])
        #expect(factory.tasks[2].phase == .running)
        let give = [2] + FactoryRequestTests.text("supervisor") + [3, 0]
        #expect(machine.answer(&factory, .connections, give, methods: 1) == [refusals.not])
        #expect(machine.answer(&factory, .connections, give, methods: 2) == [0])
        #expect(machine.answer(&factory, .tasks, kill, methods: 1 << 3) == [0])
        #expect(factory.tasks[2].phase == .dead)
        #expect(machine.areScratchSlotsEmpty)
    }

    /// A client has the root task's services from its start. Nobody waits for them to start.
    @Test func noServiceOfTheRootTaskIsGiven() throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        let refused = [0x1_0000 | UInt64(RootError.notPermitted.rawValue)]
        for service in FactoryRequestTests.services {
            let name = FactoryRequestTests.text(service.name)
            for words in [[1] + name + [0], [2] + name + [2, 0]] {
                #expect(machine.answer(&factory, .connections, words) == refused)
            }
        }
    }

    /// A refusal is told once for each task, service and method.
    @Test func refusalsAreToldOnce() {
        var refusals = Refusals()
        for task in [63, 0, 5] {
            for service in FactoryRequestTests.services {
                for method: UInt64 in [32, 1, 7] {
                    let first = refusals.isNew(task: task, service, method)
                    let second = refusals.isNew(task: task, service, method)
                    #expect(first && !second)
                }
            }
        }
    }

    /// A task's capabilities of the root task are those that its manifest entry opens.
    @Test func aTaskHoldsWhatItOpens() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory {
            $0.opens = [
                ServiceAccess(Name("tasks"), methods: 5),
                ServiceAccess(Name("machine"), methods: 2),
            ]
        }
        try factory.start(1)
        let table = CapabilityTable(factory.slots.task(1).table)
        for service in FactoryRequestTests.services {
            let held = try table.describe(StartSlot.root(service))
            let methods: UInt32? =
                switch service {
                case .tasks: 5
                case .machine: 2
                default: nil
                }
            #expect(held.kind == (methods == nil ? .null : .endpoint), "\(service)")
            guard let methods else { continue }
            let badge = ClientBadge(task: 2, methods: methods, resources: service.rawValue)
            #expect(held.badge == badge.raw && held.rights == .write)
        }
        // None of them comes from the name service.
        #expect(try table.describe(StartSlot.names).kind == .null)
    }

    /// Activity from any task on: what there is, and nothing behind the last.
    @Test func activityBehindTheLastTask() throws {
        let machine = try RootMachine()
        var factory = try makeFactory(machine)
        for (first, count) in [(0, 3), (2, 1), (3, 0), (64, 0), (UInt64(UInt16.max), 0)] {
            let answer = try #require(machine.answer(&factory, .inspection, [3, first]))
            #expect(answer[0] == 0)
            #expect(answer[1] == UInt64(count), "from \(first)")
            #expect(answer.count == 2 + 5 * count)
        }
    }

    /// The last start of each service, in their order.
    @Test func startsOfServicesAreTold() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory()
        func started(after number: UInt64) -> [UInt64]? {
            machine.answer(&factory, .connections, [3, number])
        }
        let none: [UInt64] = [0x1_0000 | UInt64(RootError.noSuchService.rawValue)]
        let (first, supervisor) = (
            FactoryRequestTests.text("first"), FactoryRequestTests.text("supervisor")
        )
        #expect(started(after: 0) == none)
        try factory.start(1)
        try factory.start(0)
        #expect(started(after: 0) == [0, 1] + first)
        #expect(started(after: 1) == [0, 2] + supervisor)
        #expect(started(after: 2) == none)
        try factory.kill(1)
        #expect(started(after: 0) == [0, 1] + first)
        try factory.start(1)
        #expect(started(after: 0) == [0, 2] + supervisor)
        #expect(started(after: 2) == [0, 3] + first)
        for number: UInt64 in [3, 4, .max] { #expect(started(after: number) == none) }
    }

    /// A device of any registers and lines: a driver is started for it, or refused.
    @Test func anyDeviceIsAnswered() throws {
        for base in FactoryRequestTests.words {
            for size in FactoryRequestTests.words {
                for ranges in [1, 4] {
                    let machine = try RootMachine()
                    machine.system.inspectionPeriod = 4096
                    var factory = try machine.makeFactory { $0.start = .device }
                    let name = FactoryRequestTests.text("first")
                    var words = [2] + name + name + [255, 255, UInt64(ranges)]
                    for _ in 0..<ranges { words += [base, size] }
                    words += [1, UInt64(UInt32(truncatingIfNeeded: size)), base & 1]
                    words += [size, base, size, 1, base]
                    let answer = try #require(machine.answer(&factory, .drivers, words))
                    #expect(answer[0] > 0xffff, "registers of \(size) bytes at \(base)")
                    #expect(factory.tasks[1].phase == .waiting)
                }
            }
        }
    }

    /// A request for a driver of more than it may have is refused before anything is done.
    @Test func aDeviceOfTooMuchIsRefused() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory { $0.start = .device }
        let name = FactoryRequestTests.text("first")
        let head = [2] + name + name
        let tail: [UInt64] = [0, 0, ~0]
        for words in [
            head + [256, 0, 0, 0] + tail + [0], head + [0, 256, 0, 0] + tail + [0],
            head + [0, 0, 5] + .init(repeating: 0, count: 10) + [0] + tail + [0],
            head + [0, 0, 0, 5] + .init(repeating: 0, count: 10) + tail + [0],
            head + [0, 0, 0, 0] + tail + [33] + .init(repeating: 0, count: 33),
            head + [0, 0, 0, 0] + tail, head + [0, 0, 0, 0] + tail + [0, 0],
        ] {
            let answer = machine.answer(&factory, .drivers, words)
            #expect(answer == [Refusal.wrongArguments.rawValue], "\(words)")
        }
        #expect(factory.tasks[1].phase == .waiting)
    }
}
