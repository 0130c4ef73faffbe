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
        #expect(task.access(to: Name("gpio"))?.resources == 1 << 17)
        #expect(task.access(to: Name("gpio.1")) == nil)
        #expect(task.access(to: Name("clock.1"))?.methods == 1)
        #expect(task.access(to: Name("clock.2"))?.methods == 3)
    }

    @Test func entriesUnite() {
        var access = ServiceAccess(Name("gpio"), methods: 1, resources: 2)
        let some = access.unite(with: ServiceAccess(Name("gpio"), methods: 4, resources: 8))
        #expect(some && access.methods == 5 && access.resources == 10)
        let all = access.unite(with: ServiceAccess(Name("gpio"), methods: 4))
        #expect(!all && access.methods == 5 && access.resources == 10)
        var whole = ServiceAccess(Name("gpio"), methods: 1)
        let both = whole.unite(with: access)
        #expect(!both && whole.methods == 1 && whole.resources == 0)
    }

    /// A set's number is its place among those of the service, whoever starts when.
    @Test func setsAreNumberedInTheOrderOfTheManifest() {
        let tasks = [
            task("one", [ServiceAccess(Name("gpio"))]),
            task("two", [ServiceAccess(Name("gpio"), resources: 1)]),
            task("three", [ServiceAccess(Name("gpio.1"), resources: 1)]),
            task("four", [ServiceAccess(Name("log")), ServiceAccess(Name("gpio"), resources: 2)]),
        ]
        func numbers(_ service: StaticString) -> [UInt16] {
            tasks.map { tasks.resourceSet(of: $0.name, for: Name(service)) }
        }
        #expect(numbers("gpio") == [0, 1, 0, 2])
        #expect(tasks.resourceSets(of: Name("gpio")) == [1, 2])
        #expect(numbers("gpio.1") == [0, 0, 1, 0])
        #expect(numbers("log") == [0, 0, 0, 0])
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
