// Address spaces: mapping, its rights, missing tables, and what must be refused.

import CTargetTests
import KernelABI
import UserRuntime

func addressSpaceTests(_ runner: inout Runner) {
    let space = AddressSpace(RootSlot.addressSpace)
    let own = CapabilityTable.own
    runner.test("space.map-and-use") { c throws(Failure) in
        _ = try c.map(at: 0xa000_0000)
        let page = 0xa000_0000 as UInt64
        poke(page + 8 * UInt64(7), 42)
        try c.equal(peek(page + 8 * UInt64(7)), 42)
    }
    runner.test("space.shared-frame") { c throws(Failure) in
        let frame = try c.map(at: 0xa000_0000)
        let second = c.slot()
        try c.succeed { () throws(KernelError) in try own.copy(frame, to: second) }
        try c.mapFrame(second, at: 0xa000_1000, .read)
        let a = 0xa000_0000 as UInt64
        let b = 0xa000_1000 as UInt64
        poke(a + 8 * UInt64(3), 0x55aa)
        try c.equal(peek(b + 8 * UInt64(3)), 0x55aa)
    }
    runner.test("space.missing-table-level") { c throws(Failure) in
        let frame = try c.make(.frame, sizeBits: 12)
        var words = RegisterMessage().words
        words.w0 = UInt64(Rights.read.raw)
        let control = ControlWord(invoke: .map, RootSlot.addressSpace).raw
        let first = rawSystemCall(control, UInt64(frame.index), 0x30_0000_0000, &words)
        try c.equal(first.result & 0xff, UInt64(KernelError.notMapped.rawValue))
        try c.equal(words.w0, 2, "missing level")
        let table = try c.make(.pageTable)
        try c.succeed { () throws(KernelError) in try space.attachTable(table, at: 0x30_0000_0000) }
        words.w0 = UInt64(Rights.read.raw)
        _ = rawSystemCall(control, UInt64(frame.index), 0x30_0000_0000, &words)
        try c.equal(words.w0, 3, "missing level")
    }
    runner.test("space.already-mapped") { c throws(Failure) in
        let frame = try c.map(at: 0xa000_0000)
        let other = try c.make(.frame, sizeBits: 12)
        try c.refuse(.alreadyMapped) { () throws(KernelError) in
            try space.map(frame, at: 0xa000_1000, .read)
        }
        try c.refuse(.alreadyMapped) { () throws(KernelError) in
            try space.map(other, at: 0xa000_0000, .read)
        }
    }
    runner.test("space.write-xor-execute") { c throws(Failure) in
        let frame = try c.make(.frame, sizeBits: 12)
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try space.map(frame, at: 0xa000_0000, .read | .write | .execute)
        }
    }
    runner.test("space.rights-of-the-capability") { c throws(Failure) in
        let frame = try c.make(.frame, sizeBits: 12)
        let weak = c.slot()
        try c.succeed { () throws(KernelError) in try own.copy(frame, to: weak, rights: .read) }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try space.map(weak, at: 0xa000_0000, .read | .write)
        }
    }
    runner.test("space.bad-address") { c throws(Failure) in
        let frame = try c.make(.frame, sizeBits: 12)
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try space.map(frame, at: 0xa000_0008, .read)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try space.map(frame, at: Limits.userEnd, .read)
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try space.map(frame, at: 0xffff_ffff_c000_0000, .read)
        }
    }
    runner.test("space.large-frame") { c throws(Failure) in
        let frame = try c.make(.frame, sizeBits: 21)
        try c.mapFrame(frame, at: 0x20_4000_0000, .read | .write)
        let page = 0x20_401f_fff8 as UInt64
        poke(page, 5)
        try c.equal(peek(page), 5)
    }
    runner.test("space.unmap") { c throws(Failure) in
        let frame = try c.map(at: 0xa000_0000)
        try c.succeed { () throws(KernelError) in try space.unmap(frame) }
        try c.refuse(.notMapped) { () throws(KernelError) in try space.unmap(frame) }
        try c.mapFrame(frame, at: 0xa000_0000, .read)
    }
    runner.test("space.protect") { c throws(Failure) in
        let frame = try c.map(at: 0xa000_0000)
        try c.succeed { () throws(KernelError) in try space.protect(frame, .read) }
        let thread = try c.spawn(
            priority: 255,
            { _ in
                poke(0xa000_0000, 1)
                setNote(0, 99)
                endThread()
            })
        try c.equal(
            UInt64(try c.information(thread).state.rawValue), UInt64(ThreadState.faulted.rawValue))
        try c.expect(note(0) != 99, "a read-only page was written")
    }
    runner.test("space.protect-unmapped") { c throws(Failure) in
        let frame = try c.make(.frame, sizeBits: 12)
        try c.refuse(.notMapped) { () throws(KernelError) in try space.protect(frame, .read) }
    }
    runner.test("space.wrong-kind") { c throws(Failure) in
        let endpoint = try c.make(.endpoint)
        let frame = try c.make(.frame, sizeBits: 12)
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try space.map(endpoint, at: 0xa000_0000, .read)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try AddressSpace(endpoint).map(frame, at: 0xa000_0000, .read)
        }
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try space.attachTable(frame, at: 0xa000_0000)
        }
    }
    runner.test("space.deleted-capability-unmaps") { c throws(Failure) in
        let frame = try c.map(at: 0xa000_0000)
        try c.succeed { () throws(KernelError) in try own.delete(frame) }
        _ = try c.map(at: 0xa000_0000)
    }
    runner.test("frame.maintain-cache") { c throws(Failure) in
        let frame = Frame(try c.make(.frame, sizeBits: 21))
        let operations: InlineArray<3, CacheOperation> = [
            CacheOperation.clean, .cleanAndInvalidate, .unifyInstructions,
        ]
        for index in operations.indices {
            let operation = operations[index]
            try c.succeed { () throws(KernelError) in
                try frame.maintainCache(operation, offset: 0, length: 1 << 21)
            }
        }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try frame.maintainCache(.clean, offset: 1 << 21, length: 1)
        }
    }
}
