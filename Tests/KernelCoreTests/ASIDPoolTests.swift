// ASID pools: an exhausted one takes nothing from the others, and in whatever order pools and
// address spaces die, no number has two owners and none is used again before the processor forgot
// it.
//
// The invariants hold each number and each range against its owner after every step, and the model
// of the processor refuses a number under which it may still remember translations.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct ASIDPoolTests {
    static let first: UInt64 = 1000

    func makeSpaces(
        _ s: TestSystem, _ count: UInt64, from untyped: UInt32 = TestSystem.ram, pool: UInt32,
        at index: UInt64 = first
    ) -> Results {
        s.perform(
            .retype, untyped, UInt64(ObjectKind.addressSpace.rawValue), count, s.own, index,
            UInt64(pool))
    }
    func asid(_ s: TestSystem, _ slot: UInt32) -> UInt16? {
        s.object(slot, as: AddressSpace.self)?.pointee.asid
    }
    func pool(_ s: TestSystem, _ slot: UInt32) -> (first: UInt16, used: UInt64)? {
        s.object(slot, as: ASIDPool.self).map { ($0.pointee.first, $0.pointee.used) }
    }

    // Ownership

    @Test(arguments: [8, 16]) func anExhaustedPoolTakesNothingFromTheOthers(asidBits: Int) {
        let s = TestSystem(asidBits: asidBits)
        let (greedy, other) = (s.makePool(), s.makePool())
        let arena = s.make(.untyped, sizeBits: 21)
        // The arena has memory for far more.
        let taken = makeSpaces(s, 200, from: arena, pool: greedy)
        #expect(taken.error == .exhausted && taken.x[3] == 64)
        #expect(pool(s, greedy)?.used == ~0)
        let numbers = Set((0..<64).compactMap { asid(s, UInt32(Self.first) + $0) })
        #expect(numbers.count == 64 && numbers.allSatisfy { $0 / 64 == 1 })
        #expect(makeSpaces(s, 64, pool: other, at: 2000).error == nil)
        // Two of the root task's are in use: the kernel's and its own.
        #expect(makeSpaces(s, 62, pool: RootSlot.asidPool.index, at: 2100).error == nil)
        #expect(makeSpaces(s, 1, pool: RootSlot.asidPool.index, at: 2200).error == .exhausted)
        #expect(makeSpaces(s, 1, pool: greedy, at: 2200).error == .exhausted)
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(pool(s, greedy)?.used == 0)
        #expect(makeSpaces(s, 64, pool: greedy).error == nil)
    }

    @Test func anAddressSpaceNeedsAPool() {
        let s = TestSystem()
        let pool = s.makePool()
        let weak = s.copy(pool, rights: .read)
        func expect(
            _ pool: UInt32, _ error: KernelError,
            _ sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let result = makeSpaces(s, 1, pool: pool)
            #expect(result.error == error && result.x[3] == 0, sourceLocation: sourceLocation)
            #expect(s.isEmpty(UInt32(Self.first)), sourceLocation: sourceLocation)
        }
        expect(Slot.none.index, .invalidCapability)
        expect(s.allocateSlot(), .invalidCapability)
        expect(TestSystem.ram, .wrongKind)
        expect(RootSlot.asidControl.index, .wrongKind)
        expect(weak, .missingRights)
        // A pool is nothing that other objects take.
        let result = s.perform(
            .retype, TestSystem.ram, UInt64(ObjectKind.endpoint.rawValue), 1, s.own, Self.first,
            UInt64(pool))
        #expect(result.error == .invalidArgument)
        let inDevice = makeSpaces(s, 1, from: TestSystem.smallDevice, pool: pool)
        #expect(inDevice.error == .invalidArgument)
    }

    /// 64 numbers a pool: a core with 8-bit ASIDs has 3 pools beside the root task's, one with 16
    /// bits 1,023.
    @Test(arguments: [(8, 3), (16, 1023)]) func rangesRunOutAndComeBack(asidBits: Int, count: Int) {
        let s = TestSystem(asidBits: asidBits)
        s.inspectionPeriod = 100
        let arena = s.make(.untyped, sizeBits: 18)
        for index in 0..<UInt64(count) {
            #expect(s.createPool(from: arena, at: Self.first + index).error == nil)
        }
        let firsts = Set((0..<count).compactMap { pool(s, UInt32(Self.first) + UInt32($0))?.first })
        #expect(firsts == Set((1...count).map { UInt16($0 * 64) }))
        let last = UInt32(Self.first) + UInt32(count) - 1
        #expect(s.createPool(from: TestSystem.ram, at: 3000).error == .exhausted && s.isEmpty(3000))
        #expect(makeSpaces(s, 64, pool: last, at: 3000).error == nil)
        #expect(asid(s, 3063) == UInt16(count * 64 + 63))
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(s.createPool(from: TestSystem.ram, at: 2999).error == nil)
        #expect(pool(s, 2999)?.first == 64)
        s.inspectTables()
    }

    @Test func aPoolIsMadeWhereThereIsRoom() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 12)
        #expect(s.createPool(from: arena, at: 1).error == .slotOccupied)
        #expect(s.createPool(from: arena, at: 4096).error == .invalidCapability)
        #expect(
            s.createPool(from: TestSystem.smallDevice, at: Self.first).error == .invalidArgument)
        for index in 0..<32 as Range<UInt64> {
            #expect(s.createPool(from: arena, at: Self.first + index).error == nil)
        }
        #expect(s.createPool(from: arena, at: 2000).error == .insufficientMemory && s.isEmpty(2000))
        #expect(s.perform(.untypedInformation, arena).x[5...6] == [4096, 0])
        #expect(s.perform(.reclaim, arena).error == nil)
    }

    // Death in either order

    /// A pool with address spaces in use: threads run in them, frames and tables are theirs.
    private struct Town {
        let s: TestSystem
        let poolArena: UInt32
        let spaceArena: UInt32
        let pool: UInt32
        var spaces: [UInt32] = []
        var frames: [UInt32] = []
        var threads: [TestThread] = []

        init(asidBits: Int = 16) {
            s = TestSystem(asidBits: asidBits)
            let s = s
            poolArena = s.make(.untyped, sizeBits: 14)
            spaceArena = s.make(.untyped, sizeBits: 17)
            pool = s.makePool(from: poolArena)
            for index in 0..<3 {
                let space = s.make(.addressSpace, from: spaceArena, pool: pool)
                let frame = s.make(.frame, sizeBits: 12)
                s.attachTables(to: space, at: 0x40_0000, from: spaceArena)
                #expect(s.perform(.map, space, UInt64(frame), 0x40_0000, 3).error == nil)
                let thread = s.makeThread(priority: UInt64(30 - index))
                s.perform(.configure, thread.slot, s.none, UInt64(space), s.none, s.none)
                spaces.append(space)
                frames.append(frame)
                threads.append(thread)
            }
            _ = s.copy(spaces[0])
        }
        var numbers: Set<UInt16> {
            Set(spaces.compactMap { s.object($0, as: AddressSpace.self)?.pointee.asid })
        }
        /// Expects that no thread and no translation reaches the address spaces any more.
        func expectEnd(_ numbers: Set<UInt16>) {
            #expect(numbers.isSubset(of: s.hardware.invalidatedSpaces))
            for space in spaces { #expect(s.isEmpty(space)) }
            for thread in threads {
                #expect(thread.ref.pointee.translationBase == s.kernel.pointee.emptyTranslationBase)
            }
            for frame in frames { #expect(s.perform(.frameInformation, frame).x[5] == 0) }
        }
    }

    @Test(arguments: [nil, 0, 3], [8, 16]) func aPoolThatDiesFirstEndsItsAddressSpaces(
        period: Int?, asidBits: Int
    ) {
        let town = Town(asidBits: asidBits)
        let s = town.s
        let numbers = town.numbers
        #expect(numbers.count == 3)
        for thread in town.threads { s.start(thread) }
        s.go()
        #expect(s.hardware.translationBase == town.threads[0].ref.pointee.translationBase)
        if let period { (s.hardware.queriesLeft, s.hardware.ghostPeriod) = (0, period) }
        #expect(s.perform(.reclaim, town.poolArena).error == nil)
        s.hardware.queriesLeft = nil
        town.expectEnd(numbers)
        // The range serves again, before the memory of its old address spaces does.
        let next = s.makePool()
        #expect(pool(s, next)?.first == 64)
        #expect(makeSpaces(s, 64, pool: next).error == nil)
        let count = s.hardware.invalidatedSpaces.count
        #expect(s.perform(.reclaim, town.spaceArena).error == nil)
        // The new owners' numbers are none of the dead spaces' business.
        #expect(s.hardware.invalidatedSpaces.count == count)
        #expect(makeSpaces(s, 1, pool: next, at: 2000).error == .exhausted)
        s.inspectTables()
    }

    @Test(arguments: [nil, 0, 3]) func addressSpacesThatDieFirstGiveTheirNumbersBack(period: Int?) {
        let town = Town()
        let s = town.s
        let numbers = town.numbers
        if let period { (s.hardware.queriesLeft, s.hardware.ghostPeriod) = (0, period) }
        #expect(s.perform(.reclaim, town.spaceArena).error == nil)
        s.hardware.queriesLeft = nil
        town.expectEnd(numbers)
        #expect(pool(s, town.pool)?.used == 0)
        #expect(makeSpaces(s, 64, pool: town.pool).error == nil)
        #expect(s.perform(.reclaim, town.poolArena).error == nil)
        for index in 0..<64 as Range<UInt32> { #expect(s.isEmpty(UInt32(Self.first) + index)) }
        s.inspectTables()
    }

    /// Pool and address spaces in one region, in either order of their descriptors.
    @Test(arguments: [true, false]) func oneRegionMayHoldBoth(poolFirst: Bool) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 17)
        let earlier = poolFirst ? UInt32(0) : s.makePool(from: arena)
        let spares =
            poolFirst ? [] : (0..<2).map { _ in s.make(.addressSpace, from: arena, pool: earlier) }
        let later = s.makePool(from: arena)
        let spaces = (0..<3).map { _ in
            s.make(.addressSpace, from: arena, pool: poolFirst ? later : earlier)
        }
        (s.hardware.queriesLeft, s.hardware.ghostPeriod) = (0, 0)
        #expect(s.perform(.reclaim, arena).error == nil)
        s.hardware.queriesLeft = nil
        for slot in spaces + spares { #expect(s.isEmpty(slot)) }
        #expect(s.perform(.untypedInformation, arena).x[5...6] == [0, 0])
        #expect(pool(s, s.makePool())?.first == 64)
    }

    /// Two threads reclaim at once, the pool's memory and the address spaces', and meet at every
    /// pair of steps.
    @Test func poolAndAddressSpacesMayDieAtOnce() {
        for first in 0..<100 {
            var isCut = false
            for second in [0, 1, 2, 5, 11, 100] {
                let town = Town()
                let (s, numbers) = (town.s, town.numbers)
                let (a, b) = (s.makeThread(priority: 50), s.makeThread(priority: 40))
                s.inspectionPeriod = 7
                s.start(a, b)
                s.go()
                isCut = s.interfere(after: first) {
                    s.invoke(a, .reclaim, town.poolArena)
                } _: {
                    s.perform(.setPriority, b.slot, 60, 200)
                }
                if !isCut { break }
                _ = s.interfere(after: second) {
                    s.invoke(b, .reclaim, town.spaceArena)
                } _: {
                    s.perform(.setPriority, b.slot, 10, 200)
                }
                s.perform(.setPriority, b.slot, s.isRunning(b) ? 10 : 70, 200)
                #expect(s.results(a).error == nil && s.results(b).error == nil)
                town.expectEnd(numbers)
                #expect(pool(s, s.makePool())?.first == 64)
                if s.isBroken { return }
            }
            if !isCut {
                #expect(first > 10, "the reclaim has steps")
                return
            }
        }
        Issue.record("the reclaim does not end")
    }

    /// While a pool is being destroyed it gives nothing, and a dying address space is given to no
    /// thread.
    @Test func aDyingPoolGivesNothing() {
        let town = Town()
        let s = town.s
        let worker = s.makeThread(priority: 50)
        let copies = (0..<20).map { _ in s.copy(town.pool) }
        s.start(worker)
        s.go()
        let isCut = s.interfere(after: 5) {
            s.invoke(worker, .reclaim, town.poolArena)
        } _: {
            guard let left = copies.first(where: { !s.isEmpty($0) }) else {
                Issue.record("no capability of the pool is left")
                return
            }
            #expect(makeSpaces(s, 1, pool: left).error == .wrongState)
            #expect(s.createPool(from: town.poolArena, at: Self.first).error == .wrongState)
        }
        #expect(isCut && s.results(worker).error == nil)
    }

    /// A call that makes many goes on after each interrupt, and finds that its pool has gone.
    @Test func aPoolMayGoBetweenTwoAddressSpacesOfOneCall() {
        let s = TestSystem()
        let poolArena = s.make(.untyped, sizeBits: 12)
        let pool = s.makePool(from: poolArena)
        let worker = s.makeThread(priority: 50)
        s.start(worker)
        s.go()
        let isCut = s.interfere(after: 12) {
            s.invoke(
                worker, .retype, TestSystem.ram, UInt64(ObjectKind.addressSpace.rawValue), 60,
                s.own, Self.first,
                UInt64(pool))
        } _: {
            #expect(s.perform(.reclaim, poolArena).error == nil)
        }
        let made = s.results(worker).x[3]
        #expect(isCut && s.results(worker).error == .invalidCapability && made > 0 && made < 60)
        for index in 0..<made { #expect(s.isEmpty(UInt32(Self.first + index))) }
        #expect(self.pool(s, s.makePool())?.first == 64)
    }

    /// A thread that reclaims the pool of its own address space loses it, and the processor forgets
    /// it.
    @Test(arguments: [nil, 0]) func aThreadMayEndItsOwnAddressSpace(period: Int?) {
        let town = Town()
        let s = town.s
        let numbers = town.numbers
        s.start(town.threads[0])
        s.go()
        if let period { (s.hardware.queriesLeft, s.hardware.ghostPeriod) = (0, period) }
        #expect(s.invoke(town.threads[0], .reclaim, town.poolArena).error == nil)
        s.hardware.queriesLeft = nil
        #expect(s.hardware.translationBase == s.kernel.pointee.emptyTranslationBase)
        town.expectEnd(numbers)
        #expect(makeSpaces(s, 64, pool: s.makePool()).error == nil)
    }

    /// Deleting the last capability of an address space keeps its number: its memory is still there
    /// (decision 1).
    @Test func aNumberIsHeldAsLongAsTheMemory() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let pool = s.makePool()
        let space = s.make(.addressSpace, from: arena, pool: pool)
        #expect(s.delete(space).error == nil)
        #expect(self.pool(s, pool)?.used == 1)
        // The pool's capabilities go, and the pool's address spaces stay.
        let second = s.make(.addressSpace, from: arena, pool: pool)
        #expect(s.delete(pool).error == nil)
        #expect(!s.isEmpty(second) && asid(s, second) == 65)
        #expect(s.perform(.reclaim, arena).error == nil)
    }
}
