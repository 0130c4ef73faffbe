// Authority: each operation needs its own privilege and no other gives it; refusals are told once;
// pages of registers.
import Protocols
import Testing

@testable import ServiceCores

@Suite struct PrivilegesTests {
    private func mayAsk(_ privileges: Privileges) -> [FactoryOperation] {
        (1...17).compactMap { FactoryOperation(rawValue: $0) }.filter {
            privileges.contains($0.needed)
        }
    }

    @Test func eachOperationNeedsOnePrivilegeAndNoOtherGivesIt() {
        #expect(mayAsk(.none) == [])
        #expect(
            mayAsk(.factoryInspect) == [
                .task, .taskMemory, .interrupt, .capability, .memory, .policy, .root,
            ])
        #expect(mayAsk(.factoryControl) == [.spawn, .kill, .restart, .crash, .stack, .hang])
        #expect(mayAsk(.factoryDevices) == [.manifest, .spawnDriver])
        #expect(mayAsk(.factoryServices) == [.service])
        #expect(mayAsk(.factoryPower) == [.power])
        let others =
            Privileges.systemConsole | .systemPower | .rootView | .taskNames
        #expect(mayAsk(others) == [])
        #expect(!others.reachFactory)
    }

    @Test func aRefusalIsToldOnceForEachTaskAndOperation() {
        var refusals = Refusals()
        let asked: [(task: UInt64, operation: UInt64, isNew: Bool)] = [
            (64, 4, true), (64, 4, false), (64, 5, true), (1, 4, true), (1, ~0, true),
            (1, 31, false), (65, 4, false), (~0, 4, false),
        ]
        for (task, operation, isNew) in asked {
            let told = refusals.isNew(task: task, operation: operation)
            #expect(told == isNew, "\(task) \(operation)")
        }
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
