// What tasks share: the root task's factory runs on the kernel core. A share outlives its tasks,
// each life gets it with the same rights, and a start whose calls fail leaves it whole.

import KernelABI
import Protocols
import ServiceCores
import Testing
import UserRuntime

@testable import KernelCore
@testable import RootTask

@Suite struct ShareTests {
    private static func share(
        _ name: StaticString, _ kind: SharedKind, _ capacity: UInt32, users: (Bool, Bool),
        cells: UInt8 = 0
    ) -> SharedDescription {
        var share = SharedDescription(name: Name(name), kind: kind, capacity: capacity)
        if kind != .memory { share.itemBytes = 8 }
        share.cells = cells
        share.users = [
            SharedUser(task: Name("first"), isWriter: users.0),
            SharedUser(task: Name("second"), isWriter: users.1),
        ]
        return share
    }
    /// One of each kind, as `first` sees it.
    private static let shares = [
        share("produced", .ring, 1024, users: (true, false)),
        share("consumed", .ring, 1024, users: (false, true)),
        share("queue", .queue, 16, users: (true, true)),
        share("written", .memory, 5000, users: (true, false), cells: 2),
        share("read", .memory, 5000, users: (false, true), cells: 2),
        share("plain", .memory, 1, users: (true, true)),
    ]

    private func factory(_ machine: RootMachine) throws -> Factory {
        var factory = try machine.makeFactory { $0.arenaBits = 21 }
        factory.makeShares(ShareTests.shares)
        try factory.start(0)
        return factory
    }

    /// The capabilities of each life, with the least rights; `first` starts threads.
    @Test func eachLifeGetsTheSame() throws {
        let machine = try RootMachine()
        var factory = try factory(machine)
        #expect(factory.sharesHeld.allSatisfy { $0 != .none })
        var taken: UInt64?
        for _ in 0..<3 {
            try factory.start(1)
            let table = CapabilityTable(factory.slots.task(1).table)
            func rights(_ slot: Slot, _ kind: ObjectKind) throws -> UInt8? {
                let found = try table.describe(slot)
                return found.kind == kind ? found.rights.raw : nil
            }
            let set = (.read | .write as Rights).raw
            for ring in 0..<2 {
                let own = StartSlot.share(ring)
                #expect(try rights(own, .notification) == (.read | .manage as Rights).raw)
                #expect(
                    try rights(Slot(own.index + 1), .notification) == (.write as Rights).raw)
            }
            #expect(try rights(StartSlot.share(2), .mutexSet) == set)
            #expect(try rights(StartSlot.share(3), .mutexSet) == set)
            #expect(try rights(StartSlot.share(4), .null) == 0)
            #expect(try rights(StartSlot.share(5), .null) == 0)
            #expect(machine.areScratchSlotsEmpty)
            // The first life took the task's arena, and no later one takes more.
            let now = machine.takenBytes(TestSystem.ram)
            #expect(taken ?? now == now)
            taken = now
            try factory.kill(1)
        }
    }

    /// A service keeps a ring's notification that a task has handed over: itself, a copy, or one
    /// that the task had moved. It ends with the task, and the ring's own goes on.
    @Test func whatIsHandedOverEndsWithTheTask() throws {
        let machine = try RootMachine()
        var factory = try factory(machine)
        try factory.start(1)
        let table = CapabilityTable(factory.slots.task(1).table)
        let moved = Slot(100)
        try table.move(StartSlot.share(1), to: moved, in: table)
        var kept: [Slot] = []
        for source in [StartSlot.share(0), Slot(StartSlot.share(0).index + 1), moved] {
            // What the kernel does with a capability of a message.
            for placement in [0, 1] as [UInt64] {
                let slot = Slot(machine.system.allocateSlot())
                let copied = machine.system.perform(
                    .copy, table.slot.index, UInt64(source.index), machine.system.own,
                    UInt64(slot.index), UInt64(Rights.all.raw), placement)
                #expect(copied.error == nil)
                kept.append(slot)
            }
        }
        for slot in kept {
            #expect(try CapabilityTable.own.describe(slot).kind == .notification)
        }
        try factory.kill(1)
        for slot in kept { #expect(try CapabilityTable.own.describe(slot).kind == .null) }
        for ring in 0..<2 {
            let held = CapabilityTable(factory.sharesHeld[ring])
            for place in [SharePlace.first, SharePlace.second] {
                #expect(try held.describe(place).kind == .notification)
            }
        }
    }

    /// What the start takes is what the host command counts.
    @Test func aStartTakesWhatItNeeds() throws {
        let machine = try RootMachine()
        var factory = try factory(machine)
        let file = try #require(factory.bundle.file(Name("Program")))
        let image = try ElfImage(Span(_unsafeElements: file), permitted: TaskAddress.image)
        let need = try factory.arenaNeed(1, image)
        try factory.start(1)
        #expect(
            machine.takenBytes(factory.slots.task(1).arena.index) == UInt64(need.bytes))
        #expect(factory.tasks[1].held == UInt32(need.heldCount))
    }

    /// Every call of a start fails in turn; the next start succeeds.
    @Test func everyCallOfAStartFails() throws {
        let clean = try RootMachine()
        var undisturbed = try factory(clean)
        clean.calls = 0
        try undisturbed.start(1)
        for number in stride(from: 0, to: clean.calls, by: 7) {
            let machine = try RootMachine()
            var factory = try factory(machine)
            machine.calls = 0
            machine.failing = number
            try? factory.start(1)
            machine.failing = nil
            #expect(machine.areScratchSlotsEmpty, "call \(number): a scratch slot is taken")
            if factory.tasks[1].phase != .running {
                #expect(throws: Never.self, "call \(number): the next start") {
                    try factory.start(1)
                }
            }
        }
    }

    /// What the machine's memory does not suffice for is not shared, and the tasks start.
    @Test func tasksStartWithoutWhatCouldNotBeMade() throws {
        let machine = try RootMachine()
        var factory = try machine.makeFactory { $0.arenaBits = 21 }
        machine.failing = 3
        factory.makeShares(ShareTests.shares)
        machine.failing = nil
        #expect(factory.sharesHeld.filter { $0 == .none }.count == 1)
        #expect(factory.parts(of: 1).count == 5)
        try factory.start(0)
        try factory.start(1)
        #expect(machine.areScratchSlotsEmpty)
    }
}
