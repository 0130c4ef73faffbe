// The shell's commands about tasks: irq, mem, caps, crash, hang, kill, restart, move.

import Interfaces
import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Shell {
    func ask(
        _ operation: FactoryOperation, _ first: UInt64 = 0, _ second: UInt64 = 0
    ) -> Received? {
        let request = RegisterMessage(UInt64(operation.rawValue), first, second)
        guard let reply = try? factory.call(request), reply[0] == 0 else { return nil }
        return reply
    }
    /// The same for an answer of more than eight words.
    ///
    /// - Returns: whether there is one.
    func ask(
        _ operation: FactoryOperation, _ first: UInt64, _ second: UInt64,
        _ message: inout LongMessage
    ) -> Bool {
        message.set(RegisterMessage(UInt64(operation.rawValue), first, second))
        do throws(KernelError) { try factory.call(&message) } catch { return false }
        return message[0] == 0
    }

    func find(_ name: [UInt8]) -> TaskLine? {
        tasks().first { $0.name.bytes == name || name.number == $0.number }
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
        let list = tasks()
        var table = TextTable()
        table.column("LINE", .right)
        table.column("TASK")
        table.column("COUNT", .right)
        table.column("STATE")
        var index: UInt64 = 0
        while let reply = ask(.interrupt, index) {
            index += 1
            var name: [UInt8] = []
            for task in list where task.number == reply[InterruptRecord.task] {
                name = task.name.bytes
            }
            let flags = reply[InterruptRecord.flags]
            let state: StaticString =
                flags & 1 == 0 ? "unbound" : flags & 2 != 0 ? "delivered" : "open"
            table.row([
                number(reply[InterruptRecord.line]), name, number(reply[InterruptRecord.count]),
                Text(state).bytes,
            ])
        }
        table.render(to: &terminal.out)
    }

    mutating func memory() {
        if let reply = ask(.memory) {
            terminal.out.add("RAM ")
            terminal.out.size(reply[1])
            terminal.out.add(", kernel ")
            terminal.out.size(reply[2])
            terminal.out.add(", given to tasks ")
            terminal.out.size(reply[4])
            terminal.out.add(", free ")
            terminal.out.size(reply[3])
            terminal.out.newLine()
        }
        var table = TextTable()
        table.column("NAME")
        table.column("ARENA", .right)
        table.column("OBJECTS", .right)
        table.column("PAGES", .right)
        table.column("PERSISTENT", .right)
        table.column("OWN", .right)
        for task in tasks() {
            guard let reply = ask(.taskMemory, task.number) else { continue }
            table.row([
                task.name.bytes, size(reply[TaskMemory.arena]), size(reply[TaskMemory.descriptors]),
                size(reply[TaskMemory.pages]), size(reply[TaskMemory.persistent]),
                size(reply[TaskMemory.untyped]),
            ])
        }
        table.render(to: &terminal.out)
    }

    mutating func listCapabilities(_ word: [UInt8]) {
        guard let task = started(word) else { return }
        guard ask(.capability, task.number, 0) != nil else { return sayNotRunning(task) }
        var table = TextTable()
        table.column("SLOT", .right)
        table.column("KIND")
        table.column("OF")
        table.column("RIGHTS")
        table.column("BADGE", .right)
        table.column("DEPTH", .right)
        var slot: UInt64 = 0
        while let reply = ask(.capability, task.number, slot) {
            if reply[1] != 0 {
                let kind = ObjectKind(rawValue: UInt8(truncatingIfNeeded: reply[1])) ?? .null
                let badge = kind == .endpoint ? ClientBadge(raw: reply[3]).task : reply[3]
                table.row([
                    number(slot), Text(kind.text).bytes, Text(owner(slot, kind)).bytes,
                    rights(reply[2]), number(badge), number(reply[4]),
                ])
            }
            slot += 1
        }
        table.render(to: &terminal.out)
    }

    /// Whose a capability is: the task that answers an endpoint, or what the object belongs to. The
    /// root task fills the first slots; behind them is what the task itself made or opened.
    private func owner(_ slot: UInt64, _ kind: ObjectKind) -> StaticString {
        switch UInt32(slot) {
        case StartSlot.log.index: "log"
        case StartSlot.names.index: "names"
        case StartSlot.supervisor.index, StartSlot.faultHandler.index: "supervisor"
        case StartSlot.factory.index: "root"
        case StartSlot.systemControl.index, StartSlot.interruptControl.index: "the kernel"
        case StartSlot.interrupt.index..<StartSlot.asidPool.index: "its device"
        case StartSlot.share(0).index..<StartSlot.firstFree.index: "shared by name"
        case StartSlot.firstFree.index... where kind == .endpoint: "opened by name"
        default: "itself"
        }
    }

    private func rights(_ raw: UInt64) -> [UInt8] {
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
        let isConsole = task == ownNumber || task == provider(of: Name("serial"))
        if request == .kill && isConsole {
            return say("it stays: without it nobody could type `restart`")
        }
        let supervisor = SupervisorClient(Endpoint(StartSlot.supervisor))
        do throws(SystemError) {
            switch request {
            case .crash: try supervisor.crash(task: task, by: Shell.patience)
            case .kill: try supervisor.kill(task: task, by: Shell.patience)
            case .restart: _ = try supervisor.restart(task: task, by: Shell.patience)
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

    /// The number of the task that answers a service.
    private func provider(of service: Name) -> UInt64? {
        var query = RegisterMessage(
            UInt64(FactoryOperation.service.rawValue), service.word0, service.word1, service.word2)
        query.setWord(4, service.word3)
        query.setWord(5, ownNumber)
        // The capability that comes with the answer is not wanted.
        return ScratchSlot(Shell.slot(3)).use { slot in
            guard let reply = try? factory.call(query, receiving: slot), reply[0] == 0 else {
                return nil
            }
            return reply[1]
        }
    }

    /// The root task watches the supervisor, which cannot watch itself.
    private mutating func superviseSupervisor(_ task: UInt64, _ request: Intervention) {
        switch request {
        case .crash:
            if ask(.crash, task) == nil { say("the supervisor does not run") }
        case .restart:
            _ = ask(.kill, task)
            if ask(.restart, task) == nil { say("refused") }
        case .kill: say("it stays: without a supervisor nobody handles a fault")
        }
    }

    /// There is no supervisor: the root task does what it can.
    private mutating func superviseAlone(_ task: TaskLine, _ request: Intervention) {
        let operations: [FactoryOperation]
        switch request {
        case .crash: operations = [.crash]
        case .kill: operations = [.kill]
        case .restart: operations = [.kill, .restart]
        }
        var isDone = false
        for operation in operations { isDone = ask(operation, task.number) != nil }
        if !isDone { sayNotRunning(task) }
    }

    /// Has a task run on another core.
    mutating func move(_ word: [UInt8], _ core: [UInt8]) {
        guard let task = started(word) else { return }
        guard let number = core.number, number < UInt64(Limits.cores) else {
            return say(core, ": no such core")
        }
        let request = RegisterMessage(
            UInt64(FactoryOperation.move.rawValue), task.number, number)
        guard let reply = ask(factory, request) else { return say("the root task does not answer") }
        switch FactoryError(rawValue: reply[0]) {
        case nil: return
        case .wrongState: sayNotRunning(task)
        case .badRequest: say(core, ": this core does not run; `cores=` starts more")
        case let error?: say(error.text)
        }
    }

    /// Makes a task loop for ever, if somebody will notice.
    mutating func hang(_ word: [UInt8]) {
        guard let task = started(word) else { return }
        guard let policy = ask(.policy, task.number), policy[1] != 0 else {
            return say("it has no heartbeat: nobody would notice")
        }
        if ask(.hang, task.number) == nil { sayNotRunning(task) }
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
