// The floating-point registers follow their thread, by every way from one thread to another.
//
// `TestSystem+FloatingPoint` checks after every step that each thread still has the value that it
// wrote. These tests add the steps and the cost of a switch: one copy for each of the two threads
// that uses floating point.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct FloatingPointTests {
    @Test(arguments: Way.allCases, [true, false]) func registersFollowTheirThread(
        way: Way, fast: Bool
    ) {
        let uses = [(false, false), (false, true), (true, false), (true, true)]
        for (firstUses, secondUses) in uses {
            let pair = WayPair(way, fast: fast, firstUses: firstUses, secondUses: secondUses)
            let s = pair.s
            #expect(s.isRunning(pair.first))
            let before = (s.hardware.saves, s.hardware.restores, s.fastEntries)
            pair.go()
            #expect(s.isRunning(pair.second))
            #expect(s.hardware.isFloatingPointEnabled == secondUses)
            #expect(s.hardware.saves == before.0 + (firstUses ? 1 : 0))
            #expect(s.hardware.restores == before.1 + (secondUses ? 1 : 0))
            if fast
                && [.call, .longCall, .reply, .longReply, .resume, .signal, .yield].contains(way)
            {
                #expect(s.fastEntries > before.2, "\(way) is no fast path")
            }
            s.useFloatingPoint(pair.second)
            s.inspectTables()
        }
    }

    /// The first use finds what the IPC buffer holds; further uses do not trap.
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
        #expect(
            s.isRunning(handler)
                && s.results(handler).x[3] == UInt64(FaultKind.noFloatingPoint.rawValue))
        #expect(!s.hardware.isFloatingPointEnabled)
        // With a buffer it may.
        s.perform(
            .configure, bare.slot, s.none, s.none, UInt64(s.make(.frame, sizeBits: 12)), s.none)
        s.replyAndReceive(handler, endpoint, reply: reply, [FaultReply.retry.rawValue])
        #expect(s.isRunning(bare) && s.useFloatingPoint(bare))
    }

    /// A call that is unusual in another way too takes the general path.
    @Test func anotherReasonForTheGeneralPathIsFound() {
        let s = TestSystem()
        let (server, client, endpoint, reply) = s.makePair()
        let other = s.makeThread(priority: 19)
        s.start(other)
        s.useFloatingPoint(client)
        s.call(client, endpoint)
        s.useFloatingPoint(server)
        // A thread more urgent than the caller is ready when the server answers.
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

    @Test func aFastAnswerHasNoBadge() {
        let s = TestSystem()
        let (server, client, endpoint, reply) = s.makePair()
        s.useFloatingPoint(client)
        s.call(client, endpoint)
        s.useFloatingPoint(server)
        let fast = s.fastEntries
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(client) && s.fastEntries > fast && s.results(client).badge == 0)
    }

    // Another IPC buffer

    /// The saved registers move to the new buffer; a running thread keeps them in the processor.
    /// Nothing else moves, and the thread that gives the buffer keeps its own registers.
    @Test(arguments: [true, false], [true, false]) func aNewBufferKeepsTheRegisters(
        isRunning: Bool, giverUses: Bool
    ) {
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

    /// A thread that loses its buffer loses its registers, running or not. Its next use is a fault,
    /// or begins anew with another buffer.
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

    /// A thread finds in its registers what was written into its buffer while it did not run.
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
