// The shell's commands about the use of processors: ps, top, cores.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

/// A task as `ps` and `top` show it.
struct TaskLine {
    var number: UInt16
    var name: Name
    var record: TaskRecord
}

extension Shell {
    /// The tasks from a number on, in the order of their numbers; 0 is the root task.
    func listedTasks(from first: UInt16 = 1) -> [TaskLine] {
        var list: [TaskLine] = []
        for number in first...UInt16(Manifest.maximumTasks) {
            guard let record = try? inspection.task(number, by: .never) else { break }
            list.append(
                TaskLine(number: number, name: Name(record.name.nameWords), record: record))
        }
        return list
    }

    /// All cores that run, in the order of their numbers.
    private func cores() -> [CoreCounts] {
        var list: [CoreCounts] = []
        for number in 0..<UInt8(Limits.cores) {
            guard let core = try? inspection.core(number, by: .never) else { break }
            list.append(core)
        }
        return list
    }

    /// Looks twice, a second apart; nil if ^C ended the second.
    ///
    /// - Returns: what was seen, and the ticks between.
    private mutating func compare<Seen>(
        _ look: (Shell) -> Seen
    ) -> (before: Seen, after: Seen, elapsed: UInt64)? {
        let before = look(self)
        let start = Instant.now
        terminal.pause(milliseconds: 1000)
        if terminal.isInterrupted { return nil }
        let after = look(self)
        return (before, after, (Instant.now - start).ticks)
    }

    /// Shows each task: what it does, how urgent it is, and what it used since its start.
    mutating func listTasks() {
        var table = TextTable()
        table.column("TASK", .right)
        table.column("NAME")
        table.column("STATE")
        table.column("BASE", .right)
        table.column("EFF", .right)
        table.column("GEN", .right)
        table.column("CPU s", .right)
        table.column("STACK", .right)
        table.column("USED", .right)
        table.column("BUDGET", .right)
        table.column("SPENT", .right)
        table.column("OVER", .right)
        table.column("CORE", .right)
        for task in listedTasks(from: 0) {
            let record = task.record
            let isRunning = record.phase == .running
            let isLimited = isRunning && record.budget != 0
            table.row([
                number(UInt64(task.number)), task.name.bytes, Text(state(record)).bytes,
                number(UInt64(record.basePriority)),
                number(UInt64(record.effectivePriority), if: isRunning),
                number(UInt64(record.generation)), seconds(record.processorTicks),
                number(UInt64(record.stackBytes)),
                number(UInt64(record.stackUsed), if: isRunning), budget(record),
                isLimited ? spent(record) : none, number(record.overruns, if: isLimited),
                number(UInt64(record.core), if: isRunning),
            ])
            for thread in threads(of: task) {
                var name = Text("- ")
                name.add(Name(thread.name.nameWords))
                table.row([
                    none, name.bytes, Text(state(thread.state)).bytes,
                    number(UInt64(thread.basePriority)), number(UInt64(thread.effectivePriority)),
                    none, seconds(thread.processorTicks), none, none, none, none, none,
                    number(UInt64(thread.core)),
                ])
            }
        }
        table.render(to: &terminal.out)
    }

    /// The threads that a task has started, in the order of their places.
    private func threads(of task: TaskLine) -> [ThreadRecord] {
        var list: [ThreadRecord] = []
        var place: UInt8 = 0
        while place < UInt8(ThreadMemory.maximumCount),
            let thread = try? inspection.thread(of: task.number, from: place, by: .never),
            thread.place >= place
        {
            list.append(thread)
            place = thread.place + 1
        }
        return list
    }

    /// Shows what each task used of its core during one second, and what each core had left.
    mutating func top() {
        let seen = compare { (tasks: $0.listedTasks(from: 0), cores: $0.cores()) }
        guard let (before, after, elapsed) = seen else { return }
        var table = TextTable()
        table.column("NAME")
        table.column("CORE", .right)
        table.column("CPU %", .right)
        table.column("SWITCHES", .right)
        table.column("BUDGET", .right)
        table.column("OVER", .right)
        for (line, next) in zip(before.tasks, after.tasks) where next.record.phase == .running {
            let (old, new) = (line.record, next.record)
            // A task that was started anew between counts from 0.
            let isSame = old.generation == new.generation
            func counted(_ value: (TaskRecord) -> UInt64) -> UInt64 {
                let start = isSame ? value(old) : 0
                return max(value(new), start) - start
            }
            table.row([
                next.name.bytes, number(UInt64(new.core)),
                share(counted { $0.processorTicks }, of: elapsed), number(counted { $0.switches }),
                budget(new), number(counted { $0.overruns }, if: new.budget != 0),
            ])
        }
        for (index, (old, new)) in zip(before.cores, after.cores).enumerated() {
            let idle = new.idleTicks &- old.idleTicks
            table.row([
                Text("(idle)").bytes, number(UInt64(index)), share(idle, of: elapsed), none, none,
                none,
            ])
        }
        table.render(to: &terminal.out)
    }

    /// Shows what each core did during one second.
    mutating func listCores() {
        guard let (before, after, elapsed) = compare({ $0.cores() }) else { return }
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
        for (index, (old, new)) in zip(before, after).enumerated() {
            let idle = min(elapsed, new.idleTicks &- old.idleTicks)
            var name = Text()
            if index == Int(own) { name.add("*") }
            name.decimal(UInt64(index))
            table.row([
                name.bytes, share(elapsed - idle, of: elapsed),
                number(new.threads), number(new.interrupts &- old.interrupts),
                number(new.coreInterrupts &- old.coreInterrupts),
                share(new.lockHeldTicks &- old.lockHeldTicks, of: elapsed),
                share(new.lockWaitTicks &- old.lockWaitTicks, of: elapsed),
                number(new.lockWaits &- old.lockWaits),
            ])
        }
        table.render(to: &terminal.out)
    }

    // Cells of the tables

    private func state(_ record: TaskRecord) -> StaticString {
        switch record.phase {
        case .waiting: return "not started"
        case .dead: return "dead"
        case .running: return state(record.state)
        }
    }

    private func state(_ state: ThreadState) -> StaticString {
        switch state {
        case .stopped: return "stopped"
        case .ready: return "ready"
        case .running: return "running"
        case .calling: return "calling"
        case .sending: return "sending"
        case .receiving: return "receiving"
        case .awaitingReply: return "awaiting reply"
        case .waiting: return "waiting"
        case .faulted: return "faulted"
        }
    }

    private var none: [UInt8] { Text("-").bytes }

    func number(_ value: UInt64, if isKnown: Bool = true) -> [UInt8] {
        if !isKnown { return none }
        var text = Text()
        text.decimal(value)
        return text.bytes
    }

    private func seconds(_ ticks: UInt64) -> [UInt8] {
        var text = Text()
        text.seconds(microseconds: Duration(ticks: ticks).microseconds)
        return text.bytes
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

    /// The time and the period of a task's budget.
    private func budget(_ record: TaskRecord) -> [UInt8] {
        if record.budget == 0 { return none }
        var text = Text()
        text.milliseconds(microseconds: UInt64(record.budget))
        text.add("/")
        text.milliseconds(microseconds: UInt64(record.budgetPeriod))
        text.add(" ms")
        return text.bytes
    }

    /// How much of its budget a task has used up; more than all of it is a debt.
    private func spent(_ record: TaskRecord) -> [UInt8] {
        var text = Text()
        text.decimal(UInt64(record.budgetSpent) * 100 / UInt64(record.budget))
        text.add("%")
        return text.bytes
    }
}
