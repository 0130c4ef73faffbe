// The floating-point registers follow their thread, by every way from one thread to another.
//
// `TestSystem+FloatingPoint` looks after every step whether each thread still has what it wrote. What these tests add is
// the steps, and what a switch may cost: one copy for each of the two threads that uses floating point.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

/// How one thread comes to run instead of another.
enum Way: CaseIterable {
    case call, longCall, reply, longReply, send, signal, wake, interrupt, timer, yield, slice, fault, resume, block
    case timeOut, suspend, restart
}

/// Two threads: `first` runs, and `second` runs after `go`.
private final class Pair {
    let s: TestSystem
    let way: Way
    private(set) var first: TestThread
    private(set) var second: TestThread
    private var endpoint: UInt32 = 0
    private var reply: UInt32 = 0
    private var note: UInt32 = 0
    private var object: UInt32 = 0
    static let line = 40

    init(_ way: Way, fast: Bool, firstUses: Bool, secondUses: Bool) {
        s = TestSystem(fast: fast)
        self.way = way
        let isSecondUrgent: Bool
        switch way {
        case .signal, .wake, .interrupt, .timer, .timeOut, .fault: isSecondUrgent = true
        default: isSecondUrgent = false
        }
        let equals = way == .yield || way == .slice
        first = s.makeThread(priority: 20)
        second = s.makeThread(priority: isSecondUrgent ? 30 : equals ? 20 : 10)
        endpoint = s.make(.endpoint)
        reply = s.make(.reply)
        note = s.make(.notification)
        s.perform(.bindServer, endpoint, UInt64(server.slot))
        switch way {
        case .fault: s.perform(.configure, first.slot, s.none, s.none, s.none, UInt64(endpoint))
        case .resume: s.perform(.configure, second.slot, s.none, s.none, s.none, UInt64(endpoint))
        case .slice: s.perform(.setSlice, first.slot, 1000)
        case .restart:
            object = s.make(.untyped, sizeBits: 16)
            for _ in 0..<8 { _ = s.make(.endpoint, from: object) }
        default: break
        }
        prepare(uses: firstUses, secondUses)
    }
    /// The thread that receives, where one does.
    private var server: TestThread {
        switch way {
        case .reply, .longReply, .resume: first
        default: second
        }
    }
    private func prepare(uses firstUses: Bool, _ secondUses: Bool) {
        s.start(second)
        s.go()
        if secondUses { s.useFloatingPoint(second) }
        switch way {
        case .call, .longCall, .send, .fault: s.receive(second, endpoint, reply: reply)
        case .signal: s.wait(second, note)
        case .wake:
            // Woken in `receive` by what is bound to it.
            s.perform(.bindNotification, second.slot, UInt64(note))
            s.receive(second, endpoint, reply: reply)
        case .interrupt:
            object = s.allocateSlot()
            s.perform(
                .createInterrupt, RootSlot.interruptControl.index, UInt64(Pair.line), Trigger.edge.rawValue,
                UInt64(TestSystem.ram), s.own, UInt64(object))
            s.perform(.bindInterrupt, object, UInt64(note), 1)
            s.wait(second, note)
        case .timer:
            object = s.make(.timer)
            s.perform(.bindTimer, object, UInt64(note), 1)
            s.perform(.arm, object, s.hardware.now + 500)
            s.wait(second, note)
        case .timeOut: s.wait(second, note, deadline: s.hardware.now + 500)
        case .reply, .longReply, .resume:
            // The second calls, or faults, while the first waits to serve.
            s.start(first)
            if firstUses { s.useFloatingPoint(first) }
            s.receive(first, endpoint, reply: reply)
            switch way {
            case .reply: s.call(second, endpoint)
            case .longReply: s.call(second, endpoint, length: 20)
            default: s.fault(second)
            }
            return
        case .yield, .slice, .block, .suspend, .restart: break
        }
        s.start(first)
        if way == .yield || way == .slice { s.yield(second) }
        if firstUses { s.useFloatingPoint(first) }
    }

    func go() {
        switch way {
        case .call: s.call(first, endpoint)
        case .longCall: s.call(first, endpoint, length: 120)
        case .reply: s.replyAndReceive(first, endpoint, reply: reply, [0])
        case .longReply: s.replyAndReceive(first, endpoint, reply: reply, length: 120)
        case .resume: s.replyAndReceive(first, endpoint, reply: reply, [FaultReply.retry.rawValue])
        case .send:
            s.send(first, endpoint)
            s.wait(first, note)
        case .signal, .wake: s.signal(first, note, bits: 1)
        case .interrupt: s.raise(line: Pair.line)
        case .timer, .timeOut: s.advance(by: 600)
        case .yield: s.yield(first)
        case .slice: s.advance(by: 2000)
        case .fault: s.fault(first)
        case .block: s.wait(first, note)
        case .suspend: s.invoke(first, .suspend, first.slot)
        case .restart:
            // The first one's long call is made to wait for the root task's interrupt, which leaves it stopped.
            let interfered = s.interfere(after: 2) {
                s.invoke(first, .reclaim, object)
            } _: {
                s.perform(.suspend, first.slot)
            }
            #expect(interfered)
        }
    }
}

@Suite struct FloatingPointTests {
    @Test(arguments: Way.allCases, [true, false]) func registersFollowTheirThread(way: Way, fast: Bool) {
        for (firstUses, secondUses) in [(false, false), (false, true), (true, false), (true, true)] {
            let pair = Pair(way, fast: fast, firstUses: firstUses, secondUses: secondUses)
            let s = pair.s
            #expect(s.isRunning(pair.first))
            let before = (s.hardware.saves, s.hardware.restores, s.fastEntries)
            pair.go()
            #expect(s.isRunning(pair.second))
            #expect(s.hardware.isFloatingPointEnabled == secondUses)
            #expect(s.hardware.saves == before.0 + (firstUses ? 1 : 0))
            #expect(s.hardware.restores == before.1 + (secondUses ? 1 : 0))
            if fast && [.call, .longCall, .reply, .longReply, .resume, .signal, .yield].contains(way) {
                #expect(s.fastEntries > before.2, "\(way) is no fast path")
            }
            s.useFloatingPoint(pair.second)
            s.inspectTables()
        }
    }

    /// The first use finds what the IPC buffer holds; those that come after do not trap.
    @Test func theFirstUseTraps() {
        let s = TestSystem()
        let (a, b) = s.run(20, 20)
        s.buffer(a)[(IPCBuffer.floatingPoint + ModelState.registerOffset) / 8] = 77
        s.useFloatingPoint(a)
        #expect(s.hardware.saves == 0 && s.hardware.restores == 1)
        s.yield(a)
        #expect(s.isRunning(b) && !s.hardware.isFloatingPointEnabled)
        s.yield(b)
        #expect(s.isRunning(a) && s.hardware.isFloatingPointEnabled)
        s.useFloatingPoint(a)
        #expect(s.hardware.saves == 1 && s.hardware.restores == 2)
    }

    @Test func withoutBufferItIsAFault() {
        let s = TestSystem()
        let handler = s.makeThread(priority: 40)
        let (endpoint, reply) = s.serve(handler)
        let bare = s.makeThread(priority: 20, hasBuffer: false, faultHandler: endpoint)
        s.start(handler, bare)
        s.go()
        s.receive(handler, endpoint, reply: reply)
        #expect(!s.useFloatingPoint(bare))
        #expect(s.isRunning(handler) && s.results(handler).x[3] == UInt64(FaultKind.noFloatingPoint.rawValue))
        #expect(!s.hardware.isFloatingPointEnabled)
        // With a buffer it may.
        s.perform(.configure, bare.slot, s.none, s.none, UInt64(s.make(.frame, sizeBits: 12)), s.none)
        s.replyAndReceive(handler, endpoint, reply: reply, [FaultReply.retry.rawValue])
        #expect(s.isRunning(bare) && s.useFloatingPoint(bare))
    }

    /// Whatever is unusual besides floating point is left to the general path.
    @Test func anotherReasonForTheGeneralPathIsFound() {
        let s = TestSystem()
        let (server, client, endpoint, reply) = s.makePair()
        let other = s.makeThread(priority: 19)
        s.start(other)
        s.useFloatingPoint(client)
        s.call(client, endpoint)
        s.useFloatingPoint(server)
        // Somebody more urgent than the caller is ready when the server answers.
        s.perform(.setPriority, other.slot, 20, 200)
        s.perform(.setPriority, client.slot, 18, 200)
        #expect(s.isRunning(other))
        s.perform(.setPriority, server.slot, 22, 200)
        let fast = s.fastEntries
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(other) && s.fastEntries == fast)
        // A deadline.
        s.perform(.suspend, other.slot)
        #expect(s.isRunning(client))
        s.call(client, endpoint, deadline: s.hardware.now + 5000)
        #expect(s.isRunning(server))
        let slow = s.fastEntries
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(client) && s.fastEntries == slow)
    }

    // Another IPC buffer

    /// The registers move to the new buffer; they stay where they are when the thread has them. Nothing else moves, and the
    /// thread that gives the buffer keeps its own registers.
    @Test(arguments: [true, false], [true, false]) func aNewBufferKeepsTheRegisters(isRunning: Bool, giverUses: Bool) {
        let s = TestSystem()
        let note = s.make(.notification)
        let thread = s.makeThread(priority: 20)
        let giver = s.makeThread(priority: 10)
        let frame = UInt64(s.make(.frame, sizeBits: 12))
        s.start(giver)
        s.go()
        if giverUses { s.useFloatingPoint(giver) }
        s.start(thread)
        s.useFloatingPoint(thread)
        let old = s.buffer(thread)
        let first = IPCBuffer.floatingPoint / 8
        for index in first + 66..<512 { old[index] = UInt64(index) }
        if !isRunning { s.wait(thread, note) }
        #expect(s.isRunning(isRunning ? thread : giver))
        s.invoke(isRunning ? thread : giver, .configure, thread.slot, s.none, s.none, frame, s.none)
        #expect(s.isRunning(isRunning ? thread : giver))
        let new = s.buffer(thread)
        #expect(new != old && s.hardware.isFloatingPointEnabled == (isRunning || giverUses))
        if isRunning { s.wait(thread, note) }
        #expect((first + 66..<512).allSatisfy { new[$0] == 0 })
        s.signal(giver, note, bits: 1)
        #expect(s.isRunning(thread) && s.hardware.isFloatingPointEnabled)
        s.useFloatingPoint(thread)
        s.inspectTables()
    }

    /// A buffer that goes takes the registers with it, of whoever runs; the next use is a fault, or begins anew.
    @Test(arguments: [true, false]) func theBuffersDeathDropsTheRegisters(isRunning: Bool) {
        let s = TestSystem()
        let thread = s.makeThread(priority: 20, hasBuffer: false)
        let buffer = s.make(.frame, sizeBits: 12)
        let table = UInt64(RootSlot.table.index)
        s.perform(.configure, thread.slot, table, s.none, UInt64(buffer), s.none)
        let other = s.makeThread(priority: 19)
        s.start(thread, other)
        s.go()
        s.useFloatingPoint(thread)
        if isRunning {
            #expect(s.invoke(thread, .revoke, Slot.ownTable.index, UInt64(buffer)).error == nil)
            #expect(s.isRunning(thread) && !s.hardware.isFloatingPointEnabled)
        } else {
            #expect(s.revoke(buffer).error == nil)
        }
        let saves = s.hardware.saves
        s.perform(.suspend, thread.slot)
        s.useFloatingPoint(other)
        #expect(s.hardware.saves == saves)
        s.start(thread)
        #expect(!s.useFloatingPoint(thread) && s.state(thread) == .faulted)
        s.perform(.configure, thread.slot, s.none, s.none, UInt64(buffer), s.none)
        s.perform(.resume, thread.slot)
        #expect(s.isRunning(thread) && !s.hardware.isFloatingPointEnabled)
        #expect(s.useFloatingPoint(thread))
    }

    /// What a thread writes into its own buffer while it does not run, it finds in its registers.
    @Test func theBufferIsTheThreadsOwn() {
        let s = TestSystem()
        let (a, b) = s.run(20, 20)
        s.useFloatingPoint(a)
        s.yield(a)
        s.buffer(a)[(IPCBuffer.floatingPoint + ModelState.registerOffset) / 8] = 999
        s.floatingPointValues[a.ref.bits] = 999
        s.yield(b)
        #expect(s.isRunning(a) && s.hardware.floatingPointRegister == 999)
    }

    @Test(arguments: [1, 2, 3], [true, false]) func fixedSeeds(seed: UInt64, fast: Bool) {
        let walk = FloatingPointWalk(seed: seed, fast: fast)
        for _ in 0..<1500 where !walk.s.isBroken { walk.step() }
        walk.s.inspectTables()
        #expect(walk.s.fastEntries > 100 || !fast)
        #expect(walk.s.hardware.saves > 300 && walk.uses > 200)
    }

    @Test(arguments: [true, false]) func aNewSeed(fast: Bool) {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("KernelCoreTests: floating-point seed \(seed)")
        let walk = FloatingPointWalk(seed: seed, fast: fast)
        for _ in 0..<1500 where !walk.s.isBroken { walk.step() }
        if walk.s.isBroken { Issue.record("seed \(seed)") }
    }
}

/// Threads with and without floating point, which do everything that leads from one to another.
private final class FloatingPointWalk {
    let s: TestSystem
    private var random: SeededGenerator
    private var threads: [TestThread] = []
    private var arenas: [UInt32] = []
    private var doors: [UInt32] = []
    private var replies: [UInt32] = []
    private var notes: [UInt32] = []
    private var interrupt: UInt32 = 0
    private var timer: UInt32 = 0
    /// How often a thread used floating point.
    private(set) var uses = 0
    private static let line = 41
    private static let count = 8

    init(seed: UInt64, fast: Bool) {
        s = TestSystem(fast: fast)
        random = SeededGenerator(seed: seed)
        doors = (0..<2).map { _ in s.make(.endpoint) }
        notes = (0..<3).map { _ in s.make(.notification) }
        interrupt = s.allocateSlot()
        timer = s.make(.timer)
        s.perform(
            .createInterrupt, RootSlot.interruptControl.index, UInt64(FloatingPointWalk.line), Trigger.edge.rawValue,
            UInt64(TestSystem.ram), s.own, UInt64(interrupt))
        s.perform(.bindInterrupt, interrupt, UInt64(notes[0]), 1)
        s.perform(.bindTimer, timer, UInt64(notes[1]), 1)
        for index in 0..<FloatingPointWalk.count {
            arenas.append(s.make(.untyped, sizeBits: 14))
            replies.append(s.make(.reply))
            threads.append(makeThread(index))
        }
        for server in doors.indices { s.perform(.bindServer, doors[server], UInt64(threads[server].slot)) }
        s.perform(.bindNotification, threads[0].slot, UInt64(notes[2]))
        s.inspectionPeriod = 7
        s.go()
    }
    private func makeThread(_ index: Int) -> TestThread {
        let thread = s.makeThread(
            priority: UInt64(10 + 2 * index % 7), from: arenas[index], faultHandler: index > 1 ? doors[index % 2] : nil)
        s.start(thread)
        return thread
    }
    private func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
    private func deadline() -> UInt64 { s.hardware.now + random.next() % 300 }
    /// Mostly none: a fast path takes no call with a deadline.
    private func callDeadline() -> UInt64 { pick(8) == 0 ? deadline() : ~0 }

    func step() {
        guard let running = s.running, let index = threads.firstIndex(where: { $0.ref == running }), pick(10) < 8 else {
            return interfere(pick(FloatingPointWalk.count))
        }
        // Half of them use floating point, one seldom.
        if index % 2 == 0 ? pick(3) > 0 : index == 1 && pick(20) == 0 {
            if s.useFloatingPoint(threads[index]) { uses += 1 }
            if s.running != running { return }
        }
        act(threads[index], index)
    }

    private func act(_ thread: TestThread, _ index: Int) {
        let length = [0, 3, 8, 20, 120][pick(5)]
        // Who owns an endpoint mostly serves it.
        if index < doors.count && pick(10) < 8 {
            return s.replyAndReceive(thread, doors[index], reply: replies[index], length: length)
        }
        switch pick(20) {
        case 0..<9: s.call(thread, doors[pick(2)], length: length, deadline: callDeadline())
        case 9: s.send(thread, doors[pick(2)], length: length, deadline: deadline())
        case 10, 11: s.signal(thread, notes[pick(3)], bits: 1)
        case 12: s.wait(thread, notes[pick(3)], deadline: deadline())
        case 13, 14: s.yield(thread)
        case 15: s.fault(thread)
        case 16: s.invoke(thread, .suspend, threads[pick(threads.count)].slot)
        case 17: s.invoke(thread, .arm, timer, s.hardware.now + random.next() % 400)
        case 18: configure(index, by: thread)
        default: s.invoke(thread, .setSlice, thread.slot, pick(2) == 0 ? 0 : 700)
        }
    }

    /// Another IPC buffer for a thread, by itself or by the root task.
    private func configure(_ index: Int, by thread: TestThread?) {
        let frame = UInt64(s.make(.frame, sizeBits: 12))
        guard let thread, s.isRunning(thread) else {
            s.perform(.configure, threads[index].slot, s.none, s.none, frame, s.none)
            return
        }
        s.invoke(thread, .configure, threads[index].slot, s.none, s.none, frame, s.none)
    }

    private func interfere(_ index: Int) {
        if s.running == nil { wakeAll() }
        switch pick(12) {
        case 0..<4: s.advance(by: random.next() % 400)
        case 4, 5:
            s.raise(line: FloatingPointWalk.line)
            s.perform(.acknowledge, interrupt)
        case 6: s.perform(.suspend, threads[index].slot)
        case 7: s.perform(.setPriority, threads[index].slot, UInt64(5 + pick(20)), 200)
        case 8: configure(index, by: nil)
        case 9:
            // Its buffer goes, and another one comes.
            if let frame = threads[index].ref.bufferSlot.frame, let slot = slotOf(frame) { _ = s.revoke(slot) }
            if pick(2) == 0 { configure(index, by: nil) }
        case 10:
            s.perform(.reclaim, arenas[index])
            threads[index] = makeThread(index)
            if index < doors.count { s.perform(.bindServer, doors[index], UInt64(threads[index].slot)) }
        default: wakeAll()
        }
    }
    /// Threads that are stopped go on, and those that wait are stopped first.
    private func wakeAll() {
        s.asRoot {
            for thread in threads where s.state(thread) != .ready {
                s.perform(.suspend, thread.slot)
                s.perform(.resume, thread.slot)
            }
        }
    }
    private func slotOf(_ frame: Ref<Frame>) -> UInt32? {
        (32..<s.nextSlot).first { s.object($0, as: Frame.self) == frame }
    }
}
