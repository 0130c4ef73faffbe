// A task makes random system calls with random registers and capabilities of every kind. It gets
// errors and faults. The kernel's state stays whole, and the root task keeps control.
//
// Half of the arguments are such as mean something, since pure noise is refused at the first check.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct NoiseTests {
    @Test(arguments: [11, 12, 14], [true, false]) func fixedSeeds(seed: UInt64, fast: Bool) {
        let noise = Noise(seed: seed, fast: fast)
        for _ in 0..<3000 where !noise.s.isBroken { noise.step() }
        noise.s.inspectTables()
        // The noise gets somewhere: calls of nearly every kind succeed at some time.
        let succeeded = Noise.methods.filter { noise.successes.contains(100 + Int($0.rawValue)) }
        #expect(succeeded.count > Noise.methods.count * 3 / 4)
        let calls: [SystemCall] = [
            .send, .receive, .signal, .wait, .poll, .yield, .lock, .unlock,
        ]
        for call in calls {
            #expect(noise.successes.contains(Int(call.rawValue)))
        }
    }

    @Test func aNewSeed() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("KernelCoreTests: noise seed \(seed)")
        let noise = Noise(seed: seed, fast: true)
        for _ in 0..<3000 where !noise.s.isBroken { noise.step() }
        if noise.s.isBroken { Issue.record("noise seed \(seed)") }
    }
}

/// A system with a task that calls at random.
private final class Noise {
    static let slots: UInt64 = 64
    static let methods = (0...255).compactMap { Method(rawValue: UInt8($0)) }
    let s: TestSystem
    /// Numbers of the system calls that succeeded at least once, and of the methods plus 100.
    private(set) var successes: Set<Int> = []
    private var random: SeededGenerator
    private let table: UInt32
    private let arena: UInt32
    private var threads: [TestThread] = []
    private var gifts: [UInt32] = []

    init(seed: UInt64, fast: Bool) {
        s = TestSystem(fast: fast)
        random = SeededGenerator(seed: seed)
        table = s.make(.capabilityTable, sizeBits: 6)
        arena = s.make(.untyped, sizeBits: 17)
        let space = s.make(.addressSpace)
        for priority in [10, 20, 20, 30] as [UInt64] {
            let thread = s.makeThread(priority: priority)
            s.perform(.configure, thread.slot, UInt64(table), UInt64(space), s.none, s.none)
            threads.append(thread)
        }
        gifts = [
            s.make(.endpoint), s.make(.endpoint), s.make(.reply), s.make(.reply),
            s.make(.notification),
            s.make(.notification), threads[0].slot, threads[1].slot, threads[2].slot, table, space,
            s.make(.pageTable), s.make(.pageTable), s.make(.frame, sizeBits: 12),
            s.make(.frame, sizeBits: 21),
            s.make(.timer), s.make(.timer), arena, TestSystem.smallDevice, TestSystem.largeDevice,
            RootSlot.interruptControl.index, RootSlot.systemControl.index,
            RootSlot.asidControl.index, s.makePool(), s.makeBudget(),
            s.make(.mutexSet, sizeBits: 2),
        ]
        bindMutexes()
        for thread in threads { s.start(thread) }
        refill()
        s.go()
        s.inspectionPeriod = 3
    }

    /// Gives the mutexes their page, and makes all threads participants. Cell 2 is a semaphore,
    /// cell 3 a condition.
    private func bindMutexes() {
        guard let set = gifts.last else { return }
        s.perform(.bindPage, set, UInt64(s.make(.frame, sizeBits: 12)))
        for (number, thread) in threads.enumerated() {
            s.perform(.join, set, UInt64(number), UInt64(thread.slot))
        }
        let words = s.object(set, as: MutexSet.self)
        words?.word(2)?.pointee = MutexWord(raw: CountingWord(units: 1).raw)
        words?.word(3)?.pointee = MutexWord(raw: CountingWord.condition.raw)
    }

    /// Gives the task new objects for those that it destroyed, and lets its threads run.
    private func refill() {
        s.asRoot {
            if random.next() % 6 == 0 { #expect(s.perform(.reclaim, arena).error == nil) }
            for (index, gift) in gifts.enumerated() {
                _ = s.perform(
                    .copy, Slot.ownTable.index, UInt64(gift), UInt64(table), UInt64(index), 31)
            }
            for thread in threads {
                _ = s.perform(
                    .configure, thread.slot, UInt64(table), UInt64(gifts[10]), s.none, s.none)
                if s.state(thread) != .ready, random.next() % 2 == 0 {
                    s.perform(.suspend, thread.slot)
                    _ = s.perform(.resume, thread.slot)
                }
                s.perform(.setPriority, thread.slot, 5 + random.next() % 30, 100)
            }
        }
    }

    // Values

    private func any<Value>(_ values: [Value]) -> Value {
        values[Int(random.next() % UInt64(values.count))]
    }
    private func junk() -> UInt64 {
        switch random.next() % 6 {
        case 0: return any([~0, 0xffff_ffff, 0xffff_fffe, 1 << 63, 1 << 39, 1 << 32, 1 << 31])
        case 1: return random.next()
        case 2: return random.next() % 14 | any([0, 4, 12, 13, 21]) << 8
        default: return random.next() % 70
        }
    }
    /// A slot with a capability of this kind, mostly.
    private func slot(_ kind: ObjectKind) -> UInt64 {
        guard random.next() % 16 != 0, let table = s.object(table, as: CapabilityTable.self) else {
            return random.next() % Noise.slots
        }
        let found = (0..<Int(Noise.slots)).filter { table.slot($0).pointee.kind == kind }
        return found.isEmpty ? random.next() % Noise.slots : UInt64(any(found))
    }
    private func anySlot() -> UInt64 {
        guard let table = s.object(table, as: CapabilityTable.self) else { return 0 }
        let found = (0..<Int(Noise.slots)).filter { table.slot($0).pointee.kind != .null }
        return found.isEmpty ? 0 : UInt64(any(found))
    }
    private func freeSlot() -> UInt64 { 24 + random.next() % 40 }
    private func deadline() -> UInt64 {
        any([~0, ~0, s.hardware.now + random.next() % 300, random.next() % 2000])
    }
    private func address() -> UInt64 { 0x40_0000 + (random.next() % 4) << 12 }

    /// The object and the arguments that a method might want.
    private func wanted(_ method: Method) -> (UInt64, [UInt64]) {
        switch method {
        case .retype:
            let kinds: [UInt64] = [
                1, 2, 3, 4, 5 | 4 << 8, 6, 7, 8 | 12 << 8, 9 | 12 << 8, 9 | 13 << 8, 11, 17,
                18 | 2 << 8,
            ]
            let isDevice = random.next() % 4 == 0
            let kind = isDevice ? 8 | 12 << 8 : any(kinds)
            let other = isDevice ? slot(.untyped) : kind == 6 ? slot(.asidPool) : s.none
            return (
                slot(.untyped),
                [kind, 1 + random.next() % 3, s.own, freeSlot(), other, (random.next() % 16) << 12]
            )
        case .reclaim, .untypedInformation: return (slot(.untyped), [])
        case .copy, .mint, .move:
            return (
                s.own,
                [
                    anySlot(), s.own, freeSlot(), any([31, 31, 3, 1]), random.next() % 2,
                    random.next() % 9,
                ]
            )
        case .delete, .revoke: return (s.own, [24 + random.next() % 40])
        case .describe: return (s.own, [anySlot()])
        case .configure:
            return (
                slot(.thread),
                [
                    slot(.capabilityTable), any([s.none, slot(.addressSpace)]), s.none,
                    any([s.none, slot(.endpoint)]),
                ]
            )
        case .setPriority: return (slot(.thread), [random.next() % 60, 60 + random.next() % 20])
        case .setSlice: return (slot(.thread), [any([0, 600 + random.next() % 100])])
        case .setCore: return (slot(.thread), [any([0, 1, 7, 8])])
        case .bindBudget: return (slot(.thread), [any([s.none, slot(.budget), slot(.budget)])])
        case .setBudget:
            return (
                slot(.systemControl),
                [
                    slot(.budget), 600 + random.next() % 100, 690 + random.next() % 900,
                    any([0, 8, 15]),
                ]
            )
        case .bindOverrun:
            return (slot(.budget), [any([s.none, slot(.notification)]), 1 << (random.next() % 4)])
        case .bindAbandonment:
            return (slot(.reply), [any([s.none, slot(.notification)]), 1 << (random.next() % 4)])
        case .budgetInformation: return (slot(.budget), [])
        case .bindPage: return (slot(.mutexSet), [slot(.frame)])
        case .join: return (slot(.mutexSet), [random.next() % 4, slot(.thread)])
        case .leave: return (slot(.mutexSet), [random.next() % 4])
        case .resume, .suspend, .readRegisters, .writeRegisters, .threadInformation:
            return (slot(.thread), [])
        case .setEntry: return (slot(.thread), [0x2000, 0x3000, 1, 2])
        case .bindNotification: return (slot(.thread), [any([s.none, slot(.notification)])])
        case .map: return (slot(.addressSpace), [slot(.frame), address(), any([1, 3, 5])])
        case .unmap, .protect: return (slot(.addressSpace), [slot(.frame), any([1, 3, 5])])
        case .attachTable: return (slot(.addressSpace), [slot(.pageTable), address()])
        case .frameInformation: return (slot(.frame), [])
        case .maintainCache:
            return (slot(.frame), [random.next() % 4, random.next() % 4096, random.next() % 9000])
        case .bindServer: return (slot(.endpoint), [slot(.thread)])
        case .close: return (slot(.endpoint), [])
        case .loanRead, .loanWrite:
            return (slot(.reply), [random.next() % 100, address(), random.next() % 100])
        case .createASIDPool:
            return (slot(.asidControl), [junk(), junk(), slot(.untyped), s.own, freeSlot()])
        case .createInterrupt:
            return (
                slot(.interruptControl),
                [33 + random.next() % 8, random.next() % 2, slot(.untyped), s.own, freeSlot()]
            )
        case .bindInterrupt:
            return (slot(.interrupt), [slot(.notification), 1 << (random.next() % 4)])
        case .acknowledge, .interruptInformation: return (slot(.interrupt), [])
        case .bindTimer: return (slot(.timer), [slot(.notification), 1 << (random.next() % 4)])
        case .arm:
            return (
                slot(.timer),
                [s.hardware.now + random.next() % 300, any([0, 600 + random.next() % 100])]
            )
        case .cancelTimer: return (slot(.timer), [])
        case .consoleWrite, .powerOff, .reboot, .statistics, .resetStatistics, .trace:
            return (slot(.systemControl), [random.next() % 4])
        case .readRegister, .writeRegister:
            return (slot(.registers), [random.next() % 80, random.next()])
        }
    }
    private func wanted(_ call: SystemCall) -> (UInt64, [UInt64]) {
        switch call {
        case .call, .send: return (slot(.endpoint), [0, deadline()])
        case .replyAndReceive, .receive: return (slot(.endpoint), [slot(.reply), deadline()])
        case .reply: return (slot(.reply), [])
        case .signal, .wait, .poll:
            if random.next() % 3 == 0 {
                let cell = Int(random.next() % 4)
                let argument = CellArgument(cell: cell, seen: Int(random.next() % 3))
                return (slot(.mutexSet), [argument.raw, deadline()])
            }
            return (slot(.notification), [random.next() % 16, deadline()])
        case .lock, .unlock:
            // Mostly as the participant that the running thread is.
            let number = threads.firstIndex { $0.ref == s.running } ?? 0
            let argument = MutexArgument(
                mutex: random.next() % 8 == 0 ? Int(random.next() % 5) : 0,
                participant: random.next() % 8 == 0 ? Int(random.next() % 5) : number)
            return (slot(.mutexSet), [argument.raw, deadline()])
        case .yield, .version, .invoke: return (0, [])
        }
    }

    // Steps

    func step() {
        if random.next() % 8 == 0 { s.advance(by: random.next() % 200) }
        if random.next() % 40 == 0 { s.raise(line: 33 + Int(random.next() % 8)) }
        guard let thread = s.running, random.next() % 40 != 0 else { return refill() }
        fillBuffer(thread)
        var (control, arguments, number) = request()
        if random.next() % 100 == 0 { control = random.next() }
        let x = thread.registers
        x[0] = control
        for index in 1...10 {
            x[index] =
                index <= arguments.count && random.next() % 24 != 0 ? arguments[index - 1] : junk()
        }
        if number == 100 + Int(Method.retype.rawValue) { x[7] = 0 }
        s.hardware.queriesLeft = random.next() % 4 == 0 ? Int(random.next() % 5) : nil
        // As many looks between two as the longest call has before it changes anything.
        s.hardware.ghostPeriod = 12 + Int(random.next() % 5)
        s.trap(thread)
        s.hardware.queriesLeft = nil
        // A call that blocks may succeed later, when another call sets its result.
        if thread.registers[0] & 0xff == 0 && thread.registers[0] != control {
            successes.insert(number)
        }
    }

    /// A control word, its arguments, and a number for its kind.
    private func request() -> (UInt64, [UInt64], Int) {
        if random.next() % 16 > 5 {
            let method = any(Noise.methods)
            let (slot, arguments) = wanted(method)
            return (
                ControlWord(invoke: method, Slot(UInt32(truncatingIfNeeded: slot))).raw, arguments,
                100 + Int(method.rawValue)
            )
        }
        let call = SystemCall(rawValue: UInt8(random.next() % 13)) ?? .yield
        let (slot, arguments) = wanted(call)
        var control = UInt64(slot & 0xffff_ffff) | UInt64(call.rawValue) << 40
        if random.next() % 4 == 0 {
            control |= (random.next() % 140) << 32 | (random.next() % 6) << 48
            if random.next() % 4 > 0 { control |= ControlWord.extendedBit }
            if random.next() % 2 == 0 { control |= ControlWord.loanBit }
        }
        if random.next() % 2 == 0 { control |= ControlWord.timedBit }
        return (control, arguments, Int(call.rawValue))
    }

    private func fillBuffer(_ thread: Ref<KernelThread>) {
        guard random.next() % 10 == 0, let buffer = thread.pointee.buffer else { return }
        let words = buffer.raw.assumingMemoryBound(to: UInt64.self)
        for index in 0..<4 {
            words[IPCBuffer.sendSlots / 8 + index] = random.next() % 8 == 0 ? junk() : anySlot()
            words[IPCBuffer.receiveSlots / 8 + index] = random.next() % 8 == 0 ? junk() : freeSlot()
        }
        words[IPCBuffer.loanAddress / 8] = random.next() % 8 == 0 ? junk() : address()
        words[IPCBuffer.loanLength / 8] = random.next() % 8 == 0 ? junk() : random.next() % 9000
        words[IPCBuffer.loanRights / 8] = random.next() % 4
    }
}
