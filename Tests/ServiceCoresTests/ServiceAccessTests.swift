// Rights of clients: what a manifest entry gives of a service, and what a badge carries of it.
import Protocols
import Testing

@testable import ServiceCores

@Suite struct ServiceAccessTests {
    private func task(_ name: StaticString, _ opens: [ServiceAccess]) -> TaskDescription {
        var task = TaskDescription(name: Name(name), binary: Name("Binary"))
        task.opens = opens
        return task
    }

    @Test func aTaskOpensWhatIsListedAndItsNumberedKin() {
        #expect(!task("a", []).mayOpen(Name("serial")))
        let task = task("a", [ServiceAccess(Name("serial")), ServiceAccess(Name("clock.1"))])
        for name: StaticString in ["serial", "serial.1", "clock.1"] {
            #expect(task.mayOpen(Name(name)))
        }
        for name: StaticString in ["clock", "clock.2", "serials"] {
            #expect(!task.mayOpen(Name(name)))
        }
    }

    /// An instance's own entry is the one for it, and pins of one bank are no pins of another.
    @Test func theOwnEntryOfAnInstanceComesFirst() {
        let task = task(
            "a",
            [
                ServiceAccess(Name("gpio"), methods: 7, resources: 1 << 17),
                ServiceAccess(Name("clock"), methods: 3),
                ServiceAccess(Name("clock.1"), methods: 1),
            ])
        #expect(task.access(to: Name("gpio")).map(\.resources) == [1 << 17])
        #expect(task.methods(of: Name("gpio")) == 7)
        for (name, methods) in [("gpio.1", 0), ("clock.1", 1), ("clock.2", 3)]
            as [(StaticString, UInt32)]
        {
            #expect(task.methods(of: Name(name)) == methods)
            #expect(task.access(to: Name(name)).map(\.methods) == (methods == 0 ? [] : [methods]))
        }
    }

    /// Each method keeps its own numbers, and methods with the same numbers share an entry.
    @Test func entriesUniteMethodByMethod() {
        func pins(_ methods: UInt32, _ resources: UInt64) -> ServiceAccess {
            ServiceAccess(Name("gpio"), methods: methods, resources: resources)
        }
        var access = [ServiceAccess(Name("log"))]
        func add(_ entry: ServiceAccess) -> Bool { access.unite(with: entry) }
        #expect(add(pins(1, 2)) && add(pins(4, 8)))
        #expect(access.dropFirst() == [pins(1, 2), pins(4, 8)])
        #expect(add(pins(2, 0)))
        #expect(access.dropFirst() == [pins(1, 2), pins(4, 8), pins(2, 0)])
        // The same method with more numbers, and a further one with the same.
        #expect(add(pins(9, 8)))
        #expect(access.dropFirst() == [pins(12, 8), pins(2, 0), pins(1, 10)])
        #expect(add(pins(4, 2)))
        #expect(access.dropFirst() == [pins(8, 8), pins(2, 0), pins(5, 10)])
        // A method names numbers, or it does not.
        let before = access
        #expect(!add(pins(3, 0)) && !add(pins(6, 8)) && access == before)
    }

    /// A client's number is that of its first rule among those of the service, whoever starts when.
    @Test func rulesAreNumberedInTheOrderOfTheManifest() {
        let tasks = [
            task("one", [ServiceAccess(Name("gpio"))]),
            task(
                "two",
                [
                    ServiceAccess(Name("gpio"), methods: 6, resources: 1),
                    ServiceAccess(Name("gpio"), methods: 1),
                ]),
            task("three", [ServiceAccess(Name("gpio.1"), methods: 3, resources: 1)]),
            task(
                "four",
                [
                    ServiceAccess(Name("log")),
                    ServiceAccess(Name("gpio"), methods: 4, resources: 2),
                ]),
        ]
        func numbers(_ service: StaticString) -> [UInt16] {
            tasks.map { tasks.firstResourceRule(of: $0.name, for: Name(service)) }
        }
        #expect(numbers("gpio") == [0, 1, 0, 3])
        #expect(
            tasks.resourceRules(of: Name("gpio")) == [
                ResourceRule(methods: 6, resources: 1, isLast: false),
                ResourceRule(methods: 1, resources: .max, isLast: true),
                ResourceRule(methods: 4, resources: 2, isLast: true),
            ])
        #expect(numbers("gpio.1") == [0, 0, 1, 0])
        #expect(numbers("log") == [0, 0, 0, 0])
    }
    @Test func aRuleIsTwoWords() {
        for isLast in [false, true] {
            let rule = ResourceRule(methods: 0x8000_0001, resources: 1 << 63 | 2, isLast: isLast)
            #expect(ResourceRule(rule.words.0, rule.words.1) == rule)
        }
    }

    @Test func badgesCarryTaskMethodsAndResources() {
        let badge = ClientBadge(task: 12, methods: 0x8000_0001, resources: 3)
        #expect(badge.raw == 0x8000_0001_0003_000c)
        #expect(badge.task == 12 && badge.resources == 3 && !badge.isRoot)
        #expect((1...32).filter { badge.mayCall($0) } == [1, 32])
        let none = ClientBadge(task: 1, methods: 0)
        #expect(!none.isRoot && !(1...32).contains { none.mayCall($0) })
        let root = ClientBadge(raw: 0)
        #expect(root.isRoot && root.task == 0 && (1...32).allSatisfy { root.mayCall($0) })
    }
}
