// The shell's commands about tasks: irq, mem, caps, crash, hang, kill, restart, move.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Shell {
    func find(_ name: [UInt8]) -> TaskLine? {
        listedTasks().first {
            $0.name.bytes == name || name.number == UInt64($0.number)
        }
    }

    /// The task that a user named, if it was ever started; otherwise says why there is none.
    private mutating func started(_ word: [UInt8]) -> TaskLine? {
        guard let task = find(word) else {
            if word.matches("root") || word.number == 0 {
                say("the root task holds all the others: it can neither be ended nor looked into")
            } else {
                say(word, ": no such task; `ps` lists them")
            }
            return nil
        }
        let isOnDemand = task.record.start == StartMode.demand.rawValue
        if task.record.phase == .waiting || (task.record.phase == .dead && isOnDemand) {
            sayNotRunning(task)
            return nil
        }
        return task
    }

    /// Says that a task does not run, and how it would come to.
    private mutating func sayNotRunning(_ task: TaskLine) {
        terminal.out.add(task.name)
        terminal.out.add(" is not running: ")
        switch (StartMode(rawValue: task.record.start), task.record.phase) {
        case (.demand, _):
            say("it starts on demand; `bench` starts the benchmark, and waits for its end")
        case (_, .dead): say("it was ended, or died; `restart` starts it")
        case (.device, _): say("no device of this machine has started it; `dt list` shows them")
        default: say("its start failed; the console said why at boot")
        }
    }

    private func size(_ value: UInt64) -> [UInt8] {
        var text = Text()
        text.size(value)
        return text.bytes
    }

    mutating func listInterrupts() {
        let list = listedTasks()
        var table = TextTable()
        table.column("LINE", .right)
        table.column("TASK")
        table.column("COUNT", .right)
        table.column("STATE")
        for index in 0..<UInt32(Manifest.maximumTasks * TaskDescription.maximumInterrupts) {
            guard let interrupt = try? inspection.interrupt(index, by: .never) else { break }
            let holder = list.first { $0.number == interrupt.task }
            let state: StaticString =
                !interrupt.isBound ? "unbound" : interrupt.isOutstanding ? "delivered" : "open"
            table.row([
                number(UInt64(interrupt.line)), holder?.name.bytes ?? [], number(interrupt.count),
                Text(state).bytes,
            ])
        }
        table.render(to: &terminal.out)
    }

    mutating func memory() {
        if let memory = try? inspection.machineMemory(by: .never) {
            terminal.out.add("RAM ")
            terminal.out.size(memory.ram)
            terminal.out.add(", kernel ")
            terminal.out.size(memory.kernel)
            terminal.out.add(", given to tasks ")
            terminal.out.size(memory.given)
            terminal.out.add(", free ")
            terminal.out.size(memory.free)
            terminal.out.newLine()
        }
        var table = TextTable()
        table.column("NAME")
        table.column("ARENA", .right)
        table.column("OBJECTS", .right)
        table.column("PAGES", .right)
        table.column("PERSISTENT", .right)
        table.column("OWN", .right)
        for task in listedTasks() {
            guard let memory = try? inspection.memory(of: task.number, by: .never) else {
                continue
            }
            table.row([
                task.name.bytes, size(memory.arena), size(memory.descriptors), size(memory.pages),
                size(memory.persistent), size(memory.untyped),
            ])
        }
        table.render(to: &terminal.out)
    }

    mutating func listCapabilities(_ word: [UInt8]) {
        guard let task = started(word) else { return }
        if (try? inspection.capability(in: 0, of: task.number, by: .never)) == nil {
            return sayNotRunning(task)
        }
        var table = TextTable()
        table.column("SLOT", .right)
        table.column("KIND")
        table.column("OF")
        table.column("RIGHTS")
        table.column("BADGE", .right)
        table.column("DEPTH", .right)
        for slot in 0..<UInt32(1 << Limits.tableBits.upperBound) {
            guard let there = try? inspection.capability(in: slot, of: task.number, by: .never)
            else { break }
            if there.kind != .null {
                let badge =
                    there.kind == .endpoint ? ClientBadge(raw: there.badge).task : there.badge
                table.row([
                    number(UInt64(slot)), Text(there.kind.text).bytes,
                    Text(owner(slot, there.kind)).bytes, rights(there.rights), number(badge),
                    number(there.depth),
                ])
            }
        }
        table.render(to: &terminal.out)
    }

    /// Whose a capability is: the task that answers an endpoint, or what the object belongs to. The
    /// root task fills the first slots; behind them is what the task itself made or opened.
    private func owner(_ slot: UInt32, _ kind: ObjectKind) -> StaticString {
        switch slot {
        case StartSlot.log.index: "log"
        case StartSlot.names.index: "names"
        case StartSlot.supervisor.index, StartSlot.faultHandler.index: "supervisor"
        case StartSlot.systemControl.index, StartSlot.interruptControl.index: "the kernel"
        case StartSlot.interrupt.index..<StartSlot.asidPool.index: "its device"
        case StartSlot.share(0).index..<StartSlot.root(.tasks).index: "shared by name"
        case StartSlot.root(.tasks).index..<StartSlot.firstFree.index:
            RootService(rawValue: UInt16(slot - StartSlot.root(.tasks).index) + 1)?.name ?? "root"
        case StartSlot.firstFree.index... where kind == .endpoint: "opened by name"
        default: "itself"
        }
    }

    private func rights(_ raw: UInt8) -> [UInt8] {
        var text = Text()
        text.add(raw & 1 != 0 ? "r" : "-")
        text.add(raw & 2 != 0 ? "w" : "-")
        text.add(raw & 4 != 0 ? "x" : "-")
        text.add(raw & 8 != 0 ? "g" : "-")
        text.add(raw & 16 != 0 ? "m" : "-")
        return text.bytes
    }

    /// What a person has the supervisor do to a task.
    enum Intervention { case crash, kill, restart }

    mutating func supervise(_ word: [UInt8], _ request: Intervention) {
        guard let line = started(word) else { return }
        let task = line.number
        if line.name == Name("supervisor") { return superviseSupervisor(task, request) }
        let isConsole =
            UInt64(task) == ownNumber
            || task == (try? inspection.provider(of: Shell.serialName, by: .never))
        if request == .kill && isConsole {
            return say("it stays: without it nobody could type `restart`")
        }
        let supervisor = SupervisorClient(Endpoint(StartSlot.supervisor))
        let number = UInt64(task)
        do throws(SystemError) {
            switch request {
            case .crash: try supervisor.crash(task: number, by: Shell.patience)
            case .kill: try supervisor.kill(task: number, by: Shell.patience)
            case .restart: _ = try supervisor.restart(task: number, by: Shell.patience)
            }
        } catch {
            switch (error, error.of(SupervisorError.self)) {
            case (_, .wrongState): sayNotRunning(line)
            case (_, let refusal?): say(refusal.text)
            case (.kernel(.peerDied), nil): superviseAlone(line, request)
            case (.kernel, nil): say("the supervisor does not answer")
            case (_, nil): say(error.text)
            }
        }
    }

    private static var serialName: FixedString<32> { FixedString(name: Name("serial").words) }

    /// Starts a task anew, which may run.
    private func restart(_ task: UInt16) throws(SystemError) {
        do throws(SystemError) { try tasks.kill(task, by: .never) } catch {
            if error.of(RootError.self) != .wrongState { throw error }
        }
        _ = try tasks.restart(task, argument: FixedString(), by: .never)
    }

    /// The root task watches the supervisor, which cannot watch itself.
    private mutating func superviseSupervisor(_ task: UInt16, _ request: Intervention) {
        do throws(SystemError) {
            switch request {
            case .crash: try tasks.crash(task, by: .never)
            case .restart: try restart(task)
            case .kill: say("it stays: without a supervisor nobody handles a fault")
            }
        } catch {
            if error.of(RootError.self) == .wrongState {
                say("the supervisor does not run")
            } else {
                say(error.reason)
            }
        }
    }

    /// There is no supervisor: the root task does what it can.
    private mutating func superviseAlone(_ line: TaskLine, _ request: Intervention) {
        do throws(SystemError) {
            switch request {
            case .crash: try tasks.crash(line.number, by: .never)
            case .kill: try tasks.kill(line.number, by: .never)
            case .restart: try restart(line.number)
            }
        } catch { sayNotDone(line, error) }
    }

    /// Says why the root task does not do something to a task.
    private mutating func sayNotDone(_ task: TaskLine, _ error: SystemError) {
        if error.of(RootError.self) == .wrongState { return sayNotRunning(task) }
        say(error.reason)
    }

    /// Has a task run on another core.
    mutating func move(_ word: [UInt8], _ core: [UInt8]) {
        guard let task = started(word) else { return }
        guard let number = core.number, number < UInt64(Limits.cores) else {
            return say(core, ": no such core")
        }
        do throws(SystemError) { try tasks.move(task.number, to: UInt8(number), by: .never) } catch
        {
            if error.of(RootError.self) == .badRequest {
                return say(core, ": this core does not run; `cores=` starts more")
            }
            sayNotDone(task, error)
        }
    }

    /// Makes a task loop for ever, if somebody will notice.
    mutating func hang(_ word: [UInt8]) {
        guard let task = started(word) else { return }
        guard let policy = try? inspection.policy(of: task.number, by: .never),
            policy.heartbeat != 0
        else { return say("it has no heartbeat: nobody would notice") }
        do throws(SystemError) { try tasks.hang(task.number, by: .never) } catch {
            sayNotDone(task, error)
        }
    }
}

extension ObjectKind {
    /// The kind in words.
    var text: StaticString {
        switch self {
        case .null: "empty"
        case .endpoint: "endpoint"
        case .notification: "notification"
        case .reply: "reply"
        case .thread: "thread"
        case .capabilityTable: "capability table"
        case .addressSpace: "address space"
        case .pageTable: "page table"
        case .frame: "frame"
        case .untyped: "untyped memory"
        case .interrupt: "interrupt"
        case .timer: "timer"
        case .interruptControl: "interrupt control"
        case .systemControl: "system control"
        case .registers: "registers"
        case .asidControl: "ASID control"
        case .asidPool: "ASID pool"
        case .budget: "budget"
        case .mutexSet: "mutexes"
        }
    }
}
