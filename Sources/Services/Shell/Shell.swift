// The shell: a person's way into the system, through the serial driver's task like any
// other client.

import Interfaces
import ServiceCores

@c(Shell_main) func shellTask(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var shell = Shell(ownNumber: information.task)
    shell.terminal.out.newLine()
    if information.generation == 1 { shell.runBootCommands() }
    shell.interact()
}

struct Shell {
    /// The number under which `ps` shows this task.
    let ownNumber: UInt64
    var terminal = Terminal()

    init(ownNumber: UInt64) { self.ownNumber = ownNumber }

    /// A capability slot for each service that a command opens.
    static func slot(_ index: UInt32) -> Slot { Slot(StartSlot.firstFree.index + 1 + index) }

    /// Until when a service must have answered, from now on. A sign of life comes before: a command
    /// that waits for several services that hang shall not make this task look as if it did.
    static var patience: Instant {
        showSignOfLifeIfDue()
        return .after(milliseconds: 1500)
    }

    /// The root task's services. Calls of these have no deadline: the root task waits for nobody,
    /// and does what is asked in bounded time at this task's priority. A deadline could only pass
    /// because more urgent tasks keep the processor, and then a listing would lack its end.
    var tasks: TasksClient {
        showSignOfLifeIfDue()
        return TasksClient()
    }
    var inspection: InspectionClient {
        showSignOfLifeIfDue()
        return InspectionClient()
    }

    /// Does what the kernel's command line asks for: `run="…"` has commands for the shell,
    /// `bench=…` rows of the benchmark. Does nothing of a command line that is not whole, since a
    /// part may mean something else.
    mutating func runBootCommands() {
        guard let (text, bytes) = bootArguments() else {
            return say("boot options cannot be read: none of them is used")
        }
        // The device manager answers once it has started the drivers: a console that is not there
        // now may never come, and the commands may be what ends the machine.
        terminal.waitsForDriver = false
        defer { terminal.waitsForDriver = true }
        if bytes > UInt64(BootArguments.maximumBytes) {
            terminal.out.add("boot options: ")
            terminal.out.decimal(bytes)
            terminal.out.add(" bytes, and at most ")
            terminal.out.decimal(UInt64(BootArguments.maximumBytes))
            return say(" are taken: none of them is used")
        }
        do throws(CommandLineError) {
            let arguments = try BootArguments(text)
            for line in arguments.complaints { say(line.bytes, "") }
            if let commands = arguments.value("run") { run(commands) }
            if let rows = arguments.value("bench"), !rows.isEmpty { bench([rows]) }
        } catch {
            terminal.out.add("boot options: ")
            terminal.out.add(error.text)
            say(": none of them is used")
        }
    }

    /// The kernel's command line, and its length. A device manager that dies meanwhile is asked
    /// anew, from the start, once it is back.
    private mutating func bootArguments() -> (text: [UInt8], bytes: UInt64)? {
        for _ in 0..<5 {
            if let devices = try? DevicesClient(opening: Shell.slot(0), by: Shell.patience),
                let whole = BootArguments.join({ Shell.part(of: devices, from: $0) })
            {
                return whole
            }
            terminal.nap(milliseconds: 200)
        }
        return nil
    }
    private static func part(
        of devices: DevicesClient, from start: UInt64
    ) -> (bytes: [UInt8], whole: UInt64)? {
        var bytes = [UInt8](repeating: 0, count: DevicesError.pieceBytes)
        var span = bytes.mutableSpan
        guard let part = try? devices.commandLine(from: start, into: &span, by: patience) else {
            return nil
        }
        bytes.removeLast(max(bytes.count - Int(part.bytes), 0))
        return (bytes, part.whole)
    }

    mutating func interact() -> Never {
        terminal.waitsForDriver = false
        if !terminal.open() { log("no serial driver: the shell waits for one", .warning) }
        terminal.waitsForDriver = true
        terminal.out.add("Swiftlet. Type `help` for the commands.")
        terminal.out.newLine()
        terminal.flush()
        var editor = LineEditor(prompt: Text("> ").bytes)
        var shown: [UInt8] = []
        editor.begin(&shown)
        while true {
            terminal.out.add(shown)
            terminal.flush(isEdited: true)
            shown.removeAll(keepingCapacity: true)
            guard let byte = terminal.byte() else {
                editor.redraw(&shown)
                continue
            }
            guard let event = editor.feed(byte, &shown) else { continue }
            terminal.out.add(shown)
            shown.removeAll(keepingCapacity: true)
            terminal.flush()
            terminal.releaseInput()
            if event == .line { run(editor.line) }
            editor.begin(&shown)
        }
    }

    /// Runs the commands of one line; ^C ends them all.
    mutating func run(_ line: [UInt8]) {
        terminal.isInterrupted = false
        do throws(CommandLineError) {
            for words in try ServiceCores.CommandLine(line).commands where !terminal.isInterrupted {
                perform(words)
                terminal.flush()
            }
        } catch {
            say(error.text)
        }
        if terminal.isInterrupted { say("^C") }
        terminal.flush()
    }

    mutating func say(_ text: StaticString) {
        terminal.out.add(text)
        terminal.out.newLine()
    }

    /// A line about a word that was typed.
    mutating func say(_ word: [UInt8], _ text: StaticString) {
        terminal.out.add(word)
        say(text)
    }

    private mutating func perform(_ words: [[UInt8]]) {
        guard let command = ShellCommand(name: words[0]) else {
            return say(words[0], ": no such command; `help` lists them")
        }
        let arguments = [[UInt8]](words[1...])
        if !command.argumentCounts.contains(arguments.count) { return sayUsage(command) }
        switch command {
        case .help: help(arguments)
        case .ps: listTasks()
        case .top: top()
        case .cores: listCores()
        case .dt: deviceTree(arguments)
        case .irq: listInterrupts()
        case .caps: listCapabilities(arguments[0])
        case .mem: memory()
        case .log: showLog(arguments)
        case .crash: supervise(arguments[0], .crash)
        case .hang: hang(arguments[0])
        case .kill: supervise(arguments[0], .kill)
        case .restart: supervise(arguments[0], .restart)
        case .move: move(arguments[0], arguments[1])
        case .bench: bench(arguments)
        case .trace: trace(arguments[0])
        case .date: date(arguments)
        case .alarm: alarm(arguments[0])
        case .gpio: gpio(arguments)
        case .pin: pin(arguments)
        case .edge: edge(arguments)
        case .led: led(arguments)
        case .board: board()
        case .serial: serialLine()
        case .timer: timer(arguments)
        case .random: random(arguments)
        case .watchdog: watchdog(arguments)
        case .disk: disk(arguments)
        case .sleep: sleep(arguments)
        case .echo: echo(arguments)
        case .reboot: end(by: .reboot)
        case .poweroff: powerOff(arguments)
        }
    }

    /// How a command is used, after it was not used so.
    mutating func sayUsage(_ command: ShellCommand) {
        terminal.out.add("usage: ")
        terminal.out.add(command.usage.bytes)
        terminal.out.newLine()
    }

    private mutating func help(_ arguments: [[UInt8]]) {
        if let name = arguments.first {
            guard let command = ShellCommand(name: name) else {
                return say(name, ": no such command; `help` lists them")
            }
            terminal.out.add(command.usage.bytes)
            terminal.out.add(": ")
            say(command.summary)
            if command.detail.utf8CodeUnitCount > 0 { say(command.detail) }
            return
        }
        for command in ShellCommand.all {
            let usage = command.usage.bytes
            terminal.out.add(usage)
            for _ in usage.count..<max(usage.count, 24) { terminal.out.add(byte: 32) }
            say(command.summary)
        }
        say("`;` separates commands; `help COMMAND` says more; ^C ends a wait")
    }

    private mutating func sleep(_ arguments: [[UInt8]]) {
        guard let word = arguments.first else { return terminal.pause(milliseconds: 1000) }
        guard let count = word.number else { return say(word, ": not a number of milliseconds") }
        terminal.pause(milliseconds: count)
    }

    private mutating func echo(_ arguments: [[UInt8]]) {
        for index in 0..<arguments.count {
            if index > 0 { terminal.out.add(" ") }
            terminal.out.add(arguments[index])
        }
        terminal.out.newLine()
    }

    private mutating func powerOff(_ arguments: [[UInt8]]) {
        guard let word = arguments.first else { return end(by: .powerOff(status: 0)) }
        guard let status = word.number.flatMap({ UInt8(exactly: $0) }) else {
            return say(word, ": not a status from 0 to 255")
        }
        end(by: .powerOff(status: status))
    }

    private mutating func end(by end: MachineEnd) {
        terminal.flush()
        // The line empties on its own; this gives it the time for a full ring at 115200 baud.
        terminal.nap(milliseconds: 20)
        do throws(SystemError) { try MachineClient().end(by: end) } catch {
            terminal.out.add("the machine does not switch off: ")
            say(error.reason)
        }
    }
}
