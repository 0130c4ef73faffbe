// The shell's commands as a table: what each is called, what it takes, and what `help` says of it.

/// A command.
public enum ShellCommand: UInt8, Sendable {
    case help, ps, top, cores, dt, irq, caps, mem, log, crash, hang, kill, restart, move
    case bench, trace, date, alarm, gpio, pin, edge, led, board, serial, timer, random, watchdog
    case disk, sleep, echo
    case reboot, poweroff

    /// The command called so.
    public init?(name: [UInt8]) {
        for command in ShellCommand.all where name.matches(command.name) {
            self = command
            return
        }
        return nil
    }

    /// In the order of `help`.
    public static var all: [ShellCommand] {
        var list: [ShellCommand] = []
        while let command = ShellCommand(rawValue: UInt8(list.count)) { list.append(command) }
        return list
    }

    public var name: StaticString {
        switch self {
        case .help: "help"
        case .ps: "ps"
        case .top: "top"
        case .cores: "cores"
        case .dt: "dt"
        case .irq: "irq"
        case .caps: "caps"
        case .mem: "mem"
        case .log: "log"
        case .crash: "crash"
        case .hang: "hang"
        case .kill: "kill"
        case .restart: "restart"
        case .move: "move"
        case .bench: "bench"
        case .trace: "trace"
        case .date: "date"
        case .alarm: "alarm"
        case .gpio: "gpio"
        case .pin: "pin"
        case .edge: "edge"
        case .led: "led"
        case .board: "board"
        case .serial: "serial"
        case .timer: "timer"
        case .random: "random"
        case .watchdog: "watchdog"
        case .disk: "disk"
        case .sleep: "sleep"
        case .echo: "echo"
        case .reboot: "reboot"
        case .poweroff: "poweroff"
        }
    }

    /// What stands behind the name: words in capitals are for the user to fill in, those in
    /// brackets may be left out.
    public var parameters: StaticString {
        switch self {
        case .help: "[COMMAND]"
        case .dt: "[list]"
        case .caps, .crash, .hang, .kill, .restart: "TASK"
        case .move: "TASK CORE"
        case .log: "[N] [LEVEL] [utc]"
        case .bench: "[quick|all|ROW]"
        case .trace: "on|off|show"
        case .alarm: "SECONDS"
        case .gpio: "[PIN LEVEL]"
        case .pin: "PIN [USE [PULL]]"
        case .edge: "PIN [SECONDS]"
        case .led: "[NAME on|off|blink]"
        case .timer: "[US]"
        case .random: "[COUNT]"
        case .watchdog: "[SECONDS]"
        case .disk: "[FILE|WHAT [N]]"
        case .sleep: "[MS]"
        case .echo: "TEXT"
        case .poweroff: "[STATUS]"
        case .date: "[DATE TIME]"
        case .ps, .top, .cores, .irq, .mem, .board, .serial, .reboot: ""
        }
    }

    /// How many words it takes behind its name.
    public var argumentCounts: ClosedRange<Int> {
        switch self {
        case .ps, .top, .cores, .irq, .mem, .board, .serial, .reboot: 0...0
        case .help, .dt, .bench, .sleep, .timer, .random, .watchdog, .poweroff: 0...1
        case .caps, .crash, .hang, .kill, .restart, .trace, .alarm: 1...1
        case .move: 2...2
        case .edge: 1...2
        case .pin: 1...3
        case .gpio, .led, .disk, .date: 0...2
        case .log: 0...3
        case .echo: 0...CommandLine.maximumWords
        }
    }

    public var summary: StaticString {
        switch self {
        case .help: "the commands, or what one of them does"
        case .ps: "tasks: state, priorities, processor time, stack, budget"
        case .top: "what the tasks used during one second, each of its core"
        case .cores: "what the processor cores did during one second"
        case .dt: "the device tree, or the devices and their drivers"
        case .irq: "interrupts by driver task"
        case .caps: "a task's capabilities"
        case .mem: "memory by task"
        case .log: "the last lines of the log"
        case .crash: "make a task fault; its supervisor starts it again"
        case .hang: "make a task loop for ever; its heartbeat stops, and it is started again"
        case .kill: "end a task; it stays ended"
        case .restart: "start a task anew"
        case .move: "run a task on another core"
        case .bench: "measure; `make bench` has the long rows too"
        case .trace: "the kernel's record of switches, calls and interrupts"
        case .date: "time of day, or set it"
        case .alarm: "wait for the clock's interrupt"
        case .gpio: "the pins, or make one an output"
        case .pin: "what a pin is used for, or use it so"
        case .edge: "wait for an input's next edge"
        case .led: "the board's lights"
        case .board: "what the board's firmware knows"
        case .serial: "the console's line: bytes, and what went wrong on it"
        case .timer: "the board's own timer: its counter, or wait for its interrupt"
        case .random: "random numbers from the board's source"
        case .watchdog: "the board's watchdog, which the supervisor feeds, or set it"
        case .disk: "memory cards, a file's first block, or more of a card"
        case .sleep: "wait"
        case .echo: "say it"
        case .reboot: "start anew"
        case .poweroff: "switch off"
        }
    }

    /// What `help COMMAND` says beyond the summary; nothing where that is all.
    public var detail: StaticString {
        switch self {
        case .ps:
            """
            EFF: with what callers lend; GEN: starts; USED: most of the stack; SPENT: of the \
            budget; OVER: how often all of it
            """
        case .caps:
            """
            rights: r read, w write, x execute, g grant, m manage; TASK is a name or a number of \
            `ps`
            """
        case .mem: "PERSISTENT survives a restart; OWN is untyped memory that the task itself holds"
        case .log:
            """
            N lines, 20 if it is left out; LEVEL: up to error, warning, notice or debug; utc: \
            with times in UTC
            """
        case .move:
            "TASK is a name or a number of `ps`, CORE 0 to 7; it stays there after a restart too"
        case .crash, .hang, .kill, .restart: "TASK is a name or a number of `ps`"
        case .bench:
            """
            quick where nothing is said; ROW: the rows whose names begin so; nothing else runs \
            meanwhile
            """
        case .trace:
            """
            show stops it; a line: microseconds, event, priority, a call's number or an \
            interrupt's line, task, thread
            """
        case .alarm: "0 to 3600; ^C ends the wait"
        case .gpio: "PIN from 0 on, LEVEL 0 or 1"
        case .pin: "USE: input, output, alt0 to alt5; PULL: none, up, down"
        case .edge: "10 seconds where nothing is said; the pin becomes an input; ^C ends the wait"
        case .board: "revision, serial number, temperature, clocks, memory"
        case .serial:
            """
            lost: the UART was full; damaged: another speed, or noise; both and breaks since its \
            driver started
            """
        case .timer: "US are microseconds, 2147483648 at most; ^C ends the wait"
        case .random: "COUNT words of 64 bits, 1 where nothing is said, 1000 at most"
        case .watchdog:
            """
            SECONDS 2 to 15, 0 switches it off; without a sign of life for so long the board is \
            reset
            """
        case .disk:
            """
            FILE: a short name in the first FAT32 partition's root; WHAT: block N, check (reads \
            all of it), rewrite N
            """
        case .sleep: "MS are milliseconds, 1000 where nothing is said; ^C ends the wait"
        case .poweroff: "STATUS 0 to 255 is what `make run` ends with; 0 where nothing is said"
        case .cores:
            """
            HELD, WAITED: time with the kernel's lock (but for fast paths), and waiting for it; *: \
            the shell's core
            """
        case .date: "DATE and TIME of UTC: `date 2026-08-06 12:34:56`"
        case .help, .top, .dt, .irq, .led, .echo, .reboot: ""
        }
    }

    /// Name and parameters.
    public var usage: Text {
        var text = Text(name)
        if parameters.utf8CodeUnitCount > 0 {
            text.add(" ")
            text.add(parameters)
        }
        return text
    }
}

/// The beginnings of the benchmark's rows that run within a system.
public enum BenchmarkRows {
    /// What all rows of a kind begin with, up to the first dot.
    public static var kinds: [StaticString] {
        [
            "barrier.", "capability.", "condition.", "fault.", "floating-point.", "heap.",
            "interrupt.", "inversion.", "ipc.", "kernel.", "mutex.", "periodic.", "queue.",
            "retype.", "ring.", "semaphore.", "signal.", "space.", "system-call.", "thread.",
            "typed.", "yield.",
        ]
    }

    /// Whether rows may begin so: `rows` begins with a kind, or a kind with it.
    public static func mayBegin(with rows: [UInt8]) -> Bool {
        for kind in kinds
        where Text(kind).bytes.starts(with: rows) || rows.starts(with: Text(kind).bytes) {
            return true
        }
        return false
    }
}
