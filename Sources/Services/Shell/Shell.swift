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

    /// The commands of `run="…"` on the kernel's command line.
    mutating func runBootCommands() {
        guard let devices = service(Name("devices"), Shell.slot(0)) else { return }
        let text = callForBytes(devices, RegisterMessage(DevicesRequest.arguments, 0), capacity: 2048)
        let arguments = BootArguments(text)
        for pair in arguments.pairs where !Shell.isKnown(pair.key) {
            terminal.out.add("boot option ignored: ")
            terminal.out.add(pair.key)
            terminal.out.newLine()
        }
        if let commands = arguments.value("run") { run(commands) }
    }

    private static func isKnown(_ key: [UInt8]) -> Bool {
        key.matches("run") || key.matches("test") || key.matches("bench")
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
            switch error {
            case .unterminatedQuote: say("a quote is left open")
            case .tooMany: say("too many words or commands")
            }
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
        } else if command.matches("bench") {
            bench(arguments)
        } else if command.matches("trace") {
            trace(arguments)
        } else if command.matches("date") {
            date()
        } else if command.matches("gpio") {
            gpio(arguments)
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
        say("crash TASK         make a task fault; kill TASK: end it; restart TASK: start it anew")
        say("bench              run the benchmark's quick rows; `make bench` runs all")
        say("trace on|off|show  the kernel's record of switches")
        say("date               time of day")
        say("gpio [PIN LEVEL]   the pins, or make one an output")
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
