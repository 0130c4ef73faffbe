// The shell's commands about devices and the machine: dt, date, gpio, log, trace, bench.

import KernelABI
import Protocols
import ServiceCores
import UserRuntime

extension Shell {
    /// Prints a long text that a service gives piece by piece.
    private mutating func show(_ endpoint: Endpoint, _ request: UInt64) {
        var start: UInt64 = 0
        while true {
            let piece = callForBytes(endpoint, RegisterMessage(request, start), capacity: 2048)
            if piece.isEmpty { return }
            terminal.out.add(piece)
            terminal.flush()
            start += UInt64(piece.count)
        }
    }

    mutating func deviceTree(_ arguments: [[UInt8]]) {
        guard let devices = service(Name("devices"), Shell.slot(0)) else { return say("no device manager") }
        let isList = arguments.first?.matches("list") ?? false
        show(devices, isList ? DevicesRequest.list : DevicesRequest.tree)
    }

    mutating func date() {
        guard let clock = service(Name("clock"), Shell.slot(1)),
            let reply = try? clock.call(RegisterMessage(ClockRequest.read)), reply[0] == 0
        else { return say("no clock") }
        CivilTime(seconds: reply[1]).write(to: &terminal.out)
        terminal.out.newLine()
    }

    /// Waits for the clock's interrupt.
    mutating func alarm(_ arguments: [[UInt8]]) {
        guard arguments.count == 1, let seconds = arguments[0].number, seconds <= 3600 else {
            return say("alarm SECONDS: 0 to 3600")
        }
        guard let clock = service(Name("clock"), Shell.slot(1)),
            let now = try? clock.call(RegisterMessage(ClockRequest.read)), now[0] == 0
        else { return say("no clock") }
        guard let rung = try? clock.call(RegisterMessage(ClockRequest.alarm, now[1] + seconds)) else {
            return say("the driver died")
        }
        if rung[0] != 0 { return say("another alarm came between") }
        CivilTime(seconds: rung[1]).write(to: &terminal.out)
        terminal.out.newLine()
    }

    mutating func gpio(_ arguments: [[UInt8]]) {
        guard let pins = service(Name("gpio"), Shell.slot(2)) else { return say("no pins") }
        if arguments.count == 2, let pin = arguments[0].number, let level = arguments[1].number {
            let reply = try? pins.call(RegisterMessage(GPIORequest.write, pin, level))
            return say(reply?[0] == 0 ? "done" : "no such pin, or a key's")
        }
        guard let reply = try? pins.call(RegisterMessage(GPIORequest.read)) else { return say("the driver died") }
        var table = TextTable()
        table.column("PIN", .right)
        table.column("LEVEL", .right)
        table.column("USE")
        for pin in 0..<min(reply.word(4), 64) {
            let use: StaticString = reply[3] >> pin & 1 == 1 ? "key" : reply[2] >> pin & 1 == 1 ? "output" : "input"
            table.row([number(pin), number(reply[1] >> pin & 1), Text(use).bytes])
        }
        table.render(to: &terminal.out)
    }

    mutating func showLog(_ arguments: [[UInt8]]) {
        let log = Endpoint(StartSlot.log)
        // A number behind the last line is answered with the number that the next line gets.
        guard let end = try? log.call(RegisterMessage(LogWord.read, ~0 >> 1)) else { return say("no log") }
        let count = arguments.first?.number ?? 20
        var next = end[1] > count ? end[1] - count : 1
        while next < end[1], let line = try? log.call(RegisterMessage(LogWord.read, next)), line[0] == 0 {
            next = line[1] + 1
            terminal.out.add("[")
            terminal.out.seconds(microseconds: line[2])
            terminal.out.add("] ")
            for index in 0..<Int(min(line.word(4), 104)) { terminal.out.add(byte: line.byte(index, at: 5)) }
            terminal.out.newLine()
        }
    }

    mutating func trace(_ arguments: [[UInt8]]) {
        let control = SystemControl(StartSlot.systemControl)
        let action = arguments.first ?? []
        if action.matches("on") {
            _ = try? control.trace(1)
        } else if action.matches("off") {
            _ = try? control.trace(0)
        } else if action.matches("show") {
            showTrace(control)
        } else {
            say("trace on|off|show")
        }
    }

    private mutating func showTrace(_ control: SystemControl) {
        _ = try? control.trace(0)
        var first: UInt64 = 0
        var start: UInt64 = 0
        while let words = try? control.trace(2, first: first), first < words.w0, first < 4096 {
            if first == 0 { start = words.w1 }
            event(words.w1 &- start, words.w2, words.w3)
            if first + 1 < words.w0 { event(words.w4 &- start, words.w5, words.w6) }
            first += 2
            terminal.flush()
        }
    }

    /// One event: microseconds, kind, priority, detail, thread.
    private mutating func event(_ ticks: UInt64, _ what: UInt64, _ thread: UInt64) {
        terminal.out.decimal(Duration(ticks: ticks).microseconds, width: 10)
        switch what & 0xff {
        case 1: terminal.out.add(" switch     ")
        case 2: terminal.out.add(" ready      ")
        case 3: terminal.out.add(" call       ")
        case 4: terminal.out.add(" interrupt  ")
        case 5: terminal.out.add(" fault      ")
        default: terminal.out.add(" unknown    ")
        }
        terminal.out.decimal(what >> 8 & 0xff, width: 3)
        terminal.out.add("  ")
        terminal.out.hexadecimal(what >> 16, digits: 4)
        terminal.out.add("  thread ")
        terminal.out.hexadecimal(thread & 0xffff_ffff)
        terminal.out.newLine()
    }

    /// Runs the benchmark task to its end: `quick`, `all`, or the rows whose names start so. It takes the processor for itself
    /// and prints through the kernel's console, so that what it measures is not what prints it.
    mutating func bench(_ arguments: [[UInt8]]) {
        let rows = arguments.first ?? Text("quick").bytes
        if arguments.count > 1 || rows.count > Name.capacity { return say("bench [quick|all|ROW]: a row in 32 bytes") }
        guard let task = find(Text("benchmark").bytes) else { return say("no benchmark task") }
        say("the benchmark takes the machine for itself; it prints on the kernel's console")
        terminal.flush()
        sleep(milliseconds: 20)
        let kill = RegisterMessage(UInt64(FactoryOperation.kill.rawValue), task)
        _ = try? factory.call(kill)
        var start = RegisterMessage(UInt64(FactoryOperation.restart.rawValue), task)
        if let name = Name(bytes: rows.span) {
            start.setWord(2, name.word0)
            start.setWord(3, name.word1)
            start.setWord(4, name.word2)
            start.setWord(5, name.word3)
        }
        guard let started = try? factory.call(start) else { return say("the root task does not answer") }
        if started[0] != 0 { return say(FactoryError(rawValue: started[0])?.text ?? "refused") }
        while isAtWork(task) { sleep(milliseconds: 50) }
        let stop = try? factory.call(kill)
        say(stop?[0] == 0 ? "the benchmark has ended" : "the benchmark task died")
    }

    /// Whether a task runs and has not stopped itself.
    private func isAtWork(_ task: UInt64) -> Bool {
        guard let reply = try? factory.call(RegisterMessage(UInt64(FactoryOperation.task.rawValue), task)),
            reply[0] == 0
        else { return false }
        var record = TaskRecord(name: [0, 0, 0, 0])
        record.setWord(1, reply[1])
        return record.phase == .running && record.state != .stopped && record.state != .faulted
    }
}
