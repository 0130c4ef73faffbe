// Any system call with any register values: a task that calls at random, with capabilities of every kind, gets errors and
// faults; the kernel's state stays whole, and the root task stays in command.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct NoiseTests {
    static let slots: UInt32 = 64

    final class Noise {
        let s: TestSystem
        var random: SeededGenerator
        private let table: UInt32
        private let arena: UInt32
        private var threads: [TestThread] = []
        private var gifts: [UInt32] = []

        init(seed: UInt64, fast: Bool) {
            s = TestSystem(fast: fast)
            random = SeededGenerator(seed: seed)
            table = s.make(.capabilityTable, sizeBits: 6)
            arena = s.make(.untyped, sizeBits: 17)
            for priority in [10, 20, 20, 30] as [UInt64] {
                let thread = s.makeThread(priority: priority)
                s.perform(.configure, thread.slot, UInt64(table), s.none, s.none, s.none)
                threads.append(thread)
            }
            let space = s.make(.addressSpace)
            gifts = [
                s.make(.endpoint), s.make(.endpoint), s.make(.reply), s.make(.reply), s.make(.notification),
                s.make(.notification), threads[0].slot, threads[1].slot, threads[2].slot, table, space,
                s.make(.pageTable), s.make(.pageTable), s.make(.frame, sizeBits: 12), s.make(.frame, sizeBits: 21),
                s.make(.timer), s.make(.timer), arena, TestSystem.smallDevice, TestSystem.largeDevice,
                RootSlot.interruptControl.index, RootSlot.systemControl.index,
            ]
            for thread in threads { s.start(thread) }
            refill()
            s.go()
            s.inspectionPeriod = 3
        }

        /// Give the task anew what it threw away, and let its threads run.
        private func refill() {
            s.asRoot {
                if random.next() % 4 == 0 { #expect(s.perform(.reclaim, arena).error == nil) }
                for (index, gift) in gifts.enumerated() {
                    _ = s.perform(.copy, Slot.ownTable.index, UInt64(gift), UInt64(table), UInt64(index), 31)
                }
                for thread in threads {
                    _ = s.perform(.configure, thread.slot, UInt64(table), s.none, s.none, s.none)
                    if s.state(thread) != .ready {
                        s.perform(.suspend, thread.slot)
                        _ = s.perform(.resume, thread.slot)
                    }
                    s.perform(.setPriority, thread.slot, 5 + random.next() % 30, 100)
                }
            }
        }

        private func value() -> UInt64 {
            switch random.next() % 16 {
            case 0..<5: return random.next() % UInt64(NoiseTests.slots)
            case 5, 6: return random.next() % 14 | [0, 0, 0, 4, 12, 12, 13, 21][Int(random.next() % 8)] << 8
            case 7: return s.hardware.now + random.next() % 300
            case 8, 9: return [~0, 0xffff_ffff, 0xffff_fffe, 1 << 63, 1 << 39, 1 << 32, 1 << 31][Int(random.next() % 7)]
            case 10, 11: return 0x40_0000 + (random.next() % 8) << 12
            case 12: return random.next()
            default: return random.next() % 8
            }
        }

        func step() {
            if random.next() % 8 == 0 { s.advance(by: random.next() % 200) }
            guard let thread = s.running, random.next() % 200 != 0 else { return refill() }
            if random.next() % 50 == 0, thread.pointee.buffer != nil {
                let words = thread.pointee.buffer.map { $0.raw.assumingMemoryBound(to: UInt64.self) }
                for index in 0x400 / 8..<0x460 / 8 { words?[index] = value() }
            }
            let call = random.next() % 16
            let slot = random.next() % 12 == 0 ? value() & 0xffff_ffff : random.next() % UInt64(NoiseTests.slots)
            let isInvoke = call > 9
            var control = slot | (isInvoke ? UInt64(SystemCall.invoke.rawValue) : call) << 32
            if isInvoke {
                let methods = (0..<90).compactMap { Method(rawValue: UInt8($0)) }
                control |= UInt64(methods[Int(random.next() % UInt64(methods.count))].rawValue) << 40
                if random.next() % 5 == 0 { control = control & ~0xffff_ffff | UInt64(Slot.ownTable.index) }
            } else if random.next() % 3 == 0 {
                control |= (random.next() % 140) << 40 | (random.next() % 6) << 48 | (random.next() % 2) << 39
                if random.next() % 4 == 0 { control |= ControlWord.loanBit }
            }
            if random.next() % 100 == 0 { control = random.next() }
            let x = thread.registers
            x[0] = control
            for index in 1...10 { x[index] = value() }
            s.hardware.queriesLeft = random.next() % 4 == 0 ? Int(random.next() % 5) : nil
            s.hardware.ghostPeriod = Int(random.next() % 3)
            s.trap(thread)
            s.hardware.queriesLeft = nil
        }
    }

    @Test(arguments: [11, 12, 13], [true, false]) func fixedSeeds(seed: UInt64, fast: Bool) {
        let noise = Noise(seed: seed, fast: fast)
        for _ in 0..<4000 where !noise.s.isBroken { noise.step() }
        noise.s.inspectTables()
    }

    @Test func aNewSeed() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("KernelCoreTests: noise seed \(seed)")
        let noise = Noise(seed: seed, fast: true)
        for _ in 0..<4000 where !noise.s.isBroken { noise.step() }
        if noise.s.isBroken { Issue.record("noise seed \(seed)") }
    }
}
