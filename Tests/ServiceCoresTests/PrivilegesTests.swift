// Authority: the root task's services by their names; pages of registers.
import Protocols
import Testing

@testable import ServiceCores

@Suite struct PrivilegesTests {
    @Test func theRootTasksServicesHaveNames() {
        for number in 1...UInt16(RootService.count) {
            let service = RootService(rawValue: number)
            #expect(service != nil && RootService(named: Name(service!.name)) == service)
        }
        #expect(RootService(rawValue: UInt16(RootService.count) + 1) == nil)
        for name in ["task", "tasks.1", "root", "log", "power"] as [StaticString] {
            #expect(RootService(named: Name(name)) == nil)
        }
        #expect(RootService(named: .empty) == nil)
    }

    @Test func onlyWhatATaskOpensItMayCall() {
        var task = TaskDescription(name: Name("a"), binary: Name("A"))
        #expect(task.methods(of: .tasks) == 0 && !task.opensByName)
        task.opens = [
            ServiceAccess(Name("log")), ServiceAccess(Name("tasks"), methods: 8),
            ServiceAccess(Name("machine")), ServiceAccess(Name("supervisor")),
        ]
        #expect(task.methods(of: .tasks) == 8)
        #expect(task.methods(of: .machine) == .max)
        #expect(task.methods(of: .inspection) == 0)
        #expect(!task.opensByName)
        task.opens.append(ServiceAccess(Name("clock")))
        #expect(task.opensByName)
    }

    @Test func registersLieInWholePages() throws {
        let page = try #require(RegisterPages(base: 0xa00_3e00, size: 0x200))
        #expect(page == RegisterPages(base: 0xa00_3000, size: 4096))
        #expect(page.first == 0xa00_3000 && page.count == 1)
        #expect(RegisterPages(base: 0xfff, size: 2)?.count == 2)
        #expect(RegisterPages(base: 0x1000, size: 0)?.count == 1)
        #expect(RegisterPages(base: 0x1000, size: 4097)?.count == 2)
        #expect(RegisterPages(base: ~0, size: 1)?.first == ~4095)
        #expect(RegisterPages(base: ~0, size: 2) == nil)
        #expect(RegisterPages(base: 4096, size: ~0) == nil)
        #expect(RegisterPages(base: 0, size: ~0)?.count == 1 << 52)
    }

    @Test func neighboursInOnePageTouch() throws {
        let middle = try #require(RegisterPages(base: 0x2000, size: 0x2000))
        for (base, size, touches) in [
            (0x1000, 0x1000, false), (0x1000, 0x1001, true), (0x3ffc, 4, true), (0x4000, 4, false),
            (0, 0x9000, true),
        ] as [(UInt64, UInt64, Bool)] {
            let other = try #require(RegisterPages(base: base, size: size))
            #expect(middle.touches(other) == touches)
            #expect(other.touches(middle) == touches)
        }
    }
}
