// How much the kernel does between two looks at the interrupts, and that it does not stop for
// nothing.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct StepTests {
    /// Entries that a piece of the root task's work takes.
    private func entries(_ s: TestSystem, _ body: () -> Void) -> Int {
        let before = s.steps
        body()
        return s.steps - before
    }

    /// Without an interrupt a call is one entry: it never restarts.
    @Test func nothingRestartsWithoutAnInterrupt() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        #expect(entries(s) { _ = s.make(.endpoint) } == 1)
        #expect(entries(s) { _ = s.make(.capabilityTable, sizeBits: 10) } == 1)
        #expect(entries(s) { _ = s.make(.frame, sizeBits: 12) } == 1)
        #expect(entries(s) { _ = s.make(.frame, sizeBits: 21) } == 1)
        #expect(
            entries(s) {
                s.perform(
                    .retype, arena, UInt64(ObjectKind.endpoint.rawValue), 8, s.own,
                    UInt64(s.nextSlot), s.none)
            } == 1)
        #expect(entries(s) { s.perform(.reclaim, arena) } == 1 && s.results(s.root).error == nil)
        let frame = s.make(.frame, sizeBits: 21)
        #expect(
            entries(s) { s.perform(.maintainCache, frame, 0, 0, 1 << 21) } == 1
                && s.results(s.root).error == nil)
    }

    /// A table that dies is looked through 32 slots a step.
    @Test func aTableIsLookedThroughInSteps() {
        func queries(bits: UInt64) -> Int {
            let s = TestSystem()
            let arena = s.make(.untyped, sizeBits: 20)
            _ = s.make(.capabilityTable, sizeBits: bits, from: arena)
            let before = s.hardware.queries
            #expect(s.perform(.reclaim, arena).error == nil)
            return s.hardware.queries - before
        }
        // Two looks a step: before and after it.
        #expect(queries(bits: 12) - queries(bits: 11) == 2 * 2048 / 32)
        #expect(queries(bits: 6) - queries(bits: 5) == 2)
    }

    /// A region holds what fits, to the last byte.
    @Test func aRegionIsFilledToItsEnd() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 12)
        let first = UInt64(s.nextSlot)
        s.nextSlot += 40
        let result = s.perform(
            .retype, arena, UInt64(ObjectKind.endpoint.rawValue), 40, s.own, first, s.none)
        #expect(result.error == .insufficientMemory && result.x[3] == 32)
        #expect(s.perform(.reclaim, arena).error == nil)
        // A page at the high end leaves no room for its descriptor.
        #expect(
            s.perform(
                .retype, arena, UInt64(ObjectKind.frame.rawValue) | 12 << 8, 1, s.own, first, s.none
            ).error
                == .insufficientMemory)
        let larger = s.make(.untyped, sizeBits: 13)
        for index in 0..<UInt64(31) {
            #expect(
                s.perform(
                    .retype, larger, UInt64(ObjectKind.endpoint.rawValue), 1, s.own, first + index,
                    s.none
                ).error
                    == nil)
        }
        #expect(
            s.perform(
                .retype, larger, UInt64(ObjectKind.frame.rawValue) | 12 << 8, 1, s.own, first + 31,
                s.none
            ).error
                == nil)
        #expect(
            s.perform(
                .retype, larger, UInt64(ObjectKind.endpoint.rawValue), 1, s.own, first + 32, s.none
            ).error
                == .insufficientMemory)
    }

    /// Benchmark builds: the longest path is kept, and the first of several that are equal.
    @Test func theLongestMaskedPathIsKept() {
        let s = TestSystem()
        func record(_ length: UInt64, _ mark: UInt64) {
            s.kernel.pointee.startMasked(control: mark)
            s.hardware.spentCycles += length
            s.kernel.pointee.recordMasked(place: mark + 1)
        }
        func longest() -> [UInt64] {
            let words = s.perform(
                .statistics, RootSlot.systemControl.index, Statistic.longestMasked.rawValue
            ).words
            return Array(words.prefix(3))
        }
        s.perform(.resetStatistics, RootSlot.systemControl.index)
        record(10, 100)
        #expect(longest() == [10, 100, 101])
        record(10, 200)
        record(9, 300)
        #expect(longest() == [10, 100, 101])
        record(11, 400)
        #expect(longest() == [11, 400, 401])
    }
}
