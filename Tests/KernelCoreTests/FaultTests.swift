// Faults become messages, replies resume the thread.

import HardwareInterface
import KernelABI
import Testing

@testable import KernelCore

@Suite struct FaultTests {
    /// Makes a waiting handler, and a thread whose faults go to it under a badge.
    func makePair(_ s: TestSystem, handlerWaits: Bool = true) -> (
        handler: TestThread, thread: TestThread, endpoint: UInt32, reply: UInt32
    ) {
        let handler = s.makeThread(priority: 5)
        let (endpoint, reply) = s.serve(handler)
        let thread = s.makeThread(priority: 30, faultHandler: s.copy(endpoint, badge: 42))
        s.start(handler)
        s.go()
        if handlerWaits { s.receive(handler, endpoint, reply: reply) }
        s.start(thread)
        return (handler, thread, endpoint, reply)
    }

    /// A fault that an interrupt interrupts is raised again, whichever look of the kernel meets it.
    @Test(arguments: 0..<4, [true, false])
    func anInterruptedFaultIsNotLost(queries: Int, handlerWaits: Bool) {
        let s = TestSystem(fast: false)
        let (handler, thread, endpoint, reply) = makePair(s, handlerWaits: handlerWaits)
        s.perform(.setSlice, handler.slot, 100_000)
        s.hardware.queriesLeft = queries
        s.fault(thread)
        s.hardware.queriesLeft = nil
        #expect(s.isRunning(handler) && s.effective(handler) == 30)
        if !handlerWaits { s.receive(handler, endpoint, reply: reply) }
        #expect(s.results(handler).word.delivery == .fault && s.results(handler).badge == 42)
    }

    @Test(arguments: [true, false]) func aFaultIsAMessage(handlerWaits: Bool) {
        let s = TestSystem()
        let (handler, thread, endpoint, reply) = makePair(s, handlerWaits: handlerWaits)
        thread.ref.pointee.context.stackPointer = 0x7000
        thread.ref.registers[30] = 0x1234
        thread.ref.registers[29] = 0x5678
        s.fault(thread, .pageWrite, address: 0xbad)
        #expect(s.isRunning(handler) && s.effective(handler) == 30)
        if !handlerWaits { s.receive(handler, endpoint, reply: reply) }
        let message = s.results(handler)
        #expect(
            message.word.delivery == .fault && message.badge == 42
                && message.word.length == Fault.words)
        #expect(
            message.words == [
                UInt64(FaultKind.pageWrite.rawValue), 0x3000, 0xbad, 0x9200_0007, 0x7000, 0x1234,
                0x5678, 0,
            ])
        #expect(s.state(thread) == .faulted)
        // The handler finds the thread's registers, and the faulting instruction is not lost.
        #expect(s.invoke(handler, .readRegisters, thread.slot).error == nil)
        #expect(s.buffer(handler)[8 + 32] == 0x3000)
        s.replyAndReceive(handler, endpoint, reply: reply, [FaultReply.retry.rawValue])
        #expect(s.isRunning(thread) && thread.ref.programCounter == 0x3000)
        #expect(s.effective(handler) == 5)
        s.fault(thread)
        s.replyAndReceive(handler, endpoint, reply: reply, [FaultReply.resumeAt.rawValue, 0x9000])
        #expect(s.isRunning(thread) && thread.ref.programCounter == 0x9000)
        s.fault(thread)
        s.replyAndReceive(handler, endpoint, reply: reply, [FaultReply.stop.rawValue])
        #expect(s.state(thread) == .stopped)
        s.start(thread)
        #expect(s.isRunning(thread) && thread.ref.programCounter == 0x3000)
        s.fault(thread)
        s.replyAndReceive(handler, endpoint, reply: reply, [77])
        #expect(s.state(thread) == .stopped)
    }

    @Test func withoutHandlerItStops() {
        let s = TestSystem()
        let thread = s.run(30)
        s.fault(thread)
        #expect(s.state(thread) == .faulted && s.running == nil)
        #expect(s.perform(.resume, thread.slot).error == nil)
        #expect(s.isRunning(thread))
    }

    @Test func anUnknownCallIsAFault() {
        let s = TestSystem()
        let (handler, thread, endpoint, reply) = makePair(s)
        for operation in [13, 100, 127] as [UInt64] {
            s.setRegisters(thread, operation << 40)
            s.trap(thread.ref)
            #expect(s.isRunning(handler))
            #expect(s.results(handler).x[3] == UInt64(FaultKind.unknownSystemCall.rawValue))
            #expect(s.results(handler).x[5] == operation << 40)
            s.replyAndReceive(handler, endpoint, reply: reply, [FaultReply.retry.rawValue])
            #expect(s.isRunning(thread))
        }
    }

    @Test func theHandlersDeathLeavesTheThreadStopped() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let handler = s.makeThread(priority: 5, from: arena)
        let (endpoint, reply) = s.serve(handler)
        let received = s.makeThread(priority: 31, faultHandler: endpoint)
        let queued = s.makeThread(priority: 30, faultHandler: endpoint)
        s.start(handler, received, queued)
        s.go()
        s.fault(received)
        s.perform(.suspend, queued.slot)
        s.receive(handler, endpoint, reply: reply)
        s.start(queued)
        s.perform(.setPriority, queued.slot, 50, 200)
        s.fault(queued)
        s.perform(.reclaim, arena)
        #expect(s.state(received) == .faulted && s.state(queued) == .faulted && s.running == nil)
        #expect(queued.ref.programCounter == 0x3000)
        // The closed endpoint takes no further fault.
        s.perform(.resume, queued.slot)
        s.fault(queued)
        #expect(s.state(queued) == .faulted && queued.ref.pointee.endpoint == nil)
        s.perform(.resume, received.slot)
        #expect(s.isRunning(received))
    }

    @Test func suspendedWhileFaulted() {
        let s = TestSystem()
        let (handler, thread, _, reply) = makePair(s)
        s.fault(thread)
        s.perform(.suspend, thread.slot)
        #expect(s.state(thread) == .faulted)
        s.reply(handler, reply, [FaultReply.retry.rawValue])
        #expect(s.state(thread) == .stopped && s.isRunning(handler))
        s.perform(.resume, thread.slot)
        #expect(s.isRunning(thread))
        // And resumed again before the answer.
        let s2 = TestSystem()
        let (handler2, thread2, _, reply2) = makePair(s2)
        s2.fault(thread2)
        s2.perform(.suspend, thread2.slot)
        s2.perform(.resume, thread2.slot)
        #expect(s2.state(thread2) == .faulted)
        s2.reply(handler2, reply2, [FaultReply.retry.rawValue])
        #expect(s2.isRunning(thread2))
    }

    @Test func aThreadThatHandlesItsOwnFaultsStops() {
        let s = TestSystem()
        let thread = s.makeThread(priority: 30)
        let (endpoint, _) = s.serve(thread)
        s.perform(.configure, thread.slot, s.none, s.none, s.none, UInt64(endpoint))
        s.start(thread)
        s.go()
        s.fault(thread)
        #expect(s.state(thread) == .faulted && s.running == nil)
    }
}

@Suite struct SystemTests {
    /// No handler takes the root task's faults: the kernel's console reports them.
    @Test func aFaultOfTheRootTaskIsReportedInWords() {
        let s = TestSystem()
        s.root.ref.pointee.context.programCounter = 0x40_1234
        s.fault(s.root, .pageWrite, address: 0xbad)
        let text = String(decoding: s.hardware.console, as: UTF8.self)
        #expect(
            text.hasPrefix(
                "swiftlet: the root task stopped: write to memory that is not its own, PC "))
        #expect(text.hasSuffix(", address 0000000000000bad\n"))
        #expect(s.state(s.root) == .faulted)
    }

    @Test func version() {
        let s = TestSystem()
        s.setRegisters(s.root, ControlWord(.version, Slot(0)).raw)
        s.trap(s.root.ref)
        #expect(s.results(s.root).x[3] == abiVersion && s.results(s.root).x[4] == 62_500_000)
    }

    @Test func consolePowerAndRights() {
        let s = TestSystem()
        let control = RootSlot.systemControl.index
        let word = "swiftlet".utf8.enumerated().reduce(UInt64(0)) {
            $0 | UInt64($1.element) << UInt64($1.offset * 8)
        }
        s.setRegisters(
            s.root, ControlWord(invoke: .consoleWrite, Slot(control)).raw, 12, 0, word, word)
        s.trap(s.root.ref)
        #expect(String(decoding: s.hardware.console, as: UTF8.self) == "swiftletswif")
        #expect(s.perform(.consoleWrite, control, 65).error == .invalidArgument)
        let weak = s.copy(control, rights: .read)
        #expect(s.perform(.powerOff, weak, 3).error == .missingRights)
        #expect(s.perform(.reboot, weak).error == .missingRights)
        #expect(s.perform(.statistics, weak, 0).error == nil)
        #expect(s.perform(.powerOff, TestSystem.ram, 3).error == .wrongKind)
        #expect(s.hardware.powerStatus == nil && s.hardware.reboots == 0)
        s.perform(.powerOff, control, 3)
        s.perform(.reboot, control)
        #expect(s.hardware.powerStatus == 3 && s.hardware.reboots == 1)
    }

    @Test(arguments: [true, false]) func aFaultStandsInTheTrace(isTracing: Bool) {
        let s = TestSystem()
        let control = RootSlot.systemControl.index
        let thread = s.makeThread(priority: 5)
        s.start(thread)
        s.go()
        s.perform(.trace, control, 1)
        if !isTracing { s.perform(.trace, control, 0) }
        s.fault(thread)
        s.perform(.trace, control, 0)
        let count = s.perform(.trace, control, 2, 0).x[3]
        var faults = 0
        for index in 0..<count {
            let event = s.perform(.trace, control, 2, index)
            if event.x[5] & 0xff == TraceKind.fault.rawValue { faults += 1 }
        }
        #expect(faults == (isTracing ? 1 : 0))
    }
    @Test func statisticsAndTheLongestMaskedPath() {
        let s = TestSystem()
        let control = RootSlot.systemControl.index
        s.kernel.pointee.startMasked(control: 7)
        s.hardware.spentCycles = 400
        s.kernel.pointee.recordMasked(place: 9)
        s.kernel.pointee.startMasked(control: 8)
        s.hardware.spentCycles = 700
        s.kernel.pointee.recordMasked(place: 10)
        s.kernel.pointee.noteBoot(textBytes: 11, dataBytes: 12, ticks: 13)
        let result = s.perform(.statistics, control, 0)
        #expect(Array(result.words.prefix(3)) == [400, 7, 9])
        #expect(Array(result.words[5...7]) == [11, 12, 13])
        #expect(result.words[3] > 0)
        s.perform(.resetStatistics, control)
        #expect(s.perform(.statistics, control, 0).words.prefix(3) == [0, 0, 0])
        #expect(s.perform(.statistics, control, ~0 - 3).error == nil)
    }

    /// While events are recorded, every switch goes the general way, and is noted.
    @Test func theTrace() {
        let s = TestSystem()
        let control = RootSlot.systemControl.index
        let server = s.makeThread(priority: 5)
        let client = s.makeThread(priority: 20)
        let (endpoint, reply) = s.serve(server)
        s.start(server)
        s.go()
        #expect(s.perform(.trace, control, 3).error == .invalidArgument)
        s.perform(.trace, control, 1)
        s.receive(server, endpoint, reply: reply)
        s.start(client)
        let fast = s.fastEntries
        for _ in 0..<3 {
            s.call(client, endpoint)
            s.replyAndReceive(server, endpoint, reply: reply)
        }
        #expect(s.fastEntries == fast)
        s.perform(.trace, control, 0)
        let count = s.perform(.trace, control, 2, 0).x[3]
        var switches = 0
        for index in 0..<count {
            let event = s.perform(.trace, control, 2, index)
            if event.x[5] & 0xff == TraceKind.switched.rawValue { switches += 1 }
        }
        #expect(switches >= 6)
        #expect(s.perform(.trace, control, 2, ~0).error == nil)
        // And it ends: no more than fits is kept.
        s.perform(.trace, control, 1)
        for _ in 0..<700 { s.perform(.describe, Slot.ownTable.index, 0) }
        #expect(s.perform(.trace, control, 2, 511).x[3] == 512)
    }

    /// A server that waited before the recording began: the first call to it is noted as well.
    @Test func theTraceHasTheFirstCallToAServerThatWaits() {
        let s = TestSystem()
        let control = RootSlot.systemControl.index
        let (server, client, endpoint, reply) = s.makePair()
        #expect(s.isRunning(client))
        s.perform(.trace, control, 1)
        let fast = s.fastEntries
        s.call(client, endpoint)
        #expect(s.isRunning(server))
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.isRunning(client) && s.fastEntries == fast)
        s.perform(.trace, control, 0)
        let count = s.perform(.trace, control, 2, 0).x[3]
        var calls: [UInt64] = []
        for index in 0..<count {
            let event = s.perform(.trace, control, 2, index)
            if event.x[5] & 0xff == TraceKind.systemCall.rawValue,
                event.x[6] != UInt64(s.root.ref.bits)
            {
                calls.append(event.x[5] >> 16)
            }
        }
        #expect(
            calls == [
                UInt64(SystemCall.call.rawValue), UInt64(SystemCall.replyAndReceive.rawValue),
            ])
        // The recording leaves nothing behind.
        let before = s.fastEntries
        s.call(client, endpoint)
        s.replyAndReceive(server, endpoint, reply: reply)
        #expect(s.fastEntries == before + 2)
    }

    @Test func theRootTaskIsToldWhatItHas() {
        let s = TestSystem()
        guard let space = s.object(RootSlot.addressSpace.index, as: AddressSpace.self) else {
            return
        }
        let page = try? s.kernel.pointee.table(space, RootLayout.information, level: 3)
        guard
            let entry = page?.pointee.entries[
                PageDescriptor.index(RootLayout.information, level: 3)]
        else {
            Issue.record("no information page")
            return
        }
        #expect(!entry.isUserWritable)
        let head = (s.hardware.memory + Int(entry.address - ModelState.ramBase)).load(
            as: BootInformation.self)
        #expect(head.magic == BootInformation.magic && head.abiVersion == abiVersion)
        #expect(head.untypedCount == 4 && head.firstFreeSlot == 20 && head.slotCount == 4096)
        #expect(head.counterFrequency == 62_500_000)
        #expect(s.root.ref.pointee.context.stackPointer == RootLayout.stackTop)
    }
}
