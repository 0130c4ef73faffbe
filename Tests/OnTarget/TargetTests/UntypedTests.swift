// Untyped memory: every kind, every refusal, and reclaiming it all.

import CTargetTests
import KernelABI
import UserRuntime

/// Where a test maps a device's registers.
private let registerPage: UInt64 = 0xa000_0000

/// Reads a register that both of the boards' devices may be asked for, and notes that it
/// came so far.
private let readRegister: @convention(c) (UInt64) -> Void = { round in
    // Safety: the page is mapped, or the read faults, which the test expects.
    let register = unsafe UnsafePointer<UInt32>(bitPattern: UInt(registerPage) + 0x18)
    setNote(10, UInt64(unsafe register.unsafelyUnwrapped.pointee))
    setNote(Int(round), 1)
    endThread()
}

func untypedTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("untyped.retype-every-kind") { c throws(Failure) in
        let kinds: InlineArray<7, ObjectKind> = [
            ObjectKind.endpoint, .notification, .reply, .thread, .addressSpace, .pageTable, .timer,
        ]
        for index in kinds.indices {
            let kind = kinds[index]
            let slot = try c.make(kind)
            let found = try c.succeed { () throws(KernelError) in try own.describe(slot) }.kind
            try c.equal(UInt64(found.rawValue), UInt64(kind.rawValue))
        }
        _ = try c.make(.frame, sizeBits: 12)
        _ = try c.make(.frame, sizeBits: 21)
        _ = try c.make(.untyped, sizeBits: 16)
        _ = try c.make(.capabilityTable, sizeBits: 6)
    }
    runner.test("untyped.retype-many") { c throws(Failure) in
        let memory = c.memory
        try c.succeed { () throws(KernelError) in
            try memory.retype(.endpoint, count: 256, index: Slot(1000))
        }
        let kind = try c.succeed { () throws(KernelError) in try own.describe(Slot(1255)) }.kind
        try c.equal(UInt64(kind.rawValue), UInt64(ObjectKind.endpoint.rawValue))
    }
    runner.test("untyped.new-frames-are-zero") { c throws(Failure) in
        let slot = try c.map(at: 0xa000_0000)
        let words = try c.succeed { () throws(KernelError) in try Frame(slot).physicalAddress() }
        try c.expect(words & 4095 == 0, "physical address", words)
        let page = 0xa000_0000 as UInt64
        for index in 0..<512 {
            try c.equal(peek(page + 8 * UInt64(index)), 0)
            poke(page + 8 * UInt64(index), ~0)
        }
        let memory = c.memory
        try c.succeed { () throws(KernelError) in try memory.reclaim() }
        _ = try c.map(at: 0xa000_0000)
        for index in 0..<512 {
            try c.equal(peek(page + 8 * UInt64(index)), 0, "stale data in a new frame")
        }
    }
    runner.test("untyped.insufficient-memory") { c throws(Failure) in
        let small = Untyped(try c.make(.untyped, sizeBits: 12))
        let target = c.slot()
        try c.refuse(.insufficientMemory) { () throws(KernelError) in
            try small.retype(.frame, sizeBits: 12, index: target)
        }
        try c.succeed { () throws(KernelError) in
            try small.retype(.thread, count: 4, index: Slot(1000))
        }
        try c.refuse(.insufficientMemory) { () throws(KernelError) in
            try small.retype(.thread, index: target)
        }
    }
    runner.test("untyped.partial-count-is-reported") { c throws(Failure) in
        let small = Untyped(try c.make(.untyped, sizeBits: 12))
        var words = RegisterMessage().words
        words.w0 = UInt64(Slot.ownTable.index)
        words.w1 = 1000
        words.w2 = UInt64(Slot.none.index)
        let result = rawSystemCall(
            ControlWord(invoke: .retype, small.slot).raw, UInt64(ObjectKind.thread.rawValue), 10,
            &words)
        try c.equal(result.result & 0xff, UInt64(KernelError.insufficientMemory.rawValue))
        try c.equal(words.w0, 4)
    }
    runner.test("untyped.bad-kind") { c throws(Failure) in
        let memory = c.memory
        let target = c.slot()
        let kinds: InlineArray<6, ObjectKind> = [
            ObjectKind.null, .interrupt, .interruptControl, .systemControl, .asidControl, .asidPool,
        ]
        for index in kinds.indices {
            let kind = kinds[index]
            try c.refuse(.invalidArgument) { () throws(KernelError) in
                try memory.retype(kind, index: target)
            }
        }
    }
    runner.test("untyped.bad-size") { c throws(Failure) in
        let memory = c.memory
        let target = c.slot()
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try memory.retype(.frame, sizeBits: 13, index: target)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try memory.retype(.untyped, sizeBits: 11, index: target)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try memory.retype(.capabilityTable, sizeBits: 20, index: target)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try memory.retype(.endpoint, sizeBits: 1, index: target)
        }
    }
    runner.test("untyped.slot-occupied") { c throws(Failure) in
        let memory = c.memory
        let taken = try c.make(.endpoint)
        try c.refuse(.slotOccupied) { () throws(KernelError) in
            try memory.retype(.endpoint, index: taken)
        }
    }
    runner.test("untyped.wrong-kind") { c throws(Failure) in
        let endpoint = try c.make(.endpoint)
        let target = c.slot()
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try Untyped(endpoint).retype(.endpoint, index: target)
        }
    }
    runner.test("untyped.needs-manage") { c throws(Failure) in
        let inner = try c.make(.untyped, sizeBits: 14)
        let weak = c.slot()
        let target = c.slot()
        try c.succeed { () throws(KernelError) in try own.copy(inner, to: weak, rights: .read) }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try Untyped(weak).retype(.endpoint, index: target)
        }
        try c.refuse(.missingRights) { () throws(KernelError) in try Untyped(weak).reclaim() }
        _ = try c.succeed { () throws(KernelError) in try Untyped(weak).information() }
    }
    runner.test("untyped.information") { c throws(Failure) in
        let inner = Untyped(try c.make(.untyped, sizeBits: 16))
        try c.succeed { () throws(KernelError) in
            try inner.retype(.endpoint, index: Slot(1000))
            try inner.retype(.frame, sizeBits: 12, index: Slot(1001))
        }
        let information = try c.succeed { () throws(KernelError) in try inner.information() }
        try c.equal(UInt64(information.sizeBits), 16)
        try c.equal(information.lowBytes, 256)
        try c.equal(information.highBytes, 4096)
    }
    runner.test("untyped.reclaim-nested") { c throws(Failure) in
        let outer = Untyped(try c.make(.untyped, sizeBits: 18))
        try c.succeed { () throws(KernelError) in
            try outer.retype(.untyped, sizeBits: 16, index: Slot(1000))
            try Untyped(Slot(1000)).retype(.untyped, sizeBits: 14, index: Slot(1001))
            try Untyped(Slot(1001)).retype(.endpoint, count: 10, index: Slot(1002))
            try outer.reclaim()
        }
        for index in 1000..<1012 {
            let kind = try c.succeed { () throws(KernelError) in
                try own.describe(Slot(UInt32(index)))
            }.kind
            try c.equal(UInt64(kind.rawValue), 0)
        }
        let information = try c.succeed { () throws(KernelError) in try outer.information() }
        try c.equal(information.lowBytes | information.highBytes, 0)
    }
    runner.test("untyped.reclaim-table-with-capabilities") { c throws(Failure) in
        let outer = Untyped(try c.make(.untyped, sizeBits: 18))
        let kept = try c.make(.notification)
        try c.succeed { () throws(KernelError) in
            try outer.retype(.capabilityTable, sizeBits: 8, index: Slot(1000))
            for index in 0..<200 {
                try own.copy(kept, to: Slot(UInt32(index)), in: CapabilityTable(Slot(1000)))
            }
            try outer.reclaim()
            try Notification(kept).signal(1)
        }
    }
    runner.test("untyped.reclaimed-by-two-at-once") { c throws(Failure) in
        // Two threads with the shortest slice take turns in the middle of the work; both end well,
        // and all memory is there.
        clearNotes()
        let outer = Untyped(try c.make(.untyped, sizeBits: 18))
        setNote(20, UInt64(outer.slot.index))
        let (release, limit) = (try c.notification(), Checks.patience)
        setNote(22, UInt64(release.slot.index))
        for index in 0..<2 {
            let thread = try c.thread(
                priority: 20,
                { index in
                    while (try? doorRelease.wait()) != nil {
                        addNote(0)
                        let result = (try? Untyped(Slot(UInt32(note(20)))).reclaim()) != nil
                        // How many had begun when it ended.
                        setNote(Int(1 + index), result ? note(0) : 0)
                    }
                    endThread()
                }, UInt64(index))
            try c.succeed { () throws(KernelError) in
                try thread.setSlice(.nanoseconds(1_000_000_000 / Limits.expiriesPerSecond))
                try thread.resume()
            }
        }
        repeat {
            try c.expect(Instant.now < limit, "they are never both at it", note(1) << 8 | note(2))
            for index in 0..<3 { setNote(index, 0) }
            try c.settle()
            try c.succeed { () throws(KernelError) in
                try outer.retype(.untyped, sizeBits: 17, index: Slot(1000))
                try Untyped(Slot(1000)).retype(.endpoint, count: 400, index: Slot(1001))
                try outer.retype(.notification, count: 400, index: Slot(1401))
                for _ in 0..<2 { try release.signal(1) }
            }
            try c.settle()
            try c.expect(note(1) > 0 && note(2) > 0, "both with success", note(1) << 8 | note(2))
            let information = try c.succeed { () throws(KernelError) in try outer.information() }
            try c.equal(information.lowBytes | information.highBytes, 0)
            for index in 1000..<1801 {
                let kind = try c.succeed { () throws(KernelError) in
                    try own.describe(Slot(UInt32(index)))
                }.kind
                try c.equal(UInt64(kind.rawValue), 0)
            }
        } while note(1) + note(2) < 4
    }
    runner.test("untyped.device-needs-descriptors") { c throws(Failure) in
        let region = try c.alarm().region
        let target = c.slot()
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try region.retype(.frame, sizeBits: 12, index: target)
        }
        let memory = c.memory
        try c.succeed { () throws(KernelError) in
            try region.retype(
                .frame, sizeBits: 12, index: target, descriptors: memory.slot, offset: 0)
        }
        let other = c.slot()
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try region.retype(.endpoint, index: other, descriptors: memory.slot)
        }
    }
    runner.test("untyped.device-offset-outside") { c throws(Failure) in
        let region = try c.alarm().region
        let memory = c.memory
        let target = c.slot()
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try region.retype(
                .frame, sizeBits: 12, index: target, descriptors: memory.slot, offset: 1 << 40)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try region.retype(
                .frame, sizeBits: 12, index: target, descriptors: memory.slot, offset: 100)
        }
    }
    runner.test("untyped.device-frame-taken-back") { c throws(Failure) in
        clearNotes()
        let (alarm, memory, own) = (try c.alarm(), c.memory, CapabilityTable.own)
        let (frame, lent) = (c.slot(), c.slot())
        try c.succeed { () throws(KernelError) in
            try alarm.region.retype(
                .frame, sizeBits: 12, index: frame, descriptors: memory.slot,
                offset: alarm.base - alarm.region.information().physicalBase)
        }
        // Handed out, taken back, and handed out again: the middle reader faults.
        for round in 0..<3 as Range<UInt64> {
            if round != 1 {
                try c.succeed { () throws(KernelError) in try own.copy(frame, to: lent) }
                try c.mapFrame(lent, at: registerPage, .read | .write)
            }
            _ = try c.spawn(priority: 255, readRegister, round)
            try c.equal(note(Int(round)), round == 1 ? 0 : 1, "the registers were read, or not")
            try c.succeed { () throws(KernelError) in try own.revoke(frame) }
            let kind = try c.succeed { () throws(KernelError) in try own.describe(lent).kind }
            try c.equal(UInt64(kind.rawValue), 0, "the capability is left")
        }
    }
}
