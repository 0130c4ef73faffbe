// The shell: a person's way into the system, through the serial driver's task like any other client.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

@c(Shell_main) func shellTask(_ address: UInt) -> Int32 {
    let information = startInformation(address)
    var shell = Shell()
    shell.terminal.out.newLine()
    if information.generation == 1 { shell.runBootCommands() }
    shell.interact()
}

struct Shell {
    var terminal = Terminal()
    let factory = Endpoint(StartSlot.factory)
    let supervisor = Endpoint(StartSlot.supervisor)

    /// A capability slot for each service that a command opens.
    static func slot(_ index: UInt32) -> Slot { Slot(StartSlot.firstFree.index + 1 + index) }

    /// The options of the kernel's command line: `run="…"` has commands for the shell, `bench=…` rows of the benchmark.
    mutating func runBootCommands() {
        guard let devices = service(Name("devices"), Shell.slot(0)) else { return }
        let text = callForBytes(devices, RegisterMessage(DevicesRequest.arguments, 0), capacity: 2048)
        let arguments = BootArguments(text)
        if let problem = arguments.problem {
            terminal.out.add("boot options: ")
            say(problem.text)
        }
        for pair in arguments.pairs {
            guard let complaint = Shell.complaint(pair) else { continue }
            terminal.out.add("boot option ignored: ")
            terminal.out.add(pair.key)
            say(complaint)
        }
        if let commands = arguments.value("run") { run(commands) }
        if let rows = arguments.value("bench"), !rows.isEmpty { bench([rows]) }
    }

    /// What is wrong with an option; nil where nothing is.
    private static func complaint(_ pair: BootArguments.Pair) -> StaticString? {
        if pair.key.matches("run") || pair.key.matches("bench") {
            return pair.value.isEmpty ? ": it has no value" : nil
        }
        return pair.key.matches("test")
            ? ": this is no tests image" : ": unknown; there are run=\"COMMANDS\" and bench=ROWS"
    }

    mutating func interact() -> Never {
        terminal.out.add("Swiftlet. Type `help` for the commands.")
        terminal.out.newLine()
        var editor = LineEditor(prompt: Text("> ").bytes)
        var shown: [UInt8] = []
        editor.begin(&shown)
        while true {
            terminal.out.add(shown)
            terminal.flush()
            shown.removeAll(keepingCapacity: true)
            guard let event = editor.feed(terminal.byte(), &shown) else { continue }
            terminal.out.add(shown)
            shown.removeAll(keepingCapacity: true)
            terminal.flush()
            if event == .line { run(editor.line) }
            editor.begin(&shown)
        }
    }

    /// Runs the commands of one line.
    mutating func run(_ line: [UInt8]) {
        do throws(CommandLineError) {
            for words in try ServiceCores.CommandLine(line).commands {
                perform(words)
                terminal.flush()
            }
        } catch {
            say(error.text)
        }
        terminal.flush()
    }

    mutating func say(_ text: StaticString) {
        terminal.out.add(text)
        terminal.out.newLine()
    }

    /// Opens a service, waiting for it up to two seconds.
    func service(_ name: Name, _ slot: Slot) -> Endpoint? {
        if let there = try? CapabilityTable.own.describe(slot), there.kind == .endpoint { return Endpoint(slot) }
        for _ in 0..<40 {
            if openService([name.word0, name.word1, name.word2, name.word3], to: slot) { return Endpoint(slot) }
            sleep(milliseconds: 50)
        }
        return nil
    }

    private mutating func perform(_ words: [[UInt8]]) {
        let command = words[0]
        let arguments = [[UInt8]](words[1...])
        if command.matches("help") {
            help()
        } else if command.matches("ps") {
            listTasks()
        } else if command.matches("top") {
            top()
        } else if command.matches("dt") {
            deviceTree(arguments)
        } else if command.matches("irq") {
            listInterrupts()
        } else if command.matches("caps") {
            listCapabilities(arguments)
        } else if command.matches("mem") {
            memory()
        } else if command.matches("log") {
            showLog(arguments)
        } else if command.matches("crash") {
            supervise(arguments, SupervisorRequest.crash)
        } else if command.matches("kill") {
            supervise(arguments, SupervisorRequest.kill)
        } else if command.matches("restart") {
            supervise(arguments, SupervisorRequest.restart)
        } else if command.matches("hang") {
            hang(arguments)
        } else if command.matches("bench") {
            bench(arguments)
        } else if command.matches("trace") {
            trace(arguments)
        } else if command.matches("date") {
            date()
        } else if command.matches("alarm") {
            alarm(arguments)
        } else if command.matches("gpio") {
            gpio(arguments)
        } else if command.matches("disk") {
            disk(arguments)
        } else if command.matches("sleep") {
            sleep(milliseconds: arguments.first?.number ?? 1000)
        } else if command.matches("echo") {
            echo(arguments)
        } else if command.matches("reboot") {
            power(reboot: true, 0)
        } else if command.matches("poweroff") {
            power(reboot: false, arguments.first?.number ?? 0)
        } else {
            terminal.out.add(command)
            say(": no such command; `help` lists them")
        }
    }

    private mutating func help() {
        say("ps                 tasks: state, priorities, processor time, stack")
        say("top                what the tasks used during one second")
        say("dt [list]          the device tree, or the devices and their drivers")
        say("irq                interrupts by driver task")
        say("caps TASK          a task's capabilities")
        say("mem                memory by task")
        say("log [COUNT]        the last lines of the log")
        say("crash TASK         make a task fault; hang TASK: make it loop for ever")
        say("kill TASK          end a task; restart TASK: start it anew")
        say("bench [ROWS]       measure: quick, all, or the rows whose names start so; make bench has the long ones")
        say("trace on|off|show  the kernel's record of switches")
        say("date               time of day; alarm SECONDS: wait for the clock's interrupt")
        say("gpio [PIN LEVEL]   the pins, or make one an output")
        say("disk [FILE]        cards and partitions, or a file's first block; disk block NUMBER")
        say("sleep [MS]         wait; echo TEXT: say it")
        say("reboot             start anew; poweroff [STATUS]: switch off")
    }

    private mutating func echo(_ arguments: [[UInt8]]) {
        for index in 0..<arguments.count {
            if index > 0 { terminal.out.add(" ") }
            terminal.out.add(arguments[index])
        }
        terminal.out.newLine()
    }

    private mutating func power(reboot: Bool, _ status: UInt64) {
        terminal.flush()
        // The line empties on its own; this gives it the time for a full ring at 115200 baud.
        sleep(milliseconds: 20)
        _ = try? factory.call(RegisterMessage(UInt64(FactoryOperation.power.rawValue), reboot ? 1 : 0, status))
        say("the machine does not switch off")
    }
}

extension CommandLineError {
    /// The error in words.
    var text: StaticString {
        switch self {
        case .unterminatedQuote: "a quote is left open"
        case .tooMany: "too many words or commands"
        }
    }
}
