// Every method and every system call, with every missing right, every wrong kind of object, empty
// slots and slots outside the table: each gives its error, and changes nothing.

import Foundation
import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

/// A call of the table.
enum TabledCall: CustomStringConvertible {
    case method(Method)
    case systemCall(SystemCall)

    static var all: [TabledCall] {
        (0...255).compactMap { Method(rawValue: $0).map { .method($0) } }
            + (0...127).compactMap { SystemCall(rawValue: $0).map { .systemCall($0) } }
    }
    var forms: [Form] {
        switch self {
        case .method(let method): method.forms
        case .systemCall(let call): call.forms
        }
    }
    /// Whether it is a system call on this kind of object, in one of its forms.
    func takes(_ kind: ObjectKind) -> Bool {
        guard case .systemCall(let call) = self else { return false }
        return call.forms.contains { $0.operands.first?.kind == kind }
    }
    func control(_ slot: UInt32) -> UInt64 {
        switch self {
        case .method(let method): ControlWord(invoke: method, Slot(slot)).raw
        case .systemCall(let call): ControlWord(call, Slot(slot), timed: call.mayWait).raw
        }
    }
    var description: String {
        switch self {
        case .method(let method): "\(method)"
        case .systemCall(let call): "\(call)"
        }
    }
}

/// All memory that holds objects, the kernel's own state, and what the hardware was asked to do.
private struct Snapshot: Equatable {
    var memory: [Data]
    var hardware: [Int]

    init(_ system: TestSystem) {
        let model = system.hardware
        // Kernel tables and boot's objects; both ends of the untyped memory, where objects begin
        // and frames end.
        let parts = [(0, 1 << 20), (8 << 20, 256 << 10), (16 << 20 - 128 << 10, 128 << 10)]
        memory = parts.map { Data(bytes: model.memory + $0.0, count: $0.1) }
        memory.append(Data(bytes: system.kernel, count: MemoryLayout<Kernel<ModelHardware>>.size))
        hardware = [
            model.zeroSteps, model.cacheSteps, model.tablePublications,
            model.invalidatedPages.count,
            model.invalidatedSpaces.count, model.opened.count, model.enabled.count,
            model.console.count, model.reboots,
            model.saves, model.restores, Int(truncatingIfNeeded: model.deadline),
        ]
    }
}

/// One form of a call under test: its capabilities stand ready, and one of them is exchanged at a
/// time.
private final class Bench {
    let system: TestSystem
    let call: TabledCall
    let form: Form
    let table: UInt32
    /// An object of each kind, with all rights.
    var objects: [ObjectKind: UInt32] = [:]
    /// What each operand names in a call that succeeds, with all rights.
    var wholes: [UInt32] = []
    /// The same, with no more rights than the call needs.
    var exact: [UInt32] = []
    var arguments = [UInt64](repeating: 0, count: 7)
    var nextAddress: UInt64 = 0x7000_0000

    init(_ call: TabledCall, _ form: Form, fast: Bool) {
        system = TestSystem(fast: fast)
        self.call = call
        self.form = form
        table = system.make(.capabilityTable, sizeBits: 4)
        makeObjects()
        // A table for the frames that are mapped at 0x70000000 and above.
        system.attachTables(to: RootSlot.addressSpace.index, at: nextAddress, levels: 1)
        for operand in form.operands {
            let whole = make(operand)
            wholes.append(whole)
            exact.append(
                operand.rights == .all ? whole : narrowed(operand, whole, to: operand.rights))
        }
        for (number, value) in form.arguments { arguments[number] = value }
        // An index names slot 3 of the table, which holds something where it must.
        for index in form.indices {
            switch index {
            case .source(let number), .any(let number): arguments[number] = 3
            case .target(let number): arguments[number] = 5
            }
        }
        fill(3)
    }

    func fill(_ index: UInt64) {
        _ = system.perform(
            .copy, Slot.ownTable.index, UInt64(system.make(.endpoint)), UInt64(table), index, 31)
    }

    func makeObjects() {
        let s = system
        for kind: ObjectKind in [
            .endpoint, .notification, .reply, .thread, .addressSpace, .pageTable, .timer,
        ] { objects[kind] = s.make(kind) }
        objects[.capabilityTable] = s.make(.capabilityTable, sizeBits: 4)
        objects[.frame] = s.make(.frame, sizeBits: 12)
        objects[.untyped] = s.make(.untyped, sizeBits: 16)
        objects[.interrupt] = system.makeInterrupt(line: 33, trigger: .level)
        objects[.interruptControl] = RootSlot.interruptControl.index
        objects[.systemControl] = RootSlot.systemControl.index
        objects[.asidControl] = RootSlot.asidControl.index
        objects[.asidPool] = RootSlot.asidPool.index
        objects[.registers] = TestSystem.registers
        objects[.budget] = s.makeBudget()
        objects[.mutexSet] = s.make(.mutexSet, sizeBits: 2)
    }

    /// An object that suits the operand.
    func make(_ operand: Operand) -> UInt32 {
        let s = system
        switch operand.kind {
        case .capabilityTable: return table
        case .untyped:
            return operand.isDevice ? TestSystem.smallDevice : s.make(.untyped, sizeBits: 16)
        case .interrupt: return system.makeInterrupt(line: 34, trigger: .level)
        case .interruptControl: return RootSlot.interruptControl.index
        case .registers: return TestSystem.registers
        case .systemControl: return RootSlot.systemControl.index
        case .asidControl: return RootSlot.asidControl.index
        case .asidPool: return RootSlot.asidPool.index
        case .addressSpace: return RootSlot.addressSpace.index
        case .frame: return s.make(.frame, sizeBits: 12)
        case .budget: return s.makeBudget()
        case .mutexSet: return s.make(.mutexSet, sizeBits: 2)
        case .null, .endpoint, .notification, .reply, .thread, .pageTable, .timer:
            return s.make(operand.kind)
        }
    }
    /// A copy with fewer rights; mapped, where the call speaks of a mapping.
    func narrowed(_ operand: Operand, _ whole: UInt32, to rights: Rights) -> UInt32 {
        let slot = system.copy(whole, rights: operand.isMapped ? rights | .read : rights)
        if operand.isMapped {
            nextAddress += 4096
            let result = system.perform(
                .map, RootSlot.addressSpace.index, UInt64(slot), nextAddress,
                UInt64(Rights.read.raw))
            #expect(result.error == nil)
        }
        return slot
    }

    /// Make the call with these slots.
    func perform(_ slots: [UInt32], _ values: [UInt64]) -> KernelError? {
        var values = values
        var invoked: UInt32 = 0
        for (operand, slot) in zip(form.operands, slots) {
            switch operand.place {
            case .invoked: invoked = slot
            case .register(let number): values[number] = UInt64(slot)
            }
        }
        values[0] = call.control(invoked)
        let x = system.root.ref.registers
        for index in 0...10 { x[index] = index < values.count ? values[index] : 0 }
        system.trap(system.root.ref)
        return system.results(system.root).error
    }

    /// Make the call, which is refused with this error and changes nothing but its results.
    func refuse(_ slots: [UInt32], _ values: [UInt64], _ error: KernelError, _ why: String) {
        let context = system.root.ref.contextAddress
        let registers = Data(bytes: context, count: MemoryLayout<UserContext>.size)
        let systemCalls = system.kernel.pointee.core.statistics[.systemCalls]
        let before = Snapshot(system)
        let result = perform(slots, values)
        #expect(result == error, "\(call): \(why)")
        registers.withUnsafeBytes {
            context.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count)
        }
        system.kernel.pointee.core.statistics[.systemCalls] = systemCalls
        #expect(Snapshot(system) == before, "\(call): \(why): something changed")
    }

    func refuseEverything() {
        // From here on the kernel holds state of the running thread and of its first call with a
        // deadline.
        if let notification = objects[.notification] {
            system.wait(system.root, notification, deadline: 1)
            #expect(system.results(system.root).error == .timedOut)
        }
        for (position, operand) in form.operands.enumerated() {
            var slots = wholes
            for right: Rights in [.read, .write, .execute, .grant, .manage]
            where operand.rights.contains(right) {
                slots[position] = narrowed(
                    operand, wholes[position], to: Rights(raw: 31 & ~right.raw))
                refuse(slots, arguments, .missingRights, "operand \(position) lacks \(right)")
            }
            for (kind, slot) in objects where kind != operand.kind && !call.takes(kind) {
                slots[position] = slot
                refuse(slots, arguments, .wrongKind, "operand \(position) is a \(kind)")
            }
            var absent = [system.allocateSlot(), 0, 4095, 4096, 0x8000_0001, Slot.none.index - 2]
            if !operand.isOptional { absent.append(Slot.none.index) }
            for slot in absent {
                slots[position] = slot
                refuse(slots, arguments, .invalidCapability, "operand \(position) is slot \(slot)")
            }
        }
        for index in form.indices {
            var values = arguments
            let number: Int
            switch index {
            case .source(let register):
                number = register
                values[number] = 4
                refuse(wholes, values, .invalidCapability, "x\(number) names an empty slot")
            case .target(let register):
                number = register
                values[number] = 3
                refuse(wholes, values, .slotOccupied, "x\(number) names an occupied slot")
            case .any(let register): number = register
            }
            for outside: UInt64 in [16, 4096, 1 << 32, ~0] {
                values[number] = outside
                refuse(wholes, values, .invalidCapability, "x\(number) is \(outside)")
            }
        }
    }
}

@Suite struct RightsTests {
    static let refusals: Set<KernelError> = [
        .invalidCapability, .wrongKind, .missingRights, .slotOccupied,
    ]

    @Test(arguments: [true, false]) func everyCallRefusesWhatItMayNotUse(fast: Bool) {
        for call in TabledCall.all {
            for form in call.forms { Bench(call, form, fast: fast).refuseEverything() }
        }
    }

    /// The same calls are accepted with no more than the rights of the table: no row asks for too
    /// much, and none is refused for another reason.
    @Test(arguments: [true, false]) func everyCallIsContentWithTheRightsOfTheTable(fast: Bool) {
        for call in TabledCall.all {
            for form in call.forms {
                let bench = Bench(call, form, fast: fast)
                let error = bench.perform(bench.exact, bench.arguments)
                #expect(
                    error.map { !Self.refusals.contains($0) } ?? true,
                    "\(call): \(String(describing: error))")
            }
        }
    }

    /// Optional capabilities may be left out, each for itself.
    @Test func whatIsOptionalMayBeLeftOut() {
        for call in TabledCall.all {
            for form in call.forms {
                for (position, operand) in form.operands.enumerated()
                where operand.isOptional && !form.operands[0].isDevice {
                    let bench = Bench(call, form, fast: false)
                    var slots = bench.wholes
                    slots[position] = Slot.none.index
                    #expect(
                        bench.perform(slots, bench.arguments) == nil,
                        "\(call) without operand \(position)")
                }
            }
        }
    }
}
