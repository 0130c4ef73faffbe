// The shell's commands about processor cores: top, cores.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// What a core has counted since boot, by `CoreRecord`'s indices.
private struct CoreLine {
    let reply: Received

    /// What was counted since another look.
    func counted(_ index: Int, since before: CoreLine) -> UInt64 {
        reply[index] &- before.reply[index]
    }
}

extension Shell {
    /// All cores that run, in the order of their numbers.
    private func cores() -> [CoreLine] {
        var list: [CoreLine] = []
        while let reply = ask(.core, UInt64(list.count)) { list.append(CoreLine(reply: reply)) }
        return list
    }

    /// A part of what passed, in percent with a tenth.
    private func share(_ part: UInt64, of whole: UInt64) -> [UInt8] {
        let tenths = min(part, whole) * 1000 / max(1, whole)
        var text = Text()
        text.decimal(tenths / 10)
        text.add(".")
        text.decimal(tenths % 10)
        return text.bytes
    }

    /// Shows what each task used of its core, and what each core had left.
    mutating func top() {
        let (before, coresBefore) = (tasks(), cores())
        let start = Instant.now
        terminal.pause(milliseconds: 1000)
        if terminal.isInterrupted { return }
        let (after, coresAfter) = (tasks(), cores())
        let elapsed = (Instant.now - start).ticks
        var table = TextTable()
        table.column("NAME")
        table.column("CORE", .right)
        table.column("CPU %", .right)
        table.column("SWITCHES", .right)
        for index in 0..<min(before.count, after.count)
        where after[index].record.phase == .running {
            let used = after[index].record.processorTicks &- before[index].record.processorTicks
            let switches = after[index].record.switches &- before[index].record.switches
            let shown = number(switches > 1 << 40 ? 0 : switches)
            table.row([
                after[index].name.bytes, number(UInt64(after[index].record.core)),
                share(used > elapsed ? 0 : used, of: elapsed), shown,
            ])
        }
        for index in 0..<min(coresBefore.count, coresAfter.count) {
            let idle = coresAfter[index].counted(CoreRecord.idleTicks, since: coresBefore[index])
            table.row([
                Text("(idle)").bytes, number(UInt64(index)), share(idle, of: elapsed),
                Text("-").bytes,
            ])
        }
        table.render(to: &terminal.out)
    }

    /// Shows what each core did during one second.
    mutating func listCores() {
        let before = cores()
        let start = Instant.now
        terminal.pause(milliseconds: 1000)
        if terminal.isInterrupted { return }
        let after = cores()
        let elapsed = (Instant.now - start).ticks
        let own = find(Text("shell").bytes)?.record.core ?? 0
        var table = TextTable()
        table.column("CORE", .right)
        table.column("LOAD %", .right)
        table.column("THREADS", .right)
        table.column("IRQ", .right)
        table.column("IPI", .right)
        table.column("HELD %", .right)
        table.column("WAITED %", .right)
        table.column("WAITS", .right)
        for index in 0..<min(before.count, after.count) {
            let (old, new) = (before[index], after[index])
            let idle = min(elapsed, new.counted(CoreRecord.idleTicks, since: old))
            var name = Text()
            if index == Int(own) { name.add("*") }
            name.decimal(UInt64(index))
            table.row([
                name.bytes, share(elapsed - idle, of: elapsed),
                number(new.reply[CoreRecord.threads]),
                number(new.counted(CoreRecord.interrupts, since: old)),
                number(new.counted(CoreRecord.coreInterrupts, since: old)),
                share(new.counted(CoreRecord.lockHeldTicks, since: old), of: elapsed),
                share(new.counted(CoreRecord.lockWaitTicks, since: old), of: elapsed),
                number(new.counted(CoreRecord.lockWaits, since: old)),
            ])
        }
        table.render(to: &terminal.out)
    }
}
