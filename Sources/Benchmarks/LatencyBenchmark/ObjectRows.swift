// The rows of capabilities, mappings and new objects, and what is known of the kernel as a whole.

import BenchmarkStatistics
import KernelABI
import UserRuntime

extension Bench {
    mutating func objectRows() throws(KernelError) {
        let own = UInt64(Slot.ownTable.index)
        let target = UInt64(scratch)
        if needs("capability.") {
            let source = try make(.endpoint)
            let copy = Request(
                .copy, .ownTable, UInt64(source.index), own, target, UInt64(Rights.all.raw))
            let delete = Request(.delete, .ownTable, target)
            try pair(RowName("capability.copy"), copy, RowName("capability.delete"), delete)
        }
        if needs("space.") {
            let frame = try make(.frame, sizeBits: 12)
            try map(frame, at: Area.mapped, .read, in: RootSlot.addressSpace)
            try AddressSpace(RootSlot.addressSpace).unmap(frame)
            let rights = UInt64((Rights.read | Rights.write).raw)
            let map = Request(.map, RootSlot.addressSpace, UInt64(frame.index), Area.mapped, rights)
            let unmap = Request(.unmap, RootSlot.addressSpace, UInt64(frame.index))
            try pair(RowName("space.map-4k"), map, RowName("space.unmap-4k"), unmap)
        }
        if needs("retype.") {
            try retypeRow(RowName("retype.endpoint"), .endpoint)
            try retypeRow(RowName("retype.thread"), .thread)
            try retypeRow(RowName("retype.frame-4k"), .frame, sizeBits: 12)
            try retypeRow(RowName("retype.page-table"), .pageTable)
        }
    }

    /// Two calls, of which the second takes back what the first did. `after` restores the rest.
    func pair(
        _ name: RowName, _ call: Request, _ inverseName: RowName, _ inverse: Request,
        after: () throws(KernelError) -> Void = { () throws(KernelError) in }
    ) throws(KernelError) {
        try row(name) { () throws(KernelError) in
            let value = try measure(call)
            _ = try measure(inverse)
            try after()
            return value
        }
        try row(inverseName) { () throws(KernelError) in
            _ = try measure(call)
            let value = try measure(inverse)
            try after()
            return value
        }
    }

    /// One object a call, each destroyed before the next.
    private mutating func retypeRow(
        _ name: RowName, _ kind: ObjectKind, sizeBits: Int = 0
    ) throws(KernelError) {
        let arena = try make(.untyped, sizeBits: 16)
        let request = Request(
            .retype, arena, UInt64(kind.rawValue) | UInt64(sizeBits) << 8, 1,
            UInt64(Slot.ownTable.index), UInt64(scratch), UInt64(Slot.none.index))
        try row(name) { () throws(KernelError) in
            let value = try measure(request)
            try Untyped(arena).reclaim()
            return value
        }
    }

    /// What the kernel itself recorded up to here.
    func kernelRows() throws(KernelError) {
        let ticks = try console.statistic(.bootTicks)
        row(RowName("kernel.boot"), unit: timerClock.unit, ticks &* timerClock.unitsPerTick)
        row(RowName("kernel.text-bytes"), unit: .bytes, try console.statistic(.kernelTextBytes))
        row(RowName("kernel.thread-bytes"), unit: .bytes, UInt64(Footprint.descriptor(.thread)))
        if !recordsMasked { return }
        try startMasked()
        let longest = MaskedPath.ofRun
        row(RowName("kernel.longest-masked"), unit: clock.unit, longest.length)
        note("Longest masked path: control word ", longest.control)
        note("Longest masked path: returned to ", longest.place)
        try noteEntries(": ")
    }

    /// The longest masked path of each entry since boot; `label` follows the entry's number.
    func noteEntries(_ label: StaticString) throws(KernelError) {
        if !recordsMasked { return }
        for index in 0..<UInt64(EntryKind.count) {
            let length = try console.longestMasked(of: EntryKind(index: index))
            if length > 0 { noteEntry(index, label, length) }
        }
    }
}
