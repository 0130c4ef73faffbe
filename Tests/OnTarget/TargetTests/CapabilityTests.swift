// Capability tables: copy, mint, move, delete, revoke, describe, and every way to get them wrong.

import CUserEntry
import KernelABI
import UserRuntime

func versionTests(_ runner: inout Runner) {
    runner.test("version.number") { c throws(Failure) in try c.equal(kernelVersion(), abiVersion) }
    runner.test("version.clears-registers") { c throws(Failure) in
        var words = SwiftletWords(w0: 9, w1: 9, w2: 9, w3: 9, w4: 9, w5: 9, w6: 9, w7: 9)
        let result = rawSystemCall(ControlWord(.version, Slot(0)).raw, 77, 88, &words)
        try c.equal(result.result, 0)
        try c.equal(result.badge | result.loan, 0)
        try c.equal(words.w2 | words.w3 | words.w4 | words.w5 | words.w6 | words.w7, 0)
    }
}

func capabilityTests(_ runner: inout Runner) {
    let own = CapabilityTable.own
    runner.test("capability.copy") { c throws(Failure) in
        let source = try c.make(.endpoint)
        let target = c.slot()
        try c.succeed { () throws(KernelError) in try own.copy(source, to: target, rights: .read) }
        let described = try c.succeed { () throws(KernelError) in try own.describe(target) }
        try c.equal(UInt64(described.kind.rawValue), UInt64(ObjectKind.endpoint.rawValue))
        try c.equal(UInt64(described.rights.raw), UInt64(Rights.read.raw))
        try c.equal(UInt64(described.depth), 1)
    }
    runner.test("capability.copy-never-adds-rights") { c throws(Failure) in
        let source = try c.make(.endpoint)
        let less = c.slot()
        let more = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.copy(source, to: less, rights: .read)
            try own.copy(less, to: more, rights: .all)
        }
        let described = try c.succeed { () throws(KernelError) in try own.describe(more) }
        try c.equal(UInt64(described.rights.raw), UInt64(Rights.read.raw))
    }
    runner.test("capability.copy-to-occupied") { c throws(Failure) in
        let source = try c.make(.endpoint)
        let other = try c.make(.endpoint)
        try c.refuse(.slotOccupied) { () throws(KernelError) in try own.copy(source, to: other) }
    }
    runner.test("capability.copy-empty") { c throws(Failure) in
        let a = c.slot()
        let b = c.slot()
        try c.refuse(.invalidCapability) { () throws(KernelError) in try own.copy(a, to: b) }
    }
    runner.test("capability.copy-outside-table") { c throws(Failure) in
        let source = try c.make(.endpoint)
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try own.copy(source, to: Slot(1 << 20))
        }
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try own.copy(Slot(1 << 20), to: Slot(630))
        }
    }
    runner.test("capability.copy-bad-placement") { c throws(Failure) in
        let source = try c.make(.endpoint)
        let target = c.slot()
        var words = SwiftletWords(
            w0: UInt64(target.index), w1: 31, w2: 7, w3: 0, w4: 0, w5: 0, w6: 0, w7: 0)
        let result = rawSystemCall(
            ControlWord(invoke: .copy, .ownTable).raw, UInt64(source.index),
            UInt64(Slot.ownTable.index), &words)
        try c.equal(result.result & 0xff, UInt64(KernelError.invalidArgument.rawValue))
    }
    runner.test("capability.mint-badge") { c throws(Failure) in
        let source = try c.make(.endpoint)
        let target = c.slot()
        try c.succeed { () throws(KernelError) in try own.mint(source, to: target, badge: 0x1234) }
        try c.equal(
            try c.succeed { () throws(KernelError) in try own.describe(target) }.badge, 0x1234)
    }
    runner.test("capability.mint-badge-twice") { c throws(Failure) in
        let source = try c.make(.endpoint)
        let first = c.slot()
        let second = c.slot()
        try c.succeed { () throws(KernelError) in try own.mint(source, to: first, badge: 1) }
        try c.refuse(.invalidArgument) { () throws(KernelError) in
            try own.mint(first, to: second, badge: 2)
        }
    }
    runner.test("capability.move") { c throws(Failure) in
        let source = try c.make(.notification)
        let target = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.move(source, to: target)
            try Notification(target).signal(1)
        }
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try Notification(source).signal(1)
        }
    }
    runner.test("capability.move-to-occupied") { c throws(Failure) in
        let a = try c.make(.notification)
        let b = try c.make(.notification)
        try c.refuse(.slotOccupied) { () throws(KernelError) in try own.move(a, to: b) }
    }
    runner.test("capability.delete") { c throws(Failure) in
        let slot = try c.make(.notification)
        try c.succeed { () throws(KernelError) in try own.delete(slot) }
        try c.refuse(.invalidCapability) { () throws(KernelError) in try own.delete(slot) }
        try c.equal(
            UInt64(
                try c.succeed { () throws(KernelError) in try own.describe(slot) }.kind.rawValue), 0
        )
    }
    runner.test("capability.delete-takes-children") { c throws(Failure) in
        let slot = try c.make(.notification)
        let child = c.slot()
        let grandchild = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.copy(slot, to: child)
            try own.copy(child, to: grandchild)
            try own.delete(child)
            try Notification(slot).signal(1)
        }
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try Notification(grandchild).signal(1)
        }
    }
    runner.test("capability.peer-outlives-source") { c throws(Failure) in
        let slot = try c.make(.notification)
        let child = c.slot()
        let peer = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.copy(slot, to: child)
            try own.copy(child, to: peer, placement: .peer)
            try own.delete(child)
            try Notification(peer).signal(1)
            try own.revoke(slot)
        }
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try Notification(peer).signal(1)
        }
    }
    runner.test("capability.revoke-many") { c throws(Failure) in
        let slot = try c.make(.notification)
        for index in 0..<200 {
            try c.succeed { () throws(KernelError) in
                try own.copy(slot, to: Slot(1000 + UInt32(index)))
            }
        }
        try c.succeed { () throws(KernelError) in
            try own.revoke(slot)
            try Notification(slot).signal(1)
        }
        for index in 0..<200 {
            let kind = try c.succeed { () throws(KernelError) in
                try own.describe(Slot(1000 + UInt32(index)))
            }.kind
            try c.equal(UInt64(kind.rawValue), 0)
        }
    }
    runner.test("capability.revoke-empty") { c throws(Failure) in
        let slot = c.slot()
        try c.refuse(.invalidCapability) { () throws(KernelError) in try own.revoke(slot) }
    }
    runner.test("capability.derivation-too-deep") { c throws(Failure) in
        let first = try c.make(.notification)
        var last = first
        for _ in 0..<Limits.derivationDepth {
            let next = c.slot()
            let source = last
            try c.succeed { () throws(KernelError) in try own.copy(source, to: next) }
            last = next
        }
        let over = c.slot()
        let source = last
        try c.refuse(.derivationTooDeep) { () throws(KernelError) in
            try own.copy(source, to: over)
        }
    }
    runner.test("capability.other-table") { c throws(Failure) in
        let table = CapabilityTable(try c.make(.capabilityTable, sizeBits: 4))
        let source = try c.make(.notification)
        let back = c.slot()
        try c.succeed { () throws(KernelError) in
            try own.copy(source, to: Slot(3), in: table)
            try table.copy(Slot(3), to: back)
            try Notification(back).signal(1)
        }
        try c.refuse(.invalidCapability) { () throws(KernelError) in
            try own.copy(source, to: Slot(16), in: table)
        }
    }
    runner.test("capability.table-wrong-kind") { c throws(Failure) in
        let source = try c.make(.notification)
        try c.refuse(.wrongKind) { () throws(KernelError) in
            try own.copy(source, to: Slot(3), in: CapabilityTable(source))
        }
    }
    runner.test("capability.table-without-write") { c throws(Failure) in
        let table = try c.make(.capabilityTable, sizeBits: 4)
        let weak = c.slot()
        let source = try c.make(.notification)
        try c.succeed { () throws(KernelError) in try own.copy(table, to: weak, rights: .read) }
        try c.refuse(.missingRights) { () throws(KernelError) in
            try own.copy(source, to: Slot(3), in: CapabilityTable(weak))
        }
        _ = try c.succeed { () throws(KernelError) in try CapabilityTable(weak).describe(Slot(3)) }
    }
    runner.test("invoke.unknown-method") { c throws(Failure) in
        var words = RegisterMessage().words
        let result = rawSystemCall(
            UInt64(RootSlot.thread.index) | UInt64(SystemCall.invoke.rawValue) << 40 | 255 << 32, 0,
            0, &words)
        try c.equal(result.result & 0xff, UInt64(KernelError.invalidArgument.rawValue))
    }
}
