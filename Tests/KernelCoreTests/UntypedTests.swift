// Untyped memory: which objects it makes from which memory, with interrupts at every step.
// Reclaiming it destroys every object, however deep in use it is.

import KernelABI
import Testing

@testable import KernelCore

@Suite struct UntypedTests {
    static let kinds: [(ObjectKind, UInt64)] = [
        (.endpoint, 0), (.notification, 0), (.reply, 0), (.thread, 0), (.capabilityTable, 4),
        (.capabilityTable, 10),
        (.addressSpace, 0), (.pageTable, 0), (.frame, 12), (.frame, 21), (.untyped, 12),
        (.untyped, 20), (.timer, 0),
    ]

    func retype(
        _ s: TestSystem, _ untyped: UInt32, _ kind: ObjectKind, _ sizeBits: UInt64 = 0,
        count: UInt64 = 1,
        table: UInt64? = nil, at index: UInt64, descriptors: UInt64? = nil, offset: UInt64 = 0
    ) -> Results {
        s.perform(
            .retype, untyped, UInt64(kind.rawValue) | sizeBits << 8, count, table ?? s.own, index,
            descriptors ?? (kind == .addressSpace ? UInt64(RootSlot.asidPool.index) : s.none),
            offset)
    }

    @Test(arguments: kinds) func everyKindIsMadeAndCounted(kind: ObjectKind, sizeBits: UInt64) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 22)
        let slot = UInt64(s.allocateSlot())
        let result = retype(s, arena, kind, sizeBits, at: slot)
        #expect(result.error == nil && result.x[3] == 1)
        let information = s.perform(.untypedInformation, arena)
        #expect(information.x[4] == 22)
        #expect(information.x[5] == UInt64(Footprint.descriptor(kind, sizeBits: Int(sizeBits))))
        #expect(information.x[6] == UInt64(Footprint.memory(kind, sizeBits: Int(sizeBits))))
        let described = s.perform(.describe, Slot.ownTable.index, slot)
        #expect(described.x[3] == UInt64(kind.rawValue) && described.x[4] == UInt64(Rights.all.raw))
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(s.isEmpty(UInt32(slot)))
        #expect(s.perform(.untypedInformation, arena).x[5...6] == [0, 0])
        s.inspectTables()
    }

    /// Memory that user code sees comes zeroed, also when it was used before.
    @Test func memoryIsZeroed() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        for _ in 0..<2 {
            let frames = (0..<4).map { _ in s.make(.frame, sizeBits: 12, from: arena) }
            for frame in frames {
                let physical = s.perform(.frameInformation, frame).x[3]
                let words = s.hardware.memory + Int(physical - ModelState.ramBase)
                #expect(
                    (0..<512).allSatisfy {
                        words.load(fromByteOffset: $0 * 8, as: UInt64.self) == 0
                    })
                words.initializeMemory(as: UInt8.self, repeating: 0x5a, count: 4096)
            }
            let table = s.make(.capabilityTable, sizeBits: 6, from: arena)
            #expect((0..<64).allSatisfy { s.perform(.describe, table, $0).x[3] == 0 })
            #expect(s.perform(.reclaim, arena).error == nil)
        }
        #expect(s.hardware.largestZero <= KernelLimits.zeroStep)
    }

    @Test func errors() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let weak = s.copy(arena, rights: .read)
        let free = UInt64(s.allocateSlot())
        func expect(
            _ result: Results, _ error: KernelError, made: UInt64 = 0,
            _ sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(result.error == error, sourceLocation: sourceLocation)
            #expect(result.x[3] == made, sourceLocation: sourceLocation)
        }
        for kind in [
            ObjectKind.null, .interrupt, .interruptControl, .systemControl, .registers,
            .asidControl, .asidPool,
        ] {
            expect(retype(s, arena, kind, at: free), .invalidArgument)
        }
        for (kind, bits) in [
            (.endpoint, 1), (.frame, 13), (.frame, 0), (.frame, 255), (.untyped, 11),
            (.untyped, 39),
            (.capabilityTable, 3), (.capabilityTable, 15),
        ] as [(ObjectKind, UInt64)] {
            expect(retype(s, arena, kind, bits, at: free), .invalidArgument)
        }
        s.setRegisters(
            s.root, ControlWord(invoke: .retype, Slot(arena)).raw, 200, 1, s.own, free, s.none)
        s.trap(s.root.ref)
        expect(s.results(s.root), .invalidArgument)
        #expect(retype(s, weak, .endpoint, at: free).error == .missingRights)
        #expect(retype(s, 1, .endpoint, at: free).error == .wrongKind)
        expect(retype(s, arena, .endpoint, at: 1), .slotOccupied)
        expect(retype(s, arena, .endpoint, at: 4096), .invalidCapability)
        expect(retype(s, arena, .endpoint, at: ~0), .invalidCapability)
        expect(retype(s, arena, .endpoint, table: 1000, at: 0), .invalidCapability)
        expect(retype(s, arena, .untyped, 14, at: free), .insufficientMemory)
        expect(retype(s, arena, .frame, 21, at: free), .insufficientMemory)
        expect(retype(s, arena, .frame, 30, at: free), .insufficientMemory)
        expect(retype(s, arena, .untyped, 38, at: free), .insufficientMemory)
        expect(retype(s, arena, .endpoint, at: free, descriptors: UInt64(arena)), .invalidArgument)
        #expect(s.perform(.untypedInformation, arena).x[5...6] == [0, 0])
        // Some are made, then the row of free slots or the memory ends.
        let start: UInt64 = 2000
        #expect(
            s.perform(.copy, Slot.ownTable.index, UInt64(arena), s.own, start + 3, 31, 0).error
                == nil)
        expect(retype(s, arena, .endpoint, count: 10, at: start), .slotOccupied, made: 3)
        expect(
            retype(s, arena, .frame, 12, count: 10, at: start + 100), .insufficientMemory, made: 3)
        expect(retype(s, arena, .endpoint, count: 5, at: 4094), .invalidCapability, made: 2)
        #expect(retype(s, arena, .endpoint, count: 0, at: start + 3).x[3] == 0)
    }

    @Test func deviceMemoryTakesDescriptorsElsewhere() {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 14)
        let device = TestSystem.smallDevice
        let free = UInt64(s.allocateSlot())
        #expect(retype(s, device, .frame, 12, at: free).error == .invalidArgument)
        #expect(
            retype(s, device, .frame, 12, at: free, descriptors: UInt64(device)).error
                == .invalidArgument)
        #expect(
            retype(s, device, .endpoint, at: free, descriptors: UInt64(arena)).error
                == .invalidArgument)
        for offset in [0x800, 0x1_0000, 0xf_ffff_0000, UInt64(bitPattern: -4096)] as [UInt64] {
            #expect(
                retype(s, device, .frame, 12, at: free, descriptors: UInt64(arena), offset: offset)
                    .error
                    == .invalidArgument)
        }
        #expect(
            retype(s, device, .frame, 21, at: free, descriptors: UInt64(arena)).error
                == .invalidArgument)
        let result = retype(
            s, device, .frame, 12, count: 3, at: 2000, descriptors: UInt64(arena), offset: 0x2000)
        #expect(result.error == nil && result.x[3] == 3)
        for index in 0..<3 as Range<UInt64> {
            let information = s.perform(.frameInformation, UInt32(2000 + index))
            #expect(information.x[3] == 0x900_2000 + index * 0x1000 && information.x[4] == 12 | 256)
        }
        #expect(
            retype(s, TestSystem.largeDevice, .frame, 30, at: free, descriptors: UInt64(arena))
                .error == nil)
        #expect(
            retype(s, device, .untyped, 14, at: 2010, descriptors: UInt64(arena), offset: 0x4000)
                .error == nil)
        let inner = s.perform(.untypedInformation, 2010)
        #expect(inner.x[3] == 0x900_4000 && inner.x[4] == 14 | 256)
        #expect(s.perform(.reclaim, device).error == .wrongState)
        #expect(s.perform(.maintainCache, 2000, 0, 0, 64).error == .invalidArgument)
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(s.isEmpty(2000) && s.isEmpty(2010) && s.isEmpty(UInt32(free)))
    }

    /// However often it is interrupted, the same is made.
    @Test(arguments: [0, 1, 5]) func retypeRestartsWhereItStopped(period: Int) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 22)
        s.hardware.queriesLeft = 0
        s.hardware.ghostPeriod = period
        let before = s.steps
        let large = retype(s, arena, .frame, 21, at: 1101)
        #expect(large.error == nil && large.x[3] == 1)
        let frames = retype(s, arena, .frame, 12, count: 20, at: 1000)
        #expect(frames.error == nil && frames.x[3] == 20)
        let table = retype(s, arena, .capabilityTable, 12, at: 1100)
        #expect(table.error == nil && table.x[3] == 1)
        s.hardware.queriesLeft = nil
        #expect(s.steps - before > 500 / (period + 1))
        let places = Set((1000..<1020).map { s.perform(.frameInformation, UInt32($0)).x[3] })
        #expect(places.count == 20)
        let physical = s.perform(.frameInformation, 1101).x[3]
        let memory = s.hardware.memory + Int(physical - ModelState.ramBase)
        #expect(
            (0..<(2 << 20) / 4096).allSatisfy {
                memory.load(fromByteOffset: $0 * 4096, as: UInt64.self) == 0
            })
        s.hardware.queriesLeft = 0
        #expect(s.perform(.reclaim, arena).error == nil)
        s.hardware.queriesLeft = nil
        s.inspectTables()
    }

    /// Objects of every kind, all in use, nested regions among them: reclaimed with an interrupt at
    /// every step, and the whole state inspected after each.
    @Test(arguments: [0, 2, nil]) func reclaimOfEverythingInUse(period: Int?) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 21)
        let inner = s.make(.untyped, sizeBits: 18, from: arena)
        let innermost = s.make(.untyped, sizeBits: 14, from: inner)
        let handler = s.make(.endpoint, from: inner)
        let doomed = (0..<6).map {
            s.makeThread(
                priority: UInt64(50 - $0), from: $0 % 2 == 0 ? arena : inner, faultHandler: handler)
        }
        let survivors = (0..<3).map { s.makeThread(priority: UInt64(60 - $0)) }
        let (door, doorReply) = s.serve(doomed[0], from: innermost)
        let (second, _) = s.serve(doomed[0], from: arena)
        let outside = s.make(.endpoint)
        #expect(s.perform(.bindServer, outside, UInt64(doomed[0].slot)).error == nil)
        let notification = s.make(.notification, from: innermost)
        let spare = s.make(.reply)
        let arenaReply = s.make(.reply, from: arena)
        let timer = s.makeTimer(from: inner, signalling: notification)
        s.perform(.arm, timer, 1 << 40, 5000)
        s.perform(.bindNotification, doomed[1].slot, UInt64(notification))
        let interrupt = s.makeInterrupt(
            line: 40, trigger: .level, from: inner, signalling: notification, bits: 2)
        s.raise(line: 40)
        // An address space with mappings of frames from within and without.
        let space = s.make(.addressSpace, from: arena)
        s.attachTables(to: space, at: 0x40_0000, from: inner)
        let frame = s.make(.frame, sizeBits: 12)
        let innerFrame = s.make(.frame, sizeBits: 12, from: innermost)
        #expect(s.perform(.map, space, UInt64(frame), 0x40_0000, 3).error == nil)
        #expect(s.perform(.map, space, UInt64(innerFrame), 0x40_1000, 3).error == nil)
        #expect(
            s.perform(.map, RootSlot.addressSpace.index, UInt64(s.copy(innerFrame)), 0x20_1000, 3)
                .error == nil)
        // A table with capabilities of things within and without.
        let table = s.make(.capabilityTable, sizeBits: 6, from: inner)
        for index in 0..<40 as Range<UInt64> {
            s.perform(
                .copy, Slot.ownTable.index, UInt64([outside, door, frame, table][Int(index % 4)]),
                UInt64(table), index,
                31)
        }
        // Threads in every state.
        for thread in doomed + survivors { s.start(thread) }
        s.go()
        s.call(survivors[0], second)
        // The server inherits and so is first.
        s.perform(.setPriority, doomed[0].slot, 62, 200)
        s.receive(doomed[0], door, reply: doorReply)
        s.send(survivors[1], second, deadline: 1 << 41)
        s.call(survivors[2], outside)
        s.fault(doomed[1])
        s.poll(doomed[2], notification)
        s.wait(doomed[2], notification)
        s.call(doomed[3], door)
        s.fault(doomed[0])
        s.receive(doomed[4], handler, reply: spare)
        #expect(s.isRunning(doomed[4]) && s.results(doomed[4]).word.delivery == .fault)
        s.receive(doomed[4], outside, reply: arenaReply)
        #expect(s.isRunning(doomed[4]) && s.results(doomed[4]).error == nil)
        s.perform(.setSlice, doomed[4].slot, 1000)
        s.useFloatingPoint(doomed[4])
        if let period {
            s.hardware.queriesLeft = 0
            s.hardware.ghostPeriod = period
        }
        #expect(s.perform(.reclaim, arena).error == nil)
        s.hardware.queriesLeft = nil
        #expect(s.perform(.untypedInformation, arena).x[5...6] == [0, 0])
        for thread in doomed { #expect(s.isEmpty(thread.slot)) }
        for survivor in survivors.prefix(3) {
            // An interrupt may have left the last step of its wait to a less urgent instant.
            let isAwake = s.state(survivor) == .ready || s.state(survivor) == .running
            #expect(isAwake || (period != nil && survivor.ref.isEnding))
            #expect(s.results(survivor).error == .peerDied)
        }
        #expect(s.perform(.frameInformation, frame).x[5] == 0)
        #expect(
            s.hardware.deadline == ~0 && s.hardware.quiet.isEmpty
                && !s.hardware.enabled.contains(40))
        #expect(s.floatingPointValues.isEmpty && !s.hardware.isFloatingPointEnabled)
        s.inspectTables()
        // The memory serves again.
        for index in 0..<20 as Range<UInt64> {
            #expect(retype(s, arena, .thread, at: 3000 + index).error == nil)
        }
        s.inspectTables()
    }

    /// A task that reclaims the memory it lives in.
    @Test(arguments: [nil, 0]) func aThreadMayReclaimItself(period: Int?) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 16)
        let fool = s.makeThread(priority: 20, from: arena)
        let other = s.makeThread(priority: 10)
        s.start(fool, other)
        s.go()
        s.useFloatingPoint(fool)
        s.hardware.queriesLeft = period
        s.hardware.ghostPeriod = period
        s.setRegisters(fool, ControlWord(invoke: .reclaim, Slot(arena)).raw)
        s.trap(fool.ref)
        s.hardware.queriesLeft = nil
        #expect(s.isRunning(other))
        #expect(s.perform(.reclaim, arena).error == nil)
        #expect(s.isEmpty(fool.slot))
    }

    /// While a region is being reclaimed, no object is made of it or of the regions within. A
    /// reclaim that stops in the middle may be finished by another.
    @Test(arguments: 0..<24) func nothingIsMadeOfDyingMemory(step: Int) {
        let s = TestSystem()
        let arena = s.make(.untyped, sizeBits: 20)
        let inner = s.make(.untyped, sizeBits: 14, from: arena)
        let notifications = (0..<4).map { _ in s.make(.notification, from: inner) }
        let later = s.make(.untyped, sizeBits: 14, from: arena)
        let thread = s.makeThread(priority: 10, from: later)
        let worker = s.run(30)
        let isInterrupted = s.interfere(after: step) {
            s.invoke(worker, .reclaim, arena)
        } _: {
            let free = UInt64(s.allocateSlot())
            #expect(retype(s, arena, .endpoint, at: free).error == .wrongState)
            #expect(
                s.perform(
                    .createInterrupt, RootSlot.interruptControl.index, 44, 0, UInt64(arena), s.own,
                    free
                ).error
                    == .wrongState)
            if s.isEmpty(notifications[3]), !s.isEmpty(inner) {
                // The inner region is empty, and goes next.
                let made = retype(s, inner, .endpoint, at: free)
                #expect(made.error == nil || made.error == .wrongState)
                if let region = s.object(inner, as: Untyped.self), region.pointee.header.isDying {
                    #expect(made.error == .wrongState)
                }
            }
            if !s.isEmpty(thread.slot) {
                let endpoint = s.make(.endpoint)
                _ = s.perform(.bindServer, endpoint, UInt64(thread.slot))
                _ = s.perform(.resume, thread.slot)
                _ = s.perform(
                    .configure, thread.slot, UInt64(RootSlot.table.index), s.none, s.none, s.none)
            }
            s.perform(.suspend, worker.slot)
            #expect(s.perform(.reclaim, arena).error == nil)
            #expect(s.isEmpty(inner) && s.isEmpty(later) && s.isEmpty(thread.slot))
            s.perform(.resume, worker.slot)
        }
        #expect(isInterrupted || step >= 12)
        #expect(s.isRunning(worker) && s.results(worker).error == nil)
        #expect(s.perform(.untypedInformation, arena).x[5...6] == [0, 0])
        s.inspectTables()
    }
}
