// Two threads reclaim or revoke the same thing at once. Each is interrupted in the middle, and the
// other goes on. Both must end with the right result, no thread stays blocked, and the memory is
// whole again.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct RivalTests {
    /// The work of a thread: reclaim the region or the region within, or revoke all capabilities
    /// derived from the region's.
    enum Work { case outer, inner, copies }

    @Test(
        arguments: [
            (.outer, .outer), (.outer, .inner), (.inner, .outer), (.inner, .inner),
            (.copies, .copies),
            (.copies, .outer), (.outer, .copies),
        ] as [(Work, Work)])
    func twoEndTheSame(works: (Work, Work)) {
        var meetings = 0
        var isFirstCut = true
        for first in 0..<60 where isFirstCut {
            let rivals = Rivals(works)
            var isSecondCut = true
            for second in stride(from: first % 3, to: 60, by: 3)
            where isFirstCut && isSecondCut && !rivals.s.isBroken {
                rivals.fill()
                (isFirstCut, isSecondCut) = rivals.meet(
                    first, second, secondEndsFirst: (first + second) % 2 == 0)
                if isFirstCut { rivals.check() }
                meetings += 1
            }
            if isFirstCut { rivals.checkMemory() }
        }
        #expect(!isFirstCut && meetings > 5)
    }
}

/// A region with something of everything in it, and two threads that want it gone.
private final class Rivals {
    let s = TestSystem()
    private let works: (RivalTests.Work, RivalTests.Work)
    private let outer: UInt32
    private var inner: UInt32 = 0
    private var door: UInt32 = 0
    private var ends: [(UInt32, RivalTests.Work)] = []
    private let client: TestThread
    private let threads: (TestThread, TestThread)
    private let capacity: UInt64
    /// Slots that are used again and again: the frames' and the newcomer's.
    private static let free: UInt64 = 3900

    init(_ works: (RivalTests.Work, RivalTests.Work)) {
        self.works = works
        outer = s.make(.untyped, sizeBits: 16)
        client = s.makeThread(priority: 60, hasBuffer: false)
        threads = (s.makeThread(priority: 30), s.makeThread(priority: 20))
        s.start(client, threads.0, threads.1)
        s.go()
        s.inspectionPeriod = 50
        capacity = Rivals.fillWithFrames(s, outer)
    }

    /// As many frames as fit, which are gone afterwards.
    private static func fillWithFrames(_ s: TestSystem, _ region: UInt32) -> UInt64 {
        let made = s.perform(
            .retype, region, UInt64(ObjectKind.frame.rawValue) | 12 << 8, 90, s.own, free, s.none
        ).x[3]
        #expect(s.perform(.reclaim, region).error == nil)
        return made
    }

    /// A server with a blocked caller, an address space, a table with a capability, and memory
    /// within memory.
    func fill() {
        inner = s.make(.untyped, sizeBits: 14, from: outer)
        door = s.make(.endpoint, from: inner)
        let server = s.make(.thread, from: outer)
        let table = s.make(.capabilityTable, sizeBits: 4, from: outer)
        let copies = (0..<3).map { _ in s.copy(outer) }
        // The objects that each kind of work ends.
        ends = [
            (door, .inner), (s.make(.addressSpace, from: inner), .inner), (inner, .outer),
            (server, .outer),
            (table, .outer), (s.copy(copies[0]), .copies),
        ]
        ends += copies.map { ($0, .copies) }
        s.perform(.bindServer, door, UInt64(server))
        s.perform(.copy, Slot.ownTable.index, UInt64(door), UInt64(table), 3, 31)
        s.perform(.setPriority, client.slot, 60, 200)
        s.call(client, door)
        s.perform(.setPriority, client.slot, 1, 200)
        s.perform(.setPriority, threads.0.slot, 30, 200)
        s.perform(.setPriority, threads.1.slot, 20, 200)
    }

    private func work(_ work: RivalTests.Work, _ thread: TestThread) {
        switch work {
        case .outer: s.invoke(thread, .reclaim, outer)
        case .inner: s.invoke(thread, .reclaim, inner)
        case .copies: s.invoke(thread, .revoke, Slot.ownTable.index, UInt64(outer))
        }
    }

    private func make(_ kind: ObjectKind, from region: UInt32, at slot: UInt64 = free) -> Results {
        let pool = kind == .addressSpace ? UInt64(RootSlot.asidPool.index) : s.none
        return s.perform(.retype, region, UInt64(kind.rawValue), 1, s.own, slot, pool)
    }

    /// Lets the first thread work until its n-th step, then the second until its own, then one to
    /// its end, then the other.
    ///
    /// - Returns: whether the first, and the second, was interrupted in the middle.
    func meet(_ first: Int, _ second: Int, secondEndsFirst: Bool) -> (Bool, Bool) {
        let (a, b) = threads
        s.inspectionPeriod = 1
        defer { s.inspectionPeriod = 50 }
        let isFirstCut = s.interfere(after: first) {
            work(works.0, a)
        } _: {
            s.perform(.setPriority, b.slot, 40, 200)
        }
        if !isFirstCut { return (false, false) }
        let isSecondCut = s.interfere(after: second) {
            work(works.1, b)
        } _: {
            if !secondEndsFirst { s.perform(.setPriority, b.slot, 10, 200) }
        }
        // One thread has ended its work. Before the other goes on, a new object comes that the work
        // does not concern. A region that is being reclaimed takes none.
        #expect(make(.addressSpace, from: TestSystem.ram).error == nil)
        let isDoomed = isSecondCut && (works.0 == .outer || works.1 == .outer)
        if isDoomed { #expect(make(.endpoint, from: inner, at: Rivals.free + 1).error != nil) }
        s.perform(.setPriority, b.slot, s.isRunning(b) ? 10 : 50, 200)
        #expect(s.delete(UInt32(Rivals.free)).error == nil)
        return (true, isSecondCut)
    }

    /// A thread that works at the region within finds its capability gone where the other was
    /// faster. No other call may fail, and objects outside the work remain.
    func check() {
        let both = [(works.0, threads.0, works.1), (works.1, threads.1, works.0)]
        for (work, thread, other) in both {
            let error = s.results(thread).error
            #expect(
                error == nil || (work == .inner && other == .outer && error == .invalidCapability))
        }
        let isEnded = [works.0, works.1].contains { $0 != .copies }
        #expect((s.state(client) == .ready || client.ref.isEnding) == isEnded)
        #expect(!isEnded || s.results(client).error == .peerDied)
        #expect(s.isEmpty(door) == isEnded)
        for (object, work) in ends where works.0 == work || works.1 == work {
            #expect(s.isEmpty(object))
        }
        #expect(s.revoke(outer).error == nil && !s.capability(outer).hasChildren)
        #expect(s.perform(.reclaim, outer).error == nil)
        for (object, _) in ends { #expect(s.isEmpty(object)) }
        #expect(s.perform(.untypedInformation, outer).x[5...6] == [0, 0])
    }
    func checkMemory() {
        #expect(Rivals.fillWithFrames(s, outer) == capacity)
        s.inspectTables()
    }
}
